"""RefundService: the verbs, each told in a file of its own; here they are only gathered."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.db.pool import fetch_on
from paykeel.errors import InvalidField
from paykeel.idempotency import check_key
from paykeel.payments.notices import take_notice
from paykeel.payments.settle import SQL as PAYMENTS
from paykeel.refunds.approving import APPROVED, CANCELED, REJECTED, decide_refund, read_refund
from paykeel.refunds.disputes import OPENED, REOPENED, ending_event, note_dispute
from paykeel.refunds.model import (
    NO_FACTS,
    RefundDecision,
    RefundFilter,
    RefundPage,
    refund_from_row,
)
from paykeel.refunds.noticed import NoticeStatus
from paykeel.refunds.notices import (
    book_notice,
    dismiss_notice,
    list_notices,
    sweep_notices,
    take_refund_notice,
)
from paykeel.refunds.policy import RefundReason
from paykeel.refunds.quoting import quote
from paykeel.refunds.reckoning import check_refundable, check_room, facts_of
from paykeel.refunds.request import SQL, Desk, request_refund
from paykeel.refunds.standing import read_standing
from paykeel.refunds.telling import Person

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from paykeel.gateways.port import Notice
    from paykeel.idempotency import Answer
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources
    from paykeel.refunds.facts import RefundQuote
    from paykeel.refunds.model import GivenFacts, Refund, RefundRequest
    from paykeel.refunds.noticed import RefundNotice
    from paykeel.refunds.policies import RefundPolicyService

ROWS_MAX = 100
#: How many notices one call returns.
NOTICES_MAX = 1_000


class RefundService:
    """Gives money back by the policy that held at the purchase, and never a unit too much.

    What is asked for is reserved on the payment before the gateway is called, kept while the answer
    is unknown, and let go when the gateway definitely refuses.
    """

    def __init__(self, resources: Resources, policies: RefundPolicyService) -> None:
        """Take what payments work with, and the policies; ``core.py`` does this."""
        self._resources = resources
        self._desk = Desk(resources, policies)

    async def quote(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        reason: str = RefundReason.REQUESTED_BY_BUYER,
        facts: GivenFacts = NO_FACTS,
        as_of: datetime | None = None,
    ) -> RefundQuote:
        """Say what the payment's policy gives back at an instant, now when it is left out.

        Raises:
            NotFound: This merchant has no such payment.
            Refused: ``payment_not_refundable`` or ``refunds_too_many``.
        """
        if reason not in tuple(RefundReason):
            raise InvalidField(
                "reason", "choice_unknown", f"Use one of: {', '.join(RefundReason)}."
            )
        payment = await self._resources.settler.get(merchant_id, payment_id)
        check_refundable(payment)
        policy = await self._desk.policies.snapshot(payment)
        at = self._resources.database.now() if as_of is None else as_of
        standing = await read_standing(self._resources, payment)
        check_room(standing)
        return quote(policy, facts_of(payment, standing, facts, reason), at)

    async def request(
        self,
        payment_id: UUID,
        request: RefundRequest,
        *,
        merchant_id: UUID,
        idempotency_key: str,
        may_approve: bool = False,
    ) -> Refund:
        """Give money back, or ask somebody to approve it; return the refund as it stands then.

        A refund that the gateway refuses is no error, but one whose status is ``failed``.

        Args:
            payment_id: Of which payment.
            request: What is asked for.
            merchant_id: Whose.
            idempotency_key: A name of your own for this very refund.
            may_approve: Whether who asks may approve refunds. An override under a policy that
                asks nobody (``approval: never``) is then sent at once; else it waits for somebody.

        Raises:
            Refused: ``payment_not_refundable``, ``refund_denied``, ``refund_outside_policy``,
                ``refunded_amount_changed``, ``refunds_too_many``, ``refund_notice_open``.
            InvalidField: ``amount_over_refundable``, ``amount_required``.
            IdempotencyKeyReused: The key was used for another request.
        """
        await request_refund(
            self._desk, merchant_id, payment_id, request, idempotency_key, may_approve=may_approve
        )
        row = await self._resources.database.fetchrow(
            SQL["refund_by_key"],
            merchant_id=merchant_id,
            idempotency_key=check_key(idempotency_key),
        )
        return refund_from_row(row)

    async def answer_request(
        self,
        payment_id: UUID,
        request: RefundRequest,
        *,
        merchant_id: UUID,
        idempotency_key: str | None,
        may_approve: bool = False,
    ) -> Answer:
        """Ask for a refund, and return the answer byte for byte as it is stored and repeated."""
        _, answer = await request_refund(
            self._desk, merchant_id, payment_id, request, idempotency_key, may_approve=may_approve
        )
        return answer

    async def approve(
        self, refund_id: UUID, *, merchant_id: UUID, operator: str, because: str | None = None
    ) -> Refund:
        """Approve a refund that waits for it, and give the money back.

        Raises:
            NotFound: This merchant has no such refund.
            Refused: ``refund_decided``, ``refund_needs_another_person``, ``payment_disputed`` or
                ``refund_notice_open``.
        """
        return await decide_refund(self._desk, merchant_id, refund_id, APPROVED, operator, because)

    async def reject(
        self, refund_id: UUID, *, merchant_id: UUID, operator: str, because: str | None = None
    ) -> Refund:
        """Refuse a refund that waits for approval; nothing is reserved any more."""
        return await decide_refund(self._desk, merchant_id, refund_id, REJECTED, operator, because)

    async def cancel(
        self, refund_id: UUID, *, merchant_id: UUID, operator: str, because: str | None = None
    ) -> Refund:
        """Call off a refund that waits for approval; one that was sent cannot be called back."""
        return await decide_refund(self._desk, merchant_id, refund_id, CANCELED, operator, because)

    async def get(self, refund_id: UUID, *, merchant_id: UUID) -> Refund:
        """Return a refund.

        Raises:
            NotFound: This merchant has none such.
        """
        return await read_refund(self._resources, merchant_id, refund_id)

    async def decisions(self, refund_id: UUID, *, merchant_id: UUID) -> list[RefundDecision]:
        """Return who decided what about a refund, and by which figures, in order.

        Raises:
            NotFound: This merchant has no such refund.
        """
        await read_refund(self._resources, merchant_id, refund_id)
        rows = await self._resources.database.fetch(
            SQL["list_decisions"], merchant_id=merchant_id, refund_id=refund_id
        )
        return [RefundDecision(**row) for row in rows]

    async def list(
        self,
        *,
        merchant_id: UUID,
        filters: RefundFilter | None = None,
        cursor: str | None = None,
        rows_max: int = ROWS_MAX,
    ) -> RefundPage:
        """Return a page of refunds, newest first.

        Raises:
            InvalidField: A filter, the cursor or the number of rows is wrong.
        """
        asked = filters or RefundFilter()
        if not 1 <= rows_max <= ROWS_MAX:
            raise InvalidField("limit", "limit_out_of_range", f"Ask for 1 to {ROWS_MAX} refunds.")
        values = {
            "merchant_id": merchant_id,
            "before": _read_cursor(cursor),
            "payment_id": asked.payment_id,
            "status": asked.status,
            "reason": asked.reason,
            "origin": asked.origin,
            "rows_max": rows_max + 1,
        }
        database = self._resources.database
        async with database.connection() as connection, connection.transaction(readonly=True):
            await fetch_on(connection, PAYMENTS["plan_afresh"], {})
            rows = await fetch_on(connection, SQL["list_refunds"], values)
        refunds = tuple(refund_from_row(row) for row in rows[:rows_max])
        return RefundPage(refunds, refunds[-1].refund_id.hex if len(rows) > rows_max else None)

    async def take_notice(self, notice: Notice) -> Payment:
        """Let a gateway's verified notice take effect, also of a refund that was made there.

        Raises:
            NotFound: It is about no payment of ours.
        """
        if notice.refund_of is not None:
            return await take_refund_notice(self._resources, notice)
        return await take_notice(self._resources, notice)

    async def sweep(self) -> int:
        """Look once at every notice that is open and due; return how many were looked at."""
        return await sweep_notices(self._resources)

    async def notices(
        self,
        *,
        merchant_id: UUID,
        status: str | None = NoticeStatus.OPEN,
        payment_id: UUID | None = None,
        rows_max: int = ROWS_MAX,
    ) -> Sequence[RefundNotice]:
        """Return refunds of which the gateway told by itself, oldest first; open ones at first.

        Raises:
            InvalidField: ``choice_unknown`` or ``limit_out_of_range``.
        """
        if status is not None and status not in tuple(NoticeStatus):
            raise InvalidField(
                "status", "choice_unknown", f"Use one of: {', '.join(NoticeStatus)}."
            )
        if not 1 <= rows_max <= NOTICES_MAX:
            raise InvalidField(
                "limit", "limit_out_of_range", f"Ask for 1 to {NOTICES_MAX} notices."
            )
        return await list_notices(
            self._resources, merchant_id, status=status, payment_id=payment_id, rows_max=rows_max
        )

    async def book_notice(
        self, payment_id: UUID, gateway_id: str, *, merchant_id: UUID, operator: str, because: str
    ) -> RefundNotice:
        """Book an open notice, on a person's word that it is none of our refunds.

        Raises:
            NotFound: The gateway told of no such refund.
            Refused: ``refund_notice_decided``, ``refund_notice_unclear``,
                ``refund_notice_too_early`` or ``refund_notice_no_room``.
        """
        person = Person.checked(operator, because)
        return await book_notice(self._resources, merchant_id, payment_id, gateway_id, person)

    async def dismiss_notice(
        self, payment_id: UUID, gateway_id: str, *, merchant_id: UUID, operator: str, because: str
    ) -> RefundNotice:
        """Close an open notice and book nothing, on a person's word; history keeps their name.

        Raises:
            NotFound: The gateway told of no such refund.
            Refused: ``refund_notice_decided`` or ``refund_notice_too_early``.
        """
        person = Person.checked(operator, because)
        return await dismiss_notice(self._resources, merchant_id, payment_id, gateway_id, person)

    async def open_dispute(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        dispute_id: str,
        operator: str,
        amount: int | None = None,
    ) -> Payment:
        """Note that a payment is disputed; what is disputed cannot be refunded."""
        return await note_dispute(
            self._resources, merchant_id, payment_id, dispute_id, operator, OPENED, amount=amount
        )

    async def reopen_dispute(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        dispute_id: str,
        operator: str,
        amount: int | None = None,
    ) -> Payment:
        """Note that a bank took up again what was won; it holds as much as before, or an amount."""
        return await note_dispute(
            self._resources, merchant_id, payment_id, dispute_id, operator, REOPENED, amount=amount
        )

    async def close_dispute(
        self, payment_id: UUID, *, merchant_id: UUID, dispute_id: str, operator: str, ending: str
    ) -> Payment:
        """Note how a dispute ended: ``won`` frees what it held, ``lost`` does not.

        What was lost may still be won, on appeal.
        """
        event = ending_event(ending)
        return await note_dispute(
            self._resources, merchant_id, payment_id, dispute_id, operator, event
        )


def _read_cursor(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(hex=cursor)
    except ValueError as error:
        raise InvalidField(
            "cursor", "cursor_malformed", "Take the cursor from the page before."
        ) from error
