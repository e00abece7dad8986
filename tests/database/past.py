"""A made-up past: purchases that were judged, counted and labelled, written by SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.fraud.engine import CelEngine
from paykeel.fraud.judge import compile_ruleset
from paykeel.fraud.rules import default_ruleset_text, read_ruleset_text

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

#: Every twentieth is fraud: rather dear, in an hour of rather many attempts. One in
#: three of the others was told to be genuine.
_PAST = """
    CREATE TEMPORARY TABLE past ON COMMIT DROP AS
    SELECT
        n, gen_random_uuid() AS payment_id, n % 20 = 7 AS fraud,
        at, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
            || substr(md5('log' || n), 1, 3) || '8' || substr(md5('log' || n), 4, 15)
        )::uuid AS log_id,
        (CASE WHEN n % 20 = 7 THEN 3500 ELSE 2000 END + hashint4(n) % 1500)::bigint AS amount,
        (CASE WHEN n % 20 = 7 THEN 2 ELSE 0 END + abs(hashint4(n + 7)) % 3)::int AS attempts,
        ('x' || substr(md5('buyer' || n % $3::int), 1, 16))::bit(64)::bigint AS buyer_key,
        ('x' || substr(md5('card' || n % ($3::int * 2)), 1, 16))::bit(64)::bigint AS card_key
    FROM (
        SELECT n, now() - interval '1 second' - (($2::int - n) * $4::interval / $2::int) AS at
        FROM generate_series(1, $2::int) AS n
    ) s
"""
_PAYMENTS = """
    INSERT INTO payments (merchant_id, payment_id, idempotency_key, status, amount, currency,
        exponent, amount_authorized, amount_captured, capture_method, buyer_id, buyer_role,
        payment_method, reference, gateway, created_at, updated_at, finished_at)
    SELECT $1::uuid, p.payment_id, 'past-' || p.n, 'succeeded', p.amount, 'EUR', 2, p.amount,
        p.amount, 'automatic', 'agent-' || p.n % $2::int, 'agent', 'pm_ok', 'A-' || p.n,
        'placeholder', p.at, p.at, p.at
    FROM past p
"""
_LOGS = """
    INSERT INTO fraud_prevention_logs (merchant_id, log_id, payment_id, decision, rules, facts,
        created_at, score, reasons, ruleset, ruleset_version, ruleset_sha256, engine)
    SELECT $1::uuid, p.log_id, p.payment_id, 'allow', '[]', jsonb_build_object(
            'now', to_char(p.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'payment.amount', p.amount, 'payment.amount_ref', p.amount, 'payment.currency', 'EUR',
            'payment.kind', 'purchase', 'payment.capture_method', 'automatic',
            'buyer.id', 'agent-' || p.n % $3::int, 'buyer.role', 'agent',
            'card.country', CASE WHEN p.n % 3 = 0 THEN 'NO' ELSE 'NL' END, 'ip.country', 'NL',
            'card.known', true, 'ip.known', true, 'device.known', false,
            'profile.buyer.attempts', p.n / $3::int, 'profile.buyer.succeeded', p.n / $3::int,
            'profile.buyer.declined', 0, 'profile.buyer.sum_ref', p.n * 10,
            'profile.card.attempts', p.n / $3::int, 'profile.card.succeeded', p.n / $3::int,
            'profile.card.declined', 0, 'profile.card.sum_ref', p.n * 5,
            'velocity.card_declines_1h', 0, 'velocity.ip_cards_1h', 1,
            'velocity.ip_declines_1h', 0, 'velocity.ip_attempts_10m', p.attempts,
            'velocity.buyer_attempts_1h', p.attempts, 'velocity.buyer_sum_24h', p.attempts * 2000,
            'velocity.buyer_cards_24h', 1,
            'list.block', false, 'list.allow', false, 'list.watch', false
        ), p.at, p.attempts * 10, '{}', 'default', 0, $2::bytea, 'tests'
    FROM past p
"""
_COUNTED = """
    INSERT INTO velocity_attempts (merchant_id, payment_id, occurred_at, amount_ref, kinds, keys)
    SELECT $1::uuid, p.payment_id, p.at, p.amount, '{buyer,card}', ARRAY[p.buyer_key, p.card_key]
    FROM past p
"""
_ENTRIES = """
    INSERT INTO velocity_entries (merchant_id, key, outcome, occurred_at, payment_id, amount_ref)
    SELECT $1::uuid, k.key, 'attempted', p.at, p.payment_id, p.amount
    FROM past p CROSS JOIN LATERAL unnest(ARRAY[p.buyer_key, p.card_key]) AS k (key)
"""
_LABELS = """
    INSERT INTO fraud_labels (
        merchant_id, payment_id, label_id, label, source, known_at, created_by)
    SELECT $1::uuid, p.payment_id, gen_random_uuid(),
        CASE WHEN p.fraud THEN 'fraud' ELSE 'genuine' END,
        CASE WHEN p.fraud THEN 'chargeback' ELSE 'review' END,
        least(p.at + interval '1 hour', now()), 'tests'
    FROM past p
    WHERE p.fraud OR p.n % 3 = 0
"""


async def write_past(
    admin: asyncpg.Connection,
    merchant_id: UUID,
    count: int,
    *,
    buyers: int = 50,
    over: str = "20 days",
) -> None:
    """Write so many purchases, spread over the days before now."""
    engine = CelEngine()
    ruleset = compile_ruleset(read_ruleset_text(default_ruleset_text(), engine), engine).ruleset
    sha256 = bytes.fromhex(ruleset.sha256)
    values: list[tuple[str, tuple[Any, ...]]] = [
        (_PAYMENTS, (merchant_id, buyers)),
        (_LOGS, (merchant_id, sha256, buyers)),
        (_COUNTED, (merchant_id,)),
        (_ENTRIES, (merchant_id,)),
        (_LABELS, (merchant_id,)),
    ]
    async with admin.transaction():
        past = _PAST.replace("$4::interval", f"interval '{over}'").replace("$2::int", str(count))
        await admin.execute(past.replace("$3::int", str(buyers)))
        for statement, arguments in values:
            await admin.execute(statement, *arguments)
    await admin.execute("ANALYZE")
