-- name: fill_metered
-- Writes the purchases number :first to :last of :rows, spread over the last thirty days, with
-- their minutes and durations; nothing else that a purchase leaves is read here. Two that fill
-- meet at a minute's edge: both take its rows in one order, so that neither waits for ever. No row.
WITH input AS MATERIALIZED (
    SELECT
        uuidv7(a.at - clock_timestamp()) AS payment_id, a.at, a.minute,
        100 + n * 7919 % 49900 AS amount,
        CASE WHEN n % 2 = 0 THEN 'agent' ELSE 'operator' END AS buyer_role,
        CASE n % 3 WHEN 0 THEN 'EUR' WHEN 1 THEN 'USD' ELSE 'GBP' END AS currency,
        CASE WHEN n % 50 = 7 THEN 'blocked' WHEN n % 50 = 8 THEN 'canceled'
            WHEN n % 50 BETWEEN 10 AND 13 THEN 'failed' ELSE 'succeeded' END AS status,
        CASE n % 50 WHEN 7 THEN 'blocked' WHEN 10 THEN 'card_declined'
            WHEN 11 THEN 'insufficient_funds' WHEN 12 THEN 'expired_card'
            WHEN 13 THEN 'processing_error' END AS reason,
        (n * 31 % 41)::integer AS luck, (n % 2)::smallint AS slot
    FROM generate_series(:first::bigint, :last::bigint) AS n
    CROSS JOIN LATERAL (
        SELECT b.at, date_trunc('minute', b.at, 'UTC') AS minute
        FROM (
            SELECT clock_timestamp() - interval '30 days' * (1 - n / :rows::double precision) AS at
        ) AS b
    ) AS a
),
paid AS (
    INSERT INTO payments (
        merchant_id, payment_id, idempotency_key, status, version, amount, currency, exponent,
        amount_authorized, amount_captured, capture_method, buyer_id, buyer_role, payment_method,
        gateway, failure_reason, created_at, updated_at, finished_at
    )
    SELECT
        :merchant_id::uuid, i.payment_id, i.payment_id::text, i.status, 2, i.amount, i.currency, 2,
        s.share * i.amount, s.share * i.amount, 'automatic', 'buyer', i.buyer_role, 'pm_ok',
        :gateway::text, i.reason, i.at, i.at, i.at
    FROM input i
    CROSS JOIN LATERAL (
        SELECT CASE i.status WHEN 'succeeded' THEN 1 ELSE 0 END AS share
    ) AS s
),
counted AS (
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded
    )
    SELECT
        :merchant_id, i.minute, e.event_type, e.outcome, i.buyer_role, i.currency, :gateway,
        e.reason, i.slot, count(*), sum(i.amount),
        coalesce(sum(i.amount) FILTER (WHERE e.outcome = 'succeeded'), 0), 0
    FROM input i
    CROSS JOIN LATERAL (
        SELECT 'payment.opened' AS event_type, '' AS outcome, '' AS reason
        WHERE i.status <> 'blocked'
        UNION ALL
        SELECT 'payment.' || i.status, i.status, coalesce(i.reason, '')
    ) AS e
    GROUP BY 2, 3, 4, 5, 6, 8, 9
    ORDER BY 2, 3, 4, 5, 6, 8, 9
    ON CONFLICT (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot)
    DO UPDATE SET
        count = payment_metrics.count + excluded.count,
        amount = payment_metrics.amount + excluded.amount,
        captured = payment_metrics.captured + excluded.captured
)
INSERT INTO payment_latencies (
    merchant_id, bucket, stage, buyer_role, gateway, slot, place, count, sum_us
)
SELECT
    :merchant_id, i.minute, e.stage, i.buyer_role, :gateway, i.slot, e.first_place + i.luck,
    count(*), count(*) * 30000
FROM input i
CROSS JOIN (
    VALUES ('open', 90), ('gateway', 120), ('settle', 90), ('purchase', 125)
) AS e (stage, first_place)
WHERE i.status <> 'blocked'
GROUP BY 2, 3, 4, 6, 7
ORDER BY 2, 3, 4, 6, 7
ON CONFLICT (merchant_id, bucket, stage, buyer_role, gateway, slot, place)
DO UPDATE SET
    count = payment_latencies.count + excluded.count,
    sum_us = payment_latencies.sum_us + excluded.sum_us;

-- name: count_payments
-- What a summary tells, counted from the payments of thirty days themselves. No row: there are
-- none.
SELECT
    p.status, p.buyer_role, p.currency, p.gateway, p.failure_reason, count(*) AS count,
    sum(p.amount) AS amount, sum(p.amount_captured) AS captured, sum(p.amount_refunded) AS refunded
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid
    AND p.created_at >= clock_timestamp() - interval '30 days'
GROUP BY p.status, p.buyer_role, p.currency, p.gateway, p.failure_reason;

-- name: tidy_metered
-- Refreshes the planner's statistics and the map of what all can see; no row.
VACUUM (ANALYZE) payments, payment_metrics, payment_metrics_hourly, payment_metrics_daily,
    payment_latencies, payment_latencies_hourly, payment_latencies_daily;
