"""Disputes: what is disputed cannot be refunded, and each goes only the ways that it may."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import IllegalTransition, InvalidField, Refused
from paykeel.refunds.disputes import (
    DISPUTE_MOVES,
    DISPUTES_MAX,
    OPENED,
    REOPENED,
    DisputeStatus,
    read_disputes,
)
from tests.database.helpers import again, audited, buy, opened, topics_of
from tests.database.refunding import (
    AMOUNT,
    ASKER,
    OTHER_EYES,
    outside_notice,
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

    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant
    from tests.servers import Urls

#: How a test says each event, and by which events one that was opened comes to stand somewhere.
SAID = {
    OPENED: None,
    REOPENED: "reopened",
    "payment.dispute_won": "won",
    "payment.dispute_lost": "lost",
}
PATHS: dict[DisputeStatus, list[str]] = {
    DisputeStatus.OPEN: [],
    DisputeStatus.WON: ["payment.dispute_won"],
    DisputeStatus.LOST: ["payment.dispute_lost"],
}


async def dispute(
    paykeel: Paykeel, payment: Payment, name: str = "d-1", ending: str | None = None, **how: Any
) -> Payment:
    service, whose = refunds_of(paykeel), payment.merchant_id
    named: dict[str, Any] = {"merchant_id": whose, "dispute_id": name, "operator": ASKER}
    if ending is None:
        return await service.open_dispute(payment.payment_id, **named, **how)
    if ending == "reopened":
        return await service.reopen_dispute(payment.payment_id, **named, **how)
    return await service.close_dispute(payment.payment_id, **named, ending=ending)


async def test_what_is_disputed_cannot_be_refunded(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    now = await dispute(paykeel, payment, amount=1_000)
    assert (now.amount_disputed, now.refundable, now.display_status) == (1_000, 250, "disputed")
    assert (now.status, now.timeline[-1].type) == ("succeeded", "payment.dispute_opened")
    assert now.timeline[-1].data == {"dispute": "d-1"}
    before = await rows_written(admin)
    with pytest.raises(InvalidField) as caught:
        await refund(paykeel, payment, amount=251)
    assert caught.value.code == "amount_over_refundable"
    assert await rows_written(admin) == before
    by_policy = await refund(paykeel, payment, amount=None)
    assert by_policy.amount == 250
    assert (await topics_of(admin, payment))[1] == "payment.dispute_opened"
    await audited(paykeel)


@pytest.mark.parametrize(("ending", "left"), [("won", AMOUNT), ("lost", 250)])
async def test_what_was_won_is_free_again_and_what_was_lost_is_not(
    paykeel: Paykeel, merchant: Merchant, ending: str, left: int
) -> None:
    payment = await buy(paykeel, merchant)
    now = await dispute(paykeel, payment, amount=1_000)
    for _ in range(3):
        now = await dispute(paykeel, payment, ending=ending)
    assert (now.refundable, now.version) == (left, payment.version + 2)
    # Whoever repeats that it was opened does not open it again.
    assert (await dispute(paykeel, payment)).version == now.version
    assert (await refund(paykeel, payment, amount=left)).status == "succeeded"
    await audited(paykeel)


async def test_a_dispute_noted_twice_is_one_dispute(urls: Urls) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        payment = await buy(one, merchant)
        await asyncio.gather(
            *(
                dispute(process, payment, f"d-{n}", amount=100)
                for process in (one, two)
                for n in range(3)
                for _ in range(3)
            )
        )
        now = await again(one, payment)
        assert (now.amount_disputed, now.version) == (300, payment.version + 3)
        await asyncio.gather(
            *(dispute(process, payment, "d-1", "won") for process in (one, two) for _ in range(4))
        )
        now = await again(one, payment)
        assert (now.amount_disputed, now.version) == (200, payment.version + 4)
        await audited(one)


async def test_a_dispute_that_makes_no_sense_is_refused(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    declined = await buy(paykeel, merchant, "order-2", payment_method="pm_card_declined")
    before = await rows_written(admin)
    for call, code in (
        (dispute(paykeel, payment, amount=AMOUNT + 1), "amount_over_captured"),
        (dispute(paykeel, payment, amount=0), "amount_zero"),
        (dispute(paykeel, payment, ending="drawn"), "choice_unknown"),
        (dispute(paykeel, payment, "d" * 101), "text_too_long"),
    ):
        with pytest.raises(InvalidField) as caught:
            await call
        assert caught.value.code == code
    for nothing in (
        dispute(paykeel, declined),
        dispute(paykeel, payment, ending="won"),
        dispute(paykeel, payment, ending="lost"),
        dispute(paykeel, payment, ending="reopened"),
    ):
        with pytest.raises(IllegalTransition):
            await nothing
    assert await rows_written(admin) == before
    await dispute(paykeel, payment)
    with pytest.raises(IllegalTransition):
        await dispute(paykeel, payment, "d-2", amount=1)


async def test_a_dispute_of_what_was_refunded_does_not_make_room(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    """Given back and disputed as well: nothing is left, and nothing is negative."""
    payment = await buy(paykeel, merchant)
    await refund(paykeel, payment, amount=1_000)
    now = await dispute(paykeel, payment)
    assert (now.amount_disputed, now.refundable) == (AMOUNT, 0)
    with pytest.raises(Refused):
        await refund(paykeel, payment, "r-2", None)
    # The gateway's own word is booked whatever is disputed: the money has gone.
    await refunds_of(paykeel).take_notice(outside_notice(payment, amount=250))
    assert sums(await again(paykeel, payment)) == (AMOUNT, 0)
    await audited(paykeel)


async def test_a_refund_that_waits_is_not_sent_into_a_dispute(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    """It was reserved before the dispute was told; whoever approves it would pay twice."""
    payment, asked = await waiting(paykeel, merchant, 1_000)
    await dispute(paykeel, payment)
    now = await again(paykeel, payment)
    assert (sums(now), now.amount_disputed, now.refundable) == ((0, 1_000), AMOUNT, 0)
    service, whose = refunds_of(paykeel), merchant.merchant_id
    with pytest.raises(Refused) as caught:
        await service.approve(asked.refund_id, merchant_id=whose, operator=OTHER_EYES)
    assert caught.value.code == "payment_disputed"
    assert await read_refund(paykeel, asked) == asked
    await dispute(paykeel, payment, ending="won")
    done = await service.approve(asked.refund_id, merchant_id=whose, operator=OTHER_EYES)
    assert done.status == "succeeded"
    await publish_policy(paykeel, merchant)
    assert replace(done, status=asked.status) != asked


def test_these_are_the_ways_of_a_dispute() -> None:
    ways = {
        (str(source), event.removeprefix("payment.dispute_"), str(target))
        for event, (sources, target) in DISPUTE_MOVES.items()
        for source in sources
    }
    assert ways == {
        ("None", "opened", "open"),
        ("open", "won", "won"),
        ("open", "lost", "lost"),
        ("lost", "won", "won"),
        ("won", "reopened", "open"),
    }


@pytest.mark.parametrize("status", DisputeStatus)
@pytest.mark.parametrize("event", DISPUTE_MOVES)
async def test_a_dispute_goes_only_the_ways_that_it_may(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    status: DisputeStatus,
    event: str,
) -> None:
    payment = await buy(paykeel, merchant)
    await dispute(paykeel, payment, amount=1_000)
    for one in PATHS[status]:
        await dispute(paykeel, payment, ending=SAID[one])
    before = await rows_written(admin)
    held = {DisputeStatus.OPEN: 1_000, DisputeStatus.WON: 0, DisputeStatus.LOST: 1_000}
    sources, target = DISPUTE_MOVES[event]
    told = dispute(paykeel, payment, ending=SAID[event])
    if event == OPENED or status is target:
        assert (await told).amount_disputed == held[status]
        assert await rows_written(admin) == before
    elif status in sources:
        now = await told
        assert (now.timeline[-1].type, now.amount_disputed) == (event, held[target])
        (one_dispute,) = await read_disputes(paykeel.payments.resources, payment)
        assert (one_dispute.status, one_dispute.amount) == (target, 1_000)
    else:
        with pytest.raises(IllegalTransition) as caught:
            await told
        assert caught.value.data["dispute_status"] == status
        assert await rows_written(admin) == before
    await audited(paykeel)


async def test_what_was_won_may_be_taken_up_again(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    await dispute(paykeel, payment, amount=1_000)
    await dispute(paykeel, payment, ending="won")
    for _ in range(3):
        now = await dispute(paykeel, payment, ending="reopened")
        held = (now.amount_disputed, now.refundable, now.version)
        assert held == (1_000, 250, payment.version + 3)
    await dispute(paykeel, payment, ending="won")
    # Another amount this time; that is what it is about from now on.
    now = await dispute(paykeel, payment, ending="reopened", amount=300)
    assert (now.amount_disputed, now.refundable) == (300, AMOUNT - 300)
    now = await dispute(paykeel, payment, ending="lost")
    assert (now.amount_disputed, now.refundable) == (300, AMOUNT - 300)
    # And on appeal it is won after all.
    now = await dispute(paykeel, payment, ending="won")
    assert (now.amount_disputed, now.refundable, now.display_status) == (0, AMOUNT, "succeeded")
    await audited(paykeel)


async def test_what_is_taken_up_again_never_holds_more_than_was_captured(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    await dispute(paykeel, payment, amount=1_000)
    await dispute(paykeel, payment, ending="won")
    await dispute(paykeel, payment, "d-2", amount=251)
    with pytest.raises(InvalidField) as caught:
        await dispute(paykeel, payment, ending="reopened")
    assert caught.value.code == "amount_over_captured"
    now = await dispute(paykeel, payment, ending="reopened", amount=AMOUNT - 251)
    assert (now.amount_disputed, now.refundable) == (AMOUNT, 0)
    await audited(paykeel)


async def test_what_a_lost_dispute_took_counts_until_it_is_won_on_appeal(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    """Half may go back; what the bank has taken is a part of that half."""
    await publish_policy(
        paykeel, merchant, approval={"when": "outside_policy"}, otherwise={"percent_bps": 5_000}
    )
    payment = await buy(paykeel, merchant)
    await dispute(paykeel, payment, amount=1_000)
    service, whose = refunds_of(paykeel), merchant.merchant_id
    assert (await service.quote(payment.payment_id, merchant_id=whose)).amount == 250
    await dispute(paykeel, payment, ending="lost")
    quoted = await service.quote(payment.payment_id, merchant_id=whose)
    assert (quoted.amount, quoted.refunded) == (0, 1_000)
    await dispute(paykeel, payment, ending="won")
    assert (await service.quote(payment.payment_id, merchant_id=whose)).amount == 625


async def test_a_payment_has_a_number_of_disputes(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    for number in range(DISPUTES_MAX - 2):
        await dispute(paykeel, payment, f"d-{number}", amount=1)
    # Taken up again, it counts once more.
    await dispute(paykeel, payment, "d-0", "won")
    await dispute(paykeel, payment, "d-0", "reopened")
    await dispute(paykeel, payment, "d-last", amount=1)
    before = await rows_written(admin)
    await dispute(paykeel, payment, "d-1")
    with pytest.raises(Refused) as caught:
        await dispute(paykeel, payment, "d-more", amount=1)
    assert caught.value.code == "disputes_too_many"
    assert await rows_written(admin) == before
    await dispute(paykeel, payment, "d-0", "won")
    with pytest.raises(Refused) as caught:
        await dispute(paykeel, payment, "d-0", "reopened")
    assert caught.value.code == "disputes_too_many"
    # What is open can always be ended.
    assert (await dispute(paykeel, payment, "d-1", "lost")).amount_disputed == DISPUTES_MAX - 2
    await audited(paykeel)
