"""Listing: a merchant's payments, newest first, by cursor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.db.pool import fetch_on
from paykeel.errors import InvalidField
from paykeel.payments.settle import SQL, payment_from_row

if TYPE_CHECKING:
    from paykeel.db.pool import Database
    from paykeel.payments.model import Payment

ROWS_MAX = 100
#: By how much the clock that made an id may differ from the database's, which dates a payment.
_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFilter:
    """What to look for; ``None`` lets everything through. Amounts are in minor units."""

    status: str | None = None
    buyer_id: str | None = None
    buyer_role: str | None = None
    reference: str | None = None
    currency: str | None = None
    created_from: datetime | None = None
    #: Not including this very instant.
    created_to: datetime | None = None
    amount_min: int | None = None
    amount_max: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some payments without their history, and where the next page begins."""

    payments: tuple[Payment, ...]
    #: ``None``: there are no more.
    next_cursor: str | None


async def list_payments(
    database: Database,
    merchant_id: UUID,
    filters: PaymentFilter,
    cursor: str | None,
    rows_max: int,
) -> Page:
    """Read one page.

    Raises:
        InvalidField: The cursor or the number of rows is wrong.
    """
    if not 1 <= rows_max <= ROWS_MAX:
        raise InvalidField("limit", "limit_out_of_range", f"Ask for 1 to {ROWS_MAX} payments.")
    values = {
        "merchant_id": merchant_id,
        "before": _read_cursor(cursor),
        "id_from": _id_at(filters.created_from, -_SLACK),
        "id_to": _id_at(filters.created_to, _SLACK),
        "status": filters.status,
        "buyer_id": filters.buyer_id,
        "buyer_role": filters.buyer_role,
        "reference": filters.reference,
        "currency": filters.currency,
        "created_from": filters.created_from,
        "created_to": filters.created_to,
        "amount_min": filters.amount_min,
        "amount_max": filters.amount_max,
        "rows_max": rows_max + 1,
    }
    async with database.connection() as connection, connection.transaction(readonly=True):
        await fetch_on(connection, SQL["plan_afresh"], {})
        rows = await fetch_on(connection, SQL["list_payments"], values)
    more = len(rows) > rows_max
    payments = tuple(payment_from_row(row) for row in rows[:rows_max])
    return Page(payments, payments[-1].payment_id.hex if more else None)


def _read_cursor(cursor: str | None) -> UUID | None:
    """Return the id that a cursor stands for."""
    if cursor is None:
        return None
    try:
        return UUID(hex=cursor)
    except ValueError as error:
        raise InvalidField(
            "cursor", "cursor_malformed", "Take the cursor from the page before."
        ) from error


def _id_at(instant: datetime | None, slack: timedelta) -> UUID | None:
    """Return the first UUIDv7 of an instant."""
    if instant is None:
        return None
    milliseconds = max(0, int((instant + slack).timestamp() * 1000))
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80)
