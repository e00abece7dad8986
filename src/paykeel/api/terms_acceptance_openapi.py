"""What OpenAPI says of the routes of acceptances, with an example of each body."""

from __future__ import annotations

from paykeel.api.describing import Document, answer, content, operation, path, query
from paykeel.api.terms_openapi import (
    AT,
    HTML,
    PAGED,
    TEXT_SHA256,
    VERSION_ID,
    VERSION_SHA256,
    page,
    written,
)
from paykeel.payments.model import BUYER_ID_CHARACTERS_MAX, KIND

_NONCE = "Zq0x8Yp3v5s7w9zCFJMbQeThWmZq4t7wzCJNcRfUjXk"
_ID = "01a1f3c5-7a50-7d2a-8c4b-5f6e7d8c9b0a"
_PRESENTATION_ID = "01a1f3c5-7a51-7d2a-8c4b-5f6e7d8c9b0a"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/145.0"
_ABOUT: Document = {
    "document": "seller-terms",
    "purpose": "contract",
    "title": "Terms for sellers",
    "version": "1.0.0",
    "version_id": VERSION_ID,
}
_URL = f"/v1/terms/texts/{TEXT_SHA256}?version={VERSION_ID}"

PRESENTS: Document = {
    "what_is_missing": {
        "buyer": {"id": "agent-7", "role": "agent", "jurisdiction": "DE"},
        "locales": ["de-AT", "en"],
        "component": "checkout 4.2",
    },
    "a_document": {
        "buyer": {"id": "agent-7", "role": "agent"},
        "accept_language": "de-AT, en;q=0.5",
        "documents": ["seller-terms"],
    },
}
DECIDES: Document = {
    "in_person": {
        "nonce": _NONCE,
        "buyer": {"id": "agent-7"},
        "decision": "accept",
        "method": "scroll_click",
        "scrolled_to_end": True,
        "dwell_ms": 42_000,
        "client": {
            "ip": "203.0.113.9",
            "user_agent": _AGENT,
            "locale": "de-AT",
            "time_zone": "Europe/Vienna",
            "page_url": "https://shop.example/checkout",
            "at": "2026-11-23T10:30:00+01:00",
        },
        "request_id": "checkout-7f3a",
    },
    "by_a_program": {
        "nonce": _NONCE,
        "buyer": {"id": "agent-7"},
        "decision": "accept",
        "method": "api",
        "actor": {
            "kind": "electronic_agent",
            "id": "buying-agent-3",
            "on_behalf_of": "Harbour Foods Ltd",
            "authority": "Mandate 2026-118",
        },
    },
}
WITHDRAWALS: Document = {
    "in_person": {
        "buyer": {"id": "agent-7"},
        "document": "seller-terms",
        "method": "button_click",
        "client": {"ip": "203.0.113.9"},
    }
}
ERASURES: Document = {
    "a_subject": {"author": "Ada Lindqvist", "buyer_id": "agent-7"},
    "all_before": {"author": "Ada Lindqvist", "before": "2024-11-23T00:00:00Z"},
}
_PRESENTATION: Document = {
    "object": "terms_presentation",
    "id": _PRESENTATION_ID,
    "nonce": _NONCE,
    "buyer": {"id": "agent-7", "role": "agent"},
    "locale": "en",
    "notice": "By clicking “Accept” you agree to the terms shown here.",
    "button_label": "Accept",
    "decline_label": "Decline",
    "items": [
        {
            **_ABOUT,
            "summary": "",
            "reason": "missing",
            "locale": "en",
            "fell_back": True,
            "html": HTML,
            "content_sha256": TEXT_SHA256,
            "url": _URL,
        }
    ],
    "shown_at": AT,
    "expires_at": "2026-11-23T10:30:00.000000Z",
}
_ACCEPTANCE: Document = {
    "object": "terms_acceptance",
    "id": _ID,
    "buyer": {"id": "agent-7", "role": "agent"},
    "decision": "accept",
    **_ABOUT,
    "version_sha256": VERSION_SHA256,
    "locale": "en",
    "text_sha256": TEXT_SHA256,
    "url": _URL,
    "presentation_id": _PRESENTATION_ID,
    "presentation_sha256": "cd" * 32,
    "method": "scroll_click",
    "actor": {"kind": "human", "id": None, "on_behalf_of": None, "authority": None},
    "scrolled_to_end": True,
    "dwell_ms": 42_000,
    "client": {
        "ip": "203.0.113.9",
        "ip_hash": "ef" * 32,
        "user_agent": _AGENT,
        "user_agent_hash": "fe" * 32,
        "erased_at": None,
        "locale": "de-AT",
        "time_zone": "Europe/Vienna",
        "page_url": "https://shop.example/checkout",
        "at": AT,
    },
    "request_id": "checkout-7f3a",
    "payment_id": None,
    "imported_from": None,
    "imported_ref": None,
    "occurred_at": AT,
    "recorded_at": AT,
}
_STATUS: Document = {
    "object": "terms_status",
    "buyer_id": "agent-7",
    "context": {
        "buyer_role": "agent",
        "jurisdiction": "DE",
        "product": "purchase",
        "channel": "*",
    },
    "may_purchase": True,
    "data": [
        {
            **_ABOUT,
            "required": True,
            "state": "accepted",
            "acceptance_id": _ID,
            "accepted_at": AT,
            "until": None,
        }
    ],
}
_EVIDENCE: Document = {
    "form": "paykeel-terms-evidence/1",
    "made_at": AT,
    "acceptance": {"acceptance_id": _ID, "buyer_id": "agent-7", "decision": "accept"},
    "document": {"key": "seller-terms", "title": "Terms for sellers"},
    "version": {"version": "1.0.0", "version_sha256": VERSION_SHA256},
    "text": {"locale": "en", "content_sha256": TEXT_SHA256, "html": HTML},
    "presentation": {"presentation_id": _PRESENTATION_ID, "button_label": "Accept"},
    "personal": {"ip": "203.0.113.9", "ip_salt": "01" * 32},
    "seal": {"chain": "terms", "index": 0, "count": 1, "path": []},
    "told": {"status": "published"},
    "stripe": {"customer_purchase_ip": "203.0.113.9"},
}
_BUYER_ID = query("buyer_id", "Whose; needed.", minLength=1, maxLength=BUYER_ID_CHARACTERS_MAX)
_CONTEXT = [
    {**_BUYER_ID, "required": True},
    {
        **query("buyer_role", "In which role; needed.", enum=["agent", "operator"]),
        "required": True,
    },
    query("jurisdiction", "Where, as ISO 3166 says: `DE`, or `DE-BY`. Left out: not told."),
    query("product", "The `kind` of the purchase.", default=KIND),
    query("channel", "Left out: not told."),
]
_ACCEPTANCE_ID = path("acceptance_id", "The acceptance's id.", format="uuid")
_SAID: Document = {"in_person": page(_ACCEPTANCE)}
_WITHDRAWN: Document = {
    **_ACCEPTANCE,
    "decision": "withdraw",
    "method": "button_click",
    "presentation_id": None,
    "presentation_sha256": None,
}

PRESENT = operation(
    {"201": answer("Show this.", "TermsPresentation", {"what_is_missing": _PRESENTATION})},
    [],
    404,
    body=("TermsPresentationRequest", PRESENTS),
)
DECIDE = operation(
    {
        "201": answer("It is recorded.", "TermsAcceptances", _SAID),
        "200": answer(
            "It was recorded before, with the same nonce.",
            "TermsAcceptances",
            _SAID,
            Idempotent_Replayed="`true`.",
        ),
    },
    [],
    404,
    body=("TermsAcceptanceRequest", DECIDES),
)
WITHDRAW = operation(
    {"201": answer("It is recorded.", "TermsAcceptances", {"in_person": page(_WITHDRAWN)})},
    [],
    404,
    body=("TermsWithdrawalRequest", WITHDRAWALS),
)
STATUS = operation({"200": answer("Where it stands.", "TermsStatus", {"agent": _STATUS})}, _CONTEXT)
HISTORY = operation(
    {"200": answer("A page.", "TermsAcceptances", {"page": page(_ACCEPTANCE)})},
    [{**_BUYER_ID, "required": True}, *PAGED],
)
ACCEPTANCE = operation(
    {"200": answer("What was said.", "TermsAcceptance", {"in_person": _ACCEPTANCE})},
    [_ACCEPTANCE_ID],
    404,
)
EVIDENCE = operation(
    {
        "200": {
            "description": "Everything that proves it. It is sealed now, if it was not before.",
            "content": {
                **content("TermsEvidence", {"bundle": _EVIDENCE}),
                **written("text/html", "<!doctype html>…"),
            },
        }
    },
    [
        _ACCEPTANCE_ID,
        query(
            "format",
            "Left out: as `Accept` says, else `json`.",
            enum=["json", "html"],
        ),
    ],
    404,
    409,
)
ERASE = operation(
    {
        "200": answer(
            "They are erased.", "TermsErasure", {"two": {"object": "terms_erasure", "erased": 2}}
        )
    },
    [],
    404,
    body=("TermsErasureRequest", ERASURES),
)
