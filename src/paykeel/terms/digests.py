"""What is hashed of terms, so that a change of any byte of it shows. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from paykeel.sealing.canonical import write_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from paykeel.terms.model import TermsDocument, TermsText, TermsVersion


def text_sha256(text: str) -> bytes:
    """Return the SHA-256 of a text in UTF-8.

    >>> text_sha256("").hex()[:8]
    'e3b0c442'
    """
    return hashlib.sha256(text.encode()).digest()


def version_sha256(
    document: TermsDocument, version: TermsVersion, texts: Sequence[TermsText]
) -> bytes:
    """Return the SHA-256 of all that is published of a version.

    It is one line for each group of facts, so that the migration can write the same in SQL. Who
    published it, and when, is among them: hash it with both filled in.
    """
    scope = version.scope
    days = version.reaccept_after_days
    lines = [
        "paykeel terms version 1",
        document.key,
        document.purpose,
        _json(document.title),
        f"{_word(document.required)} {_time(document.created_at)} {_json(document.author)}",
        f"{scope.buyer_role} {scope.jurisdiction} {scope.product} {scope.channel}",
        " ".join(
            (
                version.version,
                version.change,
                _word(version.requires_reacceptance),
                "-" if days is None else str(days),
            )
        ),
        " ".join(map(_time, (version.effective_from, version.effective_to, version.grace_until))),
        _json(version.summary),
        f"{_time(version.created_at)} {_json(version.author)}",
        f"{_time(version.published_at)} {_json(version.published_by or '')}",
        *(
            f"{text.locale} {text.content_sha256.hex()} {text.html_sha256.hex()}"
            f" {_word(text.is_authoritative)}"
            for text in sorted(texts, key=lambda one: one.locale)
        ),
    ]
    return text_sha256("\n".join(lines))


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _word(truth: bool) -> str:  # noqa: FBT001 - what it writes is a truth value
    return "true" if truth else "false"


def _time(instant: datetime | None) -> str:
    return "-" if instant is None else write_time(instant)
