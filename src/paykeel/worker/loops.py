"""Recovery and purge, each in a loop of its own that no failure ends."""

from __future__ import annotations

import asyncio
import random
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
            group.create_task(self._repeat("purge", self.purge, settings.purge_interval_ms))

    async def sweep(self) -> int:
        """Look once at every attempt that is due; return how many were looked at."""
        return await self._core.payments.sweep()

    async def purge(self) -> int:
        """Remove stored answers that are past their time; return how many."""
        return await self._core.idempotency.purge(self._core.settings.answer_retention_days)

    async def _repeat(
        self, name: str, once: Callable[[], Awaitable[int]], interval_ms: int
    ) -> None:
        """Run ``once`` again and again; a full batch is followed at once."""
        while True:
            try:
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
