"""What a person has to decide: late money, and what the gateway leaves unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.errors import IllegalTransition, InvalidField, OperationInFlight
from paykeel.gateways.port import (
    Authorized,
    Declined,
    DeclineReason,
    Notice,
    Succeeded,
    Unknown,
)
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
    opened,
    recover,
    reference_of,
    reserve,
    topics_of,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

EUR = Money(1_250, "EUR")
QUICK = {"gateway_ms_max": 500}


def notice(payment: Payment, outcome: Succeeded | Declined) -> Notice:
    return Notice(
        message_id="n-1",
        reference=reference_of(payment),
        outcome=outcome,
        merchant_id=str(payment.merchant_id),
        payment_id=str(payment.payment_id),
    )


async def resolve(paykeel: Paykeel, payment: Payment, decision: str, **how: Any) -> Payment:
    said = {"operator": "ann@market.example", "evidence": "settlement file, line 7", **how}
    return await paykeel.payments.resolve(
        payment.payment_id, merchant_id=payment.merchant_id, decision=decision, **said
    )


async def late(paykeel: Paykeel, payment: Payment) -> Payment:
    return await paykeel.payments.take_notice(notice(payment, Succeeded(EUR, "g_late")))


async def ended(paykeel: Paykeel, merchant: Merchant, how: str) -> Payment:
    """Bring a payment to an end without money, before its money comes."""
    if how == "failed":
        return await buy(paykeel, merchant, payment_method="pm_card_declined")
    if how == "canceled":
        payment = await buy(paykeel, merchant, payment_method="pm_requires_action")
    else:
        payment = await reserve(paykeel, merchant)
    return await paykeel.payments.cancel(
        payment.payment_id, merchant_id=merchant.merchant_id, idempotency_key="x-1"
    )


ENDS = pytest.mark.parametrize("how", ["failed", "canceled", "authorized, then canceled"])


@ENDS
async def test_late_money_is_booked_alarmed_and_left_to_a_person(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, how: str
) -> None:
    end = await ended(paykeel, merchant, how)
    now = await late(paykeel, end)
    for _ in range(2):
        assert await late(paykeel, end) == now
    assert (now.status, now.amount_late, now.amount_captured) == (end.status, 1_250, 0)
    assert (now.failure_reason, now.finished_at) == (end.failure_reason, end.finished_at)
    assert now.display_status == "late_money"
    assert [event.type for event in now.timeline].count("payment.late_money") == 1
    assert (await topics_of(admin, end))[-1] == "payment.alarm"
    (stuck,) = await paykeel.payments.stuck(merchant_id=merchant.merchant_id)
    assert (stuck.operation, stuck.amount_late) == ("late_money", 1_250)
    report = await paykeel.auditor.audit()
    assert report.differences == ()
    (item,) = report.open_items
    assert (item.kind, item.payment_id) == ("late_money", end.payment_id)
    assert "1250 minor units of EUR" in item.detail


@ENDS
async def test_late_money_may_be_accepted(paykeel: Paykeel, merchant: Merchant, how: str) -> None:
    end = await ended(paykeel, merchant, how)
    await late(paykeel, end)
    now = await resolve(paykeel, end, "accept_late")
    assert (now.status, now.amount_late, now.amount_captured) == (end.status, 0, 1_250)
    event = now.timeline[-1]
    assert (event.type, event.actor) == (
        "payment.late_money_accepted",
        "operator:ann@market.example",
    )
    assert event.data == {"evidence": "settlement file, line 7"}
    assert await again(paykeel, end) == now
    assert await paykeel.payments.stuck(merchant_id=merchant.merchant_id) == []
    # A notice that is repeated once more is no other money.
    assert await late(paykeel, end) == now
    with pytest.raises(IllegalTransition):
        await resolve(paykeel, end, "accept_late")
    report = await paykeel.auditor.audit()
    assert (report.differences, report.open_items) == ((), ())


async def test_late_money_may_be_given_back(urls: Urls, admin: asyncpg.Connection) -> None:
    gateway = Told()
    async with Paykeel.open(settings_for(urls), gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        gateway.will("charge", Declined(DeclineReason.CARD_DECLINED))
        end = await buy(paykeel, merchant)
        with pytest.raises(IllegalTransition):
            await resolve(paykeel, end, "refund_late")
        await late(paykeel, end)
        gateway.will("refund", Unknown("timeout"))
        assert (await resolve(paykeel, end, "refund_late")).amount_late == 1_250
        with pytest.raises(OperationInFlight):
            await resolve(paykeel, end, "refund_late")
        gateway.will("lookup", Succeeded(EUR))
        await recover(paykeel, admin)
        now = await again(paykeel, end)
        assert (now.status, now.amount_late, now.amount_captured) == ("failed", 0, 0)
        assert now.timeline[-1].type == "payment.late_money_refunded"
        assert [row["state"] for row in await attempts_of(admin, end)] == ["done", "done"]
        # The notice of the same money, delivered once more, books nothing.
        assert (await late(paykeel, end)).amount_late == 0
        report = await paykeel.auditor.audit()
        assert (report.differences, report.open_items) == ((), ())


async def test_a_decline_after_the_end_changes_nothing(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    for token in ("pm_ok", "pm_insufficient_funds"):
        end = await buy(paykeel, merchant, token, payment_method=token)
        declined = Declined(DeclineReason.CARD_DECLINED, "05")
        await paykeel.payments.take_notice(notice(end, declined))
        assert await again(paykeel, end) == end
    await audited(paykeel)


@pytest.mark.parametrize(
    ("decision", "reason", "status", "failure"),
    [
        ("succeeded", None, "succeeded", None),
        ("failed", None, "failed", "other"),
        ("failed", "card_declined", "failed", "card_declined"),
    ],
)
async def test_an_operator_settles_what_stays_unknown(
    urls: Urls,
    admin: asyncpg.Connection,
    decision: str,
    reason: str | None,
    status: str,
    failure: str | None,
) -> None:
    async with opened(urls, changes=QUICK, lookup_works=False) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        dark = await buy(paykeel, merchant, payment_method="pm_lost_response")
        # Recovery has its turn first.
        with pytest.raises(OperationInFlight):
            await resolve(paykeel, dark, decision, reason=reason)
        await recover(paykeel, admin)
        (stuck,) = await paykeel.payments.stuck(merchant_id=merchant.merchant_id)
        assert (stuck.payment_id, stuck.operation, stuck.state) == (
            dark.payment_id,
            "charge",
            "open",
        )
        now = await resolve(paykeel, dark, decision, reason=reason)
        assert (now.status, now.failure_reason) == (status, failure)
        event = now.timeline[-1]
        assert event.actor == "operator:ann@market.example"
        assert event.data == {"evidence": "settlement file, line 7"}
        events = await paykeel.payments.events(
            dark.payment_id, merchant_id=merchant.merchant_id, after=2
        )
        assert events == [event]
        answer = await ask(paykeel, merchant, payment_method="pm_lost_response")
        assert body(answer) == now.document()
        assert await paykeel.payments.stuck(merchant_id=merchant.merchant_id) == []
        with pytest.raises(IllegalTransition):
            await resolve(paykeel, dark, decision, reason=reason)
        await audited(paykeel)


async def test_an_operator_settles_a_reservation_and_a_capture(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    gateway = Told()
    async with Paykeel.open(settings_for(urls), gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        dark = await reserve(paykeel, merchant)
        await recover(paykeel, admin)
        held = await resolve(paykeel, dark, "succeeded")
        assert (held.status, held.amount_captured) == ("authorized", 0)
        await paykeel.payments.capture(
            held.payment_id,
            merchant_id=merchant.merchant_id,
            idempotency_key="c-1",
            amount=300,
            final=False,
        )
        gateway.will("lookup", Authorized(EUR), Unknown("x"), Authorized(EUR), Unknown("x"))
        await recover(paykeel, admin)
        now = await resolve(paykeel, held, "succeeded")
        assert (now.status, now.amount_captured) == ("authorized", 300)
        await audited(paykeel)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"operator": ""}, "operator", "text_empty"),
    ({"operator": "x" * 101}, "operator", "text_too_long"),
    ({"evidence": ""}, "evidence", "text_empty"),
    ({"evidence": "  "}, "evidence", "text_empty"),
    ({"evidence": "x" * 2_001}, "evidence", "text_too_long"),
    ({"evidence": "card 4242 4242 4242 4242"}, "evidence", "card_number_refused"),
    ({"reason": "because"}, "reason", "choice_unknown"),
    ({"decision": "guess"}, "decision", "choice_unknown"),
]


async def test_a_decision_needs_a_name_and_evidence(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, changes=QUICK, lookup_works=False) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        dark = await buy(paykeel, merchant, payment_method="pm_lost_response")
        await recover(paykeel, admin)
        before = await again(paykeel, dark)
        for how, field, code in WRONG:
            with pytest.raises(InvalidField) as caught:
                await resolve(paykeel, dark, **{"decision": "failed", **how})
            assert (caught.value.field, caught.value.code) == (field, code)
            assert await again(paykeel, dark) == before


async def test_only_what_is_unknown_is_resolved(paykeel: Paykeel, merchant: Merchant) -> None:
    for token in ("pm_ok", "pm_card_declined", "pm_requires_action"):
        payment = await buy(paykeel, merchant, token, payment_method=token)
        for decision in ("succeeded", "failed"):
            with pytest.raises(IllegalTransition):
                await resolve(paykeel, payment, decision)
        assert await again(paykeel, payment) == payment


async def test_the_gateway_is_believed_after_an_operator_was_wrong(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes=QUICK, lookup_works=False) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        dark = await buy(paykeel, merchant, payment_method="pm_lost_response")
        await recover(paykeel, admin)
        await resolve(paykeel, dark, "failed")
        now = await late(paykeel, dark)
        assert (now.status, now.amount_late) == ("failed", 1_250)
        await audited(paykeel)
