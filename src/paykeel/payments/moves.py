"""What can become of a payment in one step: values, and the payment after a step; all pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from paykeel.payments.model import Event, Payment
from paykeel.payments.states import TERMINAL, Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID


OUTCOME_CHARACTERS_MAX = 200
FAILURE_CODE_CHARACTERS_MAX = 100
GATEWAY_ID_CHARACTERS_MAX = 255


@dataclass(frozen=True, slots=True)
class Attempt:
    """One operation at the gateway: the row of ``payment_attempts``."""

    payment_id: UUID
    attempt_no: int
    #: ``charge``, ``complete``, ``capture``, ``void`` or ``refund``.
    operation: str
    reference: bytes
    idempotency_key: str | None
    amount: int
    final: bool
    #: With a void: ``canceled`` or ``expired``.
    ends_in: str | None
    data: Mapping[str, Any]
    #: ``open``, ``waiting`` or ``done``.
    state: str
    outcome: str | None
    recover_at: datetime | None
    recover_count: int
    created_at: datetime
    finished_at: datetime | None
    #: Which refund it sends; ``None`` for late money that is given back.
    refund_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """When to look again, in milliseconds, after each kind of answer that is not an end."""

    again_ms: int
    action_ms: int
    authorization_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step of a payment: one event, and what it changes."""

    to_status: Status
    event_type: str
    amount: int
    authorized_delta: int = 0
    captured_delta: int = 0
    late_delta: int = 0
    refunded_delta: int = 0
    reserved_delta: int = 0
    disputed_delta: int = 0
    refund_id: UUID | None = None
    #: Where the refund stands afterwards; ``None``: where it stood.
    refund_status: str | None = None
    about_dispute: bool = False
    #: About a refund of which the gateway told by itself, and that is not booked.
    about_notice: bool = False
    reason: str | None = None
    code: str | None = None
    next_action: Mapping[str, Any] | None = None
    gateway_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    attempt_state: str = "done"
    attempt_outcome: str = ""
    recover_ms: int = 0
    #: Something that a person has to hear of.
    alarm: bool = False

    @property
    def is_apart(self) -> bool:
        """Whether it leaves the payment's own ending, reason and attempts as they are."""
        return self.refund_id is not None or self.about_dispute or self.about_notice


@dataclass(frozen=True, slots=True)
class Defer:
    """No step: look at the attempt again later."""

    state: str
    outcome: str
    recover_ms: int
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """No step, and nothing more to look for in this attempt."""

    outcome: str


Decision = Move | Defer | Close


def plain(text: str) -> str:
    """Return an adapter's own words as PostgreSQL can hold them: no NUL, no half characters."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def _cut(text: str | None, characters_max: int) -> str | None:
    return None if text is None else plain(text)[:characters_max] or None


def storable(decision: Decision) -> Decision:
    """Cut what an adapter said in its own words to what the columns hold.

    A definite answer must never be lost because of how it was put.
    """
    outcome = plain(decision.attempt_outcome if isinstance(decision, Move) else decision.outcome)
    outcome = outcome[:OUTCOME_CHARACTERS_MAX]
    if not isinstance(decision, Move):
        return replace(decision, outcome=outcome)
    code = _cut(decision.code, FAILURE_CODE_CHARACTERS_MAX)
    gateway_id = _cut(decision.gateway_id, GATEWAY_ID_CHARACTERS_MAX)
    data = decision.data
    if decision.refund_status is not None:
        # The refund's row changes with its next end; what the gateway said of this one stays here.
        said = {"gateway_refund": gateway_id, "code": code}
        data = {**data, **{name: text for name, text in said.items() if text is not None}}
    elif (code, gateway_id, outcome) == (
        decision.code,
        decision.gateway_id,
        decision.attempt_outcome,
    ):
        return decision  # As nearly always; to make it once more costs more than to look.
    return replace(decision, code=code, gateway_id=gateway_id, data=data, attempt_outcome=outcome)


def apply(payment: Payment, move: Move, actor: str, at: datetime) -> Payment:
    """Return the payment after the move, its event added: what the statement will make true."""
    event = Event(
        sequence=payment.version + 1,
        type=move.event_type,
        from_status=str(payment.status),
        to_status=str(move.to_status),
        amount=move.amount,
        authorized_delta=move.authorized_delta,
        captured_delta=move.captured_delta,
        refunded_delta=move.refunded_delta,
        late_delta=move.late_delta,
        reason=move.reason,
        actor=actor,
        data=move.data,
        occurred_at=at,
        reserved_delta=move.reserved_delta,
        disputed_delta=move.disputed_delta,
        refund_id=move.refund_id,
    )
    failed = move.to_status in {Status.FAILED, Status.BLOCKED}
    # Why a refund failed is not why its payment did.
    apart = move.is_apart
    reason, code = (
        (payment.failure_reason, payment.failure_code) if apart else (move.reason, move.code)
    )
    return replace(
        payment,
        status=move.to_status,
        version=payment.version + 1,
        amount_authorized=payment.amount_authorized + move.authorized_delta,
        amount_captured=payment.amount_captured + move.captured_delta,
        amount_refunded=payment.amount_refunded + move.refunded_delta,
        amount_refund_reserved=payment.amount_refund_reserved + move.reserved_delta,
        amount_disputed=payment.amount_disputed + move.disputed_delta,
        amount_late=payment.amount_late + move.late_delta,
        gateway_id=(None if apart else move.gateway_id) or payment.gateway_id,
        failure_reason=reason if failed else None,
        failure_code=code if failed else None,
        next_action=move.next_action if move.to_status is Status.REQUIRES_ACTION else None,
        updated_at=at,
        finished_at=(payment.finished_at or at) if move.to_status in TERMINAL else None,
        timeline=(*payment.timeline, event),
    )
