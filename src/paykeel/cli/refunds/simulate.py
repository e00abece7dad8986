"""``refunds simulate``: what a policy would have given back in the past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from paykeel.errors import RefundPolicyRefused
from paykeel.money import Money
from paykeel.refunds.parsing import policy_of_text
from paykeel.refunds.simulation import simulate as run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paykeel.refunds.policy import RefundPolicy


async def simulate(
    file: Path,
    /,
    *,
    since: str = "90d",
    until: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Show what a policy would have given back in the past, beside what was given.

    Each refund is reckoned again, as of when it was asked for and from what was known then. Nothing
    is stored. What a policy refused outright was never asked for, and is not counted. Of a payment
    only role and product are kept: where jurisdiction, channel or way of paying decide whether the
    policy is for it, and the policy that it was made under does not say, it is shown apart.

    Args:
        file: The policy, in YAML or JSON.
        since: Of refunds that were asked for since then: an instant, or how long ago.
        until: Until when; now when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    policy = _read(out, file)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        period = read_period(since, until, core.database.now())
        with CountBar(out.side, "refunds") as bar:
            report = await run(
                core.database,
                policy,
                merchant_id=owner.merchant_id,
                period=period,
                on_progress=bar.advance,
            )
    out.document(report)
    if not out.json:
        _show(out, report)


def _read(out: Output, path: Path) -> RefundPolicy:
    try:
        return policy_of_text(read_file(path))
    except RefundPolicyRefused as error:
        show_mistakes(out, error.data["mistakes"], "Mistakes")
        raise


def _show(out: Output, report: Mapping[str, Any]) -> None:
    out.facts(
        {
            "policy": f"{report['policy']} (sha256 {report['sha256'][:16]}…)",
            "period": f"{report['since']} to {report['until']}",
            "refunds": f"{report['refunds']:,}, of which {report['changed']:,} would differ",
        }
    )
    _show_left_out(out, report["left_out"])
    if not report["refunds"]:
        out.line("There is nothing to reckon again in this period.")
        return
    _show_groups(out, "By role and reason", report["groups"])
    untold = report["untold"]
    if untold["parts"]:
        _show_groups(out, "Could not be told whether the policy is for them", untold["groups"])
        parts = (f"the {name.replace('_', ' ')} of {n:,}" for name, n in untold["parts"].items())
        out.line(f"Their payments do not say {', '.join(parts)}.")
    if report["examples"]:
        out.table(
            ("refund", "was given", "would give", "why"),
            [
                (
                    one["refund_id"],
                    Money(one["given"], one["currency"]),
                    Money(one["would"], one["currency"]),
                    one["code"],
                )
                for one in report["examples"]
            ],
            title="The largest differences",
            right=("was given", "would give"),
        )


def _show_groups(out: Output, title: str, groups: Sequence[Mapping[str, Any]]) -> None:
    numbers = ("refunds", "was given", "would give", "difference", "asks", "approvals")
    if not groups:
        return
    out.table(
        ("role", "reason", *numbers),
        [
            (
                one["role"],
                one["reason"],
                one["refunds"],
                *(Money(one[name], one["currency"]) for name in ("given", "would", "difference")),
                one["asks"] or "",
                one["approvals"] or "",
            )
            for one in groups
        ],
        title=title,
        right=numbers,
    )


def _show_left_out(out: Output, left_out: Mapping[str, int]) -> None:
    about = {
        "not_given": "that were rejected, called off, or refused by the gateway",
        "outside": "that were made at the gateway itself",
        "out_of_scope": "of purchases that the policy is not for",
    }
    told = [f"{count:,} {about[name]}" for name, count in left_out.items() if count]
    if told:
        out.line(f"Left out: {'; '.join(told)}.")
