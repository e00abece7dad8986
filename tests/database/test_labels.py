"""Labels: added once, found by id or reference, and disputes counted under every key."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel import Signals
from paykeel.clock import new_id
from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.labels import BATCH_ROWS_MAX, LABELS_MAX, NewLabel
from tests.database.helpers import buy
from tests.rulesets import at_most, enforce

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from paykeel import Paykeel, Payment
    from paykeel.merchants import Merchant

CARD = Signals(card_fingerprint="card-1", ip="203.0.113.9")
#: Whoever is judged at all is counted under keys; this stops nobody.
COUNTING = at_most(100, key="card", outcome="disputed", window="30d", cap=100)


def label(payment: Payment | None = None, **changes: Any) -> NewLabel:
    values: dict[str, Any] = {
        "label": "fraud",
        "source": "chargeback",
        "payment_id": None if payment is None else payment.payment_id,
        **changes,
    }
    return NewLabel(**values)


async def disputes(admin: asyncpg.Connection) -> list[tuple[object, ...]]:
    rows = await admin.fetch(
        "SELECT payment_id, key, occurred_at, amount_ref FROM velocity_entries"
        " WHERE outcome = 'disputed' ORDER BY key"
    )
    return [tuple(row) for row in rows]


async def counted(admin: asyncpg.Connection, payment: Payment) -> datetime:
    at: datetime = await admin.fetchval(
        "SELECT occurred_at FROM velocity_attempts WHERE payment_id = $1", payment.payment_id
    )
    return at


async def test_a_repetition_changes_nothing(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    who: dict[str, Any] = {"merchant_id": merchant.merchant_id}
    first, added = await paykeel.labels.add(label(payment), **who, author="ann")
    again, added_again = await paykeel.labels.add(label(payment), **who, author="ben")
    assert (added, added_again) == (True, False)
    assert again == first
    exactly = label(payment, known_at=first.known_at)
    assert (await paykeel.labels.add(exactly, **who, author="ann")) == (first, False)
    other, added = await paykeel.labels.add(label(payment, label="genuine"), **who, author="ann")
    assert added
    assert await paykeel.labels.list(payment.payment_id, **who) == [first, other]


async def test_a_chargeback_is_one_dispute_under_each_key(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await enforce(paykeel, admin, merchant.merchant_id, COUNTING)
    payment = await buy(paykeel, merchant, signals=CARD)
    who: dict[str, Any] = {"merchant_id": merchant.merchant_id, "author": "ann"}
    for other in ("early_warning", "review", "customer"):
        await paykeel.labels.add(label(payment, source=other), **who)
    assert await disputes(admin) == []
    made = await counted(admin, payment)
    known = made + timedelta(microseconds=1)
    found, _ = await paykeel.labels.add(label(payment, known_at=known), **who)
    entries = await disputes(admin)
    keys = await admin.fetchval("SELECT keys FROM velocity_attempts")
    assert [(row[0], row[2], row[3]) for row in entries] == (
        [(payment.payment_id, known, 1_250)] * len(keys)
    )
    assert {row[1] for row in entries} == set(keys)
    # A second paper about the same payment, and the first one again.
    later = await paykeel.labels.add(label(payment), **who)
    assert later[0].known_at != found.known_at or not later[1]
    await paykeel.labels.add(label(payment, known_at=known + timedelta(microseconds=1)), **who)
    assert await disputes(admin) == entries


async def test_rules_can_count_disputes(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    limit = at_most(1, key="card", outcome="disputed", window="30d")
    await enforce(paykeel, admin, merchant.merchant_id, limit)
    payment = await buy(paykeel, merchant, signals=CARD)
    assert (await buy(paykeel, merchant, "second", signals=CARD)).status == "succeeded"
    await paykeel.labels.add(label(payment), merchant_id=merchant.merchant_id, author="ann")
    assert (await buy(paykeel, merchant, "third", signals=CARD)).status == "blocked"


async def test_many_are_added_and_each_fault_is_its_own(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant, reference="A-1")
    for number in range(2):
        await buy(paykeel, merchant, f"twice-{number}", reference="A-2")
    await buy(paykeel, merchant, "no", reference="A-3", payment_method="pm_card_declined")
    paid = await buy(paykeel, merchant, "yes", reference="A-3")
    now = paykeel.database.now()
    given = [
        (label(payment), None),
        (label(payment), None),
        (label(reference="A-1", source="review"), None),
        (label(reference="A-3"), None),
        (label(reference="A-2"), "reference_ambiguous"),
        (label(reference="A-9"), "payment_unknown"),
        (label(payment_id=new_id()), "payment_unknown"),
        (label(payment, known_at=now + timedelta(days=1)), "known_at_in_future"),
        (label(payment, known_at=now - timedelta(days=1)), "known_at_before_payment"),
    ]
    who: dict[str, Any] = {"merchant_id": merchant.merchant_id, "author": "ann"}
    results = await paykeel.labels.add_many([one for one, _ in given], **who)
    assert [one.code for one in results] == [code for _, code in given]
    assert [one.added for one in results] == [True, False, True, True] + [False] * 5
    assert results[3].payment_id == paid.payment_id, "the one that took money"
    again = await paykeel.labels.add_many([one for one, _ in given], **who)
    assert not any(one.added for one in again)


async def test_more_than_one_statement_holds_are_added(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    many = [label(payment)] * (BATCH_ROWS_MAX + 1)
    results = await paykeel.labels.add_many(many, merchant_id=merchant.merchant_id, author="ann")
    assert [one.added for one in results].count(True) == 1
    assert len(results) == len(many)


async def test_a_payment_has_so_many_labels_and_no_more(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    payment = await buy(paykeel, merchant)
    who: dict[str, Any] = {"merchant_id": merchant.merchant_id, "author": "ann"}
    at = paykeel.database.now()
    steps = [at + timedelta(microseconds=n) for n in range(LABELS_MAX + 1)]
    await asyncio.sleep(0.05)
    made = [label(payment, known_at=one) for one in steps]
    await paykeel.labels.add_many(made[:LABELS_MAX], **who)
    (over,) = await paykeel.labels.add_many(made[LABELS_MAX:], **who)
    assert over.code == "labels_too_many"
    (again,) = await paykeel.labels.add_many(made[:1], **who)
    assert (again.code, again.added) == (None, False)
    assert len(await paykeel.labels.list(payment.payment_id, merchant_id=who["merchant_id"])) == (
        LABELS_MAX
    )


async def test_refusals_of_one_label(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant, reference="A-2")
    await buy(paykeel, merchant, "again", reference="A-2")
    who: dict[str, Any] = {"merchant_id": merchant.merchant_id, "author": "ann"}
    ahead = paykeel.database.now() + timedelta(days=1)
    with pytest.raises(InvalidField) as refused:
        await paykeel.labels.add(label(payment, known_at=ahead), **who)
    assert (refused.value.field, refused.value.code) == ("known_at", "known_at_in_future")
    with pytest.raises(InvalidField, match="Several payments"):
        await paykeel.labels.add(label(reference="A-2"), **who)
    with pytest.raises(NotFound):
        await paykeel.labels.add(label(payment_id=new_id()), **who)
    with pytest.raises(NotFound):
        await paykeel.labels.list(new_id(), merchant_id=merchant.merchant_id)
    with pytest.raises(InvalidField, match="empty"):
        await paykeel.labels.add(label(payment), merchant_id=merchant.merchant_id, author=" ")


async def test_another_merchants_payment_is_nobodys(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant, reference="A-1")
    other = await paykeel.merchants.create("Elsewhere", "test")
    for one in (label(payment), label(reference="A-1")):
        with pytest.raises(NotFound):
            await paykeel.labels.add(one, merchant_id=other.merchant_id, author="ann")
    with pytest.raises(NotFound):
        await paykeel.labels.list(payment.payment_id, merchant_id=other.merchant_id)


async def test_simultaneous_repetitions_are_one(paykeel: Paykeel, merchant: Merchant) -> None:
    payment = await buy(paykeel, merchant)
    at = paykeel.database.now()
    await asyncio.sleep(0.05)
    same = label(payment, known_at=at)
    added = await asyncio.gather(
        *(
            paykeel.labels.add_many([same], merchant_id=merchant.merchant_id, author="ann")
            for _ in range(8)
        )
    )
    assert sum(one.added for (one,) in added) == 1


async def test_labels_are_history(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection
) -> None:
    payment = await buy(paykeel, merchant)
    await paykeel.labels.add(label(payment), merchant_id=merchant.merchant_id, author="ann")
    for change in ("UPDATE fraud_labels SET label = 'genuine'", "DELETE FROM fraud_labels"):
        with pytest.raises(asyncpg.PostgresError, match="history"):
            await owner.execute(change)
