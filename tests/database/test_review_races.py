"""Two who decide at the same moment, each waiting for the same row: one after the other counts."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from tests.conftest import settings_for
from tests.database.helpers import again, audited, buy, moved
from tests.reviews import DEAR, approve, cancel, code_of, hold, make_due, reject, review_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    import asyncpg

    from paykeel import Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
ENDS = {"approve": "succeeded", "reject": "blocked", "cancel": "canceled"}


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as core:
        yield core


@pytest.fixture
async def shop(judging: Paykeel, admin: asyncpg.Connection) -> Merchant:
    """A merchant of whom everything over 10.00 is held."""
    shop = await judging.merchants.create("Harbour Market", "test")
    await hold(judging, admin, shop.merchant_id)
    return shop


async def at_once(
    admin: asyncpg.Connection, payment: Payment, *calls: Awaitable[object]
) -> list[str | None]:
    """Let the calls begin one after another while the review is locked; return their refusals."""
    tasks = []
    async with admin.transaction():
        await admin.execute(
            "SELECT FROM fraud_reviews WHERE payment_id = $1 FOR UPDATE", payment.payment_id
        )
        for number, call in enumerate(calls, 1):
            tasks.append(asyncio.create_task(code_of(call)))
            for _ in range(500):
                # Within a transaction it would show again what it showed at first.
                await admin.execute("SELECT pg_stat_clear_snapshot()")
                if await admin.fetchval(WAITING) == number:
                    break
                await asyncio.sleep(0.01)
            else:
                raise AssertionError("it did not come to wait")
    return list(await asyncio.gather(*tasks))


async def test_of_two_who_both_must_approve_each_counts_the_other(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop, amount=DEAR)
    async with Paykeel.open(judging.settings) as other:
        calls = (approve(judging, payment, "Ada"), approve(other, payment, "Ben"))
        assert await at_once(admin, payment, *calls) == [None, None]
    assert await review_of(admin, payment) == ("approved", 2, True)
    assert (await again(judging, payment)).status == "succeeded"
    assert await moved(judging, payment) == 1
    await audited(judging)


async def test_one_person_does_not_count_twice_at_the_same_moment(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop, amount=DEAR)
    calls = (approve(judging, payment, "Ada"), approve(judging, payment, "ADA"))
    assert await at_once(admin, payment, *calls) == [None, "review_needs_another_person"]
    assert await review_of(admin, payment) == ("open", 1, False)
    assert await moved(judging, payment) == 0


@pytest.mark.parametrize(("first", "second"), list(product(ENDS, ENDS)))
async def test_the_first_of_two_decides(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection, first: str, second: str
) -> None:
    payment = await buy(judging, shop)

    def call(core: Paykeel, verb: str, operator: str) -> Awaitable[object]:
        if verb == "cancel":
            return cancel(core, payment, f"cancel-{operator}")
        return (approve if verb == "approve" else reject)(core, payment, operator)

    async with Paykeel.open(judging.settings) as other:
        refusals = await at_once(
            admin, payment, call(judging, first, "Ada"), call(other, second, "Ben")
        )
    late = "illegal_transition" if second == "cancel" else "review_decided"
    assert refusals == [None, late]
    ended = await again(judging, payment)
    assert ended.status == ENDS[first]
    assert await moved(judging, payment) == (1 if first == "approve" else 0)
    await audited(judging)


async def test_the_reaper_passes_over_what_somebody_decides(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop)
    await make_due(admin)
    async with admin.transaction():
        await admin.execute(
            "SELECT FROM fraud_reviews WHERE payment_id = $1 FOR UPDATE", payment.payment_id
        )
        assert await judging.reviews.expire_overdue() == 0
    assert await judging.reviews.expire_overdue() == 1
    assert (await again(judging, payment)).status == "expired"
