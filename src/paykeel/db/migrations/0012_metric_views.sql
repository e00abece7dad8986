-- What was counted, as views for people with a tool of their own: one row for each day or hour (in
-- UTC), role, currency and gateway. They are read from the sums of days and hours as far as these
-- are made, and from the minutes after that, so that they are never behind.

-- Every kind of event by the hour. Hours that retention has removed are only in metrics_by_day.
CREATE VIEW metrics_by_hour AS
SELECT
    h.merchant_id, h.bucket AS hour, h.event_type, h.outcome, h.buyer_role, h.currency, h.gateway,
    h.reason, h.count, h.amount, h.captured, h.refunded
FROM payment_metrics_hourly h
JOIN metric_watermarks w ON w.merchant_id = h.merchant_id
WHERE h.bucket < least(w.hours_to, w.late_from)
UNION ALL
SELECT
    m.merchant_id, date_trunc('hour', m.bucket, 'UTC') AS hour, m.event_type, m.outcome,
    m.buyer_role, m.currency, m.gateway, m.reason, sum(m.count)::bigint AS count,
    sum(m.amount) AS amount, sum(m.captured) AS captured, sum(m.refunded) AS refunded
FROM payment_metrics m
LEFT JOIN metric_watermarks w ON w.merchant_id = m.merchant_id
WHERE m.bucket >= coalesce(least(w.hours_to, w.late_from), '-infinity')
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;

-- Every kind of event by the day.
CREATE VIEW metrics_by_day AS
SELECT
    d.merchant_id, (d.bucket AT TIME ZONE 'UTC')::date AS day, d.event_type, d.outcome,
    d.buyer_role, d.currency, d.gateway, d.reason, d.count, d.amount, d.captured, d.refunded
FROM payment_metrics_daily d
JOIN metric_watermarks w ON w.merchant_id = d.merchant_id
WHERE d.bucket < least(w.days_to, date_trunc('day', w.late_from, 'UTC'))
UNION ALL
SELECT
    h.merchant_id, (h.hour AT TIME ZONE 'UTC')::date AS day, h.event_type, h.outcome,
    h.buyer_role, h.currency, h.gateway, h.reason, sum(h.count)::bigint AS count,
    sum(h.amount) AS amount, sum(h.captured) AS captured, sum(h.refunded) AS refunded
FROM metrics_by_hour h
LEFT JOIN metric_watermarks w ON w.merchant_id = h.merchant_id
WHERE h.hour >= coalesce(
        least(w.days_to, date_trunc('day', w.late_from, 'UTC')), '-infinity')
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;

-- How many purchases began, and how many came to which end. Shares are made of sums over rows:
-- succeeded / (succeeded + failed) is the success rate by attempt.
CREATE VIEW metrics_purchases AS
SELECT
    d.merchant_id, d.day, d.buyer_role, d.currency, d.gateway,
    coalesce(sum(d.count) FILTER (
        WHERE d.event_type IN ('payment.opened', 'payment.in_review', 'payment.blocked')
    ), 0)::bigint AS begun,
    coalesce(sum(d.count) FILTER (WHERE d.outcome = 'succeeded'), 0)::bigint AS succeeded,
    coalesce(sum(d.count) FILTER (WHERE d.outcome = 'failed'), 0)::bigint AS failed,
    coalesce(sum(d.count) FILTER (WHERE d.outcome = 'blocked'), 0)::bigint AS blocked,
    coalesce(sum(d.count) FILTER (WHERE d.outcome = 'canceled'), 0)::bigint AS canceled,
    coalesce(sum(d.count) FILTER (WHERE d.outcome = 'expired'), 0)::bigint AS expired
FROM metrics_by_day d
GROUP BY d.merchant_id, d.day, d.buyer_role, d.currency, d.gateway;

-- Why purchases failed, and what they were about in minor units.
CREATE VIEW metrics_failures AS
SELECT
    d.merchant_id, d.day, d.buyer_role, d.currency, d.gateway, d.reason,
    sum(d.count)::bigint AS failed, sum(d.amount) AS amount
FROM metrics_by_day d
WHERE d.outcome = 'failed'
GROUP BY d.merchant_id, d.day, d.buyer_role, d.currency, d.gateway, d.reason;

-- What came in and went back, in minor units. Rows of different currencies are never added up.
CREATE VIEW metrics_revenue AS
SELECT
    d.merchant_id, d.day, d.buyer_role, d.currency, d.gateway, sum(d.captured) AS gross,
    sum(d.refunded) AS refunds, sum(d.captured) - sum(d.refunded) AS net
FROM metrics_by_day d
WHERE d.captured <> 0 OR d.refunded <> 0
GROUP BY d.merchant_id, d.day, d.buyer_role, d.currency, d.gateway;

-- How long each stage took, by the hour: how many durations were at most upper_us microseconds and
-- longer than the upper_us of the place before. The last place has no end.
CREATE VIEW metrics_latency AS
SELECT
    h.merchant_id, h.bucket AS hour, h.stage, h.buyer_role, h.gateway, h.place,
    CASE WHEN h.place < 304 THEN floor(power(2::numeric, h.place / 8.0))::bigint END AS upper_us,
    h.count, h.sum_us
FROM payment_latencies_hourly h
JOIN metric_watermarks w ON w.merchant_id = h.merchant_id
WHERE h.bucket < least(w.hours_to, w.late_from)
UNION ALL
SELECT
    l.merchant_id, date_trunc('hour', l.bucket, 'UTC') AS hour, l.stage, l.buyer_role, l.gateway,
    l.place,
    CASE WHEN l.place < 304 THEN floor(power(2::numeric, l.place / 8.0))::bigint END AS upper_us,
    sum(l.count)::bigint AS count, sum(l.sum_us) AS sum_us
FROM payment_latencies l
LEFT JOIN metric_watermarks w ON w.merchant_id = l.merchant_id
WHERE l.bucket >= coalesce(least(w.hours_to, w.late_from), '-infinity')
GROUP BY 1, 2, 3, 4, 5, 6;

-- Labels of a month are found without reading all that was ever labelled.
CREATE INDEX fraud_labels_of_fraud ON fraud_labels (known_at, merchant_id) WHERE label = 'fraud';

GRANT SELECT ON
    metrics_by_hour, metrics_by_day, metrics_purchases, metrics_failures, metrics_revenue,
    metrics_latency
    TO paykeel_app;
