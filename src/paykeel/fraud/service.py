"""FraudPreventionService: judges purchases by the merchant's rules, and keeps why.

Judging is pure. What it rests on is read by the statement that opens the purchases, after the
locks, and the decision's row commits with the payment.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from paykeel.db.sql import load
from paykeel.errors import NotFound
from paykeel.fraud.catalogue import BUILT_IN_LISTS, CAPPED
from paykeel.fraud.facts import attributes_for, velocity_values
from paykeel.fraud.judge import judge
from paykeel.fraud.logs import facts_document, results_document
from paykeel.fraud.ruleset import Action

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.fraud.catalogue import Given
    from paykeel.fraud.facts import Facts, Sight
    from paykeel.fraud.judge import CompiledRuleset, Judgement, Quarantined
    from paykeel.fraud.keys import KeyMaker
    from paykeel.fraud.models import ActiveModel
    from paykeel.fraud.quoting import QuoteService
    from paykeel.fraud.refusals import RefusalLog
    from paykeel.fraud.rulesets import Active

#: Of a score, so many reasons are logged, the largest first.
CONTRIBUTIONS_MAX = 5
#: The longest window has 30 days.
RETENTION_DAYS = 31
PURGE_ROWS = 5_000

SQL = load("paykeel.fraud")


class Rules(Protocol):
    """Where a merchant's rulesets come from."""

    async def active(self, merchant_id: UUID) -> Active:
        """Return the rulesets that hold now."""
        ...


class Scores(Protocol):
    """Where a merchant's model comes from."""

    async def current(self, merchant_id: UUID) -> ActiveModel | None:
        """Return the model that gives a score, if one is enabled."""
        ...


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a batch of one merchant's purchases is judged by."""

    active: Active
    model: ActiveModel | None
    #: The names of the lists that the rulesets know.
    lists: frozenset[str]

    @property
    def rulesets(self) -> tuple[CompiledRuleset, ...]:
        """The live ruleset and the one in the shadow; each may define a name in its own way."""
        live, shadow = self.active.live, self.active.shadow
        return (live,) if shadow is None else (live, shadow)

    @property
    def idle(self) -> bool:
        """Whether nothing is asked at all: fraud prevention is off for this merchant."""
        return self.active.live.ruleset.name == "none" and self.active.shadow is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided and why: a row of ``fraud_prevention_logs``."""

    action: Action
    score: int = 0
    reasons: tuple[str, ...] = ()
    quarantines: tuple[Quarantined, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[Mapping[str, Any], ...] = ()
    shadow: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    ruleset: str = "none"
    ruleset_version: int = 0
    ruleset_sha256: bytes | None = None
    engine: str = "none"
    took_us: int = 0


#: While fraud prevention is off.
UNJUDGED = Decision(action=Action.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDecision:
    """A decision as it was logged; times in microseconds."""

    log_id: UUID
    payment_id: UUID | None
    #: ``allow``, ``challenge``, ``review``, ``block`` or ``refuse``.
    decision: str
    score: int
    reasons: tuple[str, ...]
    facts: Mapping[str, Any]
    rules: tuple[Mapping[str, Any], ...]
    shadow: Mapping[str, Any] | None
    model: Mapping[str, Any] | None
    ruleset: str | None
    ruleset_version: int | None
    ruleset_sha256: bytes | None
    engine: str | None
    took_us: int
    created_at: datetime


class FraudPreventionService:
    """Judges purchases, and explains what was decided."""

    def __init__(
        self,
        database: Database,
        rules: Rules,
        scores: Scores,
        *,
        keys: KeyMaker,
        quotes: QuoteService,
        refusals: RefusalLog,
    ) -> None:
        """Take where logs are read, where rulesets and models come from, and what stories use."""
        self._database = database
        self._rules = rules
        self._scores = scores
        #: Makes the keys under which purchases are counted.
        self.keys = keys
        self.quotes = quotes
        self.refusals = refusals

    async def bench(self, merchant_id: UUID) -> Bench:
        """Return what this merchant's purchases are judged by now."""
        active = await self._rules.active(merchant_id)
        shadow = () if active.shadow is None else active.shadow.ruleset.lists
        lists = frozenset((*BUILT_IN_LISTS, *active.live.ruleset.lists, *shadow))
        model = await self._scores.current(merchant_id)
        return Bench(active, model, lists)

    def judge(self, bench: Bench, facts: Facts, sight: Sight) -> Decision:
        """Decide about one purchase by what was read for its batch."""
        started = time.perf_counter_ns()
        attributes = attributes_for(facts, sight, bench.active.live.velocities, bench.lists)
        if facts.amount_ref is None:
            # It could have been known: a rule that asks for it cannot be judged.
            attributes["payment.amount_ref"] = CAPPED
        model = _score(bench.model, attributes)
        said = judge(bench.active.live, attributes)
        shadow = bench.active.shadow
        return Decision(
            action=said.action,
            score=said.score,
            reasons=said.reasons,
            quarantines=said.quarantines,
            facts=facts_document(attributes),
            rules=(*results_document(said.results), *results_document(said.shadow)),
            shadow=None
            if shadow is None
            else _beside(shadow, bench.active.live, facts, sight, attributes),
            model=model,
            ruleset=said.ruleset,
            ruleset_version=said.ruleset_version,
            ruleset_sha256=bench.active.live_sha256,
            engine=said.engine,
            took_us=(time.perf_counter_ns() - started) // 1_000,
        )

    async def explain(self, merchant_id: UUID, payment_id: UUID) -> LoggedDecision:
        """Return what was decided about a payment, with everything that led to it.

        Raises:
            NotFound: This merchant has no such payment, or it was never judged.
        """
        row = await self._database.fetchrow(
            SQL["get_decision"], merchant_id=merchant_id, payment_id=payment_id
        )
        if row is None:
            raise NotFound("There is no decision about such a payment.")
        values = {**row, "reasons": tuple(row["reasons"]), "rules": tuple(row["rules"])}
        return LoggedDecision(**values)

    async def purge(self) -> int:
        """Remove what no window reaches back to any more, a bounded batch; return how much."""
        rows = await self._database.fetch(
            SQL["purge_entries"], days=RETENTION_DAYS, rows_max=PURGE_ROWS
        )
        return len(rows)


def _score(active: ActiveModel | None, attributes: dict[str, Given]) -> Mapping[str, Any] | None:
    """Add the model's score to the attributes, and return what is logged of it."""
    if active is None:
        return None
    model = active.model
    named = {"model": model.name, "version": active.version, "sha256": model.sha256}
    for feature in model.features:
        if attributes.get(feature.name) is CAPPED:
            # A default would say that it is known.
            return {**named, "capped": feature.name}
    known = {name: value for name, value in attributes.items() if value is not CAPPED}
    score = model.score(known)
    if not isinstance(score, float):
        return {**named, "missing": score.attribute}
    attributes["ml.score"] = score
    reasons = model.contributions(known)[:CONTRIBUTIONS_MAX]
    return {
        **named,
        "contributions": [
            {"attribute": one.attribute, "log_odds": round(one.log_odds, 6)} for one in reasons
        ],
    }


def _beside(
    compiled: CompiledRuleset,
    live: CompiledRuleset,
    facts: Facts,
    sight: Sight,
    attributes: Mapping[str, Given],
) -> Mapping[str, Any]:
    """Return what the ruleset in the shadow would have done, and what it alone looked at."""
    own = {
        name: velocity
        for name, velocity in compiled.velocities.items()
        if live.velocities.get(name) != velocity
    }
    seen = velocity_values(own, facts, sight)
    kept = {name: value for name, value in attributes.items() if name not in own}
    said: Judgement = judge(compiled, {**kept, **seen})
    return {
        "facts": facts_document(seen),
        "ruleset": said.ruleset,
        "version": said.ruleset_version,
        "action": str(said.action),
        "score": said.score,
        "reasons": list(said.reasons),
        "rules": list(results_document(said.results)),
    }
