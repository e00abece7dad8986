"""``refunds policy``: plan and publish refund policies, show them, and take them back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from paykeel.cli.context import (
    DEFAULTS,
    FOUND,
    OK,
    REFUSED,
    USAGE,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.fraud.ruleset_files import read_file, show_mistakes
from paykeel.cli.limits import Author, login
from paykeel.cli.refunds.typed import typed
from paykeel.cli.terms.moments import read_ahead, told
from paykeel.cli.terms.options import asked, check_askable
from paykeel.refunds.plans import PolicyChange, PolicyPlan, policy_yaml
from paykeel.refunds.policy import scope_text
from paykeel.refunds.schema_org import schema_org as as_schema_org
from paykeel.refunds.schema_org import unsaid_fields
from paykeel.refunds.wording import sentences as sentences_of
from paykeel.terms.locales import check_locale
from paykeel.terms.wording import DEFAULT_LOCALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.refunds.policies import PolicyVersion

app = App(name="policy", help="Plan, publish, show and withdraw refund policies.")

#: As many as one table shows.
ROWS_MAX = 500


@app.command
@typed
async def plan(
    file: Path,
    /,
    *,
    locale: str = DEFAULT_LOCALE,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Show what publishing a file would do, and all that is wrong with it; nothing is stored.

    Exit code 1: it could not be published.

    Args:
        file: The policy, in YAML or JSON.
        locale: The language of the sentences.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    text, locale = read_file(file), check_locale(locale)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        made = await core.refund_policies.plan(text, merchant_id=owner.merchant_id, locale=locale)
    out.document(made.document())
    _show_plan(out, made)
    return OK if made.is_publishable else FOUND


@app.command
@typed
async def apply(
    file: Path,
    /,
    *,
    effective_from: str | None = None,
    locale: str = DEFAULT_LOCALE,
    author: Author = None,
    leave_none: Flag = False,
    yes: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Publish a file as the next version of its key, after showing what changes. It is for good.

    Args:
        file: The policy, in YAML or JSON.
        effective_from: When it begins: 2027-01-01, or how long from now: 30d. Now, if left out.
        locale: The language of the sentences.
        author: Who does this; the user of this terminal when left out.
        leave_none: Publish it although no policy is in force for some purchases then.
        yes: Do not ask.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    text, locale = read_file(file), check_locale(locale)
    check_askable(out, yes=yes)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        begins = read_ahead(effective_from, "effective-from", core.database.now())
        made = await core.refund_policies.plan(
            text, merchant_id=owner.merchant_id, locale=locale, effective_from=begins
        )
        _show_plan(out, made)
        if not replace(made, leaves_none=made.leaves_none and not leave_none).is_publishable:
            out.document(made.document())
            return USAGE if made.mistakes else REFUSED
        is_new = made.change is not PolicyChange.UNCHANGED
        if is_new and not yes and not asked(out, "Publish this? It cannot be changed afterwards."):
            out.line("Not published.")
            return REFUSED
        done = await core.refund_policies.publish(
            text,
            merchant_id=owner.merchant_id,
            author=author or login(),
            effective_from=begins,
            leave_none=leave_none,
        )
    out.document({**done.version.document(), "is_new": done.is_new, "plan": made.document()})
    since = told(done.version.effective_from)
    if done.is_new:
        out.line(f"Published: {done.version.name}, for purchases from {since} on.")
    else:
        out.line(f"This is {done.version.name} already, for purchases from {since} on.")
        if done.version.effective_from > core.database.now():
            out.line(f"To have it begin earlier, withdraw {done.version.name} first.")
    return OK


@app.command(name="list")
@typed
async def list_(
    key: str | None = None, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """List the versions of all policies, or of one, the newest first.

    Args:
        key: Only this policy.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.refund_policies.list(
            merchant_id=owner.merchant_id, key=key, rows_max=ROWS_MAX
        )
    out.document({"policies": [one.document() for one in found]})
    _table(out, found)


@app.command
@typed
async def show(
    key: str,
    /,
    *,
    version: int | None = None,
    locale: str | None = None,
    sentences: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Print a version as a file, with every default filled in, or in sentences for people.

    Args:
        key: The policy.
        version: Which one; the newest when left out.
        locale: The language of the sentences; en when left out.
        sentences: Print sentences.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    language = check_locale(locale or DEFAULT_LOCALE)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        stored = await core.refund_policies.get(key, version, merchant_id=owner.merchant_id)
    said = sentences_of(stored.policy, language)
    whole = {"document": stored.policy.document(), "sentences": list(said)}
    out.document({**stored.version.document(), **whole})
    if sentences or locale is not None:
        for sentence in said:
            out.line(sentence)
    else:
        out.line(policy_yaml(stored.policy).rstrip())


@app.command
@typed
async def withdraw(
    key: str,
    version: int,
    /,
    *,
    because: str,
    author: Author = None,
    leave_none: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Take a version out of force, for good; the version before it holds again, if there is one.

    What was purchased under it is still refunded by it. Purchases that are left without any policy
    may be refunded whole, so that takes an option of its own.

    Args:
        key: The policy.
        version: Which one.
        because: Why; it is kept.
        author: Who does this; the user of this terminal when left out.
        leave_none: Withdraw it although no policy is in force then.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        taken = await core.refund_policies.withdraw(
            key,
            version,
            merchant_id=owner.merchant_id,
            author=author or login(),
            because=because,
            leave_none=leave_none,
        )
        held = await core.refund_policies.in_force(taken.scope, merchant_id=owner.merchant_id)
    out.document(taken.document())
    place = scope_text(taken.scope)
    out.line(f"Withdrawn: {taken.name} for {place}.")
    if held is None:
        out.side.print(
            f"paykeel: WARNING: no refund policy is in force for {place}: until one is published,"
            " all that such purchases pay may be refunded.",
            markup=False,
            soft_wrap=True,
        )


@app.command(name="schema-org")
@typed
async def schema_org(
    key: str,
    /,
    *,
    version: int | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Print a version as a MerchantReturnPolicy of schema.org, in JSON-LD.

    Args:
        key: The policy.
        version: Which one; the newest when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        stored = await core.refund_policies.get(key, version, merchant_id=owner.merchant_id)
    made = as_schema_org(stored.policy)
    out.document(made)
    out.line(json.dumps(made, indent=2, ensure_ascii=False))
    unsaid = unsaid_fields(made)
    if unsaid:
        out.side.print(
            "paykeel: schema.org has no words for all that this policy says of"
            f" {', '.join(unsaid)}; it stands there in sentences, as additionalProperty.",
            markup=False,
            soft_wrap=True,
        )


def _show_plan(out: Output, made: PolicyPlan) -> None:
    """Print what publishing would change, and what speaks against it."""
    show_mistakes(out, made.mistakes, "Mistakes")
    if made.change is PolicyChange.REFUSED:
        return
    origin = "nothing before" if made.version_from is None else f"version {made.version_from}"
    out.line(f"{made.key} {made.version_to}, compared with {origin}: {made.change}")
    for line in made.difference:
        out.line(line)
    if made.sentences_before != made.sentences_after:
        for title, said in (("So far", made.sentences_before), ("Then", made.sentences_after)):
            if said:
                out.line(f"\n{title}:")
            for sentence in said:
                out.line(f"- {sentence}")
    if made.ties:
        out.line("\nAs specific, for some of the same purchases; it would be refused:")
        _table(out, made.ties)
    if made.leaves_none:
        out.line(
            "\nIt is for fewer purchases than the version before it, and no policy is in force for"
            "\nthe others then: all that they pay may be refunded. It is refused without"
            " --leave-none."
        )


def _table(out: Output, versions: Sequence[PolicyVersion]) -> None:
    out.table(
        ("policy", "version", "for", "from", "status", "by", "sha256"),
        [
            (
                one.policy_key,
                one.policy_version,
                scope_text(one.scope),
                told(one.effective_from),
                one.status,
                one.author,
                one.sha256.hex()[:12],
            )
            for one in versions
        ],
        right=("version",),
        prose=("for", "by"),
    )
