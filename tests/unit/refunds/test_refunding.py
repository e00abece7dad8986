"""What the gateway's answer does to a refund: every answer, at every stage."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from paykeel.db.sql import load
from paykeel.gateways.port import (
    Authorized,
    Declined,
    DeclineReason,
    NotSent,
    Outcome,
    Pending,
    RequiresAction,
    Succeeded,
    Unknown,
)
from paykeel.money import Money
from paykeel.payments.model import Event
from paykeel.payments.moves import Close, Decision, Defer, Move, apply
from paykeel.payments.refund_answers import compose_refund_answer, refund_answer
from paykeel.payments.refunding import (
    AFTER_EVENT,
    REFUND_TRANSITIONS,
    RefundStatus,
    said_id,
)
from paykeel.payments.rules import decide
from paykeel.payments.states import Status
from paykeel.payments.steps import step_for
from tests.unit.payments import ACTION, AMOUNT, OPENED_AT, OUTCOMES, WAITS, attempt, payment

REFUND, ANOTHER = UUID(int=3), UUID(int=4)
PART = 400
GIVEN = Succeeded(Money(PART, "EUR"), "g_2")
REFUSED = Declined(DeclineReason.PROCESSING_ERROR, "x17")
TOLD = {"id": str(REFUND), "amount": PART, "currency": "EUR"}


def event(kind: str, refund_id: UUID | None = REFUND, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "sequence": 3,
        "type": kind,
        "from_status": "succeeded",
        "to_status": "succeeded",
        "amount": PART,
        "authorized_delta": 0,
        "captured_delta": 0,
        "refunded_delta": 0,
        "late_delta": 0,
        "reason": None,
        "actor": "request",
        "data": {},
        "occurred_at": OPENED_AT,
        "refund_id": refund_id,
        **changes,
    }
    return Event(**values)


def sent(**changes: Any) -> Any:
    """The attempt that sends a refund of a part."""
    return attempt("refund", **{"amount": PART, "refund_id": REFUND, "data": TOLD, **changes})


def ended(outcome: str = "succeeded") -> Any:
    return sent(state="done", outcome=outcome, finished_at=OPENED_AT)


def asked(*kinds: str, **changes: Any) -> Any:
    """A payment of which a part is asked for, with this history."""
    values: dict[str, Any] = {
        "amount_refund_reserved": PART,
        "timeline": tuple(event(kind) for kind in ("payment.refund_sent", *kinds)),
        **changes,
    }
    return payment(Status.SUCCEEDED, **values)


def move(decision: Decision) -> Move:
    assert isinstance(decision, Move), decision
    return decision


def test_what_is_given_back_is_booked_and_no_longer_reserved() -> None:
    done = move(decide(asked(), sent(), GIVEN, WAITS))
    assert (done.event_type, done.refunded_delta, done.reserved_delta) == (
        "payment.refunded", PART, -PART,
    )  # fmt: skip
    assert (done.refund_id, done.refund_status, done.gateway_id) == (REFUND, "succeeded", "g_2")
    assert (done.to_status, done.alarm, done.attempt_state) == ("succeeded", False, "done")


def test_what_is_refused_is_no_longer_reserved() -> None:
    done = move(decide(asked(), sent(), REFUSED, WAITS))
    assert (done.event_type, done.refunded_delta, done.reserved_delta) == (
        "payment.refund_failed", 0, -PART,
    )  # fmt: skip
    assert (done.refund_status, done.reason, done.code) == ("failed", "processing_error", "x17")


@pytest.mark.parametrize(
    "outcome",
    [
        Unknown("timeout"),
        NotSent("connection_refused"),
        Pending("g_2"),
        RequiresAction(ACTION),
        Authorized(Money(PART, "EUR")),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_silence_keeps_it_reserved_and_watched(outcome: Outcome) -> None:
    later = decide(asked(), sent(), outcome, WAITS)
    assert isinstance(later, Defer)
    assert (later.state, later.recover_ms, later.alarm) == ("open", WAITS.again_ms, False)


OTHER_AMOUNTS = [Money(PART + 1, "EUR"), Money(PART - 1, "EUR"), Money(PART, "USD")]


@pytest.mark.parametrize("amount", OTHER_AMOUNTS)
def test_another_amount_is_an_alarm_and_nothing_is_booked(amount: Money) -> None:
    found = decide(asked(), sent(), Succeeded(amount), WAITS)
    assert isinstance(found, Defer)
    assert found.alarm
    assert found.outcome.startswith("amount mismatch: asked 400, gateway says ")
    assert said_id(sent(outcome=found.outcome)) is None


@pytest.mark.parametrize(
    "name", ["re_1", "as many\nlines", "x" * 130, "x" * 255, "half \ud800", None]
)
def test_what_the_gateway_said_of_another_amount_outlives_its_silence(name: str | None) -> None:
    found = decide(asked(), sent(), Succeeded(OTHER_AMOUNTS[0], name), WAITS)
    assert isinstance(found, Defer)
    told = sent(outcome=found.outcome)
    # An id is kept whole or not at all.
    short = {"re_1": "re_1", "as many\nlines": "as many\nlines", "half \ud800": "half ?"}
    assert said_id(told) == (name if name == "x" * 130 else short.get(name or ""))
    for silence in (Unknown("timeout"), NotSent("connection_refused"), Pending("g_2")):
        later = decide(asked(), told, silence, WAITS)
        assert later == Defer("open", found.outcome, WAITS.again_ms)
    assert move(decide(asked(), told, GIVEN, WAITS)).event_type == "payment.refunded"
    assert move(decide(asked(), told, REFUSED, WAITS)).event_type == "payment.refund_failed"


@pytest.mark.parametrize("amount", OTHER_AMOUNTS)
@pytest.mark.parametrize(
    ("end", "noted_as"),
    [
        ("payment.refund_failed", "payment.refund_unbooked"),
        ("payment.refunded", "payment.refund_contradicted"),
        ("payment.refund_late", "payment.refund_contradicted"),
    ],
)
def test_another_amount_after_the_end_is_noted_once(end: str, noted_as: str, amount: Money) -> None:
    now = asked(end, amount_refund_reserved=0, amount_refunded=PART)
    noted = move(decide(now, ended(), Succeeded(amount, "g_9"), WAITS))
    assert (noted.event_type, noted.refunded_delta, noted.refund_status, noted.alarm) == (
        noted_as, 0, None, True,
    )  # fmt: skip
    assert noted.data == {
        "said_amount": amount.minor, "said_currency": amount.currency, "said_id": "g_9",
    }  # fmt: skip
    again = replace(now, timeline=(*now.timeline, event(noted_as)))
    assert decide(again, ended(), Succeeded(amount, "g_9"), WAITS) == Close("repeated")


def test_what_a_person_settled_with_another_amount_is_what_the_gateway_may_repeat() -> None:
    now = asked("payment.refund_sent", amount_refund_reserved=0, amount_refunded=PART - 1)
    settled = event("payment.refunded", amount=PART - 1)
    now = replace(now, timeline=(*now.timeline, settled))
    assert decide(now, ended(), Succeeded(OTHER_AMOUNTS[1]), WAITS) == Close("repeated")
    noted = move(decide(now, ended(), GIVEN, WAITS))
    assert (noted.event_type, noted.data["said_amount"]) == ("payment.refund_contradicted", PART)


@pytest.mark.parametrize("after", ["payment.refunded", "payment.refund_late"])
def test_what_was_given_back_is_given_back_once(after: str) -> None:
    now = asked(after, amount_refunded=PART, amount_refund_reserved=0)
    assert decide(now, ended(), GIVEN, WAITS) == Close("repeated")


def test_what_was_refused_and_is_given_back_after_all_is_booked_with_an_alarm() -> None:
    now = asked("payment.refund_failed", amount_refund_reserved=0)
    late = move(decide(now, ended("declined"), GIVEN, WAITS))
    assert (late.event_type, late.refunded_delta, late.reserved_delta, late.alarm) == (
        "payment.refund_late", PART, 0, True,
    )  # fmt: skip
    assert (late.refund_status, late.gateway_id) == ("succeeded", "g_2")


@pytest.mark.parametrize(
    ("refunded", "reserved", "books"),
    [
        (AMOUNT - PART, 0, True),
        (AMOUNT - PART - 1, 1, True),
        (AMOUNT - PART, 1, False),
        (AMOUNT - PART + 1, 0, False),
        (0, AMOUNT - PART + 1, False),
        (AMOUNT, 0, False),
    ],
)
def test_it_is_booked_late_only_where_there_is_room(
    refunded: int, reserved: int, *, books: bool
) -> None:
    now = asked("payment.refund_failed", amount_refunded=refunded, amount_refund_reserved=reserved)
    late = move(decide(now, ended("declined"), GIVEN, WAITS))
    assert late.event_type == ("payment.refund_late" if books else "payment.refund_unbooked")
    assert (late.refunded_delta, late.reserved_delta) == (PART if books else 0, 0)
    assert (late.refund_status, late.alarm) == ("succeeded" if books else None, True)


def test_what_cannot_be_booked_is_noted_once() -> None:
    now = asked(
        "payment.refund_failed", "payment.refund_unbooked", amount_refunded=AMOUNT,
        amount_refund_reserved=0,
    )  # fmt: skip
    assert decide(now, ended("declined"), GIVEN, WAITS) == Close("repeated")


def test_a_refusal_of_what_was_given_back_is_noted_once() -> None:
    now = asked("payment.refunded", amount_refunded=PART, amount_refund_reserved=0)
    noted = move(decide(now, ended(), REFUSED, WAITS))
    assert (noted.event_type, noted.refunded_delta, noted.reserved_delta, noted.alarm) == (
        "payment.refund_contradicted", 0, 0, True,
    )  # fmt: skip
    assert noted.refund_status is None
    again = asked(
        "payment.refunded", "payment.refund_contradicted", amount_refunded=PART,
        amount_refund_reserved=0,
    )  # fmt: skip
    assert decide(again, ended(), REFUSED, WAITS) == Close("repeated")


def test_what_was_booked_as_made_there_is_not_booked_late() -> None:
    """The gateway had refused it, then told of it by itself, and now calls it ours."""
    there = event("payment.refund_outside", ANOTHER, data={"gateway_refund": "g_2"})
    now = asked("payment.refund_failed", amount_refund_reserved=0, amount_refunded=PART)
    now = replace(now, timeline=(there, *now.timeline))
    noted = move(decide(now, ended("declined"), GIVEN, WAITS))
    assert (noted.event_type, noted.refunded_delta, noted.alarm) == (
        "payment.refund_contradicted", 0, True,
    )  # fmt: skip
    for other in (Succeeded(GIVEN.amount, "g_3"), Succeeded(GIVEN.amount)):
        late = move(decide(now, ended("declined"), other, WAITS))
        assert late.event_type == "payment.refund_late"


@pytest.mark.parametrize(
    ("booked", "said", "event_type"),
    [
        (PART, Succeeded(GIVEN.amount), "payment.refund_unbooked"),
        (PART, Succeeded(GIVEN.amount, "g_3"), "payment.refund_late"),
        (PART + 1, Succeeded(GIVEN.amount), "payment.refund_late"),
    ],
)
def test_what_has_no_id_is_not_booked_beside_what_it_may_be(
    booked: int, said: Succeeded, event_type: str
) -> None:
    """The gateway had refused it, then told of a refund by itself; that may be this one."""
    there = event("payment.refund_outside", ANOTHER, amount=booked, data={"gateway_refund": "g_2"})
    now = asked("payment.refund_failed", amount_refund_reserved=0, amount_refunded=booked)
    now = replace(now, timeline=(*now.timeline, there))
    late = move(decide(now, ended("declined"), said, WAITS))
    assert (late.event_type, late.alarm) == (event_type, True)
    assert late.refunded_delta == (PART if event_type == "payment.refund_late" else 0)


def test_another_refund_of_the_payment_says_nothing_of_this_one() -> None:
    """One was given back, and this one had been refused: it is not repeated, but late."""
    others = (event("payment.refunded", ANOTHER), event("payment.refund_unbooked", ANOTHER))
    now = asked("payment.refund_failed", amount_refund_reserved=0, amount_refunded=PART)
    now = replace(now, timeline=(*others, *now.timeline))
    assert move(decide(now, ended("declined"), GIVEN, WAITS)).event_type == "payment.refund_late"


@pytest.mark.parametrize("name", [name for name in OUTCOMES if not name.startswith("succeeded")])
def test_what_is_no_news_of_an_ended_refund_changes_nothing(name: str) -> None:
    refused = asked("payment.refund_failed", amount_refund_reserved=0)
    assert decide(refused, ended("declined"), OUTCOMES[name], WAITS) == Close("repeated")


def test_no_answer_takes_a_refund_where_it_may_not_go() -> None:
    """From each history, each answer leads along an edge, and keeps the sum."""
    histories: dict[str, tuple[Any, Any]] = {
        "pending": (asked(), sent()),
        "succeeded": (
            asked("payment.refunded", amount_refunded=PART, amount_refund_reserved=0), ended(),
        ),
        "failed": (
            asked("payment.refund_failed", amount_refund_reserved=0), ended("declined"),
        ),
    }  # fmt: skip
    answers = [GIVEN, REFUSED, *OUTCOMES.values()]
    for status, (now, one) in histories.items():
        for outcome in answers:
            decision = decide(now, one, outcome, WAITS)
            if not isinstance(decision, Move):
                continue
            if decision.refund_status is not None:
                assert decision.refund_status in REFUND_TRANSITIONS[status]
                assert AFTER_EVENT[decision.event_type] == decision.refund_status
            else:
                assert decision.event_type not in AFTER_EVENT
            then = apply(now, decision, "request", now.updated_at)
            assert 0 <= then.amount_refunded + then.amount_refund_reserved <= then.amount_captured
            assert min(then.amount_refunded, then.amount_refund_reserved) >= 0
            # What the payment itself came to stays as it is.
            assert (then.status, then.failure_reason, then.gateway_id, then.finished_at) == (
                now.status, now.failure_reason, now.gateway_id, now.finished_at,
            )  # fmt: skip


def test_why_a_refund_failed_is_not_why_its_payment_did() -> None:
    """Late money that was accepted on a failed payment can be refunded, too."""
    base = payment(Status.FAILED, amount_captured=AMOUNT, amount_authorized=AMOUNT)
    now = replace(base, amount_refund_reserved=PART)
    step = step_for(now, sent(), move(decide(now, sent(), REFUSED, WAITS)), "x", OPENED_AT)
    assert (step.after.failure_reason, step.after.status) == ("card_declined", "failed")
    assert step.after.timeline[-1].reason == "processing_error"


def test_every_status_but_the_first_is_reached_and_every_event_has_its_status() -> None:
    reached = {status for after in REFUND_TRANSITIONS.values() for status in after}
    assert reached == set(RefundStatus)
    assert set(AFTER_EVENT.values()) == set(RefundStatus)
    assert set(REFUND_TRANSITIONS) - {"new"} <= set(RefundStatus)


def test_the_audit_replays_by_the_same_table() -> None:
    text = load("paykeel.payments", "audit.sql")["audit_refunds"].text
    found = dict(re.findall(r"\('(payment\.\w+)', '(\w+)'\)", text))
    assert found == {name: str(status) for name, status in AFTER_EVENT.items()}


def test_answers_are_told_by_their_status() -> None:
    one = sent(idempotency_key="r-17")
    now = asked()
    told = refund_answer(now, one, None)
    assert (told.status, json.loads(told.body)["status"]) == (202, "pending")
    for outcome, status, code in ((GIVEN, "succeeded", 201), (REFUSED, "failed", 402)):
        step = step_for(now, one, move(decide(now, one, outcome, WAITS)), "x", OPENED_AT)
        ((key, answer),) = step.answers
        document = json.loads(answer.body)
        refund = document.get("refund", document)
        assert (key, answer.status, refund["status"]) == ("r-17", code, status)
        if code == 402:
            assert (document["code"], document["reason"]) == ("refund_declined", "processing_error")
            assert refund["failure"]["mender"] == "gateway"
        assert refund["payment"]["amount_refund_reserved"] == 0


def test_a_refund_that_waits_or_was_decided_otherwise_is_no_error() -> None:
    for status in (RefundStatus.REQUESTED, RefundStatus.REJECTED, RefundStatus.CANCELED):
        assert compose_refund_answer(asked(), TOLD, status).status == 202


def test_what_may_be_asked_for_is_what_is_neither_given_nor_asked_nor_disputed() -> None:
    now = asked(amount_refunded=100, amount_disputed=150)
    assert now.refundable == AMOUNT - PART - 100 - 150
    assert replace(now, amount_disputed=AMOUNT).refundable == 0
    held = payment(Status.AUTHORIZED, amount_captured=PART, finished_at=None)
    assert held.refundable == 0
    assert now.updated_at - OPENED_AT == timedelta(seconds=1)
