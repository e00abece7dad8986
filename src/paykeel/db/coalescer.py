"""Sharing the commit: calls that arrive while a statement is in flight leave together as one.

No timer is ever set. A batch leaves on a free lane as soon as turns of the event loop bring no more
calls: at once when there is one caller, and with all of them when the loop is working through many
that came together. Calls that come while every lane is busy form the next batch. Under load one
commit carries many purchases.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from paykeel.errors import DatabaseUnavailable, Overloaded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

K = TypeVar("K", bound="Hashable")
T = TypeVar("T")
R = TypeVar("R")

#: After so many turns of the event loop that brought no call, a batch leaves. A request needs more
#: than one turn from its socket to here.
QUIET_TURNS = 2


@dataclass(slots=True)
class _Lane(Generic[T, R]):
    """What waits for one key, and which lanes are free."""

    free: list[int]
    #: Whether one of them is taking up what arrives.
    gathering: bool = False
    waiting: deque[tuple[T, asyncio.Future[R]]] = field(default_factory=deque)


class Coalescer(Generic[K, T, R]):
    """Runs ``run(key, lane, items)`` for batches of items that share a key.

    ``run`` returns one result for each item, in order. A result that is an exception fails that
    item alone. When ``run`` itself raises, each item is run again alone, so that one bad row never
    harms its neighbours; therefore ``run`` must be repeatable.
    """

    def __init__(
        self,
        run: Callable[[K, int, Sequence[T]], Awaitable[Sequence[R | Exception]]],
        *,
        rows_max: int,
        lanes: int,
        queue_max: int,
    ) -> None:
        """Take the function that runs a batch, and the limits.

        Args:
            run: Called with the key, the lane (0 to ``lanes`` - 1) and at most ``rows_max`` items.
            rows_max: The most items of a batch.
            lanes: How many batches of one key may be in flight at once.
            queue_max: How many items may wait, over all keys; one more is ``Overloaded``.
        """
        self._run = run
        self._rows_max = rows_max
        self._lanes = lanes
        self._queue_max = queue_max
        self._keys: dict[K, _Lane[T, R]] = {}
        self._queued = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, key: K, item: T) -> R:
        """Run ``item`` with whatever else is waiting, and return its result.

        Raises:
            Overloaded: Too much is waiting already.
        """
        if self._queued >= self._queue_max:
            raise Overloaded
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        lane = self._keys.get(key)
        if lane is None:
            lane = self._keys[key] = _Lane(list(range(self._lanes)))
        lane.waiting.append((item, future))
        self._queued += 1
        self._start(key, lane)
        # A caller that goes away does not take back what it asked for: the batch goes on.
        return await future

    def _start(self, key: K, lane: _Lane[T, R]) -> None:
        """Let a free lane take up what waits, unless one does so already."""
        if lane.free and not lane.gathering:
            task = asyncio.create_task(self._drain(key, lane, lane.free.pop()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self, key: K, lane: _Lane[T, R], number: int) -> None:
        """Send batch after batch until nothing waits for this key, or another lane takes it up.

        Only the first is waited for: what came while a batch was in flight leaves at once.
        """
        batch: list[tuple[T, asyncio.Future[R]]] = []
        try:
            await self._gather(lane)
            while lane.waiting and not lane.gathering:
                rows = min(self._rows_max, len(lane.waiting))
                batch = [lane.waiting.popleft() for _ in range(rows)]
                self._queued -= len(batch)
                if lane.waiting:
                    self._start(key, lane)
                await self._send(key, number, batch)
        finally:
            # Also when this task is cancelled: nobody may wait for ever, and no lane may be lost.
            for _, future in batch:
                future.cancel()
            lane.free.append(number)
            if len(lane.free) == self._lanes and not lane.waiting:
                self._keys.pop(key, None)

    async def _gather(self, lane: _Lane[T, R]) -> None:
        """Wait while turns of the event loop bring more, up to a full batch."""
        lane.gathering = True
        try:
            seen = quiet = 0
            while quiet < QUIET_TURNS and len(lane.waiting) < self._rows_max:
                quiet = quiet + 1 if len(lane.waiting) == seen else 0
                seen = len(lane.waiting)
                await asyncio.sleep(0)
        finally:
            lane.gathering = False

    async def _send(self, key: K, number: int, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        """Run one batch, and give each caller its result."""
        try:
            results = await self._run(key, number, [item for item, _ in batch])
            pairs = list(zip(batch, results, strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it was, the rows are tried alone
            await self._one_by_one(key, number, batch, error)
        else:
            for (_, future), result in pairs:
                _resolve(future, result)

    async def _one_by_one(
        self,
        key: K,
        number: int,
        batch: list[tuple[T, asyncio.Future[R]]],
        error: Exception,
    ) -> None:
        """Run each item of a failed batch alone; a batch of one has had its turn.

        Without a database no item would fare better alone, and all would wait for each other.
        """
        if len(batch) == 1 or isinstance(error, DatabaseUnavailable):
            for _, future in batch:
                _resolve(future, error)
            return
        away: DatabaseUnavailable | None = None
        for item, future in batch:
            if away is not None:
                _resolve(future, away)
                continue
            try:
                (result,) = await self._run(key, number, [item])
            except Exception as alone:  # noqa: BLE001 - it belongs to this caller alone
                _resolve(future, alone)
                away = alone if isinstance(alone, DatabaseUnavailable) else None
            else:
                _resolve(future, result)

    async def close(self) -> None:
        """Wait for what is in flight."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _resolve(future: asyncio.Future[R], result: R | Exception) -> None:
    """Give a result to its caller; nobody may be listening any more."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
        # A caller that was cancelled never looks; that must not be reported as a lost exception.
        future.exception()
    else:
        future.set_result(result)
