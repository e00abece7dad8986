-- name: metric_totals
-- Counts and sums by event, currency, role and reason over whole minutes; no row: nothing happened.
SELECT
    m.event_type, m.currency, m.buyer_role, m.reason,
    sum(m.count)::bigint AS count, sum(m.amount) AS amount
FROM payment_metrics m
WHERE m.merchant_id = :merchant_id::uuid
    AND (:since::timestamptz IS NULL OR m.bucket >= :since)
    AND (:until::timestamptz IS NULL OR m.bucket < :until)
GROUP BY m.event_type, m.currency, m.buyer_role, m.reason
ORDER BY m.event_type, m.currency, m.buyer_role, m.reason;
