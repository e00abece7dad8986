-- name: fill
-- Writes the purchases number :first to :last of :rows, as they would stand after they succeeded
-- within the last twenty days: ids, instants and order numbers grow, keys are random. No row.
WITH input AS MATERIALIZED (
    SELECT
        uuidv7(a.at - clock_timestamp()) AS payment_id,
        gen_random_uuid()::text AS idempotency_key,
        a.at,
        100 + n * 7919 % 49900 AS amount,
        n % 20000 AS buyer,
        CASE WHEN n % 2 = 0 THEN 'agent' ELSE 'operator' END AS buyer_role,
        CASE n % 3 WHEN 0 THEN 'EUR' WHEN 1 THEN 'USD' ELSE 'GBP' END AS currency
    FROM generate_series(:first::bigint, :last::bigint) AS n
    CROSS JOIN LATERAL (
        SELECT clock_timestamp() - interval '20 days' * (1 - n / :rows::double precision) AS at
    ) AS a
),
paid AS (
    INSERT INTO payments (
        merchant_id, payment_id, idempotency_key, status, version, amount, currency, exponent,
        amount_authorized, amount_captured, capture_method, buyer_id, buyer_role, payment_method,
        reference, description, metadata, gateway, gateway_id, created_at, updated_at, finished_at
    )
    SELECT
        :merchant_id::uuid, i.payment_id, i.idempotency_key, 'succeeded', 2, i.amount, i.currency,
        2, i.amount, i.amount, 'automatic', 'buyer-' || i.buyer, i.buyer_role, 'pm_ok',
        'order-' || lpad(((extract(epoch FROM i.at) * 1000)::bigint % 10000000000)::text, 10, '0'),
        'Two nights, harbour view',
        '{"channel":"web","cart":"c-20417"}'::jsonb, :gateway::text,
        'bench_' || substr(i.idempotency_key, 1, 24), i.at, i.at, i.at
    FROM input i
),
answered AS (
    INSERT INTO payment_idempotency (
        merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no,
        response_status, response_type, response_body, created_at, answered_at
    )
    SELECT
        :merchant_id, i.idempotency_key, 'purchase',
        sha256(convert_to(i.idempotency_key, 'UTF8')), i.payment_id, 1, 201, 'application/json',
        convert_to(:body::text, 'UTF8'), i.at, i.at
    FROM input i
),
attempted AS (
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, amount, state, outcome,
        created_at, finished_at
    )
    SELECT
        :merchant_id, i.payment_id, 1, 'charge', sha256(convert_to(i.idempotency_key, 'UTF8')),
        i.amount, 'done', 'succeeded', i.at, i.at
    FROM input i
),
judged AS (
    INSERT INTO fraud_prevention_logs (
        merchant_id, log_id, payment_id, decision, rules, facts, created_at
    )
    SELECT
        :merchant_id, uuidv7(i.at - clock_timestamp()), i.payment_id, 'allow', '[]'::jsonb,
        '{"amount":12500,"currency":"EUR","buyer_role":"agent"}'::jsonb, i.at
    FROM input i
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount,
        authorized_delta, captured_delta, actor, occurred_at
    )
    SELECT
        :merchant_id, i.payment_id, e.sequence, e.type, e.from_status, e.to_status, i.amount,
        e.moved * i.amount, e.moved * i.amount, 'request', i.at
    FROM input i
    CROSS JOIN (
        VALUES
            (1, 'payment.opened', 'new', 'pending', 0),
            (2, 'payment.succeeded', 'pending', 'succeeded', 1)
    ) AS e (sequence, type, from_status, to_status, moved)
),
staged AS (
    INSERT INTO outbox (
        merchant_id, message_id, topic, payment_id, payload, created_at, delivered_at
    )
    SELECT
        :merchant_id, uuidv7(i.at - clock_timestamp()), 'purchase.completed', i.payment_id,
        :payload::text::jsonb, i.at, i.at
    FROM input i
)
INSERT INTO payment_metrics (
    merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot, count,
    amount, captured, refunded
)
SELECT
    :merchant_id, date_trunc('minute', i.at, 'UTC'), e.type, e.outcome, i.buyer_role, i.currency,
    :gateway, '', :slot::smallint, count(*), sum(i.amount), sum(e.moved * i.amount), 0
FROM input i
CROSS JOIN (
    VALUES ('payment.opened', '', 0), ('payment.succeeded', 'succeeded', 1)
) AS e (type, outcome, moved)
GROUP BY 2, 3, 4, 5, 6
-- A minute may begin in one batch and end in another that has the same slot.
ON CONFLICT (
    merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot)
DO UPDATE SET
    count = payment_metrics.count + excluded.count,
    amount = payment_metrics.amount + excluded.amount,
    captured = payment_metrics.captured + excluded.captured;

-- name: tidy
-- Leaves to nobody what autovacuum would otherwise begin in the middle of a measurement; no row.
VACUUM (ANALYZE);
