"""Good rows of the tables of metrics, and what each constraint refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.database.ids import AT, MERCHANT, OTHER, Wrong

_COUNTS = {
    "merchant_id": MERCHANT,
    "bucket": AT,
    "event_type": "payment.opened",
    "outcome": "",
    "buyer_role": "agent",
    "currency": "EUR",
    "gateway": "placeholder",
    "reason": "",
    "count": 1,
    "amount": 1_000,
    "captured": 0,
    "refunded": 0,
}
_LATENCIES = {
    "merchant_id": MERCHANT,
    "bucket": AT,
    "stage": "purchase",
    "buyer_role": "agent",
    "gateway": "placeholder",
    "place": 119,
    "count": 1,
    "sum_us": 30_000,
}

METRIC_ROWS: dict[str, dict[str, Any]] = {
    "payment_metrics": {**_COUNTS, "slot": 0},
    "payment_metrics_hourly": _COUNTS,
    "payment_metrics_daily": _COUNTS,
    "payment_latencies": {**_LATENCIES, "slot": 0},
    "payment_latencies_hourly": _LATENCIES,
    "payment_latencies_daily": _LATENCIES,
    "metric_watermarks": {
        "merchant_id": MERCHANT,
        "hours_to": AT,
        "days_to": AT - timedelta(hours=12),
    },
}

_LATER = AT + timedelta(hours=1)


def _counts(table: str) -> dict[str, Wrong]:
    return {
        f"{table}_pkey": [{}],
        f"{table}_count_check": [{"reason": "other", "count": bad} for bad in (0, -1)],
    }


def _latencies(table: str) -> dict[str, Wrong]:
    return {
        f"{table}_pkey": [{}],
        f"{table}_stage_check": [{"stage": "refund"}, {"stage": ""}],
        f"{table}_place_check": [{"place": -1}, {"place": 305}],
        f"{table}_count_check": [{"stage": "open", "count": 0}],
        f"{table}_sum_us_check": [{"stage": "open", "sum_us": -1}],
    }


METRIC_CONSTRAINTS: dict[str, dict[str, Wrong]] = {
    **{table: _counts(table) for table in METRIC_ROWS if table.startswith("payment_metrics")},
    **{table: _latencies(table) for table in METRIC_ROWS if table.startswith("payment_latencies")},
    "metric_watermarks": {
        "metric_watermarks_pkey": [{}],
        "metric_watermarks_merchant_id_fkey": [{"merchant_id": OTHER}],
        # A day ends with an hour; minutes and hours go when they are summed up.
        "metric_watermarks_check": [{"merchant_id": OTHER, "days_to": _LATER}],
        "metric_watermarks_check1": [{"merchant_id": OTHER, "minutes_from": _LATER}],
        "metric_watermarks_check2": [{"merchant_id": OTHER, "hours_from": AT}],
    },
}
#: Tried in test_metric_levels.py.
METRIC_ELSEWHERE = {"payment_transitions_outcome_check"}
