"""Documents, versions and texts as they are stored: rows to values, and what drafts are saved with.

Each function runs on a connection that the caller holds.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from paykeel.clock import new_id
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import NotFound, Refused
from paykeel.terms.drafting import change_of
from paykeel.terms.model import (
    Purpose,
    TermsDocument,
    TermsScope,
    TermsText,
    TermsVersion,
    VersionStatus,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from paykeel.db.pool import Connection
    from paykeel.terms.drafting import DraftTerms

SQL = load("paykeel.terms", "documents.sql")
#: Of one document.
LINES_MAX = 200

_SCOPE = ("buyer_role", "jurisdiction", "product", "channel")
_VERSION = tuple(f.name for f in fields(TermsVersion) if f.name not in ("scope", "status"))
_NOT_PUBLIC = {*_SCOPE, "other_locales", "other_sha256s", "is_shared", "shared_locale"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicText:
    """One published text, as anybody may read it by its hash."""

    key: str
    title: str
    purpose: Purpose
    version_id: UUID
    version: str
    scope: TermsScope
    status: VersionStatus
    effective_from: datetime
    effective_to: datetime | None
    published_at: datetime
    withdrawn_at: datetime | None
    locale: str
    is_authoritative: bool
    content: str
    content_sha256: bytes
    html: str
    html_sha256: bytes
    #: The SHA-256 of the version.
    version_sha256: bytes
    #: The other languages of the same version, each with the SHA-256 of its text.
    others: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedText:
    """A text that several versions have, and nothing of any of them."""

    #: ``und`` where they do not say the same.
    locale: str
    content: str
    content_sha256: bytes
    html: str


async def lock_merchant(connection: Connection, merchant_id: UUID) -> None:
    """Wait for whoever changes this merchant's terms; later statements see what was done."""
    if not await fetch_on(connection, SQL["lock_merchant"], {"merchant_id": merchant_id}):
        raise NotFound("There is no such merchant.")


async def find_document(
    connection: Connection, merchant_id: UUID, key: str
) -> TermsDocument | None:
    """Return the document with this key; ``None``: there is none such."""
    # What cannot be a key is not asked for: PostgreSQL cannot take every text.
    if not key.isascii() or "\x00" in key:
        return None
    rows = await fetch_on(
        connection, SQL["find_document"], {"merchant_id": merchant_id, "key": key}
    )
    return document_from_row(rows[0]) if rows else None


async def get_document(connection: Connection, merchant_id: UUID, key: str) -> TermsDocument:
    """Return the document with this key.

    Raises:
        NotFound: ``terms_document_unknown``.
    """
    found = await find_document(connection, merchant_id, key)
    if found is None:
        raise NotFound("There is no such document.", code="terms_document_unknown")
    return found


async def document_of(
    connection: Connection, merchant_id: UUID, document_id: UUID
) -> TermsDocument:
    """Return the document with this id.

    Raises:
        NotFound: ``terms_document_unknown``.
    """
    rows = await fetch_on(
        connection,
        SQL["get_document"],
        {"merchant_id": merchant_id, "document_id": document_id},
    )
    if not rows:
        raise NotFound("There is no such document.", code="terms_document_unknown")
    return document_from_row(rows[0])


async def get_version(connection: Connection, merchant_id: UUID, version_id: UUID) -> TermsVersion:
    """Return one version.

    Raises:
        NotFound: ``terms_version_unknown``.
    """
    rows = await fetch_on(
        connection, SQL["get_version"], {"merchant_id": merchant_id, "version_id": version_id}
    )
    if not rows:
        raise NotFound("There is no such version.", code="terms_version_unknown")
    return version_from_row(rows[0])


async def line_for(connection: Connection, document: TermsDocument, scope: TermsScope) -> UUID:
    """Return the line of a document for a scope, a new one if there is none."""
    values = {
        "merchant_id": document.merchant_id,
        "document_id": document.document_id,
        "buyer_role": scope.buyer_role,
        "jurisdiction": scope.jurisdiction,
        "product": scope.product,
        "channel": scope.channel,
    }
    rows = await fetch_on(connection, SQL["find_scope"], values)
    if not rows:
        added = {"scope_id": new_id(), "lines_max": LINES_MAX}
        rows = await fetch_on(connection, SQL["add_scope"], values | added)
    if not rows:
        raise Refused(
            f"{document.key} has texts for {LINES_MAX} scopes, and no more.",
            code="terms_lines_too_many",
        )
    scope_id: UUID = rows[0]["scope_id"]
    return scope_id


async def save_draft(
    connection: Connection, document: TermsDocument, scope_id: UUID, draft: DraftTerms, author: str
) -> UUID:
    """Store a draft, with its texts in the place of those that it had."""
    line = {"merchant_id": document.merchant_id, "scope_id": scope_id}
    so_far = (await fetch_on(connection, SQL["line_so_far"], line))[0]
    change = draft.change or change_of(draft.version, so_far["newest"])
    must = draft.requires_reacceptance
    values = {
        "version_id": new_id(),
        "document_id": document.document_id,
        "version": draft.version,
        "change": change,
        "requires_reacceptance": change == "major" if must is None else must,
        "reaccept_after_days": draft.reaccept_after_days,
        "effective_from": draft.effective_from,
        "effective_to": draft.effective_to,
        "grace_until": draft.grace_until,
        "grace_days": draft.grace_days,
        "summary": draft.summary,
        "author": author,
    }
    rows = await fetch_on(connection, SQL["save_draft"], line | values)
    if not rows:
        raise Refused(
            f"{draft.version} was published for this scope; write another version.",
            code="terms_version_published",
        )
    version_id: UUID = rows[0]["version_id"]
    named = {"merchant_id": document.merchant_id, "version_id": version_id}
    await fetch_on(connection, SQL["remove_texts"], named)
    columns = {
        "locales": [text.locale for text in draft.texts],
        "contents": [text.content for text in draft.texts],
        "content_sha256s": [text.content_sha256 for text in draft.texts],
        "htmls": [text.html for text in draft.texts],
        "html_sha256s": [text.html_sha256 for text in draft.texts],
        "authorities": [text.is_authoritative for text in draft.texts],
    }
    await fetch_on(connection, SQL["add_texts"], named | columns)
    return version_id


def check_status(version: TermsVersion, wanted: VersionStatus) -> None:
    """Refuse a version that does not stand where it should.

    Raises:
        Refused: ``terms_version_published``, ``terms_version_withdrawn`` or
            ``terms_version_not_published``.
    """
    if version.status is wanted:
        return
    match version.status:
        case VersionStatus.DRAFT:
            raise Refused(
                f"{version.version} is a draft; nobody was asked to accept it.",
                code="terms_version_not_published",
            )
        case VersionStatus.PUBLISHED:
            raise Refused(f"{version.version} is published.", code="terms_version_published")
        case VersionStatus.WITHDRAWN:
            raise Refused(f"{version.version} was withdrawn.", code="terms_version_withdrawn")


def document_from_row(row: asyncpg.Record) -> TermsDocument:
    """Make a document of a row."""
    return TermsDocument(**{**row, "purpose": Purpose(row["purpose"])})


def document_beside_version(row: asyncpg.Record) -> TermsDocument:
    """Make the document of a version's row, where names that both have say whose they are."""
    values = {
        name: row[name] for name in ("merchant_id", "document_id", "key", "required", "title")
    }
    return TermsDocument(
        **values,
        purpose=Purpose(row["purpose"]),
        author=row["document_author"],
        created_at=row["document_created_at"],
    )


def version_from_row(row: asyncpg.Record) -> TermsVersion:
    """Make a version of a row that has the parts of its scope, too, and perhaps more."""
    values = {name: row[name] for name in _VERSION}
    status = VersionStatus(row["status"])
    return TermsVersion(**values, scope=scope_from_row(row), status=status)


def scope_from_row(row: asyncpg.Record) -> TermsScope:
    """Make a scope of a row that has its parts."""
    return TermsScope(*(row[name] for name in _SCOPE))


def text_from_row(row: asyncpg.Record) -> TermsText:
    """Make a text of a row."""
    return TermsText(**row)


def unified_diff(before: tuple[str, str], after: tuple[str, str]) -> list[str]:
    """Return a unified diff of two contents, each beside its name."""
    lines = difflib.unified_diff(
        before[0].splitlines(), after[0].splitlines(), before[1], after[1], lineterm=""
    )
    return list(lines)


def public_text_from_row(row: asyncpg.Record) -> PublicText:
    """Make a public text of a row."""
    values = {name: value for name, value in row.items() if name not in _NOT_PUBLIC}
    made = {
        "purpose": Purpose(row["purpose"]),
        "status": VersionStatus(row["status"]),
        "scope": scope_from_row(row),
        "others": tuple(zip(row["other_locales"], row["other_sha256s"], strict=True)),
    }
    return PublicText(**(values | made))


def shared_text_from_row(row: asyncpg.Record) -> SharedText:
    """Make the text alone of the row of a public text."""
    return SharedText(
        locale=row["shared_locale"],
        content=row["content"],
        content_sha256=row["content_sha256"],
        html=row["html"],
    )
