"""Datums that the tests of the sinks send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from paykeel.metrics.sinks.datums import Counted, Datum, Timed

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEXT = AT + timedelta(minutes=1)
MERCHANT = UUID(int=7)

FAILED = Datum("purchases_failed", (("mode", "live"), ("reason", "card_declined")), AT, 4)
CAPTURED = Datum("amount_captured", (("mode", "live"), ("currency", "EUR")), AT, 5_501)
TOOK = Datum(
    "latency", (("mode", "live"), ("stage", "purchase")), AT, 7, ((100, 5), (120, 2)), 90_210
)
LAG = Datum("recovery_lag", (("mode", "live"),), AT, 12)


def row(outcome: str = "succeeded", **changes: object) -> Counted:
    """A row of the minutes."""
    values: dict[str, object] = {
        "bucket": AT,
        "mode": "live",
        "merchant_id": MERCHANT,
        "event_type": f"payment.{outcome}",
        "outcome": outcome,
        "buyer_role": "agent",
        "currency": "EUR",
        "gateway": "north",
        "reason": "",
        "count": 1,
        "captured": 0,
        "refunded": 0,
        **changes,
    }
    return Counted(**values)  # type: ignore[arg-type]


def timed(place: int, count: int = 1, **changes: object) -> Timed:
    """A row of the durations."""
    values: dict[str, object] = {
        "bucket": AT,
        "mode": "live",
        "merchant_id": MERCHANT,
        "stage": "purchase",
        "buyer_role": "agent",
        "gateway": "north",
        "place": place,
        "count": count,
        "sum_us": 1_000 * count,
        **changes,
    }
    return Timed(**values)  # type: ignore[arg-type]
