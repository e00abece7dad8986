"""One good row of each table, and how to put a changed one in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.database.fraud_history_rows import HISTORY_ROWS
from tests.database.fraud_rows import AMOUNT_ROWS, FRAUD_ROWS
from tests.database.ids import AT, MERCHANT, PAYMENT
from tests.database.metric_alerts_rows import METRIC_ALERT_ROWS
from tests.database.metrics_rows import METRIC_ROWS
from tests.database.refund_rows import REFUND_ROWS
from tests.database.sealing_rows import SEAL_ROWS
from tests.database.sinks_rows import SINK_ROWS
from tests.database.terms_event_rows import EVENT_ROWS
from tests.database.terms_rows import TERMS_ROWS

if TYPE_CHECKING:
    import asyncpg

_PAYMENT = {"merchant_id": MERCHANT, "payment_id": PAYMENT}

#: In the order of their foreign keys.
ROWS: dict[str, dict[str, Any]] = {
    "merchants": {"merchant_id": MERCHANT, "name": "Harbour Market", "mode": "test"},
    **AMOUNT_ROWS,
    "api_keys": {
        "merchant_id": MERCHANT,
        "key_id": UUID(int=3),
        "prefix": "p" * 20,
        "secret_sha256": b"s" * 32,
        "name": "till",
        "scopes": ["purchases:write"],
    },
    "payments": {
        **_PAYMENT,
        "idempotency_key": "order-17",
        "status": "pending",
        "version": 1,
        "amount": 1_000,
        "currency": "EUR",
        "exponent": 2,
        "capture_method": "automatic",
        "kind": "purchase",
        "buyer_id": "agent-7",
        "buyer_role": "agent",
        "payment_method": "pm_ok",
        "gateway": "placeholder",
        "created_at": AT,
        "updated_at": AT,
    },
    "payment_attempts": {
        **_PAYMENT,
        "attempt_no": 1,
        "operation": "charge",
        "reference": b"r" * 32,
        "amount": 1_000,
        "state": "open",
        "recover_at": AT,
        "created_at": AT,
    },
    "payment_events": {
        **_PAYMENT,
        "sequence": 1,
        "type": "payment.opened",
        "from_status": "new",
        "to_status": "pending",
        "amount": 1_000,
        "actor": "request",
        "occurred_at": AT,
    },
    "payment_idempotency": {
        **_PAYMENT,
        "idempotency_key": "order-17",
        "operation": "purchase",
        "fingerprint": b"f" * 32,
        "attempt_no": 1,
        "created_at": AT,
    },
    "outbox": {
        **_PAYMENT,
        "message_id": UUID(int=4),
        "topic": "purchase.completed",
        "payload": "{}",
        "created_at": AT,
    },
    **FRAUD_ROWS,
    **HISTORY_ROWS,
    **SEAL_ROWS,
    **TERMS_ROWS,
    **EVENT_ROWS,
    **REFUND_ROWS,
    **METRIC_ALERT_ROWS,
    **METRIC_ROWS,
    **SINK_ROWS,
}


async def put(connection: asyncpg.Connection, table: str, **changes: Any) -> None:
    """Add the good row of a table, with these changes."""
    row = {**ROWS[table], **changes}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})",  # noqa: S608
        *row.values(),
    )


async def put_all(connection: asyncpg.Connection) -> None:
    """Add the good row of every table."""
    for table in ROWS:
        await put(connection, table)
