"""Payments that are held for a person: decided once, sent once, and answered alike ever after."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Paykeel
from paykeel.errors import (
    Forbidden,
    GatewayNotConfigured,
    IllegalTransition,
    Misconfigured,
    NotFound,
)
from paykeel.gateways.port import Notice, Succeeded
from paykeel.money import Money
from paykeel.payments.settle import CompletionHook
from tests.conftest import settings_for
from tests.database.helpers import (
    again,
    ask,
    attempts_of,
    audited,
    body,
    buy,
    moved,
    opened,
    recover,
    reference_of,
    topics_of,
)
from tests.database.terms import require_terms
from tests.reviews import (
    DEAR,
    approve,
    cancel,
    code_of,
    hold,
    labels_of,
    make_due,
    notes_of,
    reject,
    review_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    import asyncpg

    from paykeel import Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as core:
        yield core


@pytest.fixture
async def shop(judging: Paykeel, admin: asyncpg.Connection) -> Merchant:
    """A merchant of whom everything over 10.00 is held."""
    shop = await judging.merchants.create("Harbour Market", "test")
    await hold(judging, admin, shop.merchant_id)
    return shop


async def test_an_approved_payment_goes_on_by_the_same_path(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    held = await ask(judging, shop)
    payment = await buy(judging, shop)
    assert (held.status, payment.status, await moved(judging, payment)) == (202, "in_review", 0)
    approved = await judging.reviews.approve(
        payment.payment_id, merchant_id=shop.merchant_id, operator="Ada", note="A known buyer"
    )

    assert [event.type for event in approved.timeline] == [
        "payment.in_review",
        "payment.approved",
        "payment.succeeded",
    ]
    assert approved.timeline[1].actor == "operator:Ada"
    assert await moved(judging, payment) == 1
    assert await review_of(admin, payment) == ("approved", 1, True)
    assert await notes_of(admin, payment) == [("approve", "Ada", "A known buyer")]
    (attempt,) = await attempts_of(admin, payment)
    assert (attempt["operation"], attempt["state"]) == ("charge", "done")
    assert await topics_of(admin, payment) == ["purchase.completed"]
    answer = await ask(judging, shop)
    assert (answer.status, answer.replayed) == (201, True)
    assert body(answer) == approved.document() == (await again(judging, payment)).document()
    # Who never heard of it is given the payment; nobody else is, and nothing is sent again.
    assert (await approve(judging, payment, " ada ")).version == approved.version
    assert await code_of(approve(judging, payment, "Ben")) == "review_decided"
    assert await code_of(reject(judging, payment)) == "review_decided"
    assert await moved(judging, payment) == 1
    await audited(judging)


@pytest.mark.parametrize(
    ("method", "status", "answered"),
    [
        ("pm_card_declined", "failed", 402),
        ("pm_requires_action", "requires_action", 202),
        ("pm_lost_response", "processing", 202),
    ],
)
async def test_what_the_gateway_says_then_is_what_holds(
    judging: Paykeel,
    shop: Merchant,
    admin: asyncpg.Connection,
    method: str,
    status: str,
    answered: int,
) -> None:
    payment = await buy(judging, shop, payment_method=method)
    assert (await approve(judging, payment)).status == status
    assert (await ask(judging, shop, payment_method=method)).status == answered
    if status == "processing":
        await recover(judging, admin)
        assert (await again(judging, payment)).status == "succeeded"
        assert (await ask(judging, shop, payment_method=method)).status == 201
        assert await moved(judging, payment) == 1
    await audited(judging)


async def test_above_an_amount_two_people_approve(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop, amount=DEAR)
    assert (await approve(judging, payment)).status == "in_review"
    assert await review_of(admin, payment) == ("open", 1, False)
    for same in ("Ada", "  ADA ", "ada"):
        assert await code_of(approve(judging, payment, same)) == "review_needs_another_person"
    assert await review_of(admin, payment) == ("open", 1, False)
    assert await moved(judging, payment) == 0
    assert (await approve(judging, payment, "Ben")).status == "succeeded"
    assert await review_of(admin, payment) == ("approved", 2, True)
    assert [note[:2] for note in await notes_of(admin, payment)] == [
        ("approve", "Ada"),
        ("approve", "Ben"),
    ]
    await audited(judging)


async def test_a_rejected_payment_is_blocked_and_labelled(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop)
    rejected = await reject(judging, payment, note="A stolen card", label="fraud")

    assert (rejected.status, rejected.failure_reason) == ("blocked", "blocked")
    assert rejected.document() == (await again(judging, payment)).document()
    last = rejected.timeline[-1]
    assert (last.type, last.reason, last.actor) == ("payment.rejected", "blocked", "operator:Ada")
    assert await review_of(admin, payment) == ("rejected", 0, True)
    assert await notes_of(admin, payment) == [("reject", "Ada", "A stolen card")]
    assert await topics_of(admin, payment) == ["payment.rejected"]
    answer = await ask(judging, shop)
    assert (answer.status, json.loads(answer.body)["code"]) == (402, "payment_blocked")
    assert body(answer) == rejected.document()
    (label,) = await labels_of(admin, payment)
    assert label == ("fraud", "review", "Ada", rejected.updated_at)
    assert (await reject(judging, payment)).status == "blocked"
    assert await code_of(approve(judging, payment)) == "review_decided"
    assert (await moved(judging, payment), await attempts_of(admin, payment)) == (0, [])
    await audited(judging)


async def test_a_held_payment_is_canceled_without_the_gateway(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop)
    other = await buy(judging, shop, "order-18", buyer_id="agent-8")
    named: dict[str, Any] = {"merchant_id": shop.merchant_id, "idempotency_key": "cancel-1"}
    answer = await judging.payments.answer_cancel(payment.payment_id, **named)

    assert (answer.status, answer.replayed, body(answer)["status"]) == (200, False, "canceled")
    repeated = await judging.payments.answer_cancel(payment.payment_id, **named)
    assert (repeated.body, repeated.replayed) == (answer.body, True)
    purchase = await ask(judging, shop)
    assert (purchase.status, json.loads(purchase.body)["code"]) == (402, "payment_canceled")
    assert body(purchase) == body(answer) == (await again(judging, payment)).document()
    assert await review_of(admin, payment) == ("canceled", 0, True)
    assert await topics_of(admin, payment) == ["payment.canceled"]
    assert await moved(judging, payment) == 0
    # One key, one thing: neither another payment's cancellation, nor a purchase, nor the reverse.
    assert await code_of(cancel(judging, other)) == "idempotency_key_reused"
    assert await code_of(buy(judging, shop, "cancel-1")) == "idempotency_key_reused"
    assert await code_of(cancel(judging, other, "order-17")) == "idempotency_key_reused"
    assert await code_of(cancel(judging, payment, "cancel-2")) == "illegal_transition"
    assert (await again(judging, other)).status == "in_review"
    # The key stays with the payment when the stored answers have been purged.
    await admin.execute("DELETE FROM payment_idempotency WHERE response_status IS NOT NULL")
    assert (await judging.payments.answer_cancel(payment.payment_id, **named)).status == 200
    assert await code_of(cancel(judging, other)) == "idempotency_key_reused"
    assert await code_of(cancel(judging, other, "order-17")) == "idempotency_key_reused"
    assert await code_of(buy(judging, shop, "cancel-1")) == "idempotency_key_reused"
    await audited(judging)


async def test_what_nobody_reviews_in_time_expires(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payments = [await buy(judging, shop, f"order-{n}", buyer_id=f"agent-{n}") for n in range(7)]
    assert await judging.reviews.expire_overdue() == 0
    await approve(judging, payments[6])
    await make_due(admin)
    settings = judging.settings.model_copy(update={"recovery_batch_rows": 4})
    async with Paykeel.open(settings) as one, Paykeel.open(settings) as two:
        assert await one.reviews.expire_overdue() == 4
        done = await asyncio.gather(one.reviews.expire_overdue(), two.reviews.expire_overdue())
    assert sum(done) == 2
    for number, payment in enumerate(payments[:6]):
        expired = await again(judging, payment)
        last = expired.timeline[-1]
        assert (expired.status, last.type, last.actor) == (
            "expired",
            "payment.review_expired",
            "worker",
        )
        assert await review_of(admin, payment) == ("expired", 0, True)
        assert await notes_of(admin, payment) == [("expire", "paykeel", "")]
        answer = await ask(judging, shop, f"order-{number}", buyer_id=f"agent-{number}")
        assert (answer.status, json.loads(answer.body)["code"]) == (402, "payment_expired")
        assert body(answer) == expired.document()
        assert await code_of(approve(judging, payment)) == "review_decided"
    assert (await again(judging, payments[6])).status == "succeeded"
    await audited(judging)


async def test_one_that_cannot_be_ended_harms_no_other(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    bad, good = [await buy(judging, shop, f"order-{n}", buyer_id=f"agent-{n}") for n in range(2)]
    await admin.execute(
        "INSERT INTO payment_events (merchant_id, payment_id, sequence, type, from_status,"
        " to_status, amount, actor, occurred_at)"
        " VALUES ($1, $2, 2, 'x', 'in_review', 'expired', 1, 'x', now())",
        bad.merchant_id,
        bad.payment_id,
    )
    await make_due(admin)
    assert await judging.reviews.expire_overdue() == 2
    assert [(await again(judging, one)).status for one in (bad, good)] == ["in_review", "expired"]


async def test_whoever_decides_first_decides(
    judging: Paykeel, shop: Merchant, urls: Urls, admin: asyncpg.Connection
) -> None:
    """Everybody at once, from two pools: one outcome, and at most one charge."""
    payments = [await buy(judging, shop, f"order-{n}", buyer_id=f"agent-{n}") for n in range(8)]
    await make_due(admin)
    async with Paykeel.open(judging.settings) as other:
        codes: Counter[str | None] = Counter()
        for payment in payments:
            codes.update(
                await asyncio.gather(
                    code_of(approve(judging, payment, "Ada")),
                    code_of(approve(other, payment, "Ben")),
                    code_of(reject(other, payment, "Cid")),
                    code_of(cancel(judging, payment, f"cancel-{payment.payment_id}")),
                    code_of(other.reviews.expire_overdue()),
                )
            )
    assert set(codes) <= {None, "review_decided", "illegal_transition"}
    ends = {"succeeded": 1, "blocked": 0, "canceled": 0, "expired": 0}
    for payment in payments:
        ended = await again(judging, payment)
        assert await moved(judging, payment) == ends[ended.status]
        assert len(ended.timeline) == (3 if ended.status == "succeeded" else 2)
    await audited(judging)


async def test_a_suspended_merchant_approves_nothing(judging: Paykeel, shop: Merchant) -> None:
    payment = await buy(judging, shop)
    await judging.merchants.set_status(shop.merchant_id, "suspended")
    with pytest.raises(Forbidden) as refusal:
        await approve(judging, payment)
    assert refusal.value.code == "merchant_suspended"
    assert (await again(judging, payment)).status == "in_review"
    # What moves no money is still decided.
    assert (await reject(judging, payment)).status == "blocked"


async def test_limits_and_terms_are_not_asked_again(judging: Paykeel, shop: Merchant) -> None:
    payment = await buy(judging, shop)
    await judging.merchants.set_limit(shop.merchant_id, "EUR", 5)
    await require_terms(judging, shop)
    assert (await approve(judging, payment)).status == "succeeded"


async def test_a_payment_goes_to_the_gateway_that_it_was_opened_with(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop)
    await admin.execute("UPDATE payments SET gateway = 'elsewhere'")
    with pytest.raises((GatewayNotConfigured, Misconfigured)):
        await approve(judging, payment)
    assert await review_of(admin, payment) == ("open", 0, False)


async def test_only_a_process_with_the_hook_approves(
    urls: Urls, shop: Merchant, judging: Paykeel, admin: asyncpg.Connection
) -> None:
    ran: list[UUID] = []

    async def run(_connection: object, payment: Payment) -> None:
        ran.append(payment.payment_id)

    changes = {"fraud_default_ruleset": "default"}
    hook = CompletionHook("orders", run)
    async with opened(urls, changes=changes, core={"completion_hook": hook}) as hooked:
        payment = await buy(hooked, shop)
        assert await code_of(approve(judging, payment)) == "completion_hook_missing"
        assert await review_of(admin, payment) == ("open", 0, False)
        assert (await approve(hooked, payment)).status == "succeeded"
    assert ran == [payment.payment_id]


async def test_nothing_else_touches_a_held_payment(judging: Paykeel, shop: Merchant) -> None:
    payment = await buy(judging, shop)
    named: dict[str, Any] = {"merchant_id": shop.merchant_id}
    notice = Notice(
        message_id="evt-1",
        reference=reference_of(payment),
        outcome=Succeeded(Money(payment.amount, payment.currency), "gw-1"),
        merchant_id=str(shop.merchant_id),
        payment_id=str(payment.payment_id),
    )
    with pytest.raises(NotFound):
        await judging.payments.take_notice(notice)
    for decision in ("succeeded", "failed", "accept_late", "refund_late"):
        with pytest.raises(IllegalTransition, match="held for a person"):
            await judging.payments.resolve(
                payment.payment_id, decision=decision, operator="Ada", evidence="x", **named
            )
    for call in (judging.payments.capture, judging.payments.complete):
        assert await code_of(call(payment.payment_id, idempotency_key="x", **named)) == (
            "illegal_transition"
        )
    assert await judging.payments.sweep() == 0
    assert (await again(judging, payment)).version == 1


async def test_the_audit_sees_a_review_that_does_not_fit(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    held = await buy(judging, shop)
    lost = await buy(judging, shop, "order-18", buyer_id="agent-8")
    await audited(judging)
    await admin.execute(
        "UPDATE fraud_reviews SET status = 'rejected', decided_at = now() WHERE payment_id = $1",
        held.payment_id,
    )
    await admin.execute("DELETE FROM fraud_reviews WHERE payment_id = $1", lost.payment_id)
    report = await judging.auditor.audit(shop.merchant_id)
    assert {(one.kind, one.payment_id, one.detail) for one in report.differences} == {
        ("reviews", held.payment_id, "in_review, and its review is rejected"),
        ("reviews", lost.payment_id, "in_review, and its review is missing"),
    }
