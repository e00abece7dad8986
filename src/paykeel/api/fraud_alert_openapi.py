"""What OpenAPI says of the routes of alerts and explanations, with an example of each document."""

from __future__ import annotations

from paykeel.api.describing import (
    ANYWHERE,
    BODIES,
    Document,
    answer,
    content,
    parameter,
    problems,
    query,
)
from paykeel.api.queries import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from paykeel.fraud.alerts import STATUSES

_OPEN: Document = {
    "object": "fraud_alert",
    "id": "01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0a",
    "kind": "card_testing",
    "reason": "card_declines",
    "status": "open",
    "count": 17,
    "first_at": "2026-11-23T09:30:00.000000Z",
    "last_at": "2026-11-23T09:33:20.000000Z",
    "facts": {
        "window_ms": 600000,
        "count_min": 5,
        "newest": ["01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0b"],
    },
    "acknowledged_by": None,
    "acknowledged_at": None,
}
_SEEN: Document = {
    **_OPEN,
    "status": "acknowledged",
    "acknowledged_by": "ann",
    "acknowledged_at": "2026-11-23T09:40:00.000000Z",
}
_DECISION: Document = {
    "object": "fraud_decision",
    "id": "01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0c",
    "payment_id": "01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0b",
    "decision": "block",
    "score": 60,
    "reasons": ["buyer_rate"],
    "rules": [
        {
            "rule": "buyer_rate",
            "version": 0,
            "mode": "live",
            "action": "block",
            "score": 60,
            "outcome": "matched",
        }
    ],
    "facts": {"payment.amount": 1250, "velocity.buyer_attempts_1h": 10},
    "shadow": None,
    "model": None,
    "ruleset": "default",
    "ruleset_version": 0,
    "ruleset_sha256": "ab" * 32,
    "engine": "cel-expr-python 0.1.3",
    "took_us": 160,
    "created_at": "2026-11-23T09:30:00.000000Z",
}


def _path(name: str, about: str) -> Document:
    return parameter(name, "path", about, {"type": "string", "format": "uuid"}, required=True)


def _get(answers: Document, parameters: list[Document], *statuses: int) -> Document:
    return {
        "security": [{"api_key": []}],
        "parameters": parameters,
        "responses": {**answers, **problems(*ANYWHERE, *statuses)},
    }


ALERTS = _get(
    {
        "200": answer(
            "A page.",
            "FraudAlertList",
            {"page": {"object": "list", "data": [_OPEN], "next_cursor": None}},
        )
    },
    [
        query("status", "Only these; all when left out.", enum=list(STATUSES)),
        query("cursor", "`next_cursor` of the page before."),
        query(
            "limit",
            "How many.",
            type="integer",
            minimum=1,
            maximum=PAGE_ROWS_MAX,
            default=PAGE_ROWS_DEFAULT,
        ),
    ],
)
ACKNOWLEDGE: Document = {
    **_get(
        {"200": answer("It is acknowledged.", "FraudAlert", {"acknowledged": _SEEN})},
        [_path("alert_id", "The alert's id.")],
        404,
        *BODIES,
    ),
    "requestBody": {
        "required": True,
        "content": content("FraudAcknowledgement", {"by_ann": {"author": "ann"}}),
    },
}
EXPLAIN = _get(
    {"200": answer("What was decided.", "FraudDecision", {"blocked": _DECISION})},
    [_path("payment_id", "The payment's id.")],
    404,
)
