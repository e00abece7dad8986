"""News that comes late or twice: money is never dropped, and never booked a second time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.errors import IllegalTransition, OperationInFlight
from paykeel.gateways.port import Declined, DeclineReason, Notice
from paykeel.payments.steps import gateway_reference
from tests.conftest import order, settings_for
from tests.simulation.gateway import Scripted, Word

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from paykeel import Payment
    from tests.servers import Urls

KEY = "order-1"
DUE_S = 0.05


@dataclass
class Late:
    """A purchase that was declined, and whose money moved all the same."""

    core: Paykeel
    gateway: Scripted
    merchant_id: UUID
    payment: Payment

    @property
    def reference(self) -> str:
        return gateway_reference(self.merchant_id, KEY).hex()

    @property
    def taken(self) -> int:
        return self.gateway.charges[self.reference].taken

    async def tell(self, word: Word) -> Payment:
        notice = Notice(
            message_id="evt_1",
            reference=self.reference,
            outcome=self.gateway.say(self.reference, word),
            merchant_id=str(self.merchant_id),
            payment_id=str(self.payment.payment_id),
        )
        return await self.core.payments.take_notice(notice)

    async def resolve(self, decision: str, word: Word = Word.YES) -> Payment:
        self.gateway.next = word
        return await self.core.payments.resolve(
            self.payment.payment_id,
            merchant_id=self.merchant_id,
            decision=decision,
            operator="Ada Lindqvist",
            evidence="seen in the gateway's own screens",
        )

    async def sweep(self) -> Payment:
        await asyncio.sleep(DUE_S)
        await self.core.payments.sweep()
        return await self.core.payments.get(self.payment.payment_id, merchant_id=self.merchant_id)

    async def open_items(self) -> int:
        report = await self.core.auditor.audit(self.merchant_id)
        assert report.differences == ()
        return len(report.open_items)


@pytest.fixture
async def late(urls: Urls) -> AsyncIterator[Late]:
    gateway = Scripted()
    settings = settings_for(
        urls, recovery_grace_ms=1, recovery_backoff_ms_min=1, recovery_backoff_ms_max=2
    )
    async with Paykeel.open(settings, gateways=Gateways.of(test=gateway)) as core:
        merchant = await core.merchants.create("Harbour Market", "test")
        gateway.next = Word.NO
        payment = await core.payments.purchase(
            order(), merchant_id=merchant.merchant_id, idempotency_key=KEY
        )
        assert payment.status == "failed"
        made = Late(core, gateway, merchant.merchant_id, payment)
        gateway.learn(made.reference, Word.YES)
        for _ in range(3):  # However often it is said, it is one movement.
            payment = await made.tell(Word.YES)
        assert (payment.status, payment.display_status) == ("failed", "late_money")
        assert payment.amount_late == made.taken == order().amount
        assert await made.open_items() == 1
        yield made


async def test_late_money_is_shown_until_somebody_decides(late: Late) -> None:
    await late.tell(Word.NO)
    await late.tell(Word.PENDING)
    await late.sweep()
    (stuck,) = await late.core.payments.stuck(merchant_id=late.merchant_id)
    assert (stuck.operation, stuck.amount_late) == ("late_money", order().amount)


async def test_accepted_late_money_is_captured_and_the_end_stays(late: Late) -> None:
    payment = await late.resolve("accept_late")
    assert (payment.status, payment.amount_captured) == ("failed", late.taken)
    assert payment.timeline[-1].actor == "operator:Ada Lindqvist"
    assert await late.open_items() == 0
    assert (await late.tell(Word.YES)).amount_late == 0
    with pytest.raises(IllegalTransition):
        await late.resolve("refund_late")


async def test_refunded_late_money_is_gone_on_both_sides(late: Late) -> None:
    payment = await late.resolve("refund_late")
    assert (payment.amount_late, late.taken) == (0, 0)
    assert await late.open_items() == 0
    assert (await late.tell(Word.YES)).amount_late == 0
    with pytest.raises(IllegalTransition):
        await late.resolve("accept_late")


@pytest.mark.parametrize("word", [Word.SILENT_YES, Word.LOST])
async def test_a_refund_in_the_dark_is_found_or_sent_again(word: Word, late: Late) -> None:
    payment = await late.resolve("refund_late", word)
    assert payment.amount_late == order().amount
    for decision in ("accept_late", "refund_late"):
        with pytest.raises(OperationInFlight):
            await late.resolve(decision)
    late.gateway.next = Word.YES
    payment = await late.sweep()
    assert (payment.amount_late, payment.amount_captured, late.taken) == (0, 0, 0)
    assert await late.open_items() == 0


async def test_a_refund_that_was_refused_can_be_tried_again(late: Late) -> None:
    payment = await late.resolve("refund_late", Word.NO)
    assert payment.amount_late == order().amount == late.taken
    assert await late.open_items() == 1
    payment = await late.resolve("refund_late")
    assert (payment.amount_late, late.taken) == (0, 0)


async def test_a_part_that_was_captured_is_booked_once_however_often_it_is_told(
    late: Late,
) -> None:
    payments, merchant_id = late.core.payments, late.merchant_id
    reserved = await payments.purchase(
        order(capture_method="manual"), merchant_id=merchant_id, idempotency_key="order-2"
    )
    named: dict[str, Any] = {"merchant_id": merchant_id, "amount": 300, "final": False}
    payment = await payments.capture(reserved.payment_id, idempotency_key="part-1", **named)
    assert payment.amount_captured == 300
    reference = gateway_reference(merchant_id, "part-1").hex()
    told = Notice(
        message_id="evt_2",
        reference=reference,
        outcome=late.gateway.follow_ups[reference],
        merchant_id=str(merchant_id),
        payment_id=str(payment.payment_id),
    )
    for outcome in (told.outcome, told.outcome, Declined(DeclineReason.OTHER)):
        again = await payments.take_notice(replace(told, outcome=outcome))
        assert (again.status, again.amount_captured) == ("authorized", 300)
        assert again.timeline == payment.timeline
    assert await late.open_items() == 1
