"""TermsService: what a merchant has published, and what a purchase therefore needs.

What is needed is worked out here; whether the buyer has accepted it is checked by the statement
that opens the purchase, which also sees whether anything was published since this was read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from paykeel.db.sql import load
from paykeel.errors import NotFound
from paykeel.terms.accepting import Acceptances
from paykeel.terms.documents import TermsDocuments
from paykeel.terms.model import (
    Catalogue,
    Line,
    Purpose,
    TermsDocument,
    TermsScope,
    TermsVersion,
    VersionStatus,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from paykeel.db.pool import Database

SQL = load("paykeel.terms")
CACHED_MAX = 10_000


class TermsService:
    """What subjects are asked to accept, and what they said to it.

    ``documents`` drafts and publishes; ``acceptances`` presents, records and tells.
    """

    def __init__(self, database: Database, *, presentation_ms: int) -> None:
        """Take the database, and how long what was shown may be answered."""
        self._database = database
        self._cache: dict[UUID, Catalogue] = {}
        self._reading: dict[UUID, asyncio.Task[Catalogue]] = {}
        self.documents = TermsDocuments(database, self.forget)
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
        found = self._cache.get(merchant_id)
        if found is not None:
            return found
        # However many ask at this moment, one reads.
        reading = self._reading.get(merchant_id)
        if reading is None:
            reading = asyncio.create_task(self.catalogue(merchant_id))
            self._reading[merchant_id] = reading
            reading.add_done_callback(lambda _: self._reading.pop(merchant_id, None))
        return await asyncio.shield(reading)

    async def catalogue(self, merchant_id: UUID) -> Catalogue:
        """Read what a merchant has published.

        Raises:
            NotFound: There is no such merchant.
        """
        rows = await self._database.fetch(SQL["read_catalogue"], merchant_id=merchant_id)
        if not rows:
            raise NotFound("There is no such merchant.")
        self._database.observe(rows[0]["database_now"])
        catalogue = _catalogue(merchant_id, rows)
        if len(self._cache) >= CACHED_MAX:
            self._cache.clear()
        self._cache[merchant_id] = catalogue
        return catalogue

    def forget(self, merchant_id: UUID, revision: int | None = None) -> None:
        """Read this merchant's terms again before the next purchase.

        With a ``revision`` only if that is what is known; somebody may have read a newer one.
        """
        known = self._cache.get(merchant_id)
        if revision is not None and (known is None or known.revision != revision):
            return
        self._cache.pop(merchant_id, None)
        # What is being read at this moment may be too old already.
        self._reading.pop(merchant_id, None)


def _catalogue(merchant_id: UUID, rows: Sequence[asyncpg.Record]) -> Catalogue:
    documents: dict[UUID, TermsDocument] = {}
    lines: dict[UUID, list[TermsVersion]] = {}
    for row in rows:
        if row["version_id"] is None:
            break
        if row["document_id"] not in documents:
            documents[row["document_id"]] = _document(merchant_id, row)
        lines.setdefault(row["scope_id"], []).append(_version(merchant_id, row))
    found = (
        Line(documents[versions[0].document_id], scope_id, versions[0].scope, tuple(versions))
        for scope_id, versions in lines.items()
    )
    return Catalogue(tuple(found), rows[0]["terms_revision"])


def _document(merchant_id: UUID, row: asyncpg.Record) -> TermsDocument:
    return TermsDocument(
        merchant_id=merchant_id,
        document_id=row["document_id"],
        key=row["key"],
        purpose=Purpose(row["purpose"]),
        required=row["required"],
        title=row["title"],
        author=row["document_author"],
        created_at=row["document_created_at"],
    )


def _version(merchant_id: UUID, row: asyncpg.Record) -> TermsVersion:
    values: dict[str, Any] = {
        name: row[name]
        for name in (
            "version_id", "document_id", "scope_id", "version", "change", "requires_reacceptance",
            "reaccept_after_days", "effective_from", "effective_to", "grace_until", "summary",
            "version_sha256", "author", "created_at", "published_by", "published_at",
            "withdrawn_by", "withdrawn_at", "withdrawn_because",
        )
    }  # fmt: skip
    scope = TermsScope(row["buyer_role"], row["jurisdiction"], row["product"], row["channel"])
    status = VersionStatus(row["status"])
    return TermsVersion(merchant_id=merchant_id, scope=scope, status=status, **values)
