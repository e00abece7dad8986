"""Refunds of which the gateway tells by itself: booked once, found to be ours, or left open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Paykeel
from paykeel.errors import InvalidField, Refused
from paykeel.gateways.port import Declined, DeclineReason, Outcome, Pending, Succeeded
from paykeel.money import Money
from paykeel.worker import Worker
from tests.database.helpers import again, audited, buy, opened, topics_of
from tests.database.noticing import (
    BECAUSE,
    GIVEN,
    UNNAMED,
    book,
    dark,
    dismiss,
    notices,
    tell,
)
from tests.database.refunding import (
    AMOUNT,
    OTHER_EYES,
    notice_of,
    outside_notice,
    read_refund,
    refund,
    refunds_of,
    sums,
    swept,
    waiting,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls


# ------------------------------------------------------------ before, between and after our answer


async def test_a_notice_that_overtakes_the_answer_is_not_booked_a_second_time(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with dark(urls, Pending("re_1")) as (paykeel, payment, _):
        ours = await refund(paykeel, payment)
        for _ in range(3):
            await tell(paykeel, payment)
        assert await notices(paykeel, payment) == [("re_1", "open", "answer")]
        now = await again(paykeel, payment)
        # Nobody is woken for what the answer will tell.
        assert (sums(now), now.version) == ((0, 500), 3)
        assert "payment.alarm" not in await topics_of(admin, payment)
        await refunds_of(paykeel).take_notice(notice_of(payment, "r-1", GIVEN))
        now = await again(paykeel, payment)
        assert (sums(now), now.version) == ((500, 0), 4)
        (told,) = await refunds_of(paykeel).notices(merchant_id=payment.merchant_id, status=None)
        assert (told.status, told.refund_id, told.next_try_at) == ("ours", ours.refund_id, None)
        await tell(paykeel, payment)
        assert await swept(paykeel, admin) == 0
        assert sums(await again(paykeel, payment)) == (500, 0)
        await audited(paykeel)


async def test_a_notice_between_two_refunds_of_ours_is_the_one_with_its_id(urls: Urls) -> None:
    async with dark(urls) as (paykeel, payment, _):
        first = await refund(paykeel, payment, "r-1")
        second = await refund(paykeel, payment, "r-2", 300)
        await tell(paykeel, payment, "re_2", 300)
        await refunds_of(paykeel).take_notice(notice_of(payment, "r-1", GIVEN))
        assert await notices(paykeel, payment) == [("re_2", "open", "answer")]
        done = Succeeded(Money(300, "EUR"), "re_2")
        await refunds_of(paykeel).take_notice(notice_of(payment, "r-2", done))
        (told,) = await refunds_of(paykeel).notices(merchant_id=payment.merchant_id, status=None)
        assert (told.status, told.refund_id) == ("ours", second.refund_id)
        assert sums(await again(paykeel, payment)) == (800, 0)
        assert (await read_refund(paykeel, first)).gateway_id == "re_1"
        await audited(paykeel)


async def test_a_notice_after_the_answer_is_ours(urls: Urls) -> None:
    async with dark(urls, GIVEN) as (paykeel, payment, _):
        ours = await refund(paykeel, payment)
        assert ours.gateway_id == "re_1"
        await tell(paykeel, payment)
        assert await notices(paykeel, payment) == [("re_1", "ours", None)]
        now = await again(paykeel, payment)
        assert (sums(now), now.version, now.amount_refund_noticed) == ((500, 0), 4, 0)
        await audited(paykeel)


@pytest.mark.parametrize(
    ("answer", "back"),
    [
        (Succeeded(Money(500, "EUR"), "re_2"), 1_000),
        (Declined(DeclineReason.PROCESSING_ERROR), 500),
    ],
    ids=["another", "refused"],
)
async def test_what_was_not_ours_is_booked_when_that_is_known(
    urls: Urls, admin: asyncpg.Connection, answer: Outcome, back: int
) -> None:
    async with dark(urls) as (paykeel, payment, _):
        await refund(paykeel, payment)
        await tell(paykeel, payment)
        await refunds_of(paykeel).take_notice(notice_of(payment, "r-1", answer))
        # Due at once, and not after the pause that its first look had brought.
        assert await refunds_of(paykeel).sweep() == 1
        assert await notices(paykeel, payment) == [("re_1", "booked", "answer")]
        assert sums(await again(paykeel, payment)) == (back, 0)
        assert "payment.alarm" in await topics_of(admin, payment)
        await audited(paykeel)


async def test_a_refund_whose_id_was_never_told_may_be_the_same(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    """The answer came without an id, or from a person: only a person can say what it was."""
    async with dark(urls, UNNAMED) as (paykeel, payment, _):
        assert (await refund(paykeel, payment)).gateway_id is None
        await tell(paykeel, payment, "re_0", 400)
        for _ in range(2):
            await tell(paykeel, payment)
        assert await notices(paykeel, payment) == [
            ("re_0", "booked", None), ("re_1", "open", "person"),
        ]  # fmt: skip
        assert sums(await again(paykeel, payment)) == (900, 0)
        assert (await topics_of(admin, payment)).count("payment.alarm") == 2
        assert (await dismiss(paykeel, payment)).status == "dismissed"
        assert sums(await again(paykeel, payment)) == (900, 0)
        await audited(paykeel)


async def test_a_person_may_say_that_it_is_another(urls: Urls) -> None:
    async with dark(urls, UNNAMED) as (paykeel, payment, _):
        await refund(paykeel, payment)
        await tell(paykeel, payment)
        booked = await book(paykeel, payment)
        assert (booked.status, booked.what_to_do) == ("booked", None)
        assert booked.refund_id is not None
        assert sums(await again(paykeel, payment)) == (1_000, 0)
        made = await refunds_of(paykeel).get(booked.refund_id, merchant_id=payment.merchant_id)
        assert (made.origin, made.requested_by, made.override_reason) == (
            "gateway", OTHER_EYES, BECAUSE,
        )  # fmt: skip
        assert (await again(paykeel, payment)).timeline[-1].actor == f"operator:{OTHER_EYES}"
        await audited(paykeel)


async def test_the_same_id_with_another_amount_waits_for_a_person(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with dark(urls, GIVEN) as (paykeel, payment, _):
        await refund(paykeel, payment)
        await tell(paykeel, payment, amount=300)
        assert await notices(paykeel, payment) == [("re_1", "open", "person")]
        assert sums(await again(paykeel, payment)) == (500, 0)
        with pytest.raises(Refused) as caught:
            await book(paykeel, payment)
        assert caught.value.code == "refund_notice_unclear"
        assert (await topics_of(admin, payment)).count("payment.alarm") == 1


async def test_what_was_refused_to_us_and_told_by_itself_is_booked_once(urls: Urls) -> None:
    """The refusal was wrong: the gateway tells of it under its own id, and later under ours."""
    async with dark(urls, Declined(DeclineReason.PROCESSING_ERROR)) as (paykeel, payment, _):
        ours = await refund(paykeel, payment)
        await tell(paykeel, payment)
        assert sums(await again(paykeel, payment)) == (500, 0)
        for _ in range(2):
            await refunds_of(paykeel).take_notice(notice_of(payment, "r-1", GIVEN))
        now = await again(paykeel, payment)
        assert (sums(now), now.timeline[-1].type) == ((500, 0), "payment.refund_contradicted")
        assert (await read_refund(paykeel, ours)).status == "failed"
        await audited(paykeel)


async def test_two_processes_that_hear_and_sweep_book_it_once(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        payment, asked = await waiting(one, merchant, 1_000)
        for n in range(3):
            await tell(one, payment, f"re_{n}", 400)
        assert len(await notices(one, payment, "open")) == 3
        await refunds_of(one).cancel(
            asked.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES
        )
        await admin.execute("UPDATE refund_notices SET next_try_at = now()")
        await asyncio.gather(
            *(refunds_of(core).sweep() for core in (one, two) for _ in range(4)),
            *(tell(core, payment, f"re_{n}", 400) for core in (one, two) for n in range(3)),
        )
        now = await again(one, payment)
        assert sums(now) == (1_200, 0)
        kinds = [event.type for event in now.timeline]
        assert kinds.count("payment.refund_outside") == 3
        assert await notices(one, payment, "open") == []
        await audited(one)


async def test_a_dismissal_and_a_booking_at_once_do_not_both_take_effect(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as one, opened(urls) as two:
        merchant = await one.merchants.create("Harbour Market")
        payment, asked = await waiting(one, merchant, AMOUNT)
        names = [f"re_{n}" for n in range(6)]
        for name in names:
            await tell(one, payment, name, 100)
        await refunds_of(one).cancel(
            asked.refund_id, merchant_id=merchant.merchant_id, operator=OTHER_EYES
        )
        await admin.execute("UPDATE refund_notices SET next_try_at = now()")
        await asyncio.gather(
            *(dismiss(one, payment, name) for name in names),
            *(book(two, payment, name) for name in names),
            refunds_of(two).sweep(),
            return_exceptions=True,
        )
        booked = [one for one in await notices(one, payment) if one[1] == "booked"]
        assert await notices(one, payment, "open") == []
        assert sums(await again(one, payment)) == (100 * len(booked), 0)
        await audited(one)


# -------------------------------------------------------------------------------- without room


async def test_what_waits_for_approval_does_not_hide_that_the_money_is_out(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment, asked = await waiting(paykeel, merchant, 1_000)
    await tell(paykeel, payment)
    now = await again(paykeel, payment)
    assert (sums(now), now.amount_refund_noticed, now.refundable) == ((0, 1_000), 500, 0)
    service = refunds_of(paykeel)
    whose: dict[str, Any] = {"merchant_id": merchant.merchant_id, "operator": OTHER_EYES}
    with pytest.raises(Refused) as caught:
        await service.approve(asked.refund_id, **whose)
    assert caught.value.code == "refund_notice_open"
    assert caught.value.data["gateway_id"] == "re_1"
    with pytest.raises(Refused) as refused:
        await book(paykeel, payment)
    assert refused.value.code == "refund_notice_no_room"
    assert (await read_refund(paykeel, asked)).status == "requested"
    # The worker tries again, ever more seldom, and tells nobody a second time.
    for _ in range(3):
        assert await swept(paykeel, admin) == 1
    assert (await topics_of(admin, payment)).count("payment.alarm") == 1
    (told,) = await service.notices(merchant_id=merchant.merchant_id)
    assert (told.tries, told.what_to_do) == (
        3, "cancel or reject what waits for approval, or dismiss it",
    )  # fmt: skip
    await service.reject(asked.refund_id, **whose)
    # At once, and not after the pause.
    assert await Worker(paykeel).sweep_notices() == 1
    assert await notices(paykeel, payment) == [("re_1", "booked", "room")]
    assert sums(await again(paykeel, payment)) == (500, 0)
    await audited(paykeel)


async def test_the_pause_between_two_looks_grows_and_is_bounded(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    await tell(paykeel, payment, amount=AMOUNT + 1)
    assert await refunds_of(paykeel).sweep() == 0
    settings = paykeel.settings
    low, high = settings.recovery_backoff_ms_min, settings.recovery_backoff_ms_max
    for tries, longest in ((0, low), (3, 8 * low), (40, high), (1_000_000, high)):
        await admin.execute(
            "UPDATE refund_notices SET next_try_at = now(), tries = $1 WHERE status = 'open'", tries
        )
        assert await refunds_of(paykeel).sweep() == 1
        pause_s = await admin.fetchval(
            "SELECT extract(epoch FROM next_try_at - now())::float FROM refund_notices"
        )
        assert 0.4 * min(longest, high) < pause_s * 1_000 <= min(longest, high)


async def test_one_sweep_takes_a_bounded_number(urls: Urls, admin: asyncpg.Connection) -> None:
    changes = {"recovery_batch_rows": 2, "recovery_backoff_ms_min": 60_000}
    async with opened(urls, changes=changes) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        payment = await buy(paykeel, merchant)
        for n in range(3):
            await tell(paykeel, payment, f"re_{n}", AMOUNT + 1)
        await admin.execute("UPDATE refund_notices SET next_try_at = now()")
        assert [await refunds_of(paykeel).sweep() for _ in range(3)] == [2, 1, 0]


async def test_quotes_and_requests_leave_out_what_is_told_and_not_booked(urls: Urls) -> None:
    async with dark(urls) as (paykeel, payment, _):
        await refund(paykeel, payment, amount=300)
        await tell(paykeel, payment)
        service, whose = refunds_of(paykeel), payment.merchant_id
        quoted = await service.quote(payment.payment_id, merchant_id=whose)
        assert quoted.amount == AMOUNT - 300 - 500
        with pytest.raises(InvalidField) as caught:
            await refund(paykeel, payment, "r-2", 451)
        assert caught.value.code == "amount_over_refundable"
        listed = await paykeel.payments.list(merchant_id=whose)
        assert [one.refundable for one in listed.payments] == [450]
        # Nonsense takes no room.
        await service.take_notice(
            outside_notice(payment, "re_2", outcome=Succeeded(Money(400, "USD")))
        )
        assert (await again(paykeel, payment)).refundable == 450
