"""What a decision makes of a purchase: pending, held for a person, or blocked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from paykeel.fraud.ruleset import Action
from paykeel.payments.answers import purchase_answer
from paykeel.payments.model import Event, Payment
from paykeel.payments.states import NEW, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from paykeel.fraud.facts import Facts
    from paykeel.fraud.service import Decision
    from paykeel.idempotency import Answer
    from paykeel.payments.snapshot import Snapshot
    from paykeel.terms import Requirement

#: In an attempt's data: the gateway is asked to have the buyer authenticate.
AUTHENTICATE = "authenticate"


@dataclass(frozen=True, slots=True)
class Gate:
    """What the buyer must have accepted and what policy holds, by what one revision published."""

    requirements: tuple[Requirement, ...]
    revision: int
    #: ``None``: no refund policy is for this purchase.
    policy: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A purchase that wants to be opened."""

    #: Pending, with its first event, as it will be if nothing speaks against it.
    payment: Payment
    fingerprint: bytes
    gateway_reference: bytes
    #: In minor units of the merchant's reference currency; ``None``: there is no rate.
    amount_ref: int | None
    #: Makes what fraud prevention may know, keys and all, which nobody asks for while it is off.
    facts: Callable[[], Facts]
    gate: Gate
    #: How many people must approve it, if it is held.
    approvals_needed: int = 1
    #: Whether the gateway can ask the buyer to authenticate.
    can_authenticate: bool = True

    def at_gate(self, gate: Gate) -> Candidate:
        """Return it before this gate, its payment under the policy that holds there."""
        policy = gate.policy
        if policy is None and self.payment.refund_policy_key is None:
            return replace(self, gate=gate)
        payment = replace(
            self.payment,
            refund_policy_key=None if policy is None else policy.key,
            refund_policy_version=None if policy is None else policy.version,
            refund_policy_sha256=None if policy is None else policy.sha256,
        )
        return replace(self, gate=gate, payment=payment)


@dataclass(frozen=True, slots=True)
class Judged:
    """A purchase with what was decided about it."""

    candidate: Candidate
    decision: Decision
    payment: Payment
    #: Of a blocked purchase: stored at once.
    answer: Answer | None = None
    attempt_data: Mapping[str, Any] = field(default_factory=dict)
    #: By which it was judged, and under whose keys it counts; ``None``: it was not, and does not.
    facts: Facts | None = None


def conclude(candidate: Candidate, decision: Decision) -> Judged:
    """Return the payment as it is opened after the decision."""
    match decision.action:
        case Action.ALLOW:
            return Judged(candidate, decision, candidate.payment)
        case Action.CHALLENGE if not candidate.can_authenticate:
            # A person has to look at what the gateway cannot challenge.
            held = _opened(candidate.payment, Status.IN_REVIEW)
            return Judged(candidate, replace(decision, action=Action.REVIEW), held)
        case Action.CHALLENGE:
            asked = {AUTHENTICATE: "yes"}
            return Judged(candidate, decision, candidate.payment, attempt_data=asked)
        case Action.REVIEW:
            return Judged(candidate, decision, _opened(candidate.payment, Status.IN_REVIEW))
        case Action.BLOCK:
            payment = _opened(candidate.payment, Status.BLOCKED)
            return Judged(candidate, decision, payment, purchase_answer(payment))


def _opened(payment: Payment, status: Status) -> Payment:
    """Return the payment held or blocked, as the opening statement writes it."""
    blocked = status is Status.BLOCKED
    at = payment.created_at
    return replace(
        payment,
        status=status,
        failure_reason=_reason(status),
        finished_at=at if blocked else None,
        timeline=(first_event(status, payment.amount, at),),
    )


def first_event(status: Status, amount: int, at: datetime) -> Event:
    """Return the event that opens a payment, as the opening statement writes it."""
    return Event(
        sequence=1,
        type="payment.opened" if status is Status.PENDING else f"payment.{status}",
        from_status=NEW,
        to_status=status,
        amount=amount,
        authorized_delta=0,
        captured_delta=0,
        refunded_delta=0,
        late_delta=0,
        reason=_reason(status),
        actor="request",
        data={},
        occurred_at=at,
    )


def _reason(status: Status) -> str | None:
    return "blocked" if status is Status.BLOCKED else None
