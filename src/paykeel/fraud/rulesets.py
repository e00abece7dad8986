"""Rulesets: planned, stored for good, put into force by two people, and found by who judges."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from paykeel.db.pool import fetch_on
from paykeel.errors import InvalidField, NotFound, Overloaded
from paykeel.fraud import activations
from paykeel.fraud.activations import (
    SHADOW_DECISIONS_MIN,
    SQL,
    Activation,
    activation_from_row,
)
from paykeel.fraud.plans import Plan, part_changes, rule_changes
from paykeel.fraud.rules import read_ruleset, read_ruleset_text
from paykeel.fraud.ruleset import canonical
from paykeel.fraud.serving import Active, ActiveRulesets
from paykeel.fraud.stored import (
    DEFAULT,
    BuiltIn,
    Stored,
    Version,
    built_in,
    built_in_stored,
    read_stored,
)
from paykeel.texts import check_person

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.clock import Clock
    from paykeel.db.pool import Connection, Database
    from paykeel.fraud.engine import ExpressionEngine
    from paykeel.fraud.ruleset import Ruleset

ROWS_MAX = 100
#: How many documents may wait to be checked in one process.
READS_WAITING_MAX = 16


class Rulesets:
    """Plans, stores and activates rulesets, and says which ones judge."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        engine: ExpressionEngine,
        cache_ms: int,
        *,
        otherwise: BuiltIn = DEFAULT,
        shadow_decisions_min: int = SHADOW_DECISIONS_MIN,
    ) -> None:
        """Take the database, an engine of its own, and for how long what was read may be trusted.

        ``otherwise`` says which built-in ruleset judges where nothing was activated.
        """
        self._database = database
        self._shadow_decisions_min = shadow_decisions_min
        self._checking = asyncio.Lock()
        self._reads = 0
        self._serving = ActiveRulesets(database, clock, engine, cache_ms, otherwise)

    async def active(self, merchant_id: UUID) -> Active:
        """Return what judges this merchant's purchases, at most the cache's time old.

        It does not ask whether there is such a merchant.
        """
        return await self._serving.active(merchant_id)

    async def read(self, document: object) -> Ruleset:
        """Check a document, or YAML text: every expression is compiled, every test is run.

        The largest that is allowed takes seconds, so it is done in a thread, one after the other.

        Raises:
            RulesetRefused: ``data["mistakes"]`` lists everything that is wrong.
            Overloaded: Too many wait already.
        """
        if self._reads >= READS_WAITING_MAX:
            raise Overloaded("Too many rulesets are being checked.")
        self._reads += 1
        try:
            async with self._checking:
                if isinstance(document, str):
                    return await asyncio.to_thread(read_ruleset_text, document)
                return await asyncio.to_thread(read_ruleset, document)
        finally:
            self._reads -= 1

    async def plan(self, merchant_id: UUID, ruleset: Ruleset) -> Plan:
        """Say what storing a checked ruleset would change; nothing is stored."""
        before = await self._before(merchant_id, ruleset.name)
        known = await self._database.fetchrow(
            SQL["find_ruleset"],
            merchant_id=merchant_id,
            ruleset=ruleset.name,
            sha256=bytes.fromhex(ruleset.sha256),
        )
        rows = await self._database.fetch(
            SQL["rule_versions"],
            merchant_id=merchant_id,
            rule_keys=[rule.key for rule in ruleset.rules],
            rule_sha256s=[bytes.fromhex(rule.sha256) for rule in ruleset.rules],
        )
        numbers = {row["rule_key"]: row["known"] or row["newest"] + 1 for row in rows}
        version_from = None if before is None else before.version
        return Plan(
            ruleset=ruleset.name,
            sha256=ruleset.sha256,
            version_from=version_from,
            version_to=(version_from or 0) + 1 if known is None else known["ruleset_version"],
            is_new=known is None,
            rules=rule_changes(before, ruleset, numbers),
            parts=part_changes(before, ruleset),
            warnings=tuple(warning.document() for warning in ruleset.warnings),
        )

    async def apply(self, merchant_id: UUID, ruleset: Ruleset, author: str) -> Stored:
        """Store a ruleset that `read_ruleset` returned, and its rules; nothing goes live by that.

        What was stored before under this name is returned as it is, with its number.

        Raises:
            InvalidField: The author is missing or malformed.
            NotFound: There is no such merchant.
        """
        author = check_person(author, "author")
        sha256 = bytes.fromhex(ruleset.sha256)
        named = {"merchant_id": merchant_id, "ruleset": ruleset.name, "sha256": sha256}
        async with self._database.connection() as connection, connection.transaction():
            await self._lock(connection, merchant_id)
            rows = await fetch_on(connection, SQL["find_ruleset"], named)
            if rows:
                return Stored(**rows[0])
            rows = await fetch_on(
                connection,
                SQL["save_ruleset"],
                {
                    **named,
                    "author": author,
                    "document": canonical(ruleset.document()),
                    "rule_keys": [rule.key for rule in ruleset.rules],
                    "rule_documents": [canonical(rule.document()) for rule in ruleset.rules],
                    "rule_sha256s": [bytes.fromhex(rule.sha256) for rule in ruleset.rules],
                },
            )
        return Stored(**rows[0], is_new=True)

    async def get(self, merchant_id: UUID, name: str, version: int) -> Stored:
        """Return one version whole; the built-in default is version 0.

        Raises:
            NotFound: This merchant has none such.
        """
        if (name, version) == (DEFAULT, 0):
            return await asyncio.to_thread(built_in_stored)
        if not name.isascii() or "\x00" in name:
            raise NotFound("There is no such ruleset.")
        row = await self._database.fetchrow(
            SQL["get_ruleset"], merchant_id=merchant_id, ruleset=name, ruleset_version=version
        )
        if row is None:
            raise NotFound(f"There is no ruleset {name} {version}.")
        return Stored(**row)

    async def versions(
        self,
        merchant_id: UUID,
        *,
        name: str | None = None,
        after: tuple[str, int] | None = None,
        rows_max: int = ROWS_MAX,
    ) -> list[Stored]:
        """Return a page of versions by name, newest first, without what they say."""
        after_name, after_version = after or (None, None)
        rows = await self._database.fetch(
            SQL["list_rulesets"],
            merchant_id=merchant_id,
            ruleset=name,
            after_ruleset=after_name,
            after_version=after_version,
            rows_max=rows_max,
        )
        return [Stored(**row) for row in rows]

    async def request_live(
        self,
        merchant_id: UUID,
        name: str,
        version: int,
        author: str,
        backtest_id: UUID | None = None,
    ) -> Activation:
        """Ask for a version to go live; a backtest or enough decisions in the shadow speak for it.

        Raises:
            NotFound: There is no such version.
            RulesetRefused: It does not compile with this engine.
            Refused: ``evidence_missing``; the message says what to do.
        """
        author = check_person(author, "author")
        wanted = await self._usable(merchant_id, name, version)
        async with self._database.connection() as connection, connection.transaction():
            await self._lock(connection, merchant_id)
            return await activations.request_live(
                connection,
                merchant_id,
                wanted,
                author,
                backtest_id=backtest_id,
                shadow_decisions_min=self._shadow_decisions_min,
            )

    async def approve(self, merchant_id: UUID, activation_id: UUID, approver: str) -> Activation:
        """Let go live what somebody else asked for; other processes follow within the cache's time.

        Raises:
            NotFound: There is no such activation.
            Refused: ``second_person_needed``, ``activation_approved`` or ``activation_expired``.
        """
        approver = check_person(approver, "approver")
        async with self._database.connection() as connection, connection.transaction():
            await self._lock(connection, merchant_id)
            approved = await activations.approve(
                connection, merchant_id, activation_id, approver, self._database.now()
            )
        self._serving.forget(merchant_id)
        return approved

    async def set_shadow(
        self, merchant_id: UUID, name: str | None, version: int | None, author: str
    ) -> Activation:
        """Let a version run in the shadow from now on; without a name, nothing does.

        Raises:
            NotFound: There is no such version.
            RulesetRefused: It does not compile with this engine.
        """
        author = check_person(author, "author")
        wanted = None
        if name is not None and version is not None:
            wanted = await self._usable(merchant_id, name, version)
        elif name is not None or version is not None:
            missing = "version" if version is None else "ruleset"
            raise InvalidField(missing, "field_required", "Name both ruleset and version.")
        async with self._database.connection() as connection, connection.transaction():
            await self._lock(connection, merchant_id)
            placed = await activations.set_shadow(connection, merchant_id, wanted, author)
        self._serving.forget(merchant_id)
        return placed

    async def history(
        self, merchant_id: UUID, before: UUID | None = None, rows_max: int = ROWS_MAX
    ) -> list[Activation]:
        """Return a page of activations, newest first."""
        rows = await self._database.fetch(
            SQL["list_activations"], merchant_id=merchant_id, before=before, rows_max=rows_max
        )
        return [activation_from_row(row) for row in rows]

    async def _usable(self, merchant_id: UUID, name: str, version: int) -> Version:
        """Return a version that is stored and compiles."""
        if (name, version) == (DEFAULT, 0):
            raise NotFound(
                "The built-in ruleset is stored first: `paykeel fraud rules show default 0`, "
                "then `paykeel fraud rules apply`."
            )
        found = await self.get(merchant_id, name, version)
        await self._serving.compiled(merchant_id, found.version, found.members)
        return found.version

    async def _lock(self, connection: Connection, merchant_id: UUID) -> None:
        """Wait for whoever changes this merchant's rules; later statements see what was done."""
        if not await fetch_on(connection, SQL["lock_merchant"], {"merchant_id": merchant_id}):
            raise NotFound("There is no such merchant.")

    async def _before(self, merchant_id: UUID, name: str) -> Ruleset | None:
        """Return the newest version of this name, the built-in one if it is that."""
        row = await self._database.fetchrow(
            SQL["newest_ruleset"], merchant_id=merchant_id, ruleset=name
        )
        if row is not None:
            return await asyncio.to_thread(read_stored, Stored(**row))
        return await asyncio.to_thread(built_in, DEFAULT) if name == DEFAULT else None


__all__ = ["Activation", "Active", "Plan", "Rulesets", "Stored", "Version"]
