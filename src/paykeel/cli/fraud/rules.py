"""``fraud rules``: check, plan and store rulesets, try them in the shadow, and let them go live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import App, Parameter
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
from paykeel.cli.fraud.rules_showing import (
    in_force,
    named,
    show_activation,
    show_active,
    show_plan,
    show_version,
)
from paykeel.cli.fraud.ruleset_files import read_file, show_mistakes
from paykeel.errors import InvalidField, InvalidInput, NotFound, RulesetRefused
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.rules import read_ruleset_text

if TYPE_CHECKING:
    from paykeel.core import Core
    from paykeel.fraud.ruleset import Ruleset

app = App(name="rules", help="Check, plan and store rulesets, and let them go live.")

ROWS_DEFAULT = 20
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=100))]


@app.command
def check(file: Path, /, *, common: Common = DEFAULTS) -> int:
    """Name every mistake of a file, without any database; exit code 1 if there is one.

    Args:
        file: The ruleset, in YAML or JSON.
        common: The options of every command.
    """
    out = Output(common)
    mistakes: list[dict[str, Any]] = []
    warnings: list[dict[str, Any]] = []
    try:
        ruleset = read_ruleset_text(read_file(file), CelEngine())
    except RulesetRefused as error:
        mistakes = error.data["mistakes"]
    else:
        warnings = [warning.document() for warning in ruleset.warnings]
        tests = sum(len(rule.tests) for rule in ruleset.rules)
        out.line(f"{ruleset.name}: {len(ruleset.rules)} rules, {tests} tests, no mistakes.")
    out.document({"ok": not mistakes, "mistakes": mistakes, "warnings": warnings})
    show_mistakes(out, mistakes, "Mistakes")
    show_mistakes(out, warnings, "Allowed, and doubtful")
    return FOUND if mistakes else OK


@app.command
async def plan(
    file: Path, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Show what storing a file would change; nothing is stored.

    Args:
        file: The ruleset, in YAML or JSON.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    text = read_file(file)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        ruleset = await _read(out, core, text)
        made = await core.rulesets.plan(owner.merchant_id, ruleset)
    out.document(made.document())
    show_plan(out, made)


@app.command
async def apply(
    file: Path,
    /,
    *,
    author: str,
    yes: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Store a file as a new version, after showing what changes. Nothing goes live by this.

    Args:
        file: The ruleset, in YAML or JSON.
        author: Who does this; it is kept with the version.
        yes: Do not ask.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    text = read_file(file)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        ruleset = await _read(out, core, text)
        made = await core.rulesets.plan(owner.merchant_id, ruleset)
        show_plan(out, made)
        if made.is_new and not yes and not _asked(out):
            return REFUSED
        stored = await core.rulesets.apply(owner.merchant_id, ruleset, author)
    out.document({**stored.summary(), "is_new": stored.is_new, "plan": made.document()})
    name = f"{stored.ruleset} {stored.ruleset_version}"
    if stored.is_new:
        out.line(f"Stored as {name}. Try it: `paykeel fraud rules shadow {name} --author …`.")
    else:
        out.line(f"This is {name} already.")
    return OK


@app.command
async def show(
    name: str | None = None,
    version: int | None = None,
    /,
    *,
    limit: Limit = ROWS_DEFAULT,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Show what is in force and the versions there are, or one version as a file.

    Args:
        name: The ruleset; its versions are listed when no version is named.
        version: Which one; 0 is the built-in `default`.
        limit: How many versions to list.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        if name is not None and version is not None:
            stored = await core.rulesets.get(owner.merchant_id, name, version)
            show_version(out, stored)
            return
        active = await core.rulesets.active(owner.merchant_id)
        found = await core.rulesets.versions(owner.merchant_id, name=name, rows_max=limit)
    if name is not None and not found:
        raise NotFound(f"There is no ruleset {name}.")
    out.document(
        {
            "live": in_force(active.live),
            "shadow": active.shadow and in_force(active.shadow),
            "unusable": list(active.unusable),
            "versions": [stored.summary() for stored in found],
        }
    )
    show_active(out, active)
    out.table(
        ("ruleset", "version", "rules", "by", "since", "sha256"),
        [
            (
                one.ruleset,
                one.ruleset_version,
                len(one.members),
                one.created_by,
                one.created_at and f"{one.created_at:%Y-%m-%d %H:%M} UTC",
                one.sha256.hex()[:12],
            )
            for one in found
        ],
        right=("version", "rules"),
    )


@app.command
async def shadow(
    name: str | None = None,
    version: int | None = None,
    /,
    *,
    author: str,
    off: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Let a version run beside the live one from now on: it is logged, and never acts.

    Args:
        name: The ruleset.
        version: Which one.
        author: Who does this.
        off: Let nothing run in the shadow any more.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    if off != (name is None) or off != (version is None):
        raise InvalidInput("Name a ruleset and its version, or --off.", code="usage")
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        placed = await core.rulesets.set_shadow(owner.merchant_id, name, version, author)
    show_activation(out, placed)


@app.command(name="go-live")
async def go_live(
    name: str,
    version: int,
    /,
    *,
    author: str,
    backtest: UUID | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Ask for a version to go live; somebody else then approves it.

    Args:
        name: The ruleset.
        version: Which one.
        author: Who asks.
        backtest: What it was tried on; the newest backtest, or the shadow, when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        asked = await core.rulesets.request_live(owner.merchant_id, name, version, author, backtest)
    show_activation(out, asked)
    if asked.status == "waiting":
        out.line(f"Somebody else: `paykeel fraud rules approve {asked.activation_id} --author …`.")


@app.command
async def approve(
    activation: UUID,
    /,
    *,
    author: str,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Let go live what somebody else asked for.

    Args:
        activation: Its id, from `paykeel fraud rules history`.
        author: Who approves.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        approved = await core.rulesets.approve(owner.merchant_id, activation, author)
    show_activation(out, approved)


@app.command
async def history(
    *,
    limit: Limit = ROWS_DEFAULT,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List what was and is live or in the shadow, by whom, and what waits.

    Args:
        limit: How many.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.rulesets.history(owner.merchant_id, rows_max=limit)
    out.document({"activations": [one.document() for one in found]})
    out.table(
        ("activation", "place", "ruleset", "status", "asked by", "approved by", "on", "since"),
        [
            (
                one.activation_id,
                one.place,
                named(one),
                one.status,
                one.requested_by,
                one.approved_by if one.place == "live" else None,
                " ".join(f"{key} {value}" for key, value in one.evidence.items()),
                f"{one.approved_at or one.requested_at:%Y-%m-%d %H:%M} UTC",
            )
            for one in found
        ],
        prose=("on", "asked by", "approved by"),
    )


async def _read(out: Output, core: Core, text: str) -> Ruleset:
    """Check a file's text; every mistake is shown before the error ends the command."""
    try:
        return await core.rulesets.read(text)
    except RulesetRefused as error:
        show_mistakes(out, error.data["mistakes"], "Mistakes")
        raise


def _asked(out: Output) -> bool:
    """Ask whoever sits there; nobody there is nobody who agreed."""
    if out.json or not sys.stdin.isatty():
        raise InvalidField("--yes", "field_required", "Nobody can be asked here; say --yes.")
    out.side.print("Store this? [y/N] ", end="", markup=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
