"""Terms as JSON-ready values: documents, versions, presentations and what was said. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.sealing.canonical import write_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from paykeel.terms.acceptance import Acceptance, Asked, Item, Presentation, Standing
    from paykeel.terms.model import TermsDocument, TermsScope, TermsText, TermsVersion

#: Where anybody reads a published text.
TEXTS_PATH = "/v1/terms/texts"


def text_address(content_sha256: bytes, version_id: UUID) -> str:
    """Return where a published text can be read without a key, relative to the server.

    It names the version: others may have the very same text.

    >>> from uuid import UUID
    >>> text_address(bytes(2), UUID(int=0))
    '/v1/terms/texts/0000?version=00000000-0000-0000-0000-000000000000'
    """
    return f"{TEXTS_PATH}/{content_sha256.hex()}?version={version_id}"


def document_values(document: TermsDocument) -> dict[str, Any]:
    """Return a document."""
    return {
        "object": "terms_document",
        "id": str(document.document_id),
        "key": document.key,
        "purpose": str(document.purpose),
        "required": document.required,
        "title": document.title,
        "author": document.author,
        "created_at": write_time(document.created_at),
    }


def scope_values(scope: TermsScope) -> dict[str, str]:
    """Return a scope."""
    return {
        "buyer_role": scope.buyer_role,
        "jurisdiction": scope.jurisdiction,
        "product": scope.product,
        "channel": scope.channel,
    }


def version_values(version: TermsVersion) -> dict[str, Any]:
    """Return a version without its texts."""
    return {
        "object": "terms_version",
        "id": str(version.version_id),
        "document_id": str(version.document_id),
        "scope": scope_values(version.scope),
        "version": version.version,
        "change": version.change,
        "requires_reacceptance": version.requires_reacceptance,
        "reaccept_after_days": version.reaccept_after_days,
        "effective_from": _time(version.effective_from),
        "effective_to": _time(version.effective_to),
        "grace_until": _time(version.grace_until),
        "summary": version.summary,
        "status": str(version.status),
        "sha256": _hex(version.version_sha256),
        "author": version.author,
        "created_at": write_time(version.created_at),
        "published_by": version.published_by,
        "published_at": _time(version.published_at),
        "withdrawn_by": version.withdrawn_by,
        "withdrawn_at": _time(version.withdrawn_at),
        "withdrawn_because": version.withdrawn_because,
    }


def whole_version_values(
    version: TermsVersion, document: TermsDocument, texts: Sequence[TermsText]
) -> dict[str, Any]:
    """Return a version with its document and its texts."""
    public = version.version_id if version.published_at is not None else None
    return {
        **version_values(version),
        "document": document_values(document),
        "texts": [_text_values(text, public) for text in texts],
    }


def _text_values(text: TermsText, public: UUID | None) -> dict[str, Any]:
    return {
        "locale": text.locale,
        "is_authoritative": text.is_authoritative,
        "content": text.content,
        "content_sha256": text.content_sha256.hex(),
        "html": text.html,
        "html_sha256": text.html_sha256.hex(),
        "url": public and text_address(text.content_sha256, public),
    }


def presentation_values(presentation: Presentation, asked: Asked) -> dict[str, Any]:
    """Return what is shown to a subject, with the nonce by which it answers."""
    return {
        "object": "terms_presentation",
        "id": str(presentation.presentation_id),
        "nonce": presentation.nonce,
        "buyer": {"id": asked.buyer_id, "role": asked.buyer_role},
        "locale": presentation.notice_locale,
        "notice": presentation.notice,
        "button_label": presentation.button_label,
        "decline_label": presentation.decline_label,
        "items": [_item_values(item) for item in presentation.items],
        "shown_at": write_time(presentation.shown_at),
        "expires_at": write_time(presentation.expires_at),
    }


def _item_values(item: Item) -> dict[str, Any]:
    return {
        **_about(item.document, item.version),
        "summary": item.version.summary,
        "reason": str(item.reason),
        "locale": item.locale,
        "fell_back": item.fell_back,
        "html": item.html,
        "content_sha256": item.content_sha256.hex(),
        "url": text_address(item.content_sha256, item.version.version_id),
    }


def standing_values(standing: Standing) -> dict[str, Any]:
    """Return where a subject stands with one document."""
    requirement = standing.requirement
    accepted_at, until = standing.accepted_at, standing.until
    return {
        **_about(requirement.document, requirement.current),
        "required": requirement.document.required,
        "state": str(standing.state),
        "acceptance_id": standing.acceptance_id and str(standing.acceptance_id),
        "accepted_at": _time(accepted_at),
        "until": _time(until),
    }


def acceptance_values(acceptance: Acceptance) -> dict[str, Any]:
    """Return one thing that a subject said, with the circumstances."""
    payment_id, presentation_id = acceptance.payment_id, acceptance.presentation_id
    return {
        "object": "terms_acceptance",
        "id": str(acceptance.acceptance_id),
        "buyer": {"id": acceptance.buyer_id, "role": acceptance.buyer_role},
        "decision": str(acceptance.decision),
        "document": acceptance.document_key,
        "purpose": str(acceptance.purpose),
        "title": acceptance.document_title,
        "version": acceptance.version,
        "version_id": str(acceptance.version_id),
        "version_sha256": acceptance.version_sha256.hex(),
        "locale": acceptance.locale,
        "text_sha256": acceptance.text_sha256.hex(),
        "url": text_address(acceptance.text_sha256, acceptance.version_id),
        "presentation_id": presentation_id and str(presentation_id),
        "presentation_sha256": _hex(acceptance.presentation_sha256),
        "method": str(acceptance.method),
        "actor": {
            "kind": str(acceptance.actor_kind),
            "id": acceptance.actor_id,
            "on_behalf_of": acceptance.on_behalf_of,
            "authority": acceptance.authority,
        },
        "scrolled_to_end": acceptance.scrolled_to_end,
        "dwell_ms": acceptance.dwell_ms,
        "client": {
            "ip": acceptance.ip,
            "ip_hash": _hex(acceptance.ip_hash),
            "user_agent": acceptance.user_agent,
            "user_agent_hash": _hex(acceptance.user_agent_hash),
            "erased_at": _time(acceptance.erased_at),
            "locale": acceptance.client_locale,
            "time_zone": acceptance.time_zone,
            "page_url": acceptance.page_url,
            "at": _time(acceptance.client_at),
        },
        "request_id": acceptance.request_id,
        "payment_id": payment_id and str(payment_id),
        "imported_from": acceptance.imported_from,
        "imported_ref": acceptance.imported_ref,
        "occurred_at": write_time(acceptance.occurred_at),
        "recorded_at": write_time(acceptance.recorded_at),
    }


def _about(document: TermsDocument, version: TermsVersion) -> dict[str, Any]:
    return {
        "document": document.key,
        "purpose": str(document.purpose),
        "title": document.title,
        "version": version.version,
        "version_id": str(version.version_id),
    }


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else write_time(instant)


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()
