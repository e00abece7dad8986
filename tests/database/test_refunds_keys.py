"""One key is one refund: it cannot mean another one, nor a purchase, nor a capture."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import IdempotencyInFlight, IdempotencyKeyReused
from paykeel.refunds.model import GivenFacts
from tests.database.helpers import again, audited, buy, moved, opened, recover, reserve
from tests.database.refunding import (
    ASKER,
    OTHER_EYES,
    ask_refund,
    given_back,
    publish_policy,
    refund,
    refund_in,
    refunds_of,
    rows_written,
    sums,
    waiting,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls


async def purge(paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection) -> None:
    """Let every stored answer be forgotten."""
    await admin.execute("DELETE FROM payment_idempotency WHERE response_status IS NOT NULL")
    assert await admin.fetchval("SELECT count(*) FROM payment_idempotency") == 0


@pytest.mark.parametrize(
    "how",
    [
        {"amount": 501},
        {"amount": None},
        {"reason": "duplicate"},
        {"requested_by": OTHER_EYES},
        {"override_reason": "They waited in the rain"},
        {"facts": GivenFacts(no_show=True)},
    ],
    ids=lambda how: next(iter(how)),
)
async def test_a_key_of_a_refund_means_that_refund(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, how: dict[str, Any]
) -> None:
    payment = await buy(paykeel, merchant)
    await refund(paykeel, payment)
    before = await rows_written(admin)
    with pytest.raises(IdempotencyKeyReused) as caught:
        await refund(paykeel, payment, **how)
    assert next(iter(how)) in caught.value.data["fields"]
    assert await rows_written(admin) == before


async def test_what_the_caller_believes_is_part_of_the_request(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    first = await ask_refund(paykeel, payment, expected_refunded_amount=0)
    with pytest.raises(IdempotencyKeyReused) as caught:
        await ask_refund(paykeel, payment, expected_refunded_amount=500)
    assert "expected_refunded_amount" in caught.value.data["fields"]
    # Repeated as it was, it is stale now and answered all the same.
    again_ = await ask_refund(paykeel, payment, expected_refunded_amount=0)
    assert again_ == replace(first, replayed=True)


@pytest.mark.parametrize("purged", [False, True], ids=["kept", "purged"])
async def test_a_key_of_something_else_is_no_key_of_a_refund(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, *, purged: bool
) -> None:
    held = await reserve(paykeel, merchant, "order-1")
    await paykeel.payments.capture(
        held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c-1"
    )
    other = await buy(paykeel, merchant, "order-2")
    await refund(paykeel, other, "r-2", 100)
    if purged:
        await purge(paykeel, merchant, admin)
    before = await rows_written(admin)
    for key, fields in (
        ("order-1", {"operation"}),
        ("c-1", {"operation"}),
        ("order-2", {"operation", "payment"}),
        ("r-2", {"payment"}),
    ):
        with pytest.raises(IdempotencyKeyReused) as caught:
            await refund(paykeel, held, key, 100)
        assert set(caught.value.data["fields"]) == fields, key
    assert await rows_written(admin) == before
    assert await moved(paykeel, held, "refund") == 0


@pytest.mark.parametrize("purged", [False, True], ids=["kept", "purged"])
@pytest.mark.parametrize("waits", [False, True], ids=["sent", "waiting"])
async def test_a_key_that_a_refund_holds_is_no_key_of_anything_else(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, *, purged: bool, waits: bool
) -> None:
    if waits:
        payment, _ = await waiting(paykeel, merchant)
    else:
        payment = await buy(paykeel, merchant)
        await refund(paykeel, payment)
    held = await reserve(paykeel, merchant, "held")
    if purged:
        await purge(paykeel, merchant, admin)
    before = await rows_written(admin)
    with pytest.raises(IdempotencyKeyReused):
        await buy(paykeel, merchant, "r-1")
    for verb in (paykeel.payments.capture, paykeel.payments.cancel):
        for one in (held, payment):
            with pytest.raises(IdempotencyKeyReused):
                await verb(one.payment_id, merchant_id=merchant.merchant_id, idempotency_key="r-1")
    assert await rows_written(admin) == before
    # The database refuses it, too, whatever the code looked up before.
    assert await admin.fetchval("SELECT count(*) FROM payments") == 2
    await audited(paykeel)


async def test_a_refund_is_answered_as_it_stands_when_its_answer_was_purged(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment, asked = await waiting(paykeel, merchant)
    first = await ask_refund(paykeel, payment)
    assert (first.status, refund_in(first)["status"]) == (202, "requested")
    await refunds_of(paykeel).approve(
        asked.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES
    )
    # A stored answer stays what it was: the first request was told that it waits.
    assert await ask_refund(paykeel, payment) == replace(first, replayed=True)
    await purge(paykeel, merchant, admin)
    later = await ask_refund(paykeel, payment)
    assert (later.status, later.replayed, refund_in(later)["status"]) == (201, True, "succeeded")
    assert refund_in(later)["id"] == refund_in(first)["id"] == str(asked.refund_id)
    failing = await buy(paykeel, merchant, "order-2", payment_method="pm_refund_declined")
    await refund(paykeel, failing, "r-2")
    (two,) = (await refunds_of(paykeel).list(merchant_id=merchant.merchant_id, rows_max=1)).refunds
    await refunds_of(paykeel).approve(
        two.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES
    )
    await purge(paykeel, merchant, admin)
    refused = await ask_refund(paykeel, failing, "r-2")
    assert (refused.status, refund_in(refused)["failure"]["reason"]) == (402, "processing_error")


async def test_a_key_at_once_for_a_purchase_and_for_a_refund_is_one_of_them(
    urls: Urls,
) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        payment = await buy(one, merchant, "order-0")
        for number in range(15):
            key = f"k-{number}"
            results = await asyncio.gather(
                refund(one, payment, key, 10), buy(two, merchant, key), return_exceptions=True
            )
            good = [one for one in results if not isinstance(one, BaseException)]
            bad = [one for one in results if isinstance(one, BaseException)]
            assert len(good) == 1, results
            assert all(
                isinstance(error, IdempotencyKeyReused | IdempotencyInFlight) for error in bad
            ), bad
        now = await again(one, payment)
        count, amount = await given_back(one, merchant.merchant_id)
        assert sums(now) == (amount, 0) == (10 * count, 0)
        await audited(one)


async def test_one_key_at_once_for_two_payments_is_one_of_them(urls: Urls) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        payments = [await buy(one, merchant, f"order-{n}") for n in range(2)]
        for number in range(15):
            results = await asyncio.gather(
                *(
                    refund(process, payment, f"k-{number}", 10)
                    for process, payment in zip((one, two), payments, strict=True)
                ),
                return_exceptions=True,
            )
            bad = [one for one in results if isinstance(one, BaseException)]
            assert len(bad) == 1, results
            assert isinstance(bad[0], IdempotencyKeyReused | IdempotencyInFlight)
        assert await given_back(one, merchant.merchant_id) == (15, 150)
        await audited(one)


async def test_the_same_request_at_once_is_one_refund(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    answers = await asyncio.gather(*(ask_refund(paykeel, payment) for _ in range(30)))
    assert len({answer.body for answer in answers}) == 1
    assert {answer.status for answer in answers} == {201}
    assert await given_back(paykeel, merchant.merchant_id) == (1, 500)
    await audited(paykeel)


async def test_a_repetition_is_never_told_that_there_is_no_room_for_what_it_took(
    urls: Urls,
) -> None:
    """Each takes more than half: whoever looks late finds the room taken, by this very refund."""
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        for number in range(10):
            payment = await buy(one, merchant, f"order-{number}")
            answers = await asyncio.gather(
                *(
                    ask_refund(process, payment, f"r-{number}", 1_000, expected_refunded_amount=0)
                    for _ in range(12)
                    for process in (one, two)
                )
            )
            assert len({answer.body for answer in answers}) == 1
        assert await given_back(one, merchant.merchant_id) == (10, 10_000)
        await audited(one)


async def test_while_the_first_is_on_its_way_the_second_is_told_so(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    changes = {"gateway_ms_max": 600, "duplicate_wait_ms_max": 50}
    async with opened(urls, changes=changes) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_refund_timeout_then_succeeded")
        first = asyncio.create_task(ask_refund(paykeel, payment))
        await asyncio.sleep(0.3)
        with pytest.raises(IdempotencyInFlight):
            await ask_refund(paykeel, payment)
        with pytest.raises(IdempotencyKeyReused):
            await ask_refund(paykeel, payment, requested_by="Cleo Marsh")
        said = await first
        assert (said.status, refund_in(said)["requested_by"]) == (202, ASKER)
        await recover(paykeel, admin)
        assert (await ask_refund(paykeel, payment)).status == 201
        await publish_policy(paykeel, merchant)
        await audited(paykeel)
