"""Opening: claims the key and writes payment and watched attempt, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel.clock import new_id
from paykeel.db.coalescer import Coalescer
from paykeel.db.sql import load
from paykeel.metrics import writer_slot
from paykeel.payments.model import encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.fraud import Decision
    from paykeel.idempotency import Answer
    from paykeel.payments.model import Payment

SQL = load("paykeel.payments")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A purchase that wants to be opened."""

    payment: Payment
    fingerprint: bytes
    gateway_reference: bytes
    decision: Decision
    #: With a blocked purchase: the answer that is stored at once.
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of a candidate."""

    #: False: the key is taken, or terms are missing.
    opened: bool
    terms_missing: bool


class Opener:
    """Opens purchases, many of one merchant with one statement."""

    def __init__(
        self,
        database: Database,
        *,
        hook_name: str | None,
        recover_ms: int,
        rows_max: int,
        lanes: int,
        queue_max: int,
    ) -> None:
        """Take the database, when recovery is to look, and the limits of a batch."""
        self._database = database
        self._hook_name = hook_name
        self._recover_ms = recover_ms
        self._candidates: Coalescer[tuple[UUID, str], Candidate, Opened] = Coalescer(
            self._write, rows_max=rows_max, lanes=lanes, queue_max=queue_max
        )

    async def open(self, candidate: Candidate) -> Opened:
        """Open a purchase, together with whatever else this merchant opens at this moment."""
        payment = candidate.payment
        try:
            return await self._candidates.submit((payment.merchant_id, payment.gateway), candidate)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "payment_idempotency_pkey":
                raise
            # An operation claimed the key at this very moment.
            return Opened(opened=False, terms_missing=False)

    async def _write(
        self, key: tuple[UUID, str], lane: int, candidates: Sequence[Candidate]
    ) -> list[Opened]:
        merchant_id, gateway = key
        rows = await self._database.fetch(
            SQL["open_payments"],
            merchant_id=merchant_id,
            gateway=gateway,
            completion_hook=self._hook_name,
            recover_ms=self._recover_ms,
            slot=writer_slot(lane),
            **_arrays(candidates),
        )
        if rows:
            self._database.observe(rows[-1]["database_now"])
        found = {row["payment_id"]: Opened(row["opened"], row["terms_missing"]) for row in rows}
        return [found[candidate.payment.payment_id] for candidate in candidates]

    async def close(self) -> None:
        """Wait for what is in flight."""
        await self._candidates.close()


def _arrays(candidates: Sequence[Candidate]) -> dict[str, list[Any]]:
    """Return the arrays of ``open_payments``, one element for each candidate."""
    payments = [candidate.payment for candidate in candidates]
    answers = [candidate.answer for candidate in candidates]
    decisions = [candidate.decision for candidate in candidates]
    return {
        "payment_ids": [payment.payment_id for payment in payments],
        "idempotency_keys": [payment.idempotency_key for payment in payments],
        "fingerprints": [candidate.fingerprint for candidate in candidates],
        "statuses": [payment.status for payment in payments],
        "amounts": [payment.amount for payment in payments],
        "currencies": [payment.currency for payment in payments],
        "exponents": [payment.exponent for payment in payments],
        "capture_methods": [payment.capture_method for payment in payments],
        "buyer_ids": [payment.buyer_id for payment in payments],
        "buyer_roles": [payment.buyer_role for payment in payments],
        "payment_methods": [payment.payment_method for payment in payments],
        "references": [payment.reference for payment in payments],
        "descriptions": [payment.description for payment in payments],
        "metadatas": [
            encode(payment.metadata).decode() if payment.metadata else "{}" for payment in payments
        ],
        "gateway_references": [candidate.gateway_reference for candidate in candidates],
        "failure_reasons": [payment.failure_reason for payment in payments],
        "log_ids": [new_id() for _ in candidates],
        "decisions": [decision.verdict for decision in decisions],
        "rules": [
            encode({"rules": decision.rules}).decode()[9:-1] if decision.rules else "[]"
            for decision in decisions
        ],
        "facts": [encode(decision.facts).decode() for decision in decisions],
        "response_statuses": [answer.status if answer else None for answer in answers],
        "response_types": [answer.content_type if answer else None for answer in answers],
        "response_bodies": [answer.body if answer else None for answer in answers],
        "created_ats": [payment.created_at for payment in payments],
    }
