"""What each component got of a refund is kept with it, and what comes after goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.refunds.model import GivenFacts
from tests.database.helpers import audited, buy
from tests.database.refunding import outside_notice, publish_policy, refund, refunds_of

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.refunds.model import Refund

#: 1,250 minor units.
PARTS = {"fare": 800, "tax": 200, "service_fee": 250}
KNOWN = GivenFacts(components=PARTS)
WITHIN = {"when": "outside_policy"}


async def parts_of(paykeel: Paykeel, one: Refund) -> dict[str, int] | None:
    """What each component got, as it is kept; what got nothing is left out."""
    decisions = await refunds_of(paykeel).decisions(one.refund_id, merchant_id=one.merchant_id)
    lines = decisions[0].breakdown
    assert all(decision.breakdown is None for decision in decisions[1:])
    return (
        None if lines is None else {one["component"]: one["this"] for one in lines if one["this"]}
    )


async def test_what_each_component_got_is_kept(paykeel: Paykeel, merchant: Merchant) -> None:
    policy: dict[str, Any] = {
        "approval": WITHIN,
        "components": {"service_fee": {"refundable": "no"}},
        "otherwise": {"percent_bps": 5_000},
    }
    await publish_policy(paykeel, merchant, **policy)
    payment = await buy(paykeel, merchant)
    first = await refund(paykeel, payment, "r-1", 333, facts=KNOWN)
    decision, *_ = await refunds_of(paykeel).decisions(
        first.refund_id, merchant_id=merchant.merchant_id
    )
    assert decision.breakdown == [
        {"component": "fare", "captured": 800, "total": 400, "this": 267},
        {"component": "tax", "captured": 200, "total": 100, "this": 66},
        {"component": "service_fee", "captured": 250, "total": 0, "this": 0},
    ]
    rest = await refund(paykeel, payment, "r-2", None, facts=KNOWN)
    assert (rest.amount, await parts_of(paykeel, rest)) == (167, {"fare": 133, "tax": 34})
    await audited(paykeel)


async def test_more_than_the_policy_gives_comes_from_what_is_left(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await publish_policy(
        paykeel, merchant, approval=WITHIN, components={"service_fee": {"refundable": "no"}},
        otherwise={"percent_bps": 10_000},
    )  # fmt: skip
    payment = await buy(paykeel, merchant)
    over = await refund(
        paykeel, payment, "r-1", 1_100, facts=KNOWN, override_reason="They waited in the rain"
    )
    assert over.status == "requested"
    assert await parts_of(paykeel, over) == {"fare": 800, "tax": 200, "service_fee": 100}
    await audited(paykeel)


async def test_no_component_gives_more_than_was_captured_of_it(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    """The first refund leaves the fee out; a provider's fault gives back all, and so the fee."""
    await publish_policy(
        paykeel, merchant, approval=WITHIN, components={"service_fee": {"refundable": "no"}},
        exceptions={"provider_fault": {"percent_bps": 10_000, "bypass_tiers": True}},
        otherwise={"percent_bps": 10_000},
    )  # fmt: skip
    payment = await buy(paykeel, merchant)
    first = await refund(paykeel, payment, "r-1", 900, facts=KNOWN)
    assert await parts_of(paykeel, first) == {"fare": 720, "tax": 180}
    rest = await refund(paykeel, payment, "r-2", None, facts=KNOWN, reason="provider_fault")
    assert rest.amount == 350
    assert await parts_of(paykeel, rest) == {"fare": 80, "tax": 20, "service_fee": 250}
    await audited(paykeel)


async def test_what_was_let_go_gave_nothing(paykeel: Paykeel, merchant: Merchant) -> None:
    await publish_policy(
        paykeel, merchant, approval={"when": "always"},
        components={"service_fee": {"refundable": "no"}},
        exceptions={"provider_fault": {"percent_bps": 10_000, "bypass_tiers": True}},
    )  # fmt: skip
    payment = await buy(paykeel, merchant)
    asked = await refund(paykeel, payment, "r-1", 625, facts=KNOWN, reason="provider_fault")
    assert await parts_of(paykeel, asked) == {"fare": 400, "tax": 100, "service_fee": 125}
    await refunds_of(paykeel).reject(
        asked.refund_id, merchant_id=merchant.merchant_id, operator="Ben Okafor"
    )
    # What waits counts, for it may be given back.
    waits = await refund(paykeel, payment, "r-2", 500, facts=KNOWN)
    assert await parts_of(paykeel, waits) == {"fare": 400, "tax": 100}
    rest = await refund(paykeel, payment, "r-3", None, facts=KNOWN, reason="provider_fault")
    assert await parts_of(paykeel, rest) == {"fare": 400, "tax": 100, "service_fee": 250}


async def test_of_what_was_made_at_the_gateway_no_component_is_known(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    service = refunds_of(paykeel)
    await service.take_notice(outside_notice(payment, amount=250))
    page = await service.list(merchant_id=merchant.merchant_id)
    assert await parts_of(paykeel, page.refunds[0]) is None
    rest = await refund(paykeel, payment, "r-1", None, facts=KNOWN)
    # As if it had been shared out like this one: 160, 40 and 50.
    assert await parts_of(paykeel, rest) == {"fare": 640, "tax": 160, "service_fee": 200}
    await audited(paykeel)
