"""Disputes: what a buyer's bank takes back, or may; each is noted once by whoever hears of it.

A dispute is not a row but what its events say, in order. It is opened, and won or lost; a bank may
take up again what was won (a second chargeback), and what was lost may still be won on appeal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from paykeel.db.sql import load
from paykeel.errors import IllegalTransition, InvalidField, OperationInFlight, Refused
from paykeel.money import Money, check_amount
from paykeel.payments.moves import Move
from paykeel.payments.resources import come_apart
from paykeel.payments.steps import step_for
from paykeel.texts import check_person, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

SQL = load("paykeel.refunds", "refunds.sql")
#: Of many that move one payment at once, one does and the others look again.
NOTE_TRIES = 50
DISPUTE_ID_CHARACTERS_MAX = 100
#: Of one payment; one that is taken up again counts once more.
DISPUTES_MAX = 50
DISPUTE_ENDINGS = ("won", "lost")


class DisputeStatus(StrEnum):
    """Where a dispute stands."""

    #: What it is about may be taken back; it cannot be refunded.
    OPEN = "open"
    #: What it held is free again.
    WON = "won"
    #: What it held has gone back.
    LOST = "lost"


OPENED, REOPENED = "payment.dispute_opened", "payment.dispute_reopened"
LOST = "payment.dispute_lost"
#: Every way that a dispute may go: the event, from where, and to where; ``None``: there was none.
DISPUTE_MOVES: dict[str, tuple[frozenset[DisputeStatus | None], DisputeStatus]] = {
    OPENED: (frozenset({None}), DisputeStatus.OPEN),
    "payment.dispute_won": (
        frozenset({DisputeStatus.OPEN, DisputeStatus.LOST}), DisputeStatus.WON,
    ),
    LOST: (frozenset({DisputeStatus.OPEN}), DisputeStatus.LOST),
    REOPENED: (frozenset({DisputeStatus.WON}), DisputeStatus.OPEN),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as its events left it: the row of ``disputes_so_far``, column for column."""

    dispute_id: str
    #: What it was about when it was opened last, in minor units.
    amount: int
    last_event: str
    #: How often it was opened.
    openings: int

    @property
    def status(self) -> DisputeStatus:
        """Where it stands."""
        return DISPUTE_MOVES[self.last_event][1]


async def read_disputes(resources: Resources, payment: Payment) -> list[Dispute]:
    """Read the disputes of a payment as they stand now."""
    rows = await resources.database.fetch(
        SQL["disputes_so_far"],
        merchant_id=payment.merchant_id,
        payment_id=payment.payment_id,
        events=list(DISPUTE_MOVES),
    )
    return [Dispute(**row) for row in rows]


async def note_dispute(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    dispute_id: str,
    operator: str,
    event_type: str,
    *,
    amount: int | None = None,
) -> Payment:
    """Note what became of a dispute; noted again it changes nothing.

    What is disputed cannot be refunded. A dispute that is won frees it; one that is lost does not,
    since the card network has taken it.

    Args:
        resources: What stories work with.
        merchant_id: Whose payment.
        payment_id: Which one.
        dispute_id: The gateway's or the network's own id, at most 100 characters.
        operator: Who notes it.
        event_type: One of ``DISPUTE_MOVES``.
        amount: In minor units, when it is opened; when left out, all that was captured, or as
            much as before when it is taken up again.

    Raises:
        InvalidField: ``amount_over_captured``.
        IllegalTransition: Nothing was captured, or the dispute does not stand where that can be.
        Refused: ``disputes_too_many``.
    """
    author = check_person(operator, "operator")
    check_text(dispute_id, "dispute_id", DISPUTE_ID_CHARACTERS_MAX)
    if amount is not None:
        check_amount(amount)
    for tried in range(NOTE_TRIES):
        payment = await resources.settler.get(merchant_id, payment_id)
        disputes = await read_disputes(resources, payment)
        move = dispute_move(payment, disputes, dispute_id, event_type, amount)
        if move is None:
            # The disputes were read after the payment, and may be newer.
            return await resources.settler.get(merchant_id, payment_id)
        step = step_for(payment, None, move, f"operator:{author}", resources.database.now())
        if await resources.settler.write(step):
            return step.after
        await come_apart(tried)
    raise OperationInFlight("The payment keeps changing; repeat the request in a moment.")


def ending_event(ending: str) -> str:
    """Return the event of an ending.

    Raises:
        InvalidField: ``choice_unknown``.
    """
    if ending not in DISPUTE_ENDINGS:
        raise InvalidField("ending", "choice_unknown", f"Use one of: {', '.join(DISPUTE_ENDINGS)}.")
    return f"payment.dispute_{ending}"


def dispute_move(
    payment: Payment,
    disputes: Sequence[Dispute],
    dispute_id: str,
    event_type: str,
    amount: int | None = None,
) -> Move | None:
    """Return what an event of a dispute changes; ``None``: it was noted before."""
    sources, target = DISPUTE_MOVES[event_type]
    known = next((one for one in disputes if one.dispute_id == dispute_id), None)
    if known is not None and (event_type == OPENED or known.status is target):
        return None
    if (None if known is None else known.status) not in sources:
        _refuse(payment, known, target)
    if target is DisputeStatus.OPEN:
        wanted = amount if known is None or amount is not None else known.amount
        wanted = _held(payment, disputes, wanted)
        return _move(payment, event_type, dispute_id, wanted, wanted)
    assert known is not None, "no end is reached from nowhere"  # noqa: S101
    freed = -known.amount if target is DisputeStatus.WON else 0
    return _move(payment, event_type, dispute_id, known.amount, freed)


def _refuse(payment: Payment, known: Dispute | None, target: DisputeStatus) -> None:
    """Say why a dispute cannot go there."""
    if known is None:
        raise IllegalTransition(
            "No such dispute was opened: open it first.", status=str(payment.status)
        )
    hint = {
        DisputeStatus.WON: "Where the bank took it up again, reopen it first.",
        DisputeStatus.LOST: "It can still be won, and nothing else.",
    }
    raise IllegalTransition(
        f"This dispute is {known.status} and cannot become {target}. {hint[known.status]}",
        status=str(payment.status),
        dispute_status=str(known.status),
    )


def _held(payment: Payment, disputes: Sequence[Dispute], wanted: int | None) -> int:
    """Return what a dispute holds from now on; it never holds what was not captured."""
    if sum(one.openings for one in disputes) >= DISPUTES_MAX:
        raise Refused(
            f"A payment has at most {DISPUTES_MAX} disputes.",
            code="disputes_too_many",
        )
    left = payment.amount_captured - payment.amount_disputed
    if not left:
        raise IllegalTransition(
            "Nothing of this payment is captured and not disputed.", status=str(payment.status)
        )
    if wanted is not None and wanted > left:
        most = Money(left, payment.currency)
        message = f"At most {most} can be disputed."
        raise InvalidField("amount", "amount_over_captured", message)
    return left if wanted is None else wanted


def _move(payment: Payment, event_type: str, dispute_id: str, amount: int, delta: int) -> Move:
    return Move(
        to_status=payment.status,
        event_type=event_type,
        amount=amount,
        disputed_delta=delta,
        about_dispute=True,
        data={"dispute": dispute_id},
    )


def lost_amount(disputes: Sequence[Dispute]) -> int:
    """Return what lost disputes took, in minor units: it has gone back by another way."""
    return sum(one.amount for one in disputes if one.status is DisputeStatus.LOST)
