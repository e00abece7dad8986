"""What becomes of a purchase, for each thing that a gateway can do; and of its repetitions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Money
from paykeel.gateways.port import DeclineReason
from paykeel.payments.states import TERMINAL
from tests.database.helpers import (
    again,
    age,
    ask,
    attempts_of,
    audited,
    body,
    buy,
    moved,
    opened,
    placeholder_of,
    recover,
    reference_of,
    topics_of,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

#: What a token comes to at once: the status, the answer's status, and how often money moved.
AT_ONCE: dict[str, tuple[str, int, int]] = {
    "pm_ok": ("succeeded", 201, 1),
    "pm_ok_17": ("succeeded", 201, 1),
    "pm_card_visa": ("succeeded", 201, 1),
    "pm_duplicate_webhook": ("succeeded", 201, 1),
    "pm_slow_20": ("succeeded", 201, 1),
    "pm_never_heard_of": ("failed", 402, 0),
    "pm_not_sent": ("failed", 402, 0),
    "pm_requires_action": ("requires_action", 202, 0),
    "pm_pending_then_succeeded_600000": ("processing", 202, 0),
    "pm_timeout": ("processing", 202, 0),
    "pm_timeout_then_succeeded": ("processing", 202, 1),
    "pm_timeout_then_declined": ("processing", 202, 0),
    "pm_lost_response": ("processing", 202, 1),
    "pm_5xx_before": ("processing", 202, 0),
    "pm_5xx_after": ("processing", 202, 1),
    "pm_garbage": ("processing", 202, 1),
    "pm_wrong_amount": ("processing", 202, 1),
    "pm_wrong_currency": ("processing", 202, 1),
    **{f"pm_{reason}": ("failed", 402, 0) for reason in DeclineReason},
}
#: What the gateway knows of it, once recovery has asked.
IN_THE_END = {
    "pm_pending_then_succeeded_300": "succeeded",
    "pm_pending_then_declined_300": "failed",
    "pm_timeout": "succeeded",
    "pm_timeout_then_succeeded": "succeeded",
    "pm_timeout_then_declined": "failed",
    "pm_lost_response": "succeeded",
    "pm_5xx_before": "succeeded",
    "pm_5xx_after": "succeeded",
    "pm_garbage": "succeeded",
    "pm_slow_800": "succeeded",
}
QUICK = {"gateway_ms_max": 500}


async def test_every_answer_of_a_gateway_has_its_place(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        first = await asyncio.gather(
            *(ask(paykeel, merchant, token, payment_method=token) for token in AT_ONCE)
        )
        repeated = await asyncio.gather(
            *(ask(paykeel, merchant, token, payment_method=token) for token in AT_ONCE)
        )
        for token, answer, replay in zip(AT_ONCE, first, repeated, strict=True):
            status, code, movements = AT_ONCE[token]
            shown = body(answer)
            found = (shown["status"], answer.status)
            payment = await buy(paykeel, merchant, token, payment_method=token)
            assert found == (status, code), token
            assert await moved(paykeel, payment) == movements, token
            # A repetition asks the gateway nothing, and is told the same, byte for byte.
            assert replay == replace(answer, replayed=True), token
            assert answer.replayed is False, token
            assert await placeholder_of(paykeel).calls(reference_of(payment)) == 1, token
            over = payment.status in TERMINAL
            attempts = await attempts_of(admin, payment)
            assert [attempt["recover_at"] is None for attempt in attempts] == [over], token
        await audited(paykeel, merchant.merchant_id)


async def test_a_decline_says_why(paykeel: Paykeel, merchant: Merchant) -> None:
    for reason in DeclineReason:
        payment = await buy(paykeel, merchant, reason, payment_method=f"pm_{reason}")
        assert (payment.status, payment.failure_reason) == ("failed", reason)
        assert payment.failure_code == reason
        assert payment.finished_at is not None
    unknown = await buy(paykeel, merchant, "unknown", payment_method="pm_never_heard_of")
    assert unknown.failure_reason == "invalid_request"
    assert unknown.failure_code == "unknown_payment_method"
    unsent = await buy(paykeel, merchant, "unsent", payment_method="pm_not_sent")
    assert (unsent.failure_reason, unsent.failure_code) == (
        "gateway_unavailable",
        "connection_refused",
    )


async def test_a_payment_is_what_was_asked_for(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    wanted: dict[str, Any] = {
        "amount": 1_250,
        "currency": "KWD",
        "buyer_id": "operator-9",
        "buyer_role": "operator",
        "reference": "caf\u00e9 \U0001f33b",
        "description": "two of everything\nand a line",
        "metadata": {"b": "2", "a": "1", "empty": ""},
    }
    payment = await buy(paykeel, merchant, **wanted)
    for name, value in wanted.items():
        assert getattr(payment, name) == value
    assert payment.money == Money(1_250, "KWD")
    assert payment.exponent == 3
    assert payment.gateway == "placeholder"
    assert payment.gateway_id is not None
    stored = await again(paykeel, payment)
    assert stored == payment
    assert stored.document() == payment.document()
    assert [event.type for event in stored.timeline] == ["payment.opened", "payment.succeeded"]
    assert {event.actor for event in stored.timeline} == {"request"}
    assert await topics_of(admin, payment) == ["purchase.completed"]


async def test_recovery_brings_every_unknown_purchase_to_its_end(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        before = await asyncio.gather(
            *(buy(paykeel, merchant, token, payment_method=token) for token in IN_THE_END)
        )
        assert {payment.status for payment in before} == {"processing"}
        await asyncio.sleep(0.4)
        # A purchase that never arrived, and the slow, may need a second look.
        assert await recover(paykeel, admin) == len(IN_THE_END)
        await recover(paykeel, admin)
        for token, payment in zip(IN_THE_END, before, strict=True):
            now = await again(paykeel, payment)
            assert now.status == IN_THE_END[token], token
            movements = 1 if now.status == "succeeded" else 0
            assert await moved(paykeel, now) == movements, token
            assert now.timeline[-1].actor == "recovery"
            # The stored answer is now that of the end, and stays it.
            answers = [await ask(paykeel, merchant, token, payment_method=token) for _ in "ab"]
            assert answers[0] == answers[1]
            assert answers[0].status == (201 if movements else 402)
            assert body(answers[0]) == now.document()
        assert await recover(paykeel, admin) == 0
        await audited(paykeel, merchant.merchant_id)


async def test_what_never_arrived_is_sent_again_under_the_same_reference(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes=QUICK, processing_ms_max=5_000) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_timeout")
        gateway = placeholder_of(paykeel)
        # Within the gateway's own time "not found" proves nothing, and nothing is sent.
        await recover(paykeel, admin, 1_000)
        assert await gateway.calls(reference_of(payment)) == 1
        assert (await again(paykeel, payment)).status == "processing"
        (attempt,) = await attempts_of(admin, payment)
        assert (attempt["state"], attempt["outcome"]) == ("open", "not found yet")
        await recover(paykeel, admin, 5_000)
        assert await gateway.calls(reference_of(payment)) == 2
        assert (await again(paykeel, payment)).status == "succeeded"
        assert await moved(paykeel, payment) == 1


async def test_what_the_gateway_may_have_forgotten_is_never_sent_again(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_timeout")
        retention = placeholder_of(paykeel).capabilities.key_retention_ms
        await recover(paykeel, admin, retention)
        assert await placeholder_of(paykeel).calls(reference_of(payment)) == 1
        assert (await again(paykeel, payment)).status == "processing"
        (stuck,) = await paykeel.payments.stuck(merchant_id=merchant.merchant_id)
        assert stuck.outcome == "not found, too old to send again"
        assert stuck.age_ms >= retention


async def test_a_request_that_hears_nothing_tells_what_somebody_else_learnt(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    """The sweep settles the purchase, and a capture follows, while the request still waits."""
    async with opened(urls, changes={"gateway_ms_max": 1_500}) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        wanted = {"payment_method": "pm_timeout_then_succeeded", "capture_method": "manual"}
        request = asyncio.create_task(ask(paykeel, merchant, **wanted))
        await asyncio.sleep(0.3)
        await recover(paykeel, admin)
        (held,) = (await paykeel.payments.list(merchant_id=merchant.merchant_id)).payments
        await paykeel.payments.capture(
            held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c-1"
        )
        assert not request.done()
        answer = await request
        # As its key was answered when the purchase was settled, and not as it stands since.
        assert (answer.status, body(answer)["status"]) == (201, "authorized")
        repeated = await ask(paykeel, merchant, **wanted)
        assert repeated == replace(answer, replayed=True)
        await audited(paykeel)


async def test_another_amount_is_never_a_success(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, changes=QUICK) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        for token, shown in (
            ("pm_wrong_amount", {"gateway_amount": 1_251, "gateway_currency": "EUR"}),
            ("pm_wrong_currency", {"gateway_amount": 1_250, "gateway_currency": "USD"}),
        ):
            payment = await buy(paykeel, merchant, token, payment_method=token)
            for _ in range(3):
                await recover(paykeel, admin)
            now = await again(paykeel, payment)
            assert now.status == "processing"
            assert (now.amount_authorized, now.amount_captured) == (0, 0)
            assert [event.type for event in now.timeline] == [
                "payment.opened",
                "payment.amount_mismatch",
            ]
            assert now.timeline[-1].data == shown
            assert await topics_of(admin, payment) == ["payment.alarm"]
        stuck = await paykeel.payments.stuck(merchant_id=merchant.merchant_id)
        assert {row.outcome for row in stuck} == {"amount_mismatch"}
        await audited(paykeel, merchant.merchant_id)


async def test_a_blind_gateway_is_asked_ever_more_seldom_and_never_guessed_at(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    changes = {**QUICK, "recovery_backoff_ms_min": 2_000, "recovery_backoff_ms_max": 16_000}
    async with opened(urls, changes=changes, lookup_works=False) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant, payment_method="pm_timeout_then_succeeded")
        pauses = []
        for look in range(1, 7):
            assert await recover(paykeel, admin) == 1
            (attempt,) = await attempts_of(admin, payment)
            assert attempt["recover_count"] == look
            now = await admin.fetchval("SELECT now()")
            pauses.append((attempt["recover_at"] - now).total_seconds())
            assert await paykeel.payments.sweep() == 0
        assert (await again(paykeel, payment)).status == "processing"
        # Two seconds doubled with each look, half of it jitter, and never more than sixteen.
        assert pauses[-1] > pauses[0]
        assert max(pauses) <= 16
        assert await moved(paykeel, payment) == 1
        (stuck,) = await paykeel.payments.stuck(merchant_id=merchant.merchant_id, tries_min=6)
        assert (stuck.payment_id, stuck.operation, stuck.recover_count) == (
            payment.payment_id,
            "charge",
            6,
        )
        assert await paykeel.payments.stuck(merchant_id=merchant.merchant_id, tries_min=7) == []
        await audited(paykeel, merchant.merchant_id)


async def test_several_sweeps_share_the_load(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls, changes=QUICK) as one, opened(urls, changes=QUICK) as two:
        merchant = await one.merchants.create("Harbour Market")
        keys = [f"order-{number}" for number in range(40)]
        await asyncio.gather(
            *(buy(one, merchant, key, payment_method="pm_5xx_after") for key in keys)
        )
        await age(admin, 10_000)
        looked = sum(await asyncio.gather(one.payments.sweep(), two.payments.sweep()))
        looked += await one.payments.sweep() + await two.payments.sweep()
        assert looked == len(keys)
        page = await one.payments.list(merchant_id=merchant.merchant_id)
        assert {payment.status for payment in page.payments} == {"succeeded"}
        assert await placeholder_of(one).movements(merchant_id=str(merchant.merchant_id)) == 40
        await audited(one, merchant.merchant_id)


@pytest.mark.parametrize("currency", ["JPY", "KWD", "CLF"])
async def test_every_exponent_goes_through(
    paykeel: Paykeel, merchant: Merchant, currency: str
) -> None:
    payment = await buy(paykeel, merchant, currency=currency)
    assert (payment.status, payment.amount_captured) == ("succeeded", 1_250)
    assert (await again(paykeel, payment)).money == Money(1_250, currency)
