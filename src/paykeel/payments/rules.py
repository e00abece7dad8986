"""What an answer of the gateway means for a payment: pure, and the only place that decides it.

The first definite answer wins, whoever brings it. Only the way to failure is fenced: a decline
that comes after a success is ignored, but money that moved after an ending is booked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

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
from paykeel.payments.moves import (
    GATEWAY_ID_CHARACTERS_MAX,
    Close,
    Decision,
    Defer,
    Move,
    plain,
    storable,
)
from paykeel.payments.refunding import after_refund
from paykeel.payments.states import TERMINAL, Status, is_allowed

if TYPE_CHECKING:
    from paykeel.payments.model import Payment
    from paykeel.payments.moves import Attempt, Waits

#: Where the gateway's answer to the charge still decides.
UNDECIDED = frozenset({Status.PENDING, Status.PROCESSING, Status.REQUIRES_ACTION})


def decide(payment: Payment, attempt: Attempt, outcome: Outcome, waits: Waits) -> Decision:
    """Say what ``outcome`` of ``attempt`` does to ``payment`` as it stands now."""
    decision: Decision
    match attempt.operation:
        case "refund" if attempt.refund_id is not None:
            return storable(after_refund(payment, attempt, outcome, waits))
        case "capture" | "void" | "refund" if attempt.state == "done":
            return _repeated(attempt, outcome, waits)
        case "capture":
            decision = _after_capture(payment, attempt, outcome, waits)
        case "void":
            decision = _after_void(payment, attempt, outcome, waits)
        case "refund":
            decision = _after_late_refund(payment, attempt, outcome, waits)
        case _:
            decision = _after_charge(payment, attempt, outcome, waits)
    if isinstance(decision, Move) and not is_allowed(payment.status, decision.to_status):
        # The database would refuse it at every look; a person has to hear of it instead.
        where = f"no way from {payment.status} to {decision.to_status}"
        return Defer("open", where, waits.again_ms, alarm=True)
    return storable(decision)


#: What an attempt says whose money was captured, but not by Paykeel; the audit lists it as open.
CAPTURED_OUTSIDE = "captured outside Paykeel"


def _repeated(attempt: Attempt, outcome: Outcome, waits: Waits) -> Decision:
    """Let an operation that is over take effect no second time."""
    moves_money = attempt.operation in {"capture", "refund"}
    if moves_money and isinstance(outcome, Succeeded) and attempt.outcome != "succeeded":
        # It was refused, and is done after all.
        return Defer("open", "succeeded after its end", waits.again_ms, alarm=True)
    return Close("repeated")


def _after_charge(payment: Payment, attempt: Attempt, outcome: Outcome, waits: Waits) -> Decision:
    """Decide after a charge, or after the buyer's step that completes one."""
    if isinstance(outcome, Succeeded | Authorized) and outcome.amount != payment.money:
        return _mismatch(payment, attempt, outcome, waits)
    if payment.status not in UNDECIDED:
        return _after_the_end(payment, attempt, outcome, waits)
    match outcome:
        case Succeeded() | Authorized():
            return _approved(payment, attempt, outcome, waits)
        case RequiresAction():
            return _requires_action(payment, attempt, outcome, waits)
        case Pending():
            return _processing(payment, "waiting", "pending", waits, outcome.gateway_id)
        case Declined():
            return _failed(payment, outcome.reason, outcome.code, "declined", outcome.gateway_id)
        case NotSent() if attempt.operation == "complete":
            return Close("not_sent")  # The charge itself still waits for the buyer.
        case NotSent():
            reason = DeclineReason.GATEWAY_UNAVAILABLE
            return _failed(payment, reason, outcome.reason[:100], "not_sent", None)
        case Unknown():
            return _unknown(payment, attempt, f"unknown: {plain(outcome.reason)}"[:200], waits)
        case _:
            assert_never(outcome)


def _unknown(payment: Payment, attempt: Attempt, because: str, waits: Waits) -> Decision:
    """Wait: silence is not failure."""
    if payment.status is Status.REQUIRES_ACTION:
        return Defer(attempt.state, because, waits.again_ms)
    return _processing(payment, attempt.state, because, waits)


def _failed(
    payment: Payment, reason: DeclineReason, code: str | None, outcome: str, gateway_id: str | None
) -> Move:
    """End a payment without money."""
    return Move(
        to_status=Status.FAILED,
        event_type="payment.failed",
        amount=payment.amount,
        reason=str(reason),
        code=code,
        gateway_id=gateway_id,
        attempt_outcome=outcome,
    )


def _after_the_end(payment: Payment, attempt: Attempt, outcome: Outcome, waits: Waits) -> Decision:
    """Decide after a charge whose payment has its end, or is authorized, already."""
    match outcome:
        case Succeeded() | Authorized():
            return _approved_late(payment, attempt, outcome, waits)
        case RequiresAction() | Pending() | Declined() | NotSent() | Unknown():
            # What is not money does not touch it any more.
            if payment.status in TERMINAL or attempt.operation == "complete":
                return Close("superseded")
            return Defer("waiting", "authorized", waits.authorization_ms)
        case _:
            assert_never(outcome)


def _approved(
    payment: Payment, attempt: Attempt, outcome: Succeeded | Authorized, waits: Waits
) -> Move:
    """Book the good answer to a charge."""
    if isinstance(outcome, Authorized):
        return Move(
            to_status=Status.AUTHORIZED,
            event_type="payment.authorized",
            amount=outcome.amount.minor,
            authorized_delta=outcome.amount.minor,
            gateway_id=outcome.gateway_id,
            attempt_state="done" if attempt.operation == "complete" else "waiting",
            attempt_outcome="authorized",
            recover_ms=waits.authorization_ms,
            # The gateway was asked to capture and only reserved: somebody must capture it.
            alarm=payment.capture_method == "automatic",
        )
    return Move(
        to_status=Status.SUCCEEDED,
        event_type="payment.succeeded",
        amount=outcome.amount.minor,
        authorized_delta=outcome.amount.minor,
        captured_delta=outcome.amount.minor,
        gateway_id=outcome.gateway_id,
        attempt_outcome="succeeded",
    )


def _approved_late(
    payment: Payment, attempt: Attempt, outcome: Succeeded | Authorized, waits: Waits
) -> Decision:
    """Book money that arrives although the payment has ended without any."""
    if payment.status is Status.AUTHORIZED and attempt.operation == "charge":
        if isinstance(outcome, Succeeded):
            # Captured by somebody else than Paykeel: a person has to look at it.
            return Defer("waiting", CAPTURED_OUTSIDE, waits.again_ms, alarm=True)
        return Defer("waiting", "authorized", waits.authorization_ms)
    if payment.status is Status.AUTHORIZED:
        return Close("superseded")
    if isinstance(outcome, Authorized) or payment.status is Status.SUCCEEDED:
        return Close("superseded")
    booked = any(event.type == "payment.late_money" for event in payment.timeline)
    if booked or payment.amount_late or payment.amount_captured:
        return Close("booked")
    return Move(
        to_status=payment.status,
        event_type="payment.late_money",
        amount=outcome.amount.minor,
        late_delta=outcome.amount.minor,
        gateway_id=outcome.gateway_id,
        attempt_outcome="late_money",
        alarm=True,
        reason=payment.failure_reason,
        code=payment.failure_code,
    )


def _mismatch(
    payment: Payment, attempt: Attempt, outcome: Succeeded | Authorized, waits: Waits
) -> Decision:
    """Raise the alarm: the gateway moved another amount than was asked for."""
    if payment.status not in UNDECIDED:
        return Defer("waiting", "amount_mismatch", waits.again_ms, alarm=True)
    move = _processing(payment, attempt.state, "amount_mismatch", waits, outcome.gateway_id)
    if isinstance(move, Defer):
        return replace(move, alarm=True)
    return replace(
        move,
        event_type="payment.amount_mismatch",
        alarm=True,
        data={
            "gateway_amount": outcome.amount.minor,
            "gateway_currency": outcome.amount.currency,
        },
    )


def _processing(
    payment: Payment, state: str, outcome: str, waits: Waits, gateway_id: str | None = None
) -> Move | Defer:
    """Leave it with the gateway; the attempt stays watched."""
    if payment.status is Status.PROCESSING:
        already = outcome == "amount_mismatch" and any(
            event.type == "payment.amount_mismatch" for event in payment.timeline
        )
        if already or outcome != "amount_mismatch":
            return Defer(state, outcome, waits.again_ms)
    return Move(
        to_status=Status.PROCESSING,
        event_type="payment.processing",
        amount=payment.amount,
        gateway_id=gateway_id,
        data={"because": outcome},
        attempt_state=state,
        attempt_outcome=outcome,
        recover_ms=waits.again_ms,
    )


def _requires_action(
    payment: Payment, attempt: Attempt, outcome: RequiresAction, waits: Waits
) -> Decision:
    """Wait for the buyer's step."""
    asked = outcome.next_action
    action = {
        "kind": plain(asked.kind),
        "url": None if asked.url is None else plain(asked.url),
        "data": {plain(name): plain(value) for name, value in sorted(asked.data.items())},
    }
    completing = attempt.operation == "complete"
    if payment.status is Status.REQUIRES_ACTION and payment.next_action == action:
        # The charge is what stays watched; a completion that changed nothing is over.
        if completing:
            return Close("requires_action")
        return Defer("waiting", "requires_action", waits.action_ms)
    return Move(
        to_status=Status.REQUIRES_ACTION,
        event_type="payment.requires_action",
        amount=payment.amount,
        next_action=action,
        gateway_id=outcome.gateway_id,
        attempt_state="done" if completing else "waiting",
        attempt_outcome="requires_action",
        recover_ms=waits.action_ms,
    )


def _after_capture(payment: Payment, attempt: Attempt, outcome: Outcome, waits: Waits) -> Decision:
    """Decide after a capture."""
    match outcome:
        case Succeeded():
            if outcome.amount != Money(attempt.amount, payment.currency):
                return Defer("open", "amount_mismatch", waits.again_ms, alarm=True)
            if payment.status is not Status.AUTHORIZED:
                return Close("superseded")
            full = payment.amount_captured + attempt.amount == payment.amount_authorized
            ends = attempt.final or full
            return Move(
                to_status=Status.SUCCEEDED if ends else Status.AUTHORIZED,
                event_type="payment.succeeded" if ends else "payment.captured",
                amount=attempt.amount,
                captured_delta=attempt.amount,
                attempt_outcome="succeeded",
            )
        case Declined():
            return _refused(payment, attempt, "payment.capture_declined", str(outcome.reason))
        case NotSent():
            # No refusal: recovery asks, and sends it under the same reference.
            return Defer("open", f"not sent: {outcome.reason}"[:200], waits.again_ms)
        case Pending() | RequiresAction():
            return Defer("open", "pending", waits.again_ms)
        case Unknown():
            return Defer("open", f"unknown: {outcome.reason}"[:200], waits.again_ms)
        case Authorized():
            return Defer("open", "unknown: authorized", waits.again_ms)
        case _:
            assert_never(outcome)


def _after_void(payment: Payment, attempt: Attempt, outcome: Outcome, waits: Waits) -> Decision:
    """Decide after a cancellation or an expiry."""
    match outcome:
        case Succeeded():
            return _released(payment, attempt)
        case Declined() if payment.status is Status.AUTHORIZED and attempt.ends_in == "expired":
            # Its time was over, and the gateway has nothing left to release.
            return _released(payment, attempt)
        case Declined():
            return _refused(payment, attempt, "payment.cancel_declined", str(outcome.reason))
        case NotSent():
            return Defer("open", f"not sent: {outcome.reason}"[:200], waits.again_ms)
        case Unknown():
            return Defer("open", f"unknown: {outcome.reason}"[:200], waits.again_ms)
        case Pending() | RequiresAction() | Authorized():
            return Defer("open", "pending", waits.again_ms)
        case _:
            assert_never(outcome)


def _released(payment: Payment, attempt: Attempt) -> Decision:
    """End a payment of which nothing is reserved any more; what was captured before stays."""
    if payment.status in TERMINAL:
        return Close("superseded")
    end = Status(attempt.ends_in or "canceled")
    if payment.amount_captured:
        end = Status.SUCCEEDED
    elif not is_allowed(payment.status, end):  # The buyer went on at the last moment.
        end = Status.CANCELED
    return Move(
        to_status=end,
        event_type=f"payment.{end}",
        amount=payment.amount_captured or payment.amount,
        attempt_outcome="succeeded",
    )


def _after_late_refund(
    payment: Payment, attempt: Attempt, outcome: Outcome, waits: Waits
) -> Decision:
    """Decide after giving back money that came late."""
    match outcome:
        case Succeeded():
            return Move(
                to_status=payment.status,
                event_type="payment.late_money_refunded",
                amount=attempt.amount,
                late_delta=-attempt.amount,
                attempt_outcome="succeeded",
                reason=payment.failure_reason,
                code=payment.failure_code,
                # By it the gateway may tell of the same money by itself.
                data=_named_there(outcome.gateway_id),
            )
        case Declined():
            return Close("declined")
        case NotSent():
            return Defer("open", f"not sent: {outcome.reason}"[:200], waits.again_ms)
        case Unknown():
            return Defer("open", f"unknown: {outcome.reason}"[:200], waits.again_ms)
        case Pending() | RequiresAction() | Authorized():
            return Defer("open", "pending", waits.again_ms)
        case _:
            assert_never(outcome)


def _named_there(gateway_id: str | None) -> dict[str, str]:
    """Return how the gateway calls a giving back, as history keeps it."""
    name = plain(gateway_id or "")[:GATEWAY_ID_CHARACTERS_MAX]
    return {"gateway_refund": name} if name else {}


def _refused(payment: Payment, attempt: Attempt, event_type: str, reason: str) -> Decision:
    """Note that the gateway refused an operation; the payment stays as it is."""
    if payment.status in TERMINAL:
        return Close("declined")
    return Move(
        to_status=payment.status,
        event_type=event_type,
        amount=attempt.amount,
        reason=reason,
        next_action=payment.next_action,
        attempt_outcome=f"declined: {reason}",
    )
