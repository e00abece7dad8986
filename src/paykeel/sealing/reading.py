"""Reads what was sealed: to verify it, to export it, and to say how far sealing has come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.sealing.canonical import Kind, canonical_row
from paykeel.sealing.chain import NO_ID, Head, Seal, SealedRow, ms_of
from paykeel.sealing.checking import ChainCheck, ChainReport
from paykeel.sealing.merkle import inclusion_path
from paykeel.sealing.proofs import RowProof
from paykeel.sealing.service import read_kinds
from paykeel.sealing.tables import TABLES, SealedTable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
    from uuid import UUID

    import asyncpg

    from paykeel.db.pool import Database

SQL = load("paykeel.sealing")

MERCHANTS_PAGE = 1_000
SEALS_PAGE = 500
#: How many rows are in memory at a time, one seal's at least.
ROWS_PAGE = 2_000
#: Reading everything may take its time.
TIMEOUT_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """How far the sealing of one chain has come."""

    merchant_id: UUID
    chain: str
    #: The last seal; none yet: ``None``.
    last: Seal | None
    #: Rows that wait for a seal, among those that the quick look sees.
    waiting: int
    #: When the oldest of these was made, in Unix milliseconds by its id.
    oldest_ms: int | None


class SealReader:
    """Reads chains from the database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def merchants(self, merchant_id: UUID | None = None) -> AsyncIterator[UUID]:
        """Give the one merchant, or all, by id."""
        if merchant_id is not None:
            yield merchant_id
            return
        after = NO_ID
        while True:
            rows = await self._database.fetch(
                SQL["list_merchants"], after=after, rows_max=MERCHANTS_PAGE
            )
            for row in rows:
                after = row["merchant_id"]
                yield after
            if len(rows) < MERCHANTS_PAGE:
                return

    async def seals(
        self, merchant_id: UUID, table: SealedTable
    ) -> AsyncIterator[tuple[Seal, list[SealedRow]]]:
        """Give every seal of a chain in order, with the rows that it covers as they are now.

        Raises:
            Misconfigured: A column's type has no canonical form.
        """
        kinds = await read_kinds(self._database, table)
        # No seal has such a number; one that was moved out of sight is read all the same.
        after = -(2**63)
        while page := await self._fetch(
            "list_seals",
            merchant_id=merchant_id,
            chain=table.chain,
            after=after,
            rows_max=SEALS_PAGE,
        ):
            seals = [Seal(**row) for row in page]
            after = seals[-1].seal_no
            for some in _in_groups(seals):
                rows = await self._fetch(
                    f"{table.chain}_sealed",
                    merchant_id=merchant_id,
                    seal_nos=[seal.seal_no for seal in some],
                )
                covered: dict[int, list[tuple[UUID, bytes, str | None]]] = {}
                for row in rows:
                    item = (row["row_id"], row["leaf_hash"], row["document"])
                    covered.setdefault(row["seal_no"], []).append(item)
                for seal in some:
                    yield (
                        seal,
                        await asyncio.to_thread(
                            _sealed_rows, covered.get(seal.seal_no, []), kinds, table
                        ),
                    )

    async def verify(
        self,
        merchant_id: UUID | None = None,
        *,
        trusted: Collection[bytes] = (),
        heads: Collection[Head] = (),
        accept_late: bool = False,
        tables: Sequence[SealedTable] = TABLES,
    ) -> list[ChainReport]:
        """Check every chain of one merchant, or of all.

        Args:
            merchant_id: Only this one's.
            trusted: Public keys whose signatures count; none: any key's that the seal carries.
            heads: Seals that the chains must hold.
            accept_late: Whether rows that came late are put up with.
            tables: The chains of these.
        """
        reports = []
        unmet = {(head.merchant_id, head.chain) for head in heads}
        async for one in self.merchants(merchant_id):
            for table in tables:
                own = [h for h in heads if (h.merchant_id, h.chain) == (one, table.chain)]
                unmet.discard((one, table.chain))
                check = ChainCheck(one, table.chain, trusted, own, accept_late)
                reports.append(await self._verify_chain(check, table))
        for whose, chain in sorted(unmet):
            # A witness of a merchant or a chain that is not there at all.
            own = [head for head in heads if (head.merchant_id, head.chain) == (whose, chain)]
            reports.append(ChainCheck(whose, chain, trusted, own).report())
        return [report for report in reports if report.seals or report.unsealed or report.faults]

    async def _verify_chain(self, check: ChainCheck, table: SealedTable) -> ChainReport:
        whose = {"merchant_id": check.merchant_id, "chain": table.chain}
        async for seal, rows in self.seals(check.merchant_id, table):
            check.add(seal, rows)
        for row in await self._fetch("orphaned_leaves", **whose):
            check.orphan(row["seal_no"], row["leaves"])
        async for row_id in self._unsealed(check.merchant_id, table, NO_ID):
            check.unsealed(row_id)
        return check.report()

    async def _unsealed(
        self, merchant_id: UUID, table: SealedTable, start: UUID
    ) -> AsyncIterator[UUID]:
        while True:
            rows = await self._fetch(
                f"{table.chain}_unsealed_ids",
                **{"merchant_id": merchant_id, "from": start, "rows_max": ROWS_PAGE},
            )
            for row in rows:
                yield row["row_id"]
            if len(rows) < ROWS_PAGE:
                return
            start = _after(rows[-1]["row_id"])

    async def proof(self, merchant_id: UUID, table: SealedTable, row_id: UUID) -> RowProof | None:
        """Return the proof of one row; ``None``: no seal covers it yet."""
        rows = await self._fetch(
            "row_proof", merchant_id=merchant_id, chain=table.chain, row_id=row_id
        )
        if not rows:
            return None
        values = dict(rows[0])
        leaves, index = values.pop("leaves"), values.pop("index")
        path = await asyncio.to_thread(inclusion_path, leaves, index)
        return RowProof(Seal(**values), index, tuple(path))

    async def status(self, merchant_id: UUID | None = None) -> list[ChainStatus]:
        """Say how far each chain has come, of one merchant or of all that have rows."""
        found = []
        async for one in self.merchants(merchant_id):
            for table in TABLES:
                rows = await self._fetch("last_seal", merchant_id=one, chain=table.chain)
                last = Seal(**rows[0]) if rows else None
                start = NO_ID if last is None else last.next_from
                waiting, oldest = 0, None
                async for row_id in self._unsealed(one, table, start):
                    waiting += 1
                    oldest = ms_of(row_id) if oldest is None else oldest
                if last is not None or waiting:
                    found.append(ChainStatus(one, table.chain, last, waiting, oldest))
        return found

    async def _fetch(self, name: str, **values: object) -> list[asyncpg.Record]:
        async with self._database.connection() as connection:
            return await fetch_on(connection, SQL[name], values, TIMEOUT_MS)


def _after(row_id: UUID) -> UUID:
    return type(row_id)(int=row_id.int + 1)


def _in_groups(seals: Sequence[Seal]) -> Iterator[list[Seal]]:
    """Put seals together that cover no more rows than fit into memory; one at least."""
    group: list[Seal] = []
    rows = 0
    for seal in seals:
        if group and rows + seal.row_count > ROWS_PAGE:
            yield group
            group, rows = [], 0
        group.append(seal)
        rows += seal.row_count
    if group:
        yield group


def _sealed_rows(
    rows: Sequence[tuple[UUID, bytes, str | None]], kinds: Mapping[str, Kind], table: SealedTable
) -> list[SealedRow]:
    return [
        SealedRow(
            row_id,
            leaf,
            None if document is None else canonical_row(document, kinds, table.beside),
        )
        for row_id, leaf, document in rows
    ]
