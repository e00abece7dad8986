"""A good row of what happened to terms, and what each constraint refuses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.database.ids import AT, MERCHANT, OTHER, Wrong, texts
from tests.database.terms_rows import ACCEPTANCE, VERSION

#: What makes the good event one of a withdrawal, and one of an erasure.
WITHDRAWAL: dict[str, Any] = {
    "kind": "withdrawn",
    "version_sha256": None,
    "because": "It was the wrong file",
}
ERASURE: dict[str, Any] = {
    "kind": "erased",
    "version_id": None,
    "version_sha256": None,
    "acceptance_id": ACCEPTANCE,
}
_HASH = b"h" * 32

EVENT_ROWS: dict[str, dict[str, Any]] = {
    "terms_events": {
        "merchant_id": MERCHANT,
        "event_id": UUID(int=56),
        "kind": "published",
        "version_id": VERSION,
        "version_sha256": _HASH,
        "author": "ann",
        "occurred_at": AT,
    },
}

#: As long as they may be.
EVENT_LIMITS: list[tuple[str, dict[str, Any]]] = [
    ("terms_events", {**WITHDRAWAL, "author": "\u00e9" * 200, "because": "\u00e9" * 500}),
]

EVENT_CONSTRAINTS: dict[str, dict[str, Wrong]] = {
    "terms_events": {
        "terms_events_pkey": [WITHDRAWAL, ERASURE],
        "terms_events_of_versions": [{"event_id": OTHER}],
        "terms_events_merchant_id_fkey": [{"merchant_id": OTHER}],
        "terms_events_merchant_id_version_id_fkey": [{"event_id": OTHER, "version_id": OTHER}],
        "terms_events_merchant_id_acceptance_id_fkey": [
            {**ERASURE, "event_id": OTHER, "acceptance_id": OTHER}
        ],
        "terms_events_kind_check": [{"kind": bad} for bad in ("", "draft")],
        "terms_events_author_check": texts("author", 200),
        "terms_events_because_check": [{**WITHDRAWAL, **bad} for bad in texts("because", 500)],
        "terms_events_version_sha256_check": [
            {"version_sha256": bad} for bad in (b"", _HASH[1:], _HASH + b"h")
        ],
        "terms_events_name_their_row": [
            {"version_id": None},
            {"acceptance_id": ACCEPTANCE},
            {"kind": "erased"},
            {**ERASURE, "version_id": VERSION},
            {**ERASURE, "acceptance_id": None},
            {**ERASURE, "kind": "published"},
        ],
        "terms_publications_have_hashes": [
            {"version_sha256": None},
            {**WITHDRAWAL, "version_sha256": _HASH},
            {**ERASURE, "version_sha256": _HASH},
        ],
        "terms_withdrawals_have_reasons": [
            {**WITHDRAWAL, "because": None},
            {"because": "It was the wrong file"},
            {**ERASURE, "because": "It was asked for"},
        ],
    },
}
#: Tried on their own: a second erasure of the same.
EVENT_ELSEWHERE = {"terms_events_of_personal"}
