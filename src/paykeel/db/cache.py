"""What was read and may be trusted for a while."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

#: More than anybody has in use at once; with one more, all are read again.
KEPT_MAX = 10_000


class ReadCache(Generic[K, V]):
    """Keeps what was read; however many ask for a key at the same moment, one reads."""

    def __init__(
        self,
        read: Callable[[K], Awaitable[V]],
        now_s: Callable[[], float],
        *,
        keep_s: float = math.inf,
    ) -> None:
        """Take what reads a key, a clock that only grows, and how long a value may be trusted.

        Args:
            read: Its errors go to everybody who asked, and nothing is kept.
            now_s: In seconds, from any beginning.
            keep_s: From the moment at which reading began; until it is forgotten when left out.
        """
        self._read = read
        self._now_s = now_s
        self._keep_s = keep_s
        self._kept: dict[K, tuple[float, V]] = {}
        self._reading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """Return a key's value, read now or not long ago."""
        kept = self._kept.get(key)
        if kept is not None and self._now_s() < kept[0]:
            return kept[1]
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._fill(key))
        # Who goes away does not take the reading from the others.
        return await asyncio.shield(reading)

    def trusted(self, key: K) -> V | None:
        """Return what `get` would return without reading; ``None``: it would read."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and self._now_s() < kept[0] else None

    def last(self, key: K) -> V | None:
        """Return what was read last, however long ago; ``None``: nothing, as far as is known."""
        kept = self._kept.get(key)
        return None if kept is None else kept[1]

    def forget(self, key: K) -> None:
        """Read again when next asked; what is being read at this moment may be too old already."""
        self._reading.pop(key, None)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept[key] = (-math.inf, kept[1])

    async def _fill(self, key: K) -> V:
        this, began = asyncio.current_task(), self._now_s()
        try:
            value = await self._read(key)
            if self._reading.get(key) is this:
                if len(self._kept) >= KEPT_MAX:
                    self._kept.clear()
                self._kept[key] = (began + self._keep_s, value)
            return value
        finally:
            # Another one may have begun since, because something was changed.
            if self._reading.get(key) is this:
                del self._reading[key]
