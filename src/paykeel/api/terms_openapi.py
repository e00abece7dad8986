"""What OpenAPI says of the routes of documents and versions, with an example of each body."""

from __future__ import annotations

from typing import Any

from paykeel.api.describing import Document, answer, operation, path, problems, query
from paykeel.api.queries import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX

AT = "2026-11-23T09:30:00.000000Z"
#: Of the text below, of the page made of it, and of the version.
TEXT_SHA256 = "4a5ed2a4bb9e5bbf33a0f5c0f6e3d4a0d0d7bb7ce2d2d6c4d67d7dd6f1f6c3b1"
_HTML_SHA256 = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
VERSION_SHA256 = "ab" * 32
VERSION_ID = "01a1f3c5-7a41-7d2a-8c4b-5f6e7d8c9b0a"
CONTENT = "# Terms\n\nWho sells here ships within **two days**.\n"
HTML = "<h1>Terms</h1>\n<p>Who sells here ships within <strong>two days</strong>.</p>\n"

CREATES: Document = {
    "a_contract": {
        "key": "seller-terms",
        "purpose": "contract",
        "title": "Terms for sellers",
        "author": "Ada Lindqvist",
    },
    "a_free_consent": {
        "key": "newsletter",
        "purpose": "marketing",
        "title": "Our letter",
        "required": False,
        "author": "Ada Lindqvist",
    },
}
DRAFTS: Document = {
    "the_first": {
        "author": "Ada Lindqvist",
        "version": "1.0.0",
        "texts": {"en": CONTENT},
    },
    "for_agents_in_germany": {
        "author": "Ada Lindqvist",
        "version": "1.0.0",
        "scope": {"buyer_role": "agent", "jurisdiction": "DE"},
        "texts": {"de": "# Bedingungen\n\nVersand binnen zwei Tagen.\n", "en": CONTENT},
        "authoritative": "de",
        "effective_from": "2027-01-01T00:00:00Z",
        "grace_days": 14,
        "reaccept_after_days": 365,
        "summary": "Shipping within two days.",
    },
}
_DOCUMENT: Document = {
    "object": "terms_document",
    "id": "01a1f3c5-7a40-7d2a-8c4b-5f6e7d8c9b0a",
    "key": "seller-terms",
    "purpose": "contract",
    "required": True,
    "title": "Terms for sellers",
    "author": "Ada Lindqvist",
    "created_at": AT,
}
_VERSION: Document = {
    "object": "terms_version",
    "id": VERSION_ID,
    "document_id": _DOCUMENT["id"],
    "scope": {"buyer_role": "*", "jurisdiction": "*", "product": "*", "channel": "*"},
    "version": "1.0.0",
    "change": "major",
    "requires_reacceptance": True,
    "reaccept_after_days": None,
    "effective_from": None,
    "effective_to": None,
    "grace_until": None,
    "summary": "",
    "status": "draft",
    "sha256": None,
    "author": "Ada Lindqvist",
    "created_at": AT,
    "published_by": None,
    "published_at": None,
    "withdrawn_by": None,
    "withdrawn_at": None,
    "withdrawn_because": None,
}
_PUBLISHED: Document = {
    **_VERSION,
    "effective_from": AT,
    "status": "published",
    "sha256": VERSION_SHA256,
    "published_by": "Ben Okafor",
    "published_at": AT,
}
_WITHDRAWN: Document = {
    **_PUBLISHED,
    "status": "withdrawn",
    "withdrawn_by": "Ada Lindqvist",
    "withdrawn_at": AT,
    "withdrawn_because": "The wrong text.",
}
_WHOLE: Document = {
    **_PUBLISHED,
    "document": _DOCUMENT,
    "texts": [
        {
            "locale": "en",
            "is_authoritative": True,
            "content": CONTENT,
            "content_sha256": TEXT_SHA256,
            "html": HTML,
            "html_sha256": _HTML_SHA256,
            "url": f"/v1/terms/texts/{TEXT_SHA256}?version={VERSION_ID}",
        }
    ],
}
PAGED = [
    query("cursor", "`next_cursor` of the page before.", pattern="^[0-9a-f]{32}$"),
    query(
        "limit",
        "How many.",
        type="integer",
        minimum=1,
        maximum=PAGE_ROWS_MAX,
        default=PAGE_ROWS_DEFAULT,
    ),
]
_KEY = path("key", "The document's key.", pattern="^[a-z][a-z0-9_-]{0,59}$")
_VERSION_ID = path("version_id", "The version's id.", format="uuid")


def _good(about: str, model: str, name: str, shown: Any, status: int = 200) -> Document:
    return {str(status): answer(about, model, {name: shown})}


def page(item: Document) -> Document:
    """Return a page with one item."""
    return {"object": "list", "data": [item], "next_cursor": None}


DOCUMENTS = operation(_good("All of them.", "TermsDocuments", "page", page(_DOCUMENT)), [])
CREATE = operation(
    _good("It is added.", "TermsDocument", "document", _DOCUMENT, 201),
    [],
    body=("TermsDocumentRequest", CREATES),
)
DOCUMENT = operation(_good("The document.", "TermsDocument", "document", _DOCUMENT), [_KEY], 404)
VERSIONS = operation(
    _good("A page.", "TermsVersions", "page", page(_PUBLISHED)), [_KEY, *PAGED], 404
)
DRAFT = operation(
    _good("It is saved.", "TermsVersion", "draft", _VERSION),
    [_KEY],
    404,
    body=("TermsDraft", DRAFTS),
)
VERSION = operation(
    _good("The version.", "TermsWholeVersion", "published", _WHOLE), [_VERSION_ID], 404
)
PUBLISH = operation(
    _good("It is published.", "TermsVersion", "published", _PUBLISHED),
    [_VERSION_ID],
    404,
    body=("TermsPublication", {"by_ben": {"author": "Ben Okafor"}}),
)
WITHDRAW_VERSION = operation(
    _good("It is out of force.", "TermsVersion", "withdrawn", _WITHDRAWN),
    [_VERSION_ID],
    404,
    body=(
        "TermsVersionWithdrawal",
        {"by_ada": {"author": "Ada Lindqvist", "because": "The wrong text."}},
    ),
)


def written(media: str, shown: str) -> Document:
    """Return a body that is no JSON."""
    return {media: {"schema": {"type": "string"}, "examples": {"text": {"value": shown}}}}


#: Anybody may ask, so there is neither a key nor a scope that could be wrong.
TEXT: Document = {
    "security": [],
    "parameters": [
        path("sha256", "The SHA-256 of the text, in hexadecimal.", pattern="^[0-9a-f]{64}$"),
        query(
            "version",
            "The id of a version that has this text. Without it, a text that several versions have"
            " is shown alone.",
            format="uuid",
        ),
        query(
            "format",
            "A page, or the Markdown that has this hash.",
            enum=["html", "markdown"],
            default="html",
        ),
        query("download", "`1`: to be saved.", enum=["0", "1"], default="0"),
    ],
    "responses": {
        "200": {
            "description": "The text. With `version` it may be kept for good.",
            "content": {
                **written("text/html", f"<!doctype html>…{HTML}…"),
                **written("text/markdown", CONTENT),
            },
        },
        "304": {"description": "Whoever sent its `ETag` as `If-None-Match` has it already."},
        **problems(400, 404, 422, 429, 500, 503),
    },
}
