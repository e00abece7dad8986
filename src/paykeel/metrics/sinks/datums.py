"""Datums: what one series says of one minute, folded from the rollups and stored as JSON.

Everything here is pure, and every value an integer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isqrt
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.metrics import catalogue
from paykeel.metrics.catalogue import BY_OUTCOME, CATALOGUE, OPENING_EVENTS, Kind
from paykeel.metrics.histogram import BOUNDS_US, PLACE_MAX, Histogram, merge
from paykeel.metrics.sinks.dimensions import layouts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from paykeel.metrics.sinks.dimensions import DimensionSet

MINUTE = timedelta(minutes=1)
#: What a label says where there is nothing to say: an empty value is no value at all.
NOTHING = "none"
LATENCY = "latency"

#: A series: its metric, and its labels in the catalogue's order.
Series = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Datum:
    """What one series says of one minute."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    minute: datetime
    #: Of a counter or a gauge; of a histogram, how many durations there are.
    value: int
    #: Of a histogram: each place that holds anything, in order, with how many.
    places: tuple[tuple[int, int], ...] = ()
    sum_us: int = 0

    @property
    def series(self) -> Series:
        """Which series it is of."""
        return self.metric, self.labels

    @property
    def kind(self) -> Kind:
        """How values of its series are put together."""
        return CATALOGUE[self.metric].kind

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        found: dict[str, Any] = {
            "metric": self.metric,
            "labels": dict(self.labels),
            "minute": self.minute.isoformat(),
            "value": self.value,
        }
        if self.places:
            found |= {"places": [list(pair) for pair in self.places], "sum_us": self.sum_us}
        return found

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Datum:
        """Return what :meth:`document` wrote."""
        metric, labels = document["metric"], document["labels"]
        return cls(
            metric,
            tuple(sorted(labels.items(), key=lambda label: _PLACES[label[0]])),
            datetime.fromisoformat(document["minute"]),
            document["value"],
            tuple((place, count) for place, count in document.get("places", ())),
            document.get("sum_us", 0),
        )


#: In which order labels stand, however JSON gave them back.
_PLACES = {
    name: place
    for place, name in enumerate(
        (catalogue.MODE, catalogue.SINK, catalogue.STAGE, *catalogue.DIMENSIONS)
    )
}


@dataclass(frozen=True, slots=True)
class Counted:
    """One row of the minutes of payments, over all slots."""

    bucket: datetime
    mode: str
    merchant_id: UUID
    event_type: str
    outcome: str
    buyer_role: str
    currency: str
    gateway: str
    reason: str
    count: int
    captured: int
    refunded: int


@dataclass(frozen=True, slots=True)
class Timed:
    """One row of the minutes of durations, over all slots."""

    bucket: datetime
    mode: str
    merchant_id: UUID
    stage: str
    buyer_role: str
    gateway: str
    place: int
    count: int
    sum_us: int


def fold(
    counted: Iterable[Counted], timed: Iterable[Timed], sets: Sequence[DimensionSet]
) -> list[Datum]:
    """Add rows up to one datum for each series and minute, in the order of minutes."""
    made = [*_counters(counted, sets), *_histograms(timed, sets)]
    return sorted(made, key=lambda datum: (datum.minute, datum.metric, datum.labels))


def gauge(name: str, minute: datetime, value: int, **labels: str) -> Datum:
    """Return one sample of a gauge."""
    return Datum(name, tuple(labels.items()), minute, value)


def late(
    fresh: Iterable[Datum], prepared: Iterable[Datum]
) -> tuple[list[Datum], dict[tuple[Series, datetime], int]]:
    """Return what was added to minutes after they were prepared, and what each had before.

    What had been prepared is given as samples: one for a counter, the durations of a histogram.
    """
    known: dict[tuple[Series, datetime], list[Datum]] = {}
    for datum in prepared:
        known.setdefault((datum.series, datum.minute), []).append(datum)
    found, before = [], {}
    for datum in fresh:
        key = (datum.series, datum.minute)
        had = known.get(key, [])
        added = _beyond(datum, had)
        if added is not None:
            found.append(added)
            before[key] = sum(samples(one) for one in had)
    return found, before


def samples(datum: Datum) -> int:
    """Return how many samples a datum is for a sink that counts them."""
    return datum.value if datum.kind is Kind.HISTOGRAM else 1


def representative_us(place: int) -> int:
    """Return the duration that stands for a place: the geometric middle, inside of it.

    >>> representative_us(0), representative_us(8), representative_us(160)
    (1, 2, 1004119)
    """
    if place == 0:
        return 1
    low = BOUNDS_US[place - 1]
    high = BOUNDS_US[place] if place < PLACE_MAX else 2 * low
    return max(isqrt(low * high), low + 1)


def _counters(rows: Iterable[Counted], sets: Sequence[DimensionSet]) -> list[Datum]:
    sums: dict[tuple[Series, datetime], int] = {}
    for row in rows:
        values = _values(row)
        if not values:
            continue
        names = {
            catalogue.MODE: row.mode,
            catalogue.MERCHANT: str(row.merchant_id),
            catalogue.ROLE: row.buyer_role,
            catalogue.CURRENCY: row.currency,
            catalogue.GATEWAY: row.gateway,
            catalogue.REASON: row.reason,
        }
        for metric, value in values.items():
            for series in _series(metric, names, sets):
                key = (series, row.bucket)
                sums[key] = sums.get(key, 0) + value
    return [Datum(*series, minute, value) for (series, minute), value in sums.items()]


def _values(row: Counted) -> dict[str, int]:
    values = {}
    if row.event_type in OPENING_EVENTS:
        values["purchases_opened"] = row.count
    if row.outcome:
        values[BY_OUTCOME[row.outcome]] = row.count
    if row.captured:
        values["amount_captured"] = row.captured
    if row.refunded:
        values["amount_refunded"] = row.refunded
    return values


def _histograms(rows: Iterable[Timed], sets: Sequence[DimensionSet]) -> list[Datum]:
    parts: dict[tuple[Series, datetime], list[Histogram]] = {}
    for row in rows:
        names = {
            catalogue.MODE: row.mode,
            catalogue.MERCHANT: str(row.merchant_id),
            catalogue.ROLE: row.buyer_role,
            catalogue.GATEWAY: row.gateway,
            catalogue.STAGE: row.stage,
        }
        for series in _series(LATENCY, names, sets):
            part = Histogram({row.place: row.count}, row.sum_us)
            parts.setdefault((series, row.bucket), []).append(part)
    return [
        _of_histogram(series, minute, merge(found)) for (series, minute), found in parts.items()
    ]


def _of_histogram(series: Series, minute: datetime, whole: Histogram) -> Datum:
    places = tuple(sorted((place, count) for place, count in whole.counts.items() if count))
    return Datum(*series, minute, whole.count, places, whole.sum_us)


def _series(
    metric: str, names: Mapping[str, str], sets: Sequence[DimensionSet]
) -> Iterable[Series]:
    for layout in layouts(CATALOGUE[metric], sets):
        labels = sorted(((name, names[name] or NOTHING) for name in layout), key=_in_order)
        yield metric, tuple(labels)


def _in_order(label: tuple[str, str]) -> int:
    return _PLACES[label[0]]


def _beyond(datum: Datum, had: Sequence[Datum]) -> Datum | None:
    """Return by how much a datum is more than what was prepared; nothing when it is not."""
    if not datum.places:
        more = datum.value - sum(one.value for one in had)
        return None if more == 0 else Datum(*datum.series, datum.minute, more)
    before = merge(Histogram(dict(one.places), one.sum_us) for one in had)
    places = {place: count - before.counts.get(place, 0) for place, count in datum.places}
    if not any(places.values()):
        return None
    return _of_histogram(
        datum.series, datum.minute, Histogram(places, datum.sum_us - before.sum_us)
    )
