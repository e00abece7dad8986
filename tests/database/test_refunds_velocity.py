"""Whoever counts refunds counts each that was given back, by whomever, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from tests.conftest import settings_for
from tests.database.helpers import audited, buy
from tests.database.refunding import outside_notice, publish_policy, refund, refunds_of
from tests.rulesets import at_most, enforce

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as core:
        yield core


@pytest.fixture
async def shop(judging: Paykeel) -> Merchant:
    return await judging.merchants.create("Harbour Market", "test")


async def test_what_is_given_back_at_the_gateway_counts_where_refunds_are_counted(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    """A rule about refunds looks at these entries, whoever gave the money back."""
    ruleset = at_most(2, outcome="refunded", key="buyer")
    await enforce(judging, admin, shop.merchant_id, ruleset)
    payments = [await buy(judging, shop, f"order-{n}") for n in range(2)]
    await refund(judging, payments[0], amount=500)
    await refunds_of(judging).take_notice(outside_notice(payments[1]))
    here, there = [
        await admin.fetch(
            "SELECT key, outcome, amount_ref FROM velocity_entries "
            "WHERE payment_id = $1 AND outcome = 'refunded' ORDER BY key",
            payment.payment_id,
        )
        for payment in payments
    ]
    assert here
    assert [tuple(row) for row in there] == [tuple(row) for row in here]
    assert {row["amount_ref"] for row in there} == {500}
    assert (await buy(judging, shop, "order-2")).status == "blocked"
    await audited(judging)


async def test_a_refund_that_waits_is_not_counted_yet(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    await publish_policy(judging, shop)
    await enforce(judging, admin, shop.merchant_id, at_most(1, outcome="refunded"))
    asked = await refund(judging, await buy(judging, shop))
    assert asked.status == "requested"
    assert (await buy(judging, shop, "order-2")).status == "succeeded"
    await refunds_of(judging).approve(
        asked.refund_id, merchant_id=shop.merchant_id, operator="Ben Okafor"
    )
    assert (await buy(judging, shop, "order-3")).status == "blocked"
