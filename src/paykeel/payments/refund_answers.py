"""How whoever asked for a refund is told: its document, and the answer stored with a move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.gateways.port import REASONS, DeclineReason
from paykeel.idempotency import Answer
from paykeel.payments.answers import JSON, PROBLEM, PROBLEM_TYPE
from paykeel.payments.encoding import encode, instant
from paykeel.payments.refunding import RefundStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.payments.model import Payment
    from paykeel.payments.moves import Attempt, Move


def refund_document(
    payment: Payment,
    told: Mapping[str, Any],
    status: RefundStatus,
    failure: tuple[str, str | None] | None = None,
) -> dict[str, Any]:
    """Return a refund as JSON-ready values, with the amounts of its payment.

    Args:
        payment: As it stands then.
        told: What never changes of the refund: the ``data`` of its attempt.
        status: Where the refund stands.
        failure: Why it failed: a decline reason, and the gateway's own code.
    """
    return {
        "object": "refund",
        **told,
        "status": str(status),
        "failure": None if failure is None else failure_document(*failure),
        "updated_at": instant(payment.updated_at),
        "payment": {
            "id": str(payment.payment_id),
            "display_status": payment.display_status,
            "amount_captured": payment.amount_captured,
            "amount_refunded": payment.amount_refunded,
            "amount_refund_reserved": payment.amount_refund_reserved,
            "amount_disputed": payment.amount_disputed,
            "amount_refundable": payment.refundable,
        },
    }


def failure_document(reason: str, code: str | None) -> dict[str, Any]:
    """Return why a gateway refused a refund as JSON-ready values."""
    facts = REASONS[DeclineReason(reason)]
    return {
        "reason": reason,
        "code": code,
        "mender": str(facts.mender),
        "retry_can_help": facts.retry_can_help,
    }


def refund_answer(payment: Payment, attempt: Attempt, move: Move | None) -> Answer:
    """Answer a refund: 201 when given back, 202 while unknown, 402 when the gateway refused it."""
    if move is None or move.refund_status is None:
        return compose_refund_answer(payment, attempt.data, RefundStatus.PENDING)
    told, failure = dict(attempt.data), None
    if move.refund_status == RefundStatus.SUCCEEDED and move.amount != attempt.amount:
        told["settled_amount"] = move.amount
    if move.refund_status == RefundStatus.FAILED and move.reason is not None:
        failure = (move.reason, move.code)
    return compose_refund_answer(payment, told, RefundStatus(move.refund_status), failure)


def compose_refund_answer(
    payment: Payment,
    told: Mapping[str, Any],
    status: RefundStatus,
    failure: tuple[str, str | None] | None = None,
) -> Answer:
    """Compose the answer to whoever asked for a refund, as it stands now."""
    document = refund_document(payment, told, status, failure)
    if status is RefundStatus.SUCCEEDED:
        return Answer(201, JSON, encode(document))
    if failure is None:
        return Answer(202, JSON, encode(document))
    reason = failure[0].replace("_", " ").capitalize()
    problem = {
        "type": f"{PROBLEM_TYPE}refund_declined",
        "title": "The gateway refused the refund",
        "status": 402,
        "code": "refund_declined",
        "reason": failure[0],
        "detail": f"{reason}. Nothing was given back; try it again under a new key.",
        "refund": document,
    }
    return Answer(402, PROBLEM, encode(problem))
