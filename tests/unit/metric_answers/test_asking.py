"""Questions: what is left out has a default, and what is wrong is told by its field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from paykeel.errors import InvalidField
from paykeel.metrics.asking import (
    POINTS_USUAL_MAX,
    SETTLED_AFTER_S,
    VALUES_MAX,
    Asked,
    GroupBy,
    ask,
)
from paykeel.metrics.periods import Interval

NOW = datetime(2026, 11, 23, 9, 30, 20, tzinfo=UTC)


def test_what_is_left_out_is_a_week_in_utc_by_the_day() -> None:
    question = ask(NOW)
    assert question.interval is Interval.DAY
    assert question.zone.key == "UTC"
    assert question.period.until - question.period.since == timedelta(days=7)
    assert len(question.cuts) - 1 <= POINTS_USUAL_MAX
    assert question.group_by is None
    assert question.head()["filters"] == {"role": None, "currency": None, "gateway": None}


def test_the_watermark_is_never_after_the_period() -> None:
    assert ask(NOW).as_of == NOW - timedelta(seconds=SETTLED_AFTER_S)
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
