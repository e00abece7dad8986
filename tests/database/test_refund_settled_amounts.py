"""Refunds of which the gateway gave back another amount than was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.errors import InvalidField
from paykeel.gateways.port import Succeeded, Unknown
from paykeel.money import Money
from tests.conftest import settings_for
from tests.database.gateways import Told
from tests.database.helpers import again, attempts_of, audited, buy, recover
from tests.database.noticing import (
    BECAUSE,
    dark,
    notices,
    tell,
)
from tests.database.refunding import (
    AMOUNT,
    ask_refund,
    read_refund,
    refund,
    refund_in,
    sums,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Payment
    from tests.servers import Urls


async def resolve(paykeel: Paykeel, payment: Payment, amount: int, **how: Any) -> Payment:
    return await paykeel.payments.resolve(
        payment.payment_id, merchant_id=payment.merchant_id,
        **{"decision": "succeeded", "operator": "Cleo Marsh", "evidence": BECAUSE, **how},
        amount=amount,
    )  # fmt: skip


@pytest.mark.parametrize("given", [1, 300, 500, 501, AMOUNT])
async def test_a_refund_of_another_amount_is_settled_on_a_persons_word(
    urls: Urls, admin: asyncpg.Connection, given: int
) -> None:
    async with dark(urls, Succeeded(Money(given, "EUR"))) as (paykeel, payment, gateway):
        one = await refund(paykeel, payment)
        if given != 500:
            assert one.status == "pending"
            gateway.will("lookup", Succeeded(Money(given, "EUR")))
            await recover(paykeel, admin)
            now = await resolve(paykeel, payment, given)
            last = now.timeline[-1]
            assert (last.actor, last.amount, last.data["asked"]) == (
                "operator:Cleo Marsh", given, 500,
            )  # fmt: skip
        assert sums(await again(paykeel, payment)) == (given, 0)
        done = await read_refund(paykeel, one)
        different = None if given == 500 else given
        assert (done.status, done.amount, done.settled_amount) == ("succeeded", 500, different)
        answer = await ask_refund(paykeel, payment)
        assert (answer.status, refund_in(answer).get("settled_amount")) == (201, different)
        assert (await attempts_of(admin, payment))[-1]["state"] == "done"
        await audited(paykeel)
        if given < AMOUNT:
            gateway.will("refund", Succeeded(Money(AMOUNT - given, "EUR")))
            rest = await refund(paykeel, payment, "r-2", AMOUNT - given)
            assert rest.status == "succeeded"
            await audited(paykeel)


async def test_it_is_refused_where_there_is_no_room_for_it(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with dark(urls) as (paykeel, payment, _):
        await refund(paykeel, payment)
        await refund(paykeel, payment, "r-2", 700)
        await recover(paykeel, admin)
        before = await again(paykeel, payment)
        for how, code in (
            ({"amount": 551, "attempt_no": 2}, "amount_over_refundable"),
            ({"amount": 0, "attempt_no": 2}, "amount_zero"),
            ({"amount": 400, "attempt_no": 2, "decision": "failed"}, "amount_not_of_refund"),
        ):
            with pytest.raises(InvalidField) as caught:
                await resolve(paykeel, payment, **how)
            assert caught.value.code == code
        assert (await again(paykeel, payment)).version == before.version
        now = await resolve(paykeel, payment, 550, attempt_no=2)
        assert sums(now) == (550, 700)
        await audited(paykeel)


async def test_a_purchase_is_settled_with_its_own_amount_alone(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    gateway = Told()
    gateway.will("charge", Unknown("timeout"))
    async with Paykeel.open(settings_for(urls), gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant)
        await recover(paykeel, admin)
        with pytest.raises(InvalidField) as caught:
            await resolve(paykeel, payment, 400)
        assert caught.value.code == "amount_not_of_refund"
        assert (await resolve(paykeel, payment, AMOUNT)).status == "succeeded"


async def test_what_a_person_settled_may_be_what_the_gateway_tells_of_later(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with dark(urls) as (paykeel, payment, _):
        await refund(paykeel, payment)
        await recover(paykeel, admin)
        await resolve(paykeel, payment, 300)
        await tell(paykeel, payment, "re_1", 300)
        assert await notices(paykeel, payment) == [("re_1", "open", "person")]
        assert sums(await again(paykeel, payment)) == (300, 0)
