"""Metrics: a summary of a month beside counting its payments, and what measuring costs."""

from __future__ import annotations

import asyncio
import time
from time import perf_counter
from typing import TYPE_CHECKING

import asyncpg

from benchmarks.inprocess import run_callers
from benchmarks.measuring import Cell, Lines, Run, Window, measure, tell
from benchmarks.place import open_core
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.metrics import Asked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from benchmarks.place import Stand

FILL = load("benchmarks", "metering.sql")
GROUP = "metrics"
BATCH_ROWS = 50_000
FILLERS = 2
CALLERS = 64
#: What one payment with its minutes leaves on the disk, the log of the database included.
BYTES_EACH = 1_500
SUMMARY, COUNTING = "summary of 30 days", "counting the payments"
MEASURED, UNMEASURED = "purchases, durations measured", "purchases, durations not measured"


def disk_gb(rows: int) -> float:
    """Return what so many payments need, roughly, with the log that is kept."""
    return rows * BYTES_EACH / 1024**3 + 3


async def fill(stand: Stand, rows: int) -> None:
    """Write ``rows`` payments of the last thirty days with their minutes, and sum them up."""
    began = time.monotonic()
    batches = iter(range(1, rows + 1, BATCH_ROWS))
    async with asyncio.TaskGroup() as group:
        for _ in range(FILLERS):
            group.create_task(_fill_some(stand, rows, batches))
    async with open_core(stand.settings) as core:
        while await core.rollup.roll_up():
            pass
    await stand.run_as_admin(FILL["tidy_metered"])
    tell(f"{rows:,} payments are counted after {time.monotonic() - began:.0f} s")


async def _fill_some(stand: Stand, rows: int, batches: Iterator[int]) -> None:
    """Take one batch after another; foreign keys are not checked meanwhile."""
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
                "rows": rows,
                "first": first,
                "last": last,
            }
            await fetch_on(connection, FILL["fill_metered"], given)
            tell(f"filled {last:,} of {rows:,}")
    finally:
        await connection.close()


async def measure_metrics(
    month: Stand,
    shop: Stand,
    window: Window,
    rounds: int,
    before: Callable[[], Awaitable[None]],
) -> Lines:
    """Measure reading in the database with the month, and purchases in one without."""
    unmeasured = shop.settings.model_copy(update={"metrics_latency": False})
    async with (
        open_core(month.settings) as reader,
        open_core(shop.settings) as core,
        open_core(unmeasured) as other,
    ):

        async def summary() -> None:
            await reader.metrics.summary(month.merchant_id, Asked(since="30d"))

        async def count() -> None:
            await month.run_as_admin(FILL["count_payments"], merchant_id=month.merchant_id)

        whose = [shop.merchant_id]
        return await measure(
            [
                Cell(GROUP, SUMMARY, 1, lambda: _again_and_again(summary, window)),
                Cell(GROUP, COUNTING, 1, lambda: _again_and_again(count, window)),
                Cell(GROUP, MEASURED, CALLERS, lambda: run_callers(core, whose, CALLERS, window)),
                Cell(
                    GROUP, UNMEASURED, CALLERS, lambda: run_callers(other, whose, CALLERS, window)
                ),
            ],
            rounds,
            before,
        )


async def _again_and_again(once: Callable[[], Awaitable[None]], window: Window) -> Run:
    """Time one call after another; the first is not counted, and one is at least."""
    await once()
    took: list[float] = []
    while not took or sum(took) < window.measured_s:
        start = perf_counter()
        await once()
        took.append(perf_counter() - start)
    return Run.of(took, sum(took))
