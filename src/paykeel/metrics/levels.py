"""From which level each piece of a period is read: whole days, else whole hours, else minutes.

All in UTC: a local day is put together from whole hours, and where a zone is off by half an hour
(Asia/Kolkata, or Australia/Lord_Howe in winter) from the minutes at its ends as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from paykeel.errors import InvalidField

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Level(StrEnum):
    """How long a row's bucket is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Watermarks:
    """How far a merchant's metrics are summed up, and what was removed; ``None``: nothing is."""

    #: Hours (days) before this instant are summed up.
    hours_to: datetime | None = None
    days_to: datetime | None = None
    #: From this hour on, sums wait to be written anew.
    late_from: datetime | None = None
    #: Minutes (hours) before this instant were removed.
    minutes_from: datetime | None = None
    hours_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive buckets of one level, from ``since`` up to, not including, ``until``."""

    place: int
    level: Level
    since: datetime
    until: datetime


def hour_of(at: datetime) -> datetime:
    """Return the start of the hour in UTC that an instant is in."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(at: datetime) -> datetime:
    """Return the start of the day in UTC that an instant is in."""
    return hour_of(at).replace(hour=0)


def cover(boundaries: Sequence[datetime], watermarks: Watermarks) -> list[Span]:
    """Return what to read: for each place between two boundaries, spans that cover it exactly once.

    Raises:
        InvalidField: ``metrics_resolution_gone``: minutes or hours are needed that were removed.
        ValueError: The boundaries do not grow.
    """
    if any(later <= earlier for earlier, later in pairwise(boundaries)):
        message = "boundaries must grow"
        raise ValueError(message)
    spans = []
    for place, (since, until) in enumerate(pairwise(boundaries)):
        pieces = _pieces(since.astimezone(UTC), until.astimezone(UTC), watermarks)
        spans += [Span(place, level, low, high) for level, low, high in pieces if low < high]
    for span in spans:
        _check(span, watermarks)
    return spans


def _pieces(
    since: datetime, until: datetime, watermarks: Watermarks
) -> Iterator[tuple[Level, datetime, datetime]]:
    """Yield the level of each piece, in order; a piece may be empty."""
    hours_to, days_to = _summed_to(watermarks)
    first_hour, last_hour = _ceil(since, HOUR), hour_of(until)
    if hours_to is not None:
        last_hour = min(last_hour, hours_to)
    if hours_to is None or first_hour >= last_hour:
        yield Level.MINUTE, since, until
        return
    yield Level.MINUTE, since, first_hour
    first_day, last_day = _ceil(first_hour, DAY), day_of(last_hour)
    if days_to is not None:
        last_day = min(last_day, days_to)
    if days_to is None or first_day >= last_day:
        yield Level.HOUR, first_hour, last_hour
    else:
        yield Level.HOUR, first_hour, first_day
        yield Level.DAY, first_day, last_day
        yield Level.HOUR, last_day, last_hour
    yield Level.MINUTE, last_hour, until


def _summed_to(watermarks: Watermarks) -> tuple[datetime | None, datetime | None]:
    """Return before which instants hours and days can be read."""
    late, hours_to, days_to = watermarks.late_from, watermarks.hours_to, watermarks.days_to
    if late is None or hours_to is None or days_to is None:
        return hours_to, days_to
    return min(hours_to, late), min(days_to, day_of(late))


def _ceil(at: datetime, unit: timedelta) -> datetime:
    start = hour_of(at) if unit == HOUR else day_of(at)
    return start if start == at else start + unit


def _check(span: Span, watermarks: Watermarks) -> None:
    """Refuse what would have to be read from buckets that were removed."""
    gone_before, coarser = {
        Level.MINUTE: (watermarks.minutes_from, "whole hours in UTC"),
        Level.HOUR: (watermarks.hours_from, "whole days in UTC"),
        Level.DAY: (None, ""),
    }[span.level]
    if gone_before is not None and span.since < gone_before:
        told = gone_before.astimezone(UTC).isoformat(timespec="minutes")
        raise InvalidField(
            "since",
            "metrics_resolution_gone",
            f"Metrics from before {told} are kept by {coarser} only. Ask for a period and a time "
            "zone whose boundaries are such, or begin later.",
        )
