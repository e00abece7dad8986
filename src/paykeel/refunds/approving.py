"""What people decide about a refund that waits for them: approve, reject, call off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.errors import NotFound, OperationInFlight, Refused
from paykeel.money import Money
from paykeel.payments.encoding import encode
from paykeel.payments.moves import Move
from paykeel.payments.notices import check_no_open_notice, fetchrow_held
from paykeel.payments.operations import perform
from paykeel.payments.refunding import RefundStatus
from paykeel.payments.resources import come_apart
from paykeel.payments.steps import gateway_reference, step_for
from paykeel.refunds.model import BECAUSE_CHARACTERS_MAX, refund_from_row
from paykeel.refunds.request import OPEN_TRIES, SQL, moving, sent_attempt
from paykeel.texts import check_person, check_text, is_same_person

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.gateways.port import Gateway
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources
    from paykeel.refunds.model import Refund
    from paykeel.refunds.request import Desk


@dataclass(frozen=True, slots=True)
class Verdict:
    """A way in which somebody may decide."""

    kind: str
    status: RefundStatus
    event_type: str


APPROVED = Verdict("approved", RefundStatus.PENDING, "payment.refund_approved")
REJECTED = Verdict("rejected", RefundStatus.REJECTED, "payment.refund_rejected")
CANCELED = Verdict("canceled", RefundStatus.CANCELED, "payment.refund_canceled")


async def decide_refund(
    desk: Desk,
    merchant_id: UUID,
    refund_id: UUID,
    verdict: Verdict,
    operator: str,
    because: str | None,
) -> Refund:
    """Let a decision take effect; repeated by the same person it changes nothing.

    Raises:
        NotFound: This merchant has no such refund.
        Refused: ``refund_decided``, ``refund_needs_another_person``, ``payment_disputed`` or
            ``refund_notice_open``.
    """
    resources = desk.resources
    author = check_person(operator, "operator")
    if because is not None:
        check_text(because, "because", BECAUSE_CHARACTERS_MAX)
    for tried in range(OPEN_TRIES):
        refund = await read_refund(resources, merchant_id, refund_id)
        if refund.status is not RefundStatus.REQUESTED:
            return _as_decided(refund, verdict, author)
        if verdict is APPROVED and refund.four_eyes and is_same_person(author, refund.requested_by):
            raise Refused(
                "Somebody else than who asked for it has to approve it.",
                code="refund_needs_another_person",
            )
        payment = await resources.settler.get(merchant_id, refund.payment_id)
        # Found before anything is written: what cannot be sent is not approved.
        gateway = await resources.gateways.by_name(payment.gateway)
        if verdict is APPROVED:
            _check_disputes(payment)
            await check_no_open_notice(resources, merchant_id, payment.payment_id)
        written = await _write(resources, payment, refund, verdict, author, because)
        if written is not None:
            break
        await come_apart(tried)
    else:
        raise OperationInFlight("The payment keeps changing; repeat the request in a moment.")
    if verdict is APPROVED:
        await _send(resources, gateway, *written, refund)
    return await read_refund(resources, merchant_id, refund_id)


async def read_refund(resources: Resources, merchant_id: UUID, refund_id: UUID) -> Refund:
    """Read a refund.

    Raises:
        NotFound: This merchant has none such.
    """
    row = await resources.database.fetchrow(
        SQL["get_refund"], merchant_id=merchant_id, refund_id=refund_id
    )
    if row is None:
        raise NotFound("There is no such refund.")
    return refund_from_row(row)


def _check_disputes(payment: Payment) -> None:
    """Refuse to give back what a buyer disputes since it was asked for: it might be paid twice."""
    taken = payment.amount_refunded + payment.amount_refund_reserved + payment.amount_disputed
    if taken > payment.amount_captured:
        disputed = Money(payment.amount_disputed, payment.currency)
        raise Refused(
            f"{disputed} of this payment is disputed since, and what is left does not suffice. "
            "Reject the refund, or wait for how the dispute ends.",
            code="payment_disputed",
            amount_disputed=payment.amount_disputed,
        )


def _as_decided(refund: Refund, verdict: Verdict, author: str) -> Refund:
    """Return a refund that was decided in this very way by this very person; refuse otherwise."""
    same = refund.approved_by is not None and is_same_person(refund.approved_by, author)
    if verdict is APPROVED and same:
        return refund
    if verdict is not APPROVED and refund.status is verdict.status:
        return refund
    raise Refused(
        f"This refund is {refund.status} and waits for nobody.",
        code="refund_decided",
        refund_status=str(refund.status),
    )


async def _write(
    resources: Resources,
    payment: Payment,
    refund: Refund,
    verdict: Verdict,
    author: str,
    because: str | None,
) -> tuple[Payment, int, bytes] | None:
    """Write a decision; return payment, attempt's number and reference. ``None``: look again."""
    assert refund.idempotency_key is not None, "it was asked for here"  # noqa: S101
    move = Move(
        to_status=payment.status,
        event_type=verdict.event_type,
        amount=refund.amount,
        reserved_delta=0 if verdict is APPROVED else -refund.amount,
        refund_id=refund.refund_id,
        refund_status=verdict.status,
    )
    step = step_for(payment, None, move, f"operator:{author}", resources.database.now())
    reference = gateway_reference(refund.merchant_id, refund.idempotency_key)
    row = await fetchrow_held(
        resources,
        SQL["decide_refund"],
        **moving(step, resources),
        refund_id=refund.refund_id,
        refund_status=verdict.status,
        decision_kind=verdict.kind,
        approver=author,
        because=because,
        gateway_reference=reference,
        attempt_data=encode(refund.told()).decode(),
    )
    return None if row is None else (step.after, row["attempt_no"], reference)


async def _send(
    resources: Resources,
    gateway: Gateway,
    payment: Payment,
    attempt_no: int,
    reference: bytes,
    refund: Refund,
) -> None:
    """Give back what was approved, and let the gateway's answer take effect."""
    attempt = sent_attempt(refund, attempt_no, reference, None)
    # No connection is held.
    outcome = await perform(resources, gateway, payment, attempt)
    waits = resources.waits(gateway.capabilities)
    await resources.settler.settle(payment, attempt, outcome, waits, "request")
