"""Stored answers go after their time, in bounded batches; the key stays as long as its payment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import IdempotencyKeyReused
from paykeel.idempotency.service import PURGE_ROWS
from paykeel.worker import Worker
from tests.database.helpers import (
    again,
    ask,
    audited,
    body,
    buy,
    moved,
    opened,
    placeholder_of,
    recover,
    reference_of,
    reserve,
)
from tests.database.rows import ROWS

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

DAYS = 30


async def make_old(admin: asyncpg.Connection, days: int) -> None:
    await admin.execute(
        "UPDATE payment_idempotency SET created_at = created_at - make_interval(days => $1)", days
    )


async def keys_of(admin: asyncpg.Connection) -> list[str]:
    rows = await admin.fetch("SELECT idempotency_key FROM payment_idempotency ORDER BY 1")
    return [row["idempotency_key"] for row in rows]


async def test_only_what_is_old_and_answered_goes(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, changes={"gateway_ms_max": 250}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        await buy(paykeel, merchant, "done")
        await buy(paykeel, merchant, "declined", payment_method="pm_card_declined")
        await buy(paykeel, merchant, "dark", payment_method="pm_lost_response")
        await buy(paykeel, merchant, "waits", payment_method="pm_requires_action")
        await make_old(admin, DAYS - 1)
        assert await paykeel.idempotency.purge(DAYS) == 0
        await make_old(admin, 2)
        await buy(paykeel, merchant, "new")
        assert await paykeel.idempotency.purge(DAYS) == 2
        assert await keys_of(admin) == ["dark", "new", "waits"]
        assert await paykeel.idempotency.purge(DAYS) == 0
        # What had no answer yet gets one, and goes later.
        await recover(paykeel, admin)
        assert await Worker(paykeel).purge() == 1
        assert await keys_of(admin) == ["new", "waits"]
        await audited(paykeel)


@pytest.mark.parametrize("token", ["pm_ok", "pm_card_declined"])
async def test_a_late_reuse_gets_the_payment_as_it_is_and_never_a_second_charge(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, token: str
) -> None:
    before = await ask(paykeel, merchant, payment_method=token)
    await make_old(admin, DAYS + 1)
    assert await paykeel.idempotency.purge(DAYS) == 1
    after = await ask(paykeel, merchant, payment_method=token)
    assert after == replace(before, replayed=True)
    payment = await buy(paykeel, merchant, payment_method=token)
    assert await placeholder_of(paykeel).calls(reference_of(payment)) == 1
    others: list[dict[str, Any]] = [{"amount": 7}, {"reference": None}, {"buyer_id": "agent-8"}]
    for changes in others:
        with pytest.raises(IdempotencyKeyReused) as caught:
            await buy(paykeel, merchant, **{"payment_method": token, **changes})
        assert len(caught.value.data["fields"]) == 1
    assert await admin.fetchval("SELECT count(*) FROM payments") == 1
    await audited(paykeel)


async def test_a_late_reuse_of_a_captures_key_takes_nothing(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    held = await reserve(paykeel, merchant)
    other = await reserve(paykeel, merchant, "other")
    whose: dict[str, Any] = {"merchant_id": merchant.merchant_id, "idempotency_key": "c-1"}
    before = await paykeel.payments.answer_capture(held.payment_id, amount=300, **whose)
    await make_old(admin, DAYS + 1)
    assert await paykeel.idempotency.purge(DAYS) == 3
    after = await paykeel.payments.answer_capture(held.payment_id, amount=300, **whose)
    assert (after.status, after.replayed) == (before.status, True)
    assert body(after) == (await again(paykeel, held)).document()
    assert await moved(paykeel, held, "capture") == 1
    with pytest.raises(IdempotencyKeyReused):
        await paykeel.payments.capture(other.payment_id, **whose)
    with pytest.raises(IdempotencyKeyReused):
        await paykeel.payments.cancel(held.payment_id, **whose)
    with pytest.raises(IdempotencyKeyReused):
        await buy(paykeel, merchant, "c-1")
    await audited(paykeel)


async def test_a_purge_goes_in_bounded_batches_over_all_merchants(
    paykeel: Paykeel, admin: asyncpg.Connection
) -> None:
    for number, rows in enumerate((PURGE_ROWS * 2 + 17, 3)):
        merchant = await paykeel.merchants.create(f"Market {number}")
        payment = await buy(paykeel, merchant)
        await admin.execute(
            """
            INSERT INTO payment_idempotency (
                merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no,
                response_status, response_type, response_body, created_at, answered_at)
            SELECT $1, 'old-' || n, 'purchase', $2, $3, 1, 201, 'application/json', '{}',
                now() - interval '31 days', now()
            FROM generate_series(1, $4::int) AS n
            """,
            merchant.merchant_id,
            ROWS["payment_idempotency"]["fingerprint"],
            payment.payment_id,
            rows,
        )
    # What somebody holds at the moment is left for the next time.
    holding = admin.transaction()
    await holding.start()
    await admin.execute(
        "SELECT FROM payment_idempotency WHERE idempotency_key = 'old-1' FOR UPDATE"
    )
    assert await paykeel.idempotency.purge(DAYS) == PURGE_ROWS * 2 + 20 - 2
    await holding.rollback()
    assert await paykeel.idempotency.purge(DAYS) == 2
    assert await keys_of(admin) == ["order-17", "order-17"]
