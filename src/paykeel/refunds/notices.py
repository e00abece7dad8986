"""Refunds of which the gateway tells by itself: stored first, then worked on until they are clear.

A refund that somebody makes in the gateway's own screens is booked once, however often it is told,
and raises the alarm. Some gateways tell of ours in the same way, also before they have answered;
those are found by their id, and never booked a second time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.errors import NotFound, OperationInFlight, PaykeelError
from paykeel.gateways.port import Declined, Succeeded
from paykeel.payments.moves import GATEWAY_ID_CHARACTERS_MAX, Move, plain
from paykeel.payments.notices import find_noticed
from paykeel.payments.refunding import RefundStatus
from paykeel.payments.resources import come_apart
from paykeel.payments.settle import SQL as PAYMENTS
from paykeel.payments.steps import gateway_reference, step_for
from paykeel.refunds.noticed import (
    Beside,
    Book,
    NoticeStatus,
    Ours,
    Wait,
    WaitsFor,
    check_concluded,
    decided,
    judge,
    not_bookable,
    notice_from_row,
)
from paykeel.refunds.request import OPEN_TRIES, moving
from paykeel.refunds.request import SQL as REFUNDS
from paykeel.refunds.telling import (
    SQL,
    WEBHOOK,
    Person,
    note_contradiction,
    raise_alarm,
    tell,
)

if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from paykeel.gateways.port import Notice
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources
    from paykeel.payments.steps import Step
    from paykeel.refunds.noticed import RefundNotice

CURRENCY_CHARACTERS_MAX = 10
#: What the column can hold; what is told beyond it has room nowhere, and is never booked.
TOLD_AMOUNT_MAX = 2**63 - 1

log = structlog.get_logger("paykeel.refunds")


async def take_refund_notice(resources: Resources, notice: Notice) -> Payment:
    """Store that somebody gave money back in the gateway's own screens, and book it if it is clear.

    Told again it changes nothing; told otherwise, it raises the alarm. Where there is no room, or a
    refund of ours may be the very same, it stays open: the worker tries again, and whoever looks is
    told.

    Raises:
        NotFound: No payment of ours was charged under the notice's ``refund_of``.
    """
    payment = await find_noticed(resources, notice)
    charged = gateway_reference(payment.merchant_id, payment.idempotency_key).hex()
    if notice.refund_of != charged:
        raise NotFound("Nothing of this payment was charged under that reference.")
    gateway_id = plain(notice.reference)[:GATEWAY_ID_CHARACTERS_MAX]
    if isinstance(notice.outcome, Declined):
        return await _take_back(resources, payment, gateway_id)
    if not isinstance(notice.outcome, Succeeded):
        return payment  # Nothing was given back, or not yet; the gateway tells again.
    if not gateway_id:
        raise NotFound("The notice does not say which refund it is about.")
    given = notice.outcome.amount
    amount = max(-TOLD_AMOUNT_MAX, min(TOLD_AMOUNT_MAX, given.minor))
    currency = plain(given.currency)[:CURRENCY_CHARACTERS_MAX] or "?"
    new = await resources.database.fetch(
        SQL["store_notice"],
        merchant_id=payment.merchant_id,
        payment_id=payment.payment_id,
        gateway_id=gateway_id,
        amount=amount,
        currency=currency,
        again_ms=resources.settings.recovery_backoff_ms_min,
    )
    if not new:
        known = await read_notice(resources, payment.merchant_id, payment.payment_id, gateway_id)
        if (amount, currency) != (known.amount, known.currency):
            # What was told first is kept; the rest is for a person to look into.
            said = {"then_told": amount, "then_currency": currency}
            await note_contradiction(resources, payment, known, said)
    return await _work(resources, payment.merchant_id, payment.payment_id, gateway_id)


async def _take_back(resources: Resources, payment: Payment, gateway_id: str) -> Payment:
    """Note that the gateway takes back what it told of; it may never have told of it."""
    try:
        known = await read_notice(resources, payment.merchant_id, payment.payment_id, gateway_id)
    except NotFound:
        return payment
    if known.status is NoticeStatus.DISMISSED:
        return payment  # A person said so before.
    return await note_contradiction(resources, payment, known, {"then_told": "declined"})


async def sweep_notices(resources: Resources) -> int:
    """Look once at open notices that are due, a bounded number; return how many were looked at."""
    settings = resources.settings
    rows = await resources.database.fetch(
        SQL["claim_due_notices"],
        rows_max=settings.recovery_batch_rows,
        pause_ms_min=settings.recovery_backoff_ms_min,
        pause_ms_max=settings.recovery_backoff_ms_max,
    )
    results = await asyncio.gather(
        *(
            _work(resources, row["merchant_id"], row["payment_id"], row["gateway_id"])
            for row in rows
        ),
        return_exceptions=True,
    )
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, BaseException):
            # It comes again after its pause; the others were not harmed.
            log.warning(
                "refund_notice.failed",
                payment_id=str(row["payment_id"]),
                error=result.code if isinstance(result, PaykeelError) else repr(result),
            )
    return len(rows)


async def book_notice(
    resources: Resources, merchant_id: UUID, payment_id: UUID, gateway_id: str, person: Person
) -> RefundNotice:
    """Book an open notice on a person's word that none of our refunds is the same.

    Raises:
        NotFound: The gateway told of no such refund.
        Refused: ``refund_notice_decided``, ``refund_notice_unclear``, ``refund_notice_too_early``
            or ``refund_notice_no_room``.
    """
    notice = await read_notice(resources, merchant_id, payment_id, gateway_id)
    if notice.status is not NoticeStatus.OPEN:
        raise decided(notice)
    await _work(resources, merchant_id, payment_id, notice.gateway_id, person)
    return await read_notice(resources, merchant_id, payment_id, notice.gateway_id)


async def dismiss_notice(
    resources: Resources, merchant_id: UUID, payment_id: UUID, gateway_id: str, person: Person
) -> RefundNotice:
    """Close an open notice without booking anything, on a person's word; history names them.

    Raises:
        NotFound: The gateway told of no such refund.
        Refused: ``refund_notice_decided`` or ``refund_notice_too_early``.
    """
    for tried in range(OPEN_TRIES):
        payment = await resources.settler.get(merchant_id, payment_id)
        notice = await read_notice(resources, merchant_id, payment_id, gateway_id)
        if notice.status is not NoticeStatus.OPEN:
            raise decided(notice)
        check_concluded(payment)
        if await tell(resources, payment, notice, person=person):
            return await read_notice(resources, merchant_id, payment_id, gateway_id)
        await come_apart(tried)
    raise OperationInFlight("The payment keeps changing; repeat the request in a moment.")


async def read_notice(
    resources: Resources, merchant_id: UUID, payment_id: UUID, gateway_id: str
) -> RefundNotice:
    """Read what the gateway told under an id of its own.

    Raises:
        NotFound: It told nothing.
    """
    row = await resources.database.fetchrow(
        SQL["get_notice"],
        merchant_id=merchant_id,
        payment_id=payment_id,
        gateway_id=plain(gateway_id)[:GATEWAY_ID_CHARACTERS_MAX],
    )
    if row is None:
        raise NotFound("The gateway told of no such refund of this payment.")
    return notice_from_row(row)


async def list_notices(
    resources: Resources,
    merchant_id: UUID,
    *,
    status: str | None,
    payment_id: UUID | None,
    rows_max: int,
) -> list[RefundNotice]:
    """Return what the gateway told, of the oldest payment first."""
    values = {
        "merchant_id": merchant_id,
        "status": status,
        "payment_id": payment_id,
        "rows_max": rows_max,
    }
    database = resources.database
    async with database.connection() as connection, connection.transaction(readonly=True):
        await fetch_on(connection, PAYMENTS["plan_afresh"], {})
        rows = await fetch_on(connection, SQL["list_notices"], values)
    return [notice_from_row(row) for row in rows]


async def _work(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    gateway_id: str,
    person: Person | None = None,
) -> Payment:
    """Let an open notice take effect if it is clear what it is; return the payment as it stands."""
    named: dict[str, Any] = {
        "merchant_id": merchant_id, "payment_id": payment_id, "gateway_id": gateway_id,
    }  # fmt: skip
    for tried in range(OPEN_TRIES):
        # The payment first: whatever becomes of a refund of ours afterwards moves it, and what is
        # written here is refused.
        payment = await resources.settler.get(merchant_id, payment_id)
        notice = await read_notice(resources, **named)
        if notice.status is not NoticeStatus.OPEN:
            return payment
        row = await resources.database.fetchrow(SQL["beside_notice"], **named, amount=notice.amount)
        assert row is not None, "it always has one"  # noqa: S101
        match judge(payment, notice, Beside(**row), is_another=person is not None):
            case Ours(refund_id):
                await resources.database.fetch(SQL["notice_is_ours"], **named, refund_id=refund_id)
                return await resources.settler.get(merchant_id, payment_id)
            case Book():
                step = await _book(resources, payment, notice, person)
                if step is not None:
                    return step.after
            case Wait(waits_for):
                if person is not None:
                    check_concluded(payment)
                    raise not_bookable(notice, waits_for)
                if notice.alarmed_at is not None or waits_for is WaitsFor.ANSWER:
                    await resources.database.fetch(
                        SQL["leave_notice"], **named, waits_for=waits_for
                    )
                    return payment
                if await tell(resources, payment, notice, waits_for=waits_for):
                    return await resources.settler.get(merchant_id, payment_id)
        await come_apart(tried)
    raise OperationInFlight("The payment keeps changing; it will be tried again.")


async def _book(
    resources: Resources, payment: Payment, notice: RefundNotice, person: Person | None
) -> Step | None:
    """Write the refund together with what becomes of its notice; ``None``: look again."""
    move = Move(
        to_status=payment.status,
        event_type="payment.refund_outside",
        amount=notice.amount,
        refunded_delta=notice.amount,
        refund_id=new_id(),
        refund_status=RefundStatus.SUCCEEDED,
        data={"gateway_refund": notice.gateway_id},
        alarm=True,
    )
    actor = WEBHOOK if person is None else f"operator:{person.name}"
    step = step_for(payment, None, move, actor, resources.database.now())
    row = await resources.database.fetchrow(
        REFUNDS["open_refund"],
        **moving(step, resources),
        refund_id=move.refund_id,
        refund_status=RefundStatus.SUCCEEDED,
        refunded_delta=notice.amount,
        amount=notice.amount,
        reason="other",
        origin="gateway",
        requested_by=WEBHOOK if person is None else person.name,
        policy_sha256=payment.refund_policy_sha256,
        override_reason=None if person is None else person.because,
        four_eyes=False,
        gateway_id=notice.gateway_id,
        decision_kind="noticed",
        **_NOT_ASKED_FOR,
    )
    if row is None:
        return None
    raise_alarm(step)
    return step


#: What a refund has that was asked for here, and none that was made at the gateway.
_NOT_ASKED_FOR: dict[str, Any] = dict.fromkeys(
    (
        "idempotency_key", "quoted_amount", "as_of", "facts", "trace", "breakdown",
        "gateway_reference", "attempt_data", "fingerprint", "response_status", "response_type",
        "response_body",
    )
)  # fmt: skip
