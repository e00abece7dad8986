"""Rows of counts become figures: purchases, shares, money by currency, durations. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from paykeel.metrics.formulas import Rate, compared, difference
from paykeel.metrics.histogram import Histogram, quantile
from paykeel.money import divide_half_even, exponent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from paykeel.metrics.reading import Counted, Timed

Row = TypeVar("Row")
Key = TypeVar("Key")
Placed = TypeVar("Placed", "Counted", "Timed")

#: The events with which a purchase begins.
OPENING = frozenset({"payment.opened", "payment.in_review", "payment.blocked"})
STAGES = ("open", "gateway", "settle", "purchase")
_PERCENTILES = {"p50_us": 0.5, "p95_us": 0.95, "p99_us": 0.99}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many purchases began, and how many came to which end."""

    begun: int = 0
    succeeded: int = 0
    failed: int = 0
    blocked: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def concluded(self) -> int:
        """How many came to their first end."""
        return self.succeeded + self.failed + self.blocked + self.canceled + self.expired

    def per_attempt(self, pending: int | None = None) -> Rate:
        """Return the share that succeeded of what a gateway answered."""
        return Rate(
            numerator=self.succeeded,
            denominator=self.succeeded + self.failed,
            excluded=self._unsent(),
            pending=pending,
        )

    def per_purchase(self, pending: int | None = None) -> Rate:
        """Return the share that succeeded of all that concluded."""
        return Rate(numerator=self.succeeded, denominator=self.concluded, pending=pending)

    def failure(self, pending: int | None = None) -> Rate:
        """Return the share that failed of what a gateway answered."""
        return Rate(
            numerator=self.failed,
            denominator=self.succeeded + self.failed,
            excluded=self._unsent(),
            pending=pending,
        )

    def stopped(self) -> Rate:
        """Return the share that was blocked of all that concluded."""
        return Rate(numerator=self.blocked, denominator=self.concluded)

    def document(self) -> dict[str, int]:
        """Return the numbers by name."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**named, "concluded": self.concluded}

    def _unsent(self) -> dict[str, int]:
        return {"blocked": self.blocked, "canceled": self.canceled, "expired": self.expired}


def tally(rows: Iterable[Counted]) -> Tally:
    """Count beginnings and ends."""
    ends: dict[str, int] = defaultdict(int)
    begun = 0
    for row in rows:
        if row.event_type in OPENING:
            begun += row.count
        if row.outcome:
            ends[row.outcome] += row.count
    return Tally(begun=begun, **ends)


@dataclass(frozen=True, slots=True)
class Takings:
    """What was captured and given back in one currency, in minor units."""

    gross: int = 0
    refunds: int = 0

    @property
    def net(self) -> int:
        """What is left; less than nothing where more was given back than came in."""
        return self.gross - self.refunds

    def document(self) -> dict[str, int]:
        """Return the three figures."""
        return {"gross": self.gross, "refunds": self.refunds, "net": self.net}


def takings(rows: Iterable[Counted]) -> dict[str, Takings]:
    """Add up money, each currency by itself; those without any are left out."""
    gross: dict[str, int] = defaultdict(int)
    refunds: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.captured or row.refunded:
            gross[row.currency] += row.captured
            refunds[row.currency] += row.refunded
    return {currency: Takings(gross[currency], refunds[currency]) for currency in sorted(gross)}


def revenue(now: Iterable[Counted], before: Iterable[Counted]) -> list[dict[str, Any]]:
    """Return the money of a period by currency, beside that of the period before."""
    present, past = takings(now), takings(before)
    return [
        {
            "currency": currency,
            "exponent": exponent_of(currency),
            **present.get(currency, Takings()).document(),
            "before": {
                name: compared(present.get(currency, Takings()).document()[name], value)
                for name, value in past.get(currency, Takings()).document().items()
            },
        }
        for currency in sorted({*present, *past})
    ]


def amounts(rows: Iterable[Counted]) -> list[dict[str, Any]]:
    """Return the sum of what the rows are about, by currency."""
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        sums[row.currency] += row.amount
    return [
        {"currency": currency, "exponent": exponent_of(currency), "amount": sums[currency]}
        for currency in sorted(sums)
    ]


def split_rows(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """Sort rows into groups."""
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def by_place(rows: Iterable[Placed], places: int) -> list[list[Placed]]:
    """Return the rows of each piece of the period, empty ones too."""
    found = split_rows(rows, lambda row: row.place)
    return [found.get(place, []) for place in range(places)]


def histograms(rows: Iterable[Timed]) -> dict[str, Histogram]:
    """Return one histogram for each stage; those without a duration are left out."""
    counts: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.stage][row.bucket_place] += row.count
        sums[row.stage] += row.sum_us
    return {stage: Histogram(dict(counts[stage]), sums[stage]) for stage in counts}


def durations(histogram: Histogram | None) -> dict[str, int | None]:
    """Return number, mean and percentiles in whole microseconds; nulls where nothing was timed."""
    if histogram is None or not histogram.count:
        return {"count": 0, "mean_us": None, **dict.fromkeys(_PERCENTILES)}
    found = {name: quantile(histogram, share) for name, share in _PERCENTILES.items()}
    return {
        "count": histogram.count,
        "mean_us": divide_half_even(histogram.sum_us, histogram.count),
        **{name: None if value is None else round(value) for name, value in found.items()},
    }


def latency(now: Sequence[Timed], before: Sequence[Timed]) -> dict[str, Any]:
    """Return how long each stage took, beside the period before."""
    present, past = histograms(now), histograms(before)
    return {
        stage: _timed(durations(present.get(stage)), durations(past.get(stage))) for stage in STAGES
    }


def _timed(now: Mapping[str, int | None], before: Mapping[str, int | None]) -> dict[str, Any]:
    changes = {
        f"change_{name}": difference(now[name], before[name]) for name in now if name != "count"
    }
    return {**now, "before": {**before, **changes}}
