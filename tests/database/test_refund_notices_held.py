"""What is not sent, decided or lost while the gateway tells of refunds that are not clear yet."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.db.pool import fetch_on
from paykeel.errors import OperationInFlight, Refused
from paykeel.gateways.port import (
    Declined,
    DeclineReason,
    Notice,
    Outcome,
    Pending,
    Succeeded,
    Unknown,
)
from paykeel.money import Money
from paykeel.refunds.telling import SQL
from tests.conftest import settings_for
from tests.database.gateways import Told
from tests.database.helpers import again, audited, buy, reference_of, topics_of
from tests.database.noticing import (
    GIVEN,
    book,
    dark,
    dismiss,
    notices,
    tell,
)
from tests.database.refunding import (
    AMOUNT,
    OTHER_EYES,
    outside_notice,
    publish_policy,
    refund,
    refunds_of,
    rows_written,
    sums,
    swept,
)
from tests.database.test_operators import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    import asyncpg

    from paykeel import Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

HUGE = 2**63 - 1
WHOLE = Money(AMOUNT, "EUR")
NO = Declined(DeclineReason.OTHER, "x")
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def until_locked(paykeel: Paykeel, task: asyncio.Future[Any]) -> None:
    """Wait until somebody waits for a lock that another transaction holds."""
    for _ in range(1_000):
        assert not task.done(), task
        # On no connection whose transaction goes on: it would see the same each time.
        async with paykeel.database.connection() as connection:
            if await connection.fetchval(WAITING):
                return
        await asyncio.sleep(0.01)
    raise AssertionError(task)


def of_charge(payment: Payment, outcome: Outcome) -> Notice:
    """What the gateway tells of the charge."""
    return Notice(
        message_id="evt-charge", reference=reference_of(payment), outcome=outcome,
        merchant_id=str(payment.merchant_id), payment_id=str(payment.payment_id),
    )  # fmt: skip


@asynccontextmanager
async def charged(
    urls: Urls, answer: Outcome, *refunds: Outcome
) -> AsyncIterator[tuple[Paykeel, Payment, Told]]:
    """A purchase that the gateway answered in a way of its own."""
    gateway = Told()
    gateway.will("charge", answer)
    gateway.will("refund", *refunds)
    async with Paykeel.open(settings_for(urls), gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        yield paykeel, await buy(paykeel, merchant), gateway


async def late_money(paykeel: Paykeel, payment: Payment) -> None:
    """Let the charge succeed after its end."""
    now = await paykeel.payments.take_notice(of_charge(payment, Succeeded(WHOLE, "g_late")))
    assert now.amount_late == AMOUNT


def asked(gateway: Told, verb: str) -> int:
    """How often the gateway was asked to do something."""
    return [name for name, _ in gateway.asked].count(verb)


# ------------------------------------------------------------------------------------ nonsense


async def test_nonsense_that_is_told_twice_leaves_the_payment_readable(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    await tell(paykeel, payment, "re_1", HUGE)
    await tell(paykeel, payment, "re_2", HUGE)
    now = await again(paykeel, payment)
    assert (now.amount_refund_noticed, now.refundable) == (HUGE, 0)
    (listed,) = (await paykeel.payments.list(merchant_id=merchant.merchant_id)).payments
    assert listed.amount_refund_noticed == HUGE
    for name in ("re_1", "re_2"):
        assert (await dismiss(paykeel, payment, name)).status == "dismissed"
    assert (await again(paykeel, payment)).refundable == AMOUNT
    await audited(paykeel)


# --------------------------------------------------------------------- before the payment's end


@pytest.mark.parametrize("answer", [Unknown("silent"), Pending("g_1")], ids=str)
async def test_a_notice_waits_for_the_end_of_its_payment(
    urls: Urls, admin: asyncpg.Connection, answer: Outcome
) -> None:
    async with charged(urls, answer) as (paykeel, payment, _):
        await tell(paykeel, payment)
        assert await swept(paykeel, admin) == 1
        assert await notices(paykeel, payment) == [("re_1", "open", "answer")]
        before = await rows_written(admin)
        for verb in (dismiss, book):
            with pytest.raises(Refused) as caught:
                await verb(paykeel, payment)
            assert caught.value.code == "refund_notice_too_early"
            assert caught.value.data["status"] == "processing"
        # What cannot be put into history is told again.
        with pytest.raises(OperationInFlight):
            await tell(paykeel, payment, amount=400)
        assert await rows_written(admin) == before
        await paykeel.payments.take_notice(of_charge(payment, Succeeded(WHOLE, "g_1")))
        assert await swept(paykeel, admin) == 1
        assert await notices(paykeel, payment) == [("re_1", "booked", "answer")]
        assert sums(await again(paykeel, payment)) == (500, 0)
        await audited(paykeel)


class Slow(Told):
    """Does not answer a charge before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.go = asyncio.Event(), asyncio.Event()

    async def charge(self, request: Any, deadline_ms: int) -> Outcome:
        self.seen.set()
        await self.go.wait()
        return Succeeded(WHOLE)


async def test_a_notice_that_overtakes_the_charge_itself_breaks_nothing(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    gateway = Slow()
    settings = settings_for(urls, gateway_ms_max=20_000)
    async with Paykeel.open(settings, gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        buying = asyncio.create_task(buy(paykeel, merchant))
        await gateway.seen.wait()
        (payment,) = (await paykeel.payments.list(merchant_id=merchant.merchant_id)).payments
        assert payment.status == "pending"
        await tell(paykeel, payment)
        assert await notices(paykeel, payment) == [("re_1", "open", "answer")]
        with pytest.raises(Refused):
            await dismiss(paykeel, payment)
        gateway.go.set()
        assert (await buying).status == "succeeded"
        await swept(paykeel, admin)
        assert sums(await again(paykeel, payment)) == (500, 0)
        await audited(paykeel)


# -------------------------------------------------------------------------------- what is sent


async def test_nothing_is_sent_while_a_notice_is_open(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with dark(urls, GIVEN) as (paykeel, payment, gateway):
        await tell(paykeel, payment, amount=AMOUNT + 1)
        await dismiss(paykeel, payment)
        nonsense = Succeeded(Money(5, "USD"))
        await refunds_of(paykeel).take_notice(outside_notice(payment, "re_2", outcome=nonsense))
        before = await rows_written(admin)
        with pytest.raises(Refused) as caught:
            await refund(paykeel, payment)
        assert (caught.value.code, caught.value.data["gateway_id"]) == (
            "refund_notice_open", "re_2",
        )  # fmt: skip
        assert (asked(gateway, "refund"), await rows_written(admin)) == (0, before)
        await dismiss(paykeel, payment, "re_2")
        done = await refund(paykeel, payment)
        # The key of one that was sent answers as ever.
        await tell(paykeel, payment, "re_3", AMOUNT)
        assert await refund(paykeel, payment) == done
        await audited(paykeel)


@pytest.mark.parametrize("how", ["request", "approve", "refund_late"])
async def test_a_notice_that_is_stored_at_the_same_moment_stops_what_is_sent(
    urls: Urls, admin: asyncpg.Connection, how: str
) -> None:
    """Whoever sends waits for whoever stores, and sees what was stored."""
    charge: Outcome = NO if how == "refund_late" else Succeeded(WHOLE)
    async with charged(urls, charge, Succeeded(WHOLE)) as (paykeel, bought, gateway):
        payment = bought
        whose: dict[str, Any] = {"merchant_id": payment.merchant_id}
        sending: Awaitable[Any]
        if how == "refund_late":
            await late_money(paykeel, payment)
            sending = resolve(paykeel, payment, "refund_late")
        elif how == "request":
            sending = refund(paykeel, payment)
        else:
            merchant = await paykeel.merchants.get(payment.merchant_id)
            await publish_policy(paykeel, merchant)
            gateway.will("charge", charge)
            payment = await buy(paykeel, merchant, "order-18")
            waits = await refund(paykeel, payment, amount=AMOUNT)
            assert waits.status == "requested"
            sending = refunds_of(paykeel).approve(waits.refund_id, operator=OTHER_EYES, **whose)
        async with admin.transaction():
            told = {"gateway_id": "re_1", "amount": 500, "currency": "EUR", "again_ms": 60_000}
            values = {**whose, "payment_id": payment.payment_id, **told}
            assert len(await fetch_on(admin, SQL["store_notice"], values)) == 1
            task = asyncio.ensure_future(sending)
            await until_locked(paykeel, task)
        with pytest.raises(Refused) as caught:
            await task
        assert caught.value.code == "refund_notice_open"
        assert asked(gateway, "refund") == 0
        await audited(paykeel)


# ---------------------------------------------------------------------- late money given back


@pytest.mark.parametrize("name", ["re_1", None])
async def test_late_money_that_was_given_back_here_is_ours(
    urls: Urls, admin: asyncpg.Connection, name: str | None
) -> None:
    async with charged(urls, NO, Succeeded(WHOLE, name)) as (paykeel, payment, _):
        await late_money(paykeel, payment)
        now = await resolve(paykeel, payment, "refund_late")
        assert now.amount_late == 0
        assert now.timeline[-1].data.get("gateway_refund") == name
        await tell(paykeel, payment, amount=AMOUNT)
        found = ("re_1", "ours", None) if name else ("re_1", "open", "person")
        assert await notices(paykeel, payment) == [found]
        assert (await again(paykeel, payment)).gateway_id == "g_late"
        await audited(paykeel)
        if name:
            await admin.execute("UPDATE refund_notices SET amount = 7")
            (fault,) = (await paykeel.auditor.audit()).differences
            assert fault.kind == "refund_notices"


async def test_a_notice_waits_for_the_answer_about_late_money(urls: Urls) -> None:
    async with charged(urls, NO) as (paykeel, payment, gateway):
        await late_money(paykeel, payment)
        await resolve(paykeel, payment, "refund_late")
        await tell(paykeel, payment, amount=AMOUNT)
        assert await notices(paykeel, payment) == [("re_1", "open", "answer")]
        (sent,) = [reference for verb, reference in gateway.asked if verb == "refund"]
        await paykeel.payments.take_notice(
            Notice(
                message_id="evt-late", reference=sent, outcome=Succeeded(WHOLE, "re_1"),
                merchant_id=str(payment.merchant_id), payment_id=str(payment.payment_id),
            )
        )  # fmt: skip
        # Due at once, and not after the pause.
        assert await refunds_of(paykeel).sweep() == 1
        assert await notices(paykeel, payment) == [("re_1", "ours", "answer")]
        assert (await again(paykeel, payment)).amount_late == 0
        await audited(paykeel)


# ------------------------------------------------------------------------------- contradictions


async def test_a_dismissal_loses_against_what_was_found_to_be_ours(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with dark(urls, GIVEN) as (paykeel, payment, _):
        ours = await refund(paykeel, payment)
        await tell(paykeel, payment)
        reopen = "UPDATE refund_notices SET status = 'open', refund_id = NULL, next_try_at = now()"
        await admin.execute(reopen)
        named = {
            "merchant_id": payment.merchant_id, "payment_id": payment.payment_id,
            "gateway_id": "re_1", "refund_id": ours.refund_id,
        }  # fmt: skip
        async with admin.transaction():
            assert len(await fetch_on(admin, SQL["notice_is_ours"], named)) == 1
            task = asyncio.create_task(dismiss(paykeel, payment))
            await until_locked(paykeel, task)
        with pytest.raises(Refused) as caught:
            await task
        assert caught.value.code == "refund_notice_decided"
        kinds = [event.type for event in (await again(paykeel, payment)).timeline]
        assert "payment.refund_notice_dismissed" not in kinds
        await audited(paykeel)


@pytest.mark.parametrize("status", ["booked", "ours", "open", "dismissed"])
async def test_what_is_taken_back_is_noted_once_with_an_alarm(
    urls: Urls, admin: asyncpg.Connection, status: str
) -> None:
    async with dark(urls, GIVEN) as (paykeel, payment, _):
        if status == "ours":
            await refund(paykeel, payment)
        await tell(paykeel, payment, amount=AMOUNT + 1 if status in {"open", "dismissed"} else 500)
        if status == "dismissed":
            await dismiss(paykeel, payment)
        before = await again(paykeel, payment)
        alarms = (await topics_of(admin, payment)).count("payment.alarm")
        for name in ("re_1", "re_1", "never told", ""):
            await refunds_of(paykeel).take_notice(outside_notice(payment, name, outcome=NO))
        (told,) = await refunds_of(paykeel).notices(merchant_id=payment.merchant_id, status=None)
        assert told.status == status
        now = await again(paykeel, payment)
        assert sums(now) == sums(before)
        noted = status != "dismissed"
        assert now.version == before.version + noted
        assert (await topics_of(admin, payment)).count("payment.alarm") == alarms + noted
        if noted:
            last = now.timeline[-1]
            assert (last.type, last.refund_id) == ("payment.refund_contradicted", told.refund_id)
            assert last.data["then_told"] == "declined"
        await audited(paykeel)


async def test_what_is_told_otherwise_is_not_lost(urls: Urls, admin: asyncpg.Connection) -> None:
    async with dark(urls) as (paykeel, payment, _):
        await tell(paykeel, payment, amount=AMOUNT + 1)
        for _ in range(2):
            await tell(paykeel, payment, amount=300)
        (told,) = await refunds_of(paykeel).notices(merchant_id=payment.merchant_id)
        assert (told.status, told.amount) == ("open", AMOUNT + 1)
        now = await again(paykeel, payment)
        last = now.timeline[-1]
        assert (last.type, last.data) == (
            "payment.refund_contradicted",
            {
                "gateway_refund": "re_1", "told": AMOUNT + 1, "currency": "EUR",
                "then_told": 300, "then_currency": "EUR",
            },
        )  # fmt: skip
        assert (now.version, sums(now)) == (4, (0, 0))
        assert (await topics_of(admin, payment)).count("payment.alarm") == 2
        # Also what a person has dismissed already: it may make sense now.
        await dismiss(paykeel, payment)
        await tell(paykeel, payment, amount=200)
        assert (await again(paykeel, payment)).timeline[-1].data["then_told"] == 200
        await audited(paykeel)
