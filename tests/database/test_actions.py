"""The buyer's step: taken, failed, abandoned, taken elsewhere, or handed over wrongly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.errors import IllegalTransition, InvalidField
from paykeel.gateways.port import (
    NextAction,
    Notice,
    RequiresAction,
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
    moved,
    placeholder_of,
    recover,
    reference_of,
    topics_of,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Payment
    from paykeel.idempotency import Answer
    from paykeel.merchants import Merchant
    from tests.servers import Urls

TOKEN = {"payment_method": "pm_requires_action"}


async def complete(
    paykeel: Paykeel, payment: Payment, result: str | None, key: str = "a-1"
) -> Answer:
    return await paykeel.payments.answer_completion(
        payment.payment_id,
        merchant_id=payment.merchant_id,
        idempotency_key=key,
        data=None if result is None else {"result": result},
    )


async def test_a_payment_says_what_the_buyer_has_to_do(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    waiting = await buy(paykeel, merchant, **TOKEN)
    assert waiting.status == "requires_action"
    assert waiting.next_action == {
        "kind": "redirect",
        "url": f"https://placeholder.invalid/actions/{reference_of(waiting)}",
        "data": {},
    }
    assert waiting.document()["next_action"]["kind"] == "redirect"
    (attempt,) = await attempts_of(admin, waiting)
    assert attempt["state"] == "waiting"
    assert await topics_of(admin, waiting) == []


@pytest.mark.parametrize(
    ("result", "capture_method", "status", "code", "reason"),
    [
        ("authenticated", "automatic", "succeeded", 200, None),
        ("authenticated", "manual", "authorized", 200, None),
        ("failed", "automatic", "failed", 402, "authentication_failed"),
        ("abandoned", "automatic", "failed", 402, "authentication_abandoned"),
    ],
)
async def test_a_step_ends_as_the_buyer_took_it(
    paykeel: Paykeel,
    merchant: Merchant,
    result: str,
    capture_method: str,
    status: str,
    code: int,
    reason: str | None,
) -> None:
    wanted = {**TOKEN, "capture_method": capture_method}
    waiting = await buy(paykeel, merchant, **wanted)
    answer = await complete(paykeel, waiting, result)
    now = await again(paykeel, waiting)
    assert (now.status, now.failure_reason, now.next_action) == (status, reason, None)
    assert (answer.status, body(answer)) == (code, now.document())
    assert await complete(paykeel, waiting, result) == replace(answer, replayed=True)
    assert await moved(paykeel, waiting) == (0 if reason else 1)
    # And the purchase's own key is answered with its end.
    purchase = await ask(paykeel, merchant, **wanted)
    assert purchase.status == (402 if reason else 201)
    assert body(purchase) == now.document()
    await audited(paykeel)


async def test_a_step_taken_on_the_gateways_own_page_is_learnt_by_asking(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    waiting = await buy(paykeel, merchant, **TOKEN)
    before = await complete(paykeel, waiting, None)
    assert (before.status, body(before)["status"]) == (202, "requires_action")
    await placeholder_of(paykeel).complete_action(reference_of(waiting), "authenticated")
    after = await complete(paykeel, waiting, None, "a-2")
    assert (after.status, body(after)["status"]) == (200, "succeeded")
    assert await moved(paykeel, waiting) == 1
    await audited(paykeel)


async def test_a_step_that_is_never_reported_is_found_by_recovery(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    taken = await buy(paykeel, merchant, "taken", **TOKEN)
    left = await buy(paykeel, merchant, "left", **TOKEN)
    await placeholder_of(paykeel).complete_action(reference_of(taken), "authenticated")
    await recover(paykeel, admin)
    assert (await again(paykeel, taken)).status == "succeeded"
    assert await again(paykeel, left) == left
    await audited(paykeel)


async def test_a_step_is_taken_once(paykeel: Paykeel, merchant: Merchant) -> None:
    waiting = await buy(paykeel, merchant, **TOKEN)
    await complete(paykeel, waiting, "authenticated")
    with pytest.raises(IllegalTransition):
        await complete(paykeel, waiting, "failed", "a-2")
    assert (await again(paykeel, waiting)).status == "succeeded"
    plain = await buy(paykeel, merchant, "plain")
    with pytest.raises(IllegalTransition) as caught:
        await complete(paykeel, plain, "authenticated", "a-3")
    assert caught.value.data == {"status": "succeeded"}


async def test_what_a_step_gives_back_has_limits(paykeel: Paykeel, merchant: Merchant) -> None:
    waiting = await buy(paykeel, merchant, **TOKEN)
    wrong: list[tuple[Any, str]] = [
        ({f"k{number}": "v" for number in range(21)}, "data_too_many"),
        ({"k" * 65: "v"}, "text_too_long"),
        ({"k": "v" * 4_001}, "text_too_long"),
        ({"": "v"}, "text_empty"),
        ({"k": 7}, "text_required"),
        ({"k": "a\x00b"}, "text_not_storable"),
        ({"number": "4242 4242 4242 4242"}, "card_number_refused"),
        ({"4242 4242 4242 4242": "v"}, "card_number_refused"),
    ]
    for data, code in wrong:
        with pytest.raises(InvalidField) as caught:
            await paykeel.payments.complete(
                waiting.payment_id,
                merchant_id=merchant.merchant_id,
                idempotency_key="a-1",
                data=data,
            )
        assert caught.value.code == code
    assert (await complete(paykeel, waiting, "authenticated")).status == 200


async def test_a_gateway_that_is_not_handed_the_step_is_asked(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    gateway = Told()
    async with Paykeel.open(settings_for(urls), gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        first = RequiresAction(NextAction("redirect", "https://gateway.example/1", {}), "g_1")
        second = RequiresAction(NextAction("display", None, {"code": "7"}), "g_1")
        gateway.will("charge", first)
        waiting = await buy(paykeel, merchant)
        gateway.will("lookup", second, Unknown("timeout"), Succeeded(Money(1_250, "EUR")))
        # The gateway wants another step.
        assert (await complete(paykeel, waiting, "done")).status == 202
        now = await again(paykeel, waiting)
        assert now.next_action == {"kind": "display", "url": None, "data": {"code": "7"}}
        # It does not answer: nothing is lost, and recovery learns how it ended.
        assert (await complete(paykeel, waiting, "done", "a-2")).status == 202
        assert await again(paykeel, waiting) == now
        await admin.execute(
            "UPDATE payment_attempts SET recover_at = now() - interval '1 s' "
            "WHERE operation = 'complete' AND state = 'open'"
        )
        await paykeel.payments.sweep()
        assert (await again(paykeel, waiting)).status == "succeeded"
        repeated = await complete(paykeel, waiting, "done", "a-2")
        assert (repeated.status, repeated.replayed) == (200, True)
        assert {verb for verb, _ in gateway.asked} == {"charge", "lookup"}
        await audited(paykeel)


async def test_notices_in_any_order_end_the_same(paykeel: Paykeel, merchant: Merchant) -> None:
    gateway = placeholder_of(paykeel)
    orders = [[0, 1], [1, 0], [1, 1, 0, 0, 1]]
    for number, sequence in enumerate(orders):
        waiting = await buy(paykeel, merchant, f"order-{number}", **TOKEN)
        step = NextAction("redirect", str((waiting.next_action or {})["url"]), {})
        outcomes: tuple[RequiresAction | Succeeded, ...] = (
            RequiresAction(step),
            Succeeded(waiting.money, "g_1"),
        )
        notices = [
            Notice(
                message_id=f"n-{number}-{place}",
                reference=reference_of(waiting),
                outcome=outcome,
                merchant_id=str(merchant.merchant_id),
                payment_id=str(waiting.payment_id),
            )
            for place, outcome in enumerate(outcomes)
        ]
        await gateway.complete_action(reference_of(waiting), "authenticated")
        for place in sequence:
            await paykeel.payments.take_notice(notices[place])
        now = await again(paykeel, waiting)
        assert (now.status, now.amount_captured) == ("succeeded", 1_250)
        assert [event.type for event in now.timeline] == [
            "payment.opened",
            "payment.requires_action",
            "payment.succeeded",
        ]
        assert now.timeline[-1].actor == "webhook"
    await audited(paykeel)


async def test_the_placeholders_own_notices_are_read_and_taken(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    gateway = placeholder_of(paykeel)
    for token in ("pm_duplicate_webhook", "pm_ok", "pm_card_declined"):
        payment = await buy(paykeel, merchant, token, payment_method=token)
        delivered = await gateway.webhooks(reference_of(payment))
        assert delivered
        for headers, content in delivered:
            await paykeel.payments.take_notice(gateway.parse_webhook(headers, content))
        assert await again(paykeel, payment) == payment
    await audited(paykeel)
