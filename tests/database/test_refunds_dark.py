"""Refunds of which nothing is heard: kept reserved until the gateway says how they ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.errors import InvalidField, OperationInFlight
from paykeel.gateways.port import (
    Authorized,
    Declined,
    DeclineReason,
    NotSent,
    Outcome,
    Pending,
    Succeeded,
    Unknown,
)
from paykeel.money import Money
from tests.conftest import settings_for
from tests.database.gateways import Told
from tests.database.helpers import (
    again,
    age,
    attempts_of,
    audited,
    buy,
    opened,
    placeholder_of,
    recover,
    topics_of,
)
from tests.database.refunding import (
    AMOUNT,
    OTHER_EYES,
    ask_refund,
    given_back,
    notice_of,
    read_refund,
    refund,
    refund_in,
    refunds_of,
    sums,
    waiting,
)

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    import asyncpg

    from paykeel import Payment
    from tests.servers import Urls

QUICK = {"gateway_ms_max": 400}
GIVEN = Succeeded(Money(500, "EUR"), "re_1")
REFUSED = Declined(DeclineReason.PROCESSING_ERROR, "x17")

DARK = [
    ("pm_refund_lost_response", "succeeded"),
    ("pm_refund_timeout", "succeeded"),
    ("pm_refund_timeout_then_succeeded", "succeeded"),
    ("pm_refund_5xx_before", "succeeded"),
    ("pm_refund_5xx_after", "succeeded"),
    ("pm_refund_not_sent", "succeeded"),
    ("pm_refund_pending_then_succeeded_100", "succeeded"),
    ("pm_refund_pending_then_declined_100", "failed"),
]


@pytest.mark.parametrize("approved", [False, True], ids=["at once", "approved"])
@pytest.mark.parametrize(("token", "ends"), DARK)
async def test_a_refund_in_the_dark_is_kept_reserved_and_recovered(
    urls: Urls, admin: asyncpg.Connection, token: str, ends: str, *, approved: bool
) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        if approved:
            payment, asked = await waiting(paykeel, merchant, payment_method=token)
            one = await refunds_of(paykeel).approve(
                asked.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES
            )
        else:
            payment = await buy(paykeel, merchant, payment_method=token)
            answer = await ask_refund(paykeel, payment)
            assert (answer.status, refund_in(answer)["status"]) == (202, "pending")
            page = await refunds_of(paykeel).list(merchant_id=merchant.merchant_id)
            (one,) = page.refunds
        assert one.status == "pending"
        assert sums(await again(paykeel, payment)) == (0, 500)
        with pytest.raises(InvalidField):  # There is no room for what may be on its way.
            await refund(paykeel, payment, "r-2", 751)
        await asyncio.sleep(0.15)
        for _ in range(3):
            await recover(paykeel, admin)
        done = await read_refund(paykeel, one)
        back = 500 if ends == "succeeded" else 0
        assert (done.status, sums(await again(paykeel, payment))) == (ends, (back, 0))
        assert await given_back(paykeel, merchant.merchant_id) == (back // 500, back)
        if not approved:
            repeated = await ask_refund(paykeel, payment)
            assert (repeated.status, repeated.replayed) == (201 if back else 402, True)
        assert (await attempts_of(admin, payment))[-1]["state"] == "done"
        await audited(paykeel)


async def told(urls: Urls) -> tuple[AbstractAsyncContextManager[Paykeel], Told]:
    """A Paykeel whose gateway says what the test tells it to."""
    gateway = Told()
    return Paykeel.open(settings_for(urls), gateways=Gateways.of(test=gateway)), gateway


@pytest.mark.parametrize(
    "said",
    [
        Unknown("timeout"),
        NotSent("connection_refused"),
        Pending("re_1"),
        Authorized(Money(500, "EUR")),
        Succeeded(Money(501, "EUR")),
        Succeeded(Money(500, "USD")),
        ConnectionResetError(),
        ValueError("an adapter's own"),
    ],
    ids=str,
)
async def test_what_is_no_end_keeps_the_room_and_stays_watched(
    urls: Urls, admin: asyncpg.Connection, said: Outcome | Exception
) -> None:
    opening, gateway = await told(urls)
    async with opening as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        gateway.will("charge", Succeeded(Money(AMOUNT, "EUR")))
        payment = await buy(paykeel, merchant)
        gateway.will("refund", said)
        assert (await refund(paykeel, payment)).status == "pending"
        assert sums(await again(paykeel, payment)) == (0, 500)
        (_, attempt) = await attempts_of(admin, payment)
        assert (attempt["state"], attempt["recover_at"] is None) == ("open", False)
        await audited(paykeel)
        # Asked again, the gateway still does not know; asked once more, it does.
        gateway.will("lookup", Pending("re_1"), GIVEN)
        await recover(paykeel, admin)
        assert (await refund(paykeel, payment)).status == "pending"
        await recover(paykeel, admin)
        assert (await refund(paykeel, payment)).status == "succeeded"
        assert [verb for verb, _ in gateway.asked].count("refund") == 1
        await audited(paykeel)


async def test_what_never_arrived_is_sent_again_under_the_same_reference(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    opening, gateway = await told(urls)
    async with opening as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        gateway.will("charge", Succeeded(Money(AMOUNT, "EUR")))
        payment = await buy(paykeel, merchant)
        gateway.will("refund", NotSent("connection_refused"), GIVEN)
        one = await refund(paykeel, payment)
        gateway.will("lookup", Unknown("not found"), Unknown("not found"))
        await recover(paykeel, admin, 10)
        assert (await read_refund(paykeel, one)).status == "pending"
        await recover(paykeel, admin, 100_000)
        assert (await read_refund(paykeel, one)).status == "succeeded"
        references = [reference for verb, reference in gateway.asked if verb == "refund"]
        assert len(references) == 2
        assert len(set(references)) == 1
        await audited(paykeel)


async def test_what_is_too_old_to_be_sent_again_waits_for_a_person(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    opening, gateway = await told(urls)
    async with opening as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        gateway.will("charge", Succeeded(Money(AMOUNT, "EUR")))
        payment = await buy(paykeel, merchant)
        one = await refund(paykeel, payment)
        gateway.will("lookup", Unknown("not found"))
        await recover(paykeel, admin, 25 * 3_600_000)
        assert [verb for verb, _ in gateway.asked].count("refund") == 1
        (stuck,) = await paykeel.payments.stuck(merchant_id=merchant.merchant_id)
        assert (stuck.operation, stuck.outcome) == ("refund", "not found, too old to send again")
        assert sums(await again(paykeel, payment)) == (0, 500)
        await paykeel.payments.resolve(
            payment.payment_id, merchant_id=merchant.merchant_id, decision="failed",
            operator="Cleo Marsh", evidence="seen in the gateway's own screens",
        )  # fmt: skip
        done = await read_refund(paykeel, one)
        assert (done.status, done.failure_reason) == ("failed", "other")
        now = await again(paykeel, payment)
        assert (sums(now), now.timeline[-1].actor) == ((0, 0), "operator:Cleo Marsh")
        assert "evidence" in now.timeline[-1].data
        await audited(paykeel)


async def test_a_person_cannot_say_how_it_ended_before_recovery_has_looked(urls: Urls) -> None:
    opening, gateway = await told(urls)
    async with opening as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        gateway.will("charge", Succeeded(Money(AMOUNT, "EUR")))
        payment = await buy(paykeel, merchant)
        await refund(paykeel, payment)
        with pytest.raises(OperationInFlight):
            await paykeel.payments.resolve(
                payment.payment_id, merchant_id=merchant.merchant_id, decision="succeeded",
                operator="Cleo Marsh", evidence="seen in the gateway's own screens",
            )  # fmt: skip


async def test_several_may_be_on_their_way_at_once(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_refund_timeout_then_succeeded")
        found = await asyncio.gather(*(refund(paykeel, payment, f"r-{n}", 250) for n in range(5)))
        assert {one.status for one in found} == {"pending"}
        assert sums(await again(paykeel, payment)) == (0, AMOUNT)
        open_ = [one for one in await attempts_of(admin, payment) if one["state"] == "open"]
        assert len(open_) == 5
        await recover(paykeel, admin)
        assert sums(await again(paykeel, payment)) == (AMOUNT, 0)
        assert await given_back(paykeel, merchant.merchant_id) == (5, AMOUNT)
        await audited(paykeel)


# ------------------------------------------------------------------------- what is told late


async def heard(paykeel: Paykeel, payment: Payment, *said: Outcome, key: str = "r-1") -> Payment:
    """Let the gateway tell of a refund."""
    now = payment
    for outcome in said:
        now = await refunds_of(paykeel).take_notice(notice_of(payment, key, outcome))
    return now


@pytest.mark.parametrize(
    "order",
    [
        (GIVEN,),
        (GIVEN, GIVEN, GIVEN),
        (Pending("re_1"), GIVEN, Pending("re_1"), GIVEN),
        (Unknown("x"), GIVEN, Unknown("x")),
    ],
    ids=["once", "repeated", "reordered", "and nothing"],
)
@pytest.mark.parametrize("swept", ["before", "after", "never"])
async def test_notices_repeated_and_reordered_end_the_same(
    urls: Urls, admin: asyncpg.Connection, order: tuple[Outcome, ...], swept: str
) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_refund_timeout_then_succeeded")
        one = await refund(paykeel, payment)
        if swept == "before":
            await recover(paykeel, admin)
        await heard(paykeel, payment, *order)
        if swept == "after":
            await recover(paykeel, admin)
        now = await again(paykeel, payment)
        assert (sums(now), now.version) == ((500, 0), 4)
        assert (await read_refund(paykeel, one)).status == "succeeded"
        assert await topics_of(admin, payment) == [
            "purchase.completed", "payment.refund_sent", "payment.refunded",
        ]  # fmt: skip
        answer = await ask_refund(paykeel, payment)
        assert (answer.status, refund_in(answer)["status"]) == (201, "succeeded")
        await audited(paykeel)


async def test_the_webhooks_of_a_refund_are_its_own(urls: Urls) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_refund_lost_response")
        one = await refund(paykeel, payment)
        gateway = placeholder_of(paykeel)
        reference = notice_of(payment, "r-1", GIVEN).reference
        for headers, body in await gateway.webhooks(reference):
            notice = gateway.parse_webhook(headers, body)
            for _ in range(2):
                await refunds_of(paykeel).take_notice(notice)
        assert (await read_refund(paykeel, one)).status == "succeeded"
        assert sums(await again(paykeel, payment)) == (500, 0)


async def test_a_success_after_a_refusal_is_booked_once_with_an_alarm(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_refund_declined")
        one = await refund(paykeel, payment)
        assert one.status == "failed"
        await heard(paykeel, payment, REFUSED, GIVEN, REFUSED, GIVEN, REFUSED)
        now = await again(paykeel, payment)
        assert sums(now) == (500, 0)
        kinds = [event.type for event in now.timeline[2:]]
        assert kinds == [
            "payment.refund_sent", "payment.refund_failed", "payment.refund_late",
            "payment.refund_contradicted",
        ]  # fmt: skip
        late = await read_refund(paykeel, one)
        assert (late.status, late.failure_reason, late.gateway_id) == ("succeeded", None, "re_1")
        assert (await topics_of(admin, payment)).count("payment.alarm") == 2
        report = await paykeel.auditor.audit()
        assert report.differences == ()


async def test_a_success_after_a_refusal_is_noted_where_there_is_no_room(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_refund_declined")
        one = await refund(paykeel, payment, amount=AMOUNT)
        await admin.execute(
            "UPDATE placeholder_gateway.operations SET payment_method = 'pm_ok'"
            " WHERE kind = 'charge'"
        )
        assert (await refund(paykeel, payment, "r-2", 1)).status == "succeeded"
        before = await again(paykeel, payment)
        await heard(paykeel, payment, *[Succeeded(Money(AMOUNT, "EUR"), "re_1")] * 3)
        now = await again(paykeel, payment)
        assert (sums(now), now.version) == ((1, 0), before.version + 1)
        assert now.timeline[-1].type == "payment.refund_unbooked"
        assert (now.timeline[-1].amount, now.timeline[-1].refund_id) == (AMOUNT, one.refund_id)
        assert (await read_refund(paykeel, one)).status == "failed"
        assert (await topics_of(admin, payment)).count("payment.alarm") == 1
        await audited(paykeel)


async def test_a_refusal_after_a_success_is_noted_once_and_changes_nothing(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant)
        one = await refund(paykeel, payment)
        await heard(paykeel, payment, REFUSED, REFUSED, GIVEN, REFUSED)
        now = await again(paykeel, payment)
        assert sums(now) == (500, 0)
        kinds = [event.type for event in now.timeline]
        assert kinds.count("payment.refund_contradicted") == 1
        assert await read_refund(paykeel, one) == one
        assert (await topics_of(admin, payment)).count("payment.alarm") == 1
        await audited(paykeel)


async def test_what_was_rejected_is_not_sent_and_what_is_told_of_it_is_nothing(
    urls: Urls,
) -> None:
    """Its key stands beside no reference that was ever sent."""
    async with opened(urls) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment, asked = await waiting(paykeel, merchant)
        service, whose = refunds_of(paykeel), merchant.merchant_id
        await service.reject(asked.refund_id, merchant_id=whose, operator=OTHER_EYES)
        with pytest.raises(Exception, match="Nothing of this payment was sent"):
            await heard(paykeel, payment, GIVEN)
        assert sums(await again(paykeel, payment)) == (0, 0)


async def test_answers_at_once_from_everywhere_are_booked_once(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    """Two processes, two notices, two sweeps and the request itself bring the same news."""
    async with opened(urls, changes=QUICK) as one, opened(urls, changes=QUICK) as two:
        merchant = await one.merchants.create("Harbour Market")
        payment = await buy(one, merchant, payment_method="pm_refund_timeout_then_succeeded")
        request: Any = asyncio.create_task(refund(one, payment))
        await asyncio.sleep(0.25)
        await age(admin, 10_000)
        await asyncio.gather(
            heard(one, payment, GIVEN, GIVEN),
            heard(two, payment, GIVEN, GIVEN),
            one.payments.sweep(),
            two.payments.sweep(),
        )
        assert (await request).status == "succeeded"
        now = await again(two, payment)
        assert (sums(now), now.version) == ((500, 0), 4)
        assert await given_back(one, merchant.merchant_id) == (1, 500)
        first = await ask_refund(one, payment)
        assert await ask_refund(two, payment) == replace(first, replayed=True)
        await audited(one)
