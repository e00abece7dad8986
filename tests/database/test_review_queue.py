"""The queue of what is held for a person: its order, what it shows, and what people write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Paykeel, Signals
from paykeel.errors import (
    InvalidField,
    Refused,
)
from paykeel.payments.review_queue import NOTES_MAX
from tests.conftest import settings_for
from tests.database.helpers import (
    again,
    audited,
    buy,
)
from tests.reviews import (
    DEAR,
    approve,
    code_of,
    hold,
    make_due,
    reject,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from paykeel.merchants import Merchant
    from paykeel.payments.review_queue import Review
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


async def test_the_queue_is_in_order_filtered_and_paged(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    for n in range(5):
        amount = DEAR if n == 3 else 1_250
        await buy(judging, shop, f"order-{n}", buyer_id=f"agent-{n}", amount=amount)
    first, second = (one.payment_id for one in (await queue(judging, shop))[:2])
    await admin.execute(
        "UPDATE fraud_reviews SET due_at = now() - interval '1 s' WHERE payment_id = $1", second
    )
    found = await queue(judging, shop)
    assert [one.payment_id for one in found[:2]] == [second, first]
    assert [one.due_at for one in found] == sorted(one.due_at for one in found)

    seen: list[Review] = []
    cursor = None
    while True:
        page = await judging.reviews.list(merchant_id=shop.merchant_id, cursor=cursor, rows_max=2)
        seen += page.reviews
        if (cursor := page.next_cursor) is None:
            break
    assert tuple(seen) == found
    (dear,) = await queue(judging, shop, reason="very_dear")
    assert (dear.amount, dear.approvals_needed, set(dear.reasons)) == (
        DEAR,
        2,
        {"dear", "very_dear"},
    )
    await judging.reviews.assign(
        first, merchant_id=shop.merchant_id, operator="Ada", assignee="Ben"
    )
    (assigned,) = await queue(judging, shop, assignee="Ben")
    assert assigned.payment_id == first
    other = await judging.merchants.create("Other", "test")
    assert await queue(judging, other) == ()
    for wrong in ("x", "f" * 48, "0" * 47):
        assert await code_of(judging.reviews.list(merchant_id=shop.merchant_id, cursor=wrong)) == (
            "cursor_malformed"
        )
    with pytest.raises(InvalidField):
        await judging.reviews.list(merchant_id=shop.merchant_id, rows_max=101)


async def queue(core: Paykeel, shop: Merchant, **filters: Any) -> tuple[Any, ...]:
    return (await core.reviews.list(merchant_id=shop.merchant_id, **filters)).reviews


async def test_one_review_shows_all_that_is_needed(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    signals = Signals(card_fingerprint="card-1")
    payment = await buy(judging, shop, signals=signals)
    named: dict[str, Any] = {"merchant_id": shop.merchant_id, "operator": "Ada"}
    await judging.reviews.assign(payment.payment_id, assignee="Ben", **named)
    await judging.reviews.note(payment.payment_id, text="Called the buyer", **named)
    cleared = await judging.reviews.assign(payment.payment_id, assignee=None, **named)
    assert cleared.assignee is None
    await reject(judging, payment)
    await judging.reviews.note(payment.payment_id, text="Called back", **named)
    assert (
        await code_of(judging.reviews.assign(payment.payment_id, assignee="Ben", **named))
        == "review_decided"
    )

    shown = await judging.reviews.get(payment.payment_id, merchant_id=shop.merchant_id)
    assert (shown.review.status, shown.review.payment_status) == ("rejected", "blocked")
    assert shown.payment.payment_id == payment.payment_id
    assert shown.decision.decision == "review"
    assert [(note.action, note.body) for note in shown.notes] == [
        ("assign", "Ben"),
        ("note", "Called the buyer"),
        ("assign", ""),
        ("reject", ""),
        ("note", "Called back"),
    ]


async def test_nobody_sees_or_decides_what_is_anothers(judging: Paykeel, shop: Merchant) -> None:
    payment = await buy(judging, shop)
    other = (await judging.merchants.create("Other", "test")).merchant_id
    plain = await buy(judging, shop, "order-18", amount=500, buyer_id="agent-8")
    for payment_id, merchant_id in (
        (payment.payment_id, other),
        (plain.payment_id, shop.merchant_id),
    ):
        named: dict[str, Any] = {"merchant_id": merchant_id, "operator": "Ada"}
        for call in (
            judging.reviews.get(payment_id, merchant_id=merchant_id),
            judging.reviews.approve(payment_id, **named),
            judging.reviews.reject(payment_id, **named),
            judging.reviews.assign(payment_id, assignee="Ben", **named),
            judging.reviews.note(payment_id, text="x", **named),
        ):
            assert await code_of(call) == "not_found"
    assert (await again(judging, payment)).status == "in_review"


async def test_what_people_write_is_bounded(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop)
    named: dict[str, Any] = {"merchant_id": shop.merchant_id}
    review, payment_id = judging.reviews, payment.payment_id
    for wrong, code in (("", "text_empty"), ("x" * 101, "text_too_long"), (7, "text_required")):
        assert await code_of(approve(judging, payment, wrong)) == code  # type: ignore[arg-type]
    for call, code in (
        (review.approve(payment_id, operator="Ada", note="x" * 2_001, **named), "text_too_long"),
        (review.note(payment_id, operator="Ada", text="x" * 2_001, **named), "text_too_long"),
        (
            review.note(payment_id, operator="Ada", text="4242 4242 4242 4242", **named),
            "card_number_refused",
        ),
        (reject(judging, payment, label="odd"), "choice_unknown"),
    ):
        assert await code_of(call) == code
    await admin.execute(
        "INSERT INTO fraud_review_notes (merchant_id, payment_id, note_id, action, author)"
        " SELECT $1, $2, gen_random_uuid(), 'note', 'Ada' FROM generate_series(1, $3::integer)",
        shop.merchant_id,
        payment_id,
        NOTES_MAX,
    )
    for one_more in (
        review.note(payment_id, operator="Ada", text="x", **named),
        review.assign(payment_id, operator="Ada", assignee="Ben", **named),
    ):
        with pytest.raises(Refused) as refusal:
            await one_more
        assert refusal.value.code == "review_notes_too_many"
    # A decision is written all the same.
    assert (await approve(judging, payment)).status == "succeeded"


async def test_the_worker_lets_reviews_expire(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    payment = await buy(judging, shop)
    await make_due(admin)
    worker = asyncio.create_task(judging.work())
    try:
        for _ in range(500):
            if (await again(judging, payment)).status == "expired":
                break
            await asyncio.sleep(0.02)
    finally:
        worker.cancel()
    assert (await again(judging, payment)).status == "expired"
    await audited(judging)
