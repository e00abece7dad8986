"""Counting what the placeholder really did: for tests, demonstrations and audits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.gateways.placeholder.books import QUERIES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.gateways.placeholder.books import Books


@dataclass(frozen=True, slots=True)
class BookTotal:
    """What moved for a merchant, of one kind and currency; ``amount`` is in minor units."""

    currency: str
    kind: str
    movements: int
    amount: int


@dataclass(frozen=True, slots=True)
class PaymentBooks:
    """What moved for one payment in one currency, in minor units."""

    payment_id: str
    currency: str
    #: Charged and captured, less what was refunded.
    captured_net: int
    #: Still reserved.
    reserved: int
    #: How many charges and reservations there were: more than one is a defect.
    charges: int


@dataclass(frozen=True, slots=True)
class DoubleCharge:
    """A payment that was charged or reserved more than once."""

    payment_id: str
    charges: int
    reservations: int


async def count_movements(
    books: Books,
    *,
    reference: str | None,
    payment_id: str | None,
    merchant_id: str | None,
    kind: str | None,
) -> int:
    """Count the movements that match all that is given."""
    await books.settle()
    row = await books.database.fetchrow(
        QUERIES["count_movements"],
        reference=reference,
        payment_id=payment_id,
        merchant_id=merchant_id,
        kind=kind,
    )
    return 0 if row is None else int(row["movements"])


async def totals_of(books: Books, merchant_id: str) -> list[BookTotal]:
    """Add up a merchant's movements by currency and kind."""
    await books.settle()
    rows = await books.database.fetch(QUERIES["books"], merchant_id=merchant_id)
    return [BookTotal(**row) for row in rows]


async def payments_of(
    books: Books, merchant_id: str, page_rows: int
) -> AsyncIterator[PaymentBooks]:
    """Go through a merchant's payments in order of their ids, a page at a time."""
    await books.settle()
    last = ("", "")
    while True:
        rows = await books.database.fetch(
            QUERIES["payments_page"],
            merchant_id=merchant_id,
            after_payment_id=last[0],
            after_currency=last[1],
            rows_max=page_rows,
        )
        for row in rows:
            yield PaymentBooks(**row)
        if len(rows) < page_rows:
            return
        last = (rows[-1]["payment_id"], rows[-1]["currency"])


async def double_charges_of(books: Books, merchant_id: str) -> list[DoubleCharge]:
    """List the payments that were charged or reserved more than once."""
    await books.settle()
    rows = await books.database.fetch(QUERIES["double_charged"], merchant_id=merchant_id)
    return [DoubleCharge(**row) for row in rows]
