"""What is decided about a refund is decided by all that was before, however much that is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import Refused
from paykeel.gateways.port import Declined, DeclineReason, Succeeded
from paykeel.money import Money
from paykeel.payments.settle import EVENTS_PAGE_ROWS
from paykeel.refunds.reckoning import REFUNDS_MAX
from tests.database.helpers import again, audited, buy, opened
from tests.database.refunding import (
    AMOUNT,
    given_back,
    notice_of,
    outside_notice,
    publish_policy,
    refund,
    refunds_of,
    rows_written,
    sums,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

#: As many events as a page of a history has rows.
FILLED = """
WITH filled AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, actor, occurred_at
    )
    SELECT p.merchant_id, p.payment_id, p.version + n, 'payment.noted', p.status, p.status, 0,
        'operator:Ada Lindqvist', p.updated_at
    FROM payments p, generate_series(1, $2) n
    WHERE p.payment_id = $1
)
UPDATE payments SET version = version + $2 WHERE payment_id = $1
"""
#: Refunds that were called off, as many as are wanted.
CALLED_OFF = """
INSERT INTO refunds (
    merchant_id, refund_id, payment_id, status, amount, currency, reason, origin, idempotency_key,
    requested_by, created_at, updated_at, finished_at
)
SELECT merchant_id, gen_random_uuid(), payment_id, 'canceled', 1, currency, 'other', 'merchant',
    'off-' || n, 'Ada Lindqvist', updated_at, updated_at, updated_at
FROM payments, generate_series(1, $2) n
WHERE payment_id = $1
"""


async def filled(paykeel: Paykeel, admin: asyncpg.Connection, payment: Payment) -> Payment:
    """Give a payment a history of more than a page."""
    await admin.execute(FILLED, payment.payment_id, EVENTS_PAGE_ROWS)
    return await again(paykeel, payment)


async def test_a_history_is_read_whole(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    now = await filled(paykeel, admin, payment)
    assert [event.sequence for event in now.timeline] == list(range(1, now.version + 1))
    assert now.version == payment.version + EVENTS_PAGE_ROWS


async def test_a_refund_after_a_long_history_is_booked_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await filled(paykeel, admin, await buy(paykeel, merchant))
    assert (await refund(paykeel, payment)).status == "succeeded"
    service = refunds_of(paykeel)
    done = Succeeded(Money(500, "EUR"), "re_again")
    for _ in range(2):
        await service.take_notice(notice_of(payment, "r-1", done))
    assert sums(await again(paykeel, payment)) == (500, 0)
    # What contradicts it is noted once.
    for _ in range(3):
        await service.take_notice(notice_of(payment, "r-1", Declined(DeclineReason.OTHER)))
    now = await again(paykeel, payment)
    assert (sums(now), now.version) == ((500, 0), payment.version + 3)
    assert now.timeline[-1].type == "payment.refund_contradicted"


async def test_refunds_and_disputes_are_counted_after_a_long_history(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await publish_policy(
        paykeel, merchant, max_refunds=1, approval={"when": "outside_policy"},
        otherwise={"percent_bps": 9_000},
    )  # fmt: skip
    payment = await filled(paykeel, admin, await buy(paykeel, merchant))
    service, whose = refunds_of(paykeel), merchant.merchant_id
    named: dict[str, Any] = {
        "merchant_id": whose, "dispute_id": "d-1", "operator": "Ada Lindqvist",
    }  # fmt: skip
    for _ in range(2):
        now = await service.open_dispute(payment.payment_id, **named, amount=100)
        assert now.version == payment.version + 1
    await service.close_dispute(payment.payment_id, **named, ending="lost")
    quoted = await service.quote(payment.payment_id, merchant_id=whose)
    assert (quoted.amount, quoted.refunded) == (1_025, 100)
    await refund(paykeel, payment, amount=25)
    quoted = await service.quote(payment.payment_id, merchant_id=whose)
    assert (quoted.amount, quoted.code) == (0, "max_refunds_reached")


async def test_a_payment_has_a_number_of_refunds(urls: Urls, admin: asyncpg.Connection) -> None:
    """Whatever became of them; of two at once only one is the last."""
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        payment = await buy(one, merchant)
        await admin.execute(CALLED_OFF, payment.payment_id, REFUNDS_MAX - 1)
        results = await asyncio.gather(
            *(refund(process, payment, f"r-{n}", 10) for process in (one, two) for n in range(2)),
            return_exceptions=True,
        )
        refused = [one for one in results if isinstance(one, Refused)]
        assert {error.code for error in refused} == {"refunds_too_many"}
        assert len(refused) == 2
        assert await given_back(one, merchant.merchant_id) == (1, 10)
        before = await rows_written(admin)
        service, whose = refunds_of(one), merchant.merchant_id
        with pytest.raises(Refused) as caught:
            await service.quote(payment.payment_id, merchant_id=whose)
        assert caught.value.code == "refunds_too_many"
        assert await rows_written(admin) == before
        # What was made at the gateway has gone back all the same.
        await service.take_notice(outside_notice(payment))
        assert sums(await again(one, payment)) == (510, 0)


async def test_a_suspended_merchant_gives_money_back(paykeel: Paykeel, merchant: Merchant) -> None:
    """It sells nothing, and finishes what it sold; the buyers keep their right to a refund."""
    await publish_policy(paykeel, merchant)
    payment = await buy(paykeel, merchant)
    asked = await refund(paykeel, payment, "r-1", 500)
    await paykeel.merchants.set_status(merchant.merchant_id, "suspended")
    service, whose = refunds_of(paykeel), merchant.merchant_id
    assert (await service.quote(payment.payment_id, merchant_id=whose)).amount == AMOUNT - 500
    done = await service.approve(asked.refund_id, merchant_id=whose, operator="Ben Okafor")
    assert done.status == "succeeded"
    second = await refund(paykeel, payment, "r-2", 100)
    assert second.status == "requested"
    await service.approve(second.refund_id, merchant_id=whose, operator="Ben Okafor")
    assert await given_back(paykeel, whose) == (2, 600)
    await audited(paykeel)
