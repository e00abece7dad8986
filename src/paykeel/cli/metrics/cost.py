"""``metrics cost``: what CloudWatch would cost, before it does."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from paykeel.cli.context import DEFAULTS, Common, Flag, Output, open_core
from paykeel.metrics.catalogue import CATALOGUE
from paykeel.metrics.cost import PRICES, PRICES_AS_OF, Bill, bill_of
from paykeel.metrics.sinks.dimensions import ASSUMED, Sizes, parse_sets, write_sets
from paykeel.metrics.sinks.states import measured_sizes
from paykeel.settings import Settings

Count = Annotated[int, Parameter(validator=Number(gte=1, lte=1_000_000))]
#: None of something, too.
Some = Annotated[int, Parameter(validator=Number(gte=0, lte=1_000_000))]
Usd = Annotated[Decimal | None, Parameter(validator=Number(gte=0, lte=1_000_000))]


async def cost(  # noqa: PLR0913 - each is an option of its own
    *,
    dimensions: str | None = None,
    measured: Flag = False,
    merchants: Count | None = None,
    currencies: Count | None = None,
    gateways: Count | None = None,
    block_reasons: Count | None = None,
    alarms: Some = 10,
    dashboards: Some = 1,
    metric_usd: Usd = None,
    alarm_usd: Usd = None,
    dashboard_usd: Usd = None,
    requests_usd: Usd = None,
    common: Common = DEFAULTS,
) -> None:
    """Estimate the most that CloudWatch costs a month, by what metrics are split by.

    Args:
        dimensions: Sets of dimensions, instead of the settings'.
        measured: Count the different values of the last 30 days in the database.
        merchants: How many merchants there are.
        currencies: How many currencies they sell in.
        gateways: How many gateways they use.
        block_reasons: For how many different reasons fraud prevention blocks.
        alarms: How many alarms there are.
        dashboards: How many dashboards there are.
        metric_usd: The price of a series and month, in dollars, instead of all tiers.
        alarm_usd: The price of an alarm and month.
        dashboard_usd: The price of a dashboard and month.
        requests_usd: The price of a thousand requests.
        common: The options of every command.
    """
    settings = Settings()
    out = Output(common)
    sets = parse_sets(settings.metrics_dimensions if dimensions is None else dimensions)
    modes = 2 if settings.metrics_test_mode else 1
    sizes = await _measure(settings) if measured else replace(ASSUMED, modes=modes)
    given = {
        "merchants": merchants,
        "currencies": currencies,
        "gateways": gateways,
        "block_reasons": block_reasons,
    }
    sizes = replace(sizes, **{name: value for name, value in given.items() if value is not None})
    prices = replace(
        PRICES,
        tiers=PRICES.tiers if metric_usd is None else ((None, metric_usd),),
        alarm=PRICES.alarm if alarm_usd is None else alarm_usd,
        dashboard=PRICES.dashboard if dashboard_usd is None else dashboard_usd,
        requests_1000=PRICES.requests_1000 if requests_usd is None else requests_usd,
    )
    bill = bill_of(sets, sizes=sizes, alarms=alarms, dashboards=dashboards, prices=prices)
    document = bill.document()
    document["series_max"] = settings.metrics_series_max
    out.document(document)
    _show(out, bill, settings.metrics_series_max, measured=measured)


def _show(out: Output, bill: Bill, series_max: int, *, measured: bool) -> None:
    out.table(
        ("metric", "cost class", "series"),
        [
            (name, str(CATALOGUE[name].cost).replace("_", " "), count)
            for name, count in bill.series.items()
        ],
        right=("series",),
        title=f"dimensions: {write_sets(bill.sets)}",
    )
    out.table(
        ("a month", "how many", "US dollars"),
        [
            ("series", f"{bill.series_count:,}", bill.series_usd),
            ("requests", f"{bill.requests:,}", bill.requests_usd),
            ("alarms", f"{bill.alarms:,}", bill.alarms_usd),
            ("dashboards", f"{bill.dashboards:,}", bill.dashboards_usd),
            ("together", "", bill.total_usd),
        ],
        right=("how many", "US dollars"),
    )
    sizes = bill.sizes
    out.line(
        f"At most, with {sizes.merchants} merchants, {sizes.currencies} currencies, "
        f"{sizes.gateways} gateways and {sizes.block_reasons} reasons to block; prices of "
        f"us-east-1 as of {PRICES_AS_OF}, or those given."
    )
    if bill.series_count > series_max:
        then = (
            "they are sent all the same. Ask for fewer dimensions, or allow more."
            if measured
            else "Paykeel would not start."
        )
        out.line(f"PAYKEEL_METRICS_SERIES_MAX allows {series_max} series: {then}")


async def _measure(settings: Settings) -> Sizes:
    async with open_core(settings) as core:
        return await measured_sizes(core.database, core.metric_sinks.options.plan.modes)
