"""A good row of each table of the sinks of metrics, and a bad one for each constraint."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.database.ids import AT, texts

if TYPE_CHECKING:
    from tests.database.ids import Wrong

_LATER = AT + timedelta(minutes=1)
SINK_ROWS: dict[str, dict[str, Any]] = {
    "metric_sinks": {
        "sink": "cloudwatch",
        "started_at": AT,
        "prepared_to": AT,
        "compared_to": AT,
        "last_on_at": AT,
    },
    "metric_sink_batches": {
        "sink": "cloudwatch",
        "sequence": 1,
        "kind": "minutes",
        "state": "queued",
        "minute_from": AT,
        "minute_until": _LATER,
        "dimensions": "none",
        "datums": "[]",
        "datum_count": 1,
        "probe": "{}",
        "created_at": AT,
    },
}
_COUNTS = (
    "last_sequence",
    "failures",
    "batches_sent",
    "datums_sent",
    "datums_dropped",
    "batches_uncertain",
    "datums_late",
)

SINK_CONSTRAINTS: dict[str, dict[str, Wrong]] = {
    "metric_sinks": {
        "metric_sinks_pkey": [{}],
        "metric_sinks_sink_check": [{"sink": bad} for bad in ("statsd", "prometheus", "")],
        "metric_sinks_last_error_check": [
            {"sink": "emf", **bad} for bad in texts("last_error", 500)
        ],
        "metric_sinks_in_order": [
            {"sink": "emf", "compared_to": _LATER},
            {"sink": "emf", "started_at": _LATER},
            {"sink": "emf", "prepared_to": AT - timedelta(minutes=1)},
        ],
        **{f"metric_sinks_{name}_check": [{"sink": "emf", name: -1}] for name in _COUNTS},
    },
    "metric_sink_batches": {
        "metric_sink_batches_pkey": [{"kind": "late"}],
        "metric_sink_batches_sink_fkey": [{"sink": "otlp"}],
        "metric_sink_batches_sequence_check": [{"sequence": 0}],
        "metric_sink_batches_kind_check": [{"sequence": 2, "kind": "hours"}],
        "metric_sink_batches_state_check": [{"sequence": 2, "state": "lost"}],
        "metric_sink_batches_dimensions_check": [
            {"sequence": 2, **bad} for bad in texts("dimensions", 1_000)
        ],
        "metric_sink_batches_datums_check": [{"sequence": 2, "datums": "{}"}],
        "metric_sink_batches_datum_count_check": [{"sequence": 2, "datum_count": 0}],
        "metric_sink_batches_probe_check": [{"sequence": 2, "probe": "[]"}],
        "metric_sink_batches_tries_check": [{"sequence": 2, "tries": -1}],
        "metric_sink_batches_span": [{"sequence": 2, "minute_until": AT}],
        "metric_sink_batches_claimed": [
            {"sequence": 2, "state": "sending"},
            {"sequence": 2, "claimed_until": AT},
        ],
        "metric_sink_batches_sent": [
            {"sequence": 2, "state": "sent"},
            {"sequence": 2, "sent_at": AT},
        ],
    },
}
#: What may change after a row was made.
SINK_MUTABLE: dict[str, set[str]] = {
    "metric_sinks": {
        "last_on_at",
        "prepared_to",
        "compared_to",
        "sampled_at",
        "retry_at",
        "last_error",
        "last_sent_at",
        *_COUNTS,
    },
    "metric_sink_batches": {
        "state",
        "tries",
        "uncertain",
        "sending_since",
        "claimed_until",
        "sent_at",
    },
}
