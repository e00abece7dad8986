-- name: audit_metrics
-- Rollups, by the minute, the hour and the day, that are not the sum of their events; no row: the
-- metrics agree with the history.
WITH marks AS MATERIALIZED (
    -- What is late is summed up anew, and nobody reads it until then.
    SELECT
        w.hours_to, w.days_to, least(w.hours_to, w.late_from) AS hours_good,
        least(w.days_to, date_trunc('day', w.late_from, 'UTC')) AS days_good, w.minutes_from,
        w.hours_from
    FROM (SELECT :merchant_id::uuid AS merchant_id) AS o
    LEFT JOIN metric_watermarks w ON w.merchant_id = o.merchant_id
),
happened AS MATERIALIZED (
    SELECT
        date_trunc('minute', e.occurred_at, 'UTC') AS bucket, e.type AS event_type, t.outcome,
        p.buyer_role, p.currency::text AS currency, p.gateway, coalesce(e.reason, '') AS reason,
        count(*) AS count, sum(e.amount) AS amount, sum(e.captured_delta) AS captured,
        sum(e.refunded_delta) AS refunded
    FROM payment_events e
    JOIN payments p ON p.merchant_id = e.merchant_id AND p.payment_id = e.payment_id
    JOIN payment_transitions t ON t.from_status = e.from_status AND t.to_status = e.to_status
    WHERE e.merchant_id = :merchant_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7
),
counted AS (
    SELECT
        'minute' AS level, x.bucket, x.event_type, x.outcome, x.buyer_role, x.currency, x.gateway,
        x.reason, x.count, x.amount, x.captured, x.refunded
    FROM happened x, marks w
    WHERE w.minutes_from IS NULL OR x.bucket >= w.minutes_from
    UNION ALL
    SELECT
        'hour' AS level, date_trunc('hour', x.bucket, 'UTC') AS bucket, x.event_type, x.outcome,
        x.buyer_role, x.currency, x.gateway, x.reason, sum(x.count) AS count,
        sum(x.amount) AS amount, sum(x.captured) AS captured, sum(x.refunded) AS refunded
    FROM happened x, marks w
    WHERE x.bucket < w.hours_good AND (w.hours_from IS NULL OR x.bucket >= w.hours_from)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    UNION ALL
    SELECT
        'day' AS level, date_trunc('day', x.bucket, 'UTC') AS bucket, x.event_type, x.outcome,
        x.buyer_role, x.currency, x.gateway, x.reason, sum(x.count) AS count,
        sum(x.amount) AS amount, sum(x.captured) AS captured, sum(x.refunded) AS refunded
    FROM happened x, marks w
    WHERE x.bucket < w.days_good
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
),
rolled AS (
    SELECT
        'minute' AS level, m.bucket, m.event_type, m.outcome, m.buyer_role, m.currency, m.gateway,
        m.reason, sum(m.count) AS count, sum(m.amount) AS amount, sum(m.captured) AS captured,
        sum(m.refunded) AS refunded
    FROM payment_metrics m, marks w
    WHERE m.merchant_id = :merchant_id
        AND (w.minutes_from IS NULL OR m.bucket >= w.minutes_from)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    UNION ALL
    SELECT
        'hour', h.bucket, h.event_type, h.outcome, h.buyer_role, h.currency, h.gateway, h.reason,
        h.count, h.amount, h.captured, h.refunded
    FROM payment_metrics_hourly h, marks w
    WHERE h.merchant_id = :merchant_id
        AND (w.hours_from IS NULL OR h.bucket >= w.hours_from)
        AND (h.bucket >= w.hours_good AND h.bucket < w.hours_to) IS NOT TRUE
    UNION ALL
    SELECT
        'day', d.bucket, d.event_type, d.outcome, d.buyer_role, d.currency, d.gateway, d.reason,
        d.count, d.amount, d.captured, d.refunded
    FROM payment_metrics_daily d, marks w
    WHERE d.merchant_id = :merchant_id
        AND (d.bucket >= w.days_good AND d.bucket < w.days_to) IS NOT TRUE
)
SELECT
    NULL::uuid AS payment_id,
    format('%s %s %s %s %s %s by the %s at %s: metrics say %s of %s, history %s of %s%s',
        coalesce(c.event_type, r.event_type), coalesce(c.outcome, r.outcome),
        coalesce(c.reason, r.reason), coalesce(c.buyer_role, r.buyer_role),
        coalesce(c.currency, r.currency), coalesce(c.gateway, r.gateway),
        coalesce(c.level, r.level), coalesce(c.bucket, r.bucket),
        coalesce(r.count, 0), coalesce(r.amount, 0), coalesce(c.count, 0), coalesce(c.amount, 0),
        CASE WHEN r.captured IS DISTINCT FROM c.captured OR r.refunded IS DISTINCT FROM c.refunded
            THEN format('; captured %s and refunded %s, history %s and %s',
                coalesce(r.captured, 0), coalesce(r.refunded, 0), coalesce(c.captured, 0),
                coalesce(c.refunded, 0)) END
    ) AS detail
FROM counted c
FULL JOIN rolled r
    ON r.level = c.level AND r.bucket = c.bucket AND r.event_type = c.event_type
    AND r.outcome = c.outcome AND r.buyer_role = c.buyer_role AND r.currency = c.currency
    AND r.gateway = c.gateway AND r.reason = c.reason
WHERE
    r.count IS DISTINCT FROM c.count OR r.amount IS DISTINCT FROM c.amount OR r.captured IS DISTINCT
    FROM c.captured OR r.refunded IS DISTINCT FROM c.refunded
ORDER BY detail
LIMIT :rows_max::integer;
