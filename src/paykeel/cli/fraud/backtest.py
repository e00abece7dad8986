"""``fraud backtest``: what a ruleset would have done to the past."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.fraud.periods import CountBar, read_period
from paykeel.cli.fraud.ruleset_files import read_file, show_mistakes
from paykeel.errors import InvalidInput, RulesetRefused
from paykeel.fraud.backtest import EXAMPLES
from paykeel.fraud.rules import read_ruleset_text
from paykeel.fraud.trial import EXAMPLES_MAX, Category
from paykeel.money import Money

if TYPE_CHECKING:
    from paykeel.fraud.ruleset import Ruleset

OVERLAPS_SHOWN_MAX = 10
ACTIONS = ("block", "review", "challenge", "allow")


async def backtest(
    rules: Path,
    /,
    *,
    since: str = "30d",
    until: str | None = None,
    store: bool = True,
    author: str | None = None,
    examples: Annotated[int, Parameter(validator=Number(gte=0, lte=EXAMPLES_MAX))] = EXAMPLES,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Try a ruleset on the past: judge what was logged again, and report what would differ.

    Nothing is judged by what became known later. The report is kept, so that going live can name
    it.

    Args:
        rules: A ruleset (YAML or JSON).
        since: From when, as an instant or how long ago.
        until: Until when; now when left out.
        store: Keep the report.
        author: Who tries it; needed to keep the report.
        examples: How many payments to name for each rule and each difference.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    if store and author is None:
        raise InvalidInput("Say who by --author NAME, or --no-store.", code="usage")
    ruleset = _read(out, rules)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        period = read_period(since, until, core.database.now())
        with CountBar(out.side, "decisions") as bar:
            report = await core.backtests.run(
                ruleset,
                merchant_id=owner.merchant_id,
                period=period,
                store_as=author if store else None,
                examples_max=examples,
                on_progress=bar.advance,
            )
    out.document(report.document)
    if not out.json:
        show_backtest(out, report.document)


def _read(out: Output, path: Path) -> Ruleset:
    try:
        return read_ruleset_text(read_file(path))
    except RulesetRefused as error:
        show_mistakes(out, error.data["mistakes"], "Mistakes")
        raise


def show_backtest(out: Output, report: Mapping[str, Any]) -> None:
    """Show a report to people."""
    labels = report["labels"]
    out.facts(
        {
            "ruleset": f"{report['ruleset']} (sha256 {report['sha256'][:16]}…)",
            "period": f"{report['since']} to {report['until']}",
            "decisions": f"{report['decisions']:,}",
            "labelled": f"{labels['fraud']:,} fraud, {labels['genuine']:,} genuine, "
            f"{labels['unlabelled']:,} nobody said",
            "took": f"{report['took_ms'] / 1_000:.1f} s, {report['decisions_per_s']:,} a second",
            **({"kept as": report["backtest"]} if report.get("backtest") else {}),
        }
    )
    if not report["decisions"]:
        out.line("Nothing was judged in this period.")
        return
    out.table(
        ("what became of it", *ACTIONS),
        [
            (category, *(counts[action] or "" for action in ACTIONS))
            for category, counts in report["categories"].items()
        ],
        title="By what became of them",
        right=ACTIONS,
    )
    out.table(
        ("decided", *ACTIONS),
        [
            (decided, *(counts[action] or "" for action in ACTIONS))
            for decided, counts in report["decided"].items()
        ],
        title="By what was decided",
        right=ACTIONS,
    )
    columns = ("at least", "frauds caught", "good ones hit", "precision", "recall")
    out.table(
        columns,
        [
            (
                level,
                hits["frauds"],
                hits["good"],
                percent(hits["precision"]),
                percent(hits["recall"]),
            )
            for level, hits in report["at_least"].items()
        ],
        right=columns[1:],
    )
    _show_good(out, report)
    _show_rules(out, report)
    _show_notes(out, report)


def _show_good(out: Output, report: Mapping[str, Any]) -> None:
    """Show what good purchases would be stopped, in money."""
    currency = report["reference_currency"]
    rows = []
    for action in ACTIONS[:3]:
        sums = report["good"][action]
        if not sums["purchases"]:
            continue
        amounts = [Money(amount, name) for name, amount in sums["amount_by_currency"].items()]
        unknown = sums["without_amount_ref"]
        rows.append(
            (
                action,
                sums["purchases"],
                ", ".join(str(amount) for amount in amounts),
                str(Money(sums["amount_ref"], currency))
                + (f" and {unknown:,} without a rate" if unknown else ""),
            )
        )
    if rows:
        out.table(
            ("would", "good purchases", "amounts", "together"),
            rows,
            title="Good purchases stopped",
            right=("good purchases",),
            prose=("amounts",),
        )


def _show_rules(out: Output, report: Mapping[str, Any]) -> None:
    kinds = tuple(Category)
    columns = ("matched", "alone", *kinds, "precision", "recall")
    out.table(
        ("rule", "action", *columns),
        [
            (
                rule["rule"] + ("" if rule["mode"] == "live" else f" ({rule['mode']})"),
                rule["action"],
                rule["matched"],
                rule["alone"],
                *(rule["categories"][kind] or "" for kind in kinds),
                percent(rule["precision"]),
                percent(rule["recall"]),
            )
            for rule in report["rules"]
        ],
        title="Rule by rule",
        right=columns,
    )
    if report["overlap"]:
        out.table(
            ("both matched", "purchases"),
            [
                (" and ".join(pair["rules"]), pair["purchases"])
                for pair in report["overlap"][:OVERLAPS_SHOWN_MAX]
            ],
            right=("purchases",),
        )
    if report["changes"]:
        out.table(
            ("decided", "would", "purchases", "for example"),
            [
                (one["decided"], one["would"], one["purchases"], " ".join(one["examples"][:2]))
                for one in report["changes"]
            ],
            title="Decided otherwise",
            right=("purchases",),
        )


def _show_notes(out: Output, report: Mapping[str, Any]) -> None:
    """Say what was made good, and what could not be."""
    for rule in report["rules"]:
        for why, times in rule["unanswered"].items():
            out.line(f"{rule['rule']} was not evaluated {times:,} times: {why}.")
    for name, times in report["recomputed"].items():
        out.line(f"{name} was not logged as these rules define it; recomputed {times:,} times.")
    for name, times in report["not_recomputed"].items():
        out.line(f"{name} was not logged, and could not be recomputed {times:,} times.")
    for name in report["lists_as_of_now"]:
        out.line(f"{name} was not logged; read as the list is now, without what came later.")
    left_out = report["left_out"]
    if left_out["refused"] or left_out["unjudged"]:
        out.line(
            f"Left out: {left_out['refused']:,} that were refused before any rule was asked, and "
            f"{left_out['unjudged']:,} that no ruleset judged."
        )


def percent(share: float | None) -> str:
    """Return a share for people.

    >>> percent(0.1234), percent(None)
    ('12.3 %', 'none')
    """
    return "none" if share is None else f"{share * 100:.1f} %"
