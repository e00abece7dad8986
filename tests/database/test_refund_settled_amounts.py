"""Refunds of which the gateway gave back another amount than was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.errors import InvalidField
from paykeel.gateways.port import Declined, DeclineReason, Succeeded, Unknown
from paykeel.money import Money
from paykeel.refunds.model import GivenFacts
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
    notice_of,
    publish_policy,
    read_refund,
    refund,
    refund_in,
    refunds_of,
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


@pytest.mark.parametrize("given", [300, 500])
async def test_what_the_gateway_said_is_kept_for_whoever_settles_it(
    urls: Urls, admin: asyncpg.Connection, given: int
) -> None:
    async with dark(urls, Succeeded(Money(300, "EUR"), "re_1")) as (paykeel, payment, _):
        one = await refund(paykeel, payment)
        # It says nothing more, however often it is asked.
        for _ in range(3):
            await recover(paykeel, admin)
        (stuck,) = await paykeel.payments.stuck(merchant_id=payment.merchant_id)
        said = "amount mismatch: asked 500, gateway says 300 EUR as re_1"
        assert (stuck.outcome, stuck.refund_id) == (said, one.refund_id)
        await resolve(paykeel, payment, given)
        done = await read_refund(paykeel, one)
        assert (done.status, done.gateway_id) == ("succeeded", "re_1")
        await tell(paykeel, payment, "re_1", given)
        assert await notices(paykeel, payment) == [("re_1", "ours", None)]
        assert sums(await again(paykeel, payment)) == (given, 0)
        await audited(paykeel)


@pytest.mark.parametrize("ends", ["failed", "succeeded"])
async def test_another_amount_after_the_end_is_noted_once_with_what_was_said(
    urls: Urls, admin: asyncpg.Connection, ends: str
) -> None:
    refused = Declined(DeclineReason.OTHER, "x")
    answer = refused if ends == "failed" else Succeeded(Money(500, "EUR"), "re_1")
    async with dark(urls, answer) as (paykeel, payment, _):
        assert (await refund(paykeel, payment)).status == ends
        before = await again(paykeel, payment)
        for _ in range(3):
            said = Succeeded(Money(300, "EUR"), "re_1")
            await refunds_of(paykeel).take_notice(notice_of(payment, "r-1", said))
        now = await again(paykeel, payment)
        assert (now.version, sums(now)) == (before.version + 1, sums(before))
        last = now.timeline[-1]
        kind = "payment.refund_unbooked" if ends == "failed" else "payment.refund_contradicted"
        assert (last.type, last.amount, dict(last.data)) == (
            kind, 500, {"said_amount": 300, "said_currency": "EUR", "said_id": "re_1"},
        )  # fmt: skip
        alarms = "SELECT count(*) FROM outbox WHERE topic = 'payment.alarm'"
        assert await admin.fetchval(alarms) == 1
        await audited(paykeel)


async def test_what_may_be_booked_as_made_there_is_not_booked_again(urls: Urls) -> None:
    async with dark(urls, Declined(DeclineReason.OTHER, "x")) as (paykeel, payment, _):
        assert (await refund(paykeel, payment)).status == "failed"
        await tell(paykeel, payment)
        assert await notices(paykeel, payment) == [("re_1", "booked", None)]
        for _ in range(2):
            late = Succeeded(Money(500, "EUR"))
            await refunds_of(paykeel).take_notice(notice_of(payment, "r-1", late))
        now = await again(paykeel, payment)
        assert (sums(now), now.timeline[-1].type) == ((500, 0), "payment.refund_unbooked")
        await audited(paykeel)


async def test_no_component_gives_more_than_was_captured_after_another_amount(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    """The fare's refund gave back a hundredth; what is left of the tax is all that it gives."""
    async with dark(urls) as (paykeel, _, gateway):
        merchant = await paykeel.merchants.create("Mill Market")
        await publish_policy(
            paykeel, merchant, approval={"when": "never"},
            components={"tax": {"refundable": "no"}},
            exceptions={"provider_fault": {"percent_bps": 10_000, "bypass_tiers": True}},
        )  # fmt: skip
        gateway.will("charge", Succeeded(Money(AMOUNT, "EUR")))
        payment = await buy(paykeel, merchant)
        facts = GivenFacts(components={"fare": 1_000, "tax": 250})
        await refund(paykeel, payment, "r-1", 1_000, facts=facts)
        await recover(paykeel, admin)
        await resolve(paykeel, payment, 10)
        gone: dict[str, int] = {"fare": 10}
        for key, amount in (("r-2", 250), ("r-3", 990)):
            gateway.will("refund", Succeeded(Money(amount, "EUR"), f"re_{key}"))
            made = await refund(paykeel, payment, key, amount, facts=facts, reason="provider_fault")
            decisions = await refunds_of(paykeel).decisions(
                made.refund_id, merchant_id=merchant.merchant_id
            )
            for line in decisions[0].breakdown or ():
                gone[line["component"]] = gone.get(line["component"], 0) + line["this"]
        assert gone == {"fare": 1_000, "tax": 250}
        await audited(paykeel)
