"""PaymentService: the verbs, each told in a file of its own; here they are only gathered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.errors import InvalidField
from paykeel.payments.cancel import cancel
from paykeel.payments.capture import capture
from paykeel.payments.complete import complete
from paykeel.payments.listing import ROWS_MAX, Page, PaymentFilter, list_payments
from paykeel.payments.model import Event
from paykeel.payments.notices import take_notice
from paykeel.payments.open import Limits, Opener
from paykeel.payments.purchase import purchase
from paykeel.payments.recovery import sweep
from paykeel.payments.resolve import Finding, Resolution, Stuck, list_stuck, resolve
from paykeel.payments.resources import Resources, WaitingRoom
from paykeel.payments.settle import SQL, CompletionHook, Settler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.fraud import FraudPreventionService
    from paykeel.gateways.port import Notice
    from paykeel.gateways.registry import Gateways
    from paykeel.idempotency import Answer, IdempotencyService
    from paykeel.merchants import MerchantService
    from paykeel.metrics.stopwatch import Stopwatch
    from paykeel.payments.model import Payment, PurchaseRequest
    from paykeel.payments.snapshot import PolicySource
    from paykeel.settings import Settings
    from paykeel.terms import TermsService

EVENTS_MAX = 1_000


class PaymentService:
    """Purchases, what follows them, and how they stand.

    Every verb that moves money takes an ``idempotency_key``: repeated with the same key and the
    same request it gives the same answer and moves nothing again. A decline is no error, but a
    payment whose status is ``failed``.
    """

    def __init__(  # noqa: PLR0913 - the parts are put together once, in core.py
        self,
        *,
        settings: Settings,
        database: Database,
        gateways: Gateways,
        merchants: MerchantService,
        fraud: FraudPreventionService,
        terms: TermsService,
        policies: PolicySource,
        idempotency: IdempotencyService,
        stopwatch: Stopwatch,
        hook: CompletionHook | None,
    ) -> None:
        """Take the parts; ``core.py`` does this."""
        limits = Limits(
            rows_max=settings.batch_rows_max,
            lanes=settings.batch_lanes,
            queue_max=settings.queue_rows_max,
            recover_ms=settings.gateway_ms_max + settings.recovery_grace_ms,
            lock_ms_max=settings.fraud_lock_ms_max,
            review_ms=settings.fraud_review_ms,
        )
        self._resources = Resources(
            settings=settings,
            database=database,
            gateways=gateways,
            merchants=merchants,
            fraud=fraud,
            terms=terms,
            policies=policies,
            idempotency=idempotency,
            opener=Opener(
                database, fraud, hook_name=None if hook is None else hook.name, limits=limits
            ),
            settler=Settler(
                database,
                hook,
                stopwatch,
                hook_ms_max=settings.completion_hook_ms_max,
                rows_max=limits.rows_max,
                lanes=limits.lanes,
                queue_max=limits.queue_max,
            ),
            stopwatch=stopwatch,
            waiting=WaitingRoom(settings.duplicate_waiters_max),
        )

    @property
    def resources(self) -> Resources:
        """What the stories of this room work with, for the other services of the room."""
        return self._resources

    async def purchase(
        self, request: PurchaseRequest, *, merchant_id: UUID, idempotency_key: str
    ) -> Payment:
        """Run one purchase and return the payment as it stands then.

        Raises:
            InvalidInput: The request or the key is wrong; the key stays free.
            TermsAcceptanceRequired: The buyer has to accept terms first; the key stays free.
            IdempotencyKeyReused: The key was used for another request.
            IdempotencyInFlight: The first request has not finished within the time to wait.
            Unavailable: Repeat it later with the same key.
        """
        payment, _ = await purchase(self._resources, merchant_id, request, idempotency_key)
        return payment

    async def answer_purchase(
        self, request: PurchaseRequest, *, merchant_id: UUID, idempotency_key: str | None
    ) -> Answer:
        """Run one purchase and return the answer, byte for byte as it is stored and repeated."""
        _, answer = await purchase(self._resources, merchant_id, request, idempotency_key)
        return answer

    async def capture(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        idempotency_key: str,
        amount: int | None = None,
        final: bool = True,
    ) -> Payment:
        """Take ``amount`` minor units of what is reserved, or all that is left.

        With ``final`` false more may follow. Raises as ``purchase`` does, and ``IllegalTransition``
        or ``OperationInFlight`` when the payment does not allow it now.
        """
        payment, _ = await capture(
            self._resources, merchant_id, payment_id, idempotency_key, amount, final=final
        )
        return payment

    async def answer_capture(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        idempotency_key: str | None,
        amount: int | None = None,
        final: bool = True,
    ) -> Answer:
        """Capture, and return the answer byte for byte."""
        _, answer = await capture(
            self._resources, merchant_id, payment_id, idempotency_key, amount, final=final
        )
        return answer

    async def cancel(self, payment_id: UUID, *, merchant_id: UUID, idempotency_key: str) -> Payment:
        """Call off a payment that is not captured, and release what is reserved."""
        payment, _ = await cancel(self._resources, merchant_id, payment_id, idempotency_key)
        return payment

    async def answer_cancel(
        self, payment_id: UUID, *, merchant_id: UUID, idempotency_key: str | None
    ) -> Answer:
        """Cancel, and return the answer byte for byte."""
        _, answer = await cancel(self._resources, merchant_id, payment_id, idempotency_key)
        return answer

    async def complete(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        idempotency_key: str,
        data: Mapping[str, str] | None = None,
    ) -> Payment:
        """Go on after the buyer's step, with what that step gave back."""
        payment, _ = await complete(
            self._resources, merchant_id, payment_id, idempotency_key, data or {}
        )
        return payment

    async def answer_completion(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        idempotency_key: str | None,
        data: Mapping[str, str] | None = None,
    ) -> Answer:
        """Complete, and return the answer byte for byte."""
        _, answer = await complete(
            self._resources, merchant_id, payment_id, idempotency_key, data or {}
        )
        return answer

    async def get(self, payment_id: UUID, *, merchant_id: UUID) -> Payment:
        """Return a payment with its history.

        Raises:
            NotFound: This merchant has none such.
        """
        return await self._resources.settler.get(merchant_id, payment_id)

    async def events(
        self, payment_id: UUID, *, merchant_id: UUID, after: int = 0, rows_max: int = 100
    ) -> list[Event]:
        """Return what happened to a payment, in order, from after a sequence number."""
        if not 1 <= rows_max <= EVENTS_MAX:
            raise InvalidField("limit", "limit_out_of_range", f"Ask for 1 to {EVENTS_MAX} events.")
        payment = await self._resources.settler.get(merchant_id, payment_id)
        rows = await self._resources.database.fetch(
            SQL["list_events"],
            merchant_id=merchant_id,
            payment_id=payment_id,
            after=after,
            up_to=payment.version,
            rows_max=rows_max,
        )
        return [Event(**row) for row in rows]

    async def stuck(
        self, *, merchant_id: UUID, tries_min: int = 1, rows_max: int = 100
    ) -> list[Stuck]:
        """Return what is still unknown after that many looks, for how long and why."""
        return await list_stuck(self._resources, merchant_id, tries_min, rows_max)

    async def resolve(
        self,
        payment_id: UUID,
        *,
        merchant_id: UUID,
        decision: str,
        operator: str,
        evidence: str,
        reason: str | None = None,
        attempt_no: int | None = None,
        amount: int | None = None,
    ) -> Payment:
        """Settle what the gateway left unknown, on a named operator's word and evidence.

        Args:
            payment_id: Which payment.
            merchant_id: Whose.
            decision: ``succeeded``, ``failed``, ``accept_late`` or ``refund_late``.
            operator: Who decides, at most 100 characters; written into the history.
            evidence: What was seen, at most 2,000 characters; written into the history.
            reason: With ``failed``: a decline reason; ``other`` when left out.
            attempt_no: Which attempt, where several refunds of the payment are unknown.
            amount: With ``succeeded``, of a refund: what the gateway gave back, in minor units,
                where that is another amount than was asked for; the rest is freed.

        Raises:
            InvalidField: ``amount_not_of_refund`` or ``amount_over_refundable``.
            Refused: ``attempt_required``: several attempts are unknown.
        """
        if decision not in set(Resolution):
            raise InvalidField(
                "decision", "choice_unknown", f"Use one of: {', '.join(Resolution)}."
            )
        finding = Finding(
            decision=Resolution(decision),
            operator=operator,
            evidence=evidence,
            reason=reason,
            attempt_no=attempt_no,
            amount=amount,
        )
        return await resolve(self._resources, merchant_id, payment_id, finding)

    async def take_notice(self, notice: Notice) -> Payment:
        """Let a gateway's verified notice take effect; repeated or late ones do no harm."""
        return await take_notice(self._resources, notice)

    async def sweep(self) -> int:
        """Look once at every attempt that is due; return how many were looked at."""
        return await sweep(self._resources)

    async def recovery_lag(self) -> tuple[int, int]:
        """Return how many attempts are overdue, and by how many milliseconds the oldest is."""
        row = await self._resources.database.fetchrow(SQL["recovery_lag"])
        return (0, 0) if row is None else (row["overdue"], row["lag_ms"])

    async def list(
        self,
        *,
        merchant_id: UUID,
        filters: PaymentFilter | None = None,
        cursor: str | None = None,
        rows_max: int = ROWS_MAX,
    ) -> Page:
        """Return a page of payments, newest first, without their history."""
        return await list_payments(
            self._resources.database, merchant_id, filters or PaymentFilter(), cursor, rows_max
        )

    async def close(self) -> None:
        """Wait for what is in flight."""
        await self._resources.opener.close()
        await self._resources.settler.close()
