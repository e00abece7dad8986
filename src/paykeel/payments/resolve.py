"""What stays in the dark: listing it, and settling it by a named operator with evidence."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from paykeel.errors import IllegalTransition, InvalidField, OperationInFlight, Refused
from paykeel.gateways.port import Authorized, Declined, DeclineReason, Succeeded
from paykeel.money import Money, check_amount
from paykeel.payments.moves import Attempt, Move
from paykeel.payments.notices import check_no_open_notice
from paykeel.payments.operations import Operation, open_operation, perform
from paykeel.payments.refunding import RefundStatus, said_id
from paykeel.payments.resources import come_apart
from paykeel.payments.settle import SQL
from paykeel.payments.states import Status
from paykeel.payments.steps import step_for
from paykeel.texts import check_text

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.gateways.port import Capabilities, Outcome
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

OPERATOR_CHARACTERS_MAX = 100
EVIDENCE_CHARACTERS_MAX = 2_000
WRITE_TRIES = 5
#: Names the giving back of late money, apart from the charge under the same key.
LATE_REFUND_NUMBER = 3

_ATTEMPT_COLUMNS = tuple(f.name for f in fields(Attempt))


class Resolution(StrEnum):
    """What an operator found out, or decides."""

    #: The gateway did it.
    SUCCEEDED = "succeeded"
    #: The gateway did not and will not do it.
    FAILED = "failed"
    #: Money that came after the end: keep it, the order is honoured.
    ACCEPT_LATE = "accept_late"
    #: Money that came after the end: give it back.
    REFUND_LATE = "refund_late"


@dataclass(frozen=True, slots=True)
class Stuck:
    """A payment of which something is still unknown, or whose late money waits for a decision."""

    payment_id: UUID
    status: str
    amount: int
    currency: str
    amount_late: int
    reference: str | None
    gateway: str
    attempt_no: int | None
    #: The operation in the dark, or ``late_money``.
    operation: str
    state: str
    #: Why: the last thing that was heard.
    outcome: str | None
    recover_at: datetime | None
    #: How often recovery has looked.
    recover_count: int
    #: For how long, in milliseconds.
    age_ms: int
    #: What the operation is about, in minor units; and which refund, if it is one.
    attempt_amount: int | None = None
    refund_id: UUID | None = None


async def list_stuck(
    resources: Resources, merchant_id: UUID, tries_min: int, rows_max: int
) -> list[Stuck]:
    """Return what recovery has looked at ``tries_min`` times in vain, oldest first."""
    rows = await resources.database.fetch(
        SQL["list_stuck"], merchant_id=merchant_id, tries_min=tries_min, rows_max=rows_max
    )
    return [Stuck(**row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an operator found out or decides, with the evidence."""

    decision: Resolution
    operator: str
    evidence: str
    #: With ``failed``: a decline reason.
    reason: str | None = None
    #: Which attempt, where several are unknown.
    attempt_no: int | None = None
    #: With ``succeeded``, of a refund: what really went back, in minor units.
    amount: int | None = None

    def __post_init__(self) -> None:
        """Check what history keeps.

        Raises:
            InvalidField: A text cannot be stored, or ``amount_not_of_refund``.
        """
        check_text(self.operator, "operator", OPERATOR_CHARACTERS_MAX)
        check_text(self.evidence, "evidence", EVIDENCE_CHARACTERS_MAX)
        if self.amount is not None:
            check_amount(self.amount)
            if self.decision is not Resolution.SUCCEEDED:
                raise _no_amount()


async def resolve(
    resources: Resources, merchant_id: UUID, payment_id: UUID, finding: Finding
) -> Payment:
    """Settle what the gateway left unknown, on a named operator's word; the history names both.

    Raises:
        InvalidField: ``amount_not_of_refund`` or ``amount_over_refundable``.
    """
    payment = await resources.settler.get(merchant_id, payment_id)
    if payment.status is Status.IN_REVIEW:
        raise IllegalTransition(
            "This payment is held for a person and was never sent; approve or reject it.",
            status=str(payment.status),
        )
    actor, data = f"operator:{finding.operator}", {"evidence": finding.evidence}
    match finding.decision:
        case Resolution.ACCEPT_LATE:
            return await _accept_late(resources, payment, actor, data)
        case Resolution.REFUND_LATE:
            return await _refund_late(resources, payment, actor, data)
        case Resolution.SUCCEEDED | Resolution.FAILED:
            attempt = await _in_the_dark(resources, payment, finding.attempt_no)
            if finding.amount is not None and finding.amount != attempt.amount:
                return await _settle_refund(
                    resources, payment, attempt, finding.amount, actor, data
                )
            outcome = _outcome(payment, attempt, finding.decision, finding.reason)
            gateway = await resources.gateways.by_name(payment.gateway)
            waits = resources.waits(gateway.capabilities, attempt.recover_count)
            settled, _ = await resources.settler.settle(
                payment, attempt, outcome, waits, actor, data
            )
            return settled


async def _settle_refund(
    resources: Resources,
    payment: Payment,
    attempt: Attempt,
    amount: int,
    actor: str,
    data: dict[str, str],
) -> Payment:
    """Book a refund of which the gateway gave back another amount than asked; free the rest."""
    if attempt.refund_id is None:
        raise _no_amount()
    named = said_id(attempt)
    told = data if named is None else {**data, "gateway_refund": named}
    for tried in range(WRITE_TRIES):
        taken = payment.amount_refunded + payment.amount_refund_reserved
        room = payment.amount_captured - taken + attempt.amount
        if amount > room:
            raise InvalidField(
                "amount",
                "amount_over_refundable",
                f"With it more would be out than was captured: at most {room} minor units can be "
                "booked. Look whether something else was booked twice, or reject and cancel what "
                "waits for approval.",
            )
        move = Move(
            to_status=payment.status,
            event_type="payment.refunded",
            amount=amount,
            refunded_delta=amount,
            reserved_delta=-attempt.amount,
            refund_id=attempt.refund_id,
            refund_status=RefundStatus.SUCCEEDED,
            gateway_id=named,
            attempt_outcome="succeeded",
            data={**told, "asked": attempt.amount},
        )
        step = step_for(payment, attempt, move, actor, resources.database.now())
        if await resources.settler.write(step):
            return step.after
        await come_apart(tried)
        payment, attempt = await resources.settler.read(payment.merchant_id, attempt)
        if attempt.state == "done":
            raise IllegalTransition(
                "It has just been settled; look at the payment again.", status=str(payment.status)
            )
    raise OperationInFlight("The payment keeps changing; repeat it in a moment.")


def _no_amount() -> InvalidField:
    return InvalidField(
        "amount", "amount_not_of_refund", "Only a refund that succeeded can have another amount."
    )


async def _in_the_dark(resources: Resources, payment: Payment, attempt_no: int | None) -> Attempt:
    """Return the attempt whose end is unknown; the open one before one that waits.

    Several refunds may be in the dark at once: then it must be said which one is meant.
    """
    attempts = await _attempts(resources, payment)
    dark = [one for one in attempts if one.state == "open"]
    if not dark and payment.status == "processing":
        dark = [one for one in attempts if one.state == "waiting"][:1]
    if attempt_no is not None:
        dark = [one for one in dark if one.attempt_no == attempt_no]
    if not dark:
        raise IllegalTransition(
            f"Nothing of this payment is unknown; it is {payment.status}.",
            status=str(payment.status),
        )
    if len(dark) > 1:
        named = ", ".join(f"{one.attempt_no} ({one.amount})" for one in dark)
        raise Refused(
            f"Several attempts are unknown; say which one (attempt_no and minor units): {named}.",
            code="attempt_required",
        )
    if dark[0].state == "open" and not dark[0].recover_count:
        raise OperationInFlight("Recovery has not looked at it yet; wait for it.")
    return dark[0]


def _outcome(
    payment: Payment, attempt: Attempt, decision: Resolution, reason: str | None
) -> Outcome:
    """Put the operator's finding as the gateway would have."""
    if decision is Resolution.FAILED:
        if reason is not None and reason not in set(DeclineReason):
            raise InvalidField(
                "reason", "choice_unknown", f"Use one of: {', '.join(DeclineReason)}."
            )
        return Declined(DeclineReason(reason or "other"), "resolved by an operator")
    amount = Money(attempt.amount, payment.currency)
    manual = payment.capture_method == "manual"
    if manual and attempt.operation in {"charge", "complete"}:
        return Authorized(amount)
    return Succeeded(amount, None if attempt.refund_id is None else said_id(attempt))


async def _accept_late(
    resources: Resources, payment: Payment, actor: str, data: dict[str, str]
) -> Payment:
    """Book late money as captured; the payment's status stays what it was."""
    for _ in range(WRITE_TRIES):
        late = _late(payment)
        if any(refund.state == "open" for refund in await _refunds(resources, payment)):
            # The gateway may be giving it back at this moment.
            raise OperationInFlight("The money is being given back; wait for how that ends.")
        move = Move(
            to_status=payment.status,
            event_type="payment.late_money_accepted",
            amount=late,
            # What was reserved before it ended is authorized already.
            authorized_delta=max(0, payment.amount_captured + late - payment.amount_authorized),
            captured_delta=late,
            late_delta=-late,
            reason=payment.failure_reason,
            code=payment.failure_code,
            data=data,
        )
        step = step_for(payment, None, move, actor, resources.database.now())
        if await resources.settler.write(step):
            return step.after
        payment = await resources.settler.get(payment.merchant_id, payment.payment_id)
    raise OperationInFlight("The payment keeps changing; repeat it in a moment.")


async def _refund_late(
    resources: Resources, payment: Payment, actor: str, data: dict[str, str]
) -> Payment:
    """Give late money back through the gateway.

    Raises:
        Refused: ``refund_notice_open``.
    """
    late = _late(payment)
    await check_no_open_notice(resources, payment.merchant_id, payment.payment_id)
    operation = Operation(
        verb="refund", claims_as="cancel", path="cancel", body={}, amount_of=_late, data=data
    )
    # A refund that was refused keeps its number: the gateway would only repeat what it said.
    number = LATE_REFUND_NUMBER + len(await _refunds(resources, payment))
    attempt = await open_operation(resources, payment, operation, late, None, b"", number)
    if attempt is None:
        await check_no_open_notice(resources, payment.merchant_id, payment.payment_id)
        raise OperationInFlight("The payment has just changed; look at it again.")
    gateway = await resources.gateways.by_name(payment.gateway)
    outcome = await perform(resources, gateway, payment, attempt)
    waits = resources.waits(gateway.capabilities)
    settled, _ = await resources.settler.settle(payment, attempt, outcome, waits, actor, data)
    return settled


async def _attempts(resources: Resources, payment: Payment) -> list[Attempt]:
    """Return every operation of a payment at the gateway, in order."""
    rows = await resources.database.fetch(
        SQL["get_attempts"], merchant_id=payment.merchant_id, payment_id=payment.payment_id
    )
    return [Attempt(**{name: row[name] for name in _ATTEMPT_COLUMNS}) for row in rows]


async def _refunds(resources: Resources, payment: Payment) -> list[Attempt]:
    """Return every giving back of late money, however it ended."""
    attempts = await _attempts(resources, payment)
    return [one for one in attempts if one.operation == "refund" and one.refund_id is None]


def _late(payment: Payment, _capabilities: Capabilities | None = None) -> int:
    """Return the late money of a payment, in minor units; it must have some."""
    if not payment.amount_late:
        raise IllegalTransition("No money of this payment came late.", status=str(payment.status))
    return payment.amount_late
