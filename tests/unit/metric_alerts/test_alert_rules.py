"""The pure rules of alerts on metrics: what holds, what is over, and what says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import Misconfigured
from paykeel.metrics.alert_rules import (
    NAMES,
    OVER_TENTHS,
    Attempts,
    Found,
    Observed,
    Rule,
    Thresholds,
    Verdict,
    examine,
    level,
    thresholds_for,
)
from paykeel.metrics.gauges import Gauges

SHOP = UUID(int=1)
LIMITS = Thresholds(
    success_drop_percent=10,
    success_percent_min=0,
    attempts_min=30,
    decline_count_min=20,
    decline_percent_min=10,
    decline_factor=3,
    latency_ms_max=5_000,
    unknown_outcomes_min=1,
    recovery_lag_ms_max=60_000,
    review_backlog_min=50,
    fraud_alerts_min=1,
    sink_lag_ms_max=900_000,
)
QUIET = Gauges(
    merchant_id=SHOP,
    mode="live",
    unknown_outcomes=0,
    unknown_age_ms=0,
    recovery_overdue=0,
    recovery_lag_ms=0,
    reviews_open=0,
    reviews_overdue=0,
    review_age_ms=0,
    fraud_alerts_open=0,
)
#: A rate of 95 % in the hour before.
BEFORE = Attempts(950, 50)
few = st.integers(0, 400)


def rate(
    now: Attempts,
    before: Attempts = BEFORE,
    limits: Thresholds = LIMITS,
    kept: dict[str, Any] | None = None,
) -> Verdict | None:
    """Return what is said of the success rate; nothing: it is no alert."""
    going_on = {} if kept is None else {"success_rate_drop": kept}
    found = examine(Observed(merchant_id=SHOP, now=now, before=before), limits, going_on)
    verdicts = [one.verdict for one in found if one.rule is Rule.SUCCESS_RATE_DROP]
    return verdicts[0] if verdicts else None


def declines(failed: int, of: int, before: int, of_before: int, **facts: Any) -> list[Found]:
    seen = Observed(
        merchant_id=SHOP,
        now=Attempts(of - failed, failed),
        before=Attempts(of_before - before, before),
        reasons={"card_declined": failed},
        reasons_before={"card_declined": before},
    )
    going_on = {"decline_spike:card_declined": facts} if facts else {}
    limits = replace(LIMITS, success_drop_percent=0)
    return examine(seen, limits, going_on)


def test_a_drop_needs_points_and_intervals_that_lie_apart() -> None:
    assert rate(Attempts(70, 30)) is Verdict.HOLDS
    # Ten points, and so few that it may be chance.
    assert rate(Attempts(26, 5), Attempts(95, 5)) is None
    assert rate(Attempts(26, 5), Attempts(9_500, 500)) is Verdict.HOLDS
    # Surely lower, by less than ten points.
    assert rate(Attempts(8_700, 1_300)) is None
    # Few before it: nobody knows what is usual.
    assert rate(Attempts(50, 50), Attempts(29, 0)) is None
    assert rate(Attempts(50, 50), Attempts(30, 0)) is Verdict.HOLDS
    assert rate(Attempts(1, 1)) is None
    assert rate(Attempts(0, 29)) is None
    assert rate(Attempts(0, 30)) is Verdict.HOLDS


@given(now=st.builds(Attempts, few, few), before=st.builds(Attempts, few, few))
def test_no_rate_that_is_as_good_as_before_is_a_drop(now: Attempts, before: Attempts) -> None:
    if now.succeeded * max(before.count, 1) >= before.succeeded * max(now.count, 1):
        assert rate(now, before) is None


def test_what_goes_on_is_compared_with_what_was_before_it() -> None:
    kept = {"before": BEFORE.document()}
    now_bad = Attempts(500, 500)
    assert rate(Attempts(70, 30), now_bad, kept=kept) is Verdict.HOLDS
    assert rate(Attempts(88, 12), now_bad, kept=kept) is Verdict.BETWEEN
    assert rate(Attempts(90, 10), now_bad, kept=kept) is Verdict.OVER
    assert rate(Attempts(10, 10), now_bad, kept=kept) is Verdict.UNSURE


def test_a_floor_holds_whatever_was_before() -> None:
    floor = replace(LIMITS, success_percent_min=80, success_drop_percent=0)
    assert rate(Attempts(50, 50), Attempts(500, 500), floor) is Verdict.HOLDS
    assert rate(Attempts(79, 21), Attempts(), floor) is None
    kept = {"before": Attempts().document()}
    assert rate(Attempts(79, 21), Attempts(), floor, kept) is Verdict.BETWEEN
    assert rate(Attempts(80, 20), Attempts(), floor, kept) is Verdict.OVER


def test_a_spike_needs_a_number_a_share_and_a_past_that_was_better() -> None:
    for failed, of, before, of_before, spike in (
        (20, 100, 60, 1_000, True),
        (19, 100, 60, 1_000, False),
        # A tenth at least.
        (20, 201, 0, 1_000, False),
        (20, 200, 0, 1_000, True),
        # Three times what it was, with (g + 1) / (b + 2).
        (30, 100, 100, 1_000, False),
        (31, 100, 100, 1_000, True),
        # Without a past everything must fail.
        (30, 30, 0, 0, True),
        (30, 31, 0, 0, False),
        (29, 29, 0, 0, False),
    ):
        found = declines(failed, of, before, of_before)
        assert bool(found) is spike, (failed, of, before, of_before)
    (found_one,) = declines(20, 100, 60, 1_000)
    assert (found_one.key, found_one.verdict) == ("decline_spike:card_declined", Verdict.HOLDS)
    assert found_one.facts == {
        "failed": 20, "attempts": 100, "failed_before": 60, "attempts_before": 1_000,
    }  # fmt: skip


def test_a_spike_that_goes_on_keeps_what_was_before_it() -> None:
    kept = {"failed_before": 60, "attempts_before": 1_000}
    verdicts = [declines(failed, 100, 900, 1_000, **kept)[0].verdict for failed in (40, 19, 16, 14)]
    assert verdicts == [Verdict.HOLDS, Verdict.BETWEEN, Verdict.BETWEEN, Verdict.OVER]
    assert declines(1, 10, 0, 0, **kept)[0].verdict is Verdict.UNSURE


@given(value=st.integers(0, 10_000), threshold=st.integers(1, 10_000))
def test_a_level_has_room_between_holding_and_being_over(value: int, threshold: int) -> None:
    verdict = level(value, threshold)
    assert (verdict is Verdict.HOLDS) == (value >= threshold)
    assert (verdict is Verdict.OVER) == (value < threshold and 10 * value <= 8 * threshold)
    assert OVER_TENTHS == 8


@pytest.mark.parametrize(
    ("rule", "field", "threshold"),
    [
        (Rule.UNKNOWN_OUTCOMES, "unknown_outcomes", 1),
        (Rule.RECOVERY_LAG, "recovery_lag_ms", 60_000),
        (Rule.REVIEW_BACKLOG, "reviews_open", 50),
        (Rule.FRAUD_ALERTS, "fraud_alerts_open", 1),
    ],
)
def test_each_level_has_its_threshold(rule: Rule, field: str, threshold: int) -> None:
    def seen(value: int) -> list[Found]:
        changes: dict[str, Any] = {field: value}
        gauges = replace(QUIET, **changes)
        return examine(Observed(merchant_id=SHOP, gauges=gauges), LIMITS, {})

    assert seen(threshold - 1) == []
    (found,) = seen(threshold)
    assert (found.rule, found.subject, found.verdict) == (rule, None, Verdict.HOLDS)
    assert (found.facts["value"], found.facts["threshold"]) == (threshold, threshold)


def test_each_sink_is_looked_at_by_itself() -> None:
    seen = Observed(merchant_id=SHOP, sinks={"emf": 900_000, "otlp": 899_999})
    assert [one.key for one in examine(seen, LIMITS, {})] == ["sink_lag:emf"]


def test_what_is_not_looked_at_any_more_is_over() -> None:
    seen = Observed(merchant_id=SHOP, gauges=replace(QUIET, reviews_open=99))
    off = replace(LIMITS, review_backlog_min=0)
    going_on: dict[str, Any] = {"review_backlog": {}, "sink_lag:gone": {}}
    found = {one.key: one.verdict for one in examine(seen, off, going_on)}
    assert found == {"review_backlog": Verdict.OVER, "sink_lag:gone": Verdict.OVER}
    assert examine(seen, off, {}) == []


def test_a_merchants_own_thresholds_are_named_as_they_are() -> None:
    own = thresholds_for(LIMITS, {"latency_ms_max": 9_000})
    assert own == replace(LIMITS, latency_ms_max=9_000)
    for wrong in ({"latency": 1}, {"latency_ms_max": -1}):
        with pytest.raises(Misconfigured) as refused:
            thresholds_for(LIMITS, wrong)
        assert refused.value.code == "alert_threshold_unknown"
    assert len(NAMES) == 12
