"""The process that gives money back, or that lets a person approve it, is killed at each step."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.crash.checks import check_books, claimed, eventually
from tests.crash.refunding import (
    POLICY,
    ask,
    bought,
    given_back,
    insist,
    only_refund,
    refunds_of,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.servers import Urls

pytestmark = pytest.mark.crash

AMOUNT, PART = 1_000, 600
DUPLICATES = 5
#: Before anything is written; with the room reserved; when the gateway has acted and nobody has
#: heard; when all is written and only the caller does not know.
STEPS = ("request", "refund:before", "refund:after", "answer")
#: How the placeholder answers, and how it ends.
METHODS = {
    "pm_ok": "succeeded",
    "pm_refund_5xx_before": "succeeded",
    "pm_refund_declined": "failed",
}


async def check_end(
    core: Paykeel, merchant: Merchant, urls: Urls, admin: asyncpg.Connection, ends: str
) -> None:
    """See that it ended as it must, once, and that nothing is left to be watched."""
    back = PART if ends == "succeeded" else 0

    async def is_over() -> bool:
        return (await only_refund(core, merchant.merchant_id)).status == ends

    await eventually(is_over)
    one = await only_refund(core, merchant.merchant_id)
    now = await core.payments.get(one.payment_id, merchant_id=merchant.merchant_id)
    assert (now.amount_refunded, now.amount_refund_reserved) == (back, 0)
    assert await given_back(urls, merchant.merchant_id) == (back // PART, back)
    watched = "SELECT count(*) FROM payment_attempts WHERE state <> 'done'"
    assert await admin.fetchval(watched) == 0
    decided = await refunds_of(core).decisions(one.refund_id, merchant_id=merchant.merchant_id)
    assert len(decided) == (1 if one.approved_by is None else 2)
    kinds = [event.type for event in now.timeline]
    assert kinds.count("payment.refunded") + kinds.count("payment.refund_failed") == 1
    await check_books(core, merchant.merchant_id, urls.app)


@pytest.mark.parametrize("dies_at", STEPS)
@pytest.mark.parametrize("method", METHODS)
async def test_a_refund_survives_the_process_that_was_asked_for_it(
    method: str,
    dies_at: str,
    paykeel: Paykeel,
    merchant: Merchant,
    urls: Urls,
    admin: asyncpg.Connection,
    start_driver: StartDriver,
) -> None:
    payment = await bought(paykeel, merchant, AMOUNT, payment_method=method)
    doomed, other = await asyncio.gather(start_driver(dies_at=dies_at), start_driver(worker=True))
    last = asyncio.create_task(ask(doomed, payment, "the-refund", PART))
    await claimed(urls.app, "the-refund", last)
    replies = await asyncio.gather(
        *(insist(other, payment, "the-refund", PART) for _ in range(DUPLICATES))
    )
    assert await doomed.killed()
    assert (await last).error == "died"
    ((status, body),) = {(reply.status, reply.body) for reply in replies}
    assert status == (201 if METHODS[method] == "succeeded" else 402)
    third = await start_driver()
    again = await ask(third, payment, "the-refund", PART)
    assert (again.replayed, again.body, again.status) == (True, body, status)
    await check_end(paykeel, merchant, urls, admin, METHODS[method])


@pytest.mark.parametrize("dies_at", STEPS)
async def test_a_refund_that_nobody_asks_for_again_ends_all_the_same(
    dies_at: str,
    paykeel: Paykeel,
    merchant: Merchant,
    urls: Urls,
    admin: asyncpg.Connection,
    start_driver: StartDriver,
) -> None:
    """The caller has died with the process; only recovery knows of it."""
    payment = await bought(paykeel, merchant, AMOUNT)
    doomed = await start_driver(dies_at=dies_at)
    assert (await ask(doomed, payment, "the-refund", PART)).error == "died"
    assert await doomed.killed()
    if dies_at == "request":
        found = await refunds_of(paykeel).list(merchant_id=merchant.merchant_id)
        assert found.refunds == ()
        assert await given_back(urls, merchant.merchant_id) == (0, 0)
        return
    one = await only_refund(paykeel, merchant.merchant_id)
    now = await paykeel.payments.get(payment.payment_id, merchant_id=merchant.merchant_id)
    reserved = 0 if dies_at == "answer" else PART
    assert now.amount_refund_reserved == reserved
    assert one.status == ("succeeded" if dies_at == "answer" else "pending")
    await start_driver(worker=True)
    await check_end(paykeel, merchant, urls, admin, "succeeded")


@pytest.mark.parametrize("dies_at", STEPS)
@pytest.mark.parametrize("method", ["pm_ok", "pm_refund_declined"])
async def test_an_approval_survives_the_process_that_was_told(
    method: str,
    dies_at: str,
    paykeel: Paykeel,
    merchant: Merchant,
    urls: Urls,
    admin: asyncpg.Connection,
    start_driver: StartDriver,
) -> None:
    await paykeel.refund_policies.publish(
        POLICY, merchant_id=merchant.merchant_id, author="Cleo Marsh"
    )
    payment = await bought(paykeel, merchant, AMOUNT, payment_method=method)
    doomed, other = await asyncio.gather(start_driver(dies_at=dies_at), start_driver(worker=True))
    assert (await ask(other, payment, "the-refund", PART)).status == 202
    asked = await only_refund(paykeel, merchant.merchant_id)
    words = {
        "merchant": str(merchant.merchant_id),
        "refund_id": str(asked.refund_id),
        "operator": "Ben Okafor",
    }
    last = asyncio.create_task(doomed.call("approve_refund", **words))
    await asyncio.sleep(0.05)
    if dies_at != "request":
        assert await doomed.killed()
        assert (await last).error == "died"
    replies = await asyncio.gather(
        *(other.call("approve_refund", **words) for _ in range(DUPLICATES))
    )
    assert {reply.error for reply in replies} == {None}
    assert await doomed.killed()
    await last
    await check_end(paykeel, merchant, urls, admin, METHODS[method])


@pytest.mark.parametrize("after_ms", [3, 8, 15, 30])
async def test_a_kill_at_any_moment_loses_no_refund_and_doubles_none(
    after_ms: int,
    paykeel: Paykeel,
    merchant: Merchant,
    urls: Urls,
    admin: asyncpg.Connection,
    start_driver: StartDriver,
) -> None:
    """Ten are asked for at once; whoever dies, all ten are given back, once each."""
    payment = await bought(paykeel, merchant, AMOUNT)
    doomed, other = await asyncio.gather(start_driver(), start_driver(worker=True))
    first = [asyncio.create_task(ask(doomed, payment, f"r-{n}", 100)) for n in range(10)]
    await asyncio.sleep(after_ms / 1_000)
    await doomed.kill()
    await asyncio.gather(*first)
    replies = await asyncio.gather(*(insist(other, payment, f"r-{n}", 100) for n in range(10)))
    assert [reply.status for reply in replies] == [201] * 10
    assert await given_back(urls, merchant.merchant_id) == (10, AMOUNT)
    now = await paykeel.payments.get(payment.payment_id, merchant_id=merchant.merchant_id)
    assert (now.amount_refunded, now.amount_refund_reserved) == (AMOUNT, 0)
    assert await admin.fetchval("SELECT count(*) FROM refunds") == 10
    await check_books(paykeel, merchant.merchant_id, urls.app)
