"""Answers on a terminal of 80 columns, and as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.cli.context import DEFAULTS, Output
from paykeel.cli.metrics import showing, tables
from paykeel.merchants import Merchant
from paykeel.metrics import answers
from paykeel.metrics.asking import Asked, GroupBy, ask
from paykeel.metrics.frauds import Stopped, Waiting, fraud, vamp
from paykeel.metrics.levels import Watermarks
from paykeel.metrics.reading import Counted, Timed

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = 80
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
NINE = NOW.replace(minute=0)
MILLIONS = 9_876_543
WAITING = Waiting(
    reviews_open=1,
    reviews_overdue=1,
    reviews_oldest_at=NOW - timedelta(hours=5),
    alerts={"card_testing": 1, "decline_spike": 2},
)
Document = dict[str, Any]


def row(place: int, event: str, outcome: str, **more: Any) -> Counted:
    values: dict[str, Any] = {
        "buyer_role": "agent",
        "currency": "EUR",
        "gateway": "placeholder",
        "reason": "",
        "amount": MILLIONS * 10_000,
        "captured": 0,
        "refunded": 0,
        **more,
    }
    return Counted(place, f"payment.{event}", outcome, count=MILLIONS, **values)


#: As large as figures are ever likely to be.
ROWS = [
    made
    for place in (1, 2)
    for made in (
        row(place, "opened", ""),
        row(place, "opened", "", currency="JPY", buyer_role="operator"),
        row(place, "succeeded", "succeeded", captured=MILLIONS * 10_000),
        row(place, "refunded", "", refunded=MILLIONS * 99),
        row(place, "failed", "failed", reason="authentication_abandoned"),
        row(place, "canceled", "canceled"),
        row(place, "blocked", "blocked", reason="blocked"),
    )
]
TIMED = [
    Timed(place, stage, "agent", "placeholder", 250, MILLIONS, MILLIONS * 10**9)
    for place in (0, 1)
    for stage in ("open", "gateway", "settle", "purchase")
]
QUESTION = ask(NOW, Asked(group_by="role"), tuple(GroupBy))
CHART = answers.timeseries(
    ask(NOW, Asked(since="6h", interval="hour")),
    [replace(one, count=999_999) for one in ROWS],
    TIMED,
)
SUMMARY = {**answers.summary(QUESTION, ROWS, TIMED, WAITING.document(NOW)), "chart": CHART}
FRAUD = fraud(
    QUESTION,
    ROWS,
    [
        Stopped(decision="block", reason="buyer_rate", currency="EUR", count=3, amount=5, seen=4),
        Stopped(decision="block", reason="buyer_rate", currency="JPY", count=1, amount=7, seen=4),
        Stopped(
            decision="refuse", reason="quote_expired", currency=None, count=2, amount=None, seen=4
        ),
    ],
    WAITING,
    vamp(datetime(2026, 11, 1, tzinfo=UTC), ROWS[7:], 1, 2),
)


def drawn(
    show: Callable[[Output, Document], None],
    document: Document,
    printed: pytest.CaptureFixture[str],
) -> str:
    out = Output(DEFAULTS)
    out.console.width = COLUMNS
    show(out, document)
    text = printed.readouterr().out
    assert max(len(line.rstrip()) for line in text.splitlines()) <= COLUMNS
    assert "…" not in text
    return text


def test_large_figures_fit_into_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    page = drawn(showing.summary, SUMMARY, capsys)
    assert "987,654,300.00" in page
    assert "19,753,086" in page
    assert "1 review waits (the oldest for 5.00 h, 1 overdue)" in page
    assert "3 alerts are open (1 of card testing)" in page
    assert "role operator" in page
    assert "gross EUR" in page
    chart = drawn(showing.timeseries, CHART, capsys)
    assert "999,999" in chart
    assert "canceled" in chart
    assert "expired" not in chart
    assert " 11-23 05:00 " in chart
    assert "Why, role agent" in drawn(showing.failures, answers.failures(QUESTION, ROWS), capsys)
    stages = drawn(showing.latency, answers.latencies(QUESTION, TIMED), capsys)
    assert "How long it took, role agent" in stages
    assert "42.5 min" in stages
    stopped = drawn(showing.fraud, FRAUD, capsys)
    assert "0.05 EUR, 7 JPY" in stopped
    assert "quote_expired" in stopped
    assert "threshold 1.50 %" in stopped


def test_nothing_is_shown_as_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    question = ask(NOW)
    empty = answers.summary(question, [], [], Waiting(
        reviews_open=0, reviews_overdue=0, reviews_oldest_at=None, alerts={}
    ).document(NOW))  # fmt: skip
    page = drawn(showing.summary, {**empty, "chart": answers.timeseries(question, [], [])}, capsys)
    assert "no money moved" in page
    assert "0.00 %" not in page
    assert "no review waits" in page
    assert "no alert is open" in page
    by_role = answers.timeseries(ask(NOW, Asked(group_by="role"), tuple(GroupBy)), [], [])
    assert "Nothing happened" in drawn(showing.timeseries, by_role, capsys)


@pytest.mark.parametrize(
    ("asked", "known", "told"),
    [
        (Asked(since="2000-01-01", until="2000-03-01"), Watermarks(), "before 2000"),
        (
            Asked(since="2026-11-23T08:10Z", until="2026-11-23T09:00Z"),
            Watermarks(hours_to=NINE, days_to=NINE, minutes_from=NINE - timedelta(hours=1)),
            "no longer kept",
        ),
    ],
)
def test_what_is_not_compared_is_shown(
    asked: Asked, known: Watermarks, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    question = ask(NOW, asked, known=known)
    waiting = WAITING.document(NOW)
    shop = Merchant(UUID(int=1), "Harbour", "test", "active", "EUR", NOW)
    pages = (
        (showing.summary, tables.summary, answers.summary(question, ROWS, TIMED, waiting)),
        (showing.failures, tables.failures, answers.failures(question, ROWS)),
        (showing.latency, tables.latency, answers.latencies(question, TIMED)),
        (showing.revenue, tables.revenue, answers.revenues(question, ROWS, None)),
        (showing.fraud, tables.fraud, fraud(question, ROWS, [], WAITING, FRAUD["vamp"])),
    )
    for show, lines, document in pages:
        alone = answers.told(question, document)
        assert drawn(show, alone, capsys)
        assert all(
            value is None
            for line in lines(alone)
            for name, value in line.items()
            if "before" in name
        )
        assert told in drawn(lambda out, page: showing.head(out, shop, page), alone, capsys)


def test_what_has_no_rate_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told: Document = {
        "currency": "EUR",
        "exponent": 2,
        "gross": 100,
        "refunds": 0,
        "net": 100,
        "before": {name: {"value": 0, "change": 0, "growth_bp": None}
                   for name in ("gross", "refunds", "net")},
        "not_converted": [{
            "currency": "KWD", "exponent": 3, "gross": 5_000, "refunds": 1_000, "net": 4_000,
            "since": "2026-11-20T00:00:00.000000Z", "until": "2026-11-21T00:00:00.000000Z",
        }],
    }  # fmt: skip
    document = answers.revenues(ask(NOW), ROWS, told)
    page = drawn(showing.revenue, document, capsys)
    assert "KWD" in page
    assert "5.000" in page
    assert [one["group"] for one in tables.revenue(document)] == ["", "reference"]


def test_every_answer_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {(one["group"], one["figure"]): one["value"] for one in tables.summary(SUMMARY)}
    assert facts[("", "begun")] == 3 * MILLIONS
    assert facts[("operator", "begun")] == MILLIONS
    assert facts[("agent", "success_per_attempt_bp")] == 5_000
    reasons = tables.failures(answers.failures(QUESTION, ROWS))
    assert [(one["group"], one["mender"]) for one in reasons] == [("", "buyer"), ("agent", "buyer")]
    stages = tables.latency(answers.latencies(QUESTION, TIMED))
    assert len(stages) == 8
    assert stages[0]["count_before"] == MILLIONS
    assert [tuple(one.values()) for one in tables.fraud(FRAUD)] == [
        ("block", "buyer_rate", 4, "EUR", 5),
        ("block", "buyer_rate", 4, "JPY", 7),
        ("refuse", "quote_expired", 2),
    ]
    points = tables.timeseries(CHART)
    assert (points[2]["gross_EUR"], points[2]["purchase_count"]) == (MILLIONS * 10_000, 0)
    tables.write([{"a": 1, "b": None}, {"a": 'x, "y"', "c": 2}])
    assert capsys.readouterr().out == 'a,b,c\n1,,\n"x, ""y""",,2\n'
