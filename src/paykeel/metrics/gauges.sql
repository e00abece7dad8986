-- name: payment_gauges
-- What waits at this moment at the merchants after a given one (each row has its merchant_id), also
-- where nothing does; null begins with the first. No row: there are no more merchants.
WITH page AS MATERIALIZED (
    SELECT m.merchant_id, m.mode
    FROM merchants m
    WHERE :after::uuid IS NULL OR m.merchant_id > :after
    ORDER BY m.merchant_id
    LIMIT :rows_max::integer
),
attempts AS (
    SELECT
        t.merchant_id,
        count(*) FILTER (WHERE t.state = 'open' AND t.created_at < now() - g.grace) AS unknown,
        min(t.created_at) FILTER (WHERE t.state = 'open') AS open_since,
        count(*) FILTER (WHERE t.recover_at <= now()) AS overdue,
        min(t.recover_at) AS due_since
    FROM payment_attempts t
    CROSS JOIN (SELECT make_interval(secs => :unknown_ms::bigint / 1000.0) AS grace) g
    WHERE t.state <> 'done'
    GROUP BY t.merchant_id
),
reviews AS (
    SELECT
        r.merchant_id, count(*) AS open, count(*) FILTER (WHERE r.due_at <= now()) AS overdue,
        min(r.created_at) AS since
    FROM fraud_reviews r
    WHERE r.status = 'open' AND r.decided_at IS NULL
    GROUP BY r.merchant_id
),
alerts AS (
    SELECT a.merchant_id, count(*) AS open
    FROM fraud_alerts a
    WHERE a.status = 'open'
    GROUP BY a.merchant_id
)
SELECT
    p.merchant_id, p.mode,
    coalesce(t.unknown, 0) AS unknown_outcomes,
    CASE
        WHEN t.unknown > 0 THEN (extract(epoch FROM now() - t.open_since) * 1000)::bigint
        ELSE 0
    END AS unknown_age_ms,
    coalesce(t.overdue, 0) AS recovery_overdue,
    CASE
        WHEN t.overdue > 0 THEN (extract(epoch FROM now() - t.due_since) * 1000)::bigint
        ELSE 0
    END AS recovery_lag_ms,
    coalesce(r.open, 0) AS reviews_open,
    coalesce(r.overdue, 0) AS reviews_overdue,
    greatest(coalesce((extract(epoch FROM now() - r.since) * 1000)::bigint, 0), 0) AS review_age_ms,
    coalesce(a.open, 0) AS fraud_alerts_open
FROM page p
LEFT JOIN attempts t ON t.merchant_id = p.merchant_id
LEFT JOIN reviews r ON r.merchant_id = p.merchant_id
LEFT JOIN alerts a ON a.merchant_id = p.merchant_id
ORDER BY p.merchant_id;
