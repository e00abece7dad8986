"""Terms: a buyer accepts the version that a merchant requires before the first purchase.

Whether a buyer has accepted is checked inside the statement that opens a purchase, so that nobody
can purchase between a check and a change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.db.sql import load
from paykeel.errors import NotFound
from paykeel.texts import check_text

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.db.pool import Database

SQL = load("paykeel.terms")
BUYER_ID_CHARACTERS_MAX = 128
TERMS_VERSION_CHARACTERS_MAX = 100


class TermsService:
    """Records acceptances, and says which version a merchant requires."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def require(self, merchant_id: UUID, terms_version: str | None) -> None:
        """Let purchases of this merchant require a version; ``None`` requires nothing.

        Raises:
            InvalidField: The version is empty, too long, not storable or holds a card number.
            NotFound: There is no such merchant.
        """
        if terms_version is not None:
            check_text(terms_version, "terms_version", TERMS_VERSION_CHARACTERS_MAX)
        row = await self._database.fetchrow(
            SQL["require_terms"], merchant_id=merchant_id, terms_version=terms_version
        )
        if row is None:
            raise NotFound("There is no such merchant.")

    async def accept(self, merchant_id: UUID, buyer_id: str, terms_version: str) -> bool:
        """Record that a buyer accepted a version; ``False`` when that was known already.

        Raises:
            InvalidField: A text is empty, too long, not storable or holds a card number.
            NotFound: There is no such merchant.
        """
        check_text(buyer_id, "buyer_id", BUYER_ID_CHARACTERS_MAX)
        check_text(terms_version, "terms_version", TERMS_VERSION_CHARACTERS_MAX)
        row = await self._database.fetchrow(
            SQL["accept_terms"],
            merchant_id=merchant_id,
            buyer_id=buyer_id,
            terms_version=terms_version,
        )
        if row is None or not row["merchant_found"]:
            raise NotFound("There is no such merchant.")
        return bool(row["is_new"])
