"""Calling off what is not captured, by the merchant or because its time is over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from paykeel import Gateways, Paykeel
from paykeel.errors import IllegalTransition, OperationInFlight
from paykeel.gateways.port import Authorized, Succeeded, Unknown
from paykeel.money import Money
from tests.conftest import settings_for
from tests.database.gateways import Told
from tests.database.helpers import (
    again,
    ask,
    attempts_of,
    audited,
    body,
    buy,
    let_lapse,
    moved,
    opened,
    placeholder_of,
    recover,
    reserve,
    topics_of,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Payment
    from paykeel.idempotency import Answer
    from paykeel.merchants import Merchant
    from tests.servers import Urls

AMOUNT = 1_250
QUICK = {"gateway_ms_max": 500}
WEEK_MS = 7 * 24 * 3_600_000


async def cancel(paykeel: Paykeel, payment: Payment, key: str = "x-1") -> Payment:
    return await paykeel.payments.cancel(
        payment.payment_id, merchant_id=payment.merchant_id, idempotency_key=key
    )


async def ask_cancel(paykeel: Paykeel, payment: Payment, key: str = "x-1") -> Answer:
    return await paykeel.payments.answer_cancel(
        payment.payment_id, merchant_id=payment.merchant_id, idempotency_key=key
    )


async def take(paykeel: Paykeel, payment: Payment, amount: int) -> Payment:
    return await paykeel.payments.capture(
        payment.payment_id,
        merchant_id=payment.merchant_id,
        idempotency_key=f"c-{amount}",
        amount=amount,
        final=False,
    )


async def test_what_is_reserved_is_released(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    held = await reserve(paykeel, merchant)
    answer = await ask_cancel(paykeel, held)
    now = await again(paykeel, held)
    assert (answer.status, body(answer)) == (200, now.document())
    assert (now.status, now.amount_captured) == ("canceled", 0)
    assert now.finished_at is not None
    assert await moved(paykeel, held, "release") == 1
    assert await ask_cancel(paykeel, held) == replace(answer, replayed=True)
    assert await moved(paykeel, held, "release") == 1
    assert all(attempt["state"] == "done" for attempt in await attempts_of(admin, held))
    assert await topics_of(admin, held) == ["payment.authorized", "payment.canceled"]
    # The purchase itself was answered when it was authorized, and keeps that answer.
    assert (await ask(paykeel, merchant, capture_method="manual")).status == 201
    await audited(paykeel)


@pytest.mark.parametrize("token", ["pm_requires_action", "pm_pending_then_succeeded_60000"])
async def test_what_waits_is_stopped(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, token: str
) -> None:
    waiting = await buy(paykeel, merchant, payment_method=token)
    now = await cancel(paykeel, waiting)
    assert (now.status, now.next_action) == ("canceled", None)
    assert await moved(paykeel, waiting) == 0
    assert all(attempt["state"] == "done" for attempt in await attempts_of(admin, waiting))
    # The purchase has its end now, and its repetition is told so.
    answer = await ask(paykeel, merchant, payment_method=token)
    assert (answer.status, body(answer)["status"], answer.replayed) == (402, "canceled", True)
    await audited(paykeel)


async def test_what_was_captured_stays_captured(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    held = await reserve(paykeel, merchant)
    await take(paykeel, held, 400)
    now = await cancel(paykeel, held)
    assert (now.status, now.amount_captured, now.amount_authorized) == ("succeeded", 400, AMOUNT)
    assert await moved(paykeel, held, "release") == 1
    totals = await placeholder_of(paykeel).books(str(merchant.merchant_id))
    assert {row.kind: row.amount for row in totals} == {
        "reservation": AMOUNT,
        "capture": 400,
        "release": AMOUNT - 400,
    }
    assert (await topics_of(admin, held)).count("purchase.completed") == 1
    await audited(paykeel)


@pytest.mark.parametrize("token", ["pm_ok", "pm_card_declined"])
async def test_an_end_cannot_be_called_off(
    paykeel: Paykeel, merchant: Merchant, token: str
) -> None:
    ended = await buy(paykeel, merchant, payment_method=token)
    with pytest.raises(IllegalTransition) as caught:
        await cancel(paykeel, ended)
    assert caught.value.data == {"status": ended.status}
    canceled = await reserve(paykeel, merchant, "held")
    await cancel(paykeel, canceled, "x-2")
    with pytest.raises(IllegalTransition):
        await cancel(paykeel, canceled, "x-3")


async def test_what_is_in_the_dark_cannot_be_called_off_before_it_is_known(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        dark = await buy(paykeel, merchant, payment_method="pm_lost_response")
        with pytest.raises(OperationInFlight):
            await cancel(paykeel, dark)
        await recover(paykeel, admin)
        with pytest.raises(IllegalTransition):
            await cancel(paykeel, dark)


async def test_a_refused_cancellation_leaves_the_reservation(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    held = await reserve(paykeel, merchant, payment_method="pm_void_declined")
    answer = await ask_cancel(paykeel, held)
    assert (answer.status, body(answer)["status"]) == (409, "authorized")
    assert await ask_cancel(paykeel, held) == replace(answer, replayed=True)
    assert (await take(paykeel, held, AMOUNT)).status == "succeeded"
    await audited(paykeel)


@pytest.mark.parametrize(
    "token",
    [
        "pm_void_lost_response",
        "pm_void_timeout",
        "pm_void_timeout_then_succeeded",
        "pm_void_5xx_before",
        "pm_void_5xx_after",
        "pm_void_pending_then_succeeded_100",
    ],
)
async def test_a_cancellation_in_the_dark_is_recovered(
    urls: Urls, admin: asyncpg.Connection, token: str
) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        held = await reserve(paykeel, merchant, payment_method=token)
        answer = await ask_cancel(paykeel, held)
        assert (answer.status, body(answer)["status"]) == (202, "authorized")
        await asyncio.sleep(0.2)
        for _ in range(2):
            await recover(paykeel, admin)
        now = await again(paykeel, held)
        assert now.status == "canceled"
        assert await moved(paykeel, held, "release") == 1
        repeated = await ask_cancel(paykeel, held)
        assert (repeated.status, body(repeated)) == (200, now.document())
        await audited(paykeel)


async def test_a_capture_and_a_cancellation_at_once_end_in_one_of_them(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    for number in range(10):
        held = await reserve(paykeel, merchant, f"held-{number}")
        await asyncio.gather(
            cancel(paykeel, held, f"x-{number}"),
            paykeel.payments.capture(
                held.payment_id,
                merchant_id=merchant.merchant_id,
                idempotency_key=f"c-{number}",
            ),
            return_exceptions=True,
        )
        now = await again(paykeel, held)
        assert now.status in {"canceled", "succeeded"}
        taken = await moved(paykeel, held, "capture")
        released = await moved(paykeel, held, "release")
        assert (taken, released) == ((1, 0) if now.status == "succeeded" else (0, 1))
    await audited(paykeel)


@pytest.mark.parametrize(("captured", "end"), [(0, "expired"), (400, "succeeded")])
async def test_a_reservation_that_lapsed_at_the_gateway_ends_here(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, captured: int, end: str
) -> None:
    held = await reserve(paykeel, merchant, payment_method="pm_authorization_expires_600000")
    if captured:
        await take(paykeel, held, captured)
    await let_lapse(admin)
    await recover(paykeel, admin, WEEK_MS)
    now = await again(paykeel, held)
    assert (now.status, now.amount_captured) == (end, captured)
    assert all(attempt["state"] == "done" for attempt in await attempts_of(admin, held))
    assert await moved(paykeel, held, "release") == 1
    assert await recover(paykeel, admin) == 0
    await audited(paykeel)


async def test_a_reservation_of_which_the_gateway_says_that_it_lapsed_ends_at_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """Long before the time that the gateway promised to hold it."""
    held = await reserve(paykeel, merchant, payment_method="pm_authorization_expires_600000")
    await let_lapse(admin)
    await recover(paykeel, admin, 1_000)
    now = await again(paykeel, held)
    assert now.status == "expired"
    assert now.timeline[-1].actor == "recovery"
    await audited(paykeel)


async def test_the_time_of_a_reservation_is_the_gateways(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    gateway = Told(authorization_ms_max=60_000)
    async with Paykeel.open(settings_for(urls), gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        amount = Money(AMOUNT, "EUR")
        gateway.will("charge", Authorized(amount))
        held = await reserve(paykeel, merchant)
        gateway.will("lookup", Authorized(amount), Authorized(amount))
        gateway.will("void", Succeeded(amount))
        await recover(paykeel, admin, 30_000)
        assert (await again(paykeel, held)).status == "authorized"
        assert [verb for verb, _ in gateway.asked] == ["charge", "lookup"]
        await recover(paykeel, admin, 30_000)
        assert (await again(paykeel, held)).status == "expired"
        assert [verb for verb, _ in gateway.asked] == ["charge", "lookup", "lookup", "void"]
        # The void has a reference of its own.
        assert gateway.asked[-1][1] != gateway.asked[0][1]
        await audited(paykeel)


async def test_an_expiry_in_the_dark_is_recovered(urls: Urls, admin: asyncpg.Connection) -> None:
    gateway = Told(authorization_ms_max=60_000)
    async with Paykeel.open(settings_for(urls), gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        amount = Money(AMOUNT, "EUR")
        gateway.will("charge", Authorized(amount))
        held = await reserve(paykeel, merchant)
        gateway.will("lookup", Authorized(amount))
        gateway.will("void", Unknown("timeout"))
        await recover(paykeel, admin, 60_000)
        assert (await again(paykeel, held)).status == "authorized"
        assert [row["operation"] for row in await attempts_of(admin, held)] == ["charge", "void"]
        await admin.execute(
            "UPDATE payment_attempts SET recover_at = now() - interval '1 s' "
            "WHERE operation = 'void'"
        )
        gateway.will("lookup", Succeeded(amount))
        await paykeel.payments.sweep()
        assert (await again(paykeel, held)).status == "expired"
        await audited(paykeel)


async def test_a_step_that_nobody_took_expires(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        waiting = await buy(paykeel, merchant, payment_method="pm_requires_action")
        limit = placeholder_of(paykeel).capabilities.action_ms_max
        await recover(paykeel, admin, limit - 60_000)
        assert (await again(paykeel, waiting)).status == "requires_action"
        await recover(paykeel, admin, 60_001)
        now = await again(paykeel, waiting)
        assert (now.status, now.next_action) == ("expired", None)
        assert await moved(paykeel, waiting) == 0
        answer = await ask(paykeel, merchant, payment_method="pm_requires_action")
        assert (answer.status, body(answer)["status"]) == (402, "expired")
        await audited(paykeel)
