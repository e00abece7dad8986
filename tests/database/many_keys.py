"""What fraud prevention knows of many payments: keys, windows, lists, reviews, rulesets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.database.many import ROWS

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

#: Under this key all purchases were made; and the first of those of buyers, of cards, of a list.
HOT, BUYERS, CARDS, LISTED = 3, 1_000_000, 2_000_000, 3_000_000
#: So many buyers share the purchases, and each purchase has a card of its own.
BUYERS_COUNT = 1_000
#: One of so many payments was held; one of so many of those still is.
HELD_EVERY, OPEN_EVERY = 5, 10
VERSIONS = 2_000

_ATTEMPTS = """
INSERT INTO velocity_attempts (merchant_id, payment_id, occurred_at, amount_ref, kinds, keys)
SELECT p.merchant_id, p.payment_id, p.created_at, p.amount, '{buyer,card,ip}',
    ARRAY[$2::bigint + n.n % $3, $4::bigint + n.n, $5::bigint]
FROM payments p
CROSS JOIN LATERAL (SELECT substr(p.idempotency_key, 6)::bigint AS n) n
WHERE p.merchant_id = $1 AND p.idempotency_key LIKE 'bulk-%'
"""
_ENTRIES = """
INSERT INTO velocity_entries (merchant_id, key, outcome, occurred_at, payment_id, amount_ref)
SELECT a.merchant_id, k.key, o.outcome, a.occurred_at, a.payment_id, a.amount_ref
FROM velocity_attempts a
CROSS JOIN LATERAL unnest(a.keys) AS k (key)
CROSS JOIN unnest('{attempted,succeeded}'::text[]) AS o (outcome)
WHERE a.merchant_id = $1
"""
_PROFILES = """
INSERT INTO velocity_profiles (merchant_id, key, first_at, last_at, attempts, succeeded)
SELECT merchant_id, key, min(occurred_at), max(occurred_at), count(*), count(*)
FROM velocity_entries WHERE merchant_id = $1 AND outcome = 'attempted' GROUP BY 1, 2
"""
_LISTS = """
INSERT INTO fraud_lists (merchant_id, key, list, kind, reason, author, created_at, expires_at)
SELECT $1, $3::bigint + n, 'block', 'card', 'bulk', 'ann', now() - n * interval '1 s',
    CASE WHEN n % 2 = 0 THEN now() + n * interval '1 s' END
FROM generate_series(1, $2::int) AS n
"""
_REVIEWS = """
INSERT INTO fraud_reviews (
    merchant_id, payment_id, status, reasons, approvals, due_at, created_at, decided_at)
SELECT p.merchant_id, p.payment_id, CASE WHEN h.open THEN 'open' ELSE 'approved' END, '{dear}',
    CASE WHEN h.open THEN 0 ELSE 1 END, p.created_at + interval '7 d', p.created_at,
    CASE WHEN NOT h.open THEN p.created_at END
FROM payments p
CROSS JOIN LATERAL (SELECT substr(p.idempotency_key, 6)::int AS n) n
CROSS JOIN LATERAL (SELECT n.n % ($2::int * $3::int) = 0 AS open) h
WHERE p.merchant_id = $1 AND p.idempotency_key LIKE 'bulk-%' AND n.n % $2 = 0
"""
_RULESETS = """
INSERT INTO fraud_rulesets (
    merchant_id, ruleset, ruleset_version, document, members, sha256, created_by)
SELECT $1, 'bulk', n, '{}', '[]', sha256(n::text::bytea), 'ann'
FROM generate_series(1, $2::int) AS n
"""
_ACTIVATIONS = """
INSERT INTO fraud_activations (
    merchant_id, activation_id, place, ruleset, ruleset_version, requested_by, approved_by,
    approved_at)
SELECT $1, gen_random_uuid(), p.place, 'bulk', n, 'ann', 'ben',
    now() - ($2::int - n) * interval '1 s'
FROM generate_series(1, $2) AS n
CROSS JOIN unnest('{live,shadow}'::text[]) AS p (place)
"""
_SHADOWS = """
UPDATE fraud_prevention_logs
SET shadow = '{"ruleset": "bulk", "version": 7, "action": "allow", "rules": []}'
WHERE merchant_id = $1 AND get_byte(uuid_send(payment_id), 15) < 64
"""


async def fill_keys(admin: asyncpg.Connection, merchant_id: UUID) -> None:
    """Put the rows in, for a merchant that has many payments already."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(_ATTEMPTS, merchant_id, BUYERS, BUYERS_COUNT, CARDS, HOT)
        await admin.execute(_ENTRIES, merchant_id)
        await admin.execute(_PROFILES, merchant_id)
        await admin.execute(_REVIEWS, merchant_id, HELD_EVERY, OPEN_EVERY)
        await admin.execute(_SHADOWS, merchant_id)
    await fill_lists(admin, merchant_id)


async def fill_lists(admin: asyncpg.Connection, merchant_id: UUID) -> None:
    """Put in what needs no payments."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(_LISTS, merchant_id, ROWS, LISTED)
        await admin.execute(_RULESETS, merchant_id, VERSIONS)
        await admin.execute(_ACTIVATIONS, merchant_id, VERSIONS)
