"""One of two processes is killed right before or right after it asks for a capture or a release."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from paykeel.gateways.placeholder import PlaceholderGateway
from tests.conftest import order
from tests.crash.checks import check_books, claimed, eventually

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.crash.plan import Reply
    from tests.crash.processes import Driver
    from tests.servers import Urls

pytestmark = pytest.mark.crash

DUPLICATES = 5


async def insist(driver: Driver, do: str, merchant: Merchant, payment_id: UUID) -> Reply:
    """Repeat an operation until it has its answer."""
    async with asyncio.timeout(30):
        while True:
            reply = await driver.follow(do, merchant.merchant_id, payment_id, "the-operation")
            if reply.final:
                return reply
            assert reply.status == 202 or reply.error == "idempotency_in_flight"
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("do", "dies_at", "method"),
    [
        ("capture", "capture:before", "pm_ok"),
        ("capture", "capture:after", "pm_capture_lost_response"),
        ("capture", "answer", "pm_capture_5xx_after"),
        ("cancel", "void:before", "pm_void_5xx_before"),
        ("cancel", "void:after", "pm_ok"),
    ],
)
async def test_an_operation_survives_the_process_that_asked_for_it(
    do: str,
    dies_at: str,
    method: str,
    paykeel: Paykeel,
    merchant: Merchant,
    urls: Urls,
    start_driver: StartDriver,
) -> None:
    payment = await paykeel.payments.purchase(
        order(payment_method=method, capture_method="manual"),
        merchant_id=merchant.merchant_id,
        idempotency_key="order-1",
    )
    assert payment.status == "authorized"
    doomed, other = await asyncio.gather(start_driver(dies_at=dies_at), start_driver(worker=True))
    last = asyncio.create_task(
        doomed.follow(do, merchant.merchant_id, payment.payment_id, "the-operation")
    )
    await claimed(urls.app, "the-operation", last)
    replies = await asyncio.gather(
        *(insist(other, do, merchant, payment.payment_id) for _ in range(DUPLICATES))
    )
    assert await doomed.killed()
    assert (await last).error == "died"
    ((status, body),) = {(reply.status, reply.body) for reply in replies}
    assert status == 200

    third = await start_driver()
    again = await third.follow(do, merchant.merchant_id, payment.payment_id, "the-operation")
    assert (again.replayed, again.body) == (True, body)
    ended = await paykeel.payments.get(payment.payment_id, merchant_id=merchant.merchant_id)
    assert ended.status == ("succeeded" if do == "capture" else "canceled")
    assert ended.amount_captured == (payment.amount if do == "capture" else 0)
    gateway = await PlaceholderGateway.open(urls.app)
    kind = "capture" if do == "capture" else "release"
    assert await gateway.movements(payment_id=str(payment.payment_id), kind=kind) == 1
    assert await gateway.movements(payment_id=str(payment.payment_id)) == 2
    await gateway.close()

    async def nothing_is_stuck() -> bool:
        return not await paykeel.payments.stuck(merchant_id=merchant.merchant_id)

    await eventually(nothing_is_stuck)
    await check_books(paykeel, merchant.merchant_id, urls.app)
