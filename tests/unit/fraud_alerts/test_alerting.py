"""The pure rules of alerts: what a reason speaks of, what a spike is, how a count goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import Misconfigured
from paykeel.fraud.alerting import (
    AlertKind,
    Counted,
    Declines,
    Recount,
    Thresholds,
    counts_from,
    dedupe_key,
    message_of,
    reason_of,
    reasons_of,
    recount,
)
from paykeel.fraud.stored import built_in_stored

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIMITS = Thresholds(
    window=10 * MINUTE,
    lookback=15 * MINUTE,
    rows_max=1_000,
    final_after=MINUTE,
    velocity_min=10,
    card_testing_min=5,
    tampering_min=1,
    decline_window=5 * MINUTE,
    declines_min=20,
    decline_percent_min=20,
    decline_factor=2,
)
ALERT = Counted(
    merchant_id=UUID(int=1),
    alert_id=UUID(int=2),
    kind="velocity_burst",
    dedupe_key="velocity_burst:buyer_rate",
    facts={"count_min": 10},
    first_at=AT,
    last_at=AT,
    count=1,
    counted=0,
    counted_to=AT,
    told=0,
    acknowledged_at=None,
    found=0,
    found_final=0,
    found_first_at=None,
    found_last_at=None,
    newest=None,
)


def test_the_default_rules_speak_of_what_they_count() -> None:
    assert reasons_of(built_in_stored().document) == {
        "card_declines": AlertKind.CARD_TESTING,
        "card_testing": AlertKind.CARD_TESTING,
        "buyer_rate": AlertKind.VELOCITY_BURST,
        "buyer_daily_amount": AlertKind.VELOCITY_BURST,
    }


@pytest.mark.parametrize(
    ("when", "action", "kind"),
    [
        ("velocity.tries >= 3", "block", AlertKind.VELOCITY_BURST),
        ("velocity.cards >= 3", "block", AlertKind.CARD_TESTING),
        ("velocity.tries >= 3 && velocity.noes > 1", "block", AlertKind.CARD_TESTING),
        ("velocity.noes >= 3", "review", None),
        ("payment.amount > 3", "block", None),
        ('buyer.id == "velocity.noes"', "block", None),
        ("velocity.tries_known", "block", None),
        ("[1].all(x, x > 0)", "block", None),
    ],
)
def test_a_reason_is_read_off_the_rule(when: str, action: str, kind: AlertKind | None) -> None:
    document = {
        "velocities": {
            "tries": {"aggregate": "count", "outcome": "attempted"},
            "cards": {"aggregate": "distinct", "of": "card", "outcome": "attempted"},
            "noes": {"aggregate": "count", "outcome": "declined"},
        },
        "rules": [{"when": when, "action": action, "reason": "r"}],
    }
    assert reasons_of(document).get("r") is kind


def test_of_two_rules_with_one_reason_the_one_about_cards_counts() -> None:
    velocities = {
        "tries": {"aggregate": "count", "outcome": "attempted"},
        "noes": {"aggregate": "count", "outcome": "declined"},
    }
    rules = [
        {"when": f"velocity.{name} > 3", "action": "block", "reason": "r"} for name in velocities
    ]
    for ordered in (rules, rules[::-1]):
        kinds = reasons_of({"velocities": velocities, "rules": ordered})
        assert kinds == {"r": AlertKind.CARD_TESTING}


@pytest.mark.parametrize(
    ("seen", "spike"),
    [
        (Declines(20, 100, 60, 600), False),  # A fifth, and a tenth before: just short of twice.
        (Declines(21, 100, 60, 600), True),
        (Declines(19, 19, 0, 600), False),  # Too few.
        (Declines(20, 101, 0, 6_000), False),  # Less than a fifth.
        (Declines(20, 20, 0, 0), True),  # All of it, and no past.
        (Declines(20, 21, 0, 0), False),
        (Declines(20, 0, 0, 0), True),  # The attempts were made before.
        (Declines(50, 50, 500, 600), False),  # It was always like this.
    ],
)
def test_a_spike_is_many_and_far_more_than_before(seen: Declines, *, spike: bool) -> None:
    assert seen.is_spike(LIMITS) is spike


@given(*(st.integers(0, 10**9) for _ in range(4)))
def test_a_spike_is_the_formula(declines: int, attempts: int, before: int, tries: int) -> None:
    share = Fraction(declines, max(attempts, declines, 1))
    usual = Fraction(before + 1, max(tries, before) + 2)
    expected = declines >= 20 and share >= Fraction(20, 100) and share >= 2 * usual
    assert Declines(declines, attempts, before, tries).is_spike(LIMITS) is expected


def test_each_kind_has_its_threshold() -> None:
    assert {kind: LIMITS.count_min(kind) for kind in AlertKind} == {
        AlertKind.VELOCITY_BURST: 10,
        AlertKind.CARD_TESTING: 5,
        AlertKind.DECLINE_SPIKE: 20,
        AlertKind.AMOUNT_TAMPERING: 1,
    }


def test_a_look_reaches_as_far_as_its_windows() -> None:
    with pytest.raises(Misconfigured) as caught:
        replace(LIMITS, window=16 * MINUTE)
    assert caught.value.code == "alert_lookback_too_short"
    with pytest.raises(Misconfigured):
        replace(LIMITS, decline_window=16 * MINUTE)


def test_an_alert_counts_its_window_and_nothing_that_was_acknowledged() -> None:
    assert counts_from(AT, 10 * MINUTE, None) == AT - 10 * MINUTE
    assert counts_from(AT, 10 * MINUTE, AT - 20 * MINUTE) == AT - 10 * MINUTE
    after = counts_from(AT, 10 * MINUTE, AT - MINUTE)
    assert after == AT - MINUTE + timedelta(microseconds=1)


def test_keys_are_kind_and_reason() -> None:
    for kind, reason in (("velocity_burst", "buyer_rate"), ("decline_spike", None)):
        assert reason_of(dedupe_key(kind, reason)) == reason


def found(alert: Counted, count: int, final: int = 0, **changes: Any) -> Counted:
    return replace(
        alert,
        found=count,
        found_final=final,
        found_first_at=AT + MINUTE if count else None,
        found_last_at=AT + 2 * MINUTE if count else None,
        **changes,
    )


def after(was: Counted, now: Recount) -> Counted:
    """What the next pass reads."""
    return replace(
        was,
        first_at=now.first_at,
        last_at=now.last_at,
        count=now.count,
        counted=now.counted,
        counted_to=now.counted_to,
        told=now.told,
    )


def test_it_is_told_when_it_opens_and_whenever_it_doubles() -> None:
    was, told = ALERT, []
    for count in range(10, 100):
        now = recount(found(was, count), AT)
        if now.event is not None:
            told.append((now.event, now.count))
        was = after(was, now)
    assert told == [("opened", 10), ("doubled", 20), ("doubled", 40), ("doubled", 80)]


def test_nothing_is_told_of_what_was_acknowledged() -> None:
    was = replace(ALERT, told=10, acknowledged_at=AT + MINUTE)
    now = recount(found(was, 100), AT)
    assert (now.event, now.count, now.told) == (None, 100, 10)


def test_a_look_that_is_repeated_changes_nothing() -> None:
    first = recount(found(ALERT, 10), AT)
    again = recount(found(after(ALERT, first), 10), AT)
    assert replace(again, event="opened") == first
    assert again.event is None


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=30),
    st.lists(st.integers(0, 30), max_size=10).map(sorted),
)
def test_what_becomes_final_is_counted_once(minutes: list[int], borders: list[int]) -> None:
    """However the border moves on between looks, the count is the sum."""
    was, begin = ALERT, 0
    for border in borders:
        final = sum(minutes[begin:border])
        now = recount(found(was, sum(minutes[begin:]), final), AT + border * MINUTE)
        assert now.count == max(1, sum(minutes))
        assert now.counted_to == AT + border * MINUTE
        was, begin = after(was, now), border


def test_its_times_are_those_of_what_it_counts() -> None:
    opened = recount(found(ALERT, 10), AT)
    assert (opened.first_at, opened.last_at) == (AT + MINUTE, AT + 2 * MINUTE)
    later = after(ALERT, opened)
    early = replace(found(later, 11), found_first_at=AT - MINUTE)
    assert recount(early, AT).first_at == AT - MINUTE
    # What is final is out of sight, and keeps its time.
    assert recount(found(later, 3), AT).first_at == AT + MINUTE
    assert recount(found(later, 0), AT).last_at == AT + 2 * MINUTE


def test_the_newest_replace_what_was_named_before() -> None:
    now = recount(found(ALERT, 10, newest=("a", "b")), AT)
    assert now.facts == {"count_min": 10, "newest": ["a", "b"]}
    assert recount(replace(ALERT, facts=now.facts), AT).facts == now.facts


def test_the_message_says_what_goes_on_and_names_no_buyer() -> None:
    now = recount(found(ALERT, 10), AT)
    assert message_of(ALERT, now) == {
        "event": "opened",
        "alert_id": str(ALERT.alert_id),
        "kind": "velocity_burst",
        "reason": "buyer_rate",
        "count": 10,
        "first_at": "2026-11-23T09:31:00.000000Z",
        "last_at": "2026-11-23T09:32:00.000000Z",
        "facts": {"count_min": 10},
    }
