"""Rows become datums, and nothing is counted under a name that is not its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from paykeel.metrics.histogram import BOUNDS_US, PLACE_MAX, place_of
from paykeel.metrics.sinks.datums import Datum, fold, late, representative_us
from paykeel.metrics.sinks.dimensions import parse_sets
from tests.unit.metric_sinks.samples import AT, CAPTURED, FAILED, LAG, NEXT, TOOK, row, timed

ALL = parse_sets("none,gateway,reason")


def values(datums: list[Datum]) -> dict[tuple[str, ...], int]:
    return {(one.metric, *(label for _, label in one.labels)): one.value for one in datums}


def test_rows_are_added_up_for_each_set() -> None:
    rows = [
        row(captured=300, count=2),
        row(captured=50, gateway="south", buyer_role="operator"),
        row("failed", reason="card_declined", count=3),
        row("", event_type="payment.opened", count=9),
        row("", event_type="payment.refunded", refunded=20),
        row("blocked", event_type="payment.blocked", reason="too_fast"),
    ]
    found = values(fold(rows, [], ALL))
    assert found["purchases_succeeded", "live"] == 3
    assert found["purchases_succeeded", "live", "north"] == 2
    assert found["purchases_failed", "live", "card_declined"] == 3
    # One that is blocked at once has begun, too.
    assert found["purchases_opened", "live"] == 10
    assert found["purchases_blocked", "live", "too_fast"] == 1
    assert found["amount_captured", "live", "EUR"] == 350
    assert found["amount_refunded", "live", "EUR"] == 20
    assert not [key for key in found if key[0] == "purchases_succeeded" and "none" in key]


def test_minutes_modes_and_currencies_are_never_mixed() -> None:
    rows = [
        row(captured=1),
        row(captured=2, bucket=NEXT),
        row(captured=4, mode="test"),
        row(captured=8, currency="JPY"),
    ]
    found = [one for one in fold(rows, [], ALL[:1]) if one.metric == "amount_captured"]
    assert [one.value for one in found] == [8, 4, 1, 2] or len(found) == 4
    assert {(one.minute, one.labels): one.value for one in found} == {
        (AT, (("mode", "live"), ("currency", "EUR"))): 1,
        (NEXT, (("mode", "live"), ("currency", "EUR"))): 2,
        (AT, (("mode", "test"), ("currency", "EUR"))): 4,
        (AT, (("mode", "live"), ("currency", "JPY"))): 8,
    }


def test_minutes_come_in_order() -> None:
    found = fold([row(bucket=NEXT), row()], [timed(100, bucket=NEXT), timed(100)], ALL)
    assert [one.minute for one in found] == sorted(one.minute for one in found)


def test_durations_are_merged() -> None:
    rows = [timed(100, 5), timed(100, 2, buyer_role="operator"), timed(120)]
    (found,) = fold([], rows, parse_sets("none"))
    assert (found.places, found.value, found.sum_us) == (((100, 7), (120, 1)), 8, 8_000)


def test_what_is_stored_is_what_was_made() -> None:
    for datum in (FAILED, CAPTURED, TOOK, LAG):
        # A database gives the keys back in an order of its own.
        stored = json.loads(json.dumps(datum.document(), sort_keys=True))
        assert Datum.read(stored) == datum


def test_a_place_is_stood_for_by_a_duration_inside_of_it() -> None:
    found = {place: representative_us(place) for place in range(8, PLACE_MAX + 1)}
    for place, us in found.items():
        # Among the first doublings there are places that hold no whole number.
        if place == PLACE_MAX or BOUNDS_US[place] > BOUNDS_US[place - 1]:
            assert place_of(us) == place
    assert representative_us(0) == 1


def test_what_was_prepared_is_not_late() -> None:
    datums = fold([row()], [timed(100)], ALL)
    assert late(datums, datums) == ([], {})


@given(
    some.lists(some.tuples(some.integers(1, 9), some.integers(0, 99), some.booleans())),
    some.integers(0, 20),
)
def test_what_was_prepared_and_what_came_late_are_the_whole(
    counts: list[tuple[int, int, bool]], cut: int
) -> None:
    rows = [
        row("succeeded" if good else "failed", count=count, captured=money, reason="")
        for count, money, good in counts
    ]
    places = [timed(100 + count, count) for count, _, _ in counts]
    early = fold(rows[:cut], places[:cut], ALL)
    whole = fold(rows, places, ALL)
    added, before = late(whole, early)
    sums: dict[tuple[object, ...], int] = {}
    timings: dict[tuple[object, ...], int] = {}
    for one in (*early, *added):
        key = (one.series, one.minute)
        sums[key] = sums.get(key, 0) + one.value
        timings[key] = timings.get(key, 0) + one.sum_us
    assert sums == {(one.series, one.minute): one.value for one in whole}
    assert timings == {(one.series, one.minute): one.sum_us for one in whole}
    for one in added:
        known = [old for old in early if old.series == one.series]
        samples = sum(old.value if old.places else 1 for old in known)
        assert before[one.series, one.minute] == samples


def test_a_minute_that_was_empty_is_late_as_a_whole() -> None:
    fresh = fold([row(bucket=AT + timedelta(minutes=3))], [], ALL[:1])
    added, before = late(fresh, [])
    assert added == fresh
    assert set(before.values()) == {0}
    assert added[0].minute == datetime(2026, 11, 23, 12, 3, tzinfo=UTC)
