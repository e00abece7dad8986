"""What OpenAPI says of the routes of alerts on metrics, with an example of each document."""

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
from paykeel.metrics.alerts import STATUSES

_OPEN: Document = {
    "object": "metric_alert",
    "id": "01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0d",
    "rule": "decline_spike",
    "subject": "gateway_unavailable",
    "status": "open",
    "opened_at": "2026-11-23T09:30:00.000000Z",
    "last_at": "2026-11-23T09:33:15.000000Z",
    "facts": {"failed": 41, "attempts": 96, "failed_before": 7, "attempts_before": 1180},
    "acknowledged_by": None,
    "acknowledged_at": None,
    "resolved_at": None,
}
_SEEN: Document = {
    **_OPEN,
    "status": "acknowledged",
    "acknowledged_by": "ann",
    "acknowledged_at": "2026-11-23T09:34:00.000000Z",
}


ALERTS: Document = {
    "security": [{"api_key": []}],
    "parameters": [
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
    "responses": {
        "200": answer(
            "A page.",
            "MetricAlertList",
            {"page": {"object": "list", "data": [_OPEN], "next_cursor": None}},
        ),
        **problems(*ANYWHERE),
    },
}
ACKNOWLEDGE: Document = {
    "security": [{"api_key": []}],
    "parameters": [
        parameter(
            "alert_id",
            "path",
            "The alert's id.",
            {"type": "string", "format": "uuid"},
            required=True,
        )
    ],
    "responses": {
        "200": answer("It is acknowledged.", "MetricAlert", {"acknowledged": _SEEN}),
        **problems(*ANYWHERE, 404, *BODIES),
    },
    "requestBody": {
        "required": True,
        "content": content("MetricAcknowledgement", {"by_ann": {"author": "ann"}}),
    },
}
