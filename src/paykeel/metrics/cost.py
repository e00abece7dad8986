"""What CloudWatch will cost a month: series, requests, alarms and the dashboard.

Prices are those of CloudWatch in us-east-1, in US dollars without taxes and without what is free
of charge, as of :data:`PRICES_AS_OF`; any of them can be given otherwise. Every sum is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from paykeel.metrics.catalogue import CATALOGUE
from paykeel.metrics.sinks.dimensions import ASSUMED, estimate, write_sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.metrics.sinks.dimensions import DimensionSet, Sizes

PRICES_AS_OF = "2026-11-23"
#: A month of 30 days.
MINUTES_A_MONTH = 43_200
#: A request holds so many metrics, and gauges are a request of their own.
REQUEST_METRICS_MAX = 1_000
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """In US dollars."""

    #: For each series and month: up to how many series, and the price of each of those.
    tiers: tuple[tuple[int | None, Decimal], ...] = (
        (10_000, Decimal("0.30")),
        (250_000, Decimal("0.10")),
        (1_000_000, Decimal("0.05")),
        (None, Decimal("0.02")),
    )
    #: For a thousand requests of PutMetricData.
    requests_1000: Decimal = Decimal("0.01")
    #: For each alarm and month.
    alarm: Decimal = Decimal("0.10")
    #: For each dashboard and month.
    dashboard: Decimal = Decimal("3.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The most that a month costs."""

    sets: tuple[DimensionSet, ...]
    sizes: Sizes
    #: The series of each metric.
    series: dict[str, int]
    requests: int
    alarms: int
    dashboards: int
    series_usd: Decimal
    requests_usd: Decimal
    alarms_usd: Decimal
    dashboards_usd: Decimal

    @property
    def series_count(self) -> int:
        """All series together."""
        return sum(self.series.values())

    @property
    def total_usd(self) -> Decimal:
        """All together."""
        return self.series_usd + self.requests_usd + self.alarms_usd + self.dashboards_usd

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON; amounts as text, in dollars."""
        return {
            "dimensions": write_sets(self.sets),
            "metrics": [
                {"name": name, "cost_class": str(CATALOGUE[name].cost), "series": count}
                for name, count in self.series.items()
            ],
            "series": self.series_count,
            "requests": self.requests,
            "alarms": self.alarms,
            "dashboards": self.dashboards,
            "usd": {
                "series": str(self.series_usd),
                "requests": str(self.requests_usd),
                "alarms": str(self.alarms_usd),
                "dashboards": str(self.dashboards_usd),
                "total": str(self.total_usd),
            },
            "prices_as_of": PRICES_AS_OF,
        }


#: What is assumed unless told otherwise.
PRICES = Prices()


def bill_of(
    sets: Sequence[DimensionSet],
    *,
    sizes: Sizes = ASSUMED,
    alarms: int,
    dashboards: int,
    prices: Prices = PRICES,
) -> Bill:
    """Return the most that a month costs.

    >>> from paykeel.metrics.sinks.dimensions import Sizes
    >>> bill_of([()], sizes=Sizes(currencies=1), alarms=10, dashboards=1).total_usd
    Decimal('10.56')
    """
    series = estimate(sets, sizes)
    total = sum(series.values())
    requests = MINUTES_A_MONTH * (-(-total // REQUEST_METRICS_MAX) + 1)
    return Bill(
        sets=tuple(sets),
        sizes=sizes,
        series=series,
        requests=requests,
        alarms=alarms,
        dashboards=dashboards,
        series_usd=series_usd(total, prices).quantize(CENT),
        requests_usd=(requests * prices.requests_1000 / 1000).quantize(CENT),
        alarms_usd=(alarms * prices.alarm).quantize(CENT),
        dashboards_usd=(dashboards * prices.dashboard).quantize(CENT),
    )


def series_usd(series: int, prices: Prices = PRICES) -> Decimal:
    """Return what so many series cost a month, each tier at its price.

    >>> series_usd(10_001)
    Decimal('3000.10')
    """
    total, done = Decimal(0), 0
    for limit, price in prices.tiers:
        inside = (series if limit is None else min(series, limit)) - done
        if inside > 0:
            total += inside * price
            done += inside
    return total
