"""What another policy would have given: exact, page by page, and never more than was captured."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from paykeel.errors import NotFound
from paykeel.fraud.backtest import Period
from paykeel.gateways.port import Succeeded, Unknown
from paykeel.money import Money
from paykeel.refunds.parsing import policy_of
from paykeel.refunds.simulation import PAGE_ROWS, simulate
from tests.database.helpers import buy, recover
from tests.database.noticing import dark
from tests.database.refunding import (
    AMOUNT,
    OTHER_EYES,
    outside_notice,
    publish_policy,
    refund,
    refunds_of,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

NEVER = {"approval": {"when": "never"}}

#: Copies of the newest refund, with all that the simulation reads of it, each of a payment of its
#: own: identifiers are made anew from its place in the row.
_COPY = (
    """
    INSERT INTO payments SELECT (jsonb_populate_record(p, jsonb_build_object(
        'payment_id', md5('payment' || n)::uuid, 'idempotency_key', 'copy-' || n,
        'gateway_id', 'copy-' || n))).*
    FROM payments p, generate_series(1, $1::int) n
    """,
    """
    INSERT INTO payment_events SELECT (jsonb_populate_record(e, jsonb_build_object(
        'payment_id', md5('payment' || n)::uuid,
        'refund_id', overlay(e.refund_id::text placing lpad(to_hex(n), 8, '0') from 29)))).*
    FROM payment_events e, generate_series(1, $1::int) n
    """,
    """
    INSERT INTO refunds SELECT (jsonb_populate_record(r, jsonb_build_object(
        'payment_id', md5('payment' || n)::uuid, 'idempotency_key', 'copy-' || n,
        'refund_id', overlay(r.refund_id::text placing lpad(to_hex(n), 8, '0') from 29)))).*
    FROM refunds r, generate_series(1, $1::int) n
    """,
    """
    INSERT INTO refund_decisions SELECT (jsonb_populate_record(d, jsonb_build_object(
        'refund_id', overlay(d.refund_id::text placing lpad(to_hex(n), 8, '0') from 29)))).*
    FROM refund_decisions d, generate_series(1, $1::int) n
    """,
)


def policy(percent_bps: int, **changes: Any) -> dict[str, Any]:
    return {
        "key": "other", "title": "Other", "otherwise": {"percent_bps": percent_bps}, **changes
    }  # fmt: skip


async def tried(
    paykeel: Paykeel, merchant: Merchant, percent_bps: int, **changes: Any
) -> dict[str, Any]:
    """What a policy would have given within the last hour."""
    now = paykeel.database.now()
    return await simulate(
        paykeel.database,
        policy_of(policy(percent_bps, **changes)),
        merchant_id=merchant.merchant_id,
        period=Period(since=now - timedelta(hours=1), until=now + timedelta(hours=1)),
    )


def sums(report: dict[str, Any]) -> tuple[int, int, int]:
    """How many, what was given, and what would have been, over all groups."""
    groups = report["groups"]
    return (
        sum(one["refunds"] for one in groups),
        sum(one["given"] for one in groups),
        sum(one["would"] for one in groups),
    )


async def test_several_refunds_of_a_payment_never_come_to_more(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await publish_policy(paykeel, merchant, **NEVER, otherwise={"percent_bps": 4_000})
    payment = await buy(paykeel, merchant)
    # All that the policy gives, a gift, and what somebody gave back in the gateway's own screens.
    await refund(paykeel, payment, "r-1", None)
    gift = await refund(paykeel, payment, "r-2", 600, override_reason="A gift", reason="other")
    await refunds_of(paykeel).approve(
        gift.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES
    )
    await refunds_of(paykeel).take_notice(outside_notice(payment, amount=50))

    same = await tried(paykeel, merchant, 4_000)
    assert sums(same) == (2, 1_100, 500)
    all_of_it = await tried(paykeel, merchant, 10_000)
    assert sums(all_of_it) == (2, 1_100, AMOUNT)
    assert [one["would"] for one in all_of_it["examples"]] == [AMOUNT, 0]
    assert all_of_it["left_out"] == {"not_given": 0, "outside": 1, "out_of_scope": 0}
    half = await tried(paykeel, merchant, 5_000)
    assert sums(half) == (2, 1_100, 625)
    once = await tried(paykeel, merchant, 3_000, max_refunds=1)
    assert [one["would"] for one in once["groups"]] == [0, 375]
    assert sums(await tried(paykeel, merchant, 0)) == (2, 1_100, 0)


async def test_what_nobody_gave_is_left_out_and_what_waits_is_not(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await publish_policy(paykeel, merchant)
    service = refunds_of(paykeel)
    payment = await buy(paykeel, merchant)
    for number, decide in enumerate((service.reject, service.cancel)):
        held = await refund(paykeel, payment, f"r-{number}", None)
        await decide(held.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES)
    await refund(paykeel, payment, "r-3", 400)
    declined = await buy(paykeel, merchant, "declined", payment_method="pm_refund_declined")
    failed = await refund(paykeel, declined, "r-4", None)
    sent = await service.approve(
        failed.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES
    )
    assert sent.status == "failed"

    report = await tried(paykeel, merchant, 10_000)
    assert (report["refunds"], report["left_out"]["not_given"]) == (1, 3)
    # A part was asked for, and more is not given for that.
    assert (sums(report), report["changed"], report["examples"]) == ((1, 400, 400), 0, [])
    operators = await tried(paykeel, merchant, 10_000, scope={"buyer_role": "operator"})
    assert (operators["refunds"], operators["left_out"]["out_of_scope"]) == (0, 1)
    tickets = await tried(paykeel, merchant, 10_000, scope={"product": "ticket"})
    assert tickets["left_out"]["out_of_scope"] == 1


async def test_what_a_payment_does_not_tell_is_shown_apart(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    in_germany = {"jurisdiction": "DE", "channel": "web", "payment_method": "card"}
    given = {**NEVER, "otherwise": {"percent_bps": 4_000}}
    await publish_policy(paykeel, merchant, **given, key="germany", scope=in_germany)
    await publish_policy(paykeel, merchant, **given, key="paris", scope={"jurisdiction": "FR-75"})
    await publish_policy(paykeel, merchant, **given)
    told = {"jurisdiction": "DE-BY", "channel": "web", "payment_method_type": "card"}
    for key, where in (("o-1", told), ("o-2", {}), ("o-3", {"jurisdiction": "FR-75"})):
        await refund(paykeel, await buy(paykeel, merchant, key, **where), f"r-{key}", None)

    async def split(**scope: str) -> tuple[int, int, dict[str, int]]:
        report = await tried(paykeel, merchant, 10_000, scope=scope)
        untold = report["untold"]
        assert sums(untold)[1:] == (sums(untold)[0] * 500, sums(untold)[0] * AMOUNT)
        assert report["refunds"] == sums(report)[0] + sums(untold)[0]
        assert report["refunds"] + report["left_out"]["out_of_scope"] == 3
        return sums(report)[0], sums(untold)[0], untold["parts"]

    # What the policy of then names is known; one payment tells nothing.
    assert await split() == (3, 0, {})
    assert await split(jurisdiction="DE") == (1, 1, {"jurisdiction": 1})
    assert await split(channel="web") == (1, 2, {"channel": 2})
    assert await split(payment_method="card", channel="web") == (
        1, 2, {"channel": 2, "payment_method": 2},
    )  # fmt: skip
    # It was bought somewhere in Germany; in which part is not kept.
    assert await split(jurisdiction="DE-BY") == (0, 2, {"jurisdiction": 2})
    # Whatever was bought in Paris was bought in France.
    assert await split(jurisdiction="FR") == (1, 1, {"jurisdiction": 1})
    assert await split(channel="app", jurisdiction="DE-BY") == (
        0, 1, {"channel": 1, "jurisdiction": 1},
    )  # fmt: skip
    assert await split(payment_method="voucher") == (0, 2, {"payment_method": 2})
    shown = (await tried(paykeel, merchant, 0, scope={"channel": "web"}))["examples"]
    assert sorted(one["untold"] for one in shown) == [[], ["channel"], ["channel"]]


async def test_it_goes_page_by_page_and_says_how_far_it_is(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    await refund(paykeel, payment, "r-1", None)
    for statement in _COPY:
        await admin.execute(statement, PAGE_ROWS)
    said: list[tuple[int, int]] = []
    now = paykeel.database.now()
    report = await simulate(
        paykeel.database,
        policy_of(policy(3_333)),
        merchant_id=merchant.merchant_id,
        period=Period(since=now - timedelta(hours=1), until=now + timedelta(hours=1)),
        on_progress=lambda done, total: said.append((done, total)),
    )
    every = PAGE_ROWS + 1
    assert said == [(PAGE_ROWS, every), (every, every)]
    assert sums(report) == (every, every * AMOUNT, every * 417)
    assert (report["changed"], len(report["examples"])) == (every, 10)


async def test_a_period_has_its_ends_and_a_merchant_is_needed(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    made = await refund(paykeel, payment, "r-1", None)

    async def count(since: timedelta, until: timedelta) -> int:
        report = await simulate(
            paykeel.database,
            policy_of(policy(10_000)),
            merchant_id=merchant.merchant_id,
            period=Period(since=made.created_at + since, until=made.created_at + until),
        )
        found: int = report["refunds"]
        return found

    tick, none = timedelta(microseconds=1), timedelta(0)
    assert await count(none, tick) == 1
    assert await count(-tick, none) == 0
    assert await count(tick, 2 * tick) == 0
    with pytest.raises(NotFound):
        await simulate(
            paykeel.database,
            policy_of(policy(10_000)),
            merchant_id=uuid4(),
            period=Period(since=made.created_at, until=made.created_at + tick),
        )


async def test_the_policy_that_held_gives_what_was_given(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    """Partial refunds, another amount than was asked for, disputes, and what was made there."""
    async with dark(urls) as (paykeel, _, gateway):
        merchant = await paykeel.merchants.create("Mill Market")
        held = {**NEVER, "otherwise": {"percent_bps": 5_000}}
        await publish_policy(paykeel, merchant, **held)
        service = refunds_of(paykeel)
        told: dict[str, Any] = {"merchant_id": merchant.merchant_id, "operator": OTHER_EYES}

        async def bought(key: str, *refunded: int | None) -> Payment:
            gateway.will("charge", Succeeded(Money(AMOUNT, "EUR")))
            gateway.will("refund", *(
                Unknown("silent") if amount is None else Succeeded(Money(amount, "EUR"))
                for amount in refunded
            ))  # fmt: skip
            return await buy(paykeel, merchant, key)

        async def settled(payment: Payment, amount: int) -> None:
            await recover(paykeel, admin)
            await paykeel.payments.resolve(
                payment.payment_id, **told, decision="succeeded", evidence="Seen", amount=amount
            )

        # A dispute is lost, another is open, and one was lost and won on appeal.
        lost = await bought("o-1", 25)
        for name, amount, endings in (("a", 600, "lost"), ("b", 50, "lost won"), ("c", 30, "")):
            await service.open_dispute(lost.payment_id, **told, dispute_id=name, amount=amount)
            for ending in endings.split():
                await service.close_dispute(lost.payment_id, **told, dispute_id=name, ending=ending)
        assert (await refund(paykeel, lost, "r-1", None)).amount == 25
        # Less went back than was asked for, before the rest and after it.
        less = await bought("o-2", None, 525)
        await refund(paykeel, less, "r-2", None)
        await settled(less, 100)
        assert (await refund(paykeel, less, "r-3", None)).amount == 525
        meanwhile = await bought("o-3", None, 225)
        await refund(paykeel, meanwhile, "r-4", 400)
        assert (await refund(paykeel, meanwhile, "r-5", None)).amount == 225
        await settled(meanwhile, 40)
        # More than was asked for; and something that was made at the gateway itself.
        more = await bought("o-4", None, 25)
        await service.take_notice(outside_notice(more, amount=100))
        await refund(paykeel, more, "r-6", 400)
        await settled(more, 500)
        assert (await refund(paykeel, more, "r-7", None)).amount == 25

        same = await tried(paykeel, merchant, 5_000)
        assert sums(same) == (7, 25 + 100 + 525 + 40 + 225 + 500 + 25, sums(same)[1])
        assert (same["changed"], same["examples"]) == (0, [])
        nothing = await tried(paykeel, merchant, 0)
        assert sums(nothing) == (7, sums(same)[1], 0)
        for percent_bps in (2_500, 7_500, 10_000):
            report = await tried(paykeel, merchant, percent_bps)
            assert 0 < sums(report)[2] <= 4 * AMOUNT
