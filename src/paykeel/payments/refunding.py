"""What the gateway's answer means for a refund, and how its caller is told: pure.

What was asked for stays reserved until the gateway says that it was or was not given back; silence
keeps it reserved. The first definite answer wins, but what the gateway gave back after it had
refused is booked if there is room, and raises the alarm in any case. Nothing is booked by guess:
neither another amount than was asked for, nor what may have been booked as made at the gateway.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, assert_never

from paykeel.gateways.port import (
    Authorized,
    Declined,
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
    OUTCOME_CHARACTERS_MAX,
    Close,
    Decision,
    Defer,
    Move,
    plain,
)

if TYPE_CHECKING:
    from paykeel.payments.model import Payment
    from paykeel.payments.moves import Attempt, Waits


class RefundStatus(StrEnum):
    """Where a refund stands."""

    #: Waits for a person; its amount is reserved.
    REQUESTED = "requested"
    #: Sent, or about to be; its amount is reserved until its end is known.
    PENDING = "pending"
    #: Given back.
    SUCCEEDED = "succeeded"
    #: The gateway refused it; nothing is reserved any more.
    FAILED = "failed"
    #: A person refused it.
    REJECTED = "rejected"
    #: Whoever asked called it off.
    CANCELED = "canceled"


#: Every way that a refund may go: the rows of ``refund_transitions``.
REFUND_TRANSITIONS: dict[str, frozenset[RefundStatus]] = {
    "new": frozenset({RefundStatus.REQUESTED, RefundStatus.PENDING, RefundStatus.SUCCEEDED}),
    RefundStatus.REQUESTED: frozenset(
        {RefundStatus.PENDING, RefundStatus.REJECTED, RefundStatus.CANCELED}
    ),
    RefundStatus.PENDING: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.FAILED: frozenset({RefundStatus.SUCCEEDED}),
}

#: Where a refund stands after each of its events; the audit replays by it.
AFTER_EVENT: dict[str, RefundStatus] = {
    "payment.refund_requested": RefundStatus.REQUESTED,
    "payment.refund_sent": RefundStatus.PENDING,
    "payment.refund_approved": RefundStatus.PENDING,
    "payment.refund_rejected": RefundStatus.REJECTED,
    "payment.refund_canceled": RefundStatus.CANCELED,
    "payment.refunded": RefundStatus.SUCCEEDED,
    "payment.refund_failed": RefundStatus.FAILED,
    "payment.refund_late": RefundStatus.SUCCEEDED,
    "payment.refund_outside": RefundStatus.SUCCEEDED,
}


def after_refund(payment: Payment, attempt: Attempt, outcome: Outcome, waits: Waits) -> Decision:
    """Say what the gateway's answer to a refund does to its payment."""
    if attempt.state == "done":
        return _after_its_end(payment, attempt, outcome)
    wanted = Money(attempt.amount, payment.currency)
    match outcome:
        case Succeeded() if outcome.amount != wanted:
            return Defer("open", _mismatch(wanted.minor, outcome), waits.again_ms, alarm=True)
        case Succeeded():
            return Move(
                to_status=payment.status,
                event_type="payment.refunded",
                amount=attempt.amount,
                refunded_delta=attempt.amount,
                reserved_delta=-attempt.amount,
                refund_id=attempt.refund_id,
                refund_status=RefundStatus.SUCCEEDED,
                gateway_id=outcome.gateway_id,
                attempt_outcome="succeeded",
            )
        case Declined():
            return Move(
                to_status=payment.status,
                event_type="payment.refund_failed",
                amount=attempt.amount,
                reserved_delta=-attempt.amount,
                refund_id=attempt.refund_id,
                refund_status=RefundStatus.FAILED,
                reason=str(outcome.reason),
                code=outcome.code,
                attempt_outcome=f"declined: {outcome.reason}",
            )
        case _ if attempt.outcome is not None and _MISMATCH.match(attempt.outcome):
            # No news: what the gateway said of it stays, for whoever settles it.
            return Defer("open", attempt.outcome, waits.again_ms)
        case NotSent():
            return Defer("open", f"not sent: {outcome.reason}"[:200], waits.again_ms)
        case Unknown():
            return Defer("open", f"unknown: {outcome.reason}"[:200], waits.again_ms)
        case Pending() | RequiresAction() | Authorized():
            return Defer("open", "pending", waits.again_ms)
        case _:
            assert_never(outcome)


_MISMATCH = re.compile(
    r"amount mismatch: asked \d+, gateway says -?\d+ \S+(?: as (.+))?", re.DOTALL
)


def _mismatch(asked: int, said: Succeeded) -> str:
    """Put that the gateway gave back another amount, with its id if that fits as a whole."""
    text = (
        f"amount mismatch: asked {asked}, gateway says {said.amount.minor} {said.amount.currency}"
    )
    named = f"{text} as {plain(said.gateway_id)}" if said.gateway_id else text
    return named if len(named) <= OUTCOME_CHARACTERS_MAX else text


def said_id(attempt: Attempt) -> str | None:
    """Return the gateway's id of a refund of which it said another amount; ``None``: not known."""
    found = _MISMATCH.fullmatch(attempt.outcome or "")
    return None if found is None else found[1]


def _is_booked_there(payment: Payment, gateway_id: str | None) -> bool:
    """Say whether a refund with this id was booked as one that was made at the gateway."""
    return gateway_id is not None and any(
        event.type == "payment.refund_outside"
        and event.data.get("gateway_refund") == plain(gateway_id)[:GATEWAY_ID_CHARACTERS_MAX]
        for event in payment.timeline
    )


def _may_be_booked_there(payment: Payment, attempt: Attempt, outcome: Succeeded) -> bool:
    """Say whether what has no id may be what was booked as made there after ours had failed."""
    failed = False
    for event in payment.timeline:
        if event.type == "payment.refund_failed" and event.refund_id == attempt.refund_id:
            failed = True
        elif failed and event.type == "payment.refund_outside" and event.amount == attempt.amount:
            return outcome.gateway_id is None
    return False


def _after_its_end(payment: Payment, attempt: Attempt, outcome: Outcome) -> Decision:
    """Let a refund that is over take effect no second time; book one that had been refused.

    What contradicts its end is noted once in the history, for somebody to look into.
    """
    events = [event for event in payment.timeline if event.refund_id == attempt.refund_id]
    noted = {event.type for event in events}
    booked = ("payment.refunded", "payment.refund_late")
    given = sum(event.amount for event in events if event.type in booked)
    data: dict[str, Any] = {}
    if isinstance(outcome, Succeeded):
        said = {"said_amount": outcome.amount.minor, "said_currency": outcome.amount.currency}
        named = plain(outcome.gateway_id or "")[:GATEWAY_ID_CHARACTERS_MAX]
        data = {**said, "said_id": named} if named else said
    wanted = Money(given or attempt.amount, payment.currency)
    match outcome:
        case Declined() if given:
            event_type = "payment.refund_contradicted"
        case Succeeded() if given and outcome.amount != wanted:
            event_type = "payment.refund_contradicted"
        case Succeeded() if not given and _is_booked_there(payment, outcome.gateway_id):
            # The gateway told of it by itself before, and the money moved once.
            event_type = "payment.refund_contradicted"
        case Succeeded() if not given and (
            outcome.amount != wanted or _may_be_booked_there(payment, attempt, outcome)
        ):
            # A person decides: whether it is the same money, or what became of the rest.
            event_type = "payment.refund_unbooked"
        case Succeeded() if not given:
            taken = payment.amount_refunded + payment.amount_refund_reserved
            if payment.amount_captured - taken >= attempt.amount:
                return Move(
                    to_status=payment.status,
                    event_type="payment.refund_late",
                    amount=attempt.amount,
                    refunded_delta=attempt.amount,
                    refund_id=attempt.refund_id,
                    refund_status=RefundStatus.SUCCEEDED,
                    gateway_id=outcome.gateway_id,
                    attempt_outcome="succeeded",
                    alarm=True,
                )
            event_type = "payment.refund_unbooked"
        case _:
            return Close("repeated")
    if event_type in noted:
        return Close("repeated")
    return Move(
        to_status=payment.status,
        event_type=event_type,
        amount=attempt.amount,
        refund_id=attempt.refund_id,
        data=data,
        attempt_outcome=event_type,
        alarm=True,
    )
