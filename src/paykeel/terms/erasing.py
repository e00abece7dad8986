"""Erases personal data that stands beside the chain; what is chained stays as it is.

Each erasure is told as an event, in the same statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.clock import new_id
from paykeel.db.sql import load
from paykeel.errors import InvalidField, NotFound
from paykeel.terms.evidence_facts import YEARS, check_buyer_id
from paykeel.texts import check_person

if TYPE_CHECKING:
    from datetime import datetime

    from paykeel.db.pool import Database

SQL = load("paykeel.terms", "erasing.sql")
#: Acceptances that one statement looks at.
ROWS_MAX = 1_000
_NO_ID = UUID(int=0)


async def erase(
    database: Database,
    merchant_id: UUID,
    *,
    author: str,
    acceptance_id: UUID | None,
    buyer_id: str | None,
    before: datetime | None,
) -> int:
    """Erase addresses and user agents; see `Acceptances.erase`."""
    author = check_person(author, "author")
    if sum(one is not None for one in (acceptance_id, buyer_id, before)) != 1:
        raise InvalidField(
            "acceptance_id", "field_required", "Give one of: acceptance_id, buyer_id, before."
        )
    if acceptance_id is not None:
        return await _erase_one(database, merchant_id, acceptance_id, author)
    if buyer_id is not None:
        return await _erase_all(
            database, "erase_of_buyer", merchant_id, author, buyer_id=check_buyer_id(buyer_id)
        )
    if before is None or before.utcoffset() is None or before.year not in YEARS:
        raise InvalidField("before", "instant_malformed", "An instant says its offset from UTC.")
    return await _erase_all(database, "erase_before", merchant_id, author, before=before)


async def _erase_one(
    database: Database, merchant_id: UUID, acceptance_id: UUID, author: str
) -> int:
    row = await database.fetchrow(
        SQL["erase_one"],
        merchant_id=merchant_id,
        acceptance_id=acceptance_id,
        author=author,
        event_id=new_id(),
    )
    assert row is not None, "it is always one row"  # noqa: S101 - for the type checker
    if not row["found"]:
        raise NotFound("There is no such acceptance.", code="terms_acceptance_unknown")
    return int(row["erased"])


async def _erase_all(
    database: Database, statement: str, merchant_id: UUID, author: str, **whose: Any
) -> int:
    """Go through all of them, a bounded number at a time; what is erased already is passed over."""
    erased = 0
    after = _NO_ID
    while True:
        row = await database.fetchrow(
            SQL[statement],
            merchant_id=merchant_id,
            author=author,
            after=after,
            rows_max=ROWS_MAX,
            # One for each that may be erased.
            event_ids=[new_id() for _ in range(ROWS_MAX)],
            **whose,
        )
        assert row is not None, "it is always one row"  # noqa: S101 - for the type checker
        erased += int(row["erased"])
        if row["looked"] < ROWS_MAX:
            return erased
        after = row["last_id"]
