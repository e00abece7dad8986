"""Which levels a series is read from, and what is summed up next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidField
from paykeel.metrics.levels import DAY, HOUR, Level, Watermarks, cover, day_of, hour_of
from paykeel.metrics.rollup import GRACE, STEP, next_stretch

START = datetime(2026, 3, 28, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
UNIT = {Level.MINUTE: MINUTE, Level.HOUR: HOUR, Level.DAY: DAY}
MOMENTS = st.integers(0, 12 * 24 * 60).map(lambda minutes: START + minutes * MINUTE)
HOURS = st.integers(0, 12 * 24).map(lambda hours: START + hours * HOUR)
DAYS = st.integers(0, 12).map(lambda days: START + days * DAY)


@st.composite
def marks(draw: st.DrawFn) -> Watermarks:
    """Any watermark, or none."""
    if draw(st.booleans()):
        return Watermarks()
    hours_to = draw(HOURS)
    late = draw(st.none() | HOURS)
    return Watermarks(hours_to, day_of(hours_to), late)


BOUNDARIES = st.lists(MOMENTS, min_size=2, max_size=6, unique=True).map(sorted)


@given(BOUNDARIES, marks())
def test_every_minute_is_covered_exactly_once(
    boundaries: list[datetime], known: Watermarks
) -> None:
    spans = cover(boundaries, known)
    for place, (since, until) in enumerate(pairwise(boundaries)):
        mine = [span for span in spans if span.place == place]
        assert mine[0].since == since
        assert mine[-1].until == until
        assert all(one.until == other.since for one, other in pairwise(mine))
        assert all(span.since < span.until for span in mine)
    assert {span.place for span in spans} == set(range(len(boundaries) - 1))


@given(BOUNDARIES, marks())
def test_hours_and_days_are_whole_and_summed_up(
    boundaries: list[datetime], known: Watermarks
) -> None:
    for span in cover(boundaries, known):
        if span.level is Level.MINUTE:
            continue
        for end in (span.since, span.until):
            assert end == (hour_of(end) if span.level is Level.HOUR else day_of(end))
        assert known.hours_to is not None
        assert known.days_to is not None
        assert span.until <= (known.hours_to if span.level is Level.HOUR else known.days_to)
        if known.late_from is not None:
            assert span.until <= known.late_from


@given(BOUNDARIES, marks())
def test_the_fewest_rows_are_read(boundaries: list[datetime], known: Watermarks) -> None:
    """No span holds a whole bucket of the next level that could have been read instead."""
    late = known.late_from or datetime.max.replace(tzinfo=UTC)
    for span in cover(boundaries, known):
        for finer, coarser, to in (
            (Level.MINUTE, Level.HOUR, known.hours_to),
            (Level.HOUR, Level.DAY, known.days_to),
        ):
            if span.level is finer and to is not None:
                unit = UNIT[coarser]
                first = START + -((START - span.since) // unit) * unit
                assert first + unit > min(span.until, to, late)


def test_a_month_is_read_from_days_and_its_ends_from_hours_and_minutes() -> None:
    known = Watermarks(START + 30 * DAY, START + 30 * DAY)
    since = START + timedelta(hours=13, minutes=20)
    levels = [span.level for span in cover([since, since + 29 * DAY], known)]
    assert levels == [Level.MINUTE, Level.HOUR, Level.DAY, Level.HOUR, Level.MINUTE]


@pytest.mark.parametrize(
    ("zone", "levels"),
    [
        ("Asia/Kolkata", {Level.MINUTE, Level.HOUR}),
        ("Europe/Berlin", {Level.HOUR}),
        ("UTC", {Level.DAY}),
    ],
)
def test_a_local_day_is_read_from_what_its_zone_allows(zone: str, levels: set[Level]) -> None:
    midnight = datetime(2026, 4, 2, tzinfo=ZoneInfo(zone))
    known = Watermarks(START + 30 * DAY, START + 30 * DAY)
    spans = cover([midnight, midnight + DAY], known)
    assert {span.level for span in spans} == levels


GONE = Watermarks(
    START + 10 * DAY, START + 10 * DAY, minutes_from=START + 5 * DAY, hours_from=START + 2 * DAY
)


@pytest.mark.parametrize(
    ("since", "needed"),
    [
        (START + 5 * DAY - MINUTE, "whole hours"),
        (START + 3 * DAY + MINUTE, "whole hours"),
        (START + DAY + HOUR, "whole days"),
    ],
)
def test_what_was_removed_is_refused_with_what_would_do(since: datetime, needed: str) -> None:
    with pytest.raises(InvalidField, match=needed) as caught:
        cover([since, START + 9 * DAY], GONE)
    assert caught.value.code == "metrics_resolution_gone"


@pytest.mark.parametrize(
    "since", [START, START + 3 * DAY + HOUR, START + 5 * DAY, START + 5 * DAY + MINUTE]
)
def test_what_is_kept_is_read(since: datetime) -> None:
    assert cover([since, START + 9 * DAY], GONE)[0].since == since


@pytest.mark.parametrize("wrong", [[START, START], [START + DAY, START]])
def test_boundaries_grow(wrong: list[datetime]) -> None:
    with pytest.raises(ValueError, match="grow"):
        cover(wrong, Watermarks())


def test_an_hour_waits_until_it_has_been_over_for_a_while() -> None:
    known = Watermarks(START, START)
    assert next_stretch(known, START + HOUR + GRACE - MINUTE) is None
    stretch = next_stretch(known, START + HOUR + GRACE)
    assert stretch is not None
    assert (stretch.until, stretch.hours_to) == (START + HOUR, START + HOUR)
    assert next_stretch(Watermarks(), START) is None


@given(HOURS, st.none() | HOURS, st.none() | DAYS, MOMENTS)
def test_summing_up_ends_with_everything_that_is_over_and_leaves_out_nothing(
    hours_to: datetime, late: datetime | None, removed: datetime | None, at: datetime
) -> None:
    first = Watermarks(
        hours_to, day_of(hours_to), late and min(late, hours_to),
        minutes_from=removed and min(removed, day_of(hours_to)),
    )  # fmt: skip
    known, hours, days = first, set(), set()
    for _ in range(40):
        stretch = next_stretch(known, at)
        if stretch is None:
            break
        assert stretch.until - stretch.since <= STEP
        hours |= buckets(stretch.since, stretch.until, HOUR)
        days |= buckets(stretch.days_since, stretch.days_until, DAY)
        known = Watermarks(stretch.hours_to, stretch.days_to, stretch.late_from, known.minutes_from)
    target = max(hours_to, hour_of(at - GRACE))
    assert known == Watermarks(target, day_of(target), None, first.minutes_from)
    since = hours_to if first.late_from is None else min(first.late_from, hours_to)
    since = since if first.minutes_from is None else max(since, first.minutes_from)
    if target > hours_to or first.late_from is not None:
        assert hours >= buckets(since, target, HOUR)
        assert days >= {day_of(hour) for hour in hours if day_of(hour) < day_of(target)}
    if first.minutes_from is not None:
        assert all(hour >= first.minutes_from for hour in hours)


def buckets(since: datetime, until: datetime, unit: timedelta) -> set[datetime]:
    return {since + number * unit for number in range(max((until - since) // unit, 0))}
