"""A refund from asking to its end: quote, reserve, give back, settle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel.clock import new_id
from paykeel.db.sql import load
from paykeel.errors import IdempotencyInFlight, InvalidField, OperationInFlight, Refused
from paykeel.idempotency import check_key, fingerprint
from paykeel.metrics import writer_slot
from paykeel.payments.encoding import encode
from paykeel.payments.moves import Attempt, Move
from paykeel.payments.notices import check_no_open_notice, fetchrow_held
from paykeel.payments.operations import perform
from paykeel.payments.refund_answers import compose_refund_answer
from paykeel.payments.refunding import RefundStatus
from paykeel.payments.resources import answer_as_it_stands, answer_duplicate, come_apart
from paykeel.payments.steps import gateway_reference, step_for
from paykeel.refunds.model import Refund, refund_from_row
from paykeel.refunds.quoting import breakdown_of, quote
from paykeel.refunds.reckoning import check_refundable, check_room, facts_of, terms_of
from paykeel.refunds.standing import read_standing

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.idempotency import Answer, StoredKey
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources
    from paykeel.payments.steps import Step
    from paykeel.refunds.facts import BreakdownLine, RefundQuote
    from paykeel.refunds.model import RefundRequest
    from paykeel.refunds.policies import RefundPolicyService
    from paykeel.refunds.reckoning import Terms

SQL = load("paykeel.refunds", "refunds.sql")
#: Of many that refund one payment at once, one moves it and the others look again.
OPEN_TRIES = 50
#: The number of a reference that is never sent: it stands beside a key that waits for a person.
HELD_NUMBER = 0


@dataclass(frozen=True, slots=True)
class Desk:
    """What the stories of this room work with."""

    resources: Resources
    policies: RefundPolicyService


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with what the policy says of it, and what follows from that."""

    request: RefundRequest
    quoted: RefundQuote
    as_of: datetime
    terms: Terms
    #: Of the amount that is given back.
    breakdown: tuple[BreakdownLine, ...]
    key: str
    mark: bytes


async def request_refund(
    desk: Desk,
    merchant_id: UUID,
    payment_id: UUID,
    request: RefundRequest,
    raw_key: str | None,
    *,
    may_approve: bool = False,
) -> tuple[Payment, Answer]:
    """Give money back, or ask somebody to approve it; at most once for each key.

    Raises:
        Refused: ``payment_not_refundable``, ``refund_denied``, ``refund_outside_policy``,
            ``refunded_amount_changed``, ``refunds_too_many``, ``refund_notice_open``.
        InvalidField: ``amount_over_refundable``, ``amount_required``.
        IdempotencyKeyReused: The key was used for another request.
    """
    resources = desk.resources
    key = check_key(raw_key)
    path = f"/v1/payments/{payment_id}/refunds"
    mark = fingerprint("POST", path, request.document())

    # open: what is given back is reserved, and the watched attempt commits with it
    for tried in range(OPEN_TRIES):
        duplicate = await _answer_duplicate(resources, merchant_id, payment_id, request, key, mark)
        if duplicate is not None:
            return duplicate
        payment = await resources.settler.get(merchant_id, payment_id)
        gateway = await resources.gateways.by_name(payment.gateway)
        try:
            asked = await _reckon(desk, payment, request, key, mark, may_approve=may_approve)
            if asked.terms.status is RefundStatus.PENDING:
                await check_no_open_notice(resources, merchant_id, payment_id)
        except (Refused, InvalidField):
            # What took the room may be this very refund, opened since the key was looked up.
            duplicate = await _answer_duplicate(
                resources, merchant_id, payment_id, request, key, mark
            )
            if duplicate is not None:
                return duplicate
            raise
        opened = await _open(resources, payment, asked)
        if opened is not None:
            break
        await come_apart(tried)
    else:
        raise OperationInFlight("The payment keeps changing; repeat the request in a moment.")
    payment, refund, attempt, answer = opened
    if answer is not None:  # It waits for a person.
        return payment, answer

    # perform: no connection is held
    outcome = await perform(resources, gateway, payment, attempt)

    # settle: one statement moves payment and refund, and stores this answer
    waits = resources.waits(gateway.capabilities)
    payment, answer = await resources.settler.settle(payment, attempt, outcome, waits, "request")
    if answer is None:
        return await answer_as_it_stands(
            resources,
            payment,
            key,
            lambda now: compose_refund_answer(now, refund.told(), RefundStatus.PENDING),
        )
    return payment, answer


async def _reckon(
    desk: Desk,
    payment: Payment,
    request: RefundRequest,
    key: str,
    mark: bytes,
    *,
    may_approve: bool,
) -> Asked:
    """Ask the policy, and say on which terms the refund is opened."""
    check_refundable(payment)
    policy = await desk.policies.snapshot(payment)
    as_of = desk.resources.database.now()
    standing = await read_standing(desk.resources, payment)
    check_room(standing)
    facts = facts_of(payment, standing, request.facts, request.reason)
    quoted = quote(policy, facts, as_of)
    terms = terms_of(payment, policy, quoted, request, may_approve=may_approve)
    breakdown = breakdown_of(facts, quoted.totals, terms.amount)
    return Asked(request, quoted, as_of, terms, breakdown, key, mark)


async def _open(
    resources: Resources, payment: Payment, asked: Asked
) -> tuple[Payment, Refund, Attempt, Answer | None] | None:
    """Write the refund; ``None``: look again."""
    step = _opening(resources, payment, asked)
    refund = _refund(step, asked)
    waits = refund.status is RefundStatus.REQUESTED
    answer = compose_refund_answer(step.after, refund.told(), refund.status) if waits else None
    reference = gateway_reference(payment.merchant_id, asked.key, HELD_NUMBER if waits else 1)
    try:
        row = await fetchrow_held(
            resources,
            SQL["open_refund"],
            **moving(step, resources),
            refund_id=refund.refund_id,
            refund_status=refund.status,
            refunded_delta=0,
            amount=refund.amount,
            reason=refund.reason,
            origin=refund.origin,
            requested_by=refund.requested_by,
            idempotency_key=asked.key,
            quoted_amount=refund.quoted_amount,
            policy_sha256=refund.policy_sha256,
            override_reason=refund.override_reason,
            four_eyes=refund.four_eyes,
            gateway_id=None,
            decision_kind="requested",
            as_of=asked.as_of,
            facts=encode(asked.request.facts.document()).decode(),
            trace=encode([step.document() for step in asked.quoted.trace]).decode(),
            breakdown=encode([line.document() for line in asked.breakdown]).decode(),
            gateway_reference=reference,
            attempt_data=encode(refund.told()).decode(),
            fingerprint=asked.mark,
            response_status=None if answer is None else answer.status,
            response_type=None if answer is None else answer.content_type,
            response_body=None if answer is None else answer.body,
        )
    except asyncpg.UniqueViolationError:
        return None  # The key, or the number of the attempt, was taken in between: look again.
    if row is None:
        return None
    attempt = sent_attempt(refund, row["attempt_no"], reference, asked.key)
    return step.after, refund, attempt, answer


def _opening(resources: Resources, payment: Payment, asked: Asked) -> Step:
    """Return the payment's move when a refund is opened."""
    terms = asked.terms
    waits = terms.status is RefundStatus.REQUESTED
    move = Move(
        to_status=payment.status,
        event_type="payment.refund_requested" if waits else "payment.refund_sent",
        amount=terms.amount,
        reserved_delta=terms.amount,
        refund_id=new_id(),
        refund_status=terms.status,
        # Told only where it is so, for history to say it again.
        data={"four_eyes": True} if terms.four_eyes else {},
    )
    actor = f"operator:{asked.request.requested_by}"
    return step_for(payment, None, move, actor, resources.database.now())


def moving(step: Step, resources: Resources) -> dict[str, Any]:
    """Return what both statements of this room need to move a payment."""
    assert step.message is not None, "an ended payment tells of each move"  # noqa: S101
    return {
        "merchant_id": step.before.merchant_id,
        "payment_id": step.before.payment_id,
        "version": step.before.version,
        "reserved_delta": step.move.reserved_delta,
        "event_type": step.move.event_type,
        "actor": step.actor,
        "event_data": encode(step.move.data).decode(),
        "occurred_at": step.after.updated_at,
        "message_id": step.message.message_id,
        "topic": step.message.topic,
        "payload": encode(step.message.payload).decode(),
        # The opener's and the settler's lanes come before it.
        "slot": writer_slot(resources.settings.batch_lanes),
        "recover_ms": resources.lease_ms,
    }


def _refund(step: Step, asked: Asked) -> Refund:
    """Return the refund as the statement writes it."""
    request, terms = asked.request, asked.terms
    payment, move = step.after, step.move
    assert move.refund_id is not None, "it is made with the move"  # noqa: S101
    return Refund(
        merchant_id=payment.merchant_id,
        refund_id=move.refund_id,
        payment_id=payment.payment_id,
        status=terms.status,
        amount=terms.amount,
        currency=payment.currency,
        reason=str(request.reason),
        origin="merchant",
        idempotency_key=asked.key,
        requested_by=request.requested_by,
        quoted_amount=asked.quoted.amount,
        policy_sha256=payment.refund_policy_sha256,
        override_reason=request.override_reason,
        four_eyes=terms.four_eyes,
        approved_by=None,
        gateway_id=None,
        failure_reason=None,
        failure_code=None,
        settled_amount=None,
        created_at=payment.updated_at,
        updated_at=payment.updated_at,
        finished_at=None,
    )


def sent_attempt(refund: Refund, attempt_no: int, reference: bytes, key: str | None) -> Attempt:
    """Return the attempt that sends a refund, as the statement wrote it."""
    return Attempt(
        payment_id=refund.payment_id,
        attempt_no=attempt_no,
        operation="refund",
        reference=reference,
        idempotency_key=key,
        amount=refund.amount,
        final=True,
        ends_in=None,
        data=refund.told(),
        state="open",
        outcome=None,
        recover_at=None,
        recover_count=0,
        created_at=refund.created_at,
        finished_at=None,
        refund_id=refund.refund_id,
    )


async def _answer_duplicate(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    request: RefundRequest,
    key: str,
    mark: bytes,
) -> tuple[Payment, Answer] | None:
    """Answer a request whose key is taken."""
    row = await resources.database.fetchrow(
        SQL["refund_by_key"], merchant_id=merchant_id, idempotency_key=key
    )
    refund = None if row is None else refund_from_row(row)

    def differences(_payment: Payment, stored: StoredKey) -> list[str]:
        differing = [] if refund is not None else ["operation"]
        differing += ["payment"] if stored.payment_id != payment_id else []
        if differing or refund is None:
            return differing
        if stored.operation is None:
            # The fingerprint was purged: what the refund itself still says is compared.
            asked: dict[str, Any] = {"reason": request.reason, "requested_by": request.requested_by}
            asked |= {} if request.amount is None else {"amount": request.amount}
            return [name for name, value in asked.items() if getattr(refund, name) != value]
        # Fingerprints differ, and nothing but these can.
        return [
            "amount", "expected_refunded_amount", "facts", "override_reason", "reason",
            "requested_by",
        ]  # fmt: skip

    def compose(payment: Payment) -> Answer:
        if refund is None:  # It was opened between the two look-ups.
            raise IdempotencyInFlight(
                "The first request with this key has not finished yet; repeat it in a moment.",
                payment_id=str(payment_id),
                retry_after_s=1,
            )
        return compose_refund_answer(payment, refund.told(), refund.status, refund.failure)

    return await answer_duplicate(resources, merchant_id, key, mark, differences, compose)
