"""Periods and their pieces: where clocks are changed, days are left out, and too much is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidField
from paykeel.metrics.periods import (
    FIRST_INSTANT,
    PERIOD_DAYS_MAX,
    POINTS_MAX,
    ROUNDED_DAYS_MIN,
    Interval,
    Period,
    boundaries,
    fitting,
    is_whole,
    read_moment,
    read_period,
    read_zone,
)

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 23, 9, 30, 20, tzinfo=UTC)
ZONES = [
    "UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/Havana", "Pacific/Apia",
]  # fmt: skip


def local(zone: str, interval: Interval, since: str, until: str) -> list[str]:
    """The pieces of a period that is given in UTC, by the clock on the wall."""
    clock = read_zone(zone)
    period = Period(datetime.fromisoformat(since), datetime.fromisoformat(until))
    return [
        at.astimezone(clock).strftime("%d %H:%M %z") for at in boundaries(period, interval, clock)
    ]


def test_days_have_23_and_25_hours_when_the_clocks_are_changed() -> None:
    assert local(
        "Europe/Berlin", Interval.DAY, "2026-03-28T23:00+00:00", "2026-03-30T22:00+00:00"
    ) == ["29 00:00 +0100", "30 00:00 +0200", "31 00:00 +0200"]
    assert local(
        "Europe/Berlin", Interval.DAY, "2026-10-24T22:00+00:00", "2026-10-26T23:00+00:00"
    ) == ["25 00:00 +0200", "26 00:00 +0100", "27 00:00 +0100"]


def test_the_hour_that_comes_twice_is_two_pieces() -> None:
    assert local(
        "Europe/Berlin", Interval.HOUR, "2026-10-24T23:00+00:00", "2026-10-25T02:00+00:00"
    ) == ["25 01:00 +0200", "25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]


def test_half_an_hour_of_summer_time_cuts_an_hour() -> None:
    assert local(
        "Australia/Lord_Howe", Interval.HOUR, "2026-04-04T14:00+00:00", "2026-04-04T16:30+00:00"
    ) == ["05 01:00 +1100", "05 01:30 +1030", "05 02:00 +1030", "05 03:00 +1030"]
    assert local(
        "Australia/Lord_Howe", Interval.HOUR, "2026-10-03T14:30+00:00", "2026-10-03T17:00+00:00"
    ) == ["04 01:00 +1030", "04 02:30 +1100", "04 03:00 +1100", "04 04:00 +1100"]


def test_a_change_in_the_middle_of_an_hour_ends_its_piece() -> None:
    # On 4 May 2018 it was midnight in Pyongyang right after 23:30.
    assert local(
        "Asia/Pyongyang", Interval.HOUR, "2018-05-04T14:30+00:00", "2018-05-04T16:00+00:00"
    ) == ["04 23:00 +0830", "05 00:00 +0900", "05 01:00 +0900"]


def test_zones_that_are_off_by_half_an_hour_have_their_own_hours_and_days() -> None:
    assert local(
        "Asia/Kolkata", Interval.HOUR, "2026-11-20T03:00+00:00", "2026-11-20T05:00+00:00"
    ) == ["20 08:30 +0530", "20 09:00 +0530", "20 10:00 +0530", "20 10:30 +0530"]
    assert local(
        "Asia/Kolkata", Interval.DAY, "2026-11-20T18:30+00:00", "2026-11-22T18:30+00:00"
    ) == ["21 00:00 +0530", "22 00:00 +0530", "23 00:00 +0530"]


def test_a_day_that_was_left_out_has_no_piece() -> None:
    assert local(
        "Pacific/Apia", Interval.DAY, "2011-12-29T10:00+00:00", "2011-12-31T10:00+00:00"
    ) == ["29 00:00 -1000", "31 00:00 +1400", "01 00:00 +1400"]


def test_a_midnight_that_was_left_out_begins_its_day_later() -> None:
    assert local(
        "America/Sao_Paulo", Interval.DAY, "2018-11-03T03:00+00:00", "2018-11-05T02:00+00:00"
    ) == ["03 00:00 -0300", "04 01:00 -0200", "05 00:00 -0200"]


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    assert local(
        "Europe/Berlin", Interval.WEEK, "2026-10-20T10:00+00:00", "2026-11-02T23:00+00:00"
    ) == ["20 12:00 +0200", "26 00:00 +0100", "02 00:00 +0100", "03 00:00 +0100"]
    assert local(
        "Europe/Berlin", Interval.MONTH, "2026-01-31T23:00+00:00", "2026-03-31T22:00+00:00"
    ) == ["01 00:00 +0100", "01 00:00 +0100", "01 00:00 +0200"]


@given(
    st.sampled_from(ZONES),
    st.sampled_from(Interval),
    st.integers(0, 14_000_000),
    st.integers(1, POINTS_MAX * 60),
)
def test_pieces_cover_the_period_without_gap_or_overlap(
    zone: str, interval: Interval, start: int, length: int
) -> None:
    since = FIRST_INSTANT + timedelta(minutes=start)
    period = Period(since, since + timedelta(minutes=length))
    clock = read_zone(zone)
    chosen = fitting(period, clock)
    cuts = boundaries(period, max(chosen, interval, key=list(Interval).index), clock)
    assert (cuts[0], cuts[-1]) == (period.since, period.until)
    assert cuts == sorted(set(cuts))
    assert len(cuts) - 1 <= POINTS_MAX
    assert all(at.second == 0 for at in cuts)


def test_120_pieces_are_the_most_and_the_error_says_which_would_fit() -> None:
    period = Period(FIRST_INSTANT, FIRST_INSTANT + timedelta(hours=POINTS_MAX))
    assert len(boundaries(period, Interval.HOUR, UTC_ZONE)) == POINTS_MAX + 1
    longer = Period(period.since, period.until + timedelta(minutes=1))
    with pytest.raises(InvalidField) as refused:
        boundaries(longer, Interval.HOUR, UTC_ZONE)
    assert (refused.value.field, refused.value.code) == ("interval", "too_many_points")
    assert "interval=day" in refused.value.message


def test_a_piece_says_whether_it_is_whole() -> None:
    day = FIRST_INSTANT
    next_day = day + timedelta(days=1)
    assert is_whole(day, next_day, Interval.DAY, UTC_ZONE)
    assert not is_whole(day + timedelta(hours=1), next_day, Interval.DAY, UTC_ZONE)
    assert not is_whole(day, next_day - timedelta(minutes=1), Interval.DAY, UTC_ZONE)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("90m", "UTC", "2026-11-23T08:00:00+00:00"),
        ("2w", "UTC", "2026-11-09T09:30:00+00:00"),
        ("2026-11-23", "Asia/Kolkata", "2026-11-22T18:30:00+00:00"),
        ("2026-11-23T09:30", "Europe/Berlin", "2026-11-23T08:30:00+00:00"),
        ("2026-11-23T09:30:59.9+01:00", "UTC", "2026-11-23T08:30:00+00:00"),
        ("2026-11-23T09:30:00Z", "Europe/Berlin", "2026-11-23T09:30:00+00:00"),
    ],
)
def test_a_moment_is_read_to_the_minute(text: str, zone: str, expected: str) -> None:
    assert read_moment(text, "since", NOW, read_zone(zone)).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("yesterday", "moment_malformed"),
        ("", "moment_malformed"),
        ("0d", "moment_malformed"),
        ("2026-02-30", "moment_malformed"),
        ("2026-13-01T00:00:00Z", "moment_malformed"),
        ("1999-12-31", "moment_out_of_range"),
        ("9999999w", "moment_out_of_range"),
        ("9999-01-01", "moment_out_of_range"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, code: str) -> None:
    with pytest.raises(InvalidField) as refused:
        read_moment(text, "since", NOW, UTC_ZONE)
    assert (refused.value.field, refused.value.code) == ("since", code)


def test_a_period_ends_with_the_running_minute() -> None:
    period = read_period("36h", None, NOW, UTC_ZONE)
    assert period.until.isoformat() == "2026-11-23T09:31:00+00:00"
    assert period.until - period.since == timedelta(hours=36)
    assert period.before == Period(period.since - timedelta(hours=36), period.since)


def test_a_long_period_begins_with_a_whole_hour() -> None:
    period = read_period(f"{ROUNDED_DAYS_MIN}d", None, NOW, UTC_ZONE)
    assert period.since.isoformat() == "2026-11-21T09:00:00+00:00"
    assert period.until.isoformat() == "2026-11-23T09:31:00+00:00"
    # What was asked for to the minute stays as it was asked for.
    exact = read_period("2025-11-23T09:17Z", None, NOW, UTC_ZONE)
    assert exact.since.minute == 17
    ended = read_period("400d", "2026-11-23T09:17Z", NOW, UTC_ZONE)
    assert (ended.since.minute, ended.until.minute) == (17, 17)


def test_how_long_ago_counts_from_the_end() -> None:
    period = read_period("1d", "2026-11-02", NOW, ZoneInfo("Europe/Berlin"))
    assert period.since.isoformat() == "2026-10-31T23:00:00+00:00"


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        ("2026-11-23", "2026-11-23", "period_empty"),
        ("2026-11-24", None, "period_empty"),
        (f"{PERIOD_DAYS_MAX + 1}d", None, "period_too_long"),
    ],
)
def test_a_period_has_limits(since: str, until: str | None, code: str) -> None:
    with pytest.raises(InvalidField) as refused:
        read_period(since, until, NOW, UTC_ZONE)
    assert (refused.value.field, refused.value.code) == ("since", code)
    before = read_period(f"{PERIOD_DAYS_MAX}d", None, NOW, UTC_ZONE).before
    assert before is not None
    assert before.since >= FIRST_INSTANT
    assert Period(FIRST_INSTANT, NOW).before is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "/etc/passwd", "../UTC", "x" * 65])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidField) as refused:
        read_zone(name)
    assert refused.value.code == "time_zone_unknown"
