"""What OpenAPI says of the routes of labels, with an example of each document."""

from __future__ import annotations

from paykeel.api.describing import (
    ANYWHERE,
    BODIES,
    Document,
    answer,
    content,
    parameter,
    problems,
)

_LABEL: Document = {
    "object": "fraud_label",
    "id": "5f0c6a52-8f7e-4f5e-9f0a-6f1f0d6f4b1c",
    "payment_id": "01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0a",
    "label": "fraud",
    "source": "chargeback",
    "known_at": "2026-11-23T09:30:00Z",
    "created_by": "ann",
    "created_at": "2026-11-23T09:31:00Z",
}
LABELLED: Document = {
    "a_chargeback": {
        "label": "fraud",
        "source": "chargeback",
        "known_at": "2026-11-23T09:30:00Z",
        "author": "ann",
    }
}
_PAYMENT_ID = parameter(
    "payment_id", "path", "The payment's id.", {"type": "string", "format": "uuid"}, required=True
)


def _operation(answers: Document, *statuses: int) -> Document:
    return {
        "security": [{"api_key": []}],
        "parameters": [_PAYMENT_ID],
        "responses": {**answers, **problems(*ANYWHERE, 404, *statuses)},
    }


ADD: Document = {
    **_operation(
        {
            "201": answer("It is added.", "FraudLabel", {"label": _LABEL}),
            "200": answer("It was there already.", "FraudLabel", {"label": _LABEL}),
        },
        *BODIES,
    ),
    "requestBody": {"required": True, "content": content("FraudLabelRequest", LABELLED)},
}
LABELS = _operation(
    {"200": answer("All of them.", "FraudLabels", {"labels": {"object": "list", "data": [_LABEL]}})}
)
