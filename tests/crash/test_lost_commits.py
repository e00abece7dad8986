"""Acknowledged commits are lost under load, as in an asynchronous failover; nothing is doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel.metrics.histogram import BOUNDS_US
from tests.crash.checks import all_ended, charges_by_amount, check_books, eventually, payments_of

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.crash.processes import Driver
    from tests.servers import Urls

pytestmark = [pytest.mark.crash, pytest.mark.serial]

FORGET = Path(__file__).with_name("lost_commits.sql").read_text(encoding="utf-8")
SINCE = "SELECT clock_timestamp() - interval '400 milliseconds'"
COUNT = "SELECT count(*) FROM payments"
KEYS = 480
CALLERS = 32
#: How long the gateway takes, so that at any moment most callers are in the middle of it.
LATENCY_MS = 80
LOSSES = 3
#: A caller whose connection broke since then does not know, and asks again.
ASKED_AGAIN = 200


def document(amount: int) -> dict[str, Any]:
    return {
        "amount": amount,
        "currency": "EUR",
        "buyer": {"id": "agent-1", "role": "agent"},
        "payment_method": "pm_ok" if amount % 7 else "pm_insufficient_funds",
    }


async def forget(admin: asyncpg.Connection) -> int:
    """Lose the last 400 ms; return how many payments are gone altogether."""
    while True:
        try:
            async with admin.transaction():
                since = await admin.fetchval(SINCE)
                before = await admin.fetchval(COUNT)
                script = FORGET.replace("$bounds", ",".join(map(str, BOUNDS_US)))
                await admin.execute(script.replace("$since", since.isoformat()))
                return int(before - await admin.fetchval(COUNT))
        except asyncpg.DeadlockDetectedError:
            # A session that connected in between was in the way; the locks are taken anew.
            continue


@dataclass
class Load:
    """Callers who buy under one key after the other, in either process."""

    merchant_id: UUID
    drivers: tuple[Driver, Driver]
    queue: list[int] = field(default_factory=lambda: list(range(1_000, 1_000 + KEYS)))
    answered: list[int] = field(default_factory=list)
    unexpected: Counter[str] = field(default_factory=Counter)
    tries_max: int = 100

    async def caller(self, number: int) -> None:
        while self.queue:
            amount = self.queue.pop(0)
            await self.insist(amount, number)
            self.answered.append(amount)

    async def insist(self, amount: int, first: int = 0) -> str | None:
        """Repeat a purchase under its key until it has its answer; return its body."""
        for turn in range(self.tries_max):
            driver = self.drivers[(first + turn) % 2]
            reply = await driver.purchase(self.merchant_id, f"order-{amount}", document(amount))
            if reply.final:
                return reply.body
            if reply.error not in {
                None, "database_unavailable", "outcome_unknown", "idempotency_in_flight",
            }:  # fmt: skip
                self.unexpected[str(reply.error)] += 1
            await asyncio.sleep(0.05)
        return None

    async def run(self, admin: asyncpg.Connection) -> int:
        """Buy everything while commits are lost; return how many payments were forgotten."""
        callers = [asyncio.create_task(self.caller(number)) for number in range(CALLERS)]
        forgotten = 0
        for _ in range(LOSSES):
            await asyncio.sleep(0.5)
            forgotten += await forget(admin)
            # What was answered a moment ago may be lost: whoever is not sure repeats it.
            self.queue.extend(self.answered[-ASKED_AGAIN:])
        await asyncio.gather(*callers)
        return forgotten


async def test_forgotten_commits_double_nothing(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    urls: Urls,
    start_driver: StartDriver,
) -> None:
    options = {"latency_ms": LATENCY_MS}
    drivers = await asyncio.gather(
        start_driver(options=options, worker=True), start_driver(options=options, worker=True)
    )
    load = Load(merchant.merchant_id, (drivers[0], drivers[1]))
    forgotten = await load.run(admin)
    # Everybody asks once more at the end, and is told the same by both processes.
    amounts = sorted(set(load.answered))
    said = [await asyncio.gather(*(load.insist(a, n) for a in amounts)) for n in (0, 1)]

    print(f"of {KEYS} payments {forgotten} forgotten, none charged twice")  # noqa: T201
    assert load.unexpected == Counter()
    assert forgotten > 0
    assert len(amounts) == KEYS
    assert None not in said[0]
    assert said[0] == said[1]
    await eventually(lambda: all_ended(paykeel, merchant.merchant_id))
    assert await charges_by_amount(admin) == {amount: 1 for amount in amounts if amount % 7}
    assert len(await payments_of(paykeel, merchant.merchant_id)) == KEYS
    await check_books(paykeel, merchant.merchant_id, urls.app)


async def test_an_adapter_that_ignores_our_reference_doubles_charges(
    merchant: Merchant, admin: asyncpg.Connection, start_driver: StartDriver
) -> None:
    """The control: under the same load, it is the derived reference that makes the difference."""
    plan: dict[str, Any] = {
        "options": {"latency_ms": LATENCY_MS},
        "settings": {"duplicate_wait_ms_max": 0},
        "gateway": "forgetful",
        "worker": True,
    }
    drivers = await asyncio.gather(start_driver(**plan), start_driver(**plan))
    # What such an adapter leaves in the dark stays there: nobody insists for long.
    load = Load(merchant.merchant_id, (drivers[0], drivers[1]), tries_max=20)
    forgotten = await load.run(admin)
    charges = await charges_by_amount(admin)
    doubled = [amount for amount, count in charges.items() if count > 1]
    print(f"of {KEYS} payments {forgotten} forgotten, {len(doubled)} charged twice")  # noqa: T201
    assert forgotten > 0
    assert doubled
