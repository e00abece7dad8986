-- name: checkpoint
-- Writes everything to the disk, so that each measurement begins alike; no row.
CHECKPOINT;

-- name: sample
-- The stored answer and the message of one real purchase, which the floor and the filling repeat;
-- no row: the merchant has bought nothing yet.
SELECT
    convert_from(k.response_body, 'UTF8') AS body, o.payload::text AS payload, p.gateway,
    s.setting AS postgres
FROM payments p
JOIN payment_idempotency k
    ON k.merchant_id = p.merchant_id AND k.idempotency_key = p.idempotency_key
JOIN outbox o ON o.merchant_id = p.merchant_id AND o.payment_id = p.payment_id
CROSS JOIN pg_catalog.pg_settings s
WHERE p.merchant_id = :merchant_id::uuid AND s.name = 'server_version'
LIMIT 1;

-- name: written
-- How many rows each table of a purchase has, as one row: what was measured must have been written.
SELECT
    (SELECT count(*) FROM payments t WHERE t.merchant_id = :merchant_id::uuid) AS payments,
    (SELECT count(*) FROM payments t
        WHERE t.merchant_id = :merchant_id AND t.status = 'succeeded') AS succeeded,
    (SELECT count(*) FROM payment_idempotency t
        WHERE t.merchant_id = :merchant_id AND t.response_status = 201) AS answered,
    (SELECT count(*) FROM payment_attempts t
        WHERE t.merchant_id = :merchant_id AND t.state = 'done') AS done,
    (SELECT count(*) FROM payment_events t WHERE t.merchant_id = :merchant_id) AS events,
    (SELECT count(*) FROM fraud_prevention_logs t WHERE t.merchant_id = :merchant_id) AS decisions,
    (SELECT count(*) FROM outbox t WHERE t.merchant_id = :merchant_id) AS messages,
    (SELECT coalesce(sum(t.count), 0)::bigint FROM payment_metrics t
        WHERE t.merchant_id = :merchant_id) AS counted;
