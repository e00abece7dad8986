"""A gateway that cannot be asked, or forgets its keys: recovery copes, or refuses to guess."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.gateways.placeholder import PlaceholderGateway, PlaceholderOptions
from paykeel.payments.steps import gateway_reference
from tests.conftest import settings_for
from tests.crash.checks import all_ended, check_books, claimed, eventually, payments_of
from tests.crash.test_kill_purchase import VICTIM, document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.servers import Urls

pytestmark = pytest.mark.crash

LOOKS = 5
QUICK = {"recovery_backoff_ms_max": 100}


@asynccontextmanager
async def opened(urls: Urls, **options: Any) -> AsyncIterator[tuple[Paykeel, PlaceholderGateway]]:
    """Open a Paykeel whose gateway behaves so."""
    gateway = await PlaceholderGateway.open(
        urls.app, PlaceholderOptions(processing_ms_max=200, **options)
    )
    settings = settings_for(urls, **QUICK)
    try:
        async with Paykeel.open(settings, gateways=Gateways.of(test=gateway)) as core:
            yield core, gateway
    finally:
        await gateway.close()


async def sweep_until_stuck(core: Paykeel, merchant: Merchant) -> None:
    """Let recovery look a few times, as the worker would."""

    async def looked_at() -> bool:
        await core.payments.sweep()
        stuck = await core.payments.stuck(merchant_id=merchant.merchant_id, tries_min=LOOKS)
        return len(stuck) == 1

    await eventually(looked_at)


@pytest.mark.parametrize("dies_at", ["charge:before", "charge:after"])
@pytest.mark.parametrize("honour_keys", [True, False], ids=["keys", "no-keys"])
async def test_without_lookup_nothing_is_guessed(
    dies_at: str, merchant: Merchant, urls: Urls, start_driver: StartDriver, *, honour_keys: bool
) -> None:
    doomed = await start_driver(dies_at=dies_at, victim=VICTIM)
    await doomed.purchase(merchant.merchant_id, "order-0", document(0))
    assert await doomed.killed()

    reference = gateway_reference(merchant.merchant_id, "order-0").hex()
    done = 1 if dies_at == "charge:after" else 0
    async with opened(urls, lookup_works=False, honour_keys=honour_keys) as (core, gateway):
        await sweep_until_stuck(core, merchant)
        (payment,) = await payments_of(core, merchant.merchant_id)
        assert payment.status == "processing"
        # Neither failed nor sent again: what nobody can find out is left to a person.
        assert await gateway.calls(reference) == done
        assert await gateway.movements(reference=reference) == done
        (stuck,) = await core.payments.stuck(merchant_id=merchant.merchant_id)
        assert (stuck.operation, stuck.state) == ("charge", "open")
        assert stuck.outcome == "unknown: lookup_unavailable"
        assert stuck.recover_count >= LOOKS
        assert stuck.age_ms > 0

        if done:
            await core.payments.resolve(
                payment.payment_id,
                merchant_id=merchant.merchant_id,
                decision="succeeded",
                operator="Ada Lindqvist",
                evidence="seen in the gateway's own screens",
            )
    if not done:
        # The gateway can be asked again: it says that it never heard of it, and so it is sent.
        async with opened(urls) as (core, _):

            async def ended() -> bool:
                await core.payments.sweep()
                return await all_ended(core, merchant.merchant_id)

            await eventually(ended)
    async with opened(urls) as (core, gateway):
        (payment,) = await payments_of(core, merchant.merchant_id, "succeeded")
        assert await gateway.movements(reference=reference) == 1
        await check_books(core, merchant.merchant_id, urls.app)


@pytest.mark.parametrize("dies_at", ["charge:before", "charge:after"])
async def test_a_gateway_that_forgets_its_keys_is_asked_before_anything_is_sent(
    dies_at: str, paykeel: Paykeel, merchant: Merchant, urls: Urls, start_driver: StartDriver
) -> None:
    forgets = {"honour_keys": False}
    doomed, other = await asyncio.gather(
        start_driver(options=forgets, dies_at=dies_at, victim=VICTIM),
        start_driver(options=forgets, worker=True),
    )
    last = asyncio.create_task(doomed.purchase(merchant.merchant_id, "order-0", document(0)))
    await claimed(urls.app, "order-0", last)
    replies = await asyncio.gather(
        *(other.purchase(merchant.merchant_id, "order-0", document(0)) for _ in range(10))
    )
    assert await doomed.killed()
    assert (await last).error == "died"
    ((status, _),) = {(reply.status, reply.body) for reply in replies}
    assert status == 201
    gateway = await PlaceholderGateway.open(urls.app)
    reference = gateway_reference(merchant.merchant_id, "order-0").hex()
    assert await gateway.movements(reference=reference) == 1
    await gateway.close()
    await check_books(paykeel, merchant.merchant_id, urls.app)
