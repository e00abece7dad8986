"""What a decision makes of a purchase: pending, held for a person, or blocked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from paykeel.fraud.ruleset import Action
from paykeel.payments.answers import purchase_answer
from paykeel.payments.model import Event, Payment
from paykeel.payments.states import NEW, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.fraud.facts import Facts
    from paykeel.fraud.service import Decision
    from paykeel.idempotency import Answer

#: In an attempt's data: the gateway is asked to have the buyer authenticate.
AUTHENTICATE = "authenticate"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A purchase that wants to be opened."""

    #: Pending, as it will be if nothing speaks against it.
    payment: Payment
    fingerprint: bytes
    gateway_reference: bytes
    facts: Facts
    #: How many people must approve it, if it is held.
    approvals_needed: int = 1
    #: Whether the gateway can ask the buyer to authenticate.
    can_authenticate: bool = True


@dataclass(frozen=True, slots=True)
class Judged:
    """A purchase with what was decided about it."""

    candidate: Candidate
    decision: Decision
    payment: Payment
    #: Of a blocked purchase: stored at once.
    answer: Answer | None = None
    attempt_data: Mapping[str, Any] = field(default_factory=dict)


def conclude(candidate: Candidate, decision: Decision) -> Judged:
    """Return the payment as it is opened after the decision."""
    match decision.action:
        case Action.ALLOW:
            return Judged(candidate, decision, _opened(candidate.payment, Status.PENDING))
        case Action.CHALLENGE if not candidate.can_authenticate:
            # A person has to look at what the gateway cannot challenge.
            held = _opened(candidate.payment, Status.IN_REVIEW)
            return Judged(candidate, replace(decision, action=Action.REVIEW), held)
        case Action.CHALLENGE:
            payment = _opened(candidate.payment, Status.PENDING)
            return Judged(candidate, decision, payment, attempt_data={AUTHENTICATE: "yes"})
        case Action.REVIEW:
            return Judged(candidate, decision, _opened(candidate.payment, Status.IN_REVIEW))
        case Action.BLOCK:
            payment = _opened(candidate.payment, Status.BLOCKED)
            return Judged(candidate, decision, payment, purchase_answer(payment))


def _opened(payment: Payment, status: Status) -> Payment:
    """Return the payment with its first event, as the opening statement writes both."""
    blocked = status is Status.BLOCKED
    reason = "blocked" if blocked else None
    at = payment.created_at
    event = Event(
        sequence=1,
        type="payment.opened" if status is Status.PENDING else f"payment.{status}",
        from_status=NEW,
        to_status=status,
        amount=payment.amount,
        authorized_delta=0,
        captured_delta=0,
        refunded_delta=0,
        late_delta=0,
        reason=reason,
        actor="request",
        data={},
        occurred_at=at,
    )
    return replace(
        payment,
        status=status,
        failure_reason=reason,
        finished_at=at if blocked else None,
        timeline=(event,),
    )
