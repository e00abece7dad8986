"""What must fit together around an acceptance, from a bundle or from the database. Pure.

An acceptance names three hashes: of the version, of the text and of what was shown. It is sealed,
so whatever they cover is protected as well as it is itself. The codes of a fault, beside those of
sealing/checking.py:

- ``text_changed``: a text or its HTML is not what is stored as its hash.
- ``version_changed``: a version's document, scope, dates, author or texts are not those that were
  published.
- ``version_missing``, ``document_missing``, ``scope_missing``, ``text_missing``: what an acceptance
  or a version names is not there.
- ``version_not_accepted``, ``text_not_accepted``: the version or the text is not the one that was
  accepted.
- ``presentation_missing``, ``presentation_changed``: what was shown is gone, or was changed.
- ``presentation_unlike``: it showed another text, or was for another subject.
- ``personal_missing``, ``personal_changed``, ``personal_surplus``: the address or the user agent is
  gone without having been erased, is not the one that was hashed, or is there without a hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.sealing.canonical import leaf_hash, salted_hash, write_json
from paykeel.terms.digests import text_sha256, version_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from paykeel.terms.model import TermsDocument, TermsText, TermsVersion

#: What a presentation is hashed as: one row of this table.
PRESENTATIONS = "terms_presentations"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not fit."""

    code: str
    #: Where: a part of the bundle, such as ``text.content``, or a table and a row of it.
    place: str
    detail: str
    #: Whose, where several merchants are looked at.
    merchant_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """Personal data beside an acceptance, with the salts that its hashes are made with."""

    ip: str | None = None
    ip_salt: bytes | None = None
    user_agent: str | None = None
    user_agent_salt: bytes | None = None
    erased_at: datetime | None = None
    erased_by: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What acceptances of a version are held against, worked out anew from what is stored."""

    document_id: UUID
    scope_id: UUID
    sha256: bytes
    #: The SHA-256 of each text's Markdown, by its locale.
    texts: Mapping[str, bytes]


#: A code, the part that is wrong, and words.
Wrong = tuple[str, str, str]


def presentation_sha256(row: Mapping[str, Any]) -> bytes:
    """Return the hash of a presentation in its canonical form, all of its columns.

    Raises:
        KeyError: It has no id.
        ValueError: Its id is none.
        TypeError: Something in it has no canonical form.
    """
    return leaf_hash(PRESENTATIONS, UUID(row["presentation_id"]), write_json(row))


def text_faults(text: TermsText) -> Iterator[Wrong]:
    """Hold a text against its own hashes."""
    if text_sha256(text.content) != text.content_sha256:
        yield "text_changed", "content", "the Markdown is not what its hash says"
    if text_sha256(text.html) != text.html_sha256:
        yield "text_changed", "html", "the HTML is not what its hash says"


def version_faults(
    document: TermsDocument, version: TermsVersion, texts: Sequence[TermsText]
) -> Iterator[Wrong]:
    """Hold all that is published of a version against its hash."""
    if version.document_id != document.document_id:
        yield "version_changed", "document", "it is of another document"
    if version_sha256(document, version, texts) != version.version_sha256:
        detail = "its document, scope, dates, author or texts are not those that were published"
        yield "version_changed", "version", detail


def acceptance_faults(
    acceptance: Mapping[str, Any],
    published: Published | None,
    presentation: Mapping[str, Any] | None,
    personal: Personal | None,
) -> Iterator[Wrong]:
    """Hold what stands around an acceptance against the hashes that it names.

    Args:
        acceptance: The row in its canonical form.
        published: Its version; ``None``: it is not there.
        presentation: The row in its canonical form, if there is one.
        personal: What stands beside it, if there is something.

    Raises:
        KeyError: The row lacks a column.
        ValueError: A value is malformed.
        TypeError: As :func:`presentation_sha256`.
    """
    if published is None:
        yield "version_missing", "version", "the version that it answers is not there"
    else:
        yield from _published_faults(acceptance, published)
    yield from _presentation_faults(acceptance, presentation)
    for name in ("ip", "user_agent"):
        yield from _personal_faults(name, acceptance.get(f"{name}_hash"), personal)


def _published_faults(acceptance: Mapping[str, Any], published: Published) -> Iterator[Wrong]:
    if acceptance["version_sha256"] != published.sha256.hex():
        yield "version_not_accepted", "version", "it names another hash of the version"
    named = acceptance["document_id"], acceptance["scope_id"]
    if named != (str(published.document_id), str(published.scope_id)):
        yield "version_not_accepted", "version", "it names another document or scope"
    text = published.texts.get(acceptance["locale"])
    if text is None:
        yield "text_missing", "text", f"the version has no text in {acceptance['locale']}"
    elif acceptance["text_sha256"] != text.hex():
        yield "text_not_accepted", "text", "it names another hash of the text"


def _presentation_faults(
    acceptance: Mapping[str, Any], presentation: Mapping[str, Any] | None
) -> Iterator[Wrong]:
    if acceptance.get("presentation_id") is None:
        if presentation is not None:
            yield "presentation_unlike", "presentation", "it answers none, and here is one"
        return
    if presentation is None:
        yield "presentation_missing", "presentation", "what was shown is not there"
        return
    if presentation_sha256(presentation).hex() != acceptance["presentation_sha256"]:
        yield "presentation_changed", "presentation", "it is not what was shown"
        return
    shown = zip(
        presentation["version_ids"],
        presentation["locales"],
        presentation["text_sha256s"],
        strict=False,
    )
    said = acceptance["version_id"], acceptance["locale"], acceptance["text_sha256"]
    if said not in set(shown):
        yield "presentation_unlike", "presentation", "the text was not shown in it"
    whose = ("merchant_id", "presentation_id", "buyer_id")
    if any(acceptance[name] != presentation[name] for name in whose):
        yield "presentation_unlike", "presentation", "it was for another subject"


def _personal_faults(name: str, hashed: str | None, personal: Personal | None) -> Iterator[Wrong]:
    value: str | None = getattr(personal, name, None)
    salt: bytes | None = getattr(personal, f"{name}_salt", None)
    if personal is not None and personal.erased_at is not None:
        if value is not None or salt is not None:
            yield "personal_surplus", name, "it is there, though it was erased"
    elif hashed is None:
        if value is not None or salt is not None:
            yield "personal_surplus", name, "it is there without a hash"
    elif value is None or salt is None:
        yield "personal_missing", name, "it is gone without having been erased"
    elif not _is_salted(salt, value, hashed):
        yield "personal_changed", name, "it is not the one that was hashed"


def _is_salted(salt: bytes, value: str, hashed: str) -> bool:
    try:
        return salted_hash(salt, value).hex() == hashed
    except ValueError:
        return False
