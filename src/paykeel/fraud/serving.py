"""Which rulesets judge a merchant's purchases now, read through a cache that soon forgets.

A ruleset that was put into force long ago and no longer compiles, because another release of the
engine is installed, takes no purchase down: the one that this process judged by until then goes on,
or the built-in default when there is none. It is logged as an error each minute, and `paykeel
doctor` fails, until another ruleset is live.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from paykeel.db.cache import ReadCache
from paykeel.db.sql import load
from paykeel.errors import NotFound, RulesetRefused
from paykeel.fraud.judge import compile_ruleset
from paykeel.fraud.stored import BuiltIn, Stored, Version, built_in, read_stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from paykeel.clock import Clock
    from paykeel.db.pool import Database
    from paykeel.fraud.engine import ExpressionEngine
    from paykeel.fraud.judge import CompiledRuleset
    from paykeel.fraud.ruleset import Ruleset

SQL = load("paykeel.fraud", "rulesets.sql")
CACHED_MAX = 10_000
COMPILED_MAX = 1_000
COMPLAIN_EVERY_S = 60

log = structlog.get_logger("paykeel.fraud")


@dataclass(frozen=True, slots=True)
class Active:
    """What judges a merchant's purchases now, and what runs beside it."""

    live: CompiledRuleset
    live_sha256: bytes
    shadow: CompiledRuleset | None = None
    shadow_sha256: bytes | None = None
    #: What should be in force and does not compile; something else is live, or nothing beside it.
    unusable: tuple[str, ...] = ()


class ActiveRulesets:
    """Finds, compiles and remembers what is in force."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        engine: ExpressionEngine,
        cache_ms: int,
        otherwise: BuiltIn,
    ) -> None:
        """Take for how long what was read may be trusted, and what judges where nothing is active.

        The engine is this one's alone, since it compiles in a thread.
        """
        self._database = database
        self._clock = clock
        self._engine = engine
        self._otherwise: BuiltIn = otherwise
        self._active = ReadCache(self._read, clock.monotonic_s, keep_s=cache_ms / 1000)
        self._compiled: dict[object, CompiledRuleset] = {}
        self._compiling = asyncio.Lock()
        self._complained: dict[UUID, float] = {}

    async def active(self, merchant_id: UUID) -> Active:
        """Return what judges this merchant's purchases, at most the cache's time old."""
        return await self._active.get(merchant_id)

    def forget(self, merchant_id: UUID) -> None:
        """Read again when next asked: this process has changed what is in force."""
        self._active.forget(merchant_id)

    async def compiled(self, merchant_id: UUID, version: Version, members: Any) -> CompiledRuleset:
        """Return a stored version, compiled; what was compiled once is kept.

        Raises:
            RulesetRefused: It does not compile with this engine.
        """
        # Rules are numbered for each merchant by itself, and results carry the numbers.
        numbers = tuple((member["key"], member["version"]) for member in members)
        key = (version, numbers)
        kept = self._compiled.get(key)
        if kept is not None:
            return kept
        row = await self._database.fetchrow(
            SQL["get_ruleset"],
            merchant_id=merchant_id,
            ruleset=version.ruleset,
            ruleset_version=version.ruleset_version,
        )
        if row is None:
            raise NotFound(f"There is no ruleset {version}.")
        stored = Stored(**row)
        return await self._compile(key, lambda: read_stored(stored, self._engine))

    async def built_in(self, name: BuiltIn) -> CompiledRuleset:
        """Return a built-in ruleset, compiled."""
        kept = self._compiled.get(name)
        return kept or await self._compile(name, lambda: built_in(name, self._engine))

    async def _compile(self, key: object, read: Callable[[], Ruleset]) -> CompiledRuleset:
        """Compile in a thread, one at a time: a large ruleset takes seconds."""
        async with self._compiling:
            kept = self._compiled.get(key)
            if kept is not None:
                return kept
            made = await asyncio.to_thread(lambda: compile_ruleset(read(), self._engine))
            while len(self._compiled) >= COMPILED_MAX:
                del self._compiled[next(iter(self._compiled))]
            self._compiled[key] = made
            return made

    async def _read(self, merchant_id: UUID) -> Active:
        """Read what is in force, and compile what is not compiled yet."""
        now = self._clock.monotonic_s()
        rows = await self._database.fetch(SQL["rulesets_in_force"], merchant_id=merchant_id)
        found: dict[str, tuple[CompiledRuleset, bytes]] = {}
        unusable: dict[str, str] = {}
        for row in rows:
            if row["ruleset"] is None:
                continue
            version = Version(row["ruleset"], row["ruleset_version"], bytes(row["sha256"]))
            try:
                compiled = await self.compiled(merchant_id, version, row["members"])
            except RulesetRefused as error:
                unusable[row["place"]] = f"{row['place']} {version}: {error.message}"
            else:
                found[row["place"]] = (compiled, version.sha256)
        live = found.get("live") or await self._instead(merchant_id, broken="live" in unusable)
        shadow, shadow_sha256 = found.get("shadow") or (None, None)
        active = Active(*live, shadow, shadow_sha256, tuple(unusable.values()))
        if unusable:
            self._complain(merchant_id, now, active)
        return active

    async def _instead(self, merchant_id: UUID, *, broken: bool) -> tuple[CompiledRuleset, bytes]:
        """Return what judges where nothing is active, or in place of what does not compile."""
        last = self._active.last(merchant_id)
        if broken and last is not None:
            return last.live, last.live_sha256
        # Whoever has activated rules wants some, whatever this installation does by itself.
        live = await self.built_in("default" if broken else self._otherwise)
        return live, bytes.fromhex(live.ruleset.sha256)

    def _complain(self, merchant_id: UUID, now: float, active: Active) -> None:
        last = self._complained.get(merchant_id)
        if last is not None and now < last + COMPLAIN_EVERY_S:
            return
        if len(self._complained) >= CACHED_MAX:
            self._complained.clear()
        self._complained[merchant_id] = now
        judges = active.live.ruleset
        log.error(
            "fraud.ruleset_unusable",
            merchant_id=str(merchant_id),
            unusable=list(active.unusable),
            judged_by=f"{judges.name} {judges.version}",
        )
