"""Two workers sweep at the same time, and no attempt is looked at by both at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.conftest import order
from tests.crash.checks import all_ended, check_books, payments_of

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.crash.processes import Driver
    from tests.servers import Urls

pytestmark = pytest.mark.crash

DUE = 60
#: Not all at once, so that both have something to do.
SETTINGS = {"recovery_batch_rows": 40}


async def test_two_workers_share_what_is_due(
    paykeel: Paykeel, merchant: Merchant, urls: Urls, start_driver: StartDriver
) -> None:
    """Half is pending at the gateway while they look, so that the same is due again and again."""
    methods = ("pm_lost_response", "pm_pending_then_succeeded_900")
    payments = await asyncio.gather(
        *(
            paykeel.payments.purchase(
                order(payment_method=methods[n % 2], amount=1_000 + n),
                merchant_id=merchant.merchant_id,
                idempotency_key=f"order-{n}",
            )
            for n in range(DUE)
        )
    )
    assert {payment.status for payment in payments} == {"processing"}
    workers = await asyncio.gather(*(start_driver(SETTINGS, gateway="recording") for _ in range(2)))

    async def sweep(worker: Driver) -> None:
        """Sweep again and again, at this worker's own pace."""
        while not await all_ended(paykeel, merchant.merchant_id):
            assert (await worker.call("sweep")).error is None

    await asyncio.wait_for(asyncio.gather(*map(sweep, workers)), 30)
    looks = [(await worker.call("looks")).value for worker in workers]
    assert all(len({reference for reference, _, _ in mine}) > DUE // 10 for mine in looks)
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for reference, began, ended in (look for mine in looks for look in mine):
        spans[reference].append((began, ended))
    assert len(spans) == DUE
    overlaps = [
        reference
        for reference, times in spans.items()
        for (_, ended), (began, _) in pairwise(sorted(times))
        if began < ended
    ]
    assert overlaps == []
    for payment in await payments_of(paykeel, merchant.merchant_id):
        events = await paykeel.payments.events(payment.payment_id, merchant_id=merchant.merchant_id)
        assert [event.to_status for event in events] == ["pending", "processing", "succeeded"]
    await check_books(paykeel, merchant.merchant_id, urls.app)
