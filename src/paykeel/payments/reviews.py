"""ReviewService: the queue of payments that are held for a person, and what people decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.payments.review import approve, expire_overdue, reject
from paykeel.payments.review_queue import (
    ROWS_MAX,
    add_note,
    assign_review,
    list_reviews,
    show_review,
)

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources
    from paykeel.payments.review_queue import Note, Review, ReviewDetails, ReviewPage


class ReviewService:
    """Shows what waits for a person, and takes what a person decides.

    Whoever decides is named, at most 100 characters; history keeps the name. Of decisions that come
    at once one takes effect, and the others are refused as ``review_decided``.
    """

    def __init__(self, resources: Resources) -> None:
        """Take what payments work with; ``core.py`` does this."""
        self._resources = resources

    async def list(
        self,
        *,
        merchant_id: UUID,
        assignee: str | None = None,
        reason: str | None = None,
        cursor: str | None = None,
        rows_max: int = ROWS_MAX,
    ) -> ReviewPage:
        """Return a page of what waits, the soonest due first.

        Raises:
            InvalidField: A filter, the cursor or the number of rows is wrong.
        """
        return await list_reviews(self._resources, merchant_id, assignee, reason, cursor, rows_max)

    async def get(self, payment_id: UUID, *, merchant_id: UUID) -> ReviewDetails:
        """Return all that a person needs to decide, or what was decided.

        Raises:
            NotFound: There is no such review.
        """
        return await show_review(self._resources, merchant_id, payment_id)

    async def assign(
        self, payment_id: UUID, *, merchant_id: UUID, operator: str, assignee: str | None
    ) -> Review:
        """Say who looks at it; ``None``: nobody. Anybody may still decide.

        Raises:
            NotFound: There is no such review.
            Refused: ``review_decided`` or ``review_notes_too_many``.
        """
        return await assign_review(self._resources, merchant_id, payment_id, operator, assignee)

    async def note(self, payment_id: UUID, *, merchant_id: UUID, operator: str, text: str) -> Note:
        """Add a note of at most 2,000 characters, before or after it is decided.

        Raises:
            NotFound: There is no such review.
            Refused: ``review_notes_too_many``.
        """
        return await add_note(self._resources, merchant_id, payment_id, operator, text)

    async def approve(
        self, payment_id: UUID, *, merchant_id: UUID, operator: str, note: str | None = None
    ) -> Payment:
        """Approve; when enough people have, the purchase goes on as if it had never been held.

        Terms, limits and rules are not asked again. The payment that is returned is still
        ``in_review`` when another person has to approve, too. Who repeats an approval that took
        effect is given the payment as it stands, and nothing is sent again.

        Raises:
            NotFound: There is no such review.
            Forbidden: The merchant is suspended.
            Refused: ``review_decided`` or ``review_needs_another_person``.
            Unavailable: Repeat it later; what was sent is settled by recovery.
        """
        return await approve(self._resources, merchant_id, payment_id, operator, note)

    async def reject(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        operator: str,
        note: str | None = None,
        label: str | None = None,
    ) -> Payment:
        """End it; nothing was sent, and nothing will be. The payment becomes ``blocked``.

        Args:
            payment_id: Which payment.
            merchant_id: Whose.
            operator: Who decides.
            note: Why, at most 2,000 characters.
            label: ``fraud`` or ``genuine``: what it is taken for, known from now on.

        Raises:
            NotFound: There is no such review.
            Refused: ``review_decided``.
        """
        return await reject(self._resources, merchant_id, payment_id, operator, note, label)

    async def expire_overdue(self) -> int:
        """End what nobody decided about in time, a bounded number; return how many it was."""
        return await expire_overdue(self._resources)
