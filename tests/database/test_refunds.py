"""Giving money back: all of it, parts of it, never more, never twice, and every refusal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.clock import new_id
from paykeel.errors import InvalidField, InvalidIdempotencyKey, NotFound, PaykeelError, Refused
from paykeel.refunds.model import GivenFacts, RefundFilter
from paykeel.refunds.policy import Component
from tests.database.helpers import again, attempts_of, audited, buy, moved, reserve, topics_of
from tests.database.refunding import (
    AMOUNT,
    ASKER,
    ask_refund,
    asking_for,
    given_back,
    publish_policy,
    read_refund,
    refund,
    refund_in,
    refunds_of,
    rows_written,
    sums,
    waiting,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.refunds.model import Refund


async def test_a_part_is_given_back(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    done = await refund(paykeel, payment)
    assert (done.status, done.amount, done.origin) == ("succeeded", 500, "merchant")
    assert (done.requested_by, done.quoted_amount) == (ASKER, AMOUNT)
    assert done.gateway_id is not None
    assert done.finished_at == done.updated_at > done.created_at
    now = await again(paykeel, payment)
    assert (sums(now), now.refundable, now.status) == ((500, 0), 750, "succeeded")
    assert (now.display_status, now.gateway_id) == ("partially_refunded", payment.gateway_id)
    assert [event.type for event in now.timeline[2:]] == ["payment.refund_sent", "payment.refunded"]
    assert {event.refund_id for event in now.timeline[2:]} == {done.refund_id}
    assert now.timeline[2].actor == f"operator:{ASKER}"
    assert await given_back(paykeel, merchant.merchant_id) == (1, 500)
    attempts = await attempts_of(admin, payment)
    assert [(one["operation"], one["state"]) for one in attempts] == [
        ("charge", "done"), ("refund", "done"),
    ]  # fmt: skip
    topics = ["purchase.completed", "payment.refund_sent", "payment.refunded"]
    assert await topics_of(admin, payment) == topics
    await audited(paykeel)


async def test_what_is_left_is_given_back_when_no_amount_is_named(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    await refund(paykeel, payment)
    rest = await refund(paykeel, payment, "r-2", None)
    assert (rest.amount, rest.quoted_amount) == (750, 750)
    now = await again(paykeel, payment)
    assert (sums(now), now.display_status) == ((AMOUNT, 0), "refunded")
    with pytest.raises(Refused) as caught:
        await refund(paykeel, payment, "r-3", None)
    assert caught.value.code == "refund_denied"
    assert await given_back(paykeel, merchant.merchant_id) == (2, AMOUNT)
    await audited(paykeel)


async def test_a_declined_refund_gives_its_room_back(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant, payment_method="pm_refund_declined")
    answer = await ask_refund(paykeel, payment, amount=AMOUNT)
    assert (answer.status, refund_in(answer)["status"]) == (402, "failed")
    assert refund_in(answer)["failure"]["reason"] == "processing_error"
    now = await again(paykeel, payment)
    # The payment itself is as good as it was.
    assert (sums(now), now.status, now.failure_reason) == ((0, 0), "succeeded", None)
    assert now.timeline[-1].type == "payment.refund_failed"
    failed = await refund(paykeel, payment, amount=AMOUNT)
    assert (failed.status, failed.failure_reason) == ("failed", "processing_error")
    assert await ask_refund(paykeel, payment, amount=AMOUNT) == replace(answer, replayed=True)
    # Under another key it is another refund, and there is room for it.
    assert (await refund(paykeel, payment, "r-2", AMOUNT)).refund_id != failed.refund_id
    assert await moved(paykeel, payment, "refund") == 0
    assert await admin.fetchval("SELECT count(*) FROM refunds WHERE status = 'failed'") == 2
    await audited(paykeel)


async def test_the_answer_is_repeated_byte_for_byte(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    first = await ask_refund(paykeel, payment)
    assert (first.status, first.replayed) == (201, False)
    assert refund_in(first)["payment"]["amount_refundable"] == 750
    await ask_refund(paykeel, payment, "r-2", 100)
    assert await ask_refund(paykeel, payment) == replace(first, replayed=True)
    assert await given_back(paykeel, merchant.merchant_id) == (2, 600)


async def test_a_key_is_one_key_however_it_is_written(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    first = await refund(paykeel, payment, "r-1")
    for spelling in (" r-1 ", '"r-1"'):
        assert await refund(paykeel, payment, spelling) == first
    for wrong in ("", " ", "r\n1", "x" * 256):
        with pytest.raises(InvalidIdempotencyKey):
            await refund(paykeel, payment, wrong)
    assert await moved(paykeel, payment, "refund") == 1


async def test_only_what_has_ended_with_money_is_refunded(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    held = await reserve(paykeel, merchant, "held")
    await paykeel.payments.capture(
        held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c-1", amount=300,
        final=False,
    )  # fmt: skip
    tokens = ("pm_card_declined", "pm_requires_action", "pm_pending_then_succeeded_60000")
    refused = [held, *[await buy(paykeel, merchant, one, payment_method=one) for one in tokens]]
    before = await rows_written(admin)
    for payment in refused:
        with pytest.raises(Refused) as caught:
            await refund(paykeel, payment)
        assert (caught.value.code, caught.value.data["status"]) == (
            "payment_not_refundable", (await again(paykeel, payment)).status,
        )  # fmt: skip
        with pytest.raises(Refused):
            await refunds_of(paykeel).quote(payment.payment_id, merchant_id=merchant.merchant_id)
    assert await rows_written(admin) == before


async def test_what_was_captured_in_part_is_refunded_in_full(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    held = await reserve(paykeel, merchant)
    await paykeel.payments.capture(
        held.payment_id, merchant_id=merchant.merchant_id, idempotency_key="c-1", amount=300
    )
    with pytest.raises(InvalidField) as caught:
        await refund(paykeel, held, amount=301)
    assert caught.value.code == "amount_over_refundable"
    assert (await refund(paykeel, held, amount=300)).status == "succeeded"
    assert (await again(paykeel, held)).display_status == "refunded"
    await audited(paykeel)


async def test_late_money_that_was_accepted_can_be_refunded(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """The payment stays failed, for the reason for which it failed."""
    payment = await buy(paykeel, merchant, payment_method="pm_refund_declined")
    await admin.execute("SET session_replication_role = replica")
    await admin.execute(
        "UPDATE payments SET status = 'failed', failure_reason = 'card_declined',"
        " failure_code = '05' WHERE payment_id = $1",
        payment.payment_id,
    )
    failed = await refund(paykeel, payment)
    assert failed.status == "failed"
    now = await again(paykeel, payment)
    assert (now.status, now.failure_reason, now.failure_code) == ("failed", "card_declined", "05")
    assert now.finished_at == payment.finished_at


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"amount": AMOUNT + 1}, "amount_over_refundable"),
        ({"amount": 751, "first": 500}, "amount_over_refundable"),
        ({"amount": 1, "first": AMOUNT}, "amount_over_refundable"),
        ({"amount": 500, "expected_refunded_amount": 1}, "refunded_amount_changed"),
        ({"amount": 500, "expected_refunded_amount": 0, "first": 1}, "refunded_amount_changed"),
        # What is stale is told before what is too much: whoever asks looks again.
        ({"amount": 1_300, "expected_refunded_amount": 7}, "refunded_amount_changed"),
    ],
    ids=str,
)
async def test_a_refusal_writes_nothing_and_leaves_the_key_free(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    how: dict[str, Any],
    code: str,
) -> None:
    payment = await buy(paykeel, merchant)
    first = how.get("first", 0)
    if first:
        await refund(paykeel, payment, "first", first)
    before = await rows_written(admin)
    asked = {name: value for name, value in how.items() if name != "first"}
    with pytest.raises(PaykeelError) as caught:
        await refund(paykeel, payment, **asked)
    assert caught.value.code == code
    if code == "refunded_amount_changed":
        assert caught.value.data == {"amount_refunded": first, "amount_refund_reserved": 0}
    assert await rows_written(admin) == before
    if first < AMOUNT:
        done = await refund(paykeel, payment, amount=AMOUNT - first, expected_refunded_amount=first)
        assert done.status == "succeeded"


async def test_what_is_reserved_counts_as_asked_for(paykeel: Paykeel, merchant: Merchant) -> None:
    payment, asked = await waiting(paykeel, merchant)
    with pytest.raises(Refused) as caught:
        await refund(paykeel, payment, "r-2", 100, expected_refunded_amount=0)
    assert caught.value.data == {"amount_refunded": 0, "amount_refund_reserved": 500}
    with pytest.raises(InvalidField) as over:
        await refund(paykeel, payment, "r-2", 751)
    assert over.value.code == "amount_over_refundable"
    more = await refund(paykeel, payment, "r-2", 750, expected_refunded_amount=500)
    assert (asked.status, more.status) == ("requested", "requested")
    assert sums(await again(paykeel, payment)) == (0, AMOUNT)
    await audited(paykeel)


HALF = {"approval": {"when": "outside_policy"}, "otherwise": {"percent_bps": 5_000}}


async def test_a_policy_gives_its_part_and_a_person_the_rest(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await publish_policy(paykeel, merchant, **HALF)
    payment = await buy(paykeel, merchant)
    before = await rows_written(admin)
    with pytest.raises(Refused) as outside:
        await refund(paykeel, payment, amount=626)
    assert (outside.value.code, outside.value.data["quoted_amount"]) == (
        "refund_outside_policy", 625,
    )  # fmt: skip
    with pytest.raises(InvalidField) as over:
        await refund(paykeel, payment, amount=AMOUNT + 1, override_reason="They waited in the rain")
    assert over.value.code == "amount_over_refundable"
    assert await rows_written(admin) == before
    by_policy = await refund(paykeel, payment, amount=None)
    assert (by_policy.amount, by_policy.status) == (625, "succeeded")
    assert by_policy.policy_sha256 == payment.refund_policy_sha256 is not None
    with pytest.raises(Refused) as denied:
        await refund(paykeel, payment, "r-2", None)
    assert denied.value.code == "refund_denied"
    with pytest.raises(InvalidField) as unnamed:
        await refund(paykeel, payment, "r-2", None, override_reason="They waited in the rain")
    assert unnamed.value.code == "amount_required"
    beyond = await refund(paykeel, payment, "r-2", 625, override_reason="They waited in the rain")
    # What the policy does not give is never one person's decision.
    assert (beyond.status, beyond.four_eyes, beyond.quoted_amount) == ("requested", True, 0)
    assert sums(await again(paykeel, payment)) == (625, 625)
    await audited(paykeel)


async def test_what_a_policy_cannot_know_is_asked_of_a_person(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    """The time of the service is not told, and the answer depends on it."""
    tiers = [
        {"name": "early", "percent_bps": 10_000, "when": {"before_service": {"from": "2d"}}},
    ]
    await publish_policy(
        paykeel, merchant, approval={"when": "never"}, tiers=tiers, unknown="ask",
        otherwise={"percent_bps": 0},
    )  # fmt: skip
    payment = await buy(paykeel, merchant)
    with pytest.raises(InvalidField) as unnamed:
        await refund(paykeel, payment, amount=None)
    assert unnamed.value.code == "amount_required"
    asked = await refund(paykeel, payment)
    assert (asked.status, asked.four_eyes) == ("requested", True)
    later = payment.created_at + timedelta(days=3)
    told = await refund(paykeel, payment, "r-2", 100, facts=GivenFacts(service_at=later))
    assert told.status == "succeeded"
    (decision,) = await refunds_of(paykeel).decisions(
        told.refund_id, merchant_id=merchant.merchant_id
    )
    assert decision.facts is not None
    assert set(decision.facts) == {"service_at"}
    assert decision.trace


async def test_the_facts_are_kept_with_the_decision(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    facts = GivenFacts(
        components={Component.FARE: 1_000, Component.TAX: 250}, no_show=True, jurisdiction="NL"
    )
    done = await refund(paykeel, payment, facts=facts)
    service = refunds_of(paykeel)
    (decision,) = await service.decisions(done.refund_id, merchant_id=merchant.merchant_id)
    assert (decision.kind, decision.from_status, decision.to_status) == (
        "requested", "new", "pending",
    )  # fmt: skip
    assert decision.facts == facts.document()
    assert decision.as_of is not None
    assert decision.as_of <= decision.decided_at


async def test_refunds_are_listed_newest_first(paykeel: Paykeel, merchant: Merchant) -> None:
    first = await buy(paykeel, merchant, "order-1")
    second = await buy(paykeel, merchant, "order-2", payment_method="pm_refund_declined")
    made = [await refund(paykeel, first, f"r-{n}", 100 + n) for n in range(5)]
    made.append(await refund(paykeel, second, "r-5", 100, reason="duplicate"))
    made.reverse()
    service, whose = refunds_of(paykeel), merchant.merchant_id
    found: list[Refund] = []
    cursor = None
    while True:
        page = await service.list(merchant_id=whose, cursor=cursor, rows_max=2)
        found += page.refunds
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == made
    for filters, expected in (
        (RefundFilter(payment_id=second.payment_id), made[:1]),
        (RefundFilter(status="failed"), made[:1]),
        (RefundFilter(status="succeeded"), made[1:]),
        (RefundFilter(reason="duplicate"), made[:1]),
        (RefundFilter(origin="gateway"), []),
        (RefundFilter(origin="merchant"), made),
    ):
        page = await service.list(merchant_id=whose, filters=filters)
        assert list(page.refunds) == expected, filters
    for wrong, code in (
        ({"rows_max": 0}, "limit_out_of_range"),
        ({"rows_max": 101}, "limit_out_of_range"),
        ({"cursor": "x"}, "cursor_malformed"),
    ):
        with pytest.raises(InvalidField) as caught:
            await service.list(merchant_id=whose, **wrong)
        assert caught.value.code == code
    for name in ("status", "reason", "origin"):
        with pytest.raises(InvalidField) as caught:
            RefundFilter(**{name: "late"})  # type: ignore[arg-type]
        assert (caught.value.field, caught.value.code) == (name, "choice_unknown")


async def test_another_merchants_refunds_are_not_there(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment, asked = await waiting(paykeel, merchant)
    other = (await paykeel.merchants.create("Mill Market")).merchant_id
    service = refunds_of(paykeel)
    for call in (
        service.get(asked.refund_id, merchant_id=other),
        service.decisions(asked.refund_id, merchant_id=other),
        service.quote(payment.payment_id, merchant_id=other),
        service.request(
            payment.payment_id, asking_for(1), merchant_id=other, idempotency_key="r-1"
        ),
        service.approve(asked.refund_id, merchant_id=other, operator="Ben Okafor"),
        service.reject(asked.refund_id, merchant_id=other, operator="Ben Okafor"),
        service.cancel(asked.refund_id, merchant_id=other, operator="Ben Okafor"),
        service.get(new_id(), merchant_id=merchant.merchant_id),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await service.list(merchant_id=other)).refunds == ()
    assert await read_refund(paykeel, asked) == asked


async def test_a_quote_writes_nothing(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await publish_policy(paykeel, merchant, **HALF)
    payment = await buy(paykeel, merchant)
    before = await rows_written(admin)
    service, whose = refunds_of(paykeel), merchant.merchant_id
    quoted = await service.quote(payment.payment_id, merchant_id=whose)
    assert (quoted.amount, quoted.total, quoted.outcome) == (625, 625, "refundable")
    with pytest.raises(InvalidField):
        await service.quote(payment.payment_id, merchant_id=whose, reason="because")
    assert await rows_written(admin) == before
    await refund(paykeel, payment, amount=600)
    assert (await service.quote(payment.payment_id, merchant_id=whose)).amount == 25


async def test_many_who_refund_one_payment_at_once_all_get_through(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant, "order-crowd")
    made = await asyncio.gather(
        *(refund(paykeel, payment, f"crowd-{number}", 10) for number in range(30))
    )
    assert {one.status for one in made} == {"succeeded"}
    now = await paykeel.payments.get(payment.payment_id, merchant_id=merchant.merchant_id)
    assert (now.amount_refunded, now.amount_refund_reserved) == (300, 0)
