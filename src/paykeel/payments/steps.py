"""A step: one move of one payment, with everything that is written with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from paykeel.db.sql import unnested
from paykeel.outbox import PURCHASE_COMPLETED, Message
from paykeel.payments.answers import (
    cancel_answer,
    capture_answer,
    completion_answer,
    purchase_answer,
)
from paykeel.payments.encoding import encode
from paykeel.payments.model import Payment
from paykeel.payments.moves import Attempt, Move, apply
from paykeel.payments.refund_answers import refund_answer
from paykeel.payments.states import CONCLUDED, TERMINAL, Status, outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from paykeel.idempotency import Answer

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One move of one payment with all that is written with it."""

    before: Payment
    after: Payment
    move: Move
    attempt_no: int
    actor: str
    answers: tuple[tuple[str, Answer], ...]
    message: Message | None

    @property
    def completes(self) -> bool:
        """Whether this is the move that completes the purchase."""
        return self.after.status is Status.SUCCEEDED and self.before.status is not Status.SUCCEEDED

    @property
    def outcome(self) -> str:
        """In what it lets the purchase end, as metrics count it."""
        return outcome(self.before.status, self.after.status)

    @property
    def latency_us(self) -> int | None:
        """How long the purchase took, if this is its success or failure; in microseconds."""
        if self.outcome not in {Status.SUCCEEDED, Status.FAILED}:
            return None
        return max((self.after.updated_at - self.before.created_at) // _MICROSECOND, 0)


def gateway_reference(merchant_id: UUID, idempotency_key: str, number: int = 1) -> bytes:
    """Return our reference at the gateway, which is also the idempotency key there.

    It can be derived again from the request alone: when the database forgets a payment that it had
    acknowledged, the repeated request arrives at the gateway under the same reference.
    """
    text = f"paykeel-1\n{merchant_id}\n{number}\n{idempotency_key}"
    return hashlib.sha256(text.encode()).digest()


def step_for(
    before: Payment, attempt: Attempt | None, move: Move, actor: str, at: datetime
) -> Step:
    """Compose a move with the answers and the message that become true with it."""
    after = apply(before, move, actor, max(at, before.updated_at))
    answers: list[tuple[str, Answer]] = []
    if before.status not in CONCLUDED and after.status in CONCLUDED:
        answers.append((after.idempotency_key, purchase_answer(after)))
    if attempt is not None and attempt.idempotency_key and move.attempt_state == "done":
        answers.append((attempt.idempotency_key, operation_answer(after, attempt, move)))
    topic = None
    if after.status is Status.SUCCEEDED and before.status is not Status.SUCCEEDED:
        topic = PURCHASE_COMPLETED
    elif move.alarm:
        topic = "payment.alarm"
    elif after.status in CONCLUDED:
        topic = move.event_type
    message = None if topic is None else Message.new(topic, _facts(after, move))
    number = 0 if attempt is None else attempt.attempt_no
    return Step(before, after, move, number, actor, tuple(answers), message)


def operation_answer(payment: Payment, attempt: Attempt, move: Move | None) -> Answer:
    """Answer the key of a capture, a cancellation or a completion."""
    if attempt.refund_id is not None:
        return refund_answer(payment, attempt, move)
    refused = None
    if move is not None and move.event_type in {
        "payment.capture_declined",
        "payment.cancel_declined",
    }:
        refused = move.reason
    over = payment.status in TERMINAL if move is None else move.attempt_state == "done"
    match attempt.operation:
        case "capture":
            return capture_answer(payment, over=over, refused=refused)
        case "void" | "refund":
            return cancel_answer(payment, over=over, refused=refused)
        case _:
            return completion_answer(payment)


def _facts(payment: Payment, move: Move) -> dict[str, Any]:
    """Return what the outside is told of a move."""
    return {
        "event": move.event_type,
        "payment_id": str(payment.payment_id),
        "status": str(payment.status),
        "amount": payment.amount,
        "amount_captured": payment.amount_captured,
        "amount_late": payment.amount_late,
        **_refund_facts(payment, move),
        "currency": payment.currency,
        "buyer": {"id": payment.buyer_id, "role": payment.buyer_role},
        "reference": payment.reference,
        "reason": move.reason,
    }


def _refund_facts(payment: Payment, move: Move) -> dict[str, Any]:
    if not move.is_apart:
        return {}
    return {
        "amount_refunded": payment.amount_refunded,
        "amount_disputed": payment.amount_disputed,
        "refund_id": None if move.refund_id is None else str(move.refund_id),
        "refund_amount": move.amount,
    }


def own_answer(step: Step, attempt: Attempt) -> Answer | None:
    """Return the answer that a step stored for the attempt's own key."""
    key = attempt.idempotency_key or step.after.idempotency_key
    return next((answer for stored, answer in step.answers if stored == key), None)


def settle_arguments(merchant_id: UUID, slot: int, steps: Sequence[Step]) -> dict[str, Any]:
    """Return the arrays of ``settle_payments``, one element for each step."""
    moves = [step.move for step in steps]
    answers = [(step.after, key, answer) for step in steps for key, answer in step.answers]
    columns: dict[str, Sequence[Any]] = {
        "payment_ids": [step.before.payment_id for step in steps],
        "versions": [step.before.version for step in steps],
        "attempt_nos": [step.attempt_no for step in steps],
        "from_statuses": [step.before.status for step in steps],
        "to_statuses": [move.to_status for move in moves],
        "amounts": [move.amount for move in moves],
        "authorized_deltas": [move.authorized_delta for move in moves],
        "captured_deltas": [move.captured_delta for move in moves],
        "late_deltas": [move.late_delta for move in moves],
        "refunded_deltas": [move.refunded_delta for move in moves],
        "reserved_deltas": [move.reserved_delta for move in moves],
        "disputed_deltas": [move.disputed_delta for move in moves],
        "refund_ids": [move.refund_id for move in moves],
        "refund_statuses": [move.refund_status for move in moves],
        "gateway_ids": [move.gateway_id for move in moves],
        "failure_reasons": [step.after.failure_reason for step in steps],
        "failure_codes": [step.after.failure_code for step in steps],
        "next_actions": [
            None if step.after.next_action is None else encode(step.after.next_action).decode()
            for step in steps
        ],
        "finished": [step.after.status in TERMINAL for step in steps],
        "event_types": [move.event_type for move in moves],
        "event_reasons": [move.reason for move in moves],
        "actors": [step.actor for step in steps],
        "event_codes": [move.code if move.refund_id is not None else None for move in moves],
        "event_datas": [encode(move.data).decode() if move.data else "{}" for move in moves],
        "attempt_states": [move.attempt_state for move in moves],
        "attempt_outcomes": [move.attempt_outcome for move in moves],
        "recover_ms": [move.recover_ms for move in moves],
        # The end of a payment ends what of it was watched; what is done to an ended one does not.
        "closes": [step.after.status in TERMINAL and not step.move.is_apart for step in steps],
        "occurred_ats": [step.after.updated_at for step in steps],
        "message_ids": [step.message.message_id if step.message else None for step in steps],
        "topics": [step.message.topic if step.message else None for step in steps],
        "payloads": [
            encode(step.message.payload).decode() if step.message else None for step in steps
        ],
        "outcomes": [step.outcome for step in steps],
        "answer_payment_ids": [payment.payment_id for payment, _, _ in answers],
        "answer_keys": [key for _, key, _ in answers],
        "answer_statuses": [answer.status for _, _, answer in answers],
        "answer_types": [answer.content_type for _, _, answer in answers],
        "answer_bodies": [answer.body for _, _, answer in answers],
        "answered_ats": [payment.updated_at for payment, _, _ in answers],
    }
    return {"merchant_id": merchant_id, "slot": slot, **unnested(columns)}
