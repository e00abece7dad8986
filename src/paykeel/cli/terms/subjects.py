"""``terms status``, ``history`` and ``erase``: where a buyer stands, and what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    FOUND,
    OK,
    REFUSED,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.limits import Author, login, read_instant
from paykeel.cli.terms.moments import told
from paykeel.cli.terms.options import PLAIN, Context, Role, asked, check_askable
from paykeel.errors import InvalidInput
from paykeel.terms.acceptance import State
from paykeel.terms.json_values import acceptance_values, standing_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.terms.acceptance import Acceptance, Standing

ROWS_DEFAULT = 20
#: With these a purchase goes on.
ENOUGH = frozenset({State.ACCEPTED, State.GRACE})


async def status(
    buyer: str,
    /,
    *,
    role: Role,
    context: Context = PLAIN,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Say where a buyer stands with each document; exit code 1: it could not purchase.

    Args:
        buyer: The buyer's id, as purchases have it.
        role: agent or operator.
        context: The purchase that it is about.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.terms.acceptances.status(owner.merchant_id, buyer, context.scope(role))
    missing = [one for one in found if _is_missing(one)]
    out.document(
        {
            "buyer_id": buyer,
            "may_purchase": not missing,
            "documents": [standing_values(one) for one in found],
        }
    )
    out.table(
        ("document", "version", "for a purchase", "state", "said", "enough until"),
        [
            (
                one.requirement.document.key,
                one.requirement.current.version,
                "required" if one.requirement.document.required else "free",
                str(one.state),
                told(one.accepted_at),
                told(one.until),
            )
            for one in found
        ],
    )
    if missing:
        keys = ", ".join(one.requirement.document.key for one in missing)
        out.line(f"{buyer} cannot purchase; it has to accept: {keys}.")
        return FOUND
    out.line(f"{buyer} can purchase, as far as terms go.")
    return OK


def _is_missing(standing: Standing) -> bool:
    return standing.requirement.document.required and standing.state not in ENOUGH


async def history(
    buyer: str,
    /,
    *,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100))] = ROWS_DEFAULT,
    cursor: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List everything that a buyer said, the newest first.

    Args:
        buyer: The buyer's id.
        limit: How many.
        cursor: Go on where a list ended.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        page = await core.terms.acceptances.history(owner.merchant_id, buyer, cursor, limit)
    out.document(
        {
            "acceptances": [acceptance_values(one) for one in page.acceptances],
            "next_cursor": page.next_cursor,
        }
    )
    acceptances_table(out, page.acceptances)
    if page.next_cursor is not None:
        out.line(f"… and more: --cursor {page.next_cursor}")


async def erase(
    *,
    acceptance: UUID | None = None,
    buyer: str | None = None,
    before: str | None = None,
    yes: Flag = False,
    author: Author = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Erase IP addresses and user agents for good; what was accepted stays proved.

    Args:
        acceptance: Of this acceptance.
        buyer: Of all that this buyer said.
        before: Of all that was said before this instant: 2026-01-01.
        yes: Do not ask.
        author: Who does this; the user of this terminal when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    chosen = {"acceptance": acceptance, "buyer": buyer, "before": before}
    given = [f"{name} {value}" for name, value in chosen.items() if value is not None]
    if len(given) != 1:
        raise InvalidInput("Say one of --acceptance, --buyer and --before.", code="usage")
    end = None if before is None else read_instant(before, "before")
    check_askable(out, yes=yes)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        if not yes and not asked(out, f"Erase personal data for good ({given[0]})?"):
            return REFUSED
        erased = await core.terms.acceptances.erase(
            owner.merchant_id,
            acceptance_id=acceptance,
            buyer_id=buyer,
            before=end,
            author=author or login(),
        )
    out.document({"erased": erased})
    out.line(f"Personal data of {erased:,} acceptances is erased.")
    return OK


def acceptances_table(out: Output, found: Sequence[Acceptance]) -> None:
    """Show what was said, one a line."""
    out.table(
        ("said", "decision", "document", "version", "language", "by", "how", "id"),
        [
            (
                told(one.occurred_at),
                one.decision,
                one.document_key,
                one.version,
                one.locale,
                f"{one.actor_id} ({one.actor_kind})" if one.actor_id else one.buyer_id,
                one.imported_from or one.method,
                one.acceptance_id,
            )
            for one in found
        ],
    )
