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
    # As many refunds, each decided; those of a few wait for a person.
    """
    INSERT INTO refunds (
        merchant_id, refund_id, payment_id, status, amount, currency, reason, origin,
        idempotency_key, requested_by, gateway_id, created_at, updated_at, finished_at)
    SELECT merchant_id, payment_id, payment_id,
        CASE WHEN waits THEN 'requested' ELSE 'succeeded' END, 10, 'EUR', 'other', 'merchant',
        'refund-' || idempotency_key, 'Ada Lindqvist', 're_' || idempotency_key, created_at,
        created_at, CASE WHEN NOT waits THEN created_at END
    FROM (
        SELECT p.*, substring(p.idempotency_key, 6)::int % 5000 = 1 AS waits
        FROM payments p WHERE p.idempotency_key LIKE 'bulk-%'
    ) AS sold
    """,
    """
    INSERT INTO refund_decisions (
        merchant_id, refund_id, sequence, kind, from_status, to_status, actor, decided_at)
    SELECT merchant_id, refund_id, 1, 'requested', 'new', 'requested', 'Ada Lindqvist', created_at
    FROM refunds
    """,
    # As many notices of refunds, all but a few of them over.
    """
    INSERT INTO refund_notices (
        merchant_id, payment_id, gateway_id, amount, currency, told_at, status, next_try_at,
        dismissed_by, dismissed_because, dismissed_at)
    SELECT merchant_id, payment_id, 'there_' || idempotency_key, 10, 'EUR', created_at,
        CASE WHEN waits THEN 'open' ELSE 'dismissed' END, CASE WHEN waits THEN now() END,
        CASE WHEN NOT waits THEN 'Ada Lindqvist' END, CASE WHEN NOT waits THEN 'wrong' END,
        CASE WHEN NOT waits THEN now() END
    FROM (
        SELECT p.*, substring(p.idempotency_key, 6)::int % 5000 = 1 AS waits
        FROM payments p WHERE p.idempotency_key LIKE 'bulk-%'
    ) AS sold
    """,
    # As many presentations, each accepted, of the version that the merchant has published.
    """
    INSERT INTO terms_presentations (
        merchant_id, presentation_id, nonce_sha256, buyer_id, buyer_role, jurisdiction, product,
        channel, locales_asked, version_ids, locales, text_sha256s, notice, button_label, shown_at,
        expires_at)
    SELECT p.merchant_id, p.payment_id, sha256(uuid_send(p.payment_id)),
        'buyer-' || p.idempotency_key, 'agent', '*', 'purchase', '*', '{en}',
        ARRAY[coalesce(v.version_id, p.merchant_id)], '{en}', ARRAY[sha256('')], 'Accept them.',
        'Accept', p.created_at, p.created_at + interval '1 hour'
    FROM payments p
    LEFT JOIN terms_versions v ON v.merchant_id = p.merchant_id
    WHERE p.idempotency_key LIKE 'bulk-%'
    """,
    """
    INSERT INTO terms_acceptance (
        merchant_id, acceptance_id, buyer_id, buyer_role, decision, document_id, scope_id,
        version_id, version_sha256, locale, text_sha256, presentation_id, presentation_sha256,
        method, actor_kind, occurred_at, recorded_at)
    SELECT p.merchant_id, p.payment_id, 'buyer-' || p.idempotency_key, 'agent', 'accept',
        coalesce(v.document_id, p.merchant_id), coalesce(v.scope_id, p.merchant_id),
        coalesce(v.version_id, p.merchant_id), sha256(''), 'en', sha256(''), p.payment_id,
        sha256(''), 'button_click', 'human', p.created_at, p.created_at
    FROM payments p
    LEFT JOIN terms_versions v ON v.merchant_id = p.merchant_id
    WHERE p.idempotency_key LIKE 'bulk-%'
    """,
    """
    INSERT INTO terms_personal (
        merchant_id, acceptance_id, ip, ip_salt, user_agent, user_agent_salt)
    SELECT p.merchant_id, p.payment_id, '192.0.2.7', sha256(''), 'Mozilla/5.0', sha256('')
    FROM payments p
    WHERE p.idempotency_key LIKE 'bulk-%'
    """,
    # As many erasures, of other acceptances.
    """
    INSERT INTO terms_events (merchant_id, event_id, kind, acceptance_id, author, occurred_at)
    SELECT p.merchant_id, p.payment_id, 'erased', gen_random_uuid(), 'Ann', p.created_at
    FROM payments p
    WHERE p.idempotency_key LIKE 'bulk-%'
    """,
)
#: One buyer has said so much, to and fro; the last is above.
_WORDS = """
INSERT INTO terms_acceptance (
    merchant_id, acceptance_id, buyer_id, buyer_role, decision, document_id, scope_id, version_id,
    version_sha256, locale, text_sha256, method, actor_kind, imported_from, imported_ref,
    occurred_at, recorded_at)
SELECT t.merchant_id, ('01800000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, t.buyer_id,
    t.buyer_role, (ARRAY['accept', 'withdraw', 'decline'])[n % 3 + 1], t.document_id, t.scope_id,
    t.version_id, t.version_sha256, t.locale, t.text_sha256, 'import', 'human', 'shop',
    n, t.occurred_at - n * interval '1 s', t.recorded_at
FROM terms_acceptance t
CROSS JOIN generate_series(1, $3::int) AS n
WHERE t.merchant_id = $1 AND t.buyer_id = $2
"""
TALKER, WORDS = "buyer-bulk-7", 1_000
_UNTENDED = """
DO $$
DECLARE
    one regclass;
BEGIN
    FOR one IN
        SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', one);
    END LOOP;
END $$
"""


async def leave_untended(admin: asyncpg.Connection) -> None:
    """Keep the server from gathering statistics by itself, in the midst of a test.

    Call it before any statement is prepared: plans that are kept are made anew after it.
    """
    await admin.execute(_UNTENDED)


async def fill(admin: asyncpg.Connection, merchant_id: UUID) -> None:
    """Put the rows in; the tables have no statistics afterwards."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(_PAYMENTS, merchant_id, ROWS, PENDING_EVERY)
        for statement in _REST:
            await admin.execute(statement)
        await admin.execute(_WORDS, merchant_id, TALKER, WORDS)


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
