"""``terms present``, ``accept``, ``decline`` and ``take-back``: what is said at a counter.

Whoever types here is not the buyer, so what they keep says who they are and what allows it. Buyers
themselves answer over HTTP, where your pages show them the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.limits import Author, login
from paykeel.cli.terms.moments import told
from paykeel.cli.terms.options import PLAIN, Context, Role
from paykeel.cli.terms.subjects import acceptances_table
from paykeel.terms.acceptance import Asked
from paykeel.terms.evidence_facts import ClientFacts
from paykeel.terms.json_values import acceptance_values, presentation_values
from paykeel.terms.model import TermsDecision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from paykeel.terms.acceptance import Acceptance, Presentation

Repeated = Annotated[tuple[str, ...], Parameter(negative=())]
COMPONENT = "paykeel terms present"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts for a buyer, and by what right."""

    authority: str
    """What allows it, such as the number of a contract on paper; it is kept."""

    actor: Author = None
    """Who acts for the buyer; the user of this terminal when left out."""

    actor_kind: Literal["delegate", "electronic_agent"] = "delegate"
    """delegate: a person; electronic_agent: a program."""

    on_behalf_of: str | None = None
    """The person or firm that is bound, if that is not the buyer's id."""

    def facts(self) -> ClientFacts:
        """Return it as the circumstances of a decision."""
        return ClientFacts(
            method="api",
            actor_kind=self.actor_kind,
            actor_id=self.actor or login(),
            on_behalf_of=self.on_behalf_of,
            authority=self.authority,
        )


async def present(
    buyer: str,
    /,
    *,
    role: Role,
    document: Repeated = (),
    locale: Repeated = (),
    context: Context = PLAIN,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Show what a buyer has to accept, and the nonce by which it is answered.

    Args:
        buyer: The buyer's id, as purchases have it.
        role: agent or operator.
        document: Show these instead of what is missing; repeat it for several.
        locale: The languages that the buyer reads, best first; repeat it for several.
        context: The purchase that it is for.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    asked = Asked(
        buyer_id=buyer,
        buyer_role=role,
        jurisdiction=context.jurisdiction,
        product=context.product,
        channel=context.channel,
        locales=locale,
        keys=document,
        component=COMPONENT,
    )
    async with open_core() as core:
        merchant_id = (await choose_merchant(core, merchant)).merchant_id
        shown = await core.terms.acceptances.present(merchant_id, asked)
        texts = {
            (item.version.version_id, text.locale): text.content
            for item in shown.items
            for text in await core.terms.documents.texts(merchant_id, item.version.version_id)
        }
    out.document(presentation_values(shown, asked))
    _show_presentation(out, shown, texts)


def _show_presentation(
    out: Output, shown: Presentation, texts: Mapping[tuple[UUID, str], str]
) -> None:
    for item in shown.items:
        other = ", not the language that was asked for" if item.fell_back else ""
        out.line(f"{item.document.title} {item.version.version} ({item.locale}{other})")
        out.line(f"asked for because: {item.reason}; sha256 {item.content_sha256.hex()}\n")
        out.line(texts[item.version.version_id, item.locale])
    out.line(shown.notice)
    out.facts(
        {
            "nonce": shown.nonce,
            "button": shown.button_label,
            "answer by": told(shown.expires_at),
        }
    )


async def accept(
    nonce: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    buyer: str,
    actor: Actor,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Keep that a buyer accepts everything that was shown; a repetition changes nothing.

    Args:
        nonce: From `paykeel terms present`.
        buyer: To whom it was shown.
        actor: Who acts for the buyer.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    await _decide(common, merchant, (nonce, buyer), TermsDecision.ACCEPT, actor)


async def decline(
    nonce: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    buyer: str,
    actor: Actor,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Keep that a buyer declines what was shown; what was accepted before still counts.

    Args:
        nonce: From `paykeel terms present`.
        buyer: To whom it was shown.
        actor: Who acts for the buyer.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    await _decide(common, merchant, (nonce, buyer), TermsDecision.DECLINE, actor)


async def _decide(
    common: Common,
    merchant: UUID | None,
    shown_to: tuple[str, str],
    decision: TermsDecision,
    actor: Actor,
) -> None:
    out = Output(common)
    nonce, buyer = shown_to
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.terms.acceptances.decide(
            owner.merchant_id, nonce, buyer, decision, actor.facts()
        )
    _show(out, found)


async def take_back(
    buyer: str,
    /,
    *,
    document: str,
    actor: Actor,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Keep that a buyer takes an acceptance back; purchases need it anew from then on.

    Args:
        buyer: The buyer's id.
        document: Of which document.
        actor: Who acts for the buyer.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.terms.acceptances.withdraw(
            owner.merchant_id, buyer, document, actor.facts()
        )
    _show(out, found)


def _show(out: Output, found: Sequence[Acceptance]) -> None:
    replayed = any(one.replayed for one in found)
    out.document({"acceptances": [acceptance_values(one) for one in found], "replayed": replayed})
    acceptances_table(out, found)
    if replayed:
        out.line("This was kept before; nothing is kept twice.")
