"""The application's own rows commit with the payment, or neither does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import CompletionHook
from paykeel.errors import Misconfigured, OutcomeUnknown
from tests.database.helpers import again, audited, buy, moved, opened, recover, reserve

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Payment
    from tests.servers import Urls

QUICK = {"gateway_ms_max": 500}


class Shop:
    """An application with a table of its own."""

    def __init__(self) -> None:
        self.broken = False
        self.hook = CompletionHook("shop_orders", self.note)

    async def note(self, connection: Any, payment: Payment) -> None:
        await connection.execute(
            "INSERT INTO shop_orders (payment_id, amount) VALUES ($1, $2)",
            payment.payment_id,
            payment.amount_captured,
        )
        if self.broken or payment.reference == "poison":
            raise LookupError("no such order")


@pytest.fixture
async def shop(owner: asyncpg.Connection) -> Shop:
    await owner.execute(
        """
        CREATE TABLE shop_orders (payment_id uuid PRIMARY KEY, amount bigint NOT NULL);
        GRANT INSERT ON shop_orders TO paykeel_app;
        """
    )
    return Shop()


async def orders(admin: asyncpg.Connection) -> dict[Any, int]:
    rows = await admin.fetch("SELECT payment_id, amount FROM shop_orders")
    return {row["payment_id"]: row["amount"] for row in rows}


async def test_a_completed_purchase_has_its_row(
    urls: Urls, admin: asyncpg.Connection, shop: Shop
) -> None:
    async with opened(urls, core={"completion_hook": shop.hook}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        done = await asyncio.gather(*(buy(paykeel, merchant, f"o-{n}") for n in range(20)))
        await buy(paykeel, merchant, "declined", payment_method="pm_card_declined")
        held = await reserve(paykeel, merchant, "held")
        assert await orders(admin) == {payment.payment_id: 1_250 for payment in done}
        assert {payment.completion_hook for payment in (*done, held)} == {"shop_orders"}
        # A capture of a part completes nothing; the last one does, once.
        for key, final in (("c-1", False), ("c-2", True), ("c-2", True)):
            await paykeel.payments.capture(
                held.payment_id,
                merchant_id=merchant.merchant_id,
                idempotency_key=key,
                amount=300,
                final=final,
            )
        assert (await orders(admin))[held.payment_id] == 600
        assert len(await orders(admin)) == 21
        await audited(paykeel)


async def test_a_hook_that_raises_commits_nothing_and_recovery_tries_again(
    urls: Urls, admin: asyncpg.Connection, shop: Shop
) -> None:
    async with opened(urls, core={"completion_hook": shop.hook}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        shop.broken = True
        with pytest.raises(OutcomeUnknown):
            await buy(paykeel, merchant)
        page = await paykeel.payments.list(merchant_id=merchant.merchant_id)
        (payment,) = page.payments
        assert payment.status == "pending"
        assert await moved(paykeel, payment) == 1
        assert await orders(admin) == {}
        assert await admin.fetchval("SELECT count(*) FROM outbox") == 0
        # Still broken: still nothing, and it stays watched.
        assert await recover(paykeel, admin) == 1
        assert (await again(paykeel, payment)).status == "pending"
        shop.broken = False
        assert await recover(paykeel, admin) == 1
        now = await again(paykeel, payment)
        assert (now.status, await orders(admin)) == ("succeeded", {payment.payment_id: 1_250})
        assert await moved(paykeel, payment) == 1
        assert await buy(paykeel, merchant) == now
        await audited(paykeel)


async def test_a_hook_that_raises_for_one_harms_no_other_of_its_batch(
    urls: Urls, admin: asyncpg.Connection, shop: Shop
) -> None:
    async with opened(urls, core={"completion_hook": shop.hook}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        references = ["poison" if n == 7 else f"r-{n}" for n in range(15)]
        results = await asyncio.gather(
            *(buy(paykeel, merchant, f"o-{n}", reference=r) for n, r in enumerate(references)),
            return_exceptions=True,
        )
        assert [n for n, r in enumerate(results) if isinstance(r, BaseException)] == [7]
        assert isinstance(results[7], OutcomeUnknown)
        assert len(await orders(admin)) == 14
        await audited(paykeel)


async def test_a_process_without_the_hook_leaves_the_purchase_to_one_that_has_it(
    urls: Urls, admin: asyncpg.Connection, shop: Shop
) -> None:
    async with opened(urls, changes=QUICK, core={"completion_hook": shop.hook}) as with_hook:
        merchant = await with_hook.merchants.create("Harbour Market")
        dark = await buy(with_hook, merchant, payment_method="pm_lost_response")
        held = await reserve(with_hook, merchant, "held")
        async with opened(urls, changes=QUICK) as without:
            assert await recover(without, admin) == 0
            plain = await buy(without, merchant, "plain")
            assert plain.completion_hook is None
            with pytest.raises(Misconfigured):
                await without.payments.capture(
                    held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c-1"
                )
            assert await orders(admin) == {}
        await recover(with_hook, admin)
        await recover(with_hook, admin)
        assert (await again(with_hook, dark)).status == "succeeded"
        now = await again(with_hook, held)
        if now.status == "succeeded":  # The capture had been opened before it was refused.
            assert await orders(admin) == {dark.payment_id: 1_250, held.payment_id: 1_250}
        else:
            assert await orders(admin) == {dark.payment_id: 1_250}
        await audited(with_hook)
