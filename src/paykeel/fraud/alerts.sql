-- name: take_turn
-- Lets one worker at a time look for alerts, until its transaction ends; no row: another one does.
-- What is counted afterwards is another statement, so that it sees what the one before has written.
SELECT clock_timestamp() AS now
WHERE pg_try_advisory_xact_lock(:lock::bigint);

-- name: plan_by_hash
-- Lets the rest of this transaction be planned without nested loops ('off'), or with them again
-- ('on'); one row. What a reason means is looked up for every row of a flood, and a planner that
-- takes the flood for small would go through all meanings for each.
SELECT set_config('enable_nestloop', :nested_loops::text, true) AS nested_loops;

-- name: oldest_uncounted
-- From when on what was stopped is not counted for good, over all alerts; null: nothing is open.
SELECT min(a.counted_to) AS counted_to
FROM fraud_alerts a
WHERE a.kind <> 'decline_spike'
    AND (a.acknowledged_at IS NULL OR a.counted_to <= a.acknowledged_at);

-- name: nth_newest
-- When, of all that was stopped since then, the nth from the end was; no row: it is fewer.
SELECT l.created_at AS at
FROM fraud_prevention_logs l
WHERE l.decision IN ('block', 'refuse') AND l.created_at >= :since::timestamptz
ORDER BY l.created_at DESC
OFFSET :rows_max::integer
LIMIT 1;

-- name: nth_after
-- When, of all that was stopped since then, the nth was; no row: it is fewer.
SELECT l.created_at AS at
FROM fraud_prevention_logs l
WHERE l.decision IN ('block', 'refuse') AND l.created_at >= :since::timestamptz
ORDER BY l.created_at
OFFSET :rows_max::integer
LIMIT 1;

-- name: find_bursts
-- Where, by merchant_id, a reason was given at least so often within the window, and when that was
-- so for the first time; no row: nowhere. What is open already, or was acknowledged later, counts
-- for nothing.
WITH recent AS MATERIALIZED (
    SELECT
        l.merchant_id, l.log_id, l.created_at, unnest(l.reasons) AS reason,
        coalesce(l.ruleset_sha256, '\x'::bytea) AS sha256
    FROM fraud_prevention_logs l
    WHERE l.decision IN ('block', 'refuse') AND l.created_at >= :since::timestamptz
),
asked AS MATERIALIZED (
    SELECT u.sha256, u.reason, u.kind, u.count_min
    FROM unnest(
        :sha256s::bytea[], :reasons::text[], :kinds::text[], :counts_min::integer[]
    ) AS u (sha256, reason, kind, count_min)
),
known AS MATERIALIZED (
    SELECT
        a.merchant_id, a.dedupe_key, bool_or(a.status = 'open') AS open,
        max(a.acknowledged_at) AS acknowledged_at
    FROM fraud_alerts a
    WHERE a.status = 'open' OR (a.status = 'acknowledged' AND a.acknowledged_at >= :since)
    GROUP BY a.merchant_id, a.dedupe_key
),
placed AS (
    SELECT
        r.merchant_id, q.kind, q.reason, r.created_at,
        lag(r.created_at, q.count_min - 1) OVER (
            PARTITION BY r.merchant_id, q.kind, q.reason ORDER BY r.created_at, r.log_id) AS began
    FROM recent r
    JOIN asked q ON q.sha256 = r.sha256 AND q.reason = r.reason
    LEFT JOIN known k
        ON k.merchant_id = r.merchant_id AND k.dedupe_key = q.kind || ':' || q.reason
    WHERE k.open IS NOT TRUE AND (k.acknowledged_at IS NULL OR r.created_at > k.acknowledged_at)
),
bursts AS (
    SELECT p.merchant_id, p.kind, p.reason, min(p.created_at) AS at
    FROM placed p
    WHERE p.began >= p.created_at - make_interval(secs => :window_ms::integer / 1000.0)
    GROUP BY p.merchant_id, p.kind, p.reason
    ORDER BY 1, 2, 3
    LIMIT :rows_max::integer
)
SELECT b.merchant_id, b.kind, b.reason, b.at, k.acknowledged_at
FROM bursts b
LEFT JOIN known k ON k.merchant_id = b.merchant_id AND k.dedupe_key = b.kind || ':' || b.reason;

-- name: unknown_rulesets
-- Rulesets by which something was stopped, each with a merchant_id that uses it, beside those whose
-- reasons are known; no row: all are known.
SELECT DISTINCT ON (l.ruleset_sha256)
    l.merchant_id, l.ruleset_sha256 AS sha256, l.ruleset, l.ruleset_version
FROM fraud_prevention_logs l
WHERE l.decision IN ('block', 'refuse')
    AND l.created_at >= :from::timestamptz AND l.created_at < :until::timestamptz
    AND l.ruleset_sha256 <> ALL (:known::bytea[])
ORDER BY l.ruleset_sha256
LIMIT :rows_max::integer;

-- name: rulesets_of
-- The documents of rulesets, each by merchant_id, name, version and hash; null: it is stored
-- nowhere, since it is built in. One row for each.
SELECT
    u.sha256, (
        SELECT r.document
        FROM fraud_rulesets r
        WHERE r.merchant_id = u.merchant_id AND r.ruleset = u.ruleset
            AND r.ruleset_version = u.ruleset_version AND r.sha256 = u.sha256
    ) AS document
FROM unnest(
    :merchant_ids::uuid[], :rulesets::text[], :versions::integer[], :sha256s::bytea[]
) AS u (merchant_id, ruleset, ruleset_version, sha256);

-- name: find_declines
-- Merchants with at least so many declines in the last minutes, by merchant_id, and what they had
-- in the time before; no row: nobody had so many. A gateway that cannot be reached declines
-- nothing. What is open already, or was acknowledged later, counts for nothing.
WITH known AS MATERIALIZED (
    SELECT
        a.merchant_id, bool_or(a.status = 'open') AS open, max(a.acknowledged_at) AS acknowledged_at
    FROM fraud_alerts a
    WHERE a.dedupe_key = 'decline_spike'
        AND (a.status = 'open' OR (a.status = 'acknowledged' AND a.acknowledged_at >= :since))
    GROUP BY a.merchant_id
),
recent AS MATERIALIZED (
    SELECT
        m.merchant_id, k.acknowledged_at,
        sum(m.count) FILTER (WHERE m.event_type = 'payment.failed') AS declines,
        coalesce(sum(m.count) FILTER (WHERE m.event_type = 'payment.opened'), 0) AS attempts
    FROM payment_metrics m
    LEFT JOIN known k ON k.merchant_id = m.merchant_id
    WHERE m.bucket >= :since::timestamptz
        AND m.event_type IN ('payment.failed', 'payment.opened')
        AND m.reason NOT IN ('gateway_unavailable', 'processing_error')
        AND k.open IS NOT TRUE AND (k.acknowledged_at IS NULL OR m.bucket > k.acknowledged_at)
    GROUP BY m.merchant_id, k.acknowledged_at
    HAVING sum(m.count) FILTER (WHERE m.event_type = 'payment.failed') >= :declines_min::integer
    ORDER BY m.merchant_id
    LIMIT :rows_max::integer
)
SELECT
    r.merchant_id, r.declines::bigint AS declines, r.attempts::bigint AS attempts,
    b.declines::bigint AS declines_before, b.attempts::bigint AS attempts_before,
    r.acknowledged_at
FROM recent r
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(m.count) FILTER (WHERE m.event_type = 'payment.failed'), 0) AS declines,
        coalesce(sum(m.count) FILTER (WHERE m.event_type = 'payment.opened'), 0) AS attempts
    FROM payment_metrics m
    WHERE m.merchant_id = r.merchant_id
        AND m.bucket >= :before_since::timestamptz AND m.bucket < :since
        AND m.event_type IN ('payment.failed', 'payment.opened')
        AND m.reason NOT IN ('gateway_unavailable', 'processing_error')
    OFFSET 0
) b;

-- name: open_alerts
-- Opens alerts; those that are counted and told come with the next statement. One row for each that
-- is new; of the same merchant_id and dedupe_key only one is open.
INSERT INTO fraud_alerts (
    merchant_id, alert_id, kind, dedupe_key, status, facts, first_at, last_at, count, counted_to
)
SELECT
    u.merchant_id, u.alert_id, u.kind, u.dedupe_key, 'open', u.facts::jsonb, u.counted_to,
    u.counted_to, 1, u.counted_to
FROM unnest(
    :merchant_ids::uuid[], :alert_ids::uuid[], :kinds::text[], :dedupe_keys::text[],
    :facts::text[], :counted_tos::timestamptz[]
) AS u (merchant_id, alert_id, kind, dedupe_key, facts, counted_to)
ON CONFLICT (dedupe_key, merchant_id) WHERE status = 'open' DO NOTHING
RETURNING alert_id;

-- name: count_alerts
-- The alerts of all merchants (each row has its merchant_id) that are still counted, with what has
-- happened since their counts were final: how often, how often of that before final_to, when first
-- and last, and the newest of it. No row: there are none.
WITH due AS MATERIALIZED (
    SELECT
        a.merchant_id, a.alert_id, a.kind, a.dedupe_key, a.facts, a.first_at, a.last_at, a.count,
        a.counted, a.counted_to, a.told, a.acknowledged_at,
        split_part(a.dedupe_key, ':', 2) AS reason
    FROM fraud_alerts a
    WHERE a.counted_to < :until::timestamptz
        AND (a.acknowledged_at IS NULL OR a.counted_to <= a.acknowledged_at)
    ORDER BY a.counted_to
    LIMIT :rows_max::integer
),
recent AS MATERIALIZED (
    SELECT
        l.merchant_id, l.created_at, unnest(l.reasons) AS reason,
        coalesce(l.ruleset_sha256, '\x'::bytea) AS sha256
    FROM fraud_prevention_logs l
    WHERE l.decision IN ('block', 'refuse')
        AND l.created_at >= :from::timestamptz AND l.created_at < :until
),
asked AS MATERIALIZED (
    SELECT u.sha256, u.reason, u.kind
    FROM unnest(:sha256s::bytea[], :reasons::text[], :kinds::text[]) AS u (sha256, reason, kind)
),
stopped AS (
    SELECT
        d.merchant_id, d.alert_id, count(*) AS count,
        count(*) FILTER (WHERE r.created_at < :final_to::timestamptz) AS final,
        min(r.created_at) AS first_at, max(r.created_at) AS last_at
    FROM recent r
    JOIN asked q ON q.sha256 = r.sha256 AND q.reason = r.reason
    JOIN due d ON d.merchant_id = r.merchant_id AND d.dedupe_key = q.kind || ':' || q.reason
    WHERE r.created_at >= d.counted_to
        AND (d.acknowledged_at IS NULL OR r.created_at <= d.acknowledged_at)
    GROUP BY d.merchant_id, d.alert_id
),
declined AS (
    SELECT
        d.merchant_id, d.alert_id, s.count, s.final, s.first_at, s.last_at
    FROM due d
    CROSS JOIN LATERAL (
        SELECT
            sum(m.count)::bigint AS count,
            coalesce(
                sum(m.count) FILTER (WHERE m.bucket < :declines_final_to::timestamptz), 0
            )::bigint AS final,
            min(m.bucket) AS first_at, max(m.bucket) AS last_at
        FROM payment_metrics m
        WHERE m.merchant_id = d.merchant_id
            AND m.bucket >= d.counted_to AND m.bucket < :until
            AND (d.acknowledged_at IS NULL OR m.bucket <= d.acknowledged_at)
            AND m.event_type = 'payment.failed'
            AND m.reason NOT IN ('gateway_unavailable', 'processing_error')
        OFFSET 0
    ) s
    WHERE d.kind = 'decline_spike' AND s.count IS NOT NULL
),
found AS MATERIALIZED (
    SELECT s.merchant_id, s.alert_id, s.count, s.final, s.first_at, s.last_at FROM stopped s
    UNION ALL
    SELECT c.merchant_id, c.alert_id, c.count, c.final, c.first_at, c.last_at FROM declined c
)
SELECT
    d.merchant_id, d.alert_id, d.kind, d.dedupe_key, d.facts, d.first_at, d.last_at, d.count,
    d.counted, d.counted_to, d.told, d.acknowledged_at,
    coalesce(f.count, 0) AS found, coalesce(f.final, 0) AS found_final,
    f.first_at AS found_first_at, f.last_at AS found_last_at,
    CASE WHEN f.count > 0 AND d.kind <> 'decline_spike' THEN (
        SELECT jsonb_agg(coalesce(to_jsonb(e.payment_id), e.facts))
        FROM (
            SELECT l.payment_id, l.facts
            FROM fraud_prevention_logs l
            WHERE l.decision IN ('block', 'refuse')
                AND l.created_at >= f.first_at AND l.created_at <= f.last_at
                AND l.merchant_id = d.merchant_id AND l.reasons @> ARRAY[d.reason]
            ORDER BY l.created_at DESC
            LIMIT :newest_max::integer
        ) e
    ) END AS newest
FROM due d
LEFT JOIN found f ON f.merchant_id = d.merchant_id AND f.alert_id = d.alert_id;

-- name: write_counts
-- Writes what alerts were counted to, and stages what is to be told of it. One row for each; no row
-- for one that somebody acknowledged meanwhile: the next pass counts it again.
WITH input AS MATERIALIZED (
    SELECT
        u.merchant_id, u.alert_id, u.acknowledged_at, u.first_at, u.last_at, u.count, u.counted,
        u.counted_to, u.told, u.facts, u.message_id, u.payload
    FROM unnest(
        :merchant_ids::uuid[], :alert_ids::uuid[], :acknowledged_ats::timestamptz[],
        :first_ats::timestamptz[], :last_ats::timestamptz[], :counts::bigint[],
        :counteds::bigint[], :counted_tos::timestamptz[], :tolds::bigint[], :facts::text[],
        :message_ids::uuid[], :payloads::text[]
    ) AS u (
        merchant_id, alert_id, acknowledged_at,
        first_at, last_at, count,
        counted, counted_to, told, facts,
        message_id, payload
    )
),
written AS (
    UPDATE fraud_alerts a
    SET first_at = i.first_at,
        last_at = i.last_at,
        count = i.count,
        counted = i.counted,
        counted_to = i.counted_to,
        told = i.told,
        facts = i.facts::jsonb
    FROM input i
    WHERE a.merchant_id = i.merchant_id AND a.alert_id = i.alert_id
        AND a.acknowledged_at IS NOT DISTINCT FROM i.acknowledged_at
    RETURNING a.merchant_id, a.alert_id, i.message_id, i.payload
),
staged AS (
    INSERT INTO outbox (merchant_id, message_id, topic, payment_id, payload, created_at)
    SELECT w.merchant_id, w.message_id, :topic::text, NULL, w.payload::jsonb, now()
    FROM written w
    WHERE w.message_id IS NOT NULL
)
SELECT w.alert_id FROM written w;

-- name: list_alerts
-- A page of a merchant's alerts, newest first, before a given id; no row: there are no more.
SELECT
    a.merchant_id, a.alert_id, a.kind, a.dedupe_key, a.status, a.facts, a.first_at, a.last_at,
    a.count, a.acknowledged_by, a.acknowledged_at
FROM fraud_alerts a
WHERE a.merchant_id = :merchant_id::uuid
    AND (:status::text IS NULL OR a.status = :status)
    AND (:before::uuid IS NULL OR a.alert_id < :before)
ORDER BY a.alert_id DESC
LIMIT :rows_max::integer;

-- name: get_alert
-- The alert with this id; no row: this merchant has none such.
SELECT
    a.merchant_id, a.alert_id, a.kind, a.dedupe_key, a.status, a.facts, a.first_at, a.last_at,
    a.count, a.acknowledged_by, a.acknowledged_at
FROM fraud_alerts a
WHERE a.merchant_id = :merchant_id::uuid AND a.alert_id = :alert_id::uuid;

-- name: acknowledge_alert
-- Says who has seen an alert, once; no row: there is none such, or somebody has before.
UPDATE fraud_alerts a
SET status = 'acknowledged', acknowledged_by = :author::text, acknowledged_at = clock_timestamp()
WHERE a.merchant_id = :merchant_id::uuid AND a.alert_id = :alert_id::uuid AND a.status = 'open'
RETURNING
    a.merchant_id, a.alert_id, a.kind, a.dedupe_key, a.status, a.facts, a.first_at, a.last_at,
    a.count, a.acknowledged_by, a.acknowledged_at;

-- name: list_open_alerts
-- Open alerts of all merchants (each row has its merchant_id), the oldest first; no row: none is.
SELECT
    a.merchant_id, a.alert_id, a.kind, a.dedupe_key, a.status, a.facts, a.first_at, a.last_at,
    a.count, a.acknowledged_by, a.acknowledged_at
FROM fraud_alerts a
WHERE a.status = 'open'
ORDER BY a.first_at
LIMIT :rows_max::integer;
