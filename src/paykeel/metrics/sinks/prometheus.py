"""Prometheus: the totals of all time in its text format, read from the rollups when it asks.

A counter is what the database holds, so that it survives every restart, is the same from whichever
process it is read, and never goes down. Durations are given in a place for each doubling: theirs
are eight of ours each, and no count moves from one to another.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from paykeel.metrics.catalogue import CATALOGUE, MODE, SINK, Kind, Unit
from paykeel.metrics.gauges import by_mode, read_gauges
from paykeel.metrics.histogram import PLACE_MAX, PLACES_PER_DOUBLING
from paykeel.metrics.reading import read_latencies, read_series
from paykeel.metrics.sinks.datums import MINUTE, Counted, Datum, Timed, fold, gauge
from paykeel.metrics.sinks.dimensions import union
from paykeel.metrics.sinks.states import SQL, minute_of, sink_states

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.metrics import reading
    from paykeel.metrics.sinks.dimensions import DimensionSet

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Before anything was counted.
EVER = datetime(2000, 1, 1, tzinfo=UTC)
_SECONDS_US = 1_000_000
_UNITS = {
    Unit.COUNT: "",
    Unit.MINOR_UNITS: "_minor_units",
    Unit.SECONDS: "_seconds",
    Unit.MICROSECONDS: "_seconds",
}
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


async def read_merchants(
    database: Database, modes: Iterable[str], merchants_max: int
) -> tuple[dict[UUID, str], int]:
    """Return the oldest merchants of some modes with their modes, and how many are left out."""
    rows = await database.fetch(SQL["scraped_merchants"], modes=list(modes), rows_max=merchants_max)
    found = {row["merchant_id"]: row["mode"] for row in rows}
    return found, (rows[0]["merchants"] - len(found) if rows else 0)


async def read_totals(
    database: Database, merchants: Mapping[UUID, str], sets: Sequence[DimensionSet]
) -> list[Datum]:
    """Return the totals of all time of some merchants, whose modes are given."""
    at = minute_of(database.now())
    # The minute that has begun is counted as far as it is known.
    span = (EVER, at + MINUTE)
    counted: list[Counted] = []
    timed: list[Timed] = []
    for merchant_id, mode in merchants.items():
        rows = await read_series(database, merchant_id, span)
        counted += (_counted(row, at, mode, merchant_id) for row in rows)
        durations = await read_latencies(database, merchant_id, span)
        timed += (_timed(row, at, mode, merchant_id) for row in durations)
    return fold(counted, timed, union(sets))


def _counted(row: reading.Counted, at: datetime, mode: str, merchant_id: UUID) -> Counted:
    return Counted(
        bucket=at,
        mode=mode,
        merchant_id=merchant_id,
        event_type=row.event_type,
        outcome=row.outcome,
        buyer_role=row.buyer_role,
        currency=row.currency,
        gateway=row.gateway,
        reason=row.reason,
        count=row.count,
        captured=row.captured,
        refunded=row.refunded,
    )


def _timed(row: reading.Timed, at: datetime, mode: str, merchant_id: UUID) -> Timed:
    return Timed(
        bucket=at,
        mode=mode,
        merchant_id=merchant_id,
        stage=row.stage,
        buyer_role=row.buyer_role,
        gateway=row.gateway,
        place=row.bucket_place,
        count=row.count,
        sum_us=row.sum_us,
    )


async def read_now(database: Database, modes: Iterable[str], lag: timedelta) -> list[Datum]:
    """Return the gauges of the whole installation."""
    at = minute_of(database.now())
    found = by_mode(await read_gauges(database))
    return [
        *(
            gauge(name, at, value, **{MODE: mode})
            for mode in modes
            for name, value in found[mode].items()
        ),
        *(
            gauge("sink_lag", at, state.lag_s(lag), **{SINK: state.sink})
            for state in await sink_states(database)
        ),
    ]


def render(datums: Iterable[Datum]) -> str:
    """Write datums in the text format, each metric with its meaning and type.

    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> print(render([Datum("amount_captured", (("mode", "live"),), at, 5)]), end="")
    # HELP paykeel_amount_captured_minor_units_total Money taken from buyers: gross revenue.
    # TYPE paykeel_amount_captured_minor_units_total counter
    paykeel_amount_captured_minor_units_total{mode="live"} 5
    """
    by_metric: dict[str, list[Datum]] = {}
    for datum in datums:
        by_metric.setdefault(datum.metric, []).append(datum)
    lines: list[str] = []
    for name in CATALOGUE:
        if name in by_metric:
            lines += _lines(name, by_metric[name])
    return "".join(f"{line}\n" for line in lines)


def render_omitted(merchants: int) -> str:
    """Write how many merchants the totals are without, which should be none.

    >>> print(render_omitted(2), end="")
    # HELP paykeel_merchants_omitted Merchants of which this answer does not tell.
    # TYPE paykeel_merchants_omitted gauge
    paykeel_merchants_omitted 2
    """
    name = "paykeel_merchants_omitted"
    meaning = "Merchants of which this answer does not tell."
    return f"# HELP {name} {meaning}\n# TYPE {name} gauge\n{name} {merchants}\n"


def name_of(metric: str) -> str:
    """Return a metric's name by Prometheus's rules: the unit at its end, a counter with _total.

    >>> name_of("purchases_failed"), name_of("latency")
    ('paykeel_purchases_failed_total', 'paykeel_latency_seconds')
    """
    known = CATALOGUE[metric]
    end = "_total" if known.kind is Kind.COUNTER else ""
    return f"paykeel_{metric}{_UNITS[known.unit]}{end}"


def _lines(metric: str, datums: Sequence[Datum]) -> Iterator[str]:
    name, known = name_of(metric), CATALOGUE[metric]
    yield f"# HELP {name} {known.meaning}"
    yield f"# TYPE {name} {known.kind}"
    for datum in datums:
        if known.kind is Kind.HISTOGRAM:
            yield from _histogram(name, datum)
        else:
            yield f"{name}{_labels(datum.labels)} {datum.value}"


def _histogram(name: str, datum: Datum) -> Iterator[str]:
    counts = dict(datum.places)
    total = 0
    for power in range(PLACE_MAX // PLACES_PER_DOUBLING):
        places = range(max(0, 8 * power - 7), 8 * power + 1)
        total += sum(counts.get(place, 0) for place in places)
        bound = Decimal(2**power) / _SECONDS_US
        yield f"{name}_bucket{_labels((*datum.labels, ('le', f'{bound:f}')))} {total}"
    yield f"{name}_bucket{_labels((*datum.labels, ('le', '+Inf')))} {datum.value}"
    yield f"{name}_sum{_labels(datum.labels)} {Decimal(datum.sum_us) / _SECONDS_US:f}"
    yield f"{name}_count{_labels(datum.labels)} {datum.value}"


def _labels(labels: Iterable[tuple[str, str]]) -> str:
    written = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return f"{{{written}}}" if written else ""
