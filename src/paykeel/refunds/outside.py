"""What happens outside: refunds made in the gateway's own screens, and disputes.

Both are booked once, however often they are told, and somebody hears of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from paykeel.clock import new_id
from paykeel.errors import IllegalTransition, InvalidField, NotFound, OperationInFlight
from paykeel.gateways.port import Succeeded
from paykeel.money import Money, check_amount
from paykeel.payments.moves import GATEWAY_ID_CHARACTERS_MAX, Move
from paykeel.payments.notices import find_noticed
from paykeel.payments.refunding import RefundStatus
from paykeel.payments.resources import come_apart
from paykeel.payments.steps import gateway_reference, step_for
from paykeel.refunds.request import OPEN_TRIES, SQL, moving
from paykeel.texts import check_person, check_text

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.gateways.port import Notice
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

#: Who brings what the gateway tells by itself.
ACTOR = "webhook"
DISPUTE_ID_CHARACTERS_MAX = 100
DISPUTE_ENDINGS = ("won", "lost")


async def book_outside(resources: Resources, notice: Notice) -> Payment:
    """Book what somebody gave back in the gateway's own screens, and raise the alarm.

    Where there is no room for it, since more would be out than was captured, it is noted in the
    history and not booked; an operator has to look.

    Raises:
        NotFound: No payment of ours was charged under the notice's ``refund_of``.
    """
    for tried in range(OPEN_TRIES):
        payment = await find_noticed(resources, notice)
        charged = gateway_reference(payment.merchant_id, payment.idempotency_key).hex()
        if notice.refund_of != charged:
            raise NotFound("Nothing of this payment was charged under that reference.")
        if not isinstance(notice.outcome, Succeeded):
            return payment  # Nothing was given back, or not yet; the gateway tells again.
        told = notice.reference[:GATEWAY_ID_CHARACTERS_MAX]
        if await _is_booked(resources, payment, told):
            return payment
        written = await _write(resources, payment, told, notice.outcome.amount)
        if written is not None:
            return written
        await come_apart(tried)
    raise OperationInFlight("The payment keeps changing; it will be told again.")


async def _is_booked(resources: Resources, payment: Payment, gateway_id: str) -> bool:
    """Say whether this very refund was booked or noted before."""
    if any(event.data.get("gateway_refund") == gateway_id for event in payment.timeline):
        return True
    row = await resources.database.fetchrow(
        SQL["refund_outside"],
        merchant_id=payment.merchant_id,
        payment_id=payment.payment_id,
        gateway_id=gateway_id,
    )
    return row is not None


async def _write(
    resources: Resources, payment: Payment, gateway_id: str, given: Money
) -> Payment | None:
    """Book it, or note that there is no room; ``None``: the payment has moved, look again."""
    left = payment.amount_captured - payment.amount_refunded - payment.amount_refund_reserved
    fits = given.currency == payment.currency and 0 < given.minor <= left
    move = Move(
        to_status=payment.status,
        event_type="payment.refund_outside" if fits else "payment.refund_unbooked",
        amount=given.minor,
        refunded_delta=given.minor if fits else 0,
        refund_id=new_id(),
        refund_status=RefundStatus.SUCCEEDED if fits else None,
        data={} if fits else {"gateway_refund": gateway_id, "currency": given.currency},
        alarm=True,
    )
    step = step_for(payment, None, move, ACTOR, resources.database.now())
    if not fits:
        return step.after if await resources.settler.write(step) else None
    try:
        row = await resources.database.fetchrow(
            SQL["open_refund"],
            **moving(step, resources),
            refund_id=move.refund_id,
            refund_status=RefundStatus.SUCCEEDED,
            refunded_delta=given.minor,
            amount=given.minor,
            reason="other",
            origin="gateway",
            requested_by=ACTOR,
            idempotency_key=None,
            quoted_amount=None,
            policy_sha256=payment.refund_policy_sha256,
            override_reason=None,
            four_eyes=False,
            gateway_id=gateway_id,
            decision_kind="noticed",
            as_of=None,
            facts=None,
            trace=None,
            gateway_reference=None,
            attempt_data=None,
            fingerprint=None,
            response_status=None,
            response_type=None,
            response_body=None,
        )
    except asyncpg.UniqueViolationError:
        return None  # Told twice at this very moment.
    return None if row is None else step.after


async def note_dispute(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    dispute_id: str,
    operator: str,
    *,
    amount: int | None = None,
    ending: str | None = None,
) -> Payment:
    """Note that a buyer disputes a payment, or how that ended; noted again it changes nothing.

    What is disputed cannot be refunded. A dispute that is won frees it; one that is lost does not,
    since the card network has taken it.

    Args:
        resources: What stories work with.
        merchant_id: Whose payment.
        payment_id: Which one.
        dispute_id: The gateway's or the network's own id, at most 100 characters.
        operator: Who notes it.
        amount: In minor units, when it is opened; all that was captured when left out.
        ending: ``won`` or ``lost``, when it is over.

    Raises:
        InvalidField: ``choice_unknown``, ``amount_over_captured``.
        IllegalTransition: Nothing was captured, or the dispute was never opened.
    """
    author = check_person(operator, "operator")
    check_text(dispute_id, "dispute_id", DISPUTE_ID_CHARACTERS_MAX)
    if ending is not None and ending not in DISPUTE_ENDINGS:
        raise InvalidField("ending", "choice_unknown", f"Use one of: {', '.join(DISPUTE_ENDINGS)}.")
    if amount is not None:
        check_amount(amount)
    for tried in range(OPEN_TRIES):
        payment = await resources.settler.get(merchant_id, payment_id)
        move = _dispute_move(payment, dispute_id, amount, ending)
        if move is None:
            return payment
        step = step_for(payment, None, move, f"operator:{author}", resources.database.now())
        if await resources.settler.write(step):
            return step.after
        await come_apart(tried)
    raise OperationInFlight("The payment keeps changing; repeat the request in a moment.")


def _dispute_move(
    payment: Payment, dispute_id: str, amount: int | None, ending: str | None
) -> Move | None:
    """Return what a dispute changes; ``None``: it was noted before."""
    noted = {
        event.type: event for event in payment.timeline if event.data.get("dispute") == dispute_id
    }
    opened = noted.get("payment.dispute_opened")
    if ending is None:
        if opened is not None:
            return None
        left = payment.amount_captured - payment.amount_disputed
        wanted = left if amount is None else amount
        if not left:
            raise IllegalTransition(
                "Nothing of this payment is captured and not disputed.", status=str(payment.status)
            )
        if wanted > left:
            raise InvalidField(
                "amount", "amount_over_captured", f"At most {left} minor units can be disputed."
            )
        return _dispute("payment.dispute_opened", payment, dispute_id, wanted, wanted)
    if opened is None:
        raise IllegalTransition("No such dispute is open.", status=str(payment.status))
    if "payment.dispute_won" in noted or "payment.dispute_lost" in noted:
        return None
    freed = -opened.amount if ending == "won" else 0
    return _dispute(f"payment.dispute_{ending}", payment, dispute_id, opened.amount, freed)


def _dispute(event_type: str, payment: Payment, dispute_id: str, amount: int, delta: int) -> Move:
    return Move(
        to_status=payment.status,
        event_type=event_type,
        amount=amount,
        disputed_delta=delta,
        about_dispute=True,
        data={"dispute": dispute_id},
    )
