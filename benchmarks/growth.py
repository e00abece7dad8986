"""Growth: the same with few and with many payments already in the tables."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import asyncpg

from benchmarks.floor import run_pgbench
from benchmarks.inprocess import run_callers
from benchmarks.measuring import Cell, Lines, Run, Window, measure, tell
from benchmarks.place import SQL, open_core
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from benchmarks.place import Stand

    Buy = Callable[[Stand, Window], Awaitable[Run]]

FILL = load("benchmarks", "fill.sql")
BATCH_ROWS = 50_000
FILLERS = 2
CLIENTS, CALLERS = 16, 64
#: What one purchase leaves on the disk, its indexes and the log of the database included.
BYTES_EACH = 5_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many payments are there before it begins."""

    small: int
    large: int

    @property
    def disk_gb(self) -> float:
        """What the larger one needs, roughly, with the log that is kept."""
        return self.large * BYTES_EACH / 1024**3 + 5


def label(what: str, rows: int) -> str:
    """Name a line: what was measured, with how many payments already there."""
    return f"{what}, {rows:,} there"


async def fill(stand: Stand, rows: int) -> None:
    """Write ``rows`` purchases, on two connections, and check that they are there.

    Foreign keys are not checked while filling (``session_replication_role``), and commits do not
    wait for the disk; both for these sessions alone.
    """
    began = time.monotonic()
    before = await _written(stand)
    batches = iter(range(1, rows + 1, BATCH_ROWS))
    async with asyncio.TaskGroup() as group:
        for _ in range(FILLERS):
            group.create_task(_fill_some(stand, rows, batches))
    await stand.run_as_admin(FILL["tidy"])
    after = await _written(stand)
    for name in after:
        expected = rows * 2 if name in {"events", "counted"} else rows
        if after[name] - before[name] != expected:
            message = f"filling left {after[name]:,} {name}"
            raise RuntimeError(message)
    tell(f"{rows:,} payments stand after {time.monotonic() - began:.0f} s")


async def _fill_some(stand: Stand, rows: int, batches: Iterator[int]) -> None:
    """Take one batch after another, as long as there are any."""
    connection = await asyncpg.connect(
        stand.server.url("postgres", stand.name),
        server_settings={
            "session_replication_role": "replica",
            "synchronous_commit": "off",
            "work_mem": "256MB",
        },
    )
    try:
        for first in batches:
            last = min(rows, first + BATCH_ROWS - 1)
            given = {
                "merchant_id": stand.merchant_id,
                "gateway": stand.gateway,
                "body": stand.body,
                "payload": stand.payload,
                "rows": rows,
                "first": first,
                "last": last,
                # Batches side by side count in different rows.
                "slot": first // BATCH_ROWS % 64,
            }
            await fetch_on(connection, FILL["fill"], given)
            tell(f"filled {last:,} of {rows:,}")
    finally:
        await connection.close()


async def _written(stand: Stand) -> dict[str, int]:
    """Count what there is of a purchase's rows."""
    (row,) = await stand.run_as_admin(SQL["written"], merchant_id=stand.merchant_id)
    return dict(row)


async def measure_growth(
    small: Stand,
    large: Stand,
    sizes: Sizes,
    windows: tuple[Window, Window],
    rounds: int,
    before: Callable[[], Awaitable[None]],
) -> Lines:
    """Measure both sizes in turn, each over its own window.

    After a checkpoint, PostgreSQL writes each page whole when it is first touched. With few
    payments all pages have been touched at once; with millions, random keys go on finding new ones
    for most of a minute, and at full load the next checkpoint comes about then. So the large one is
    measured from one checkpoint until about the next. The small one is copied anew for each run,
    or it would not stay small.
    """
    short, long = windows
    return await measure(
        [
            Cell("growth", label(what, rows), callers, run)
            for what, callers, buy in (
                ("in process", CALLERS, _in_process),
                ("floor", CLIENTS, _floor),
            )
            for rows, run in (
                (sizes.small, _on_copy(small, buy, short)),
                (sizes.large, _on(large, buy, long)),
            )
        ],
        rounds,
        before,
    )


async def _in_process(stand: Stand, window: Window) -> Run:
    async with open_core(stand.settings) as core:
        return await run_callers(core, [stand.merchant_id], CALLERS, window)


async def _floor(stand: Stand, window: Window) -> Run:
    return await run_pgbench(stand, CLIENTS, window)


def _on(stand: Stand, buy: Buy, window: Window) -> Callable[[], Awaitable[Run]]:
    """Return a run in a database as it is."""
    return lambda: buy(stand, window)


def _on_copy(stand: Stand, buy: Buy, window: Window) -> Callable[[], Awaitable[Run]]:
    """Return a run in a copy of a database, which goes away afterwards."""

    async def run() -> Run:
        copy = replace(stand, name=f"{stand.name}_copy")
        create = stand.server.create_database_from_template
        await asyncio.to_thread(create, copy.name, stand.name)
        try:
            await copy.checkpoint()
            return await buy(copy, window)
        finally:
            await asyncio.to_thread(stand.server.drop_database, copy.name)

    return run
