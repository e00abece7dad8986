"""Refunds that wait for a person: four eyes, one decision, and one movement."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import InvalidField, Refused
from tests.database.helpers import again, attempts_of, audited, buy, opened, recover, topics_of
from tests.database.refunding import (
    AMOUNT,
    ASKER,
    OTHER_EYES,
    given_back,
    publish_policy,
    read_refund,
    refund,
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
    from tests.servers import Urls

VERBS = ("approve", "reject", "cancel")
STATUS = {"approve": "succeeded", "reject": "rejected", "cancel": "canceled"}


async def decide(
    paykeel: Paykeel, one: Refund, verb: str, operator: str = OTHER_EYES, because: str | None = None
) -> Refund:
    service = refunds_of(paykeel)
    decided = {"approve": service.approve, "reject": service.reject, "cancel": service.cancel}
    return await decided[verb](
        one.refund_id, merchant_id=one.merchant_id, operator=operator, because=because
    )


async def test_what_waits_is_reserved_and_not_sent(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment, asked = await waiting(paykeel, merchant)
    assert (asked.finished_at, asked.gateway_id, asked.approved_by) == (None, None, None)
    assert sums(await again(paykeel, payment)) == (0, 500)
    assert await given_back(paykeel, merchant.merchant_id) == (0, 0)
    (_, held) = await attempts_of(admin, payment)
    assert (held["operation"], held["state"], held["outcome"]) == (
        "refund", "done", "waits for approval",
    )  # fmt: skip
    # However long it waits, nothing is sent by itself.
    for _ in range(2):
        assert await recover(paykeel, admin, 3_600_000) == 0
    assert await read_refund(paykeel, asked) == asked
    assert await topics_of(admin, payment) == ["purchase.completed", "payment.refund_requested"]
    await audited(paykeel)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_decision_takes_effect_once(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, verb: str
) -> None:
    payment, asked = await waiting(paykeel, merchant)
    done = await decide(paykeel, asked, verb, because="As agreed by telephone")
    back = 500 if verb == "approve" else 0
    assert done.status == STATUS[verb]
    assert done.approved_by == (OTHER_EYES if back else None)
    assert sums(await again(paykeel, payment)) == (back, 0)
    assert await given_back(paykeel, merchant.merchant_id) == (back // 500, back)
    service = refunds_of(paykeel)
    first, second = await service.decisions(asked.refund_id, merchant_id=merchant.merchant_id)
    assert (first.kind, first.to_status, first.actor) == ("requested", "requested", ASKER)
    kind = {"approve": "approved", "reject": "rejected", "cancel": "canceled"}[verb]
    assert (second.kind, second.from_status, second.actor, second.because) == (
        kind, "requested", OTHER_EYES, "As agreed by telephone",
    )  # fmt: skip
    before = await rows_written(admin)
    # Said again by the same person it changes nothing.
    assert await decide(paykeel, asked, verb) == done
    for other in VERBS:
        if other != verb:
            with pytest.raises(Refused) as caught:
                await decide(paykeel, asked, other)
            assert caught.value.code == "refund_decided"
    with pytest.raises(Refused) if verb == "approve" else pytest.raises(InvalidField):
        await decide(paykeel, asked, verb, "Cleo Marsh" if verb == "approve" else "")
    assert await rows_written(admin) == before
    # What was let go can be asked for again, under another key.
    assert (await refund(paykeel, payment, "r-2", AMOUNT - back)).status == "requested"
    await audited(paykeel)


@pytest.mark.parametrize("same", [ASKER, ASKER.upper(), f" {ASKER.replace(' ', '  ')} "])
async def test_four_eyes_are_two_people(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, same: str
) -> None:
    _, asked = await waiting(paykeel, merchant)
    before = await rows_written(admin)
    with pytest.raises(Refused) as caught:
        await decide(paykeel, asked, "approve", same)
    assert caught.value.code == "refund_needs_another_person"
    assert await rows_written(admin) == before
    # Whoever asked may call it off.
    assert (await decide(paykeel, asked, "cancel", ASKER)).status == "canceled"


async def test_two_eyes_suffice_where_the_policy_says_so(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await publish_policy(paykeel, merchant, approval={"when": "always", "four_eyes": False})
    payment = await buy(paykeel, merchant)
    asked = await refund(paykeel, payment)
    assert (asked.status, asked.four_eyes) == ("requested", False)
    assert (await decide(paykeel, asked, "approve", ASKER)).status == "succeeded"
    await audited(paykeel)


async def test_only_what_is_over_an_amount_waits(paykeel: Paykeel, merchant: Merchant) -> None:
    approval = {"when": "over_amount", "over": 500, "four_eyes": True}
    await publish_policy(paykeel, merchant, approval=approval, currency="EUR")
    payment = await buy(paykeel, merchant)
    assert (await refund(paykeel, payment, "r-1", 500)).status == "succeeded"
    assert (await refund(paykeel, payment, "r-2", 501)).status == "requested"


NEVER = {"approval": {"when": "never"}, "otherwise": {"percent_bps": 4_000}}
WHY = "They waited in the rain"


@pytest.mark.parametrize("when", ["never", "outside_policy"])
async def test_what_the_policy_gives_waits_for_nobody(
    paykeel: Paykeel, merchant: Merchant, when: str
) -> None:
    await publish_policy(paykeel, merchant, **{**NEVER, "approval": {"when": when}})
    payment = await buy(paykeel, merchant)
    assert (await refund(paykeel, payment, "r-1", 500)).status == "succeeded"
    # More than that takes a reason, whoever asks.
    for may_approve in (True, False):
        with pytest.raises(Refused) as caught:
            await refund(paykeel, payment, "r-2", 1, may_approve=may_approve)
        assert caught.value.code == "refund_outside_policy"


async def test_where_nobody_is_asked_who_may_approve_gives_more_at_once(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    await publish_policy(paykeel, merchant, **NEVER)
    payment = await buy(paykeel, merchant)
    done = await refund(paykeel, payment, amount=600, override_reason=WHY, may_approve=True)
    assert (done.status, done.amount, done.quoted_amount) == ("succeeded", 600, 500)
    assert (done.four_eyes, done.approved_by, done.override_reason) == (False, None, WHY)
    (decision,) = await refunds_of(paykeel).decisions(
        done.refund_id, merchant_id=merchant.merchant_id
    )
    assert (decision.actor, decision.because, decision.to_status) == (ASKER, WHY, "pending")
    assert await given_back(paykeel, merchant.merchant_id) == (1, 600)
    await audited(paykeel)


@pytest.mark.parametrize(
    ("approval", "may_approve"),
    [
        ({"when": "never"}, False),
        ({"when": "never", "four_eyes": True}, True),
        ({"when": "outside_policy"}, True),
        ({"when": "always"}, True),
        ({"when": "over_amount", "over": 10_000}, True),
    ],
    ids=str,
)
async def test_more_than_the_policy_gives_waits_for_another_person(
    paykeel: Paykeel, merchant: Merchant, approval: dict[str, Any], *, may_approve: bool
) -> None:
    await publish_policy(paykeel, merchant, **{**NEVER, "approval": approval, "currency": "EUR"})
    payment = await buy(paykeel, merchant)
    asked = await refund(paykeel, payment, amount=600, override_reason=WHY, may_approve=may_approve)
    assert (asked.status, asked.four_eyes) == ("requested", True)
    with pytest.raises(Refused) as caught:
        await decide(paykeel, asked, "approve", ASKER)
    assert caught.value.code == "refund_needs_another_person"
    assert (await decide(paykeel, asked, "approve")).status == "succeeded"
    await audited(paykeel)


async def test_where_a_fact_is_missing_a_person_is_asked_even_so(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    tier = {"name": "early", "when": {"before_service": {"from": "7d"}}, "percent_bps": 10_000}
    await publish_policy(paykeel, merchant, **{**NEVER, "tiers": [tier], "unknown": "ask"})
    payment = await buy(paykeel, merchant)
    asked = await refund(paykeel, payment, amount=600, override_reason=WHY, may_approve=True)
    assert (asked.status, asked.four_eyes) == ("requested", True)


@pytest.mark.parametrize("verb", VERBS)
async def test_the_same_decision_at_once_is_one(urls: Urls, verb: str) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        payment, asked = await waiting(one, merchant)
        results = await asyncio.gather(
            *(decide(process, asked, verb) for process in (one, two) for _ in range(10))
        )
        assert {result.status for result in results} <= {STATUS[verb], "pending"}
        assert (await read_refund(two, asked)).status == STATUS[verb]
        back = 500 if verb == "approve" else 0
        assert await given_back(one, merchant.merchant_id) == (back // 500, back)
        assert sums(await again(one, payment)) == (back, 0)
        decisions = await refunds_of(one).decisions(
            asked.refund_id, merchant_id=merchant.merchant_id
        )
        assert len(decisions) == 2
        await audited(one)


async def test_different_decisions_at_once_are_one_of_them(urls: Urls) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        await publish_policy(one, merchant)
        payment = await buy(one, merchant)
        for number in range(10):
            asked = await refund(one, payment, f"r-{number}", 100)
            results = await asyncio.gather(
                *(decide(process, asked, verb) for process in (one, two) for verb in VERBS),
                return_exceptions=True,
            )
            errors = [result for result in results if isinstance(result, BaseException)]
            assert all(
                isinstance(error, Refused) and error.code == "refund_decided" for error in errors
            ), errors
            assert len(errors) == 4
        now = await again(one, payment)
        count, amount = await given_back(one, merchant.merchant_id)
        assert sums(now) == (amount, 0)
        assert amount == 100 * count
        page = await refunds_of(one).list(merchant_id=merchant.merchant_id)
        assert len([done for done in page.refunds if done.status == "succeeded"]) == count
        await audited(one)


async def test_approvals_and_requests_at_once_never_exceed_what_was_captured(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    """Some wait, some are sent at once, some are called off; all at the same time."""
    changes = {"duplicate_wait_ms_max": 500}
    async with opened(urls, changes=changes) as one, opened(urls, changes=changes) as two:
        merchant = await one.merchants.create("Harbour Market")
        approval = {"when": "over_amount", "over": 200, "four_eyes": True}
        await publish_policy(one, merchant, approval=approval, currency="EUR")
        payment = await buy(one, merchant)
        waits = [await refund(one, payment, f"w-{n}", 250) for n in range(4)]
        await asyncio.gather(
            *(
                decide(process, asked, VERBS[n % 3])
                for n, asked in enumerate(waits)
                for process in (one, two)
            ),
            *(refund(process, payment, f"r-{n}", 100) for n in range(10) for process in (one, two)),
            return_exceptions=True,
        )
        assert sum(sums(await again(one, payment))) <= AMOUNT
        # Where so many moved one payment at once, somebody may have been told that it is unknown.
        await recover(one, admin)
        now = await again(one, payment)
        count, amount = await given_back(one, merchant.merchant_id)
        page = await refunds_of(one).list(merchant_id=merchant.merchant_id)
        # Once more than 200 goes back in all, each further one waits for somebody.
        waiting_still = sum(asked.amount for asked in page.refunds if asked.status == "requested")
        assert sums(now) == (amount, waiting_still)
        assert 0 < amount <= AMOUNT
        assert len([done for done in page.refunds if done.status == "succeeded"]) == count
        await audited(one)
