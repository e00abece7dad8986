"""Two processes refund one payment at the same time: never a unit too much, never twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.crash.checks import check_books
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
    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.servers import Urls

pytestmark = pytest.mark.crash

COPIES = 50
AMOUNT = 1_000


async def test_of_fifty_refunds_of_sixty_percent_one_succeeds(
    paykeel: Paykeel, merchant: Merchant, urls: Urls, start_driver: StartDriver
) -> None:
    payment = await bought(paykeel, merchant, AMOUNT)
    drivers = await asyncio.gather(start_driver(), start_driver())
    replies = await asyncio.gather(
        *(ask(drivers[n % 2], payment, f"r-{n}", 600) for n in range(COPIES))
    )
    found = Counter(reply.status or reply.error for reply in replies)
    assert found == {201: 1, "amount_over_refundable": COPIES - 1}
    assert await given_back(urls, merchant.merchant_id) == (1, 600)
    assert (await only_refund(paykeel, merchant.merchant_id)).status == "succeeded"
    now = await paykeel.payments.get(payment.payment_id, merchant_id=merchant.merchant_id)
    assert (now.amount_refunded, now.amount_refund_reserved) == (600, 0)
    # The others had not even a row: the events are those of one refund.
    assert now.version == payment.version + 2
    await check_books(paykeel, merchant.merchant_id, urls.app)


async def test_many_small_refunds_are_together_what_was_captured(
    paykeel: Paykeel, merchant: Merchant, urls: Urls, start_driver: StartDriver
) -> None:
    payment = await bought(paykeel, merchant, AMOUNT)
    drivers = await asyncio.gather(start_driver(worker=True), start_driver(worker=True))
    replies = await asyncio.gather(
        *(insist(drivers[n % 2], payment, f"r-{n}", 30) for n in range(40))
    )
    found = Counter(reply.status or reply.error for reply in replies)
    assert found == {201: 33, "amount_over_refundable": 7}
    assert (await insist(drivers[0], payment, "rest", 10)).status == 201
    assert await given_back(urls, merchant.merchant_id) == (34, AMOUNT)
    now = await paykeel.payments.get(payment.payment_id, merchant_id=merchant.merchant_id)
    assert (now.amount_refunded, now.amount_refund_reserved) == (AMOUNT, 0)
    await check_books(paykeel, merchant.merchant_id, urls.app)


async def test_the_same_refund_asked_for_fifty_times_is_one(
    paykeel: Paykeel, merchant: Merchant, urls: Urls, start_driver: StartDriver
) -> None:
    payment = await bought(paykeel, merchant, AMOUNT)
    drivers = await asyncio.gather(start_driver(), start_driver())
    replies = await asyncio.gather(
        *(ask(drivers[n % 2], payment, "the-refund", 600) for n in range(COPIES))
    )
    assert Counter(reply.status or reply.error for reply in replies) == {201: COPIES}
    assert len({reply.body for reply in replies}) == 1
    assert Counter(reply.replayed for reply in replies) == {True: COPIES - 1, False: 1}
    assert await given_back(urls, merchant.merchant_id) == (1, 600)
    await check_books(paykeel, merchant.merchant_id, urls.app)


async def test_a_refund_approved_in_two_processes_at_once_is_sent_once(
    paykeel: Paykeel, merchant: Merchant, urls: Urls, start_driver: StartDriver
) -> None:
    await paykeel.refund_policies.publish(
        POLICY, merchant_id=merchant.merchant_id, author="Cleo Marsh"
    )
    payment = await bought(paykeel, merchant, AMOUNT)
    drivers = await asyncio.gather(start_driver(), start_driver())
    assert (await ask(drivers[0], payment, "r-1", 600)).status == 202
    asked = await only_refund(paykeel, merchant.merchant_id)
    replies = await asyncio.gather(
        *(
            drivers[n % 2].call(
                "approve_refund", merchant=str(merchant.merchant_id),
                refund_id=str(asked.refund_id), operator="Ben Okafor",
            )
            for n in range(COPIES)
        )
    )  # fmt: skip
    assert {reply.error for reply in replies} == {None}
    assert {reply.value for reply in replies} <= {"pending", "succeeded"}
    done = await refunds_of(paykeel).get(asked.refund_id, merchant_id=merchant.merchant_id)
    assert (done.status, done.approved_by) == ("succeeded", "Ben Okafor")
    assert await given_back(urls, merchant.merchant_id) == (1, 600)
    await check_books(paykeel, merchant.merchant_id, urls.app)
