"""Taking what is reserved: all of it, parts of it, never more, and never twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.errors import (
    IllegalTransition,
    InvalidField,
    InvalidIdempotencyKey,
    NotFound,
    OperationInFlight,
)
from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.gateways.port import Notice, Succeeded, Unknown
from paykeel.money import Money
from tests.conftest import settings_for
from tests.database.gateways import Door
from tests.database.helpers import (
    again,
    attempts_of,
    audited,
    body,
    buy,
    moved,
    opened,
    placeholder_of,
    recover,
    reserve,
    topics_of,
)

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from paykeel import Payment
    from paykeel.idempotency import Answer
    from paykeel.merchants import Merchant
    from tests.servers import Urls

AMOUNT = 1_250
QUICK = {"gateway_ms_max": 500}


async def capture(paykeel: Paykeel, payment: Payment, key: str = "c-1", **how: Any) -> Payment:
    return await paykeel.payments.capture(
        payment.payment_id, merchant_id=payment.merchant_id, idempotency_key=key, **how
    )


async def ask_capture(paykeel: Paykeel, payment: Payment, key: str = "c-1", **how: Any) -> Answer:
    return await paykeel.payments.answer_capture(
        payment.payment_id, merchant_id=payment.merchant_id, idempotency_key=key, **how
    )


async def test_a_reservation_moves_no_money(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    held = await reserve(paykeel, merchant)
    assert (held.status, held.amount_authorized, held.amount_captured) == ("authorized", AMOUNT, 0)
    assert await moved(paykeel, held) == await moved(paykeel, held, "reservation") == 1
    (attempt,) = await attempts_of(admin, held)
    # It stays watched until it lapses.
    assert attempt["state"] == "waiting"
    assert attempt["recover_at"] is not None
    assert await topics_of(admin, held) == ["payment.authorized"]


async def test_a_capture_of_all_completes_the_purchase(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    held = await reserve(paykeel, merchant)
    done = await capture(paykeel, held)
    assert (done.status, done.amount_captured) == ("succeeded", AMOUNT)
    assert await moved(paykeel, held, "capture") == 1
    assert [attempt["state"] for attempt in await attempts_of(admin, held)] == ["done", "done"]
    assert await topics_of(admin, held) == ["payment.authorized", "purchase.completed"]
    assert await again(paykeel, held) == done
    await audited(paykeel)


async def test_a_capture_is_repeated_byte_for_byte(paykeel: Paykeel, merchant: Merchant) -> None:
    held = await reserve(paykeel, merchant)
    first = await ask_capture(paykeel, held, amount=300, final=False)
    assert (first.status, body(first)["display_status"]) == (200, "partially_captured")
    await capture(paykeel, held, "c-2", amount=200, final=False)
    assert await ask_capture(paykeel, held, amount=300, final=False) == replace(
        first, replayed=True
    )
    assert (await again(paykeel, held)).amount_captured == 500
    assert await moved(paykeel, held, "capture") == 2


async def test_parts_are_taken_until_the_last(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    now = held = await reserve(paykeel, merchant)
    for number, (amount, final, status, captured) in enumerate(
        [
            (300, False, "authorized", 300),
            (700, False, "authorized", 1_000),
            (100, True, "succeeded", 1_100),
        ]
    ):
        now = await capture(paykeel, held, f"c-{number}", amount=amount, final=final)
        assert (now.status, now.amount_captured) == (status, captured)
    assert await moved(paykeel, held, "capture") == 3
    # The rest is released, by the gateway, with the final one.
    assert await moved(paykeel, held, "release") == 1
    assert [event.type for event in now.timeline] == [
        "payment.opened",
        "payment.authorized",
        "payment.captured",
        "payment.captured",
        "payment.succeeded",
    ]
    topics = await topics_of(admin, held)
    assert topics.count("purchase.completed") == 1
    await audited(paykeel)


async def test_the_rest_is_what_is_left(paykeel: Paykeel, merchant: Merchant) -> None:
    held = await reserve(paykeel, merchant)
    await capture(paykeel, held, "c-1", amount=300, final=False)
    done = await capture(paykeel, held, "c-2")
    assert (done.status, done.amount_captured) == ("succeeded", AMOUNT)


async def test_a_wrong_amount_takes_nothing_and_leaves_the_key_free(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    held = await reserve(paykeel, merchant)
    wrong: list[tuple[Any, str]] = [
        (0, "amount_zero"),
        (-1, "amount_negative"),
        (True, "amount_boolean"),
        (1.5, "amount_float"),
        ("1", "amount_not_integer"),
        (AMOUNT + 1, "amount_over_authorized"),
        (10**13, "amount_too_large"),
    ]
    for amount, code in wrong:
        with pytest.raises(InvalidField) as caught:
            await capture(paykeel, held, amount=amount)
        assert caught.value.code == code
    assert (await capture(paykeel, held)).amount_captured == AMOUNT


async def test_more_than_is_left_is_refused(paykeel: Paykeel, merchant: Merchant) -> None:
    held = await reserve(paykeel, merchant)
    await capture(paykeel, held, "c-1", amount=1_000, final=False)
    with pytest.raises(InvalidField) as caught:
        await capture(paykeel, held, "c-2", amount=251)
    assert caught.value.code == "amount_over_authorized"
    assert (await capture(paykeel, held, "c-2", amount=250)).status == "succeeded"


async def test_only_what_is_authorized_is_captured(paykeel: Paykeel, merchant: Merchant) -> None:
    for token in ("pm_ok", "pm_card_declined", "pm_requires_action", "pm_pending_then_succeeded"):
        payment = await buy(paykeel, merchant, token, payment_method=token)
        with pytest.raises(IllegalTransition) as caught:
            await capture(paykeel, payment)
        assert caught.value.data == {"status": payment.status}
        with pytest.raises(InvalidIdempotencyKey):
            await capture(paykeel, payment, "")


async def test_captures_at_once_never_exceed_what_is_authorized(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        held = await reserve(one, merchant)
        results = await asyncio.gather(
            *(
                capture(process, held, f"c-{number}", amount=100, final=False)
                for number in range(20)
                for process in (one, two)
            ),
            return_exceptions=True,
        )
        refusals = [result for result in results if isinstance(result, BaseException)]
        assert all(isinstance(result, OperationInFlight | InvalidField) for result in refusals)
        # Who was told to come back does, and what is left is taken to the last unit.
        for number in range(20):
            try:
                await capture(one, held, f"c-{number}", amount=100, final=False)
            except InvalidField as error:
                assert error.code == "amount_over_authorized"  # noqa: PT017 - either will do
        now = await again(one, held)
        assert (now.status, now.amount_captured) == ("authorized", 1_200)
        totals = await placeholder_of(one).books(str(merchant.merchant_id))
        assert [row.amount for row in totals if row.kind == "capture"] == [1_200]
        assert await moved(one, held, "capture") == 12
        await audited(one)


async def test_while_one_operation_is_open_another_is_told_to_come_back(urls: Urls) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        held = await reserve(paykeel, merchant, payment_method="pm_capture_lost_response")
        assert (await ask_capture(paykeel, held)).status == 202
        for verb in (paykeel.payments.capture, paykeel.payments.cancel):
            with pytest.raises(OperationInFlight) as caught:
                await verb(held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="x-1")
            assert caught.value.retryable


async def test_a_declined_capture_leaves_the_reservation(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    held = await reserve(paykeel, merchant, payment_method="pm_capture_declined")
    answer = await ask_capture(paykeel, held)
    assert answer.status == 402
    assert (body(answer)["status"], body(answer)["amount_captured"]) == ("authorized", 0)
    now = await again(paykeel, held)
    assert now.timeline[-1].type == "payment.capture_declined"
    assert now.timeline[-1].reason == "processing_error"
    assert await ask_capture(paykeel, held) == replace(answer, replayed=True)
    # Under another key it is another capture, with another reference at the gateway.
    assert (await ask_capture(paykeel, held, "c-2")).status == 402
    assert await moved(paykeel, held, "capture") == 0
    await audited(paykeel)


@pytest.mark.parametrize(
    ("token", "ends"),
    [
        ("pm_capture_lost_response", 200),
        ("pm_capture_timeout", 200),
        ("pm_capture_timeout_then_succeeded", 200),
        ("pm_capture_5xx_before", 200),
        ("pm_capture_5xx_after", 200),
        ("pm_capture_pending_then_succeeded_100", 200),
        ("pm_capture_pending_then_declined_100", 402),
    ],
)
async def test_a_capture_in_the_dark_is_recovered(
    urls: Urls, admin: asyncpg.Connection, token: str, ends: int
) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        held = await reserve(paykeel, merchant, payment_method=token)
        answer = await ask_capture(paykeel, held, amount=1_000, final=False)
        assert (answer.status, body(answer)["amount_captured"]) == (202, 0)
        await asyncio.sleep(0.2)
        for _ in range(2):
            await recover(paykeel, admin)
        now = await again(paykeel, held)
        taken = 1_000 if ends == 200 else 0
        assert (now.status, now.amount_captured) == ("authorized", taken)
        assert await moved(paykeel, held, "capture") == taken // 1_000
        repeated = await ask_capture(paykeel, held, amount=1_000, final=False)
        assert (repeated.status, repeated.replayed) == (ends, True)
        assert body(repeated)["amount_captured"] == taken
        await audited(paykeel)


async def test_what_took_effect_takes_effect_no_second_time(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """A repeated notice of a capture that leaves the payment authorized is no second capture."""
    held = await reserve(paykeel, merchant)
    await capture(paykeel, held, amount=300, final=False)
    reference = await admin.fetchval(
        "SELECT encode(reference, 'hex') FROM payment_attempts WHERE operation = 'capture'"
    )
    notice = Notice(
        message_id="n-1",
        reference=reference,
        outcome=Succeeded(Money(300, "EUR")),
        merchant_id=str(merchant.merchant_id),
        payment_id=str(held.payment_id),
    )
    for _ in range(3):
        assert (await paykeel.payments.take_notice(notice)).amount_captured == 300
    await paykeel.payments.take_notice(replace(notice, outcome=Unknown("timeout")))
    now = await again(paykeel, held)
    assert (now.amount_captured, now.version) == (300, 3)
    assert await moved(paykeel, held, "capture") == 1


@pytest.mark.parametrize("heard", [True, False], ids=["answered late", "never answered"])
async def test_a_request_and_a_sweep_that_settle_the_same_capture_book_it_once(
    urls: Urls, admin: asyncpg.Connection, *, heard: bool
) -> None:
    """The sweep is told of the capture while the request still waits for its answer."""
    door = Door(await PlaceholderGateway.open(urls.app))
    settings = settings_for(urls, gateway_ms_max=1_500)
    async with Paykeel.open(settings, gateways=Gateways.of(test=door)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        held = await reserve(paykeel, merchant)
        request = asyncio.create_task(ask_capture(paykeel, held, amount=300, final=False))
        await asyncio.sleep(0.2)
        await recover(paykeel, admin)
        assert (await again(paykeel, held)).amount_captured == 300
        assert not request.done()
        if heard:
            door.open.set()
        answer = await request
        assert (await again(paykeel, held)).amount_captured == 300
        # Everybody who comes with this key is told the same.
        assert (answer.status, body(answer)["amount_captured"]) == (200, 300)
        repeated = await ask_capture(paykeel, held, amount=300, final=False)
        assert repeated == replace(answer, replayed=True)
        await audited(paykeel)
    await door.close()


async def test_the_same_capture_at_once_is_one_capture(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    held = await reserve(paykeel, merchant)
    results = await asyncio.gather(
        *(ask_capture(paykeel, held, amount=300, final=False) for _ in range(20)),
        return_exceptions=True,
    )
    answers = [result for result in results if not isinstance(result, BaseException)]
    assert len(answers) == 20, [result for result in results if isinstance(result, BaseException)]
    assert len({answer.body for answer in answers}) == 1
    assert await moved(paykeel, held, "capture") == 1
    assert (await again(paykeel, held)).amount_captured == 300


async def test_nothing_is_captured_of_what_is_not_there(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    nobody: UUID = merchant.merchant_id
    with pytest.raises(NotFound):
        await paykeel.payments.capture(nobody, merchant_id=nobody, idempotency_key="c-1")
