"""Refunds of which the gateway tells by itself: as values, and what each of them is. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from paykeel.errors import Refused
from paykeel.money import Money, tender_currencies
from paykeel.payments.encoding import instant
from paykeel.payments.states import CONCLUDED

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.payments.model import Payment


class NoticeStatus(StrEnum):
    """Where a notice stands."""

    #: It is not clear what it is, or there is no room for it.
    OPEN = "open"
    #: Somebody gave it back in the gateway's own screens, and it is booked.
    BOOKED = "booked"
    #: It is a refund that was asked for here, or late money that was given back here.
    OURS = "ours"
    #: A person said that it is none.
    DISMISSED = "dismissed"


class WaitsFor(StrEnum):
    """Why a notice stays open."""

    #: A refund of ours is on its way, and may be this one; or the payment has no end yet.
    ANSWER = "answer"
    #: A refund of ours may be this one or not, and no answer will tell; or it makes no sense.
    PERSON = "person"
    #: Together with what was given back or is reserved it is more than was captured.
    ROOM = "room"


#: What a person does about each, for tables and messages.
WHAT_TO_DO = {
    WaitsFor.ANSWER: "wait, or settle what is unknown (paykeel payments stuck)",
    WaitsFor.PERSON: "book it if it is another refund, dismiss it if not",
    WaitsFor.ROOM: "cancel or reject what waits for approval, or dismiss it",
}


@dataclass(frozen=True, slots=True)
class RefundNotice:
    """What the gateway told: the row of ``refund_notices``, column for column."""

    merchant_id: UUID
    payment_id: UUID
    #: The gateway's own id of the refund.
    gateway_id: str
    #: As it was told, in minor units; it may be nonsense.
    amount: int
    currency: str
    told_at: datetime
    status: NoticeStatus
    #: What it became.
    refund_id: UUID | None
    #: Why it was left open at the last look; ``None``: nobody has looked.
    waits_for: WaitsFor | None
    alarmed_at: datetime | None
    tries: int
    next_try_at: datetime | None
    dismissed_by: str | None
    dismissed_because: str | None
    dismissed_at: datetime | None

    @property
    def money(self) -> str:
        """What was told, sense or nonsense, for people."""
        if self.currency in tender_currencies():
            return str(Money(self.amount, self.currency))
        return f"{self.amount} {self.currency}"

    @property
    def what_to_do(self) -> str | None:
        """What a person does about it; ``None``: nothing."""
        if self.status is not NoticeStatus.OPEN or self.waits_for is None:
            return None
        return WHAT_TO_DO[self.waits_for]

    def document(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "object": "refund_notice",
            "payment_id": str(self.payment_id),
            "gateway_id": self.gateway_id,
            "amount": self.amount,
            "currency": self.currency,
            "status": str(self.status),
            "refund_id": None if self.refund_id is None else str(self.refund_id),
            "waits_for": None if self.waits_for is None else str(self.waits_for),
            "what_to_do": self.what_to_do,
            "tries": self.tries,
            "told_at": instant(self.told_at),
            "next_try_at": _when(self.next_try_at),
            "dismissed_by": self.dismissed_by,
            "dismissed_because": self.dismissed_because,
            "dismissed_at": _when(self.dismissed_at),
        }


def _when(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


NOTICE_COLUMNS = tuple(f.name for f in fields(RefundNotice))


def notice_from_row(row: Any) -> RefundNotice:
    """Make a notice of a row."""
    waits_for = row["waits_for"]
    typed = {
        "status": NoticeStatus(row["status"]),
        "waits_for": None if waits_for is None else WaitsFor(waits_for),
    }
    return RefundNotice(**{**row, **typed})


@dataclass(frozen=True, slots=True)
class Beside:
    """What there is of ours that a notice may be about."""

    #: The refund with this very id that was given back, and how much that was.
    refund_id: UUID | None
    amount: int | None
    #: How many are on their way: their ids are not known.
    pending: int
    #: How many gave back the same amount, and the gateway did not tell their ids.
    unnamed: int
    #: How much of late money was given back here under this very id.
    late_amount: int | None = None


@dataclass(frozen=True, slots=True)
class Ours:
    """It is this refund, which was asked for here; ``None``: late money that was given back."""

    refund_id: UUID | None


@dataclass(frozen=True, slots=True)
class Book:
    """It was made at the gateway itself, and there is room for it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is booked now."""

    waits_for: WaitsFor


def judge(
    payment: Payment, notice: RefundNotice, beside: Beside, *, is_another: bool = False
) -> Ours | Book | Wait:
    """Say what a notice is, and never guess: what may be a refund of ours is not booked again.

    Args:
        payment: As it stands now, read before the rest.
        notice: An open one.
        beside: What there is of ours.
        is_another: A person says that it is none of those whose ids were not told.
    """
    if payment.status not in CONCLUDED:
        return Wait(WaitsFor.ANSWER)  # History can tell nothing beside the payment's own way.
    has_sense = notice.currency == payment.currency and notice.amount > 0
    if beside.refund_id is not None:
        same = has_sense and notice.amount == beside.amount
        return Ours(beside.refund_id) if same else Wait(WaitsFor.PERSON)
    if beside.late_amount is not None:
        same = has_sense and notice.amount == beside.late_amount
        return Ours(None) if same else Wait(WaitsFor.PERSON)
    if beside.pending:
        return Wait(WaitsFor.ANSWER)
    if not has_sense or (beside.unnamed and not is_another):
        return Wait(WaitsFor.PERSON)
    left = payment.amount_captured - payment.amount_refunded - payment.amount_refund_reserved
    return Book() if notice.amount <= left else Wait(WaitsFor.ROOM)


def check_concluded(payment: Payment) -> None:
    """Refuse to decide about a notice of a payment whose own end is not known.

    Raises:
        Refused: ``refund_notice_too_early``.
    """
    if payment.status not in CONCLUDED:
        raise Refused(
            f"This payment is {payment.status}: wait for how it ends, then decide about the "
            "notice. `paykeel payments stuck` lists what stays unknown.",
            code="refund_notice_too_early",
            status=str(payment.status),
        )


def decided(notice: RefundNotice) -> Refused:
    """Say that nobody can decide about a notice any more."""
    return Refused(
        f"This notice is {notice.status} and waits for nobody.",
        code="refund_notice_decided",
        notice_status=str(notice.status),
    )


def not_bookable(notice: RefundNotice, waits_for: WaitsFor) -> Refused:
    """Say why a notice cannot be booked even on a person's word."""
    match waits_for:
        case WaitsFor.ROOM:
            return Refused(
                f"There is no room for {notice.money} beside what was given back and what is "
                "reserved: reject or cancel refunds that wait for approval, or dismiss it.",
                code="refund_notice_no_room",
            )
        case WaitsFor.ANSWER:
            return Refused(
                "A refund of ours is on its way and may be this very one: wait for how it ends, or "
                "settle it with `paykeel payments resolve`.",
                code="refund_notice_unclear",
            )
        case WaitsFor.PERSON:
            return Refused(
                f"{notice.money} is no refund of this payment "
                "that could be booked: look at the gateway's own screens, and dismiss it.",
                code="refund_notice_unclear",
            )
