"""Periods, and their pieces by the clock of a place: minutes to months. Pure.

Pieces begin where the clock on the wall says so. So a day has 23 or 25 hours when the clocks are
changed, and where they are changed by half an hour, that hour is told as two pieces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from paykeel.errors import InvalidField
from paykeel.metrics.levels import DAY, HOUR, Watermarks, day_of, hour_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: One answer has at most so many pieces.
POINTS_MAX = 120
#: Ten years.
PERIOD_DAYS_MAX = 3_660
#: From this length on, `30d` without an end begin with a whole hour, so that no minutes of it are
#: read.
ROUNDED_DAYS_MIN = 2
#: Nothing was counted before.
FIRST_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)
_LAST_YEAR = 9_000
_MINUTE = timedelta(minutes=1)
EVERYTHING_KEPT = Watermarks()
_ZONE_CHARACTERS_MAX = 64

_AGO = re.compile(r"([1-9][0-9]{0,6})([mhdw])", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MINUTES = {"m": 1, "h": 60, "d": 1_440, "w": 10_080}


class Interval(StrEnum):
    """How long a piece is."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


#: None of them is ever shorter than this, so that pieces can be estimated before they are cut.
_SHORTEST = {
    Interval.MINUTE: _MINUTE,
    Interval.HOUR: timedelta(minutes=60),
    Interval.DAY: timedelta(hours=24),
    Interval.WEEK: timedelta(days=7),
    Interval.MONTH: timedelta(days=28),
}


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since`` up to, not including, ``until``: whole minutes, in UTC."""

    since: datetime
    until: datetime

    @property
    def before(self) -> Period | None:
        """The period of equal length that ends where this one begins; nothing before all time."""
        length = self.until - self.since
        if self.since - length < FIRST_INSTANT:
            return None
        return Period(self.since - length, self.since)


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone of the IANA database.

    Raises:
        InvalidField: ``time_zone_unknown``.

    >>> read_zone("Asia/Kolkata").key
    'Asia/Kolkata'
    """
    if len(name) <= _ZONE_CHARACTERS_MAX:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise InvalidField(
        "time_zone", "time_zone_unknown", "Use a name of the IANA database, like Europe/Berlin."
    )


def read_moment(text: str, name: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return a whole minute: an instant, a local day or time, or how long before now.

    Raises:
        InvalidField: ``moment_malformed`` or ``moment_out_of_range``.

    >>> now = datetime(2026, 11, 23, 9, 30, 20, tzinfo=UTC)
    >>> read_moment("1h", "since", now, ZoneInfo("UTC")).isoformat()
    '2026-11-23T08:30:00+00:00'
    >>> read_moment("2026-11-23", "since", now, ZoneInfo("Europe/Berlin")).isoformat()
    '2026-11-22T23:00:00+00:00'
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            moment = now - int(ago[1]) * _MINUTES[ago[2]] * _MINUTE
        elif _DAY.fullmatch(text):
            moment = midnight(date.fromisoformat(text), zone)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if ago is None:
            raise InvalidField(
                name,
                "moment_malformed",
                "Write 2026-11-23, 2026-11-23T09:30:00Z (in a query a + is %2B) or 7d.",
            ) from error
        moment = datetime.min.replace(tzinfo=UTC)
    if moment < FIRST_INSTANT or moment.year > _LAST_YEAR:
        raise InvalidField(name, "moment_out_of_range", f"From {FIRST_INSTANT:%Y} to {_LAST_YEAR}.")
    return moment.replace(second=0, microsecond=0)


def read_period(
    since: str,
    until: str | None,
    now: datetime,
    zone: ZoneInfo,
    known: Watermarks = EVERYTHING_KEPT,
) -> Period:
    """Return the period that two texts say; up to and with the running minute when no end is said.

    Without an end, its ends are whole hours (days) where it or the one before it reaches back to
    where minutes (hours) are kept no longer: ``known`` says so.

    Raises:
        InvalidField: What :func:`read_moment` raises, ``period_empty`` or ``period_too_long``.
    """
    end = now + _MINUTE if until is None else now
    last = end.replace(second=0, microsecond=0)
    if until is not None:
        last = read_moment(until, "until", now, zone)
    # `7d` without an end are the seven days that end now.
    first = read_moment(since, "since", last if _AGO.fullmatch(since) else now, zone)
    if first >= last:
        raise InvalidField("since", "period_empty", "The period must begin before it ends.")
    if last - first > timedelta(days=PERIOD_DAYS_MAX):
        raise InvalidField("since", "period_too_long", f"At most {PERIOD_DAYS_MAX} days.")
    if until is None:
        return _rounded(first, last, known, open_since=_AGO.fullmatch(since) is not None)
    return Period(first, last)


def _rounded(first: datetime, last: datetime, known: Watermarks, *, open_since: bool) -> Period:
    """Give a period such ends as are kept of it and of the one before it."""
    if open_since and last - first >= timedelta(days=ROUNDED_DAYS_MIN):
        first = hour_of(first)
    reaches = first - (last - first)
    if known.hours_from is not None and reaches < known.hours_from:
        unit, start = DAY, day_of
    elif known.minutes_from is not None and reaches < known.minutes_from:
        unit, start = HOUR, hour_of
    else:
        return Period(first, last)
    if open_since:
        first = start(first)
    return Period(max(FIRST_INSTANT, first), start(last - _MINUTE) + unit)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins; where midnight is left out, the first instant after it."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _next_hour(at: datetime, zone: ZoneInfo) -> datetime:
    local = at.astimezone(zone)
    end = at + timedelta(minutes=60 - local.minute)
    if end.astimezone(zone).minute == 0:
        return end
    # The clocks are changed meanwhile by less than an hour: that is where this piece ends.
    offset = local.utcoffset()
    while at < end and at.astimezone(zone).utcoffset() == offset:
        at += _MINUTE
    return at


def _next_day(at: datetime, zone: ZoneInfo, interval: Interval) -> datetime:
    day = at.astimezone(zone).date()
    match interval:
        case Interval.WEEK:
            day += timedelta(days=7 - day.weekday())
        case Interval.MONTH:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            day += timedelta(days=1)
    end = midnight(day, zone)
    while end <= at:
        # A day that was left out altogether: where the date line was moved.
        day += timedelta(days=1)
        end = midnight(day, zone)
    return end


def next_start(at: datetime, interval: Interval, zone: ZoneInfo) -> datetime:
    """Return when the piece after the one that holds ``at`` begins.

    >>> at = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    >>> next_start(at, Interval.HOUR, ZoneInfo("Asia/Kolkata")).isoformat()
    '2026-11-23T10:30:00+00:00'
    """
    match interval:
        case Interval.MINUTE:
            return at.replace(second=0, microsecond=0) + _MINUTE
        case Interval.HOUR:
            return _next_hour(at, zone)
        case _:
            return _next_day(at, zone, interval)


def _starts(period: Period, interval: Interval, zone: ZoneInfo) -> Iterator[datetime]:
    at = period.since
    while at < period.until:
        yield at
        at = next_start(at, interval, zone)


def boundaries(period: Period, interval: Interval, zone: ZoneInfo) -> list[datetime]:
    """Return where the pieces begin, and last where the period ends; the first may be cut short.

    Raises:
        InvalidField: ``too_many_points``; it names an interval that would do, if there is one.
    """
    found = _cut(period, interval, zone)
    if found is not None:
        return found
    fits = fitting(period, zone)
    if _cut(period, fits, zone) is None:
        raise InvalidField(
            "since",
            "too_many_points",
            f"At most {POINTS_MAX} points, and there are more by the {fits}. Ask for a shorter "
            "period.",
        )
    raise InvalidField(
        "interval",
        "too_many_points",
        f"At most {POINTS_MAX} points; interval={fits} gives fewer.",
    )


def _cut(period: Period, interval: Interval, zone: ZoneInfo) -> list[datetime] | None:
    found: list[datetime] = []
    for at in _starts(period, interval, zone):
        if len(found) == POINTS_MAX:
            return None
        found.append(at)
    return [*found, period.until]


def fitting(period: Period, zone: ZoneInfo, points_max: int = POINTS_MAX) -> Interval:
    """Return the shortest interval by which a period has few enough pieces; months if none.

    >>> fitting(Period(FIRST_INSTANT, FIRST_INSTANT + timedelta(days=7)), ZoneInfo("UTC"))
    <Interval.DAY: 'day'>
    """
    length = period.until - period.since
    for interval in Interval:
        if length > points_max * _SHORTEST[interval] * 2:
            continue
        found = _cut(period, interval, zone)
        if found is not None and len(found) - 1 <= points_max:
            return interval
    return Interval.MONTH


def is_whole(start: datetime, end: datetime, interval: Interval, zone: ZoneInfo) -> bool:
    """Say whether a piece is one from end to end, and was not cut short by the period."""
    if next_start(start, interval, zone) != end:
        return False
    return next_start(start - timedelta(minutes=1), interval, zone) == start
