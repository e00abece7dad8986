"""What an answer of the gateway means: over every state, operation, kind of answer and attempt."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest

from paykeel.gateways.port import Authorized, Declined, DeclineReason, Pending, Succeeded, Unknown
from paykeel.money import Money
from paykeel.payments.moves import Close, Decision, Defer, Move, apply
from paykeel.payments.rules import UNDECIDED, decide
from paykeel.payments.states import CONCLUDED, NOTABLE, TERMINAL, Status, is_allowed
from tests.unit.payments import (
    AMOUNT,
    ATTEMPT_STATES,
    EUR,
    OPENED_AT,
    OPERATIONS,
    OUTCOMES,
    SILENT,
    STEP,
    WAITS,
    attempt,
    payment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paykeel.gateways.port import Outcome
    from paykeel.payments.model import Payment
    from paykeel.payments.moves import Attempt

LATER = OPENED_AT.replace(hour=13)
WRONG = [name for name in OUTCOMES if name.split()[-1] in {"more", "less", "currency"}]


def payments() -> Iterator[Payment]:
    """Give a payment in each state, and those that have a past worth telling apart."""
    for status in Status:
        yield payment(status)
    yield payment(Status.AUTHORIZED, amount_captured=400)
    yield payment(Status.AUTHORIZED, capture_method="manual")
    yield payment(Status.SUCCEEDED, amount_captured=400)
    yield payment(Status.CANCELED, amount_authorized=AMOUNT)
    yield payment(Status.EXPIRED, amount_authorized=AMOUNT)
    yield payment(Status.REQUIRES_ACTION, next_action={**STEP, "url": "https://other.example"})
    for status in (Status.FAILED, Status.CANCELED, Status.EXPIRED):
        yield payment(status, amount_late=AMOUNT)


def worlds() -> Iterator[tuple[Payment, Attempt, str, Outcome]]:
    """Give every combination; a capture or refund is never of more than there is."""
    for one, operation, state, (name, outcome) in product(
        payments(), OPERATIONS, ATTEMPT_STATES, OUTCOMES.items()
    ):
        amount = AMOUNT
        match operation:
            case "capture":
                amount = one.amount_authorized - one.amount_captured or AMOUNT
            case "refund" if not one.amount_late:
                continue
            case _:
                pass
        made = attempt(operation, amount=amount, state=state)
        shown = Succeeded(Money(amount, "EUR"), "g_1") if name == "succeeded" else outcome
        for ends_in in ("canceled", "expired") if operation == "void" else (None,):
            yield one, replace(made, ends_in=ends_in), name, shown


WORLDS = list(worlds())


def told(one: Payment, tried: Attempt, name: str, decision: Decision) -> str:
    return f"{one.status} + {tried.operation} ({tried.state}) + {name} -> {decision}"


def consistent(after: Payment) -> bool:
    """Say whether the database would take it: the CHECKs of the table, in Python."""
    return (
        0 <= after.amount_captured <= after.amount_authorized <= after.amount
        and after.amount_late >= 0
        and (after.finished_at is not None) is (after.status in TERMINAL)
        and (after.status is not Status.SUCCEEDED or after.amount_captured > 0)
        and (after.failure_reason is not None) is (after.status in {"failed", "blocked"})
        and (after.next_action is not None) is (after.status is Status.REQUIRES_ACTION)
    )


def test_no_decision_is_an_illegal_move_or_breaks_a_bound() -> None:
    faults = []
    for one, tried, name, outcome in WORLDS:
        decision = decide(one, tried, outcome, WAITS)
        if not isinstance(decision, Move):
            continue
        after = apply(one, decision, "request", LATER)
        if not is_allowed(one.status, decision.to_status) or not consistent(after):
            faults.append(told(one, tried, name, decision))
    assert len(WORLDS) > 1_500
    assert faults == []


def test_silence_ends_nothing() -> None:
    for one, tried, name, outcome in WORLDS:
        if name not in SILENT and not name.startswith("requires"):
            continue
        decision = decide(one, tried, outcome, WAITS)
        if isinstance(decision, Move):
            assert decision.to_status not in CONCLUDED, told(one, tried, name, decision)
            moved = (decision.authorized_delta, decision.captured_delta, decision.late_delta)
            assert moved == (0, 0, 0), told(one, tried, name, decision)


def test_an_end_stays_an_end() -> None:
    for one, tried, name, outcome in WORLDS:
        decision = decide(one, tried, outcome, WAITS)
        if one.status in TERMINAL and isinstance(decision, Move):
            assert decision.to_status is one.status, told(one, tried, name, decision)
            assert decision.event_type.startswith("payment.late_money")
            assert decision.captured_delta == decision.authorized_delta == 0


def test_a_wrong_amount_is_an_alarm_and_no_success() -> None:
    seen = 0
    for one, tried, name, outcome in WORLDS:
        if name not in WRONG or tried.operation not in {"charge", "complete"}:
            continue
        decision = decide(one, tried, outcome, WAITS)
        assert isinstance(decision, Move | Defer), told(one, tried, name, decision)
        assert decision.alarm, told(one, tried, name, decision)
        if isinstance(decision, Move):
            assert decision.to_status is Status.PROCESSING
            moved = (decision.authorized_delta, decision.captured_delta, decision.late_delta)
            assert moved == (0, 0, 0)
        seen += 1
    assert seen > 100


def test_a_capture_of_another_amount_is_an_alarm_and_no_success() -> None:
    for name in WRONG[:3]:
        decision = decide(payment(Status.AUTHORIZED), attempt("capture"), OUTCOMES[name], WAITS)
        assert decision == Defer("open", "amount_mismatch", WAITS.again_ms, alarm=True)


def test_a_payment_that_goes_on_stays_watched() -> None:
    """Nothing but an end lets go of the charge: it is looked at again."""
    # Of what is held for a person, nothing was sent.
    over = TERMINAL | {Status.IN_REVIEW}
    for one, tried, name, outcome in WORLDS:
        if one.status in over or tried.operation != "charge" or tried.state == "done":
            continue
        decision = decide(one, tried, outcome, WAITS)
        match decision:
            case Close():
                pytest.fail(told(one, tried, name, decision))
            case Defer():
                assert decision.recover_ms > 0
                assert decision.state in {"open", "waiting"}
            case Move() if decision.to_status not in TERMINAL:
                assert decision.recover_ms > 0, told(one, tried, name, decision)
                assert decision.attempt_state in {"open", "waiting"}
            case Move():
                assert decision.attempt_state == "done"


def test_what_is_over_takes_effect_no_second_time() -> None:
    for one, tried, name, outcome in WORLDS:
        if tried.operation not in {"capture", "void", "refund"} or tried.state != "done":
            continue
        for was in ("succeeded", "declined: card_declined", None):
            decision = decide(one, replace(tried, outcome=was), outcome, WAITS)
            late = isinstance(outcome, Succeeded) and was != "succeeded"
            if late and tried.operation != "void":
                # It was refused, and done after all: nothing is booked twice, a person is told.
                assert isinstance(decision, Defer), told(one, tried, name, decision)
                assert decision.alarm
            else:
                assert isinstance(decision, Close), told(one, tried, name, decision)


@pytest.mark.parametrize("status", sorted(UNDECIDED))
def test_the_first_definite_answer_decides(status: Status) -> None:
    ends = {"succeeded": Status.SUCCEEDED, "declined": Status.FAILED, "not sent": Status.FAILED}
    for name, end in {**ends, "authorized": Status.AUTHORIZED}.items():
        decision = decide(payment(status), attempt(), OUTCOMES[name], WAITS)
        assert isinstance(decision, Move)
        assert decision.to_status is end


def test_a_later_answer_changes_nothing_that_is_decided() -> None:
    for first, second in product(("succeeded", "declined", "authorized"), OUTCOMES):
        opened = payment(Status.PENDING)
        move = decide(opened, attempt(), OUTCOMES[first], WAITS)
        assert isinstance(move, Move)
        decided = apply(opened, move, "request", LATER)
        again = decide(decided, attempt(state=move.attempt_state), OUTCOMES[second], WAITS)
        if first == "declined" and second == "succeeded":
            assert isinstance(again, Move)
            assert (again.to_status, again.late_delta) == (Status.FAILED, AMOUNT)
        else:
            assert not isinstance(again, Move), (first, second, again)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED, Status.EXPIRED])
def test_money_after_the_end_is_booked_once_and_alarmed(status: Status) -> None:
    ended = payment(status)
    decision = decide(ended, attempt(state="done"), Succeeded(EUR, "g_9"), WAITS)
    assert isinstance(decision, Move)
    assert decision.alarm
    assert (decision.event_type, decision.late_delta) == ("payment.late_money", AMOUNT)
    after = apply(ended, decision, "webhook", LATER)
    assert (after.status, after.amount_late, after.amount_captured) == (status, AMOUNT, 0)
    assert after.failure_reason == ended.failure_reason
    assert after.display_status == "late_money"
    assert after.finished_at == ended.finished_at
    repeated = decide(after, attempt(state="done"), Succeeded(EUR), WAITS)
    assert repeated == Close("booked")
    # And not again after it was given back.
    refund = decide(after, attempt("refund"), Succeeded(EUR), WAITS)
    assert isinstance(refund, Move)
    refunded = apply(after, refund, "operator:ann", LATER)
    assert refunded.amount_late == 0
    assert decide(refunded, attempt(state="done"), Succeeded(EUR), WAITS) == Close("booked")


def test_a_reservation_after_the_end_is_no_money() -> None:
    decision = decide(payment(Status.FAILED), attempt(state="done"), Authorized(EUR), WAITS)
    assert decision == Close("superseded")


@pytest.mark.parametrize(
    ("captured", "taken", "final", "status", "event_type"),
    [
        (0, 1_000, True, Status.SUCCEEDED, "payment.succeeded"),
        (0, 1_000, False, Status.SUCCEEDED, "payment.succeeded"),
        (0, 300, True, Status.SUCCEEDED, "payment.succeeded"),
        (0, 300, False, Status.AUTHORIZED, "payment.captured"),
        (700, 300, False, Status.SUCCEEDED, "payment.succeeded"),
        (700, 299, False, Status.AUTHORIZED, "payment.captured"),
    ],
)
def test_a_capture_ends_a_payment_when_it_is_final_or_the_rest(
    *, captured: int, taken: int, final: bool, status: Status, event_type: str
) -> None:
    tried = attempt("capture", amount=taken, final=final)
    decision = decide(
        payment(Status.AUTHORIZED, amount_captured=captured),
        tried,
        Succeeded(Money(taken, "EUR")),
        WAITS,
    )
    assert isinstance(decision, Move)
    assert (decision.to_status, decision.event_type) == (status, event_type)
    assert (decision.captured_delta, decision.authorized_delta) == (taken, 0)


@pytest.mark.parametrize("operation", ["capture", "void"])
def test_a_refused_operation_leaves_the_payment_as_it_is(operation: str) -> None:
    before = payment(Status.AUTHORIZED, amount_captured=400)
    decision = decide(before, attempt(operation, amount=600), OUTCOMES["declined"], WAITS)
    assert isinstance(decision, Move)
    after = apply(before, decision, "request", LATER)
    expected = replace(
        before, version=after.version, updated_at=after.updated_at, timeline=after.timeline
    )
    assert after == expected
    assert decision.reason == "card_declined"


@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
def test_an_operation_that_was_not_sent_is_no_refusal(operation: str) -> None:
    before = payment(Status.AUTHORIZED, amount_captured=400)
    decision = decide(before, attempt(operation, amount=600), OUTCOMES["not sent"], WAITS)
    assert isinstance(decision, Defer)
    assert decision.state == "open"


def test_a_void_keeps_what_was_captured() -> None:
    before = payment(Status.AUTHORIZED, amount_captured=400)
    decision = decide(before, attempt("void", amount=600), Succeeded(Money(600, "EUR")), WAITS)
    assert isinstance(decision, Move)
    assert (decision.to_status, decision.amount) == (Status.SUCCEEDED, 400)


def test_a_reservation_that_ran_out_ends_although_nothing_is_left_to_release() -> None:
    over = attempt("void", ends_in="expired")
    refusal = Declined(DeclineReason.INVALID_REQUEST, "nothing_to_void")
    for captured, end in ((0, Status.EXPIRED), (400, Status.SUCCEEDED)):
        held = payment(Status.AUTHORIZED, amount_captured=captured)
        decision = decide(held, over, refusal, WAITS)
        assert isinstance(decision, Move)
        assert decision.to_status is end
    # A cancellation that a merchant asked for is refused as the gateway refused it.
    wanted = decide(payment(Status.AUTHORIZED), attempt("void"), refusal, WAITS)
    assert isinstance(wanted, Move)
    assert (wanted.to_status, wanted.event_type) == (Status.AUTHORIZED, "payment.cancel_declined")


def test_what_ran_out_at_the_last_moment_is_canceled_where_it_cannot_expire() -> None:
    decision = decide(
        payment(Status.PROCESSING), attempt("void", ends_in="expired"), Succeeded(EUR), WAITS
    )
    assert isinstance(decision, Move)
    assert decision.to_status is Status.CANCELED


def test_an_unexpected_reservation_is_an_alarm() -> None:
    automatic = decide(payment(Status.PENDING), attempt(), Authorized(EUR), WAITS)
    manual = decide(
        payment(Status.PENDING, capture_method="manual"), attempt(), Authorized(EUR), WAITS
    )
    assert isinstance(automatic, Move)
    assert isinstance(manual, Move)
    assert (automatic.alarm, manual.alarm) == (True, False)


@pytest.mark.parametrize("outcome", [Unknown("timeout"), Pending("g_1")])
def test_the_dark_is_noted_once(outcome: Outcome) -> None:
    first = decide(payment(Status.PENDING), attempt(), outcome, WAITS)
    assert isinstance(first, Move)
    assert first.to_status is Status.PROCESSING
    second = decide(payment(Status.PROCESSING), attempt(state=first.attempt_state), outcome, WAITS)
    assert isinstance(second, Defer)


def test_an_amount_that_differs_is_noted_once_and_alarmed_each_time() -> None:
    before = payment(Status.PENDING)
    wrong = OUTCOMES["succeeded with more"]
    first = decide(before, attempt(), wrong, WAITS)
    assert isinstance(first, Move)
    assert first.event_type == "payment.amount_mismatch"
    assert first.data == {"gateway_amount": AMOUNT + 1, "gateway_currency": "EUR"}
    after = apply(before, first, "request", LATER)
    again = decide(after, attempt(), wrong, WAITS)
    assert isinstance(again, Defer)
    assert again.alarm


def test_the_same_step_is_not_asked_for_twice() -> None:
    asked = decide(
        payment(Status.REQUIRES_ACTION),
        attempt(state="waiting"),
        OUTCOMES["requires action"],
        WAITS,
    )
    assert asked == Defer("waiting", "requires_action", WAITS.action_ms)
    other = decide(
        payment(Status.REQUIRES_ACTION),
        attempt(state="waiting"),
        OUTCOMES["requires another action"],
        WAITS,
    )
    assert isinstance(other, Move)
    assert other.next_action == {"kind": "display", "url": None, "data": {"code": "7"}}
    assert Status.REQUIRES_ACTION in NOTABLE


def test_a_capture_that_somebody_else_made_calls_for_a_person() -> None:
    held = payment(Status.AUTHORIZED, capture_method="manual")
    decision = decide(held, attempt("charge"), Succeeded(held.money), WAITS)
    assert decision == Defer("waiting", "captured outside Paykeel", WAITS.again_ms, alarm=True)
