"""How long a caller listens, and what becomes of what it does not hear."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from paykeel.db.pool import LOST
from paykeel.errors import DatabaseUnavailable
from paykeel.gateways.port import Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

#: After any of these nobody knows what the books did. asyncpg raises the last of them on a
#: connection that was cut while it was being made.
BROKEN = (*LOST, asyncpg.InternalClientError)


class Deadline:
    """How long a caller goes on listening."""

    def __init__(self, ms: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._ends = self._started + ms / 1000

    def left_s(self) -> float:
        """Return how many seconds are left, never less than none."""
        return max(0.0, self._ends - self._loop.time())

    async def sleep(self, ms: float) -> bool:
        """Sleep for so long; false means that the deadline came first."""
        left_s = self.left_s()
        await asyncio.sleep(min(ms / 1000, left_s))
        return ms / 1000 < left_s

    async def sleep_since_start(self, ms: int) -> bool:
        """Sleep until so long after the start; false means that the deadline came first."""
        left_ms = ms - (self._loop.time() - self._started) * 1000
        return left_ms <= 0 or await self.sleep(left_ms)


async def listen(deadline: Deadline, call: Awaitable[T]) -> T | Unknown:
    """Wait for the books until the deadline; what becomes of them afterwards is not known."""
    try:
        async with asyncio.timeout(deadline.left_s()):
            return await call
    except TimeoutError:
        return Unknown("timeout")
    except (DatabaseUnavailable, *BROKEN, asyncpg.PostgresError):
        return Unknown("connection_lost")
