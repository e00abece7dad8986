"""Questions: what is left out has a default, and what is wrong is told by its field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from paykeel.errors import InvalidField
from paykeel.metrics.asking import (
    POINTS_USUAL_MAX,
    SETTLED_AFTER,
    VALUES_MAX,
    Asked,
    GroupBy,
    ask,
)
from paykeel.metrics.levels import Watermarks, cover
from paykeel.metrics.periods import Interval

NOW = datetime(2026, 11, 23, 9, 30, 20, tzinfo=UTC)


def test_what_is_left_out_is_a_week_in_utc_by_the_day() -> None:
    question = ask(NOW)
    assert question.interval is Interval.DAY
    assert question.zone.key == "UTC"
    assert question.period.until - question.period.since == timedelta(days=7, minutes=31)
    assert question.comparison == question.period.before
    assert question.comparison_missing is None
    assert len(question.cuts) - 1 <= POINTS_USUAL_MAX
    assert question.group_by is None
    assert question.head()["filters"] == {"role": None, "currency": None, "gateway": None}


def test_the_watermark_is_never_after_the_period() -> None:
    assert ask(NOW).as_of == NOW - SETTLED_AFTER
    slow = timedelta(minutes=3)
    assert ask(NOW, settled_after=slow).as_of == NOW - slow
    ended = ask(NOW, Asked(since="1d", until="2026-11-23"))
    assert ended.as_of == ended.period.until
    assert ended.head()["as_of"] == "2026-11-23T00:00:00.000000Z"


def test_filters_are_lists_with_commas() -> None:
    question = ask(NOW, Asked(role="agent", currency="EUR, JPY,EUR", gateway="stripe"))
    assert question.filters.currencies == ("EUR", "JPY")
    assert question.head()["filters"] == {
        "role": ["agent"],
        "currency": ["EUR", "JPY"],
        "gateway": ["stripe"],
    }


@pytest.mark.parametrize(
    ("asked", "field", "code"),
    [
        (Asked(role="buyer"), "role", "choice_unknown"),
        (Asked(role=""), "role", "choice_unknown"),
        (Asked(currency="eur"), "currency", "currency_unknown"),
        (Asked(currency="XAU"), "currency", "currency_not_tender"),
        (Asked(gateway="a b"), "gateway", "name_malformed"),
        (Asked(interval="year"), "interval", "choice_unknown"),
        (Asked(interval="minute"), "interval", "too_many_points"),
        (Asked(group_by="reason"), "group_by", "choice_unknown"),
        (Asked(group_by="buyer_id"), "group_by", "choice_unknown"),
        (Asked(time_zone="Nowhere"), "time_zone", "time_zone_unknown"),
        (Asked(gateway=",".join(f"g{n}" for n in range(VALUES_MAX + 1))), "gateway",
         "filter_too_long"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_field(asked: Asked, field: str, code: str) -> None:
    with pytest.raises(InvalidField) as refused:
        ask(NOW, asked, (GroupBy.ROLE, GroupBy.CURRENCY))
    assert (refused.value.field, refused.value.code) == (field, code)


DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


def kept(minutes_days: int, hours_days: int) -> Watermarks:
    """What is left when so many days of minutes and hours are kept, and all is summed up."""
    return Watermarks(
        hours_to=NOW.replace(minute=0, second=0),
        days_to=MIDNIGHT,
        minutes_from=MIDNIGHT - minutes_days * DAY,
        hours_from=MIDNIGHT - hours_days * DAY,
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (Asked(since="2000-01-01", until="2001-01-01"), "before_first_instant"),
        # There would be a month of it, which is not a period of equal length.
        (Asked(since="2000-02-01", until="2000-06-01"), "before_first_instant"),
        (Asked(since="2026-11-22T09:10Z", until="2026-11-23T09:00Z"), "metrics_resolution_gone"),
    ],
)
def test_what_cannot_be_compared_is_told_without_a_comparison(asked: Asked, reason: str) -> None:
    question = ask(NOW, asked, known=kept(1, 400))
    assert (question.comparison, question.comparison_missing) == (None, reason)
    assert question.both == [question.period.since, question.period.until]
    assert (question.head()["comparison"], question.head()["comparison_missing"]) == (None, reason)


@pytest.mark.parametrize("since", ["1d", "2d", "7d", "30d", "365d"])
@pytest.mark.parametrize(("minutes_days", "hours_days"), [(2, 2), (2, 10), (7, 60), (400, 1_830)])
def test_periods_without_an_end_suit_what_is_kept(
    since: str, minutes_days: int, hours_days: int
) -> None:
    known = kept(minutes_days, hours_days)
    question = ask(NOW, Asked(since=since), known=known)
    assert question.comparison_missing is None
    cover([datetime(1999, 12, 31, tzinfo=UTC), *question.both], known)
    assert question.period.since <= NOW - int(since[:-1]) * DAY + timedelta(minutes=1)
    assert question.period.until > NOW


def test_only_a_series_is_cut() -> None:
    ten_years = Asked(since="3650d")
    assert ask(NOW, ten_years, cut=False).cuts == ()
    with pytest.raises(InvalidField) as refused:
        ask(NOW, ten_years)
    assert (refused.value.field, refused.value.code) == ("since", "too_many_points")
    assert "shorter" in str(refused.value)
    with pytest.raises(InvalidField) as refused:
        ask(NOW, Asked(since="3000d", interval="day"))
    assert (refused.value.field, refused.value.code) == ("interval", "too_many_points")
    assert "interval=month" in str(refused.value)
