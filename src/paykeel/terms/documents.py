"""Documents: drafts are saved, published and withdrawn, and what was published is read.

Whoever changes something holds the merchant's row, taken in a statement of its own, so that of two
who do it at once the second sees what the first did. No purchase waits for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.errors import NotFound, Refused
from paykeel.terms.digests import version_sha256
from paykeel.terms.drafting import (
    Draft,
    Rival,
    begin,
    check_draft,
    check_key,
    check_purpose,
    check_required,
    check_title,
    refuse_tie,
)
from paykeel.terms.locales import check_locale
from paykeel.terms.model import Purpose, TermsDocument, TermsText, TermsVersion, VersionStatus
from paykeel.terms.stored import (
    SQL,
    PublicText,
    SharedText,
    check_status,
    document_from_row,
    document_of,
    find_document,
    get_document,
    get_version,
    line_for,
    lock_merchant,
    public_text_from_row,
    save_draft,
    scope_from_row,
    shared_text_from_row,
    text_from_row,
    unified_diff,
    version_from_row,
)
from paykeel.texts import check_person, check_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from paykeel.db.pool import Database

ROWS_MAX = 500
#: As many as one presentation can show.
DOCUMENTS_MAX = 50
REASON_CHARACTERS_MAX = 500


class TermsDocuments:
    """Keeps documents, their versions and texts."""

    def __init__(self, database: Database, forget: Callable[[UUID], None]) -> None:
        """Take the database, and what to call once a merchant's published versions changed."""
        self._database = database
        self._forget = forget

    async def create(
        self,
        merchant_id: UUID,
        key: str,
        purpose: Purpose | str,
        title: str,
        *,
        author: str,
        required: bool | None = None,
    ) -> TermsDocument:
        """Add a document; it asks nothing of anybody before a version of it is published.

        A purchase needs it unless ``required`` says otherwise; a marketing consent is never needed.

        Raises:
            InvalidField: A field is malformed; ``terms_marketing_required``.
            NotFound: There is no such merchant.
            Refused: ``terms_document_exists`` or ``terms_documents_too_many``.
        """
        key, title = check_key(key), check_title(title)
        purpose = check_purpose(purpose)
        values = {
            "document_id": new_id(),
            "key": key,
            "purpose": purpose,
            "required": check_required(required, purpose),
            "title": title,
            "author": check_person(author, "author"),
        }
        async with self._database.connection() as connection, connection.transaction():
            await lock_merchant(connection, merchant_id)
            found = await find_document(connection, merchant_id, key)
            if found is not None:
                raise Refused(f"There is a document {key}.", code="terms_document_exists")
            rows = await fetch_on(
                connection,
                SQL["add_document"],
                {"merchant_id": merchant_id, "documents_max": DOCUMENTS_MAX, **values},
            )
        if not rows:
            raise Refused(
                f"There are {DOCUMENTS_MAX} documents, and more cannot be shown at once.",
                code="terms_documents_too_many",
            )
        return document_from_row(rows[0])

    async def get(self, merchant_id: UUID, key: str) -> TermsDocument:
        """Return one document by its key.

        Raises:
            NotFound: ``terms_document_unknown``.
        """
        async with self._database.connection() as connection:
            return await get_document(connection, merchant_id, key)

    async def document_of(self, merchant_id: UUID, document_id: UUID) -> TermsDocument:
        """Return one document by its id.

        Raises:
            NotFound: ``terms_document_unknown``.
        """
        async with self._database.connection() as connection:
            return await document_of(connection, merchant_id, document_id)

    async def draft(
        self, merchant_id: UUID, key: str, draft: Draft, *, author: str
    ) -> TermsVersion:
        """Save a draft; one of the same version and scope is replaced, with all of its texts.

        Raises:
            InvalidField: A field or a text is wrong; the message says how, and in which line.
            NotFound: ``terms_document_unknown``.
            Refused: ``terms_version_published``: this version of this scope is not a draft any
                more; ``terms_lines_too_many``.
        """
        author = check_person(author, "author")
        # Large texts take their time; other calls go on meanwhile.
        checked = await asyncio.to_thread(check_draft, draft)
        async with self._database.connection() as connection, connection.transaction():
            await lock_merchant(connection, merchant_id)
            document = await get_document(connection, merchant_id, key)
            scope_id = await line_for(connection, document, checked.scope)
            version_id = await save_draft(connection, document, scope_id, checked, author)
            return await get_version(connection, merchant_id, version_id)

    async def publish(self, merchant_id: UUID, version_id: UUID, *, author: str) -> TermsVersion:
        """Publish a draft, for good: from then on nobody changes it.

        Raises:
            InvalidField: ``instant_in_past`` or ``period_empty``: one of its dates;
                ``terms_grace_without_earlier``: it is the first of its line.
            NotFound: ``terms_version_unknown``.
            Refused: ``terms_version_published``, ``terms_version_withdrawn``,
                ``terms_text_missing``, ``terms_version_not_newer``, ``terms_effective_order`` or
                ``terms_scope_tie``.
        """
        author = check_person(author, "author")
        named = {"merchant_id": merchant_id, "version_id": version_id}
        async with self._database.connection() as connection, connection.transaction():
            await lock_merchant(connection, merchant_id)
            draft = await get_version(connection, merchant_id, version_id)
            check_status(draft, VersionStatus.DRAFT)
            line = {"merchant_id": merchant_id, "scope_id": draft.scope_id}
            so_far = (await fetch_on(connection, SQL["line_so_far"], line))[0]
            version = begin(draft, by=author, **so_far)
            texts = [
                text_from_row(row) for row in await fetch_on(connection, SQL["list_texts"], named)
            ]
            if not texts:
                raise Refused(
                    f"Nothing is written in {version.version} yet: add a text in some language.",
                    code="terms_text_missing",
                )
            period = {
                "effective_from": version.effective_from,
                "effective_to": version.effective_to,
            }
            rivals = await fetch_on(
                connection,
                SQL["list_rivals"],
                {**line, "document_id": version.document_id, **period},
            )
            refuse_tie(
                version.scope, [Rival(scope_from_row(row), row["version"]) for row in rivals]
            )
            document = await document_of(connection, merchant_id, version.document_id)
            values = {
                "effective_from": version.effective_from,
                "grace_until": version.grace_until,
                "version_sha256": version_sha256(document, version, texts),
                "published_by": version.published_by,
                "published_at": version.published_at,
                "event_id": new_id(),
            }
            await fetch_on(connection, SQL["publish_version"], {**named, **values})
            published = await get_version(connection, merchant_id, version_id)
        self._forget(merchant_id)
        return published

    async def withdraw(
        self, merchant_id: UUID, version_id: UUID, because: str, *, author: str
    ) -> TermsVersion:
        """Take a published version out of force; it can still be read, and is never in force again.

        Raises:
            InvalidField: The reason or the author is malformed.
            NotFound: ``terms_version_unknown``.
            Refused: ``terms_version_withdrawn`` or ``terms_version_not_published``.
        """
        author = check_person(author, "author")
        because = check_text(because, "because", REASON_CHARACTERS_MAX)
        async with self._database.connection() as connection, connection.transaction():
            await lock_merchant(connection, merchant_id)
            version = await get_version(connection, merchant_id, version_id)
            check_status(version, VersionStatus.PUBLISHED)
            values = {"because": because, "author": author, "event_id": new_id()}
            named = {"merchant_id": merchant_id, "version_id": version_id}
            await fetch_on(connection, SQL["withdraw_version"], {**named, **values})
            withdrawn = await get_version(connection, merchant_id, version_id)
        self._forget(merchant_id)
        return withdrawn

    async def versions(
        self,
        merchant_id: UUID,
        key: str,
        *,
        before: UUID | None = None,
        rows_max: int = ROWS_MAX,
    ) -> list[TermsVersion]:
        """Return the versions of a document in all scopes, newest first, drafts too.

        Raises:
            NotFound: ``terms_document_unknown``.
        """
        document = await self.get(merchant_id, key)
        rows = await self._database.fetch(
            SQL["list_versions"],
            merchant_id=merchant_id,
            document_id=document.document_id,
            before=before,
            rows_max=rows_max,
        )
        return [version_from_row(row) for row in rows]

    async def version(self, merchant_id: UUID, version_id: UUID) -> TermsVersion:
        """Return one version.

        Raises:
            NotFound: ``terms_version_unknown``.
        """
        async with self._database.connection() as connection:
            return await get_version(connection, merchant_id, version_id)

    async def texts(self, merchant_id: UUID, version_id: UUID) -> list[TermsText]:
        """Return the texts of a version by locale; a draft may have none.

        Raises:
            NotFound: ``terms_version_unknown``.
        """
        rows = await self._database.fetch(
            SQL["list_texts"], merchant_id=merchant_id, version_id=version_id
        )
        if not rows:
            await self.version(merchant_id, version_id)
        return [text_from_row(row) for row in rows]

    async def public_text(
        self, content_sha256: bytes, version_id: UUID | None = None
    ) -> PublicText | SharedText | None:
        """Return a published text by the SHA-256 of its Markdown; ``None``: there is none such.

        It needs no merchant. Where no version is named and several have the same bytes, perhaps
        of several merchants, it is the text alone.
        """
        row = await self._database.fetchrow(
            SQL["find_public_text"], content_sha256=content_sha256, version_id=version_id
        )
        if row is None:
            return None
        if version_id is None and row["is_shared"]:
            return shared_text_from_row(row)
        return public_text_from_row(row)

    async def difference(self, merchant_id: UUID, version_id: UUID, locale: str) -> list[str]:
        """Return a unified diff of one text against the published version before it in its line.

        Raises:
            NotFound: ``terms_version_unknown``, or ``terms_text_unknown``: it has no such text.
        """
        locale = check_locale(locale)
        version = await self.version(merchant_id, version_id)
        texts = {text.locale: text for text in await self.texts(merchant_id, version_id)}
        if locale not in texts:
            raise NotFound(f"{version.version} has no text in {locale}.", code="terms_text_unknown")
        before = await self._database.fetchrow(
            SQL["text_before"],
            merchant_id=merchant_id,
            scope_id=version.scope_id,
            version=version.version,
            locale=locale,
        )
        return await asyncio.to_thread(
            unified_diff,
            ("", "nothing") if before is None else (before["content"], before["version"]),
            (texts[locale].content, version.version),
        )

    async def list(self, merchant_id: UUID) -> list[TermsDocument]:
        """Return a merchant's documents by their keys."""
        rows = await self._database.fetch(
            SQL["list_documents"], merchant_id=merchant_id, rows_max=DOCUMENTS_MAX
        )
        return [document_from_row(row) for row in rows]


__all__ = ["Draft", "PublicText", "SharedText", "TermsDocuments"]
