"""Calls that arrive while a batch is in flight leave as one; nobody waits or fails for another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.db.coalescer import Coalescer
from paykeel.errors import DatabaseUnavailable, Overloaded

POISON = -1
BAD = -2
AWAY = -3


class Batches:
    """Doubles numbers, batch by batch, and remembers the batches; it can be held shut."""

    def __init__(self, *, rows_max: int = 10, lanes: int = 1, queue_max: int = 1_000) -> None:
        self.ran: list[tuple[str, int, list[int]]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.busy: dict[tuple[str, int], int] = {}
        self.coalescer: Coalescer[str, int, int] = Coalescer(
            self._run, rows_max=rows_max, lanes=lanes, queue_max=queue_max
        )

    async def _run(self, key: str, lane: int, items: Sequence[int]) -> list[int | Exception]:
        assert self.busy.setdefault((key, lane), 0) == 0, "a lane runs one batch at a time"
        self.busy[key, lane] += 1
        self.ran.append((key, lane, list(items)))
        try:
            await self.open.wait()
            await asyncio.sleep(0)
            if AWAY in items:
                raise DatabaseUnavailable
            if POISON in items:
                message = f"poison in {len(items)}"
                raise ValueError(message)
            return [LookupError(item) if item == BAD else item * 2 for item in items]
        finally:
            self.busy[key, lane] -= 1

    @property
    def sizes(self) -> list[int]:
        return [len(items) for _, _, items in self.ran]


@asynccontextmanager
async def shut(batches: Batches, key: str = "a") -> AsyncIterator[list[asyncio.Task[int]]]:
    """Hold one batch in flight on every lane while the block runs, then let all through."""
    batches.open.clear()
    tasks = [asyncio.create_task(batches.coalescer.submit(key, 1))]
    await asyncio.sleep(0.001)
    yield tasks
    await asyncio.sleep(0.001)
    batches.open.set()


def submit(batches: Batches, items: Sequence[int], key: str = "a") -> list[asyncio.Task[int]]:
    return [asyncio.create_task(batches.coalescer.submit(key, item)) for item in items]


async def settled(tasks: Sequence[asyncio.Task[int]]) -> list[int | BaseException]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_lone_call_runs_at_once_and_alone() -> None:
    batches = Batches(lanes=2)
    loop = asyncio.get_running_loop()
    for item in range(50):
        started = loop.time()
        assert await batches.coalescer.submit("a", item) == item * 2
        # No timer is ever set: a few turns of the loop, and not a pause.
        assert loop.time() - started < 0.05
    assert batches.sizes == [1] * 50


async def test_a_lone_call_needs_no_pause_of_the_loop() -> None:
    batches = Batches()
    task = asyncio.create_task(batches.coalescer.submit("a", 1))
    for _ in range(10):
        await asyncio.sleep(0)
    assert task.done()


async def test_calls_that_come_in_turns_of_the_loop_close_together_leave_together() -> None:
    batches = Batches(lanes=2, rows_max=4)
    batches.open.clear()
    tasks = []
    for item in range(6):
        tasks.extend(submit(batches, [item]))
        await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    batches.open.set()
    assert await settled(tasks) == [item * 2 for item in range(6)]
    assert batches.sizes == [4, 2]


async def test_calls_that_come_while_a_batch_is_in_flight_leave_together() -> None:
    batches = Batches()
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, range(2, 9)))
    assert await settled(tasks) == [item * 2 for item in range(1, 9)]
    assert batches.sizes == [1, 7]


async def test_a_batch_has_at_most_so_many_rows() -> None:
    batches = Batches(rows_max=3)
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, range(2, 10)))
    assert await settled(tasks) == [item * 2 for item in range(1, 10)]
    assert batches.sizes == [1, 3, 3, 2]


async def test_who_comes_first_leaves_first() -> None:
    batches = Batches(rows_max=3)
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, range(2, 10)))
    await settled(tasks)
    assert [item for _, _, items in batches.ran for item in items] == list(range(1, 10))


async def test_keys_do_not_share_batches_or_wait_for_each_other() -> None:
    batches = Batches()
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, [2, 3], "a"))
        tasks.extend(submit(batches, [4, 5], "b"))
        await asyncio.sleep(0.001)
        assert {key for key, _, _ in batches.ran} == {"a", "b"}
    await settled(tasks)
    assert sorted(batches.ran, key=lambda run: (run[0], run[2])) == [
        ("a", 0, [1]),
        ("a", 0, [2, 3]),
        ("b", 0, [4, 5]),
    ]


async def test_lanes_run_side_by_side() -> None:
    batches = Batches(lanes=2)
    batches.open.clear()
    tasks = []
    for item in range(4):
        tasks.extend(submit(batches, [item]))
        await asyncio.sleep(0.001)
    assert sorted(lane for _, lane, _ in batches.ran) == [0, 1]
    batches.open.set()
    assert await settled(tasks) == [0, 2, 4, 6]


async def test_a_poison_item_fails_alone() -> None:
    batches = Batches()
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, [2, POISON, 3, 4]))
    results = await settled(tasks)
    assert [results[place] for place in (0, 1, 3, 4)] == [2, 4, 6, 8]
    assert isinstance(results[2], ValueError)
    # Its own failure, and not that of the batch.
    assert str(results[2]) == "poison in 1"
    assert batches.sizes == [1, 4, 1, 1, 1, 1]
    assert await batches.coalescer.submit("a", 5) == 10


async def test_a_batch_of_one_is_not_run_twice() -> None:
    batches = Batches()
    with pytest.raises(ValueError, match="poison in 1"):
        await batches.coalescer.submit("a", POISON)
    assert batches.sizes == [1]


async def test_a_result_that_is_an_exception_fails_that_item_alone() -> None:
    batches = Batches()
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, [2, BAD, 3]))
    results = await settled(tasks)
    assert isinstance(results[2], LookupError)
    assert [results[place] for place in (0, 1, 3)] == [2, 4, 6]
    assert batches.sizes == [1, 3]


async def test_without_a_database_all_fail_at_once() -> None:
    batches = Batches()
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, [2, AWAY, 3]))
    results = await settled(tasks)
    assert results[0] == 2
    assert [type(result) for result in results[1:]] == [DatabaseUnavailable] * 3
    # None of them was tried alone: all would have waited for a connection in turn.
    assert batches.sizes == [1, 3]


async def test_a_database_that_goes_away_while_rows_are_tried_alone_fails_the_rest() -> None:
    ran: list[list[int]] = []

    async def run(_key: str, _lane: int, items: Sequence[int]) -> list[int | Exception]:
        ran.append(list(items))
        await asyncio.sleep(0.001)
        if len(items) > 1:
            raise ValueError
        if items == [3]:
            raise DatabaseUnavailable
        return [item * 2 for item in items]

    coalescer: Coalescer[str, int, int] = Coalescer(run, rows_max=10, lanes=1, queue_max=10)
    tasks = [asyncio.create_task(coalescer.submit("a", item)) for item in (2, 3, 4, 5)]
    results = await settled(tasks)
    assert results[0] == 4
    assert [type(result) for result in results[1:]] == [DatabaseUnavailable] * 3
    assert ran == [[2, 3, 4, 5], [2], [3]]


async def test_a_batch_with_too_few_results_leaves_nobody_waiting() -> None:
    async def run(_key: str, _lane: int, items: Sequence[int]) -> list[int | Exception]:
        await asyncio.sleep(0.001)
        return [item * 2 for item in items if item != 3]

    coalescer: Coalescer[str, int, int] = Coalescer(run, rows_max=10, lanes=1, queue_max=10)
    tasks = [asyncio.create_task(coalescer.submit("a", item)) for item in (2, 3, 4)]
    results = await settled(tasks)
    assert (results[0], results[2]) == (4, 8)
    assert isinstance(results[1], ValueError)
    assert await coalescer.submit("a", 5) == 10


async def test_too_many_are_told_to_come_back() -> None:
    batches = Batches(queue_max=3)
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, [2, 3, 4]))
        await asyncio.sleep(0.001)
        for key in ("a", "b"):
            with pytest.raises(Overloaded):
                await batches.coalescer.submit(key, 5)
    assert await settled(tasks) == [2, 4, 6, 8]
    assert await batches.coalescer.submit("a", 6) == 12


async def test_a_caller_that_goes_away_harms_nobody() -> None:
    batches = Batches()
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, [2, 3, 4]))
        await asyncio.sleep(0.001)
        tasks[2].cancel()
        tasks[0].cancel()
    results = await settled(tasks)
    assert [type(results[place]) for place in (0, 2)] == [asyncio.CancelledError] * 2
    assert [results[place] for place in (1, 3)] == [4, 8]
    # What it had asked for is done all the same.
    assert batches.ran[1][2] == [2, 3, 4]


async def test_a_caller_that_goes_away_from_poison_leaves_no_unread_exception() -> None:
    batches = Batches()
    unread: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unread.append(context))
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, [POISON]))
        await asyncio.sleep(0.001)
        tasks[1].cancel()
    await settled(tasks)
    await batches.coalescer.close()
    assert unread == []


async def test_closing_waits_for_what_is_in_flight() -> None:
    batches = Batches()
    async with shut(batches) as tasks:
        tasks.extend(submit(batches, [2, 3]))
    await batches.coalescer.close()
    assert len(batches.ran) == 2
    await asyncio.sleep(0)
    assert all(task.done() for task in tasks)


async def test_a_key_that_is_idle_is_forgotten() -> None:
    batches = Batches(lanes=2)
    await asyncio.gather(*(batches.coalescer.submit(str(key), key) for key in range(100)))
    await batches.coalescer.close()
    assert batches.coalescer._keys == {}
    assert batches.coalescer._queued == 0


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 9) | st.sampled_from([POISON, BAD])),
        max_size=40,
    ),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 2),
)
def test_the_result_is_that_of_one_at_a_time(
    calls: list[tuple[str, int]], rows_max: int, lanes: int, pause: int
) -> None:
    def expected(item: int) -> object:
        return {POISON: ValueError, BAD: LookupError}.get(item, item * 2)

    async def run() -> list[int | BaseException]:
        batches = Batches(rows_max=rows_max, lanes=lanes)
        tasks = []
        for place, (key, item) in enumerate(calls):
            tasks.extend(submit(batches, [item], key))
            if pause and place % 3 == 0:
                await asyncio.sleep(0)
        results = await settled(tasks)
        ran = Counter((key, item) for key, _, items in batches.ran for item in items)
        assert not Counter(calls) - ran
        assert max(batches.sizes, default=0) <= rows_max
        await batches.coalescer.close()
        return results

    results = asyncio.run(run())
    shown = [type(result) if isinstance(result, Exception) else result for result in results]
    assert shown == [expected(item) for _, item in calls]
