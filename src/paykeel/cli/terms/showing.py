"""Shows documents and versions to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.cli.terms.moments import told
from paykeel.terms.json_values import whole_version_values
from paykeel.terms.model import ANY, TermsScope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from paykeel.cli.context import Output
    from paykeel.terms.model import TermsDocument, TermsText, TermsVersion


def scope_told(scope: TermsScope) -> str:
    """Say for whom a version is.

    >>> scope_told(TermsScope("agent", "DE"))
    'agent, DE'
    """
    parts = (scope.buyer_role, scope.jurisdiction, scope.product, scope.channel)
    return ", ".join(part for part in parts if part != ANY) or "everybody"


def versions_table(out: Output, versions: Sequence[TermsVersion]) -> None:
    """Show versions, one a line."""
    out.table(
        ("version", "for", "status", "change", "accept anew", "from", "grace until", "to", "id"),
        [
            (
                one.version,
                scope_told(one.scope),
                str(one.status),
                one.change,
                "yes" if one.requires_reacceptance else "no",
                told(one.effective_from) or "when published",
                told(one.grace_until),
                told(one.effective_to),
                one.version_id,
            )
            for one in versions
        ],
    )


def show_version(
    out: Output, document: TermsDocument, version: TermsVersion, texts: Sequence[TermsText]
) -> None:
    """Show one version with what its texts are, but not the texts themselves."""
    out.document(whole_version_values(version, document, texts))
    days = version.reaccept_after_days
    facts = {
        "document": f"{document.key} ({document.title})",
        "version": version.version,
        "id": version.version_id,
        "for": scope_told(version.scope),
        "status": str(version.status),
        "change": version.change,
        "accept anew": "yes" if version.requires_reacceptance else "no",
        "an acceptance counts": "for good" if days is None else f"for {days} days",
        "from": told(version.effective_from) or "when it is published",
        "grace until": told(version.grace_until),
        "to": told(version.effective_to),
        "what changes": version.summary or None,
        "drafted by": version.author,
        "published": _by(version.published_by, version.published_at),
        "withdrawn": _by(version.withdrawn_by, version.withdrawn_at),
        "because": version.withdrawn_because,
        "sha256": None if version.version_sha256 is None else version.version_sha256.hex(),
    }
    out.facts({name: value for name, value in facts.items() if value is not None})
    out.table(
        ("language", "counts", "characters", "sha256"),
        [
            (
                text.locale,
                "yes" if text.is_authoritative else "",
                f"{len(text.content):,}",
                text.content_sha256.hex(),
            )
            for text in texts
        ],
        right=("characters",),
    )


def _by(person: str | None, at: datetime | None) -> str | None:
    return None if person is None else f"by {person}, {told(at)}"
