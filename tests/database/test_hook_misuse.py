"""What a completion hook may do wrong, and what must hold all the same."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import CompletionHook, Paykeel, Payment, Status
from paykeel.errors import OutcomeUnknown
from tests.conftest import order, settings_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.servers import Urls


async def swallows_an_sql_error(connection: Any, _payment: Payment) -> None:
    with contextlib.suppress(Exception):
        await connection.execute("SELECT 1 / 0")


async def rolls_back(connection: Any, _payment: Payment) -> None:
    await connection.execute("ROLLBACK")


async def raises(_connection: Any, _payment: Payment) -> None:
    raise ValueError


async def raises_cancelled(_connection: Any, _payment: Payment) -> None:
    raise asyncio.CancelledError


async def never_ends(_connection: Any, _payment: Payment) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "run", [swallows_an_sql_error, rolls_back, raises, raises_cancelled, never_ends]
)
async def test_nothing_is_said_to_be_done_that_is_not_stored(
    urls: Urls, run: Callable[[Any, Payment], Awaitable[None]]
) -> None:
    broken = {"on": True}

    async def hook(connection: Any, payment: Payment) -> None:
        if broken["on"]:
            await run(connection, payment)

    settings = settings_for(urls, completion_hook_ms_max=300)
    async with Paykeel.open(settings, completion_hook=CompletionHook("shop", hook)) as paykeel:
        merchant = (await paykeel.merchants.create("Harbour Market")).merchant_id
        for number in range(4):  # More than there are lanes: none of them may get lost.
            with pytest.raises(OutcomeUnknown):
                await paykeel.payments.purchase(
                    order(), merchant_id=merchant, idempotency_key=f"order-{number}"
                )
        declined = await paykeel.payments.purchase(
            order(payment_method="pm_card_declined"),
            merchant_id=merchant,
            idempotency_key="declined",
        )
        assert declined.status is Status.FAILED
        (stuck, *_) = await paykeel.payments.stuck(merchant_id=merchant, tries_min=0)
        assert stuck.outcome is not None
        assert stuck.outcome.startswith("completion hook failed: ")

        # Mended, recovery completes them, and nothing is charged again.
        broken["on"] = False
        async with asyncio.timeout(20):
            while len(done := await succeeded(paykeel, merchant)) < 4:
                await paykeel.payments.sweep()
                await asyncio.sleep(0.05)
        assert sum(done) == 4 * order().amount
        assert (await paykeel.auditor.audit()).clean


async def succeeded(paykeel: Paykeel, merchant: Any) -> list[int]:
    page = await paykeel.payments.list(merchant_id=merchant)
    return [p.amount_captured for p in page.payments if p.status is Status.SUCCEEDED]


async def test_what_a_hook_sets_for_its_session_reaches_nobody_else(urls: Urls) -> None:
    async def hook(connection: Any, _payment: Payment) -> None:
        await connection.execute("SET search_path = pg_catalog")

    settings = settings_for(urls, pool_size=2)
    async with Paykeel.open(settings, completion_hook=CompletionHook("shop", hook)) as paykeel:
        merchant = (await paykeel.merchants.create("Harbour Market")).merchant_id
        for number in range(6):
            payment = await paykeel.payments.purchase(
                order(), merchant_id=merchant, idempotency_key=f"order-{number}"
            )
            assert payment.status is Status.SUCCEEDED
