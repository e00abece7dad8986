"""Good rows of the tables of terms, and what each constraint refuses."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from tests.database.ids import AT, MERCHANT, OTHER, Wrong, texts

DOCUMENT, SCOPE, VERSION, PRESENTATION, ACCEPTANCE = (UUID(int=number) for number in range(51, 56))
_HASH = b"h" * 32
_CONTENT, _HTML = "# Terms\n", "<h1>Terms</h1>\n"

#: What publishing and withdrawing add to a draft.
PUBLISHED: dict[str, Any] = {
    "status": "published",
    "version_sha256": _HASH,
    "effective_from": AT,
    "published_by": "ann",
    "published_at": AT,
}
WITHDRAWAL: dict[str, Any] = {
    "status": "withdrawn",
    "withdrawn_by": "ben",
    "withdrawn_at": AT,
    "withdrawn_because": "It was the wrong file",
}
WITHDRAWN = {**PUBLISHED, **WITHDRAWAL}
#: What makes the good acceptance an imported one.
IMPORTED: dict[str, Any] = {
    "presentation_id": None,
    "presentation_sha256": None,
    "method": "import",
    "imported_from": "shop",
}


def _hashed(name: str, text: str) -> dict[str, Any]:
    return {name: text, f"{name}_sha256": sha256(text.encode()).digest()}


def _shown(count: int) -> dict[str, Any]:
    """What was shown, when it was so many texts."""
    return {
        "version_ids": [VERSION] * count,
        "locales": ["de"] * count,
        "text_sha256s": [_HASH] * count,
    }


#: In the order of their foreign keys. The version is a draft, which alone can be given a text.
TERMS_ROWS: dict[str, dict[str, Any]] = {
    "terms_documents": {
        "merchant_id": MERCHANT,
        "document_id": DOCUMENT,
        "key": "terms",
        "purpose": "contract",
        "required": True,
        "title": "Terms",
        "author": "ann",
        "created_at": AT,
    },
    "terms_scopes": {
        "merchant_id": MERCHANT,
        "scope_id": SCOPE,
        "document_id": DOCUMENT,
        "buyer_role": "*",
        "jurisdiction": "DE-BY",
        "product": "*",
        "channel": "*",
        "created_at": AT,
    },
    "terms_versions": {
        "merchant_id": MERCHANT,
        "version_id": VERSION,
        "document_id": DOCUMENT,
        "scope_id": SCOPE,
        "version": "1.0.0",
        "change": "major",
        "requires_reacceptance": True,
        "status": "draft",
        "author": "ann",
        "created_at": AT,
    },
    "terms_texts": {
        "merchant_id": MERCHANT,
        "version_id": VERSION,
        "locale": "de",
        **_hashed("content", _CONTENT),
        **_hashed("html", _HTML),
        "is_authoritative": True,
        "created_at": AT,
    },
    "terms_presentations": {
        "merchant_id": MERCHANT,
        "presentation_id": PRESENTATION,
        "nonce_sha256": _HASH,
        "buyer_id": "agent-7",
        "buyer_role": "agent",
        "jurisdiction": "DE-BY",
        "product": "purchase",
        "channel": "*",
        "locales_asked": ["de-AT", "de"],
        **_shown(1),
        "notice": "With a click on Accept the terms are agreed to.",
        "button_label": "Accept",
        "shown_at": AT,
        "expires_at": AT + timedelta(hours=1),
    },
    "terms_acceptance": {
        "merchant_id": MERCHANT,
        "acceptance_id": ACCEPTANCE,
        "buyer_id": "agent-7",
        "buyer_role": "agent",
        "decision": "accept",
        "document_id": DOCUMENT,
        "scope_id": SCOPE,
        "version_id": VERSION,
        "version_sha256": _HASH,
        "locale": "de",
        "text_sha256": _HASH,
        "presentation_id": PRESENTATION,
        "presentation_sha256": _HASH,
        "method": "button_click",
        "actor_kind": "human",
        "occurred_at": AT,
        "recorded_at": AT,
    },
    "terms_personal": {
        "merchant_id": MERCHANT,
        "acceptance_id": ACCEPTANCE,
        "ip": "192.0.2.7",
        "ip_salt": b"s" * 32,
        "user_agent": "Mozilla/5.0",
        "user_agent_salt": b"t" * 32,
    },
}

#: As long, and as many, as they may be.
TERMS_LIMITS: list[tuple[str, dict[str, Any]]] = [
    ("terms_documents", {"key": "x" * 60, "title": "\u00e9" * 200, "author": "\u00e9" * 200}),
    ("terms_scopes", {"jurisdiction": "GB-ENG", "product": "x" * 40, "channel": "x" * 40}),
    (
        "terms_versions",
        {
            "version": "999999.0.999999",
            "reaccept_after_days": 3_650,
            "effective_to": AT + timedelta(microseconds=1),
            "grace_until": AT,
            "effective_from": AT,
            "summary": "\u00e9" * 2_000,
            "author": "\u00e9" * 200,
        },
    ),
    (
        "terms_texts",
        {
            "locale": "abc-12345678-12345678-12345678-12345678",
            **_hashed("content", "\u00e9" * 131_072),
            **_hashed("html", "\u00e9" * 524_288),
        },
    ),
    (
        "terms_presentations",
        {
            **_shown(50),
            "buyer_id": "\u00e9" * 128,
            "locales_asked": ["de"] * 20,
            "notice": "\u00e9" * 1_000,
            "button_label": "\u00e9" * 100,
            "component": "\u00e9" * 100,
        },
    ),
    (
        "terms_acceptance",
        {
            "buyer_id": "\u00e9" * 128,
            "locale": "x" * 50,
            "actor_kind": "electronic_agent",
            "actor_id": "\u00e9" * 128,
            "on_behalf_of": "\u00e9" * 200,
            "authority": "\u00e9" * 500,
            "dwell_ms": 86_400_000,
            "client_locale": "x" * 50,
            "time_zone": "x" * 64,
            "page_url": "x" * 2_000,
            "request_id": "x" * 100,
        },
    ),
    ("terms_personal", {"ip": "f" * 45, "user_agent": "\u00e9" * 1_000}),
    (
        "terms_versions",
        {
            **WITHDRAWN,
            "version_id": OTHER,
            "version": "0.0.0",
            "published_by": "\u00e9" * 200,
            "withdrawn_by": "\u00e9" * 200,
            "withdrawn_because": "\u00e9" * 500,
        },
    ),
]


def _hashes(name: str, **others: Any) -> Wrong:
    return [{**others, name: b"h" * size} for size in (0, 31, 33)]


def _names(name: str) -> Wrong:
    wrong = ("", "A", "1a", "a-b", "x" * 41, "**", "a*", "a\n")
    return [{name: bad} for bad in wrong]


def _each(name: str, *wrong: Any) -> Wrong:
    return [{name: bad} for bad in wrong]


def _besides(others: dict[str, Any], wrong: Wrong) -> Wrong:
    return [{**others, **bad} for bad in wrong]


TERMS_CONSTRAINTS: dict[str, dict[str, Wrong]] = {
    "terms_documents": {
        "terms_documents_pkey": [{"key": "another"}],
        "terms_documents_have_keys": [{"document_id": OTHER}],
        "terms_documents_merchant_id_fkey": [{"merchant_id": OTHER}],
        "terms_documents_key_check": _each("key", "", "A", "1a", "a b", "x" * 61, "a\n"),
        "terms_documents_purpose_check": _each("purpose", "", "terms"),
        "terms_documents_title_check": texts("title", 200),
        "terms_documents_author_check": texts("author", 200),
        "marketing_is_never_required": [{"purpose": "marketing"}],
    },
    "terms_scopes": {
        "terms_scopes_pkey": [{"channel": "web"}],
        "terms_scopes_are_one_each": [{"scope_id": OTHER}],
        "terms_scopes_merchant_id_document_id_fkey": [{"scope_id": OTHER, "document_id": OTHER}],
        "terms_scopes_buyer_role_check": _each("buyer_role", "", "guest", "unknown", "**"),
        "terms_scopes_jurisdiction_check": _each(
            "jurisdiction", "", "de", "D", "DEU", "DE-", "DE-by", "DE-BAYE", "DE-BY-M", "**", "DE\n"
        ),
        "terms_scopes_product_check": _names("product"),
        "terms_scopes_channel_check": _names("channel"),
    },
    "terms_versions": {
        "terms_versions_pkey": [{"version": "2.0.0"}],
        "terms_versions_are_one_each": [{"version_id": OTHER}],
        "terms_versions_merchant_id_document_id_fkey": [
            {"version_id": OTHER, "version": "2.0.0", "document_id": OTHER}
        ],
        "terms_versions_merchant_id_scope_id_fkey": [{"version_id": OTHER, "scope_id": OTHER}],
        "terms_versions_version_check": _each(
            "version", "", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.00", "1.0.0-rc", "v1.0.0",
            "1000000.0.0", "1.0.0\n", "-1.0.0",
        ),
        "terms_versions_change_check": _each("change", "", "patch"),
        "terms_versions_reaccept_after_days_check": _each("reaccept_after_days", 0, -1, 3_651),
        "terms_versions_check": [{"effective_from": AT, "effective_to": AT}],
        "terms_versions_check1": [
            {"effective_from": AT, "grace_until": AT - timedelta(microseconds=1)}
        ],
        "terms_versions_check2": [
            {"grace_days": 3, **bad} for bad in ({"grace_until": AT}, PUBLISHED, WITHDRAWN)
        ],
        "terms_versions_grace_days_check": _each("grace_days", -1, 3_651),
        "terms_versions_summary_check": texts("summary", 2_000, least=0),
        "terms_versions_status_check": [{**PUBLISHED, "status": bad} for bad in ("", "live")],
        "terms_versions_version_sha256_check": _hashes("version_sha256", **{
            name: value for name, value in PUBLISHED.items() if name != "version_sha256"
        }),
        "terms_versions_author_check": texts("author", 200),
        "terms_versions_published_by_check": _besides(PUBLISHED, texts("published_by", 200)),
        "terms_versions_withdrawn_by_check": _besides(WITHDRAWN, texts("withdrawn_by", 200)),
        "terms_versions_withdrawn_because_check": _besides(
            WITHDRAWN, texts("withdrawn_because", 500)
        ),
        "terms_published_is_complete": [
            *({**PUBLISHED, name: None} for name in PUBLISHED if name != "status"),
            *({name: PUBLISHED[name]} for name in PUBLISHED if name != "effective_from"),
            {**PUBLISHED, "status": "draft"},
            WITHDRAWAL,
        ],
        "terms_withdrawn_is_complete": [
            *({**WITHDRAWN, name: None} for name in WITHDRAWAL if name != "status"),
            *({**PUBLISHED, name: WITHDRAWAL[name]} for name in WITHDRAWAL),
            *({name: WITHDRAWAL[name]} for name in WITHDRAWAL if name != "status"),
            {**WITHDRAWN, "status": "published"},
        ],
    },
    "terms_texts": {
        "terms_texts_pkey": [{"is_authoritative": False}],
        "terms_texts_have_one_authority": [{"locale": "en"}],
        "terms_texts_locale_check": _each(
            "locale", "", "d", "german", "de_DE", "de-", f"de-{'x' * 9}", "de-a-b-c-d-e", "de\n"
        ),
        "terms_texts_content_check": [
            _hashed("content", bad) for bad in ("", "x" * 262_145, "\u00e9" * 131_073)
        ],
        "terms_texts_html_check": [
            _hashed("html", bad) for bad in ("", "x" * 1_048_577, "\u00e9" * 524_289)
        ],
        "terms_texts_check": [{"content_sha256": _HASH}, {"content": "# Terms"}],
        "terms_texts_check1": [{"html_sha256": _HASH}, {"html": "<h1>Terms</h1>"}],
    },
    "terms_presentations": {
        "terms_presentations_pkey": [{"nonce_sha256": b"n" * 32}],
        "terms_nonces_are_one_each": [{"presentation_id": OTHER}],
        "terms_presentations_merchant_id_fkey": [
            {"merchant_id": OTHER, "nonce_sha256": b"n" * 32}
        ],
        "terms_presentations_nonce_sha256_check": _hashes("nonce_sha256"),
        "terms_presentations_buyer_id_check": texts("buyer_id", 128),
        "terms_presentations_buyer_role_check": _each("buyer_role", "", "*", "unknown"),
        "terms_presentations_jurisdiction_check": texts("jurisdiction", 6),
        "terms_presentations_product_check": texts("product", 40),
        "terms_presentations_channel_check": texts("channel", 40),
        "terms_presentations_locales_asked_check": [{"locales_asked": ["de"] * 21}],
        "terms_presentations_version_ids_check": [_shown(0), _shown(51)],
        "terms_presentations_check": _each("locales", [], ["de", "en"]),
        "terms_presentations_check1": _each("text_sha256s", [], [_HASH] * 2),
        "terms_presentations_check2": _each("expires_at", AT, AT - timedelta(seconds=1)),
        "terms_presentations_notice_check": texts("notice", 1_000),
        "terms_presentations_button_label_check": texts("button_label", 100),
        "terms_presentations_component_check": texts("component", 100),
    },
    "terms_acceptance": {
        "terms_acceptance_pkey": [IMPORTED],
        "terms_acceptance_once": [{"acceptance_id": OTHER}],
        "terms_acceptance_merchant_id_fkey": [{"merchant_id": OTHER}],
        "terms_acceptance_merchant_id_version_id_fkey": [
            {"acceptance_id": OTHER, "version_id": OTHER}
        ],
        "terms_acceptance_merchant_id_presentation_id_fkey": [
            {"acceptance_id": OTHER, "presentation_id": OTHER}
        ],
        "terms_acceptance_buyer_id_check": texts("buyer_id", 128),
        "terms_acceptance_buyer_role_check": _each("buyer_role", "", "*", "guest"),
        "terms_acceptance_decision_check": _each("decision", "", "maybe"),
        "terms_acceptance_version_sha256_check": _hashes("version_sha256"),
        "terms_acceptance_locale_check": _each("locale", "d", "x" * 51),
        "terms_acceptance_text_sha256_check": _hashes("text_sha256"),
        "terms_acceptance_presentation_sha256_check": _hashes("presentation_sha256"),
        "terms_acceptance_method_check": _each("method", "", "silence"),
        "terms_acceptance_actor_kind_check": [
            {"actor_kind": bad, "actor_id": "bot-1", "authority": "mandate 7"}
            for bad in ("", "robot")
        ],
        "terms_acceptance_actor_id_check": texts("actor_id", 128),
        "terms_acceptance_on_behalf_of_check": texts("on_behalf_of", 200),
        "terms_acceptance_authority_check": texts("authority", 500),
        "terms_acceptance_dwell_ms_check": _each("dwell_ms", -1, 86_400_001),
        "terms_acceptance_client_locale_check": texts("client_locale", 50),
        "terms_acceptance_time_zone_check": texts("time_zone", 64),
        "terms_acceptance_page_url_check": texts("page_url", 2_000),
        "terms_acceptance_request_id_check": texts("request_id", 100),
        "terms_acceptance_ip_hash_check": _hashes("ip_hash"),
        "terms_acceptance_user_agent_hash_check": _hashes("user_agent_hash"),
        "terms_acceptance_imported_from_check": _besides(IMPORTED, texts("imported_from", 200)),
        "terms_acceptance_imported_ref_check": _besides(IMPORTED, texts("imported_ref", 200)),
        "terms_acceptance_check": [
            {"imported_from": "shop"},
            {"method": "import"},
            {**IMPORTED, "imported_from": None},
        ],
        "terms_acceptance_check1": [{"presentation_sha256": None}, {"presentation_id": None}],
        "terms_acceptance_check2": [
            {"presentation_id": None, "presentation_sha256": None, "decision": decision}
            for decision in ("accept", "decline")
        ],
        "terms_acceptance_check3": [
            {"actor_kind": kind, **lacking}
            for kind in ("delegate", "electronic_agent")
            for lacking in ({}, {"actor_id": "bot-1"}, {"authority": "mandate 7"})
        ],
    },
    "terms_personal": {
        "terms_personal_pkey": [{}],
        "terms_personal_merchant_id_acceptance_id_fkey": [{"acceptance_id": OTHER}],
        "terms_personal_ip_check": _each("ip", "", ":", "f" * 46),
        "terms_personal_ip_salt_check": _hashes("ip_salt"),
        "terms_personal_user_agent_check": texts("user_agent", 1_000),
        "terms_personal_user_agent_salt_check": _hashes("user_agent_salt"),
        "terms_personal_erased_by_check": texts("erased_by", 200),
        "terms_personal_check": [
            {
                "erased_at": AT,
                **dict.fromkeys(("ip", "ip_salt", "user_agent", "user_agent_salt")),
                left: TERMS_ROWS["terms_personal"][left],
            }
            for left in ("ip", "ip_salt", "user_agent", "user_agent_salt")
        ],
    },
}  # fmt: skip
#: Tried on their own: a second import, and a text of no version, which its trigger refuses first.
TERMS_ELSEWHERE = {"terms_imports_once", "terms_texts_merchant_id_version_id_fkey"}
