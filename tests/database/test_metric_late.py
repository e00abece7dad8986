"""Each statement that counts says when it counts in an hour that was summed up already."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from tests.conftest import settings_for
from tests.database.helpers import audited, buy
from tests.database.metric_books import DAY, marks, sum_up
from tests.database.refunding import refund, refunds_of, waiting
from tests.reviews import approve, hold, reject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls

SLOW = "pm_slow_800"
OTHER_EYES = "Ben Okafor"


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    settings = settings_for(
        urls, fraud_default_ruleset="default", merchant_cache_ms=0, gateway_ms_max=5_000
    )
    async with Paykeel.open(settings) as core:
        yield core


@pytest.fixture
async def shop(judging: Paykeel, admin: asyncpg.Connection) -> Merchant:
    """A merchant of whom everything over 10.00 is held."""
    shop = await judging.merchants.create("Harbour Market", "test")
    await hold(judging, admin, shop.merchant_id)
    return shop


class Books:
    """A merchant of whom the present hour is summed up, again and again."""

    def __init__(self, paykeel: Paykeel, admin: asyncpg.Connection, merchant: Merchant) -> None:
        self.paykeel, self.admin, self.merchant_id = paykeel, admin, merchant.merchant_id

    async def close(self) -> None:
        """Sum up everything, what comes within the next day included."""
        await sum_up(self.paykeel, datetime.now(UTC) + 2 * DAY)
        assert (await marks(self.admin, self.merchant_id))["late_from"] is None

    async def wait_for(self, event: str) -> None:
        """Wait until something has happened that is counted."""
        for _ in range(300):
            if await self.admin.fetchval(
                "SELECT count(*) FROM payment_events WHERE type = $1", event
            ):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(event)

    async def check_late(self) -> None:
        """See that the present hour waits to be summed up anew, and is right afterwards."""
        assert (await marks(self.admin, self.merchant_id))["late_from"] is not None
        await audited(self.paykeel)
        await self.close()
        await audited(self.paykeel)


async def test_opening_and_settling(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    books = Books(judging, admin, shop)
    await buy(judging, shop, "first", amount=900)
    await books.close()
    buying = asyncio.create_task(
        buy(judging, shop, "late", amount=901, payment_method=SLOW, buyer_id="agent-8")
    )
    for _ in range(300):
        if await admin.fetchval("SELECT count(*) FROM payments") == 2:
            break
        await asyncio.sleep(0.01)
    await books.check_late()
    assert (await buying).status == "succeeded"
    await books.check_late()


async def test_asking_for_a_refund_and_deciding_about_it(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    books = Books(paykeel, admin, merchant)
    payment, asked = await waiting(paykeel, merchant)
    await books.close()
    await refund(paykeel, payment, "r-2", 100)
    await books.check_late()
    await refunds_of(paykeel).reject(
        asked.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES
    )
    await books.check_late()


async def test_approving_and_rejecting_what_was_held(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    books = Books(judging, admin, shop)
    held = [
        await buy(judging, shop, f"held-{n}", amount=5_000, payment_method=SLOW, buyer_id=f"b-{n}")
        for n in range(2)
    ]
    assert [payment.status for payment in held] == ["in_review", "in_review"]
    await books.close()
    await reject(judging, held[0])
    await books.check_late()
    approving = asyncio.ensure_future(approve(judging, held[1]))
    await books.wait_for("payment.approved")
    await books.check_late()
    await approving
