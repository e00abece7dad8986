"""Merchants keep to themselves: their limits, their mode, and their payments."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel, PaymentFilter
from paykeel.clock import new_id
from paykeel.errors import (
    Forbidden,
    GatewayNotConfigured,
    IdempotencyKeyReused,
    InvalidField,
    NotFound,
)
from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.gateways.port import Notice, Succeeded
from paykeel.metrics.reading import read_series
from paykeel.money import AMOUNT_MAX, Money
from tests.conftest import settings_for
from tests.database.gateways import Told
from tests.database.helpers import (
    again,
    audited,
    buy,
    moved,
    opened,
    placeholder_of,
    recover,
    reference_of,
    reserve,
)
from tests.database.metric_books import DAY

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls


async def test_a_merchant_is_what_was_created(paykeel: Paykeel) -> None:
    made = await paykeel.merchants.create("Caf\u00e9 \U0001f33b", "live")
    assert (made.mode, made.status, made.reference_currency) == ("live", "active", "EUR")
    assert made.rates == {}
    (limit,) = made.limits["*", "*", "*"]
    assert (limit.amount_min, limit.amount_max) == (1, AMOUNT_MAX)
    assert await paykeel.merchants.get(made.merchant_id) == made
    assert await paykeel.merchants.list() == [replace(made, limits={})]
    with pytest.raises(NotFound):
        await paykeel.merchants.get(new_id())


async def test_a_wrong_merchant_is_refused(paykeel: Paykeel) -> None:
    for name, mode, field in (
        ("", "test", "name"),
        ("  ", "test", "name"),
        ("x" * 201, "test", "name"),
        ("a\x00b", "test", "name"),
        ("Market", "sandbox", "mode"),
    ):
        with pytest.raises(InvalidField) as caught:
            await paykeel.merchants.create(name, mode)
        assert caught.value.field == field
    with pytest.raises(InvalidField) as caught:
        await paykeel.merchants.create("Market", reference_currency="XAU")
    assert caught.value.field == "reference_currency"
    assert await paykeel.merchants.list() == []


async def test_limits_hold_for_their_currency_from_end_to_end(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", 2_000, 500)
    for amount, code in (
        (499, "amount_under_merchant_limit"),
        (2_001, "amount_over_merchant_limit"),
    ):
        with pytest.raises(InvalidField) as caught:
            await buy(paykeel, merchant, str(amount), amount=amount)
        assert caught.value.code == code
    for amount in (500, 2_000):
        assert (await buy(paykeel, merchant, str(amount), amount=amount)).status == "succeeded"
    assert (await buy(paykeel, merchant, "usd", amount=2_001, currency="USD")).status == "succeeded"
    await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", AMOUNT_MAX)
    assert (await buy(paykeel, merchant, "2001", amount=2_001)).status == "succeeded"


async def test_a_wrong_limit_is_refused(paykeel: Paykeel, merchant: Merchant) -> None:
    for currency, most, least in (
        ("XAU", 100, 1),
        ("EUR", 0, 1),
        ("EUR", AMOUNT_MAX + 1, 1),
        ("EUR", 10, 11),
        ("EUR", 10, 0),
    ):
        with pytest.raises(InvalidField):
            await paykeel.merchants.set_limit(merchant.merchant_id, currency, most, least)
    assert await paykeel.merchants.get(merchant.merchant_id) == merchant


async def test_a_suspended_merchant_sells_nothing_but_finishes_what_it_sold(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    held = await reserve(paykeel, merchant)
    await paykeel.merchants.set_status(merchant.merchant_id, "suspended")
    with pytest.raises(Forbidden) as caught:
        await buy(paykeel, merchant, "new")
    assert caught.value.code == "merchant_suspended"
    done = await paykeel.payments.capture(
        held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c-1"
    )
    assert done.status == "succeeded"
    await paykeel.merchants.set_status(merchant.merchant_id, "active")
    assert (await buy(paykeel, merchant, "new")).status == "succeeded"
    with pytest.raises(NotFound):
        await paykeel.merchants.set_status(new_id(), "suspended")
    with pytest.raises(InvalidField):
        await paykeel.merchants.set_status(merchant.merchant_id, "closed")


async def test_another_process_hears_of_a_suspension_soon(urls: Urls) -> None:
    async with opened(urls, changes={"merchant_cache_ms": 100}) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        await buy(one, merchant)
        await two.merchants.set_status(merchant.merchant_id, "suspended")
        await asyncio.sleep(0.15)
        with pytest.raises(Forbidden):
            await buy(one, merchant, "new")


async def test_a_live_merchant_needs_a_live_gateway(paykeel: Paykeel) -> None:
    live = await paykeel.merchants.create("Harbour Market", "live")
    with pytest.raises(GatewayNotConfigured):
        await buy(paykeel, live)
    assert await placeholder_of(paykeel).books(str(live.merchant_id)) == []


async def test_test_money_and_live_money_never_meet(urls: Urls) -> None:
    live = Told("acquirer", live=True)
    test = await PlaceholderGateway.open(urls.app)
    gateways = Gateways.of(test=test, live=live)
    async with Paykeel.open(settings_for(urls), gateways=gateways) as paykeel:
        real = await paykeel.merchants.create("Harbour Market", "live")
        trial = await paykeel.merchants.create("Harbour Market", "test")
        live.will("charge", Succeeded(Money(1_250, "EUR")))
        assert (await buy(paykeel, real)).gateway == "acquirer"
        assert (await buy(paykeel, trial)).gateway == "placeholder"
        assert len(live.asked) == 1
        assert await test.books(str(real.merchant_id)) == []
    for wrong in (Gateways.of(test=live), Gateways.of(live=test), Gateways.of()):
        async with Paykeel.open(settings_for(urls), gateways=wrong) as paykeel:
            for one in (real, trial):
                with pytest.raises(GatewayNotConfigured):
                    await buy(paykeel, one, "another")
    assert len(live.asked) == 1
    await test.close()


async def test_a_payment_stays_with_the_gateway_that_opened_it(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    old, new = Told("old"), Told("new")
    amount = Money(1_250, "EUR")
    async with Paykeel.open(settings_for(urls), gateways=Gateways.of(test=old)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        dark = await buy(paykeel, merchant)
    both = Gateways.of(test=new, others=[old])
    async with Paykeel.open(settings_for(urls), gateways=both) as paykeel:
        old.will("lookup", Succeeded(amount))
        await recover(paykeel, admin)
        assert (await again(paykeel, dark)).status == "succeeded"
        assert new.asked == []


async def test_one_key_under_two_merchants_is_two_payments(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    other = await paykeel.merchants.create("Mill Market")
    first, second = await asyncio.gather(buy(paykeel, merchant), buy(paykeel, other, amount=7))
    assert first.payment_id != second.payment_id
    assert (first.amount, second.amount) == (1_250, 7)
    for payment in (first, second):
        assert await moved(paykeel, payment) == 1
    with pytest.raises(IdempotencyKeyReused):
        await buy(paykeel, merchant, amount=7)
    await audited(paykeel)


async def _refuses(paykeel: Paykeel, theirs: Payment, whose: dict[str, Any]) -> None:
    """See that every verb takes another's payment for one that does not exist."""
    payments = paykeel.payments
    calls = [
        payments.get(theirs.payment_id, **whose),
        payments.events(theirs.payment_id, **whose),
        payments.capture(theirs.payment_id, idempotency_key="k-1", **whose),
        payments.answer_capture(theirs.payment_id, idempotency_key="k-2", **whose),
        payments.cancel(theirs.payment_id, idempotency_key="k-3", **whose),
        payments.answer_cancel(theirs.payment_id, idempotency_key="k-4", **whose),
        payments.complete(theirs.payment_id, idempotency_key="k-5", **whose),
        payments.answer_completion(theirs.payment_id, idempotency_key="k-6", **whose),
        *(
            payments.resolve(
                theirs.payment_id, decision=decision, operator="ann", evidence="seen", **whose
            )
            for decision in ("succeeded", "failed", "accept_late", "refund_late")
        ),
    ]
    for result in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(result, NotFound), result


async def test_two_merchants_never_see_each_others_payments(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    other = await paykeel.merchants.create("Mill Market")
    theirs = [
        await reserve(paykeel, merchant, "held"),
        await buy(paykeel, merchant, "waits", payment_method="pm_requires_action"),
        await buy(paykeel, merchant, "dark", payment_method="pm_wrong_amount"),
        await buy(paykeel, merchant, "done"),
    ]
    whose: dict[str, Any] = {"merchant_id": other.merchant_id}
    for payment in theirs:
        await _refuses(paykeel, payment, whose)
        assert await again(paykeel, payment) == payment
    assert (await paykeel.payments.list(**whose)).payments == ()
    for filters in (PaymentFilter(reference="order-17"), PaymentFilter(buyer_id="agent-7")):
        assert (await paykeel.payments.list(filters=filters, **whose)).payments == ()
    cursor = theirs[-1].payment_id.hex
    assert (await paykeel.payments.list(cursor=cursor, **whose)).payments == ()
    assert await paykeel.payments.stuck(tries_min=0, **whose) == []
    now = paykeel.database.now()
    assert await read_series(paykeel.database, other.merchant_id, [now - DAY, now + DAY]) == []
    report = await paykeel.auditor.audit(other.merchant_id)
    assert (report.payments, report.events) == (0, 0)
    # A key of theirs is free here.
    mine = await buy(paykeel, other, "done")
    assert mine.payment_id not in {payment.payment_id for payment in theirs}


async def test_a_notice_reaches_only_the_payment_that_was_sent_under_its_reference(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    other = await paykeel.merchants.create("Mill Market")
    waiting = await buy(paykeel, merchant, payment_method="pm_requires_action")
    right = Notice(
        message_id="n-1",
        reference=reference_of(waiting),
        outcome=Succeeded(waiting.money),
        merchant_id=str(merchant.merchant_id),
        payment_id=str(waiting.payment_id),
    )
    wrong = [
        replace(right, merchant_id=str(other.merchant_id)),
        replace(right, payment_id=str(new_id())),
        replace(right, reference="0" * 64),
        replace(right, merchant_id=None),
        replace(right, payment_id=None),
        replace(right, merchant_id="x", payment_id="' OR true"),
    ]
    for notice in wrong:
        with pytest.raises(NotFound):
            await paykeel.payments.take_notice(notice)
    assert await again(paykeel, waiting) == waiting
    assert (await paykeel.payments.take_notice(right)).status == "succeeded"
