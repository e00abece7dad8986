"""Recovery, reviews, purge, alerts and sealing, each in a loop of its own that no failure ends."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from paykeel.core import Core

log = structlog.get_logger("paykeel.worker")


class Worker:
    """Runs the loops until it is cancelled. Any number of workers share the load safely."""

    def __init__(self, core: Core) -> None:
        """Take the core."""
        self._core = core

    async def run(self) -> None:
        """Run every loop until cancelled."""
        settings = self._core.settings
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat("recovery", self.sweep, settings.recovery_interval_ms))
            group.create_task(
                self._repeat("notices", self.sweep_notices, settings.recovery_interval_ms)
            )
            group.create_task(
                self._repeat("reviews", self.expire_reviews, settings.recovery_interval_ms)
            )
            group.create_task(self._repeat("purge", self.purge, settings.purge_interval_ms))
            group.create_task(
                self._repeat("velocity", self.purge_velocity, settings.purge_interval_ms)
            )
            group.create_task(self._repeat("lists", self.purge_lists, settings.purge_interval_ms))
            group.create_task(self._repeat("alerts", self.watch, settings.fraud_alert_interval_ms))
            group.create_task(
                self._repeat(
                    "metric alerts", self.watch_metrics, settings.metrics_alert_interval_ms
                )
            )
            group.create_task(
                self._repeat("rollup", self.roll_up, settings.metrics_rollup_interval_ms)
            )
            group.create_task(
                self._repeat("metrics", self.purge_metrics, settings.purge_interval_ms)
            )
            group.create_task(self._repeat("seal", self.seal, settings.sealing_interval_ms))
            # Each in a loop of its own, so that none waits for another that is down.
            for sink in self._core.metric_sinks.options.fed:
                once = partial(self.feed, sink)
                interval_ms = settings.metrics_sink_interval_ms
                group.create_task(self._repeat(f"sink {sink}", once, interval_ms))

    async def sweep(self) -> int:
        """Look once at every attempt that is due; return how many were looked at."""
        return await self._core.payments.sweep()

    async def sweep_notices(self) -> int:
        """Look once at every refund of which a gateway told and that is not booked yet."""
        return await self._core.refunds.sweep()

    async def expire_reviews(self) -> int:
        """End the payments that nobody reviewed in time; return how many it was."""
        return await self._core.reviews.expire_overdue()

    async def purge(self) -> int:
        """Remove stored answers that are past their time; return how many."""
        return await self._core.idempotency.purge(self._core.settings.answer_retention_days)

    async def purge_velocity(self) -> int:
        """Remove what no window of fraud prevention reaches back to any more; return how much."""
        return await self._core.fraud.purge()

    async def purge_lists(self) -> int:
        """Remove what has expired from the lists of fraud prevention; return how many."""
        return await self._core.fraud_lists.purge()

    async def watch(self) -> int:
        """Find and count alerts once; a full batch, as long as some of the past waits."""
        return self._core.settings.recovery_batch_rows if await self._core.alerts.look() else 0

    async def watch_metrics(self) -> int:
        """Look once whether a metric is an alert; a pass looks at everything."""
        await self._core.metric_alerts.look()
        return 0

    async def roll_up(self) -> int:
        """Sum up the hours and days that are over; a full batch, as long as some of them wait."""
        return self._core.settings.recovery_batch_rows if await self._core.rollup.roll_up() else 0

    async def purge_metrics(self) -> int:
        """Remove minutes and hours of metrics that are past their time."""
        await self._core.rollup.purge()
        return 0

    async def feed(self, sink: str) -> int:
        """Send to one sink what is ready; a full batch, as long as more is."""
        more = await self._core.metric_sinks.run_once(sink)
        return self._core.settings.recovery_batch_rows if more else 0

    async def seal(self) -> int:
        """Seal what is new; a pass leaves nothing over, so none has to follow at once."""
        await self._core.sealing.seal_all()
        return 0

    async def _repeat(
        self, name: str, once: Callable[[], Awaitable[int]], interval_ms: int
    ) -> None:
        """Run ``once`` again and again; a full batch is followed at once."""
        while True:
            try:
                # What a pass writes is dated by the database's clock, however long this machine
                # was suspended since it last heard of it.
                await self._core.database.read_clock()
                done = await once()
            except Exception as error:  # noqa: BLE001 - the loop outlives whatever it was
                log.warning("worker.failed", loop=name, error=repr(error))
                done = 0
            full = done >= self._core.settings.recovery_batch_rows
            # Jitter keeps several workers from coming at the same moment.
            pause_ms = (
                1 if full else interval_ms - (interval_ms // 2 * random.getrandbits(16) >> 16)
            )
            await asyncio.sleep(pause_ms / 1000)
