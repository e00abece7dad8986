"""Evidence made by hand: a version, what was shown of it, and an acceptance under a seal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from paykeel.sealing import SigningKey
from paykeel.sealing.canonical import leaf_hash, salted_hash, write_json, write_time
from paykeel.sealing.chain import NO_ID, make_seal
from paykeel.sealing.merkle import inclusion_path
from paykeel.sealing.proofs import RowProof
from paykeel.terms.bundle_form import Evidence
from paykeel.terms.digests import text_sha256, version_sha256
from paykeel.terms.model import (
    Purpose,
    TermsDocument,
    TermsScope,
    TermsText,
    TermsVersion,
    VersionStatus,
)
from paykeel.terms.proving import Personal, presentation_sha256

AT = datetime(2026, 11, 23, 6, 0, 0, 123, tzinfo=UTC)
MERCHANT = UUID(int=1)
ACCEPTANCE = UUID(int=7)
VERSION = UUID(int=5)
KEY = SigningKey.from_seed(bytes(32))
PERSONAL = Personal(
    ip="203.0.113.9", ip_salt=b"i" * 32, user_agent="Browser <1>", user_agent_salt=b"u" * 32
)
ERASED = Personal(erased_at=AT, erased_by="Ann")


def text(locale: str, content: str, html: str, *, counts: bool) -> TermsText:
    return TermsText(
        locale=locale,
        content=content,
        content_sha256=text_sha256(content),
        html=html,
        html_sha256=text_sha256(html),
        is_authoritative=counts,
    )


TEXTS = (
    text("de", "Was gekauft ist, wird bezahlt.\n", "<p>Was gekauft ist …</p>\n", counts=False),
    text(
        "en",
        "What is *bought* is paid for; see https://a.example.\n",
        "<p>What is <em>bought</em> is &quot;paid&quot; for.</p>\n",
        counts=True,
    ),
)


def published(
    purpose: Purpose = Purpose.REFUND_POLICY, texts: tuple[TermsText, ...] = TEXTS
) -> tuple[TermsDocument, TermsVersion]:
    document = TermsDocument(
        merchant_id=MERCHANT,
        document_id=UUID(int=3),
        key="refunds",
        purpose=purpose,
        required=True,
        title="Refunds & returns",
        author="Ann",
        created_at=AT,
    )
    version = TermsVersion(
        merchant_id=MERCHANT,
        version_id=VERSION,
        document_id=document.document_id,
        scope_id=UUID(int=4),
        scope=TermsScope("agent", "DE"),
        version="2.1.0",
        change="minor",
        requires_reacceptance=False,
        reaccept_after_days=365,
        effective_from=AT,
        effective_to=None,
        grace_until=AT + timedelta(days=9),
        summary='A "summary".\n',
        status=VersionStatus.PUBLISHED,
        version_sha256=None,
        author="Ann",
        created_at=AT,
        published_by="Bea",
        published_at=AT,
    )
    return document, replace(version, version_sha256=version_sha256(document, version, texts))


def presentation(version: TermsVersion, shown: TermsText) -> dict[str, Any]:
    return {
        "merchant_id": str(MERCHANT),
        "presentation_id": str(UUID(int=6)),
        "nonce_sha256": "ab" * 32,
        "buyer_id": "agent-7",
        "buyer_role": "agent",
        "jurisdiction": "DE",
        "product": "*",
        "channel": "*",
        "locales_asked": ["en-GB"],
        "version_ids": [str(UUID(int=99)), str(version.version_id)],
        "locales": ["en", shown.locale],
        "text_sha256s": ["cd" * 32, shown.content_sha256.hex()],
        "notice": "By pressing Accept you agree.",
        "button_label": "Accept",
        "shown_at": write_time(AT),
        "expires_at": write_time(AT + timedelta(hours=1)),
    }


def acceptance(
    version: TermsVersion,
    shown: TermsText,
    presented: dict[str, Any],
    personal: Personal = PERSONAL,
    **changes: Any,
) -> dict[str, Any]:
    assert version.version_sha256 is not None
    assert personal.ip is not None
    assert personal.ip_salt is not None
    assert personal.user_agent is not None
    assert personal.user_agent_salt is not None
    return {
        "merchant_id": str(MERCHANT),
        "acceptance_id": str(ACCEPTANCE),
        "buyer_id": "agent-7",
        "buyer_role": "agent",
        "decision": "accept",
        "document_id": str(version.document_id),
        "scope_id": str(version.scope_id),
        "version_id": str(version.version_id),
        "version_sha256": version.version_sha256.hex(),
        "locale": shown.locale,
        "text_sha256": shown.content_sha256.hex(),
        "presentation_id": presented["presentation_id"],
        "presentation_sha256": presentation_sha256(presented).hex(),
        "method": "scroll_click",
        "actor_kind": "delegate",
        "actor_id": "clerk-3",
        "on_behalf_of": "Harbour Shipping",
        "authority": "power of attorney 12",
        "scrolled_to_end": True,
        "dwell_ms": 12_345,
        "page_url": "https://a.example/pay?x=<1>",
        "payment_id": str(UUID(int=8)),
        "ip_hash": salted_hash(personal.ip_salt, personal.ip).hex(),
        "user_agent_hash": salted_hash(personal.user_agent_salt, personal.user_agent).hex(),
        "occurred_at": write_time(AT),
        "recorded_at": write_time(AT),
        **changes,
    }


def seal_of(row: dict[str, Any], *, signer: SigningKey = KEY, others: int = 4) -> RowProof:
    """Seal a row among others, third of them where there are as many."""
    own = leaf_hash("terms", UUID(row["acceptance_id"]), write_json(row))
    leaves = [bytes([number]) * 32 for number in range(others)]
    index = min(2, others)
    leaves.insert(index, own)
    seal = make_seal(
        None,
        leaves,
        merchant_id=MERCHANT,
        chain="terms",
        next_from=NO_ID,
        sealed_at=AT,
        signer=signer,
    )
    return RowProof(seal, index, tuple(inclusion_path(leaves, index)))


def evidence(
    purpose: Purpose = Purpose.REFUND_POLICY,
    *,
    texts: tuple[TermsText, ...] = TEXTS,
    personal: Personal | None = PERSONAL,
    signer: SigningKey = KEY,
    others: int = 4,
    **changes: Any,
) -> Evidence:
    """Return evidence that verifies; ``changes`` are of the acceptance."""
    document, version = published(purpose, texts)
    shown = texts[-1]
    presented = presentation(version, shown)
    row = acceptance(version, shown, presented, **changes)
    return Evidence(
        made_at=AT,
        acceptance=row,
        document=document,
        version=version,
        texts=tuple(replace(one, content="", html="") for one in texts),
        text=shown,
        presentation=presented,
        personal=personal,
        proof=seal_of(row, signer=signer, others=others),
    )
