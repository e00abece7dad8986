"""What happens outside: refunds made in the gateway's own screens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import NotFound
from paykeel.gateways.port import Declined, DeclineReason, Notice, Pending, Succeeded, Unknown
from paykeel.money import Money
from tests.database.helpers import (
    again,
    audited,
    buy,
    opened,
    placeholder_of,
    reference_of,
    reserve,
    topics_of,
)
from tests.database.refunding import (
    AMOUNT,
    given_back,
    outside_notice,
    refund,
    refunds_of,
    rows_written,
    sums,
    swept,
    waiting,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls


async def made_there(paykeel: Paykeel, payment: Payment, amount: int) -> Notice:
    """Refund in the placeholder's own screens; return the notice that comes of it."""
    gateway = placeholder_of(paykeel)
    done = await gateway.refund_there(reference_of(payment), Money(amount, payment.currency))
    assert isinstance(done, Succeeded)
    assert done.gateway_id is not None
    ((headers, body),) = await gateway.webhooks(done.gateway_id)
    return gateway.parse_webhook(headers, body)


async def test_a_refund_made_there_is_booked_once_and_flagged(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    notice = await made_there(paykeel, payment, 300)
    service = refunds_of(paykeel)
    now = payment
    for _ in range(3):
        now = await service.take_notice(notice)
        assert (sums(now), now.version, now.status) == ((300, 0), 3, "succeeded")
    page = await service.list(merchant_id=merchant.merchant_id)
    (one,) = page.refunds
    assert (one.status, one.origin, one.amount, one.requested_by) == (
        "succeeded", "gateway", 300, "webhook",
    )  # fmt: skip
    assert (one.gateway_id, one.idempotency_key) == (notice.reference, None)
    (decision,) = await service.decisions(one.refund_id, merchant_id=merchant.merchant_id)
    assert (decision.kind, decision.from_status, decision.to_status) == (
        "noticed", "new", "succeeded",
    )  # fmt: skip
    last = now.timeline[-1]
    assert (last.type, last.refunded_delta, last.refund_id) == (
        "payment.refund_outside", 300, one.refund_id,
    )  # fmt: skip
    assert await topics_of(admin, payment) == ["purchase.completed", "payment.alarm"]
    assert (await refund(paykeel, payment, amount=AMOUNT - 300)).status == "succeeded"
    assert await given_back(paykeel, merchant.merchant_id) == (2, AMOUNT)
    await audited(paykeel)


async def test_a_notice_told_twice_at_the_same_moment_is_booked_once(urls: Urls) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        payment = await buy(one, merchant)
        notices = [await made_there(one, payment, 100) for _ in range(3)]
        await asyncio.gather(
            *(
                refunds_of(process).take_notice(notice)
                for notice in notices
                for process in (one, two)
                for _ in range(5)
            )
        )
        now = await again(one, payment)
        assert (sums(now), now.version) == ((300, 0), 5)
        assert await given_back(one, merchant.merchant_id) == (3, 300)
        await audited(one)


@pytest.mark.parametrize("captured", ["refunded", "reserved"])
async def test_without_room_it_is_told_once_and_not_booked(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, captured: str
) -> None:
    if captured == "reserved":
        payment, _ = await waiting(paykeel, merchant, 1_000)
    else:
        payment = await buy(paykeel, merchant)
        await refund(paykeel, payment, amount=1_000)
    before = await again(paykeel, payment)
    for amount, name in ((251, "re_1"), (AMOUNT, "re_2")):
        for _ in range(3):
            await refunds_of(paykeel).take_notice(outside_notice(payment, name, amount))
    now = await again(paykeel, payment)
    assert (sums(now), now.version) == (sums(before), before.version + 2)
    noted = now.timeline[-2]
    assert (noted.type, noted.amount, noted.refunded_delta) == (
        "payment.refund_notice_open", 251, 0,
    )  # fmt: skip
    assert noted.data == {
        "gateway_refund": "re_1", "told": 251, "currency": "EUR", "waits_for": "room",
    }  # fmt: skip
    assert (await topics_of(admin, payment)).count("payment.alarm") == 2
    # What fits is booked all the same.
    await refunds_of(paykeel).take_notice(outside_notice(payment, "re_3", 250))
    assert sum(sums(await again(paykeel, payment))) == AMOUNT
    await audited(paykeel)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"refund_of": "0" * 64}, "Nothing of this payment was charged"),
        ({"refund_of": ""}, "Nothing of this payment was charged"),
        ({"payment_id": None}, "names no payment"),
        ({"payment_id": "01900000-0000-7000-8000-000000000000"}, "names no payment"),
        ({"merchant_id": "01900000-0000-7000-8000-000000000000"}, "names no payment"),
        ({"merchant_id": "nobody"}, "names no payment"),
    ],
    ids=str,
)
async def test_a_notice_that_is_about_nothing_of_ours_changes_nothing(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    changes: dict[str, Any],
    words: str,
) -> None:
    payment = await buy(paykeel, merchant)
    before = await rows_written(admin)
    with pytest.raises(NotFound, match=words):
        await refunds_of(paykeel).take_notice(outside_notice(payment, **changes))
    assert await rows_written(admin) == before


@pytest.mark.parametrize(
    "outcome",
    [Pending("re_1"), Declined(DeclineReason.OTHER), Unknown("timeout")],
    ids=lambda one: type(one).__name__,
)
async def test_what_was_not_given_back_there_is_not_booked(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, outcome: Any
) -> None:
    payment = await buy(paykeel, merchant)
    before = await rows_written(admin)
    notice = outside_notice(payment, outcome=outcome)
    assert (await refunds_of(paykeel).take_notice(notice)).version == payment.version
    assert await rows_written(admin) == before
    # It is told again when it is done.
    await refunds_of(paykeel).take_notice(outside_notice(payment))
    assert sums(await again(paykeel, payment)) == (500, 0)


@pytest.mark.parametrize("given", [Money(500, "USD"), Money(0, "EUR"), Money(-5, "EUR")], ids=str)
async def test_what_makes_no_sense_is_told_once_and_not_booked(
    paykeel: Paykeel, merchant: Merchant, given: Money
) -> None:
    payment = await buy(paykeel, merchant)
    notice = outside_notice(payment, outcome=Succeeded(given))
    for _ in range(2):
        await refunds_of(paykeel).take_notice(notice)
    now = await again(paykeel, payment)
    assert (sums(now), now.timeline[-1].type) == ((0, 0), "payment.refund_notice_open")
    assert now.version == payment.version + 1
    await audited(paykeel)


async def test_a_refund_of_ours_that_is_told_like_one_made_there_is_not_booked_again(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    """Some gateways list every refund of a charge, whoever made it, by their own ids."""
    payment = await buy(paykeel, merchant)
    ours = await refund(paykeel, payment)
    assert ours.gateway_id is not None
    now = await refunds_of(paykeel).take_notice(outside_notice(payment, ours.gateway_id))
    assert (sums(now), now.version) == ((500, 0), 4)
    await audited(paykeel)


async def test_a_refund_made_there_is_found_by_the_key_of_the_purchase(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    notice = outside_notice(payment, payment_id=None, idempotency_key="order-17")
    await refunds_of(paykeel).take_notice(notice)
    assert sums(await again(paykeel, payment)) == (500, 0)


async def test_the_same_id_on_two_payments_is_two_refunds(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payments = [await buy(paykeel, merchant, f"order-{n}") for n in range(2)]
    for payment in payments:
        await refunds_of(paykeel).take_notice(outside_notice(payment))
    for payment in payments:
        assert sums(await again(paykeel, payment)) == (500, 0)
    await audited(paykeel)


async def test_an_id_that_is_too_long_is_still_one_refund(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    for _ in range(2):
        await refunds_of(paykeel).take_notice(outside_notice(payment, "r" * 400))
    assert sums(await again(paykeel, payment)) == (500, 0)


async def test_a_refund_made_there_of_what_is_still_reserved_is_booked_when_it_is_captured(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    held = await reserve(paykeel, merchant)
    await refunds_of(paykeel).take_notice(outside_notice(held, amount=100))
    now = await again(paykeel, held)
    assert (now.status, sums(now), now.timeline[-1].type) == (
        "authorized", (0, 0), "payment.refund_notice_open",
    )  # fmt: skip
    # It goes on as if nothing had been.
    done = await paykeel.payments.capture(
        held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c-1"
    )
    assert done.status == "succeeded"
    await swept(paykeel, admin)
    assert sums(await again(paykeel, held)) == (100, 0)
    await audited(paykeel)
