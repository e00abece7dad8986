"""What the caller of an operation is told: the bytes that are stored with the move and replayed.

An answer commits in the statement that makes it true, so it is composed here and not in ``api/``;
the statuses of *errors* are still given in ``api/problems.py`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.gateways.port import REASONS, DeclineReason
from paykeel.idempotency import Answer
from paykeel.payments.encoding import encode
from paykeel.payments.states import CONCLUDED, Status

if TYPE_CHECKING:
    from paykeel.payments.model import Payment

JSON = "application/json"
PROBLEM = "application/problem+json"
PROBLEM_TYPE = "https://paykeel.dev/problems/"

GOOD = frozenset({Status.AUTHORIZED, Status.SUCCEEDED})


def purchase_answer(payment: Payment) -> Answer:
    """Answer a purchase as the payment stands.

    201 when it is good (``authorized`` or ``succeeded``), 202 while it is open, 402 with a problem
    that carries the payment when it ended without money.
    """
    if payment.status in GOOD:
        return Answer(201, JSON, encode(payment.document()))
    if payment.status not in CONCLUDED:
        return Answer(202, JSON, encode(payment.document()))
    return _declined(payment)


def completion_answer(payment: Payment) -> Answer:
    """Answer the completion of a buyer's step: 200, or as the purchase itself would be."""
    if payment.status in GOOD:
        return Answer(200, JSON, encode(payment.document()))
    return purchase_answer(payment)


def capture_answer(payment: Payment, *, over: bool, refused: str | None) -> Answer:
    """Answer a capture: 200 when taken, 202 while unknown, 402 when the gateway refused it."""
    if refused is not None:
        return _problem(
            402, "capture_declined", "The gateway refused the capture", refused, payment
        )
    return Answer(200 if over else 202, JSON, encode(payment.document()))


def cancel_answer(payment: Payment, *, over: bool, refused: str | None) -> Answer:
    """Answer a cancellation: 200 when released, 202 while unknown, 409 when it was refused."""
    if refused is not None:
        return _problem(409, "cancel_declined", "The gateway refused to cancel", refused, payment)
    return Answer(200 if over else 202, JSON, encode(payment.document()))


def _declined(payment: Payment) -> Answer:
    """Compose the 402 of a purchase that ended without money."""
    match payment.status:
        case Status.BLOCKED:
            code, title = "payment_blocked", "The purchase was not accepted"
        case Status.CANCELED:
            code, title = "payment_canceled", "The payment was canceled"
        case Status.EXPIRED:
            code, title = "payment_expired", "The payment ran out of time"
        case _:
            code, title = "payment_declined", "The payment was declined"
    reason = payment.failure_reason if payment.status is Status.FAILED else None
    return _problem(402, code, title, reason, payment)


def _problem(status: int, code: str, title: str, reason: str | None, payment: Payment) -> Answer:
    """Compose a problem (RFC 9457) that carries the payment."""
    document: dict[str, Any] = {
        "type": PROBLEM_TYPE + code,
        "title": title,
        "status": status,
        "code": code,
    }
    if reason is not None:
        facts = REASONS[DeclineReason(reason)]
        document["reason"] = reason
        because = f"{reason.replace('_', ' ').capitalize()}; the {facts.mender} can mend it"
        document["detail"] = because + _advice(payment, retry_can_help=facts.retry_can_help)
    document["payment"] = payment.document()
    return Answer(status, PROBLEM, encode(document))


def _advice(payment: Payment, *, retry_can_help: bool) -> str:
    """Say what may be tried: never a new purchase while this one still holds the money."""
    if not retry_can_help:
        return "."
    if payment.status is Status.FAILED:
        return ", and a new purchase may succeed."
    return "; try it again under a new key. The payment itself stands as it was."
