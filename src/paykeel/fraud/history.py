"""Logged decisions, and judging them again: the same facts and ruleset give the same judgement.

A log row names the ruleset by which it was judged, and holds everything that was known. So each
row can be replayed alone, years later, and a ruleset can be tried on what others judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import Misconfigured, NotFound
from paykeel.fraud.catalogue import attributes_of
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.judge import compile_ruleset, judge
from paykeel.fraud.logs import attributes_of_facts, results_document
from paykeel.fraud.rules import read_ruleset
from paykeel.fraud.stored import BuiltIn, built_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Connection, Database
    from paykeel.fraud.catalogue import Type
    from paykeel.fraud.engine import ExpressionEngine
    from paykeel.fraud.judge import CompiledRuleset, Judgement
    from paykeel.fraud.ruleset import Ruleset

SQL = load("paykeel.fraud", "history.sql")

BUILT_IN: tuple[BuiltIn, ...] = ("default", "none")
#: Rulesets of log rows that are kept compiled.
KEPT_MAX = 32


@dataclass(frozen=True, slots=True)
class PastDecision:
    """One row of ``fraud_prevention_logs``, as far as judging it again needs it."""

    merchant_id: UUID
    log_id: UUID
    #: None: the purchase was refused before any rule was asked.
    payment_id: UUID | None
    decision: str
    score: int
    reasons: tuple[str, ...]
    rules: tuple[Mapping[str, Any], ...]
    facts: Mapping[str, Any]
    ruleset: str | None
    ruleset_version: int | None
    ruleset_sha256: bytes | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """A ruleset that a log row names, ready to judge, with the types of its attributes."""

    compiled: CompiledRuleset
    types: Mapping[str, Type]


def replay_by(book: Book, facts: Mapping[str, Any]) -> Judgement:
    """Judge the facts of a log row. Pure."""
    return judge(book.compiled, attributes_of_facts(facts, book.types))


def differences(row: PastDecision, judgement: Judgement) -> tuple[str, ...]:
    """Return in what a judgement differs from what was logged; nothing when it is the same.

    Rules are compared by what they said; those in shadow too, if they were logged.
    """
    said = results_document((*judgement.results, *judgement.shadow))
    of_rule = {one["rule"]: one for one in said}
    found = [
        f"{name}: logged {logged}, replayed {replayed}"
        for name, logged, replayed in (
            ("decision", row.decision, judgement.action.value),
            ("score", row.score, judgement.score),
            ("reasons", list(row.reasons), list(judgement.reasons)),
        )
        if logged != replayed
    ]
    found += [
        f"rule {one['rule']}: logged {one['outcome']}, replayed "
        f"{of_rule[one['rule']]['outcome'] if one['rule'] in of_rule else 'nothing'}"
        for one in row.rules
        if one != of_rule.get(one["rule"])
    ]
    logged_rules = {one["rule"] for one in row.rules}
    found += [
        f"rule {result.rule}: logged nothing, replayed {result.outcome}"
        for result in judgement.results
        if result.rule not in logged_rules
    ]
    return tuple(found)


class Rulebooks:
    """Finds the rulesets that log rows name, by their hash, and keeps them compiled."""

    def __init__(self, engine: ExpressionEngine | None = None) -> None:
        """Take the engine that is to judge."""
        self._engine = engine or CelEngine()
        self._books: dict[tuple[UUID, str | None, int | None, bytes], Book] = {}

    async def of_row(self, connection: Connection, row: PastDecision) -> Book:
        """Return the ruleset by which a row was judged.

        Raises:
            NotFound: ``ruleset_not_kept``: the row names none, or one that is not stored.
            Misconfigured: ``ruleset_changed``: what is stored does not have the hash it is
                stored under.
        """
        return await self.find(
            connection, row.merchant_id, row.ruleset, row.ruleset_version, row.ruleset_sha256
        )

    async def find(
        self,
        connection: Connection,
        merchant_id: UUID,
        name: str | None,
        version: int | None,
        sha256: bytes | None,
    ) -> Book:
        """Return a ruleset by its hash; raises as `of_row`."""
        if sha256 is None:
            raise NotFound("This decision names no ruleset.", code="ruleset_not_kept")
        key = (merchant_id, name, version, sha256)
        book = self._books.get(key)
        if book is None:
            book = await self._read(connection, merchant_id, name, version, sha256)
            while len(self._books) >= KEPT_MAX:
                del self._books[next(iter(self._books))]
            self._books[key] = book
        return book

    async def _read(
        self,
        connection: Connection,
        merchant_id: UUID,
        name: str | None,
        version: int | None,
        sha256: bytes,
    ) -> Book:
        rows = await fetch_on(
            connection,
            SQL["find_ruleset"],
            {
                "merchant_id": merchant_id,
                "ruleset": name,
                "ruleset_version": version,
                "sha256": sha256,
            },
        )
        if rows:
            ruleset = read_ruleset(rows[0]["document"], self._engine)
            if ruleset.sha256 != sha256.hex():
                raise Misconfigured(
                    "A stored ruleset does not have the hash that it is stored under.",
                    code="ruleset_changed",
                    ruleset=rows[0]["ruleset"],
                    version=rows[0]["ruleset_version"],
                )
            members = {one["key"]: one["version"] for one in rows[0]["members"]}
            ruleset = ruleset.with_versions(rows[0]["ruleset_version"], members)
        else:
            known = self._built_in(sha256)
            if known is None:
                raise NotFound(
                    f"The ruleset {name} with the hash {sha256.hex()} is not stored.",
                    code="ruleset_not_kept",
                )
            ruleset = known
        return Book(compile_ruleset(ruleset, self._engine), attributes_of(ruleset))

    def _built_in(self, sha256: bytes) -> Ruleset | None:
        """Return the built-in ruleset with this hash, if this release has it."""
        for name in BUILT_IN:
            ruleset = built_in(name, self._engine)
            if ruleset.sha256 == sha256.hex():
                return ruleset
        return None


class Replayer:
    """Judges logged decisions again, each by the ruleset that it names."""

    def __init__(self, database: Database, engine: ExpressionEngine | None = None) -> None:
        """Take the database, and the engine that is to judge."""
        self._database = database
        self._books = Rulebooks(engine)

    async def find(self, payment_id: UUID, *, merchant_id: UUID) -> PastDecision:
        """Return what was logged of a payment.

        Raises:
            NotFound: There is no such payment.
        """
        rows = await self._database.fetch(
            SQL["find_decision"], merchant_id=merchant_id, payment_id=payment_id
        )
        if not rows:
            raise NotFound("There is no such payment.")
        return past_decision(dict(rows[0]))

    async def replay(self, row: PastDecision) -> Judgement:
        """Judge one row again, from itself alone and the ruleset that it names.

        Raises:
            NotFound: ``ruleset_not_kept``.
            Misconfigured: ``ruleset_changed``.
        """
        async with self._database.connection() as connection:
            book = await self._books.of_row(connection, row)
        return replay_by(book, row.facts)


def past_decision(row: Mapping[str, Any]) -> PastDecision:
    """Return a log row that was read as the value that is replayed."""
    values = {**row, "reasons": tuple(row["reasons"]), "rules": tuple(row["rules"])}
    return PastDecision(**values)
