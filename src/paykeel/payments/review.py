"""A payment that is held for a person: approved, rejected, called off, or overdue.

Every decision is one statement, guarded by the review being open and by the payment's version, so
that of any that come at once one takes effect, and the others are told what it was. Nothing was
sent to the gateway before. Approving goes on with the same purchase by the same path: the watched
attempt commits with the approval, and then the gateway is asked. Terms, limits and rules are not
asked again; what they said is what was approved.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.errors import (
    DatabaseUnavailable,
    InvalidField,
    OperationInFlight,
    PaykeelError,
    Refused,
)
from paykeel.metrics import writer_slot
from paykeel.payments.answers import cancel_answer
from paykeel.payments.encoding import encode
from paykeel.payments.moves import Move
from paykeel.payments.purchase import charge, first_attempt
from paykeel.payments.review_queue import (
    NOTE_CHARACTERS_MAX,
    SQL,
    decided,
    get_review,
    list_notes,
)
from paykeel.payments.settle import SQL as PAYMENTS
from paykeel.payments.settle import payment_from_row
from paykeel.payments.states import Status
from paykeel.payments.steps import gateway_reference, step_for
from paykeel.texts import check_person, check_text, is_same_person

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Connection
    from paykeel.idempotency import Answer
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources
    from paykeel.payments.review_queue import Review
    from paykeel.payments.steps import Step

#: Who lets a review expire.
REAPER = "paykeel"
DECIDE_TRIES = 3
EVENTS_READ_MAX = 100

log = structlog.get_logger("paykeel.reviews")


class ReviewLabel(StrEnum):
    """What a person who rejects a payment takes it for."""

    FRAUD = "fraud"
    GENUINE = "genuine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a payment that was never sent ends."""

    review_status: str
    move: Move
    actor: str
    #: Who is written beside it, and in which word; ``None``: nobody decided about the review.
    author: str | None = None
    note_action: str | None = None
    note: str = ""
    label: str | None = None


async def approve(
    resources: Resources, merchant_id: UUID, payment_id: UUID, operator: str, note: str | None
) -> Payment:
    """Approve a payment and, when enough people have, go on with its purchase.

    Raises:
        NotFound: There is no such review.
        Forbidden: The merchant is suspended.
        Refused: ``review_decided``, or ``review_needs_another_person``: this one approved before.
    """
    author, body = check_person(operator, "operator"), _check_note(note)
    (await resources.merchants.get(merchant_id)).check_active()
    for _ in range(DECIDE_TRIES):
        review = await get_review(resources, merchant_id, payment_id)
        payment = await resources.settler.get(merchant_id, payment_id)
        if review.status != "open":
            return await _as_decided(resources, merchant_id, review, payment, "approve", author)
        # What would keep the charge from going out keeps the payment where it is.
        resources.settler.check_hook(payment)
        gateway = await resources.gateways.by_name(payment.gateway)

        # open: the watched attempt commits with the last approval, before anything is sent
        move = Move(to_status=Status.PENDING, event_type="payment.approved", amount=payment.amount)
        step = step_for(payment, None, move, f"operator:{author}", resources.database.now())
        row = await _write_approval(resources, step, author, body)
        if row is not None:
            break
    else:
        raise OperationInFlight("The payment keeps changing; repeat the request in a moment.")
    if row["version"] is None:  # Another person has to approve, too.
        return payment

    # charge: no connection is held
    reference = gateway_reference(merchant_id, step.after.idempotency_key)
    attempt = first_attempt(step.after, reference, {})
    outcome = await charge(resources, gateway, step.after, attempt)

    # settle: one statement moves the payment and stores the purchase's answer
    waits = resources.waits(gateway.capabilities)
    payment, answer = await resources.settler.settle(step.after, attempt, outcome, waits, "request")
    if answer is None:
        return await resources.settler.get(merchant_id, payment_id)
    return payment


async def reject(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    operator: str,
    note: str | None,
    label: str | None,
) -> Payment:
    """End a payment without anything having been sent; a label says what it was taken for.

    Raises:
        NotFound: There is no such review.
        Refused: ``review_decided``.
    """
    author, body = check_person(operator, "operator"), _check_note(note)
    # Not in a set: what cannot be hashed is refused alike.
    if label is not None and label not in tuple(ReviewLabel):
        raise InvalidField("label", "choice_unknown", f"Use one of: {', '.join(ReviewLabel)}.")
    for _ in range(DECIDE_TRIES):
        review = await get_review(resources, merchant_id, payment_id)
        payment = await resources.settler.get(merchant_id, payment_id)
        if review.status != "open":
            return await _as_decided(resources, merchant_id, review, payment, "reject", author)
        if payment.status is not Status.IN_REVIEW:
            continue  # Somebody decided between the two reads.
        ending = Ending(
            review_status="rejected",
            move=Move(
                to_status=Status.BLOCKED,
                event_type="payment.rejected",
                amount=payment.amount,
                reason="blocked",
            ),
            actor=f"operator:{author}",
            author=author,
            note_action="reject",
            note=body,
            label=label,
        )
        step = _step(payment, ending, resources.database.now())
        values = _values(ending, step, resources.settings.batch_lanes)
        if await resources.database.fetch(SQL["end_review"], **values):
            return step.after
    raise OperationInFlight("The payment keeps changing; repeat the request in a moment.")


async def call_off(
    resources: Resources, payment: Payment, key: str, mark: bytes
) -> tuple[Payment, Answer] | None:
    """Cancel a payment that is held, under the cancellation's key; ``None``: look again."""
    ending = Ending(
        review_status="canceled",
        move=Move(to_status=Status.CANCELED, event_type="payment.canceled", amount=payment.amount),
        actor="request",
    )
    step = _step(payment, ending, resources.database.now())
    answer = cancel_answer(step.after, over=True, refused=None)
    values = {
        **_values(ending, step, resources.settings.batch_lanes),
        "cancel_key": key,
        "cancel_mark": mark,
        "cancel_reference": gateway_reference(payment.merchant_id, key),
        "cancel_status": answer.status,
        "cancel_type": answer.content_type,
        "cancel_body": answer.body,
    }
    try:
        rows = await resources.database.fetch(SQL["end_review"], **values)
    except asyncpg.UniqueViolationError:
        return None  # The key was claimed in between.
    return (step.after, answer) if rows else None


async def expire_overdue(resources: Resources) -> int:
    """End what nobody decided about in time, a bounded number; return how many were looked at.

    Each in a short transaction of its own, so that one that cannot be ended harms no other. Any
    number of workers share them: what one holds, the others skip.
    """
    after: tuple[datetime, UUID, UUID] | None = None
    for looked in range(resources.settings.recovery_batch_rows):
        async with resources.database.connection() as connection, connection.transaction():
            after = await _expire_next(resources, connection, after)
        if after is None:
            return looked
    return resources.settings.recovery_batch_rows


async def _expire_next(
    resources: Resources, connection: Connection, after: tuple[datetime, UUID, UUID] | None
) -> tuple[datetime, UUID, UUID] | None:
    """End the next one that is due; return its place, or ``None`` when no more are."""
    due_at, merchant_id, payment_id = after or (None, None, None)
    claimed = await fetch_on(
        connection,
        SQL["claim_due_review"],
        {
            "after_due_at": due_at,
            "after_merchant_id": merchant_id,
            "after_payment_id": payment_id,
        },
    )
    if not claimed:
        return None
    (row,) = claimed
    place = (row["due_at"], row["merchant_id"], row["payment_id"])
    try:
        async with connection.transaction():  # A savepoint: an error spoils nothing but this one.
            await _expire(resources, connection, row["merchant_id"], row["payment_id"])
    except DatabaseUnavailable:
        raise
    except (PaykeelError, asyncpg.PostgresError) as error:
        log.warning("review.not_expired", payment_id=str(row["payment_id"]), error=repr(error))
    return place


async def _expire(
    resources: Resources, connection: Connection, merchant_id: UUID, payment_id: UUID
) -> None:
    named = {"merchant_id": merchant_id, "payment_id": payment_id}
    (row,) = await fetch_on(connection, PAYMENTS["get_payment"], named)
    window = {"after": 0, "up_to": row["version"], "rows_max": EVENTS_READ_MAX}
    events = await fetch_on(connection, PAYMENTS["list_events"], {**named, **window})
    payment = payment_from_row(row, events)
    ending = Ending(
        review_status="expired",
        move=Move(
            to_status=Status.EXPIRED, event_type="payment.review_expired", amount=payment.amount
        ),
        actor="worker",
        author=REAPER,
        note_action="expire",
    )
    step = _step(payment, ending, resources.database.now())
    await fetch_on(
        connection, SQL["end_review"], _values(ending, step, resources.settings.batch_lanes)
    )


async def _write_approval(
    resources: Resources, step: Step, author: str, body: str
) -> asyncpg.Record | None:
    """Write one approval; no row: the review is not open any more."""
    payment = step.before
    try:
        return await resources.database.fetchrow(
            SQL["approve_review"],
            merchant_id=payment.merchant_id,
            payment_id=payment.payment_id,
            version=payment.version,
            occurred_at=step.after.updated_at,
            note_id=new_id(),
            author=author,
            body=body,
            reference=gateway_reference(payment.merchant_id, payment.idempotency_key),
            recover_ms=resources.lease_ms,
            event_type=step.move.event_type,
            actor=step.actor,
            slot=writer_slot(resources.settings.batch_lanes),
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "fraud_review_notes_one_approval":
            raise
        raise Refused(
            "You have approved this payment already; somebody else has to approve it, too.",
            code="review_needs_another_person",
            payment_id=str(payment.payment_id),
        ) from error


async def _as_decided(
    resources: Resources,
    merchant_id: UUID,
    review: Review,
    payment: Payment,
    action: str,
    author: str,
) -> Payment:
    """Return the payment to whoever decided just that, and perhaps never heard of it.

    Raises:
        Refused: ``review_decided``: it was decided otherwise, or by somebody else.
    """
    if review.status == {"approve": "approved", "reject": "rejected"}[action]:
        for note in await list_notes(resources, merchant_id, payment.payment_id):
            if note.action == action and is_same_person(note.author, author):
                return payment
    raise decided(review)


def _check_note(note: str | None) -> str:
    return "" if note is None else check_text(note, "note", NOTE_CHARACTERS_MAX)


def _step(payment: Payment, ending: Ending, at: datetime) -> Step:
    return step_for(payment, None, ending.move, ending.actor, at)


def _values(ending: Ending, step: Step, lane: int) -> dict[str, Any]:
    """Return the arguments of ``end_review`` for an end that nobody asked for under a key."""
    if step.message is None:
        message = "the end of a payment is told to the outside"
        raise RuntimeError(message)
    ((_, answer),) = step.answers
    return {
        "merchant_id": step.before.merchant_id,
        "payment_id": step.before.payment_id,
        "version": step.before.version,
        "review_status": ending.review_status,
        "to_status": step.after.status,
        "outcome": step.outcome,
        "event_type": step.move.event_type,
        "reason": step.move.reason,
        "actor": step.actor,
        "occurred_at": step.after.updated_at,
        "note_id": new_id(),
        "note_action": ending.note_action,
        "author": ending.author,
        "body": ending.note,
        "label": ending.label,
        "response_status": answer.status,
        "response_type": answer.content_type,
        "response_body": answer.body,
        "message_id": step.message.message_id,
        "payload": encode(step.message.payload).decode(),
        # A lane that no batch uses.
        "slot": writer_slot(lane),
        **dict.fromkeys(
            ("cancel_key", "cancel_mark", "cancel_reference", "cancel_status", "cancel_type",
             "cancel_body")
        ),
    }  # fmt: skip
