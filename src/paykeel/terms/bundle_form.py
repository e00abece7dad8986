"""The JSON of an evidence bundle: how it is written, and how it is read again. Pure.

What it says is told in terms/bundles.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.sealing.canonical import leaf_hash, read_time, write_json, write_time
from paykeel.sealing.filing import read_seal
from paykeel.sealing.proofs import RowProof
from paykeel.terms.disputes import stripe_evidence
from paykeel.terms.model import (
    Purpose,
    TermsDocument,
    TermsScope,
    TermsText,
    TermsVersion,
    VersionStatus,
)
from paykeel.terms.proving import Personal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a bundle says that it is. Another form has another number.
BUNDLE_FORM = "paykeel-terms-evidence/1"

_TOLD = ("withdrawn_by", "withdrawn_at", "withdrawn_because")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One acceptance with all that proves it."""

    made_at: datetime
    #: The sealed row in its canonical form.
    acceptance: Mapping[str, Any]
    document: TermsDocument
    version: TermsVersion
    #: Every text of the version by its hashes alone: their contents are left empty.
    texts: tuple[TermsText, ...]
    #: The text that was accepted.
    text: TermsText
    #: What was shown, in its canonical form; ``None``: it was imported, or taken back.
    presentation: Mapping[str, Any] | None
    personal: Personal | None
    proof: RowProof


class Malformed(ValueError):
    """A part of a bundle that cannot be read; ``part`` names it."""

    def __init__(self, part: str, detail: str) -> None:
        super().__init__(detail)
        self.part = part


def write_bundle(evidence: Evidence) -> dict[str, Any]:
    """Return evidence as JSON-ready values."""
    version = evidence.version
    return {
        "form": BUNDLE_FORM,
        "made_at": write_time(evidence.made_at),
        "acceptance": dict(evidence.acceptance),
        "document": _object(evidence.document, leave=("merchant_id",)),
        "version": {
            **_object(version, leave=("merchant_id", "scope", "status", *_TOLD)),
            "scope": _object(version.scope),
            "texts": [_object(text, leave=("content", "html")) for text in evidence.texts],
        },
        "text": _object(evidence.text),
        "presentation": None if evidence.presentation is None else dict(evidence.presentation),
        "personal": None if evidence.personal is None else _object(evidence.personal),
        "seal": _seal_part(evidence),
        "told": {
            "status": str(version.status),
            **{name: _plain(getattr(version, name)) for name in _TOLD},
        },
        "stripe": stripe_evidence(
            evidence.acceptance,
            evidence.document,
            version,
            evidence.text,
            evidence.presentation,
            evidence.personal,
            evidence.proof.seal,
        ),
    }


def _seal_part(evidence: Evidence) -> dict[str, Any]:
    proof = evidence.proof
    seal = proof.seal
    row = write_json(dict(evidence.acceptance))
    row_id = UUID(evidence.acceptance["acceptance_id"])
    return {
        "chain": seal.chain,
        "row": row,
        "leaf": leaf_hash(seal.chain, row_id, row).hex(),
        "index": proof.index,
        "count": seal.row_count,
        "path": [step.hex() for step in proof.path],
        "seal": seal.header(),
        "hash": seal.seal_hash.hex(),
        "signature": seal.signature.hex(),
        "public_key": seal.public_key.hex(),
        "head": str(seal.head),
    }


def _object(value: Any, leave: tuple[str, ...] = ()) -> dict[str, Any]:
    names = (field.name for field in fields(value) if field.name not in leave)
    return {name: _plain(getattr(value, name)) for name in names}


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return write_time(value)
        case UUID() | Purpose():
            return str(value)
        case _:
            return value


@contextmanager
def _part(name: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        missing = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise Malformed(name, missing) from error


def read_evidence(bundle: Mapping[str, Any]) -> Evidence:
    """Read a bundle; whether it is true, and says no more than this, is not looked at.

    Raises:
        Malformed: A part is missing or malformed.
    """
    with _part("form"):
        if bundle["form"] != BUNDLE_FORM:
            message = f"it is no {BUNDLE_FORM}"
            raise ValueError(message)
    with _part("acceptance"):
        acceptance = _row(bundle["acceptance"])
        merchant_id = UUID(acceptance["merchant_id"])
        UUID(acceptance["acceptance_id"])
    with _part("document"):
        document = TermsDocument(
            merchant_id=merchant_id, **_values(bundle["document"], _DOCUMENT_READS)
        )
    with _part("told"):
        told = bundle["told"]
        told_values = _values(told, _TOLD_READS)
    with _part("version"):
        version = TermsVersion(
            merchant_id=merchant_id,
            scope=TermsScope(**_values(bundle["version"]["scope"], _SCOPE_READS)),
            **_values(bundle["version"], _VERSION_READS),
            **told_values,
        )
        texts = tuple(
            TermsText(content="", html="", **_values(one, _MARK_READS))
            for one in bundle["version"]["texts"]
        )
    with _part("text"):
        text = TermsText(**_values(bundle["text"], _TEXT_READS))
    with _part("presentation"):
        shown = bundle["presentation"]
        presentation = None if shown is None else _row(shown)
    with _part("personal"):
        beside = bundle["personal"]
        personal = None if beside is None else Personal(**_values(beside, _PERSONAL_READS))
    with _part("seal"):
        part = bundle["seal"]
        path = tuple(bytes.fromhex(step) for step in part["path"])
        proof = RowProof(read_seal(part), _integer(part["index"]), path)
    with _part("made_at"):
        made_at = _time(bundle["made_at"])
    return Evidence(
        made_at=made_at,
        acceptance=acceptance,
        document=document,
        version=version,
        texts=texts,
        text=text,
        presentation=presentation,
        personal=personal,
        proof=proof,
    )


def _values(source: Any, reads: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    return {name: read(source[name]) for name, read in reads.items()}


def _row(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = "it is no object"
        raise TypeError(message)
    # A float has no canonical form, and no place in a row.
    write_json(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        message = f"{value!r} is no text"
        raise TypeError(message)
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        message = f"{value!r} is neither true nor false"
        raise TypeError(message)
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{value!r} is no integer"
        raise TypeError(message)
    return value


def _hex(value: Any) -> bytes:
    return bytes.fromhex(_text(value))


def _time(value: Any) -> datetime:
    return read_time(_text(value))


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


_DOCUMENT_READS: dict[str, Callable[[Any], Any]] = {
    "document_id": UUID,
    "key": _text,
    "purpose": Purpose,
    "required": _truth,
    "title": _text,
    "author": _text,
    "created_at": _time,
}
_SCOPE_READS: dict[str, Callable[[Any], Any]] = dict.fromkeys(
    ("buyer_role", "jurisdiction", "product", "channel"), _text
)
_VERSION_READS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("version_id", "document_id", "scope_id"), UUID),
    **dict.fromkeys(("version", "change", "summary", "author"), _text),
    "requires_reacceptance": _truth,
    "reaccept_after_days": _or_none(_integer),
    "effective_from": _time,
    **dict.fromkeys(("effective_to", "grace_until"), _or_none(_time)),
    "version_sha256": _hex,
    "created_at": _time,
    "published_by": _text,
    "published_at": _time,
}
_TOLD_READS: dict[str, Callable[[Any], Any]] = {
    "status": VersionStatus,
    "withdrawn_by": _or_none(_text),
    "withdrawn_at": _or_none(_time),
    "withdrawn_because": _or_none(_text),
}
_MARK_READS: dict[str, Callable[[Any], Any]] = {
    "locale": _text,
    "content_sha256": _hex,
    "html_sha256": _hex,
    "is_authoritative": _truth,
}
_TEXT_READS: dict[str, Callable[[Any], Any]] = {**_MARK_READS, "content": _text, "html": _text}
_PERSONAL_READS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("ip", "user_agent", "erased_by"), _or_none(_text)),
    **dict.fromkeys(("ip_salt", "user_agent_salt"), _or_none(_hex)),
    "erased_at": _or_none(_time),
}
