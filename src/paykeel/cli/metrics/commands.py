"""The commands: each asks the service, and shows, or prints as JSON or CSV, what it answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cyclopts import Group, Parameter

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.metrics import showing, tables
from paykeel.errors import InvalidField, InvalidInput
from paykeel.metrics import Asked
from paykeel.metrics.periods import Period, fitting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from paykeel.core import Core

Document = dict[str, Any]
Show = "Callable[[Output, Document], None]"
#: A chart of one line has at most so many blocks.
SPARK_POINTS_MAX = 31
_PERIOD = Group("Period and filters", sort_key=50)


@Parameter(name="*", group=_PERIOD)
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every figure can be asked with."""

    since: str | None = None
    """From when on: 7d, 24h, 2026-11-01 or 2026-11-01T09:30:00Z; 7d when left out."""

    until: str | None = None
    """Until when; up to and with the running minute when left out."""

    time_zone: str | None = None
    """By whose clock days begin, such as Europe/Berlin; UTC when left out."""

    role: str | None = None
    """Only buyers in this role."""

    currency: str | None = None
    """Only these currencies, with commas between them."""

    gateway: str | None = None
    """Only these gateways, with commas between them."""

    merchant: MerchantOption = None
    """Whose; not needed while there is only one."""

    csv: Flag = False
    """Print CSV on stdout, amounts in minor units."""


USUAL = Options()
Split = Annotated[Literal["role", "currency", "gateway"] | None, Parameter(name="--group-by")]


def asked(options: Options, **more: str | None) -> Asked:
    """Return the question that the options ask."""
    return Asked(
        since=options.since,
        until=options.until,
        time_zone=options.time_zone,
        role=options.role,
        currency=options.currency,
        gateway=options.gateway,
        **more,
    )


async def summary(
    *, group_by: Split = None, options: Options = USUAL, common: Common = DEFAULTS
) -> None:
    """Show how a period went: purchases, success, failures, revenue, durations, fraud.

    Args:
        group_by: Split it by this, too.
        options: Period and filters.
        common: The options of every command.
    """
    question = asked(options, group_by=group_by)

    async def find(core: Core, merchant_id: UUID) -> Document:
        document = await core.metrics.summary(merchant_id, question)
        if common.json or options.csv:
            return document
        # The charts beside the figures, where these can be cut into few enough pieces.
        since, until = (document["period"][end] for end in ("since", "until"))
        period = Period(datetime.fromisoformat(since), datetime.fromisoformat(until))
        interval = str(fitting(period, ZoneInfo(document["time_zone"]), SPARK_POINTS_MAX))
        asked_again = replace(question, since=since, until=until, interval=interval, group_by=None)
        with suppress(InvalidField):
            document["chart"] = await core.metrics.timeseries(merchant_id, asked_again)
        return document

    await _run(options, common, find, showing.summary, tables.summary)


async def timeseries(
    *,
    interval: Literal["minute", "hour", "day", "week", "month"] | None = None,
    group_by: Annotated[
        Literal["role", "currency", "gateway", "reason"] | None, Parameter(name="--group-by")
    ] = None,
    options: Options = USUAL,
    common: Common = DEFAULTS,
) -> None:
    """Show the figures of each piece of a period, at most 120 of them.

    Args:
        interval: How long a piece is; one that fits when left out.
        group_by: One table for each of these.
        options: Period and filters.
        common: The options of every command.
    """
    question = asked(options, interval=interval, group_by=group_by)
    await _run(
        options,
        common,
        lambda core, merchant_id: core.metrics.timeseries(merchant_id, question),
        showing.timeseries,
        tables.timeseries,
    )


async def failures(
    *, group_by: Split = None, options: Options = USUAL, common: Common = DEFAULTS
) -> None:
    """Show why purchases failed, who can mend it, and whether trying again can help.

    Args:
        group_by: One table for each of these, too.
        options: Period and filters.
        common: The options of every command.
    """
    question = asked(options, group_by=group_by)
    await _run(
        options,
        common,
        lambda core, merchant_id: core.metrics.failures(merchant_id, question),
        showing.failures,
        tables.failures,
    )


async def latency(
    *,
    group_by: Annotated[Literal["role", "gateway"] | None, Parameter(name="--group-by")] = None,
    options: Options = USUAL,
    common: Common = DEFAULTS,
) -> None:
    """Show how long each stage of a purchase took.

    Args:
        group_by: One table for each of these, too.
        options: Period and filters; durations are not kept by currency.
        common: The options of every command.
    """
    question = asked(options, group_by=group_by)
    await _run(
        options,
        common,
        lambda core, merchant_id: core.metrics.latency(merchant_id, question),
        showing.latency,
        tables.latency,
    )


async def revenue(
    *,
    reference: Flag = False,
    group_by: Split = None,
    options: Options = USUAL,
    common: Common = DEFAULTS,
) -> None:
    """Show what came in and went back, each currency by itself.

    Args:
        reference: In the merchant's reference currency, too, by the rates of each day.
        group_by: One table for each of these, too.
        options: Period and filters.
        common: The options of every command.
    """
    question = asked(options, group_by=group_by)
    await _run(
        options,
        common,
        lambda core, merchant_id: core.metrics.revenue(merchant_id, question, reference=reference),
        showing.revenue,
        tables.revenue,
    )


async def fraud(*, options: Options = USUAL, common: Common = DEFAULTS) -> None:
    """Show what fraud prevention stopped, what waits for a person, and the network's ratio.

    Args:
        options: Period and filters.
        common: The options of every command.
    """
    question = asked(options)
    await _run(
        options,
        common,
        lambda core, merchant_id: core.metrics.fraud(merchant_id, question),
        showing.fraud,
        tables.fraud,
    )


async def _run(
    options: Options,
    common: Common,
    find: Callable[[Core, UUID], Awaitable[Document]],
    show: Callable[[Output, Document], None],
    rows: Callable[[Document], list[Document]],
) -> None:
    out = Output(common)
    if options.csv and common.json:
        raise InvalidInput("Choose one of --json and --csv.", code="usage")
    async with open_core() as core:
        merchant = await choose_merchant(core, options.merchant)
        document = await find(core, merchant.merchant_id)
    if options.csv:
        tables.write(rows(document))
        return
    out.document(document)
    if not out.json:
        showing.head(out, merchant, document)
        show(out, document)
