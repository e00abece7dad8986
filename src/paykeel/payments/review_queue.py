"""The queue of payments that are held for a person: reading it, assigning, and saying something."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import InvalidField, NotFound, Refused
from paykeel.texts import check_person, check_text

if TYPE_CHECKING:
    from paykeel.fraud.service import LoggedDecision
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

SQL = {**load("paykeel.payments"), **load("paykeel.payments", "review.sql")}

ROWS_MAX = 100
OPERATOR_CHARACTERS_MAX = 100
NOTE_CHARACTERS_MAX = 2_000
REASON_CHARACTERS_MAX = 40
#: Of one payment; when that many are there, more are refused.
NOTES_MAX = 500
#: Decisions are noted all the same, however many notes there are.
_NOTES_READ_MAX = NOTES_MAX + 50

_CURSOR = re.compile(r"([0-9a-f]{16})([0-9a-f]{32})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Review:
    """A payment that is, or was, held for a person."""

    payment_id: UUID
    #: ``open``, ``approved``, ``rejected``, ``expired`` or ``canceled``.
    status: str
    #: Reason codes of the rules that asked for it.
    reasons: tuple[str, ...]
    #: How many people must approve: one or two.
    approvals_needed: int
    approvals: int
    assignee: str | None
    #: When it expires, if nobody has decided.
    due_at: datetime
    created_at: datetime
    decided_at: datetime | None
    payment_status: str
    #: In minor units of ``currency``.
    amount: int
    currency: str
    buyer_id: str
    buyer_role: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody did or said about it."""

    note_id: UUID
    #: ``note``, ``assign``, ``approve``, ``reject`` or ``expire``.
    action: str
    author: str
    #: With ``assign``: whom; empty: nobody.
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Some reviews, and where the next page begins."""

    reviews: tuple[Review, ...]
    #: ``None``: there are no more.
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ReviewDetails:
    """All that a person needs to decide."""

    review: Review
    payment: Payment
    #: What fraud prevention saw, and what each rule said.
    decision: LoggedDecision
    notes: tuple[Note, ...]


async def list_reviews(
    resources: Resources,
    merchant_id: UUID,
    assignee: str | None,
    reason: str | None,
    cursor: str | None,
    rows_max: int,
) -> ReviewPage:
    """Read one page of what waits, the soonest due first.

    Raises:
        InvalidField: A filter, the cursor or the number of rows is wrong.
    """
    if not 1 <= rows_max <= ROWS_MAX:
        raise InvalidField("limit", "limit_out_of_range", f"Ask for 1 to {ROWS_MAX} reviews.")
    if reason is not None:
        check_text(reason, "reason", REASON_CHARACTERS_MAX)
    after_due_at, after_payment_id = _read_cursor(cursor)
    values = {
        "merchant_id": merchant_id,
        "after_due_at": after_due_at,
        "after_payment_id": after_payment_id,
        "assignee": None if assignee is None else check_person(assignee, "assignee"),
        "reason": reason,
        "rows_max": rows_max + 1,
    }
    database = resources.database
    async with database.connection() as connection, connection.transaction(readonly=True):
        # The filters differ from one page to the next.
        await fetch_on(connection, SQL["plan_afresh"], {})
        rows = await fetch_on(connection, SQL["list_reviews"], values)
    found = tuple(_review(row) for row in rows[:rows_max])
    return ReviewPage(found, _cursor(found[-1]) if len(rows) > rows_max else None)


async def get_review(resources: Resources, merchant_id: UUID, payment_id: UUID) -> Review:
    """Read one review, open or decided.

    Raises:
        NotFound: This merchant has no such payment, or it was never held.
    """
    row = await resources.database.fetchrow(
        SQL["get_review"], merchant_id=merchant_id, payment_id=payment_id
    )
    if row is None:
        raise NotFound("There is no review of such a payment.")
    return _review(row)


async def list_notes(resources: Resources, merchant_id: UUID, payment_id: UUID) -> list[Note]:
    """Read what people did and said, in order."""
    rows = await resources.database.fetch(
        SQL["list_notes"],
        merchant_id=merchant_id,
        payment_id=payment_id,
        rows_max=_NOTES_READ_MAX,
    )
    return [Note(**row) for row in rows]


async def show_review(resources: Resources, merchant_id: UUID, payment_id: UUID) -> ReviewDetails:
    """Read all that a person needs to decide.

    Raises:
        NotFound: There is no such review.
    """
    review = await get_review(resources, merchant_id, payment_id)
    return ReviewDetails(
        review,
        await resources.settler.get(merchant_id, payment_id),
        await resources.fraud.explain(merchant_id, payment_id),
        tuple(await list_notes(resources, merchant_id, payment_id)),
    )


async def assign_review(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    operator: str,
    assignee: str | None,
) -> Review:
    """Say who looks at it, or that nobody does. Anybody may still decide.

    Raises:
        NotFound: There is no such review.
        Refused: ``review_decided`` or ``review_notes_too_many``.
    """
    author = check_person(operator, "operator")
    row = await resources.database.fetchrow(
        SQL["assign_review"],
        merchant_id=merchant_id,
        payment_id=payment_id,
        assignee=None if assignee is None else check_person(assignee, "assignee"),
        note_id=new_id(),
        author=author,
        notes_max=NOTES_MAX,
    )
    review = await get_review(resources, merchant_id, payment_id)
    if row is None:
        raise too_many_notes() if review.status == "open" else decided(review)
    return review


async def add_note(
    resources: Resources, merchant_id: UUID, payment_id: UUID, operator: str, text: str
) -> Note:
    """Add what somebody has to say, before or after it is decided.

    Raises:
        NotFound: There is no such review.
        Refused: ``review_notes_too_many``.
    """
    author = check_person(operator, "operator")
    row = await resources.database.fetchrow(
        SQL["add_note"],
        merchant_id=merchant_id,
        payment_id=payment_id,
        note_id=new_id(),
        author=author,
        body=check_text(text, "text", NOTE_CHARACTERS_MAX),
        notes_max=NOTES_MAX,
    )
    if row is None:
        await get_review(resources, merchant_id, payment_id)
        raise too_many_notes()
    return Note(**row)


def decided(review: Review) -> Refused:
    """Compose the refusal of what comes after the decision."""
    return Refused(
        f"This review is over: {review.status}.",
        code="review_decided",
        payment_id=str(review.payment_id),
        status=review.payment_status,
    )


def too_many_notes() -> Refused:
    """Compose the refusal of one note too many."""
    return Refused(f"A review has at most {NOTES_MAX} notes.", code="review_notes_too_many")


def _review(row: Any) -> Review:
    return Review(**{**row, "reasons": tuple(row["reasons"])})


def _cursor(review: Review) -> str:
    return f"{(review.due_at - _EPOCH) // _MICROSECOND:016x}{review.payment_id.hex}"


def _read_cursor(cursor: str | None) -> tuple[datetime | None, UUID | None]:
    if cursor is None:
        return None, None
    found = _CURSOR.fullmatch(cursor)
    try:
        if found is not None:
            return _EPOCH + int(found[1], 16) * _MICROSECOND, UUID(hex=found[2])
    except OverflowError:
        found = None
    raise InvalidField("cursor", "cursor_malformed", "Take the cursor from the page before.")
