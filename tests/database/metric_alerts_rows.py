"""A good row for the alerts on metrics, and a bad one for each constraint."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.database.ids import AT, MERCHANT, OTHER, texts

if TYPE_CHECKING:
    from tests.database.ids import Wrong

METRIC_ALERT_ROWS: dict[str, dict[str, Any]] = {
    "metric_alerts": {
        "merchant_id": MERCHANT,
        "alert_id": UUID(int=90),
        "rule": "decline_spike",
        "dedupe_key": "decline_spike:card_declined",
        "status": "open",
        "facts": "{}",
        "opened_at": AT,
        "last_at": AT,
    },
}
_SEEN = {"acknowledged_by": "ann", "acknowledged_at": AT}

METRIC_ALERT_CONSTRAINTS: dict[str, dict[str, Wrong]] = {
    "metric_alerts": {
        "metric_alerts_pkey": [{"dedupe_key": "another"}],
        "metric_alerts_one_open": [
            {"alert_id": OTHER},
            # Also while somebody looks after it.
            {"alert_id": OTHER, "status": "acknowledged", **_SEEN},
        ],
        "metric_alerts_merchant_id_fkey": [{"merchant_id": OTHER}],
        "metric_alerts_rule_check": [{"rule": "noise"}],
        "metric_alerts_dedupe_key_check": texts("dedupe_key", 200),
        "metric_alerts_status_check": [{"status": "closed"}],
        "metric_alerts_facts_check": [{"facts": "[]"}, {"facts": "null"}],
        "metric_alerts_in_order": [
            {"last_at": AT - timedelta(seconds=1)},
            {"status": "resolved", "resolved_at": AT - timedelta(seconds=1)},
        ],
        "metric_alerts_acknowledged_by_check": [
            {"status": "acknowledged", "acknowledged_at": AT, **bad}
            for bad in texts("acknowledged_by", 100)
        ],
        "metric_alerts_by_somebody": [
            {"status": "acknowledged", "acknowledged_at": AT},
            {"acknowledged_by": "ann"},
        ],
        "metric_alerts_resolved": [{"status": "resolved"}, {"resolved_at": AT}],
        "metric_alerts_seen": [{"status": "acknowledged"}, _SEEN],
    },
}
