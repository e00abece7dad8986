"""One of several processes that buy at the same time: ``python -m tests.fraud.driver`` with a plan.

It waits for a line on standard input, so that all begin together, and prints how many of its
purchases got through.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from paykeel import Paykeel, PurchaseRequest, Settings, Signals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NAIVE_COUNT = """
    SELECT count(*) FROM velocity_entries
    WHERE merchant_id = $1 AND key = $2 AND outcome = 'attempted'
"""
LOCK_AND_COUNT = """
    WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock($2::bigint))
    SELECT count(e.key) FROM locked l LEFT JOIN velocity_entries e
        ON e.merchant_id = $1 AND e.key = $2 AND e.outcome = 'attempted'
"""
ENTER = """
    INSERT INTO velocity_entries (merchant_id, key, outcome, occurred_at, payment_id)
    VALUES ($1, $2, 'attempted', clock_timestamp(), gen_random_uuid())
"""
LIMIT = 10


async def buy(plan: dict[str, Any], ready: Callable[[], Awaitable[None]]) -> dict[str, int]:
    """Purchase, so many clients at once, each so many times; count by status or error."""
    chance = random.Random(plan["name"])
    told: dict[str, int] = {}
    merchant_id = UUID(plan["merchant_id"])

    async def client(paykeel: Paykeel, number: int) -> None:
        for turn in range(plan["tries"]):
            await asyncio.sleep(chance.random() * plan.get("pause_s", 0))
            name = f"{plan['name']}-{number}-{turn}"
            pool = [str(one) for one in chance.sample(range(50), 3)]
            mixed = plan.get("mixed", False)
            signals = Signals(
                ip=f"203.0.113.{pool[0]}" if mixed else "203.0.113.9",
                card_fingerprint=f"card-{pool[1]}" if mixed else f"card-{name}",
                velocity_keys={"seat": pool[2]} if mixed else {},
            )
            request = PurchaseRequest(
                amount=1_250,
                currency="EUR",
                buyer_id=f"b-{chance.randrange(50)}" if mixed else "b",
                buyer_role="agent",
                payment_method="pm_ok",
                signals=signals,
            )
            try:
                payment = await paykeel.payments.purchase(
                    request, merchant_id=merchant_id, idempotency_key=name
                )
                said = str(payment.status)
            except Exception as error:  # noqa: BLE001 - it is counted, and the test judges
                said = type(error).__name__
            told[said] = told.get(said, 0) + 1

    async with Paykeel.open(Settings.model_validate(plan["settings"])) as paykeel:
        await ready()
        await asyncio.gather(*(client(paykeel, number) for number in range(plan["clients"])))
    return told


async def naive(plan: dict[str, Any], ready: Callable[[], Awaitable[None]]) -> dict[str, int]:
    """Do as limiters usually do: count, then insert, with or without a lock in one statement."""
    statement = NAIVE_COUNT if plan["mode"] == "naive" else LOCK_AND_COUNT
    merchant_id = UUID(plan["merchant_id"])
    told = {"admitted": 0}
    pool = await asyncpg.create_pool(
        plan["settings"]["database_url"], min_size=plan["clients"], max_size=plan["clients"]
    )

    async def client() -> None:
        for _ in range(plan["tries"]):
            async with pool.acquire() as connection, connection.transaction():
                if await connection.fetchval(statement, merchant_id, 1) < LIMIT:
                    await connection.execute(ENTER, merchant_id, 1)
                    told["admitted"] += 1

    await ready()
    await asyncio.gather(*(client() for _ in range(plan["clients"])))
    await pool.close()
    return told


def tell(line: str) -> None:
    """Write a line for the test."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Read the plan, say that everything is open, wait for the word, and do it."""
    plan = json.loads(sys.stdin.readline())

    async def ready() -> None:
        tell("ready")
        await asyncio.to_thread(sys.stdin.readline)

    run = buy if plan["mode"] == "buy" else naive
    tell(json.dumps(await run(plan, ready)))


if __name__ == "__main__":
    asyncio.run(main())
