"""One key, one payment, one answer: repetitions, reuse, waiting, and keys that stay free."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Paykeel
from paykeel.errors import (
    DatabaseUnavailable,
    Forbidden,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    InvalidField,
    InvalidIdempotencyKey,
    Overloaded,
)
from tests.conftest import order, settings_for
from tests.database.helpers import (
    again,
    ask,
    audited,
    body,
    buy,
    moved,
    opened,
    placeholder_of,
    reserve,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls

#: One other value of each field of a request, and the name by which a refusal calls the field.
OTHERS: dict[str, tuple[object, str]] = {
    "amount": (1_251, "amount"),
    "currency": ("USD", "currency"),
    "buyer_id": ("agent-8", "buyer"),
    "buyer_role": ("operator", "buyer"),
    "payment_method": ("pm_ok_2", "payment_method"),
    "reference": ("order-18", "reference"),
    "description": ("more", "description"),
    "metadata": ({"a": "b"}, "metadata"),
    "capture_method": ("manual", "capture_method"),
}
#: For purchases that take their time.
PATIENT = {"gateway_ms_max": 5_000}


@pytest.mark.parametrize("token", ["pm_ok", "pm_card_declined", "pm_requires_action"])
async def test_a_key_for_another_request_is_refused_and_the_fields_are_named(
    paykeel: Paykeel, merchant: Merchant, token: str
) -> None:
    first = await buy(paykeel, merchant, payment_method=token)
    for name, (value, shown) in OTHERS.items():
        changes: dict[str, Any] = {"payment_method": token, name: value}
        with pytest.raises(IdempotencyKeyReused, match=shown) as caught:
            await buy(paykeel, merchant, **changes)
        assert caught.value.data == {"fields": [shown]}
    both: dict[str, Any] = {"payment_method": token, "amount": 1, "reference": None}
    with pytest.raises(IdempotencyKeyReused) as caught:
        await buy(paykeel, merchant, **both)
    assert caught.value.data == {"fields": ["amount", "reference"]}
    assert await again(paykeel, first) == first


async def test_a_refusal_of_reuse_never_repeats_values(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await buy(paykeel, merchant, description="first secret")
    with pytest.raises(IdempotencyKeyReused) as caught:
        await buy(paykeel, merchant, description="second secret")
    assert "secret" not in f"{caught.value} {caught.value.data}"


@pytest.mark.parametrize("token", ["pm_ok", "pm_insufficient_funds"])
async def test_an_answer_survives_a_restart(urls: Urls, token: str) -> None:
    async with opened(urls) as first:
        merchant = await first.merchants.create("Harbour Market")
        answer = await ask(first, merchant, payment_method=token)
    async with opened(urls) as second:
        repeated = await ask(second, merchant, payment_method=token)
        assert repeated == replace(answer, replayed=True)
        await audited(second)


async def test_duplicates_at_once_are_one_purchase(urls: Urls) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        keys = [f"order-{number}" for number in range(5)]
        answers = await asyncio.gather(
            *(
                ask(process, merchant, key, payment_method="pm_slow_50")
                for key in keys
                for _ in range(10)
                for process in (one, two)
            )
        )
        for place, key in enumerate(keys):
            told = answers[place * 20 : place * 20 + 20]
            assert len({answer.body for answer in told}) == 1, key
            assert [answer.replayed for answer in told].count(False) == 1
            assert {answer.status for answer in told} == {201}
            payment = await buy(one, merchant, key, payment_method="pm_slow_50")
            assert await moved(one, payment) == 1
        assert await placeholder_of(one).movements(merchant_id=str(merchant.merchant_id)) == 5
        await audited(one)


async def test_a_duplicate_waits_for_the_first_and_gets_its_answer(urls: Urls) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        first = asyncio.create_task(ask(one, merchant, payment_method="pm_slow_300"))
        await asyncio.sleep(0.1)
        repeated = await ask(two, merchant, payment_method="pm_slow_300")
        assert repeated == replace(await first, replayed=True)


async def test_who_waited_long_enough_is_told_to_come_back(urls: Urls) -> None:
    changes = {"duplicate_wait_ms_max": 100, **PATIENT}
    async with opened(urls, changes=changes) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        first = asyncio.create_task(ask(paykeel, merchant, payment_method="pm_slow_900"))
        await asyncio.sleep(0.1)
        with pytest.raises(IdempotencyInFlight) as caught:
            await ask(paykeel, merchant, payment_method="pm_slow_900")
        assert not first.done()
        assert caught.value.retryable
        assert caught.value.data["retry_after_s"] == 1
        answer = await first
        assert caught.value.data["payment_id"] == body(answer)["id"]
        assert (await ask(paykeel, merchant, payment_method="pm_slow_900")).body == answer.body


@pytest.mark.parametrize("waiters", [0, 1])
async def test_only_so_many_wait_and_others_are_not_held_up(urls: Urls, waiters: int) -> None:
    changes = {"duplicate_waiters_max": waiters, **PATIENT}
    async with opened(urls, changes=changes) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        held = await reserve(paykeel, merchant, "held")
        slow = {"payment_method": "pm_slow_1500"}
        tasks = [asyncio.create_task(ask(paykeel, merchant, **slow)) for _ in range(1 + waiters)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(1.0):
            with pytest.raises(IdempotencyInFlight):
                await ask(paykeel, merchant, **slow)
            # Nobody else waits for the waiting: not a capture, not another purchase.
            await paykeel.payments.capture(
                held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c"
            )
            await buy(paykeel, merchant, "other")
        assert len({answer.body for answer in await asyncio.gather(*tasks)}) == 1


async def test_reuse_is_refused_without_waiting(urls: Urls) -> None:
    async with opened(urls, changes=PATIENT) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        first = asyncio.create_task(ask(paykeel, merchant, payment_method="pm_slow_900"))
        await asyncio.sleep(0.1)
        with pytest.raises(IdempotencyKeyReused):
            await ask(paykeel, merchant, payment_method="pm_slow_900", amount=7)
        assert not first.done()
        await first


async def test_a_wrong_key_is_refused_before_anything(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    for key in ("", " ", "a" * 256, "two words", "\u00e9", "4242424242424242"):
        with pytest.raises((InvalidIdempotencyKey, InvalidField)):
            await buy(paykeel, merchant, key)
    assert await admin.fetchval("SELECT count(*) FROM payments") == 0


async def test_a_key_is_case_sensitive_and_may_be_quoted(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    plain, quoted = await buy(paykeel, merchant, "Order"), await buy(paykeel, merchant, '"Order"')
    other = await buy(paykeel, merchant, "order")
    longest = await buy(paykeel, merchant, "k" * 255)
    assert plain == quoted
    assert len({plain.payment_id, other.payment_id, longest.payment_id}) == 3


async def test_what_was_refused_leaves_the_key_free(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    with pytest.raises(InvalidField):
        order(amount=0)
    await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", 1_000)
    with pytest.raises(InvalidField, match="at most 1000"):
        await buy(paykeel, merchant)
    await paykeel.merchants.set_status(merchant.merchant_id, "suspended")
    with pytest.raises(Forbidden):
        await buy(paykeel, merchant, amount=1_000)
    for table in ("payments", "payment_idempotency", "payment_attempts", "payment_events"):
        assert await admin.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
    await paykeel.merchants.set_status(merchant.merchant_id, "active")
    payment = await buy(paykeel, merchant, amount=999)
    assert payment.status == "succeeded"


async def test_a_finished_purchase_is_answered_whatever_changed_about_the_merchant(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    answer = await ask(paykeel, merchant)
    await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", 1)
    assert await ask(paykeel, merchant) == replace(answer, replayed=True)
    await paykeel.merchants.set_status(merchant.merchant_id, "suspended")
    assert await ask(paykeel, merchant) == replace(answer, replayed=True)
    with pytest.raises(Forbidden):
        await ask(paykeel, merchant, "another")


async def test_without_a_database_nothing_is_sent_and_the_key_stays_free(urls: Urls) -> None:
    """The connection is cut before the purchase is opened, by a server that refuses new ones."""
    async with opened(urls, changes={"pool_wait_ms_max": 300, "merchant_cache_ms": 60_000}) as one:
        merchant = await one.merchants.create("Harbour Market")
        warm = await buy(one, merchant, "warm")
        await one.database._pool.close()
        with pytest.raises(DatabaseUnavailable) as caught:
            await buy(one, merchant)
        assert caught.value.retryable
    async with Paykeel.open(settings_for(urls)) as two:
        assert await moved(two, warm) == 1
        assert await placeholder_of(two).movements(merchant_id=str(merchant.merchant_id)) == 1
        payment = await buy(two, merchant)
        assert payment.status == "succeeded"
        assert await placeholder_of(two).movements(merchant_id=str(merchant.merchant_id)) == 2


async def test_too_many_at_once_are_told_to_come_back_and_their_keys_stay_free(urls: Urls) -> None:
    async with opened(urls, changes={"queue_rows_max": 5, "batch_rows_max": 1}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        keys = [f"order-{number}" for number in range(30)]
        results: list[Any] = await asyncio.gather(
            *(buy(paykeel, merchant, key) for key in keys), return_exceptions=True
        )
        turned = [
            key for key, one in zip(keys, results, strict=True) if isinstance(one, Overloaded)
        ]
        assert turned
        assert len(turned) < len(keys)
        for key in turned:
            assert (await buy(paykeel, merchant, key)).status == "succeeded"
        await audited(paykeel)


async def test_a_key_of_a_purchase_is_no_key_of_an_operation_and_the_other_way_round(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await reserve(paykeel, merchant, "purchase")
    whose: dict[str, Any] = {"merchant_id": merchant.merchant_id}
    for verb in (paykeel.payments.capture, paykeel.payments.cancel):
        with pytest.raises(IdempotencyKeyReused) as caught:
            await verb(payment.payment_id, idempotency_key="purchase", **whose)
        assert "operation" in caught.value.data["fields"]
    await paykeel.payments.capture(payment.payment_id, idempotency_key="capture", **whose)
    with pytest.raises(IdempotencyKeyReused) as caught:
        await buy(paykeel, merchant, "capture")
    assert caught.value.data == {"fields": ["operation"]}
    with pytest.raises(IdempotencyKeyReused) as caught:
        await paykeel.payments.cancel(payment.payment_id, idempotency_key="capture", **whose)
    assert caught.value.data == {"fields": ["operation"]}
    other = await reserve(paykeel, merchant, "other")
    with pytest.raises(IdempotencyKeyReused) as caught:
        await paykeel.payments.capture(other.payment_id, idempotency_key="capture", **whose)
    assert caught.value.data == {"fields": ["payment"]}
    with pytest.raises(IdempotencyKeyReused) as caught:
        await paykeel.payments.capture(
            payment.payment_id, idempotency_key="capture", amount=5, **whose
        )
    assert caught.value.data == {"fields": ["amount", "final"]}
    assert await moved(paykeel, payment, "capture") == 1


async def test_a_purchase_and_a_capture_that_race_for_a_key_do_not_both_get_it(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    for number in range(10):
        held = await reserve(paykeel, merchant, f"held-{number}")
        key = f"shared-{number}"
        results = await asyncio.gather(
            buy(paykeel, merchant, key),
            paykeel.payments.capture(
                held.payment_id, merchant_id=merchant.merchant_id, idempotency_key=key
            ),
            return_exceptions=True,
        )
        kinds = [type(result) for result in results]
        assert kinds.count(IdempotencyKeyReused) == 1, results
    await audited(paykeel)


async def test_a_key_that_an_operation_is_just_claiming_is_taken(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    held = await reserve(paykeel, merchant, "held")
    claim = admin.transaction()
    await claim.start()
    await admin.execute(
        """
        INSERT INTO payment_idempotency (
            merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no,
            created_at)
        VALUES ($1, 'key', 'capture', $2, $3, 2, now())
        """,
        merchant.merchant_id,
        b"f" * 32,
        held.payment_id,
    )
    purchase = asyncio.create_task(buy(paykeel, merchant, "key"))
    neighbours = [asyncio.create_task(buy(paykeel, merchant, f"n-{n}")) for n in range(5)]
    await asyncio.sleep(0.1)
    await claim.commit()
    with pytest.raises(IdempotencyKeyReused):
        await purchase
    assert {payment.status for payment in await asyncio.gather(*neighbours)} == {"succeeded"}
    assert await placeholder_of(paykeel).movements(merchant_id=str(merchant.merchant_id)) == 6
