"""While the gateway is being asked, no transaction is open and no connection is held."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.gateways.placeholder import PlaceholderGateway
from tests.conftest import order, settings_for
from tests.crash.checks import check_books
from tests.crash.gateways import Holding

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from uuid import UUID

    import asyncpg

    from paykeel import Payment
    from tests.servers import Urls

pytestmark = pytest.mark.crash

CALLS = 50
#: Far fewer than the calls: whoever held one while waiting would leave none for the others.
POOL_SIZE = 2
BUSY = """
SELECT state, query FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'paykeel' AND state <> 'idle'
"""
METHODS = {"complete": "pm_requires_action", "lookup": "pm_lost_response"}


async def open_payments(core: Paykeel, merchant_id: UUID, verb: str) -> list[Payment]:
    """Bring payments to where the verb can be used."""
    request = order(
        payment_method=METHODS.get(verb, "pm_ok"),
        capture_method="manual" if verb in {"capture", "void"} else "automatic",
    )
    return list(
        await asyncio.gather(
            *(
                core.payments.purchase(
                    request, merchant_id=merchant_id, idempotency_key=f"order-{n}"
                )
                for n in range(CALLS)
            )
        )
    )


def use(core: Paykeel, merchant_id: UUID, verb: str, payments: list[Payment]) -> list[Any]:
    """Return calls that each ask the gateway once, by the verb."""
    service = core.payments
    one: Awaitable[Any]
    calls: list[Any] = []
    if verb == "charge":
        return [
            service.purchase(order(), merchant_id=merchant_id, idempotency_key=f"order-{n}")
            for n in range(CALLS)
        ]
    if verb == "lookup":
        return [service.sweep()]
    for payment in payments:
        named: dict[str, Any] = {
            "merchant_id": merchant_id,
            "idempotency_key": f"again-{payment.payment_id}",
        }
        match verb:
            case "capture":
                one = service.capture(payment.payment_id, **named)
            case "void":
                one = service.cancel(payment.payment_id, **named)
            case _:
                named["data"] = {"result": "authenticated"}
                one = service.complete(payment.payment_id, **named)
        calls.append(one)
    return calls


@pytest.mark.parametrize("verb", ["charge", "capture", "void", "complete", "lookup"])
async def test_the_gateway_is_asked_with_empty_hands(
    verb: str, urls: Urls, admin: asyncpg.Connection
) -> None:
    inner = await PlaceholderGateway.open(urls.app)
    gateway = Holding(inner, verb, CALLS)
    settings = settings_for(
        urls,
        pool_size=POOL_SIZE,
        pool_wait_ms_max=1_000,
        gateway_ms_max=20_000,
        recovery_batch_rows=CALLS,
    )
    async with Paykeel.open(settings, gateways=Gateways.of(test=gateway)) as core:
        merchant = await core.merchants.create("Harbour Market", "test")
        merchant_id = merchant.merchant_id
        payments = [] if verb == "charge" else await open_payments(core, merchant_id, verb)
        if verb == "lookup":
            await asyncio.sleep(0.2)
        asking = [asyncio.ensure_future(call) for call in use(core, merchant_id, verb, payments)]
        # Whoever held a connection would keep the fiftieth from ever coming this far.
        await asyncio.wait_for(gateway.full.wait(), 10)
        assert await admin.fetch(BUSY) == []
        pool = core.database._pool
        assert pool.get_idle_size() == pool.get_size()
        for _ in range(CALLS):
            await core.payments.list(merchant_id=merchant_id)
        assert not any(call.done() for call in asking)
        gateway.go_on.set()
        await asyncio.gather(*asking)
        await check_books(core, merchant_id, urls.app)
    await inner.close()
