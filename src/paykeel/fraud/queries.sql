-- name: lock_keys
-- Waits, for so long at most, until nobody else judges a purchase under any of these keys, and
-- keeps the others waiting until this transaction ends; one row. In sorted order, so that two
-- batches never wait for each other in a circle. What is counted afterwards must be another
-- statement: this one's snapshot is older than its locks.
WITH patience AS MATERIALIZED (
    SELECT set_config('lock_timeout', :wait_ms::integer::text || 'ms', true) AS lock_timeout
)
SELECT p.lock_timeout, count(pg_advisory_xact_lock(k.key)) AS locked
FROM patience p
CROSS JOIN (SELECT u.key FROM unnest(:keys::bigint[]) AS u (key) ORDER BY u.key OFFSET 0) k
GROUP BY p.lock_timeout;

-- name: look
-- What a batch of purchases is judged by, true at database_now: one row for each window (what:
-- 'window', number: its place among the arrays), for each key's life ('profile'), for each list a
-- key is on ('list'), for each idempotency key that is taken ('taken'), and always one 'now'.
WITH now AS MATERIALIZED (SELECT clock_timestamp() AS at),
-- The merchant comes to each table with the row that is looked up, so that no plan reads all of a
-- merchant's rows.
windows AS MATERIALIZED (
    SELECT
        :merchant_id::uuid AS merchant_id, u.number, u.key, u.outcome, u.rows_max, u.of_kind,
        u.oldest, s.since, (s.since AT TIME ZONE 'UTC')::date AS first_day,
        -- What was written before the clock was set back by less than an hour counts, too.
        ((n.at + interval '1 hour') AT TIME ZONE 'UTC')::date AS last_day
    FROM unnest(
        :keys::bigint[], :outcomes::text[], :windows_s::integer[], :rows_max::integer[],
        :of_kinds::text[], :oldest::boolean[]
    ) WITH ORDINALITY AS u (key, outcome, window_s, rows_max, of_kind, oldest, number)
    CROSS JOIN now n
    CROSS JOIN LATERAL (SELECT n.at - make_interval(secs => u.window_s) AS since) s
),
wanted AS MATERIALIZED (
    SELECT :merchant_id AS merchant_id, u.key FROM unnest(:profile_keys::bigint[]) AS u (key)
),
claims AS MATERIALIZED (
    SELECT :merchant_id AS merchant_id, u.idempotency_key
    FROM unnest(:idempotency_keys::text[]) AS u (idempotency_key)
)
SELECT
    'now' AS what, 0::bigint AS number, NULL::bigint AS key, NULL::text AS name, n.at AS first_at,
    n.at AS last_at, 0::bigint AS count, NULL::numeric AS total, NULL::bigint AS highest,
    0::bigint AS unknown, 0::bigint AS succeeded, 0::bigint AS declined, NULL::bigint[] AS others
FROM now n
UNION ALL
SELECT
    'window', w.number, w.key, NULL, s.first_at, s.last_at, s.count, s.total, s.highest, s.unknown,
    0, 0, s.others
FROM windows w
CROSS JOIN LATERAL (
    SELECT
        min(r.occurred_at) AS first_at, max(r.occurred_at) AS last_at, count(*) AS count,
        sum(r.amount_ref) AS total, max(r.amount_ref) AS highest,
        count(*) FILTER (WHERE r.amount_ref IS NULL) AS unknown,
        CASE WHEN w.of_kind IS NOT NULL THEN (
            array_agg(DISTINCT r.other) FILTER (WHERE r.other IS NOT NULL)) END AS others
    FROM (
        SELECT x.occurred_at, x.amount_ref, (
            SELECT a.keys[array_position(a.kinds, w.of_kind)]
            FROM velocity_attempts a
            WHERE w.of_kind IS NOT NULL
                AND a.merchant_id = w.merchant_id AND a.payment_id = x.payment_id
        ) AS other
        FROM (
            -- Day by day from the newest: it ends with the row that fills the cap.
            SELECT e.occurred_at, e.amount_ref, e.payment_id
            FROM generate_series(0, w.last_day - w.first_day) AS ago (days)
            CROSS JOIN LATERAL (
                SELECT v.occurred_at, v.amount_ref, v.payment_id
                FROM velocity_entries v
                WHERE v.merchant_id = w.merchant_id AND v.day = w.last_day - ago.days
                    AND v.key = w.key AND v.outcome = w.outcome AND v.occurred_at > w.since
                ORDER BY v.occurred_at DESC, v.payment_id DESC
                LIMIT w.rows_max
            ) e
            LIMIT w.rows_max
        ) x
        OFFSET 0
    ) r
) s
WHERE NOT w.oldest
UNION ALL
SELECT
    'window', w.number, w.key, NULL, s.occurred_at, s.occurred_at, 1, s.amount_ref, s.amount_ref, 0,
    0, 0, NULL
FROM windows w
CROSS JOIN LATERAL (
    SELECT e.occurred_at, e.amount_ref
    FROM generate_series(0, w.last_day - w.first_day) AS later (days)
    CROSS JOIN LATERAL (
        SELECT v.occurred_at, v.amount_ref
        FROM velocity_entries v
        WHERE v.merchant_id = w.merchant_id AND v.day = w.first_day + later.days
            AND v.key = w.key AND v.outcome = w.outcome AND v.occurred_at > w.since
        ORDER BY v.occurred_at, v.payment_id
        LIMIT 1
    ) e
    LIMIT 1
) s
WHERE w.oldest
UNION ALL
SELECT
    'profile', 0, p.key, NULL, p.first_at, p.last_at, p.attempts, p.sum_ref, NULL, 0, p.succeeded,
    p.declined, NULL
FROM wanted u
JOIN velocity_profiles p ON p.merchant_id = u.merchant_id AND p.key = u.key
UNION ALL
SELECT 'list', 0, l.key, l.list, NULL, NULL, 0, NULL, NULL, 0, 0, 0, NULL
FROM wanted u
CROSS JOIN now n
JOIN fraud_lists l ON l.merchant_id = u.merchant_id AND l.key = u.key
WHERE l.expires_at IS NULL OR l.expires_at > n.at
UNION ALL
SELECT 'taken', 0, NULL, p.idempotency_key, NULL, NULL, 0, NULL, NULL, 0, 0, 0, NULL
FROM claims u
JOIN payments p ON p.merchant_id = u.merchant_id AND p.idempotency_key = u.idempotency_key;

-- name: get_decision
-- What was decided about a payment; no row means that this merchant has none such.
SELECT
    l.log_id, l.payment_id, l.decision, l.score, l.reasons, l.facts, l.rules, l.shadow, l.model,
    l.ruleset, l.ruleset_version, l.ruleset_sha256, l.engine, l.took_us, l.created_at
FROM fraud_prevention_logs l
WHERE l.payment_id = :payment_id::uuid AND l.merchant_id = :merchant_id::uuid;

-- name: purge_entries
-- Removes what no window reaches back to any more, a bounded batch; no row: nothing was due. It
-- reads across merchants, off the hot path.
WITH due AS MATERIALIZED (
    SELECT e.merchant_id, e.day, e.key, e.outcome, e.occurred_at, e.payment_id
    FROM velocity_entries e
    WHERE e.occurred_at < now() - make_interval(days => :days::integer)
    LIMIT :rows_max::integer
)
DELETE FROM velocity_entries e
USING due
WHERE e.merchant_id = due.merchant_id AND e.day = due.day AND e.key = due.key
    AND e.outcome = due.outcome AND e.occurred_at = due.occurred_at
    AND e.payment_id = due.payment_id
RETURNING e.key;
