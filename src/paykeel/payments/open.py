"""Opening: claims the key, judges the purchase and writes it, before anything is sent.

One short transaction for a batch of one merchant's purchases: lock what they are counted under,
look (in a statement of its own, so that it sees what the locks waited for), judge one after another
so that each counts for the next, and write all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel.clock import new_id
from paykeel.db.coalescer import Coalescer
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load, unnested
from paykeel.errors import VelocityBusy
from paykeel.fraud.service import UNJUDGED
from paykeel.fraud.sight import Look, look
from paykeel.metrics import writer_slot
from paykeel.payments.encoding import encode
from paykeel.payments.gate import gate_arguments
from paykeel.payments.judged import Candidate, Judged, conclude
from paykeel.payments.states import NEW, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.fraud import FraudPreventionService
    from paykeel.fraud.facts import Facts, Sight
    from paykeel.fraud.service import Bench

SQL = load("paykeel.payments", "open.sql")


@dataclass(frozen=True, slots=True)
class Limits:
    """How a batch is bounded, and what is written with it. Times are in milliseconds."""

    rows_max: int
    lanes: int
    queue_max: int
    #: When recovery looks at an attempt of which nothing was heard.
    recover_ms: int
    #: How long a batch waits for others under the same keys.
    lock_ms_max: int
    #: How long a person has to review a payment.
    review_ms: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of a candidate."""

    #: False: the key is taken, terms are missing, or they are stale.
    opened: bool
    #: The places of the gate's requirements that the buyer does not meet.
    terms_missing: Sequence[int] = ()
    #: Terms or a refund policy were published or withdrawn since the gate was made.
    terms_stale: bool = False
    #: As it stands when it was opened.
    judged: Judged | None = None


class Opener:
    """Opens purchases, many of one merchant in one transaction."""

    def __init__(
        self,
        database: Database,
        fraud: FraudPreventionService,
        *,
        hook_name: str | None,
        limits: Limits,
    ) -> None:
        """Take the database, who judges, and the limits of a batch."""
        self._database = database
        self._fraud = fraud
        self._hook_name = hook_name
        self._limits = limits
        self._candidates: Coalescer[tuple[UUID, str], Candidate, Opened] = Coalescer(
            self._write,
            rows_max=limits.rows_max,
            lanes=limits.lanes,
            queue_max=limits.queue_max,
        )

    async def open(self, candidate: Candidate) -> Opened:
        """Open a purchase, together with whatever else this merchant opens at this moment.

        Raises:
            VelocityBusy: Too many purchases under the same keys are being judged.
        """
        payment = candidate.payment
        try:
            return await self._candidates.submit((payment.merchant_id, payment.gateway), candidate)
        except asyncpg.LockNotAvailableError as error:
            raise VelocityBusy from error
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "payment_idempotency_pkey":
                raise
            # An operation claimed the key at this very moment.
            return Opened(opened=False)

    async def _write(
        self, key: tuple[UUID, str], lane: int, candidates: Sequence[Candidate]
    ) -> list[Opened]:
        bench = await self._fraud.bench(key[0])
        rows: list[Any] = []
        if bench.idle:
            judged = [conclude(candidate, UNJUDGED) for candidate in candidates]
            values = self._values(key, lane, judged, bench, None)
            rows = await self._database.fetch(SQL["open_payments"], **values)
            return self._told(candidates, judged, rows)
        velocities = [compiled.velocities for compiled in bench.rulesets]
        facts = [candidate.facts() for candidate in candidates]
        asked = Look.of(velocities, facts)
        keys = [candidate.payment.idempotency_key for candidate in candidates]
        async with self._database.connection() as connection, connection.transaction():
            sight = await look(connection, key[0], asked, keys, self._limits.lock_ms_max)
            judged = self._judge(bench, candidates, facts, sight)
            if judged:
                values = self._values(key, lane, judged, bench, sight)
                rows = await fetch_on(connection, SQL["open_payments"], values)
        return self._told(candidates, judged, rows)

    def _judge(
        self, bench: Bench, candidates: Sequence[Candidate], known: Sequence[Facts], sight: Sight
    ) -> list[Judged]:
        """Judge one after another; a repetition is no purchase, and counts for nobody."""
        judged = []
        for candidate, facts in zip(candidates, known, strict=True):
            key = candidate.payment.idempotency_key
            if key in sight.taken:
                continue
            sight.taken.add(key)
            decision = self._fraud.judge(bench, facts, sight)
            sight.count(facts, decision.quarantines)
            judged.append(replace(conclude(candidate, decision), facts=facts))
        return judged

    def _told(
        self, candidates: Sequence[Candidate], judged: Sequence[Judged], rows: Sequence[Any]
    ) -> list[Opened]:
        """Return what became of each candidate; one that was not judged is a repetition."""
        if rows:
            self._database.observe(rows[-1]["database_now"])
        by_id = {one.payment.payment_id: one for one in judged}
        told = {
            row["payment_id"]: Opened(
                row["opened"],
                row["terms_missing"] or (),
                row["terms_stale"],
                _warned(by_id[row["payment_id"]], row["warnings"]) if row["opened"] else None,
            )
            for row in rows
        }
        repeated = Opened(opened=False)
        return [told.get(candidate.payment.payment_id, repeated) for candidate in candidates]

    def _values(
        self,
        key: tuple[UUID, str],
        lane: int,
        judged: Sequence[Judged],
        bench: Bench,
        sight: Sight | None,
    ) -> dict[str, Any]:
        """Return the arguments of ``open_payments``."""
        merchant_id, gateway = key
        ruleset = bench.active.live.ruleset
        return {
            "merchant_id": merchant_id,
            "gateway": gateway,
            "completion_hook": self._hook_name,
            "recover_ms": self._limits.recover_ms,
            "review_ms": self._limits.review_ms,
            "slot": writer_slot(lane),
            "ruleset": ruleset.name,
            "ruleset_version": ruleset.version,
            "ruleset_sha256": bench.active.live_sha256,
            "engine": bench.active.live.engine,
            "judged_at": self._database.now() if sight is None else sight.at,
            **unnested(_payments(judged)),
            **unnested(_decisions(judged)),
            **gate_arguments(judged),
            **_quarantines(judged),
        }

    async def close(self) -> None:
        """Wait for what is in flight."""
        await self._candidates.close()


def _warned(judged: Judged, warnings: list[dict[str, Any]] | None) -> Judged:
    """Return it with what the statement found that its buyer should know."""
    if warnings is None:
        return judged
    return replace(judged, payment=replace(judged.payment, warnings=warnings))


def _payments(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the arrays about payments, one element for each."""
    payments = [one.payment for one in judged]
    answers = [one.answer for one in judged]
    return {
        "payment_ids": [payment.payment_id for payment in payments],
        "idempotency_keys": [payment.idempotency_key for payment in payments],
        "fingerprints": [one.candidate.fingerprint for one in judged],
        "statuses": [payment.status for payment in payments],
        "outcomes": [outcome(NEW, payment.status) for payment in payments],
        "amounts": [payment.amount for payment in payments],
        "currencies": [payment.currency for payment in payments],
        "exponents": [payment.exponent for payment in payments],
        "capture_methods": [payment.capture_method for payment in payments],
        "purchase_kinds": [payment.kind for payment in payments],
        "buyer_ids": [payment.buyer_id for payment in payments],
        "buyer_roles": [payment.buyer_role for payment in payments],
        "payment_methods": [payment.payment_method for payment in payments],
        "references": [payment.reference for payment in payments],
        "descriptions": [payment.description for payment in payments],
        "metadatas": [_text(payment.metadata) for payment in payments],
        "gateway_references": [one.candidate.gateway_reference for one in judged],
        "attempt_datas": [_text(one.attempt_data) for one in judged],
        "failure_reasons": [payment.failure_reason for payment in payments],
        "response_statuses": [answer.status if answer else None for answer in answers],
        "response_types": [answer.content_type if answer else None for answer in answers],
        "response_bodies": [answer.body if answer else None for answer in answers],
        "created_ats": [payment.created_at for payment in payments],
        "terms_revisions": [one.candidate.gate.revision for one in judged],
        "refund_policy_keys": [payment.refund_policy_key for payment in payments],
        "refund_policy_versions": [payment.refund_policy_version for payment in payments],
        "refund_policy_sha256s": [payment.refund_policy_sha256 for payment in payments],
    }


def _decisions(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the arrays about decisions and what is counted, one element for each payment."""
    keys = [_keys(one.facts) for one in judged]
    decisions = [one.decision for one in judged]
    return {
        "log_ids": [new_id() for _ in judged],
        "decisions": [decision.action for decision in decisions],
        "scores": [decision.score for decision in decisions],
        "reasons": [_array(decision.reasons) for decision in decisions],
        "rules": [encode(list(decision.rules)).decode() for decision in decisions],
        "facts": [_text(decision.facts) for decision in decisions],
        "shadows": [
            None if decision.shadow is None else _text(decision.shadow) for decision in decisions
        ],
        "models": [
            None if decision.model is None else _text(decision.model) for decision in decisions
        ],
        "took_us": [decision.took_us for decision in decisions],
        "amount_refs": [one.candidate.amount_ref for one in judged],
        "key_kinds": [_array(kinds) for kinds, _ in keys],
        "key_values": [_array(map(str, values)) for _, values in keys],
        "approvals_needed": [one.candidate.approvals_needed for one in judged],
    }


def _keys(facts: Facts | None) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return under what a purchase is counted: kinds, and keys."""
    if facts is None:
        return (), ()
    later = facts.later_keys
    return (*facts.keys, *("later" for _ in later)), (*facts.keys.values(), *later)


def _quarantines(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the arrays about keys that go on the block list for a while."""
    put = [
        (one, quarantine, key)
        for one in judged
        if one.facts is not None
        for quarantine in one.decision.quarantines
        for kind, key in one.facts.every_key()
        if kind == quarantine.key
    ]
    return {
        "quarantine_payment_ids": [one.payment.payment_id for one, _, _ in put],
        "quarantine_keys": [key for _, _, key in put],
        "quarantine_kinds": [quarantine.key for _, quarantine, _ in put],
        "quarantine_reasons": [quarantine.reason for _, quarantine, _ in put],
        "quarantine_authors": [f"rule:{quarantine.rule}" for _, quarantine, _ in put],
        "quarantines_s": [quarantine.for_s for _, quarantine, _ in put],
    }


def _text(document: Mapping[str, Any]) -> str:
    return encode(document).decode() if document else "{}"


def _array(values: Iterable[str]) -> str:
    """Write words of a-z, 0-9, dots and underscores as PostgreSQL reads an array of them."""
    return f"{{{','.join(values)}}}"
