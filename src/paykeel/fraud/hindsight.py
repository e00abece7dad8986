"""What the log of a past decision does not hold, made good as it stood then, or told of as missing.

Nothing that became known later may be seen: a window ends just before its purchase, and what was
put on a list later is not on it.

What can differ from what a live judge would have read, each by little: purchases that one batch
judged at the same instant are taken in the order of their ids; an answer of the gateway that was
dated before a purchase and stored after it counts; a dispute counts from when it became known,
even if it was imported later; what was on a list then and is no more cannot be known.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import NotFound
from paykeel.fraud.history import Rulebooks
from paykeel.fraud.velocity import Tally, value_of, window_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from paykeel.db.pool import Connection
    from paykeel.fraud.catalogue import Given
    from paykeel.fraud.engine import ExpressionEngine
    from paykeel.fraud.judge import CompiledRuleset
    from paykeel.fraud.velocity import Window

SQL = load("paykeel.fraud", "backtest.sql")
#: Counting and reading the past may take its time.
TIMEOUT_MS = 3_600_000


@dataclass(slots=True)
class Past:
    """One decision, with what is known of it so far."""

    row: Any
    attributes: dict[str, Given]
    #: Velocities and lists that its log row cannot know.
    velocities: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


class Hindsight:
    """Completes logged facts with what a candidate asks for besides."""

    def __init__(
        self, candidate: CompiledRuleset, merchant_id: UUID, engine: ExpressionEngine
    ) -> None:
        """Take what is tried, whose past it is, and the engine that reads earlier rulesets."""
        self._merchant_id = merchant_id
        self._velocities = candidate.velocities
        #: By attribute; those that every ruleset has are always logged.
        self._lists = {
            f"list.{name}": name
            for name in candidate.ruleset.lists
            if f"list.{name}" in candidate.references
        }
        self._books = Rulebooks(engine)
        #: Windows that begin before this may have lost entries. None: nothing was purged.
        self.whole_since: datetime | None = None
        #: By the hash of the ruleset that judged then: velocities that it did not log.
        self._unlogged: dict[bytes, tuple[str, ...]] = {}
        self._recomputed: Counter[str] = Counter()
        self._gone: Counter[str] = Counter()
        self._now_lists: Counter[str] = Counter()
        self._unknown_rulesets = 0

    def document(self) -> dict[str, Any]:
        """Return what was made good and what could not be, as values for JSON."""
        return {
            "recomputed": dict(sorted(self._recomputed.items())),
            "not_recomputed": dict(sorted(self._gone.items())),
            "lists_as_of_now": dict(sorted(self._now_lists.items())),
            "by_unknown_rulesets": self._unknown_rulesets,
        }

    async def complete(self, connection: Connection, page: Sequence[Past]) -> None:
        """Add what the log rows of a page do not hold, as it stood then."""
        for one in page:
            await self._note(connection, one)
        asked = [one for one in page if one.velocities or one.lists]
        if not asked:
            return
        found = await fetch_on(
            connection,
            SQL["keys_then"],
            {
                "merchant_id": self._merchant_id,
                "payment_ids": [one.row["payment_id"] for one in asked],
            },
        )
        keys = {
            row["payment_id"]: (row["occurred_at"], _keys(row["kinds"], row["keys"]))
            for row in found
        }
        if any(one.lists for one in asked):
            await self._read_lists(connection, asked, keys)
        reads = list(self._reads(asked, keys))
        if reads:
            await self._read_windows(connection, reads)

    async def _note(self, connection: Connection, one: Past) -> None:
        """Note what a log row cannot know."""
        sha256 = one.row["ruleset_sha256"]
        unlogged = self._unlogged.get(sha256)
        if unlogged is None:
            unlogged = self._unlogged[sha256] = await self._not_logged_by(connection, one.row)
        for name in unlogged:
            # Another definition under the same name says nothing about this one.
            one.attributes.pop(name, None)
        one.velocities = unlogged
        one.lists = tuple(name for name in self._lists if name not in one.attributes)

    def _reads(
        self, asked: Iterable[Past], keys: Mapping[UUID, tuple[datetime, Mapping[str, int]]]
    ) -> Iterable[tuple[Past, str, datetime, Window]]:
        """Give the windows that must and can be read."""
        for one in asked:
            counted = keys.get(one.row["payment_id"])
            for name in one.velocities:
                if counted is None:
                    self._gone[name] += 1
                    continue
                at, its_keys = counted
                window = window_of(self._velocities[name], its_keys)
                if window is None:
                    continue
                begins = at - timedelta(seconds=window.window_s)
                if self.whole_since is not None and begins < self.whole_since:
                    self._gone[name] += 1
                    continue
                yield one, name, at, window

    async def _not_logged_by(self, connection: Connection, row: Any) -> tuple[str, ...]:
        """Return the velocities that the ruleset of a row did not read, or defined otherwise."""
        wanted = self._velocities
        if not wanted:
            return ()
        try:
            book = await self._books.find(
                connection,
                self._merchant_id,
                row["ruleset"],
                row["ruleset_version"],
                row["ruleset_sha256"],
            )
        except NotFound:
            self._unknown_rulesets += 1
            return tuple(wanted)
        logged = book.compiled.velocities
        return tuple(name for name, velocity in wanted.items() if logged.get(name) != velocity)

    async def _read_windows(
        self, connection: Connection, reads: Sequence[tuple[Past, str, datetime, Window]]
    ) -> None:
        windows = [window for _, _, _, window in reads]
        rows = await fetch_on(
            connection,
            SQL["windows_then"],
            {
                "merchant_id": self._merchant_id,
                "payment_ids": [one.row["payment_id"] for one, _, _, _ in reads],
                "ats": [at for _, _, at, _ in reads],
                "keys": [window.key for window in windows],
                "outcomes": [window.outcome for window in windows],
                "windows_s": [window.window_s for window in windows],
                "rows_max": [window.rows_max for window in windows],
                "of_kinds": [window.of for window in windows],
                "oldest": [window.oldest for window in windows],
            },
            TIMEOUT_MS,
        )
        for (one, name, at, _), row in zip(reads, rows, strict=True):
            value = value_of(self._velocities[name], _tally(row), at)
            self._recomputed[name] += 1
            if value is not None:
                one.attributes[name] = value

    async def _read_lists(
        self,
        connection: Connection,
        asked: Sequence[Past],
        keys: Mapping[UUID, tuple[datetime, Mapping[str, int]]],
    ) -> None:
        rows = await fetch_on(
            connection,
            SQL["lists_then"],
            {
                "merchant_id": self._merchant_id,
                "payment_ids": [one.row["payment_id"] for one in asked],
                "ats": [one.row["created_at"] for one in asked],
                "lists": list(self._lists.values()),
            },
        )
        on = {(row["payment_id"], f"list.{row['list']}") for row in rows}
        for one in asked:
            payment_id = one.row["payment_id"]
            for name in one.lists:
                if payment_id in keys:
                    one.attributes[name] = (payment_id, name) in on
                    self._now_lists[name] += 1
                else:
                    self._gone[name] += 1


def _keys(kinds: Iterable[str], keys: Iterable[int]) -> dict[str, int]:
    """Return the keys by kind; of several of one kind the first, under which windows are read."""
    found: dict[str, int] = {}
    for kind, key in zip(kinds, keys, strict=True):
        found.setdefault(kind, key)
    return found


def _tally(row: Any) -> Tally:
    total = row["total"]
    return Tally(
        count=row["count"],
        total=0 if total is None else int(total),
        highest=row["highest"],
        unknown=row["unknown"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        others=set(row["others"] or ()),
    )
