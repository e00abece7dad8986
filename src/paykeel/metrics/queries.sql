-- name: metric_watermarks
-- How far a merchant's metrics are summed up, and what was removed; no row: nothing is.
SELECT w.hours_to, w.days_to, w.late_from, w.minutes_from, w.hours_from
FROM metric_watermarks w
WHERE w.merchant_id = :merchant_id::uuid;

-- name: metrics_present
-- The present instant, and how far a merchant's metrics are summed up and what was removed, all
-- null when nothing is; always one row.
SELECT
    clock_timestamp() AS now, w.hours_to, w.days_to, w.late_from, w.minutes_from, w.hours_from
FROM (VALUES (:merchant_id::uuid)) AS m (merchant_id)
LEFT JOIN metric_watermarks w ON w.merchant_id = m.merchant_id;

-- name: metric_series
-- What happened in each place of a series, whose pieces say from which level they are read; no row:
-- nothing did. Each level is asked for its own pieces alone.
WITH spans AS MATERIALIZED (
    SELECT u.place, u.level, u.since, u.until
    FROM unnest(
        :places::integer[], :levels::text[], :froms::timestamptz[], :untils::timestamptz[]
    ) AS u (place, level, since, until)
),
found AS (
    SELECT s.place, m.event_type, m.outcome, m.buyer_role, m.currency, m.gateway, m.reason,
        m.count, m.amount, m.captured, m.refunded
    FROM spans s
    JOIN payment_metrics m ON m.merchant_id = :merchant_id::uuid
        AND m.bucket >= s.since AND m.bucket < s.until
    WHERE s.level = 'minute'
        AND (:roles::text[] IS NULL OR m.buyer_role = ANY (:roles))
        AND (:currencies::text[] IS NULL OR m.currency = ANY (:currencies))
        AND (:gateways::text[] IS NULL OR m.gateway = ANY (:gateways))
    UNION ALL
    SELECT s.place, m.event_type, m.outcome, m.buyer_role, m.currency, m.gateway, m.reason,
        m.count, m.amount, m.captured, m.refunded
    FROM spans s
    JOIN payment_metrics_hourly m ON m.merchant_id = :merchant_id::uuid
        AND m.bucket >= s.since AND m.bucket < s.until
    WHERE s.level = 'hour'
        AND (:roles::text[] IS NULL OR m.buyer_role = ANY (:roles))
        AND (:currencies::text[] IS NULL OR m.currency = ANY (:currencies))
        AND (:gateways::text[] IS NULL OR m.gateway = ANY (:gateways))
    UNION ALL
    SELECT s.place, m.event_type, m.outcome, m.buyer_role, m.currency, m.gateway, m.reason,
        m.count, m.amount, m.captured, m.refunded
    FROM spans s
    JOIN payment_metrics_daily m ON m.merchant_id = :merchant_id::uuid
        AND m.bucket >= s.since AND m.bucket < s.until
    WHERE s.level = 'day'
        AND (:roles::text[] IS NULL OR m.buyer_role = ANY (:roles))
        AND (:currencies::text[] IS NULL OR m.currency = ANY (:currencies))
        AND (:gateways::text[] IS NULL OR m.gateway = ANY (:gateways))
)
SELECT
    f.place, f.event_type, f.outcome, f.buyer_role, f.currency, f.gateway, f.reason,
    sum(f.count)::bigint AS count, sum(f.amount) AS amount, sum(f.captured) AS captured,
    sum(f.refunded) AS refunded
FROM found f
GROUP BY f.place, f.event_type, f.outcome, f.buyer_role, f.currency, f.gateway, f.reason
ORDER BY f.place, f.event_type, f.outcome, f.buyer_role, f.currency, f.gateway, f.reason;

-- name: latency_series
-- The histograms of each place of a series, one row for each of their places that holds anything;
-- no row: nothing was timed.
WITH spans AS MATERIALIZED (
    SELECT u.place, u.level, u.since, u.until
    FROM unnest(
        :places::integer[], :levels::text[], :froms::timestamptz[], :untils::timestamptz[]
    ) AS u (place, level, since, until)
),
found AS (
    SELECT s.place, m.stage, m.buyer_role, m.gateway, m.place AS bucket_place, m.count, m.sum_us
    FROM spans s
    JOIN payment_latencies m ON m.merchant_id = :merchant_id::uuid
        AND m.bucket >= s.since AND m.bucket < s.until
    WHERE s.level = 'minute'
        AND (:roles::text[] IS NULL OR m.buyer_role = ANY (:roles))
        AND (:gateways::text[] IS NULL OR m.gateway = ANY (:gateways))
    UNION ALL
    SELECT s.place, m.stage, m.buyer_role, m.gateway, m.place AS bucket_place, m.count, m.sum_us
    FROM spans s
    JOIN payment_latencies_hourly m ON m.merchant_id = :merchant_id::uuid
        AND m.bucket >= s.since AND m.bucket < s.until
    WHERE s.level = 'hour'
        AND (:roles::text[] IS NULL OR m.buyer_role = ANY (:roles))
        AND (:gateways::text[] IS NULL OR m.gateway = ANY (:gateways))
    UNION ALL
    SELECT s.place, m.stage, m.buyer_role, m.gateway, m.place AS bucket_place, m.count, m.sum_us
    FROM spans s
    JOIN payment_latencies_daily m ON m.merchant_id = :merchant_id::uuid
        AND m.bucket >= s.since AND m.bucket < s.until
    WHERE s.level = 'day'
        AND (:roles::text[] IS NULL OR m.buyer_role = ANY (:roles))
        AND (:gateways::text[] IS NULL OR m.gateway = ANY (:gateways))
)
SELECT
    f.place, f.stage, f.buyer_role, f.gateway, f.bucket_place::integer AS bucket_place,
    sum(f.count)::bigint AS count, sum(f.sum_us) AS sum_us
FROM found f
GROUP BY f.place, f.stage, f.buyer_role, f.gateway, f.bucket_place
ORDER BY f.place, f.stage, f.buyer_role, f.gateway, f.bucket_place;

-- name: add_latencies
-- Adds what a process measured of its purchases (merchant_id comes with each row) to the minutes,
-- and has hours summed up anew that were so already: a clock went back. No row ever.
WITH input AS MATERIALIZED (
    SELECT
        u.merchant_id, u.bucket, u.stage, u.buyer_role, u.gateway, u.place, u.count, u.sum_us
    FROM unnest(
        :merchant_ids::uuid[], :buckets::timestamptz[], :stages::text[], :buyer_roles::text[],
        :gateways::text[], :places::smallint[], :counts::bigint[], :sums_us::bigint[]
    ) AS u (merchant_id, bucket, stage, buyer_role, gateway, place, count, sum_us)
),
timed AS (
    INSERT INTO payment_latencies (
        merchant_id, bucket, stage, buyer_role, gateway, slot, place, count, sum_us
    )
    SELECT
        i.merchant_id, i.bucket, i.stage, i.buyer_role, i.gateway, :slot::smallint, i.place,
        i.count, i.sum_us
    FROM input i
    ORDER BY 1, 2, 3, 4, 5, 7
    ON CONFLICT (merchant_id, bucket, stage, buyer_role, gateway, slot, place)
    DO UPDATE SET
        count = payment_latencies.count + excluded.count,
        sum_us = payment_latencies.sum_us + excluded.sum_us
),
summed AS MATERIALIZED (
    -- As in the statements that move payments; the order keeps two processes from waiting for each
    -- other. A minute's durations are written when it is over.
    SELECT w.merchant_id, w.late_from, date_trunc('hour', f.at, 'UTC') AS hour
    FROM (SELECT i.merchant_id, min(i.bucket) AS at FROM input i GROUP BY i.merchant_id) AS f
    JOIN metric_watermarks w ON w.merchant_id = f.merchant_id
    WHERE w.hours_to > f.at OR f.at < clock_timestamp() - interval '2 minutes'
    ORDER BY w.merchant_id
    FOR NO KEY UPDATE OF w
)
UPDATE metric_watermarks w
SET late_from = least(w.late_from, s.hour)
FROM summed s
WHERE w.merchant_id = s.merchant_id AND (s.late_from IS NULL OR s.late_from > s.hour);
