"""The application's own rows commit with the payment or not at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import CompletionHook, Paykeel, Payment
from paykeel.errors import Misconfigured, OutcomeUnknown
from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.gateways.port import Declined, DeclineReason, Notice, Succeeded
from paykeel.payments.steps import gateway_reference
from tests.conftest import order, settings_for
from tests.crash.checks import all_ended, check_books, eventually, payments_of
from tests.crash.driver import HOOK, ORDER

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.servers import Urls

pytestmark = pytest.mark.crash

PAYMENTS = 10
COPIES = 5
COUNTS = "SELECT payment_id, count(*) AS rows FROM shop_orders GROUP BY payment_id"


class Shop:
    """Writes a row for each completed purchase, and fails as often as it is told to."""

    def __init__(self, fails: int, amount: int) -> None:
        self._fails = fails
        self._amount = amount

    async def run(self, connection: Any, payment: Payment) -> None:
        await connection.execute(ORDER, payment.payment_id, payment.amount)
        if payment.amount == self._amount and self._fails:
            self._fails -= 1
            raise LookupError("the shop has no such basket")


async def ordered(admin: asyncpg.Connection) -> dict[UUID, int]:
    return {row["payment_id"]: row["rows"] for row in await admin.fetch(COUNTS)}


async def test_a_hook_that_raises_leaves_no_row_and_harms_no_neighbour(
    merchant: Merchant, admin: asyncpg.Connection, urls: Urls, shop_orders: None
) -> None:
    # In its batch, alone, and once more in recovery.
    hook = CompletionHook(HOOK, Shop(3, 1_005).run)
    async with Paykeel.open(settings_for(urls), completion_hook=hook) as core:
        results = await asyncio.gather(
            *(
                core.payments.purchase(
                    order(amount=1_000 + n),
                    merchant_id=merchant.merchant_id,
                    idempotency_key=f"order-{n}",
                )
                for n in range(10)
            ),
            return_exceptions=True,
        )
        failed = [result for result in results if isinstance(result, BaseException)]
        assert [type(error) for error in failed] == [OutcomeUnknown]
        (payment,) = await payments_of(core, merchant.merchant_id, "pending")
        assert payment.amount == 1_005
        rows = await ordered(admin)
        assert len(rows) == 9
        assert set(rows.values()) == {1}
        assert payment.payment_id not in rows

        async def ended() -> bool:
            await core.payments.sweep()
            return await all_ended(core, merchant.merchant_id)

        await eventually(ended)
        rows = await ordered(admin)
        good = await payments_of(core, merchant.merchant_id, "succeeded")
        assert rows == {payment.payment_id: 1 for payment in good}
        assert len(good) == 10
        await check_books(core, merchant.merchant_id, urls.app)


async def test_news_that_comes_several_times_at_once_takes_effect_once(
    merchant: Merchant, admin: asyncpg.Connection, urls: Urls, shop_orders: None
) -> None:
    """All in one process and contradicting itself, so that several moves want one statement."""
    merchant_id = merchant.merchant_id
    hook = CompletionHook(HOOK, Shop(0, 0).run)
    settings = settings_for(urls, batch_lanes=1)
    async with Paykeel.open(settings, completion_hook=hook) as core:
        payments = await asyncio.gather(
            *(
                core.payments.purchase(
                    order(amount=1_000 + n, payment_method="pm_lost_response"),
                    merchant_id=merchant_id,
                    idempotency_key=f"order-{n}",
                )
                for n in range(PAYMENTS)
            )
        )
        assert {payment.status for payment in payments} == {"processing"}
        declined = Declined(DeclineReason.CARD_DECLINED)
        told = await asyncio.gather(
            *(
                core.payments.take_notice(
                    Notice(
                        message_id=f"evt_{n}_{copy}",
                        reference=gateway_reference(merchant_id, f"order-{n}").hex(),
                        outcome=declined if (n + copy) % 3 == 0 else Succeeded(payment.money),
                        merchant_id=str(merchant_id),
                        payment_id=str(payment.payment_id),
                    )
                )
                for n, payment in enumerate(payments)
                for copy in range(COPIES)
            )
        )
        # Whatever somebody was told has happened, in that order.
        for payment in told:
            stored = await core.payments.get(payment.payment_id, merchant_id=merchant_id)
            seen = [event.type for event in payment.timeline]
            assert seen == [event.type for event in stored.timeline][: len(seen)]
        good = await payments_of(core, merchant_id, "succeeded")
        bad = await payments_of(core, merchant_id, "failed")
        assert len(good) + len(bad) == PAYMENTS
        assert all(payment.amount_late == payment.amount for payment in bad)
        assert await ordered(admin) == {payment.payment_id: 1 for payment in good}
        await check_books(core, merchant_id, urls.app)


async def test_a_process_without_the_hook_completes_nothing_that_needs_it(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    urls: Urls,
    start_driver: StartDriver,
    shop_orders: None,
) -> None:
    doomed = await start_driver(hook=True, dies_at="charge:after")
    key, merchant_id = "order-1", merchant.merchant_id
    await doomed.purchase(merchant_id, key, order().document())
    assert await doomed.killed()
    # This process has no hook: neither its sweeps nor a notice may complete the purchase here.
    for _ in range(20):
        assert await paykeel.payments.sweep() == 0
        await asyncio.sleep(0.1)
    (payment,) = await payments_of(paykeel, merchant_id)
    notice = Notice(
        message_id="evt_1",
        reference=gateway_reference(merchant_id, key).hex(),
        outcome=Succeeded(payment.money),
        merchant_id=str(merchant_id),
        payment_id=str(payment.payment_id),
    )
    with pytest.raises(Misconfigured) as refused:
        await paykeel.payments.take_notice(notice)
    assert refused.value.code == "completion_hook_missing"
    assert await ordered(admin) == {}

    await start_driver(hook=True, worker=True)
    await eventually(lambda: all_ended(paykeel, merchant_id))
    assert await ordered(admin) == {payment.payment_id: 1}
    await check_books(paykeel, merchant_id, urls.app)


async def test_rows_of_a_hook_that_was_cut_off_are_gone_with_the_payment(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    urls: Urls,
    start_driver: StartDriver,
    shop_orders: None,
) -> None:
    """It dies after its own row was written, in the transaction: the row must not be there."""
    doomed = await start_driver(hook=True, dies_at="hook")
    await doomed.purchase(merchant.merchant_id, "order-1", order().document())
    assert await doomed.killed()
    assert await ordered(admin) == {}
    (payment,) = await payments_of(paykeel, merchant.merchant_id)
    assert payment.status == "pending"
    gateway = await PlaceholderGateway.open(urls.app)
    assert await gateway.movements(payment_id=str(payment.payment_id)) == 1
    await gateway.close()

    await start_driver(hook=True, worker=True)
    await eventually(lambda: all_ended(paykeel, merchant.merchant_id))
    assert await ordered(admin) == {payment.payment_id: 1}
