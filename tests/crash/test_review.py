"""Two processes decide about payments that are held, and one of them is killed while it does."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Paykeel
from tests.conftest import settings_for
from tests.crash.checks import all_ended, charges_by_amount, check_books, eventually, payments_of
from tests.reviews import hold, make_due

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    import asyncpg

    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.crash.plan import Reply
    from tests.crash.processes import Driver
    from tests.servers import Urls

pytestmark = pytest.mark.crash

JUDGED = {"fraud_default_ruleset": "default", "merchant_cache_ms": 0}
BLOCKED = "SELECT pid FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"
TERMINATE = "SELECT pg_terminate_backend($1)"
#: Approving needs the first of these tables, settling the second, and both others neither.
APPROVING = "LOCK TABLE payment_attempts IN SHARE ROW EXCLUSIVE MODE"
SETTLING = "LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE"
RACES = 12


def document(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "amount": 2_000 + number,
        "currency": "EUR",
        "buyer": {"id": f"agent-{number}", "role": "agent"},
        "payment_method": "pm_ok",
        **changes,
    }


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    async with Paykeel.open(settings_for(urls, **JUDGED)) as core:
        yield core


@pytest.fixture
async def shop(judging: Paykeel, admin: asyncpg.Connection) -> Merchant:
    """A merchant of whom everything over 10.00 is held."""
    shop = await judging.merchants.create("Harbour Market", "test")
    await hold(judging, admin, shop.merchant_id)
    return shop


async def held(driver: Driver, shop: Merchant, number: int, **changes: Any) -> UUID:
    """Purchase, and return the id of what is held."""
    reply = await driver.purchase(shop.merchant_id, f"order-{number}", document(number, **changes))
    assert (reply.status, json.loads(reply.body)["status"]) == (202, "in_review")
    payment_id: UUID = json.loads(reply.body)["id"]
    return payment_id


async def decide(
    driver: Driver, do: str, shop: Merchant, payment_id: UUID, operator: str = "Ada"
) -> Reply:
    return await driver.call(
        do, merchant=str(shop.merchant_id), payment_id=str(payment_id), operator=operator
    )


@pytest.mark.parametrize("step", ["charge:before", "charge:after", "answer"])
async def test_an_approval_survives_the_process_that_took_it(
    step: str,
    judging: Paykeel,
    shop: Merchant,
    admin: asyncpg.Connection,
    urls: Urls,
    start_driver: StartDriver,
) -> None:
    doomed, other = await asyncio.gather(
        start_driver(JUDGED, dies_at=step), start_driver(JUDGED, worker=True)
    )
    payment_id = await held(other, shop, 0)
    assert (await decide(doomed, "approve", shop, payment_id)).error == "died"
    assert await doomed.killed()
    # Who was not told asks again, and is given the payment; recovery finds what was sent.
    assert (await decide(other, "approve", shop, payment_id)).error is None
    assert (await decide(other, "reject", shop, payment_id)).error == "review_decided"
    await eventually(lambda: all_ended(judging, shop.merchant_id))
    reply = await other.purchase(shop.merchant_id, "order-0", document(0))
    assert (reply.status, json.loads(reply.body)["status"]) == (201, "succeeded")
    assert await charges_by_amount(admin) == {2_000: 1}
    await check_books(judging, shop.merchant_id, urls.app)


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "rolled-back"])
@pytest.mark.parametrize("lock", [APPROVING, SETTLING], ids=["approving", "settling"])
async def test_a_process_killed_while_its_statement_runs_loses_nothing(
    lock: str,
    judging: Paykeel,
    shop: Merchant,
    admin: asyncpg.Connection,
    urls: Urls,
    start_driver: StartDriver,
    *,
    committed: bool,
) -> None:
    doomed, other = await asyncio.gather(start_driver(JUDGED), start_driver(JUDGED, worker=True))
    payment_id = await held(other, shop, 0)
    async with admin.transaction():
        await admin.execute(lock)
        call = asyncio.create_task(decide(doomed, "approve", shop, payment_id))

        async def blocked() -> bool:
            return bool(await admin.fetch(BLOCKED))

        await eventually(blocked)
        sessions = await admin.fetch(BLOCKED)
        await doomed.kill()
        if not committed:
            for session in sessions:
                await admin.fetch(TERMINATE, session["pid"])
    assert (await call).error == "died"
    assert (await decide(other, "approve", shop, payment_id)).error is None
    await eventually(lambda: all_ended(judging, shop.merchant_id))
    (payment,) = await payments_of(judging, shop.merchant_id)
    assert payment.status == "succeeded"
    assert await charges_by_amount(admin) == {2_000: 1}
    await check_books(judging, shop.merchant_id, urls.app)


async def test_whoever_decides_first_decides_in_whichever_process(
    judging: Paykeel,
    shop: Merchant,
    admin: asyncpg.Connection,
    urls: Urls,
    start_driver: StartDriver,
) -> None:
    one, two = await asyncio.gather(start_driver(JUDGED), start_driver(JUDGED))
    ids = [await held(one, shop, number) for number in range(RACES)]
    await make_due(admin)

    async def race(payment_id: UUID) -> list[Reply]:
        return await asyncio.gather(
            decide(one, "approve", shop, payment_id, "Ada"),
            decide(two, "approve", shop, payment_id, "Ben"),
            decide(one, "reject", shop, payment_id, "Cid"),
            two.follow("cancel", shop.merchant_id, payment_id, f"cancel-{payment_id}"),
            *([two.call("expire")] if payment_id == ids[RACES // 2] else []),
        )

    replies = [reply for replies in await asyncio.gather(*map(race, ids)) for reply in replies]
    assert {reply.error for reply in replies} <= {None, "review_decided", "illegal_transition"}
    ended = await payments_of(judging, shop.merchant_id)
    assert len(ended) == RACES
    charged = {payment.amount: 1 for payment in ended if payment.status == "succeeded"}
    assert {payment.status for payment in ended} <= {
        "succeeded", "blocked", "canceled", "expired",
    }  # fmt: skip
    assert await charges_by_amount(admin) == charged
    await check_books(judging, shop.merchant_id, urls.app)


async def test_of_two_who_must_both_approve_each_counts_in_whichever_process(
    judging: Paykeel,
    shop: Merchant,
    admin: asyncpg.Connection,
    urls: Urls,
    start_driver: StartDriver,
) -> None:
    one, two = await asyncio.gather(start_driver(JUDGED), start_driver(JUDGED))
    numbers = range(RACES)
    ids = [await held(one, shop, n, amount=700_000 + n) for n in numbers]
    replies = await asyncio.gather(
        *(decide(one, "approve", shop, payment_id, "Ada") for payment_id in ids),
        *(decide(two, "approve", shop, payment_id, name) for payment_id in ids
          for name in ("Ben", "ADA")),
    )  # fmt: skip
    assert {reply.error for reply in replies} <= {
        None, "review_decided", "review_needs_another_person",
    }  # fmt: skip
    assert await charges_by_amount(admin) == {700_000 + n: 1 for n in numbers}
    ended = await payments_of(judging, shop.merchant_id)
    assert {payment.status for payment in ended} == {"succeeded"}
    await check_books(judging, shop.merchant_id, urls.app)
