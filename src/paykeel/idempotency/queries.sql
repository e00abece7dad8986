-- name: find_keys
-- What is known of each key: its claim and stored answer, or, when the answer was purged, the
-- payment or the operation that still holds the key. A key that nobody used has only nulls.
-- The merchant comes to each table with the key, so that no plan reads all of a merchant's rows.
WITH wanted AS MATERIALIZED (
    SELECT :merchant_id::uuid AS merchant_id, u.idempotency_key
    FROM unnest(:idempotency_keys::text[]) AS u (idempotency_key)
),
-- Merchant and payment come from one place: from two, a plan could take one and leave the other.
found AS MATERIALIZED (
    SELECT
        u.merchant_id, u.idempotency_key, k.operation, k.fingerprint, k.response_status,
        k.response_type, k.response_body, a.operation AS attempt_operation,
        coalesce(k.payment_id, p.payment_id, a.payment_id) AS payment_id,
        coalesce(k.attempt_no, a.attempt_no, 1::smallint) AS attempt_no
    FROM wanted u
    LEFT JOIN payment_idempotency k
        ON k.merchant_id = u.merchant_id AND k.idempotency_key = u.idempotency_key
    LEFT JOIN payments p
        ON p.merchant_id = u.merchant_id AND p.idempotency_key = u.idempotency_key
    LEFT JOIN payment_attempts a
        ON a.merchant_id = u.merchant_id AND a.idempotency_key = u.idempotency_key
)
SELECT
    f.idempotency_key, f.operation, f.fingerprint, f.response_status, f.response_type,
    f.response_body, f.payment_id, f.attempt_no, f.attempt_operation,
    s.status AS payment_status, t.state AS attempt_state, t.recover_count
FROM found f
LEFT JOIN payments s
    ON s.merchant_id = f.merchant_id AND s.payment_id = f.payment_id
LEFT JOIN payment_attempts t
    ON t.merchant_id = f.merchant_id AND t.payment_id = f.payment_id
    AND t.attempt_no = f.attempt_no;

-- name: purge_answers
-- Removes stored answers that are past their time, a bounded batch of one merchant's. The keys
-- stay with their payments. A key without an answer is never removed. No row: nothing was due.
WITH due AS (
    SELECT k.idempotency_key
    FROM payment_idempotency k
    WHERE k.merchant_id = :merchant_id::uuid
        AND k.created_at < now() - make_interval(days => :days::int)
        AND k.response_status IS NOT NULL
    LIMIT :rows_max::int
    FOR UPDATE SKIP LOCKED
)
DELETE FROM payment_idempotency k
USING due
WHERE k.merchant_id = :merchant_id AND k.idempotency_key = due.idempotency_key
RETURNING k.idempotency_key;

-- name: merchants_with_old_answers
-- The merchants that have something to purge; no row means that there is nothing to do. It is the
-- one statement here that reads across merchants (every row's merchant_id), off the hot path.
SELECT DISTINCT k.merchant_id
FROM payment_idempotency k
WHERE k.created_at < now() - make_interval(days => :days::int) AND k.response_status IS NOT NULL;
