"""Terms: a buyer accepts the version that a merchant requires before the first purchase.

Whether a buyer has accepted is checked inside the statement that opens a purchase, so that nobody
can purchase between a check and a change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.db.sql import load

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.db.pool import Database

SQL = load("paykeel.terms")


class TermsService:
    """Records acceptances, and says which version a merchant requires."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def require(self, merchant_id: UUID, terms_version: str | None) -> None:
        """Let purchases of this merchant require a version; ``None`` requires nothing."""
        await self._database.fetch(
            SQL["require_terms"], merchant_id=merchant_id, terms_version=terms_version
        )

    async def accept(self, merchant_id: UUID, buyer_id: str, terms_version: str) -> bool:
        """Record that a buyer accepted a version; ``False`` when that was known already."""
        row = await self._database.fetchrow(
            SQL["accept_terms"],
            merchant_id=merchant_id,
            buyer_id=buyer_id,
            terms_version=terms_version,
        )
        return row is not None
