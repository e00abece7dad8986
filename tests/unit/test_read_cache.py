"""What was read and may be trusted for a while: one reads for all, and nothing old comes back."""

from __future__ import annotations

import asyncio

import pytest

from paykeel.db.cache import ReadCache


class Shelf:
    """What is read: each reading waits until it is let go, and tells what stood there then."""

    def __init__(self) -> None:
        self.value: int | None = 1
        self.readings = 0
        self.now_s = 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.cache: ReadCache[str, int | None] = ReadCache(self.read, lambda: self.now_s, keep_s=5)

    async def read(self, key: str) -> int | None:
        self.readings += 1
        found = self.value
        await self.open.wait()
        if found == 0:
            raise LookupError(key)
        return found


async def test_one_reads_for_all_who_ask_at_once() -> None:
    shelf = Shelf()
    assert await asyncio.gather(*(shelf.cache.get("a") for _ in range(50))) == [1] * 50
    assert shelf.readings == 1


async def test_it_is_trusted_from_the_beginning_of_its_reading_until_it_is_too_old() -> None:
    shelf = Shelf()
    shelf.open.clear()
    reading = asyncio.create_task(shelf.cache.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    shelf.now_s, shelf.value = 3, 2
    shelf.open.set()
    assert await reading == 1
    shelf.now_s = 4.9
    assert shelf.cache.trusted("a") == await shelf.cache.get("a") == 1
    shelf.now_s = 5
    assert shelf.cache.trusted("a") is None
    assert shelf.cache.last("a") == 1
    assert await shelf.cache.get("a") == 2


async def test_nothing_is_a_value_too() -> None:
    shelf = Shelf()
    shelf.value = None
    assert await shelf.cache.get("a") is None
    assert await shelf.cache.get("a") is None
    assert shelf.readings == 1


async def test_what_was_being_read_when_it_was_forgotten_is_not_kept() -> None:
    shelf = Shelf()
    shelf.open.clear()
    old = asyncio.create_task(shelf.cache.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    shelf.value = 2
    shelf.cache.forget("a")
    new = asyncio.create_task(shelf.cache.get("a"))
    await asyncio.sleep(0)
    shelf.open.set()
    assert (await old, await new) == (1, 2)
    assert await shelf.cache.get("a") == 2
    assert shelf.readings == 2


async def test_an_error_reaches_all_and_is_not_kept() -> None:
    shelf = Shelf()
    shelf.value = 0
    told = await asyncio.gather(*(shelf.cache.get("a") for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [LookupError] * 3
    assert shelf.readings == 1
    shelf.value = 7
    assert await shelf.cache.get("a") == 7


async def test_who_goes_away_does_not_take_the_reading_from_the_others() -> None:
    shelf = Shelf()
    shelf.open.clear()
    first, second = (asyncio.create_task(shelf.cache.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    shelf.open.set()
    assert await second == 1
    assert shelf.readings == 1
