"""Fifty thousand payments of one merchant, put in behind Paykeel's back, and plans to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg
    from asyncpg.prepared_stmt import PreparedStatement

    from paykeel.db.pool import Connection
    from paykeel.db.sql import Statement

ROWS = 50_000
#: As in production, most payments are over; these few are not.
PENDING_EVERY = 5_000

_PAYMENTS = """
INSERT INTO payments (
    merchant_id, payment_id, idempotency_key, status, version, amount, currency, exponent,
    amount_authorized, amount_captured, capture_method, buyer_id, buyer_role, payment_method,
    reference, gateway, created_at, updated_at, finished_at)
SELECT $1, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'bulk-' || n,
    CASE WHEN n % $3 = 0 THEN 'pending' ELSE 'succeeded' END,
    CASE WHEN n % $3 = 0 THEN 1 ELSE 2 END, 1250, 'EUR', 2,
    CASE WHEN n % $3 = 0 THEN 0 ELSE 1250 END, CASE WHEN n % $3 = 0 THEN 0 ELSE 1250 END,
    'automatic', 'agent-' || n % 1000, 'agent', 'pm_ok', 'ref-' || n, 'placeholder',
    now() - n * interval '1 s', now() - n * interval '1 s',
    CASE WHEN n % $3 <> 0 THEN now() END
FROM generate_series(1, $2::int) AS n
"""
_REST = (
    """
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, amount, state, recover_at,
        created_at, finished_at)
    SELECT merchant_id, payment_id, 1, 'charge', sha256(convert_to(idempotency_key, 'UTF8')),
        amount, CASE status WHEN 'pending' THEN 'open' ELSE 'done' END,
        CASE status WHEN 'pending' THEN now() - interval '1 s' END, created_at, finished_at
    FROM payments WHERE idempotency_key LIKE 'bulk-%'
    """,
    """
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, actor,
        occurred_at)
    SELECT merchant_id, payment_id, 1, 'payment.opened', 'new', 'pending', amount, 'request',
        created_at
    FROM payments WHERE idempotency_key LIKE 'bulk-%'
    UNION ALL
    SELECT merchant_id, payment_id, 2, 'payment.succeeded', 'pending', 'succeeded', amount,
        'request', created_at
    FROM payments WHERE idempotency_key LIKE 'bulk-%' AND status = 'succeeded'
    """,
    """
    INSERT INTO payment_idempotency (
        merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no, created_at)
    SELECT merchant_id, idempotency_key, 'purchase', sha256(convert_to(idempotency_key, 'UTF8')),
        payment_id, 1, created_at
    FROM payments WHERE idempotency_key LIKE 'bulk-%'
    """,
    """
    INSERT INTO fraud_prevention_logs (merchant_id, log_id, payment_id, decision, created_at)
    SELECT merchant_id, payment_id, payment_id, 'allow', created_at
    FROM payments WHERE idempotency_key LIKE 'bulk-%'
    """,
    """
    INSERT INTO outbox (merchant_id, message_id, topic, payment_id, payload, created_at)
    SELECT merchant_id, payment_id, 'purchase.completed', payment_id, '{}', created_at
    FROM payments WHERE idempotency_key LIKE 'bulk-%'
    """,
    """
    INSERT INTO terms_acceptance (merchant_id, buyer_id, terms_version)
    SELECT DISTINCT merchant_id, 'buyer-' || idempotency_key, '2026-11' FROM payments
    """,
)


async def fill(admin: asyncpg.Connection, merchant_id: UUID) -> None:
    """Put the rows in; the tables have no statistics afterwards."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(_PAYMENTS, merchant_id, ROWS, PENDING_EVERY)
        for statement in _REST:
            await admin.execute(statement)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a plan's nodes, from the top down."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def explain(
    connection: Connection, statement: Statement, values: dict[str, Any]
) -> dict[str, Any]:
    """Plan a statement for these values, run it, undo it, and return the plan."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        rows = await connection.fetch(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.text}",
            *statement.arguments(values),
        )
    finally:
        await transaction.rollback()
    plan: dict[str, Any] = json.loads(rows[0][0])[0]["Plan"]
    return plan


async def explain_generic(connection: Connection, statement: Statement) -> dict[str, Any]:
    """Plan a statement as it is planned once for all values."""
    nulls = ", ".join(["NULL"] * len(statement.parameters))
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE generic AS {statement.text}")
    try:
        rows = await connection.fetch(
            "EXPLAIN (FORMAT JSON) EXECUTE generic" + (f" ({nulls})" if nulls else "")
        )
    finally:
        await connection.execute("DEALLOCATE generic")
        await connection.execute("RESET plan_cache_mode")
    plan: dict[str, Any] = json.loads(rows[0][0])[0]["Plan"]
    return plan


async def keep(connection: Connection, statement: Statement) -> PreparedStatement:
    """Prepare a statement, with a plan for all values that is kept from now on."""
    prepared = await connection.prepare(statement.text)
    nulls = ", ".join(["NULL"] * len(statement.parameters))
    await connection.execute(
        f"EXPLAIN EXECUTE {prepared.get_name()}" + (f" ({nulls})" if nulls else "")
    )
    return prepared


async def explain_kept(
    connection: Connection, prepared: PreparedStatement, arguments: list[Any]
) -> dict[str, Any]:
    """Run a statement by the plan that is kept of it, undo it, and return the plan."""
    texts = [
        await connection.fetchval(f"SELECT quote_nullable($1::{type_.name}::text)", value)
        for type_, value in zip(prepared.get_parameters(), arguments, strict=True)
    ]
    execute = f"EXECUTE {prepared.get_name()}" + (f" ({', '.join(texts)})" if texts else "")
    transaction = connection.transaction()
    await transaction.start()
    try:
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}")
    finally:
        await transaction.rollback()
    found: dict[str, Any] = json.loads(plan)[0]["Plan"]
    return found


def rows_read(plan: dict[str, Any]) -> dict[str, int]:
    """Count what a plan that was run has read of each table, whether or not it was of use."""
    read: dict[str, int] = {}
    for node in nodes(plan):
        table = node.get("Relation Name")
        if table is not None and node["Node Type"] != "ModifyTable":
            rows = sum(
                node.get(what, 0)
                for what in (
                    "Actual Rows",
                    "Rows Removed by Filter",
                    "Rows Removed by Index Recheck",
                )
            )
            read[table] = read.get(table, 0) + round(rows * node["Actual Loops"])
    return read
