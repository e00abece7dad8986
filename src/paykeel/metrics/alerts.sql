-- name: take_turn
-- Lets one worker at a time look for alerts, until its transaction ends; no row: another one does.
SELECT clock_timestamp() AS now
WHERE pg_try_advisory_xact_lock(:lock::bigint);

-- name: recent_outcomes
-- How often gateways said yes and no to the merchants asked for (each row has its merchant_id), in
-- the window and in the hour before it, by what tells for whom and why; no row: nobody was asked.
SELECT
    m.merchant_id, m.bucket >= :since::timestamptz AS recent, m.outcome, m.reason, m.buyer_role,
    m.gateway, sum(m.count)::bigint AS count
FROM payment_metrics m
WHERE m.merchant_id = ANY (:merchant_ids::uuid[])
    AND m.bucket >= :before_since::timestamptz
    AND m.outcome IN ('succeeded', 'failed')
GROUP BY m.merchant_id, m.bucket >= :since, m.outcome, m.reason, m.buyer_role, m.gateway;

-- name: recent_latencies
-- How long the stages took at the merchants asked for (each row has its merchant_id) in the window;
-- no row: nothing was measured.
SELECT
    l.merchant_id, l.stage, l.place, sum(l.count)::bigint AS count, sum(l.sum_us) AS sum_us
FROM payment_latencies l
WHERE l.merchant_id = ANY (:merchant_ids::uuid[])
    AND l.bucket >= :since::timestamptz
    AND l.stage = ANY (:stages::text[])
GROUP BY l.merchant_id, l.stage, l.place;

-- name: alerts_going_on
-- What is not resolved yet at the merchants asked for (each row has its merchant_id); no row: all
-- is well. It stays locked until the transaction ends, so that nobody changes it in between.
SELECT
    a.merchant_id, a.alert_id, a.dedupe_key, a.facts, a.opened_at, a.last_at, a.calm_since
FROM metric_alerts a
WHERE a.merchant_id = ANY (:merchant_ids::uuid[]) AND a.resolved_at IS NULL
FOR UPDATE;

-- name: write_alerts
-- Opens alerts, keeps up those that go on, resolves those that are over, and stages what is to be
-- told. One row for each that was opened or changed; no row for one that another one has opened.
WITH input AS MATERIALIZED (
    SELECT
        u.merchant_id, u.alert_id, u.rule, u.dedupe_key, u.change, u.last_at, u.calm_since,
        u.facts::jsonb AS facts, u.message_id, u.payload::jsonb AS payload
    FROM unnest(
        :merchant_ids::uuid[], :alert_ids::uuid[], :rules::text[], :dedupe_keys::text[],
        :changes::text[], :last_ats::timestamptz[], :calm_sinces::timestamptz[], :facts::text[],
        :message_ids::uuid[], :payloads::text[]
    ) AS u (
        merchant_id, alert_id, rule, dedupe_key,
        change, last_at, calm_since, facts,
        message_id, payload
    )
),
opened AS (
    INSERT INTO metric_alerts (
        merchant_id, alert_id, rule, dedupe_key, status, facts, opened_at, last_at
    )
    SELECT
        i.merchant_id, i.alert_id, i.rule, i.dedupe_key, 'open', i.facts, i.last_at, i.last_at
    FROM input i
    WHERE i.change = 'opened'
    ON CONFLICT (dedupe_key, merchant_id) WHERE resolved_at IS NULL DO NOTHING
    RETURNING merchant_id, alert_id
),
kept AS (
    UPDATE metric_alerts a
    SET last_at = i.last_at,
        calm_since = i.calm_since,
        facts = i.facts,
        status = CASE WHEN i.change = 'resolved' THEN 'resolved' ELSE a.status END,
        resolved_at = CASE WHEN i.change = 'resolved' THEN :now::timestamptz END
    FROM input i
    WHERE i.change IN ('kept', 'resolved')
        AND a.merchant_id = i.merchant_id AND a.alert_id = i.alert_id AND a.resolved_at IS NULL
    RETURNING a.merchant_id, a.alert_id
),
written AS (
    SELECT o.merchant_id, o.alert_id FROM opened o
    UNION ALL
    SELECT k.merchant_id, k.alert_id FROM kept k
),
staged AS (
    INSERT INTO outbox (merchant_id, message_id, topic, payment_id, payload, created_at)
    SELECT i.merchant_id, i.message_id, :topic::text, NULL, i.payload, now()
    FROM input i
    JOIN written w ON w.merchant_id = i.merchant_id AND w.alert_id = i.alert_id
    WHERE i.message_id IS NOT NULL
)
SELECT w.alert_id FROM written w;

-- name: list_alerts
-- A page of a merchant's alerts, newest first, before a given id; no row: there are no more.
SELECT
    a.merchant_id, a.alert_id, a.rule, a.dedupe_key, a.status, a.facts, a.opened_at, a.last_at,
    a.acknowledged_by, a.acknowledged_at, a.resolved_at
FROM metric_alerts a
WHERE a.merchant_id = :merchant_id::uuid
    AND (:status::text IS NULL OR a.status = :status)
    AND (:before::uuid IS NULL OR a.alert_id < :before)
ORDER BY a.alert_id DESC
LIMIT :rows_max::integer;

-- name: get_alert
-- The alert with this id; no row: this merchant has none such.
SELECT
    a.merchant_id, a.alert_id, a.rule, a.dedupe_key, a.status, a.facts, a.opened_at, a.last_at,
    a.acknowledged_by, a.acknowledged_at, a.resolved_at
FROM metric_alerts a
WHERE a.merchant_id = :merchant_id::uuid AND a.alert_id = :alert_id::uuid;

-- name: acknowledge_alert
-- Says who has seen an alert, once, also one that is over; no row: there is none such, or somebody
-- has before.
UPDATE metric_alerts a
SET status = CASE WHEN a.status = 'open' THEN 'acknowledged' ELSE a.status END,
    acknowledged_by = :author::text,
    acknowledged_at = clock_timestamp()
WHERE a.merchant_id = :merchant_id::uuid AND a.alert_id = :alert_id::uuid
    AND a.acknowledged_at IS NULL
RETURNING
    a.merchant_id, a.alert_id, a.rule, a.dedupe_key, a.status, a.facts, a.opened_at, a.last_at,
    a.acknowledged_by, a.acknowledged_at, a.resolved_at;

-- name: list_open_alerts
-- Alerts of all merchants that nobody has seen (each row has its merchant_id), the oldest first; no
-- row: there is none.
SELECT
    a.merchant_id, a.alert_id, a.rule, a.dedupe_key, a.status, a.facts, a.opened_at, a.last_at,
    a.acknowledged_by, a.acknowledged_at, a.resolved_at
FROM metric_alerts a
WHERE a.status = 'open' AND a.resolved_at IS NULL
ORDER BY a.opened_at
LIMIT :rows_max::integer;
