"""SealingService: seals what has committed, batch by batch, and looks again at what was missed.

Two looks find the rows. The quick one begins a few minutes before the last seal and finds what is
new, also what committed late. The slow one walks over all rows, a bounded piece at a time, and
finds whatever came later than that. So no look costs more than what is new and a constant, and no
row stays unsealed for ever: docs/decisions/0011-seals.md.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import structlog

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import Misconfigured, Unavailable
from paykeel.sealing.canonical import KINDS, Kind, canonical_row, leaf_hash
from paykeel.sealing.chain import NO_ID, Seal, id_at, make_seal, next_from, unix_ms
from paykeel.sealing.tables import TABLES, SealedTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Connection, Database
    from paykeel.sealing.keys import KeyKeeper
    from paykeel.sealing.signing import Signer

SQL = load("paykeel.sealing")
log = structlog.get_logger("paykeel.sealing")

MERCHANTS_PAGE = 1_000
#: How many rows the slow look visits in one pass, over how many chains at most.
PATROL_ROWS = 10_000
PATROL_CHAINS = 50
#: Every so many passes the quick look begins at each chain's last seal again, and not only at what
#: this process has seen: a chain that is still empty has no slow look yet.
FULL_LOOK_EVERY = 60


@dataclass(frozen=True, slots=True)
class SealingPass:
    """What one pass over all merchants did."""

    seals: int = 0
    rows: int = 0
    #: Rows that only the slow look found.
    missed: int = 0
    #: Chains that another worker was sealing.
    busy: int = 0
    #: Chains that could not be sealed; the log says why.
    failed: int = 0

    def __add__(self, other: SealingPass) -> SealingPass:
        return SealingPass(
            self.seals + other.seals,
            self.rows + other.rows,
            self.missed + other.missed,
            self.busy + other.busy,
            self.failed + other.failed,
        )


@dataclass(frozen=True, slots=True)
class _Range:
    """Look at all rows from an id on."""

    start: UUID


@dataclass(frozen=True, slots=True)
class _Rows:
    """Look at these rows."""

    row_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What one transaction sealed; no seal: there was nothing to seal, or it was busy."""

    seal: Seal | None
    last_id: UUID
    full: bool = False
    busy: bool = False


class SealingService:
    """Seals rows of every merchant. Any number of workers share the work safely."""

    def __init__(
        self, database: Database, keys: KeyKeeper, *, lookback_ms: int, batch_rows: int
    ) -> None:
        """Take the database and the keys.

        Args:
            database: Where the history is.
            keys: Brings the signing key when it is first needed.
            lookback_ms: How much older than the newest a row may be and still be found at once.
            batch_rows: How many rows one seal covers at most.
        """
        self.database = database
        self.keys = keys
        self._lookback_ms = lookback_ms
        self._batch_rows = batch_rows
        self._kinds: dict[str, Mapping[str, Kind]] = {}
        #: Before these ids, this process has seen everything of each chain sealed.
        self._clean_before: dict[str, UUID] = {}
        self._passes = 0

    async def seal_all(self) -> SealingPass:
        """Seal what is new of every merchant, and look at a piece of what is old.

        Raises:
            Misconfigured: The key cannot be used.
            DatabaseUnavailable: The database does not answer.
        """
        signer = await self.keys.key()
        done = SealingPass()
        for table in TABLES:
            done += await self._seal_table(table, signer)
        done += await self._patrol(signer)
        self._passes += 1
        if done.seals or done.failed:
            log.info(
                "seals.made",
                seals=done.seals,
                rows=done.rows,
                missed=done.missed,
                failed=done.failed,
            )
        return done

    async def _seal_table(self, table: SealedTable, signer: Signer) -> SealingPass:
        done = SealingPass()
        began = unix_ms(await self._now())
        start = NO_ID
        if self._passes % FULL_LOOK_EVERY:
            start = self._clean_before.get(table.chain, NO_ID)
        merchant_id = NO_ID
        while True:
            rows = await self.database.fetch(
                SQL[f"{table.chain}_due"],
                **{"after": merchant_id, "from": start, "rows_max": MERCHANTS_PAGE},
            )
            for row in rows:
                merchant_id = row["merchant_id"]
                try:
                    done += await self.seal_merchant(merchant_id, table, signer)
                except Unavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - one chain must not stop the others
                    self._log_failure(merchant_id, table, error)
                    done += SealingPass(failed=1)
            if len(rows) < MERCHANTS_PAGE:
                break
        if not done.busy and not done.failed:
            # Everything that was there is sealed; what comes with an older id comes late.
            self._clean_before[table.chain] = id_at(began - self._lookback_ms)
        return done

    async def seal_merchant(
        self, merchant_id: UUID, table: SealedTable, signer: Signer | None = None
    ) -> SealingPass:
        """Seal what is new of one merchant, in as many seals as it takes.

        Raises:
            Misconfigured: The key or a column's type cannot be used.
            DatabaseUnavailable: The database does not answer.
        """
        signer = signer or await self.keys.key()
        done = SealingPass()
        await self.database.fetch(SQL["open_cursor"], merchant_id=merchant_id, chain=table.chain)
        start = NO_ID
        while True:
            sealed = await self._seal_batch(merchant_id, table, signer, _Range(start))
            if sealed.busy:
                return done + SealingPass(busy=1)
            if sealed.seal is not None:
                done += SealingPass(seals=1, rows=sealed.seal.row_count)
            if not sealed.full:
                return done
            # On from here: what is behind was looked at in this pass.
            start = sealed.last_id

    async def _seal_batch(
        self, merchant_id: UUID, table: SealedTable, signer: Signer, look: _Range | _Rows
    ) -> _Sealed:
        """Seal one batch in one transaction, which no purchase waits for."""
        whose = {"merchant_id": merchant_id, "chain": table.chain}
        kinds = await self._kinds_of(table)
        try:
            async with self.database.connection() as connection, connection.transaction():
                locked = await fetch_on(connection, SQL["lock_chain"], whose)
                if not locked:
                    return _Sealed(None, NO_ID, busy=True)
                # Statements of their own after the lock: they see what its last holder committed.
                last = await fetch_on(connection, SQL["last_seal"], whose)
                previous = Seal(**last[0]) if last else None
                rows = await self._read(connection, merchant_id, table, look, previous)
                if not rows:
                    return _Sealed(None, NO_ID)
                row_ids = [row["row_id"] for row in rows]
                full = isinstance(look, _Range) and len(rows) >= self._batch_rows
                if isinstance(look, _Range):
                    now = locked[0]["now"]
                    following = next_from(previous, row_ids, now, self._lookback_ms, all_=not full)
                else:
                    following = NO_ID if previous is None else previous.next_from
                # In a thread, so that a service in this process goes on answering.
                leaves, seal = await asyncio.to_thread(
                    _seal_rows,
                    rows,
                    kinds,
                    table,
                    previous,
                    merchant_id=merchant_id,
                    next_from=following,
                    sealed_at=locked[0]["now"],
                    signer=signer,
                )
                await fetch_on(connection, SQL["add_seal"], _values(seal, row_ids, leaves))
        except asyncpg.UniqueViolationError:
            # The lock was not held: somebody seals without it. The first one holds.
            return _Sealed(None, NO_ID, busy=True)
        log.debug("seal.made", head=str(seal.head), rows=seal.row_count)
        return _Sealed(seal, row_ids[-1], full=full)

    async def _read(
        self,
        connection: Connection,
        merchant_id: UUID,
        table: SealedTable,
        look: _Range | _Rows,
        previous: Seal | None,
    ) -> list[asyncpg.Record]:
        match look:
            case _Range(start):
                begin = start if previous is None else max(start, previous.next_from)
                return await fetch_on(
                    connection,
                    SQL[f"{table.chain}_unsealed"],
                    {"merchant_id": merchant_id, "from": begin, "rows_max": self._batch_rows},
                )
            case _Rows(row_ids):
                return await fetch_on(
                    connection,
                    SQL[f"{table.chain}_unsealed_among"],
                    {"merchant_id": merchant_id, "row_ids": list(row_ids)},
                )

    async def _patrol(self, signer: Signer) -> SealingPass:
        """Look at a bounded piece of all rows, and seal what the quick look has missed."""
        done, left = SealingPass(), PATROL_ROWS
        tables = {table.chain: table for table in TABLES}
        cursors = await self.database.fetch(SQL["least_checked"], rows_max=PATROL_CHAINS)
        for cursor in cursors:
            table = tables.get(cursor["chain"])
            if table is None or left <= 0:
                continue
            try:
                looked, found = await self._patrol_chain(cursor, table, signer, left)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - one chain must not stop the others
                self._log_failure(cursor["merchant_id"], table, error)
                looked, found = 0, SealingPass(failed=1)
            left -= looked
            done += found
        return done

    async def _patrol_chain(
        self, cursor: asyncpg.Record, table: SealedTable, signer: Signer, rows_max: int
    ) -> tuple[int, SealingPass]:
        merchant_id = cursor["merchant_id"]
        piece = await self.database.fetchrow(
            SQL[f"{table.chain}_missed"],
            merchant_id=merchant_id,
            after=cursor["checked_to"],
            rows_max=rows_max,
        )
        if piece is None:
            return 0, SealingPass()
        done = SealingPass()
        missed: list[UUID] = piece["missed"] or []
        for begin in range(0, len(missed), self._batch_rows):
            batch = _Rows(missed[begin : begin + self._batch_rows])
            sealed = await self._seal_batch(merchant_id, table, signer, batch)
            if sealed.busy:
                return piece["looked"], done + SealingPass(busy=1)
            if sealed.seal is not None:
                count = sealed.seal.row_count
                log.warning("seal.missed_rows", head=str(sealed.seal.head), rows=count)
                done += SealingPass(seals=1, rows=count, missed=count)
        at_end = piece["looked"] < rows_max
        await self.database.fetch(
            SQL["move_cursor"],
            merchant_id=merchant_id,
            chain=table.chain,
            checked_from=cursor["checked_to"],
            checked_to=NO_ID if at_end else piece["last_id"],
        )
        return piece["looked"], done

    async def _kinds_of(self, table: SealedTable) -> Mapping[str, Kind]:
        if table.chain not in self._kinds:
            self._kinds[table.chain] = await read_kinds(self.database, table)
        return self._kinds[table.chain]

    async def _now(self) -> datetime:
        row = await self.database.fetchrow(SQL["database_now"])
        assert row is not None, "it is always one row"  # noqa: S101 - for the type checker
        now: datetime = row["now"]
        return now

    def _log_failure(self, merchant_id: UUID, table: SealedTable, error: Exception) -> None:
        # A column may have been added since: its type is read again.
        self._kinds.pop(table.chain, None)
        log.error("seal.failed", merchant_id=str(merchant_id), chain=table.chain, error=repr(error))


async def read_kinds(database: Database, table: SealedTable) -> Mapping[str, Kind]:
    """Return how each column of a table is written.

    Raises:
        Misconfigured: ``sealing_column_unknown``: a column's type has no canonical form.
    """
    rows = await database.fetch(SQL["column_types"], table=table.table)
    unknown = [
        f"{row['name']} {row['type']}"
        for row in rows
        if row["type"] not in KINDS and row["name"] not in table.beside
    ]
    if unknown or not rows:
        raise Misconfigured(
            f"{table.table} cannot be sealed: {', '.join(unknown) or 'it has no columns'}.",
            code="sealing_column_unknown",
        )
    return {row["name"]: KINDS.get(row["type"], Kind.PLAIN) for row in rows}


def _seal_rows(
    rows: Sequence[asyncpg.Record],
    kinds: Mapping[str, Kind],
    table: SealedTable,
    previous: Seal | None,
    *,
    merchant_id: UUID,
    next_from: UUID,
    sealed_at: datetime,
    signer: Signer,
) -> tuple[list[bytes], Seal]:
    leaves = [
        leaf_hash(table.chain, row["row_id"], canonical_row(row["document"], kinds, table.beside))
        for row in rows
    ]
    seal = make_seal(
        previous,
        leaves,
        merchant_id=merchant_id,
        chain=table.chain,
        next_from=next_from,
        sealed_at=sealed_at,
        signer=signer,
    )
    return leaves, seal


def _values(seal: Seal, row_ids: Sequence[UUID], leaves: Sequence[bytes]) -> dict[str, object]:
    names = SQL["add_seal"].parameters
    own = {name: getattr(seal, name) for name in names if name not in {"row_ids", "leaf_hashes"}}
    return own | {"row_ids": list(row_ids), "leaf_hashes": list(leaves)}
