"""The payment after a move is what the statement makes true."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from paykeel.payments.moves import Move, apply, storable
from paykeel.payments.states import TERMINAL, Status
from tests.unit.payments import AMOUNT, OPENED_AT, STEP, payment

LATER = OPENED_AT + timedelta(hours=1)


def test_a_move_adds_one_event_and_one_version() -> None:
    before = payment(Status.PENDING)
    move = Move(
        to_status=Status.SUCCEEDED,
        event_type="payment.succeeded",
        amount=AMOUNT,
        authorized_delta=AMOUNT,
        captured_delta=AMOUNT,
        gateway_id="g_1",
        data={"a": "b"},
    )
    after = apply(before, move, "recovery", LATER)
    assert (after.status, after.version) == (Status.SUCCEEDED, before.version + 1)
    assert (after.amount_authorized, after.amount_captured) == (AMOUNT, AMOUNT)
    assert (after.gateway_id, after.updated_at, after.finished_at) == ("g_1", LATER, LATER)
    (event,) = after.timeline
    assert (event.sequence, event.from_status, event.to_status) == (4, "pending", "succeeded")
    assert (event.authorized_delta, event.captured_delta) == (AMOUNT, AMOUNT)
    assert (event.actor, event.data, event.occurred_at) == ("recovery", {"a": "b"}, LATER)


def test_nothing_else_changes() -> None:
    before = payment(Status.PENDING, gateway_id="g_0", metadata={"a": "b"})
    move = Move(to_status=Status.PROCESSING, event_type="payment.processing", amount=AMOUNT)
    after = apply(before, move, "request", LATER)
    assert after == replace(
        before,
        status=Status.PROCESSING,
        version=4,
        updated_at=LATER,
        timeline=after.timeline,
    )


@pytest.mark.parametrize("status", Status)
def test_only_an_end_has_an_instant_and_only_a_failure_a_reason(status: Status) -> None:
    move = Move(
        to_status=status,
        event_type="payment.any",
        amount=AMOUNT,
        reason="card_declined",
        code="05",
        next_action=STEP,
    )
    after = apply(payment(Status.PROCESSING), move, "request", LATER)
    assert after.finished_at == (LATER if status in TERMINAL else None)
    failed = status in {Status.FAILED, Status.BLOCKED}
    assert (after.failure_reason, after.failure_code) == (
        ("card_declined", "05") if failed else (None, None)
    )
    assert after.next_action == (STEP if status is Status.REQUIRES_ACTION else None)


def test_a_note_after_the_end_keeps_the_instant_of_the_end() -> None:
    ended = payment(Status.FAILED)
    move = Move(
        to_status=Status.FAILED,
        event_type="payment.late_money",
        amount=AMOUNT,
        late_delta=AMOUNT,
        reason=ended.failure_reason,
    )
    after = apply(ended, move, "webhook", LATER)
    assert (after.finished_at, after.updated_at) == (ended.finished_at, LATER)
    assert after.amount_late == AMOUNT


def test_amounts_add_up() -> None:
    after = payment(Status.AUTHORIZED)
    for taken in (100, 250, 650):
        move = Move(
            to_status=Status.AUTHORIZED,
            event_type="payment.captured",
            amount=taken,
            captured_delta=taken,
        )
        after = apply(after, move, "request", LATER)
    assert after.amount_captured == AMOUNT
    assert sum(event.captured_delta for event in after.timeline) == AMOUNT
    assert [event.sequence for event in after.timeline] == [4, 5, 6]


def test_what_fits_is_left_as_it_is_and_what_does_not_is_cut() -> None:
    move = Move(
        to_status=Status.FAILED,
        event_type="payment.failed",
        amount=AMOUNT,
        code="05",
        gateway_id="g_1",
        attempt_outcome="declined",
    )
    assert storable(move) is move
    long: dict[str, Any] = {"code": 100, "gateway_id": 255, "attempt_outcome": 200}
    for name, most in long.items():
        words: dict[str, Any] = {name: "x" * 300}
        assert storable(replace(move, **words)) == replace(move, **{name: "x" * most})
    assert storable(replace(move, code="a\x00b")) == replace(move, code="ab")
    assert storable(replace(move, gateway_id="")) == replace(move, gateway_id=None)
