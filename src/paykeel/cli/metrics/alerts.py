"""``metrics alerts``: what the rules found, until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from cyclopts import App, Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.metrics.alert_rules import subject_of

if TYPE_CHECKING:
    from datetime import datetime

    from paykeel.metrics.alerts import MetricAlert

app = App(name="alerts", help="List alerts on metrics, and acknowledge them.")

ROWS_DEFAULT = 20


@app.command(name="list")
async def list_(
    *,
    status: Literal["open", "acknowledged", "resolved"] = "open",
    all_: Annotated[Flag, Parameter(name="--all")] = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=1_000))] = ROWS_DEFAULT,
    cursor: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List alerts, newest first; those that nobody has seen, unless told otherwise.

    Args:
        status: Only these.
        all_: Also those that are acknowledged or over.
        limit: At most so many.
        cursor: Go on where a list ended.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        page = await core.metric_alerts.list(
            owner.merchant_id, None if all_ else status, cursor, limit
        )
    documents = [alert.document() for alert in page.alerts]
    out.document({"alerts": documents, "next_cursor": page.next_cursor})
    if not page.alerts:
        out.line("There is none.")
        return
    out.table(
        ("alert", "what", "of", "status", "since", "last seen", "acknowledged by"),
        [_row(alert) for alert in page.alerts],
    )
    if page.next_cursor is not None:
        out.line(f"More: --cursor {page.next_cursor}")


@app.command
async def acknowledge(
    alert: UUID,
    /,
    *,
    author: str,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Say that you look after an alert; it goes on until it is over.

    Args:
        alert: Its id, from `list`.
        author: Who looks after it.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        seen = await core.metric_alerts.acknowledge(owner.merchant_id, alert, author)
    out.document(seen.document())
    out.line(f"Acknowledged by {seen.acknowledged_by}; it is {seen.status}.")


def _row(alert: MetricAlert) -> tuple[object, ...]:
    return (
        alert.alert_id,
        alert.rule.replace("_", " "),
        subject_of(alert.dedupe_key),
        alert.status,
        _time(alert.opened_at),
        _time(alert.last_at),
        alert.acknowledged_by,
    )


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
