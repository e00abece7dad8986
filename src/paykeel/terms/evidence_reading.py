"""Reads from the database what an acceptance rests on, as it is now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.sealing.canonical import Kind, canonical_row
from paykeel.sealing.chain import NO_ID
from paykeel.sealing.service import read_kinds
from paykeel.sealing.tables import TERMS, SealedTable
from paykeel.terms.digests import version_sha256
from paykeel.terms.proving import PRESENTATIONS, Personal, Published
from paykeel.terms.stored import document_beside_version, text_from_row, version_from_row

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from paykeel.db.pool import Database
    from paykeel.terms.model import TermsDocument, TermsText, TermsVersion

SQL = load("paykeel.terms", "evidence.sql")
VERSIONS_PAGE = 500
ACCEPTANCES_PAGE = 1_000
#: Reading everything may take its time.
TIMEOUT_MS = 3_600_000
#: What was shown is hashed as a row of a sealed table is.
_SHOWN = SealedTable(PRESENTATIONS, PRESENTATIONS)
_PERSONAL = ("ip", "ip_salt", "user_agent", "user_agent_salt", "erased_at", "erased_by")


@dataclass(frozen=True, slots=True)
class StoredAcceptance:
    """An acceptance with what stands around it, rows in their canonical form."""

    acceptance_id: UUID
    row: Mapping[str, Any]
    presentation: Mapping[str, Any] | None
    personal: Personal | None


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version that was published, with its document and all of its texts."""

    version: TermsVersion
    #: ``None``: it is gone.
    document: TermsDocument | None
    #: Which document the version's scope is of; ``None``: the scope is gone.
    scope_document_id: UUID | None
    texts: tuple[TermsText, ...]

    def published(self, document: TermsDocument) -> Published:
        """Return what its acceptances are held against, worked out anew."""
        return Published(
            document_id=self.version.document_id,
            scope_id=self.version.scope_id,
            sha256=version_sha256(document, self.version, self.texts),
            texts={text.locale: text.content_sha256 for text in self.texts},
        )


class EvidenceReader:
    """Reads acceptances and versions."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._kinds: tuple[Mapping[str, Kind], Mapping[str, Kind]] | None = None

    async def find(
        self, merchant_id: UUID, acceptance_id: UUID
    ) -> tuple[StoredAcceptance, datetime] | None:
        """Return one acceptance, and what time it is; ``None``: this merchant has none such."""
        kinds = await self._read_kinds()
        row = await self._database.fetchrow(
            SQL["find_evidence"], merchant_id=merchant_id, acceptance_id=acceptance_id
        )
        return None if row is None else (_acceptance(row, *kinds), row["now"])

    async def acceptances(self, merchant_id: UUID) -> AsyncIterator[list[StoredAcceptance]]:
        """Give a merchant's acceptances by id, a page at a time."""
        kinds = await self._read_kinds()
        after = NO_ID
        while rows := await self._fetch(
            "evidence_page", merchant_id=merchant_id, after=after, rows_max=ACCEPTANCES_PAGE
        ):
            after = rows[-1]["acceptance_id"]
            yield await asyncio.to_thread(_acceptances, rows, *kinds)

    async def strays(self, merchant_id: UUID) -> AsyncIterator[UUID]:
        """Give the ids under which personal data stand without an acceptance."""
        after = NO_ID
        while rows := await self._fetch(
            "personal_page", merchant_id=merchant_id, after=after, rows_max=ACCEPTANCES_PAGE
        ):
            after = rows[-1]["acceptance_id"]
            for row in rows:
                if not row["has_acceptance"]:
                    yield row["acceptance_id"]

    async def version_events(self, merchant_id: UUID) -> AsyncIterator[asyncpg.Record]:
        """Give every version with what its events say of it."""
        async for row in self._pages("version_events", "version_id", merchant_id):
            yield row

    async def erasure_events(self, merchant_id: UUID) -> AsyncIterator[asyncpg.Record]:
        """Give all personal data, without the values, with what events say of their erasure."""
        async for row in self._pages("erasure_events", "acceptance_id", merchant_id):
            yield row

    async def events(self, merchant_id: UUID) -> AsyncIterator[asyncpg.Record]:
        """Give every event, and whether what it is about is there."""
        async for row in self._pages("event_page", "event_id", merchant_id):
            yield row

    async def version_ids(self, merchant_id: UUID) -> list[UUID]:
        """Return the ids of all versions that a merchant has published, withdrawn ones too."""
        found: list[UUID] = []
        while rows := await self._fetch(
            "published_versions",
            merchant_id=merchant_id,
            after=found[-1] if found else NO_ID,
            rows_max=VERSIONS_PAGE,
        ):
            found += [row["version_id"] for row in rows]
        return found

    async def version(self, merchant_id: UUID, version_id: UUID) -> StoredVersion | None:
        """Return a version with its texts; ``None``: there is none such, or it is a draft.

        Raises:
            ValueError: Something in it is not what Paykeel stores.
        """
        whose = {"merchant_id": merchant_id, "version_id": version_id}
        rows = await self._fetch("find_version_evidence", **whose)
        if not rows:
            return None
        texts = await self._fetch("version_texts", **whose)
        return _version(rows[0], texts)

    async def _pages(self, name: str, key: str, merchant_id: UUID) -> AsyncIterator[asyncpg.Record]:
        after = NO_ID
        while rows := await self._fetch(
            name, merchant_id=merchant_id, after=after, rows_max=ACCEPTANCES_PAGE
        ):
            after = rows[-1][key]
            for row in rows:
                yield row

    async def _read_kinds(self) -> tuple[Mapping[str, Kind], Mapping[str, Kind]]:
        if self._kinds is None:
            said = await read_kinds(self._database, TERMS)
            self._kinds = said, await read_kinds(self._database, _SHOWN)
        return self._kinds

    async def _fetch(self, name: str, **values: object) -> list[asyncpg.Record]:
        async with self._database.connection() as connection:
            return await fetch_on(connection, SQL[name], values, TIMEOUT_MS)


def _acceptances(
    rows: Sequence[asyncpg.Record], said: Mapping[str, Kind], shown: Mapping[str, Kind]
) -> list[StoredAcceptance]:
    return [_acceptance(row, said, shown) for row in rows]


def _acceptance(
    row: asyncpg.Record, said: Mapping[str, Kind], shown: Mapping[str, Kind]
) -> StoredAcceptance:
    presentation = row["presentation"]
    return StoredAcceptance(
        row["acceptance_id"],
        _canonical(row["acceptance"], said),
        None if presentation is None else _canonical(presentation, shown),
        Personal(**{name: row[name] for name in _PERSONAL}) if row["has_personal"] else None,
    )


def _canonical(document: str, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    # These rows have integers and no other numbers, so nothing is rounded.
    row: dict[str, Any] = json.loads(canonical_row(document, kinds))
    return row


def _version(row: asyncpg.Record, texts: Sequence[asyncpg.Record]) -> StoredVersion:
    return StoredVersion(
        version_from_row(row),
        None if row["key"] is None else document_beside_version(row),
        row["scope_document_id"],
        tuple(map(text_from_row, texts)),
    )
