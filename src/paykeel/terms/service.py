"""TermsService: what a merchant has published, and what a purchase therefore needs.

What is needed is worked out here; whether the buyer has accepted it is checked by the statement
that opens the purchase, which also sees whether anything was published since this was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.db.cache import ReadCache
from paykeel.db.sql import load
from paykeel.errors import NotFound
from paykeel.terms.accepting import Acceptances
from paykeel.terms.documents import TermsDocuments
from paykeel.terms.model import Catalogue, Line
from paykeel.terms.stored import document_beside_version, version_from_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from paykeel.clock import Clock
    from paykeel.db.pool import Database
    from paykeel.terms.model import TermsDocument, TermsVersion

SQL = load("paykeel.terms")


class TermsService:
    """What subjects are asked to accept, and what they said to it.

    ``documents`` drafts and publishes; ``acceptances`` presents, records and tells.
    """

    def __init__(self, database: Database, clock: Clock, *, presentation_ms: int) -> None:
        """Take the database, and how long what was shown may be answered."""
        self._database = database
        self._known = ReadCache(self.catalogue, clock.monotonic_s)
        self.documents = TermsDocuments(database, self._known.forget)
        self.acceptances = Acceptances(
            database, self.catalogue, self.documents, presentation_ms=presentation_ms
        )

    async def known(self, merchant_id: UUID) -> Catalogue:
        """Return what a merchant has published, as this process knows it.

        It may be old. Whoever acts on it hands its revision on, and calls :meth:`forget` when the
        database says that there is a newer one.

        Raises:
            NotFound: There is no such merchant.
        """
        return await self._known.get(merchant_id)

    async def catalogue(self, merchant_id: UUID) -> Catalogue:
        """Read what a merchant has published; the database's time is what it was then, or later.

        Raises:
            NotFound: There is no such merchant.
        """
        rows = await self._database.fetch(SQL["read_catalogue"], merchant_id=merchant_id)
        if not rows:
            raise NotFound("There is no such merchant.")
        self._database.observe(rows[0]["database_now"])
        return _catalogue(rows)

    def forget(self, merchant_id: UUID, revision: int) -> None:
        """Read a merchant's terms again, unless this process knows another revision by now."""
        known = self._known.trusted(merchant_id)
        if known is not None and known.revision == revision:
            self._known.forget(merchant_id)


def _catalogue(rows: Sequence[asyncpg.Record]) -> Catalogue:
    documents: dict[UUID, TermsDocument] = {}
    lines: dict[UUID, list[TermsVersion]] = {}
    for row in rows:
        if row["version_id"] is None:
            break
        if row["document_id"] not in documents:
            documents[row["document_id"]] = document_beside_version(row)
        lines.setdefault(row["scope_id"], []).append(version_from_row(row))
    found = (
        Line(documents[versions[0].document_id], scope_id, versions[0].scope, tuple(versions))
        for scope_id, versions in lines.items()
    )
    return Catalogue(tuple(found), rows[0]["terms_revision"])
