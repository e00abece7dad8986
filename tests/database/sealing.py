"""Rows to seal, put in behind Paykeel's back; and a process that seals, and may die of it.

``python -m tests.database.sealing URL ROWS SIGNATURES`` seals until it has signed so often, and
then kills itself inside the transaction.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from paykeel.clock import new_id
from paykeel.db.pool import Database
from paykeel.sealing import TABLES, KeyKeeper, SealingService, SigningKey
from paykeel.sealing.reading import SealReader
from paykeel.sealing.service import SQL
from paykeel.sealing.signing import Signer, make_seed
from paykeel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from paykeel.sealing import ChainReport

FRAUD = TABLES[0]
LOOKBACK_MS = 300_000

_ROWS = """
INSERT INTO fraud_prevention_logs (
    merchant_id, log_id, payment_id, decision, rules, facts, created_at)
SELECT $1, i, gen_random_uuid(), 'allow', '[{"rule": "one", "result": "not"}]',
    '{"ratio": 1.10, "text": "é\\n"}' || jsonb_build_object('amount', n), now()
FROM unnest($2::uuid[]) WITH ORDINALITY AS u (i, n)
"""
_MERCHANT = "INSERT INTO merchants (merchant_id, name, mode) VALUES ($1, 'Harbour Market', $2)"


async def add_merchant(admin: asyncpg.Connection, mode: str = "test") -> UUID:
    """Add a merchant."""
    merchant_id = new_id()
    await admin.execute(_MERCHANT, merchant_id, mode)
    return merchant_id


async def add_rows(
    admin: asyncpg.Connection, merchant_id: UUID, rows: int | Iterable[UUID]
) -> list[UUID]:
    """Add rows to the fraud log, without the payments that they are about; return their ids."""
    ids = sorted(new_id() for _ in range(rows)) if isinstance(rows, int) else list(rows)
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(_ROWS, merchant_id, ids)
    return sorted(ids)


async def tamper(admin: asyncpg.Connection, *statements: str) -> None:
    """Change history as a superuser can: no trigger and no foreign key holds."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            await admin.execute(statement)


@asynccontextmanager
async def sealing(
    url: str, *, batch_rows: int = 10, lookback_ms: int = LOOKBACK_MS
) -> AsyncIterator[SealingService]:
    """Open what a worker seals with."""
    database = await Database.open(url, size=3, wait_ms_max=5_000, statement_ms_max=15_000)
    settings = Settings.model_validate({"database_url": url})
    try:
        yield SealingService(
            database, KeyKeeper(settings, database), lookback_ms=lookback_ms, batch_rows=batch_rows
        )
    finally:
        await database.close()


async def verified(service: SealingService, merchant_id: UUID | None = None) -> ChainReport:
    """Verify, and return the report of the one chain that there is."""
    (report,) = await SealReader(service.database).verify(merchant_id)
    return report


async def leaves(admin: asyncpg.Connection) -> Sequence[asyncpg.Record]:
    """Return which row is sealed by which seal."""
    return await admin.fetch("SELECT row_id, seal_no FROM seal_leaves ORDER BY seal_no, row_id")


class Deadly:
    """A signer that kills its process at a certain signature."""

    def __init__(self, key: Signer, signatures: int) -> None:
        self._key = key
        self._left = signatures
        self.public_key = key.public_key

    def sign(self, data: bytes) -> bytes:
        """Sign, or die."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._key.sign(data)


async def _seal_and_die(url: str, batch_rows: int, signatures: int) -> None:
    signer = Deadly(SigningKey.from_seed(make_seed()), signatures)
    async with sealing(url, batch_rows=batch_rows) as service:
        rows = await service.database.fetch(
            SQL["fraud_due"], **{"after": UUID(int=0), "from": UUID(int=0), "rows_max": 10}
        )
        for row in rows:
            await service.seal_merchant(row["merchant_id"], FRAUD, signer)


if __name__ == "__main__":
    asyncio.run(_seal_and_die(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
