"""``fraud shadow``: what runs in the shadow, beside what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.fraud.backtest import percent
from paykeel.cli.fraud.periods import read_period
from paykeel.fraud.shadow import shadow_report

if TYPE_CHECKING:
    from collections.abc import Mapping


async def shadow(
    *,
    since: str = "30d",
    until: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Show what the ruleset and the rules in the shadow would have done, beside what was done.

    Args:
        since: From when, as an instant or how long ago.
        until: Until when; now when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        period = read_period(since, until, core.database.now())
        report = await shadow_report(core.database, merchant_id=owner.merchant_id, period=period)
    out.document(report)
    if not out.json:
        _show(out, report)


def _show(out: Output, report: Mapping[str, Any]) -> None:
    out.line(
        f"{report['decisions']:,} decisions, {report['in_shadow']:,} of them with a ruleset in the "
        f"shadow; {report['frauds']:,} turned out to be fraud."
    )
    for ruleset in report["rulesets"]:
        out.table(
            ("decided", "would", "purchases", "frauds", "good", "for example"),
            [
                (
                    one["decided"],
                    one["would"],
                    one["purchases"],
                    one["frauds"],
                    one["good"],
                    " ".join(one["examples"]),
                )
                for one in ruleset["decisions"]
            ],
            title=f"Ruleset {ruleset['ruleset']} {ruleset['version']}: precision "
            f"{percent(ruleset['precision'])}, recall {percent(ruleset['recall'])}",
            right=("purchases", "frauds", "good"),
        )
    if report["rules"]:
        columns = ("matched", "not", "no answer", "frauds", "good", "precision", "recall")
        out.table(
            ("rule", "of", "would", *columns),
            [_rule(rule) for rule in report["rules"]],
            title="Rules in the shadow",
            right=columns,
        )
    if not report["rulesets"] and not report["rules"]:
        out.line("Nothing ran in the shadow.")


def _rule(rule: Mapping[str, Any]) -> tuple[object, ...]:
    outcomes = rule["outcomes"]
    silent = sum(count for name, count in outcomes.items() if name not in {"matched", "not"})
    return (
        f"{rule['rule']} {rule['version']}",
        f"{rule['ruleset']} ({'in the shadow' if rule['place'] == 'ruleset' else 'live'})",
        rule["action"],
        outcomes.get("matched", 0),
        outcomes.get("not", 0),
        silent,
        rule["frauds"],
        rule["good"],
        percent(rule["precision"]),
        percent(rule["recall"]),
    )
