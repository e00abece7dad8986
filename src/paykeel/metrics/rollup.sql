-- name: metrics_due
-- A page of the merchants, after a given one, whose hours are over and not summed up, or are to be
-- summed up anew; no row: there are no more. It reads across merchants, off the hot path.
SELECT m.merchant_id
FROM merchants m
LEFT JOIN metric_watermarks w ON w.merchant_id = m.merchant_id
WHERE (:after::uuid IS NULL OR m.merchant_id > :after)
    AND (
        w.hours_to < :hours_to::timestamptz OR w.late_from IS NOT NULL
        OR (w.merchant_id IS NULL AND EXISTS (
            SELECT FROM payment_metrics c WHERE c.merchant_id = m.merchant_id))
    )
ORDER BY m.merchant_id
LIMIT :rows_max::integer;

-- name: begin_watermark
-- Makes the watermark of a merchant of whom nothing is summed up; no row: it is there, or nothing
-- has happened yet.
INSERT INTO metric_watermarks (merchant_id, hours_to, days_to)
SELECT
    :merchant_id::uuid, date_trunc('hour', f.at, 'UTC'), date_trunc('day', f.at, 'UTC')
FROM (
    SELECT min(c.bucket) AS at FROM payment_metrics c WHERE c.merchant_id = :merchant_id
) AS f
WHERE f.at IS NOT NULL
    AND NOT EXISTS (SELECT FROM metric_watermarks w WHERE w.merchant_id = :merchant_id)
ON CONFLICT (merchant_id) DO NOTHING
RETURNING merchant_id;

-- name: lock_watermark
-- A merchant's watermark, locked until the transaction ends; no row: another worker has it, or
-- there is none.
SELECT w.hours_to, w.days_to, w.late_from, w.minutes_from, w.hours_from
FROM metric_watermarks w
WHERE w.merchant_id = :merchant_id::uuid
FOR UPDATE SKIP LOCKED;

-- name: sum_up_hours_of_counts
-- Writes hours anew from what they are the sum of: those that differ, and without those in which
-- nothing happened. One row: how many were written and removed.
WITH summed AS MATERIALIZED (
    SELECT
        date_trunc('hour', m.bucket, 'UTC') AS bucket, m.event_type, m.outcome, m.buyer_role,
        m.currency, m.gateway, m.reason, sum(m.count)::bigint AS count, sum(m.amount) AS amount,
        sum(m.captured) AS captured, sum(m.refunded) AS refunded
    FROM payment_metrics m
    WHERE m.merchant_id = :merchant_id::uuid
        AND m.bucket >= :since::timestamptz AND m.bucket < :until::timestamptz
    GROUP BY 1, 2, 3, 4, 5, 6, 7
),
written AS (
    INSERT INTO payment_metrics_hourly AS t (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, count,
        amount, captured, refunded
    )
    SELECT
        :merchant_id, s.bucket, s.event_type, s.outcome, s.buyer_role, s.currency, s.gateway,
        s.reason, s.count, s.amount, s.captured, s.refunded
    FROM summed s
    ON CONFLICT (merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason)
    DO UPDATE SET
        count = excluded.count,
        amount = excluded.amount,
        captured = excluded.captured,
        refunded = excluded.refunded
    WHERE
        (t.count, t.amount, t.captured, t.refunded)
        IS DISTINCT FROM
        (excluded.count, excluded.amount, excluded.captured, excluded.refunded)
    RETURNING t.bucket
),
removed AS (
    DELETE FROM payment_metrics_hourly t
    WHERE t.merchant_id = :merchant_id AND t.bucket >= :since AND t.bucket < :until
        AND NOT EXISTS (
            SELECT FROM summed s
            WHERE
                s.bucket = t.bucket AND s.event_type = t.event_type AND s.outcome = t.outcome AND
                s.buyer_role = t.buyer_role AND s.currency = t.currency AND s.gateway = t.gateway
                AND s.reason = t.reason
        )
    RETURNING t.bucket
)
SELECT
    (SELECT count(*) FROM written) AS written,
    (SELECT count(*) FROM removed) AS removed;

-- name: sum_up_days_of_counts
-- Writes days anew from what they are the sum of: those that differ, and without those in which
-- nothing happened. One row: how many were written and removed.
WITH summed AS MATERIALIZED (
    SELECT
        date_trunc('day', m.bucket, 'UTC') AS bucket, m.event_type, m.outcome, m.buyer_role,
        m.currency, m.gateway, m.reason, sum(m.count)::bigint AS count, sum(m.amount) AS amount,
        sum(m.captured) AS captured, sum(m.refunded) AS refunded
    FROM payment_metrics_hourly m
    WHERE m.merchant_id = :merchant_id::uuid
        AND m.bucket >= :since::timestamptz AND m.bucket < :until::timestamptz
    GROUP BY 1, 2, 3, 4, 5, 6, 7
),
written AS (
    INSERT INTO payment_metrics_daily AS t (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, count,
        amount, captured, refunded
    )
    SELECT
        :merchant_id, s.bucket, s.event_type, s.outcome, s.buyer_role, s.currency, s.gateway,
        s.reason, s.count, s.amount, s.captured, s.refunded
    FROM summed s
    ON CONFLICT (merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason)
    DO UPDATE SET
        count = excluded.count,
        amount = excluded.amount,
        captured = excluded.captured,
        refunded = excluded.refunded
    WHERE
        (t.count, t.amount, t.captured, t.refunded)
        IS DISTINCT FROM
        (excluded.count, excluded.amount, excluded.captured, excluded.refunded)
    RETURNING t.bucket
),
removed AS (
    DELETE FROM payment_metrics_daily t
    WHERE t.merchant_id = :merchant_id AND t.bucket >= :since AND t.bucket < :until
        AND NOT EXISTS (
            SELECT FROM summed s
            WHERE
                s.bucket = t.bucket AND s.event_type = t.event_type AND s.outcome = t.outcome AND
                s.buyer_role = t.buyer_role AND s.currency = t.currency AND s.gateway = t.gateway
                AND s.reason = t.reason
        )
    RETURNING t.bucket
)
SELECT
    (SELECT count(*) FROM written) AS written,
    (SELECT count(*) FROM removed) AS removed;

-- name: sum_up_hours_of_latencies
-- Writes hours anew from what they are the sum of: those that differ, and without those in which
-- nothing happened. One row: how many were written and removed.
WITH summed AS MATERIALIZED (
    SELECT
        date_trunc('hour', m.bucket, 'UTC') AS bucket, m.stage, m.buyer_role, m.gateway, m.place,
        sum(m.count)::bigint AS count, sum(m.sum_us) AS sum_us
    FROM payment_latencies m
    WHERE m.merchant_id = :merchant_id::uuid
        AND m.bucket >= :since::timestamptz AND m.bucket < :until::timestamptz
    GROUP BY 1, 2, 3, 4, 5
),
written AS (
    INSERT INTO payment_latencies_hourly AS t (
        merchant_id, bucket, stage, buyer_role, gateway, place, count, sum_us
    )
    SELECT
        :merchant_id, s.bucket, s.stage, s.buyer_role, s.gateway, s.place, s.count, s.sum_us
    FROM summed s
    ON CONFLICT (merchant_id, bucket, stage, buyer_role, gateway, place)
    DO UPDATE SET
        count = excluded.count,
        sum_us = excluded.sum_us
    WHERE
        (t.count, t.sum_us)
        IS DISTINCT FROM
        (excluded.count, excluded.sum_us)
    RETURNING t.bucket
),
removed AS (
    DELETE FROM payment_latencies_hourly t
    WHERE t.merchant_id = :merchant_id AND t.bucket >= :since AND t.bucket < :until
        AND NOT EXISTS (
            SELECT FROM summed s
            WHERE
                s.bucket = t.bucket AND s.stage = t.stage AND s.buyer_role = t.buyer_role AND
                s.gateway = t.gateway AND s.place = t.place
        )
    RETURNING t.bucket
)
SELECT
    (SELECT count(*) FROM written) AS written,
    (SELECT count(*) FROM removed) AS removed;

-- name: sum_up_days_of_latencies
-- Writes days anew from what they are the sum of: those that differ, and without those in which
-- nothing happened. One row: how many were written and removed.
WITH summed AS MATERIALIZED (
    SELECT
        date_trunc('day', m.bucket, 'UTC') AS bucket, m.stage, m.buyer_role, m.gateway, m.place,
        sum(m.count)::bigint AS count, sum(m.sum_us) AS sum_us
    FROM payment_latencies_hourly m
    WHERE m.merchant_id = :merchant_id::uuid
        AND m.bucket >= :since::timestamptz AND m.bucket < :until::timestamptz
    GROUP BY 1, 2, 3, 4, 5
),
written AS (
    INSERT INTO payment_latencies_daily AS t (
        merchant_id, bucket, stage, buyer_role, gateway, place, count, sum_us
    )
    SELECT
        :merchant_id, s.bucket, s.stage, s.buyer_role, s.gateway, s.place, s.count, s.sum_us
    FROM summed s
    ON CONFLICT (merchant_id, bucket, stage, buyer_role, gateway, place)
    DO UPDATE SET
        count = excluded.count,
        sum_us = excluded.sum_us
    WHERE
        (t.count, t.sum_us)
        IS DISTINCT FROM
        (excluded.count, excluded.sum_us)
    RETURNING t.bucket
),
removed AS (
    DELETE FROM payment_latencies_daily t
    WHERE t.merchant_id = :merchant_id AND t.bucket >= :since AND t.bucket < :until
        AND NOT EXISTS (
            SELECT FROM summed s
            WHERE
                s.bucket = t.bucket AND s.stage = t.stage AND s.buyer_role = t.buyer_role AND
                s.gateway = t.gateway AND s.place = t.place
        )
    RETURNING t.bucket
)
SELECT
    (SELECT count(*) FROM written) AS written,
    (SELECT count(*) FROM removed) AS removed;

-- name: write_watermark
-- Says how far a merchant is summed up, in the transaction that did it; always one row.
UPDATE metric_watermarks w
SET hours_to = :hours_to::timestamptz,
    days_to = :days_to::timestamptz,
    late_from = :late_from::timestamptz
WHERE w.merchant_id = :merchant_id::uuid
RETURNING w.merchant_id;

-- name: metrics_too_old
-- A page of the merchants, after a given one, of whom something is older than it is kept; no row:
-- there are no more. Looked up for each merchant, of all, off the hot path.
SELECT w.merchant_id
FROM metric_watermarks w
WHERE (:after::uuid IS NULL OR w.merchant_id > :after)
    AND (
        EXISTS (
            SELECT FROM payment_metrics c
            WHERE c.merchant_id = w.merchant_id AND c.bucket < :minutes_before::timestamptz)
        OR EXISTS (
            SELECT FROM payment_latencies c
            WHERE c.merchant_id = w.merchant_id AND c.bucket < :minutes_before)
        OR EXISTS (
            SELECT FROM payment_metrics_hourly c
            WHERE c.merchant_id = w.merchant_id AND c.bucket < :hours_before::timestamptz)
        OR EXISTS (
            SELECT FROM payment_latencies_hourly c
            WHERE c.merchant_id = w.merchant_id AND c.bucket < :hours_before)
    )
ORDER BY w.merchant_id
LIMIT :rows_max::integer;

-- name: move_retention
-- Says from when on minutes and hours are kept: never more than is summed up, and never less than
-- before. Minutes stay, too, until each sink was given and has compared them, unless it has been
-- off for so many days. No row: nothing of the merchant is summed up.
UPDATE metric_watermarks w
SET minutes_from = greatest(
        w.minutes_from,
        least(
            :minutes_before::timestamptz,
            date_trunc('day', least(w.hours_to, w.late_from, (
                SELECT min(s.compared_to) FROM metric_sinks s
                WHERE s.last_on_at
                    > clock_timestamp() - make_interval(days => :sink_off_days::integer)
            )), 'UTC'))
    ),
    hours_from = CASE WHEN :hours_before::timestamptz IS NULL THEN w.hours_from ELSE greatest(
        w.hours_from,
        least(:hours_before, w.days_to, date_trunc('day', w.late_from, 'UTC'))
    ) END
WHERE w.merchant_id = :merchant_id::uuid
RETURNING w.minutes_from, w.hours_from;

-- name: purge_minutes_of_counts
-- Removes the oldest day before an instant; no row: nothing is left before it.
WITH removed AS (
    DELETE FROM payment_metrics m
    WHERE m.merchant_id = :merchant_id::uuid AND m.bucket < :before::timestamptz
        AND m.bucket < (
            SELECT min(o.bucket) + interval '1 day' FROM payment_metrics o
            WHERE o.merchant_id = :merchant_id
        )
    RETURNING m.bucket
)
SELECT count(*) AS removed FROM removed HAVING count(*) > 0;

-- name: purge_minutes_of_latencies
-- Removes the oldest day before an instant; no row: nothing is left before it.
WITH removed AS (
    DELETE FROM payment_latencies m
    WHERE m.merchant_id = :merchant_id::uuid AND m.bucket < :before::timestamptz
        AND m.bucket < (
            SELECT min(o.bucket) + interval '1 day' FROM payment_latencies o
            WHERE o.merchant_id = :merchant_id
        )
    RETURNING m.bucket
)
SELECT count(*) AS removed FROM removed HAVING count(*) > 0;

-- name: purge_hours_of_counts
-- Removes the oldest day before an instant; no row: nothing is left before it.
WITH removed AS (
    DELETE FROM payment_metrics_hourly m
    WHERE m.merchant_id = :merchant_id::uuid AND m.bucket < :before::timestamptz
        AND m.bucket < (
            SELECT min(o.bucket) + interval '1 day' FROM payment_metrics_hourly o
            WHERE o.merchant_id = :merchant_id
        )
    RETURNING m.bucket
)
SELECT count(*) AS removed FROM removed HAVING count(*) > 0;

-- name: purge_hours_of_latencies
-- Removes the oldest day before an instant; no row: nothing is left before it.
WITH removed AS (
    DELETE FROM payment_latencies_hourly m
    WHERE m.merchant_id = :merchant_id::uuid AND m.bucket < :before::timestamptz
        AND m.bucket < (
            SELECT min(o.bucket) + interval '1 day' FROM payment_latencies_hourly o
            WHERE o.merchant_id = :merchant_id
        )
    RETURNING m.bucket
)
SELECT count(*) AS removed FROM removed HAVING count(*) > 0;
