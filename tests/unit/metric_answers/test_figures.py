"""Figures are reckoned as their formulas say, and currencies are never added up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from paykeel.gateways.port import REASONS
from paykeel.metrics import answers
from paykeel.metrics.asking import GROUPS_MAX, Asked, GroupBy, ask
from paykeel.metrics.figures import durations, tally
from paykeel.metrics.frauds import threshold_bp, vamp
from paykeel.metrics.histogram import Histogram
from paykeel.metrics.reading import Counted, Timed

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
EARLIER, BEFORE, PRESENT = 0, 1, 2


def row(place: int, event: str, outcome: str = "", count: int = 1, **more: Any) -> Counted:
    values: dict[str, Any] = {
        "buyer_role": "agent",
        "currency": "EUR",
        "gateway": "placeholder",
        "reason": "",
        "amount": 100 * count,
        "captured": 0,
        "refunded": 0,
        **more,
    }
    return Counted(
        place=place, event_type=f"payment.{event}", outcome=outcome, count=count, **values
    )


ROWS = [
    row(EARLIER, "opened", count=7),
    row(EARLIER, "succeeded", "succeeded", 5),
    row(BEFORE, "opened", count=10),
    row(BEFORE, "succeeded", "succeeded", 8, captured=800),
    row(BEFORE, "failed", "failed", 2, reason="card_declined"),
    row(PRESENT, "opened", count=20),
    row(PRESENT, "in_review", count=2),
    row(PRESENT, "blocked", "blocked", 3, reason="blocked"),
    row(PRESENT, "succeeded", "succeeded", 12, captured=1_200),
    row(PRESENT, "succeeded", "succeeded", 4, captured=400, currency="JPY"),
    row(PRESENT, "failed", "failed", 3, reason="card_declined"),
    row(PRESENT, "failed", "failed", 1, reason="insufficient_funds"),
    row(PRESENT, "canceled", "canceled", 1),
    row(PRESENT, "expired", "expired", 1),
    # A capture and a refund end nothing, and a purchase that was authorized succeeded then.
    row(PRESENT, "captured", "", 1, captured=50),
    row(PRESENT, "refunded", "", 1, refunded=200),
]


def summed(**asked: str) -> dict[str, Any]:
    question = ask(NOW, Asked(**asked), tuple(GroupBy))
    return answers.summary(question, ROWS, [], {"reviews": {}, "alerts": {}})


def test_both_success_rates_with_what_is_left_out() -> None:
    document = summed()
    attempt, purchase = document["success"]["per_attempt"], document["success"]["per_purchase"]
    assert (attempt["numerator"], attempt["denominator"], attempt["rate_bp"]) == (16, 20, 8_000)
    assert attempt["excluded"] == {"blocked": 3, "canceled": 1, "expired": 1}
    assert (purchase["numerator"], purchase["denominator"], purchase["rate_bp"]) == (16, 25, 6_400)
    assert attempt["before"] == {
        "rate_bp": 8_000,
        "numerator": 8,
        "denominator": 10,
        "change_bp": 0,
    }
    assert document["failure"]["rate_bp"] == 2_000


def test_pending_is_of_all_time() -> None:
    document = summed()
    # 7 + 10 + 25 began, 5 + 10 + 25 concluded.
    assert document["purchases"]["pending"] == 2
    assert document["success"]["per_purchase"]["pending"] == 2
    assert document["purchases"]["begun"] == 25
    assert document["purchases"]["concluded"] == 25


def test_revenue_is_by_currency_and_never_mixed() -> None:
    revenue = {one["currency"]: one for one in summed()["revenue"]}
    assert (revenue["EUR"]["gross"], revenue["EUR"]["refunds"], revenue["EUR"]["net"]) == (
        1_250, 200, 1_050,
    )  # fmt: skip
    assert (revenue["JPY"]["net"], revenue["JPY"]["exponent"]) == (400, 0)
    assert revenue["EUR"]["before"]["gross"] == {"value": 800, "change": 450, "growth_bp": 5_625}
    assert revenue["JPY"]["before"]["gross"]["growth_bp"] is None


def test_every_answer_says_its_period_and_formulas() -> None:
    document = summed(since="1d", time_zone="Asia/Kolkata")
    assert document["period"] == {
        "since": "2026-11-22T09:31:00.000000Z",
        "until": "2026-11-23T09:31:00.000000Z",
    }
    assert document["comparison"]["until"] == document["period"]["since"]
    assert document["time_zone"] == "Asia/Kolkata"
    assert document["as_of"] == "2026-11-23T09:29:20.000000Z"
    assert document["formulas"]["success_per_attempt"].startswith(
        "succeeded / (succeeded + failed)"
    )


def test_groups_add_up_to_the_whole() -> None:
    document = summed(group_by="currency")
    groups = {one["group"]: one for one in document["groups"]}
    assert list(groups) == ["EUR", "JPY"]
    for name in ("begun", "succeeded", "failed", "pending"):
        whole = document["purchases"][name]
        assert sum(one["purchases"][name] for one in groups.values()) == whole, name


def test_only_the_largest_groups_are_shown_and_the_others_counted() -> None:
    rows = [
        row(PRESENT, "opened", count=number + 1, gateway=f"g{number:02}")
        for number in range(GROUPS_MAX + 3)
    ]
    question = ask(NOW, Asked(group_by="gateway"), tuple(GroupBy))
    document = answers.revenues(question, rows, None)
    assert document["groups"] == []
    document = answers.failures(question, rows)
    assert document["groups_left_out"] == 3
    assert [one["group"] for one in document["groups"]][:2] == ["g22", "g21"]


def test_reasons_say_who_can_mend_them() -> None:
    document = answers.failures(ask(NOW), ROWS)
    first, second = document["reasons"]
    assert (first["reason"], first["count"], first["share_bp"]) == ("card_declined", 3, 7_500)
    assert (first["mender"], first["retry_can_help"]) == ("issuer", True)
    assert first["before"] == {"value": 2, "change": 1, "growth_bp": 5_000}
    assert second["amounts"] == [{"currency": "EUR", "exponent": 2, "amount": 100}]
    assert document["menders"] == [
        {"mender": "issuer", "count": 3, "share_bp": 7_500},
        {"mender": "buyer", "count": 1, "share_bp": 2_500},
    ]


def test_every_reason_of_the_port_has_a_mender() -> None:
    rows = [row(PRESENT, "failed", "failed", reason=str(reason)) for reason in REASONS]
    found = answers.failures(ask(NOW), [*rows, row(PRESENT, "failed", "failed", reason="odd")])
    told = {one["reason"]: one["mender"] for one in found["reasons"]}
    assert all(told[str(reason)] == str(facts.mender) for reason, facts in REASONS.items())
    assert told["odd"] is None


def test_an_empty_period_has_nulls_and_no_zero_percent() -> None:
    question = ask(NOW)
    document = answers.summary(question, [], [], {})
    assert document["success"]["per_attempt"]["rate_bp"] is None
    assert document["failure"]["rate_bp"] is None
    assert document["fraud"]["blocked"]["rate_bp"] is None
    assert document["revenue"] == []
    assert document["latency"]["gateway"]["p95_us"] is None
    points = answers.timeseries(question, [], [])["series"][0]["points"]
    assert {point["success_per_attempt_bp"] for point in points} == {None}


def test_a_chart_has_a_point_for_each_piece_also_where_nothing_happened() -> None:
    question = ask(NOW, Asked(since="3h", interval="hour"))
    rows = [
        row(2, "succeeded", "succeeded", 3, captured=300),
        row(2, "failed", "failed", 1, reason="card_declined"),
    ]
    timed = [Timed(2, "purchase", "agent", "placeholder", 160, 4, 4_000_000)]
    points = answers.timeseries(question, rows, timed)["series"][0]["points"]
    assert [point["purchases"]["succeeded"] for point in points] == [0, 0, 3, 0]
    assert [point["whole"] for point in points] == [False, True, True, False]
    assert points[2]["success_per_attempt_bp"] == 7_500
    assert points[2]["revenue"][0]["gross"] == 300
    assert points[2]["latency"]["mean_us"] == 1_000_000
    assert points[1]["latency"]["p95_us"] is None


def test_a_chart_by_reason_has_only_what_ended_badly() -> None:
    question = ask(NOW, Asked(since="3h", interval="hour", group_by="reason"), tuple(GroupBy))
    rows = [
        row(0, "succeeded", "succeeded", 9),
        row(1, "failed", "failed", 2, reason="card_declined"),
    ]
    (line,) = answers.timeseries(question, rows, [])["series"]
    assert line["group"] == "card_declined"
    assert [point["purchases"] for point in line["points"]][1] == {"failed": 2, "blocked": 0}
    assert "success_per_attempt_bp" not in line["points"][0]


def test_durations_are_whole_microseconds() -> None:
    assert durations(Histogram({160: 3}, 2_999_998)) == {
        "count": 3,
        "mean_us": 999_999,
        # Read off the place that ends at 2^20 µs.
        "p50_us": 1_004_120,
        "p95_us": 1_044_043,
        "p99_us": 1_047_668,
    }


def test_vamp_counts_reports_and_disputes_of_what_succeeded() -> None:
    rows = [
        row(0, "succeeded", "succeeded", 1_000),
        row(0, "dispute_opened", count=9),
    ]
    month = vamp(datetime(2026, 11, 1, tzinfo=UTC), rows, 4, 2)
    assert month == {
        "month": "2026-11",
        "fraud_reports": 4,
        "disputes": 11,
        "succeeded": 1_000,
        "ratio_bp": 150,
        "threshold_bp": 150,
        "distance_bp": 0,
    }
    empty = vamp(datetime(2026, 3, 1, tzinfo=UTC), [], 1, 0)
    assert (empty["ratio_bp"], empty["threshold_bp"], empty["distance_bp"]) == (None, 220, None)
    assert threshold_bp(datetime(2025, 5, 31, tzinfo=UTC).date()) is None


def test_an_outcome_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(TypeError):
        tally([row(0, "succeeded", "excellent")])
