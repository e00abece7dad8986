-- name: backtest_setup
-- Lets what reads the whole past take its time; for this transaction only. One row, with the time
-- by which everything is read and when the merchant came.
SELECT
    set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    set_config('work_mem', '64MB', true),
    m.created_at AS merchant_since,
    m.reference_currency,
    now() AS read_at
FROM merchants m
WHERE m.merchant_id = :merchant_id::uuid;

-- name: count_decisions
-- How many decisions of a period can be judged again, and how many cannot, since they were refused
-- before any rule was asked or name no ruleset; always one row.
SELECT
    count(*) FILTER (WHERE l.payment_id IS NOT NULL AND l.ruleset_sha256 IS NOT NULL) AS decisions,
    count(*) FILTER (WHERE l.payment_id IS NULL) AS refused,
    count(*) FILTER (WHERE l.payment_id IS NOT NULL AND l.ruleset_sha256 IS NULL) AS unjudged
FROM fraud_prevention_logs l
WHERE l.merchant_id = :merchant_id::uuid
    AND l.log_id >= :id_min::uuid AND l.log_id < :id_max::uuid
    AND l.created_at >= :since::timestamptz AND l.created_at < :until::timestamptz;

-- name: past_decisions
-- The decisions of a period with what was known then, what became of the payment, and the label
-- that was known last; no row: nothing was judged. Read through a cursor, in the order of ids.
SELECT
    l.payment_id, l.decision, l.facts, l.ruleset, l.ruleset_version, l.ruleset_sha256,
    l.created_at, p.status, p.amount, p.currency, p.amount_captured, p.amount_refunded, b.label
FROM fraud_prevention_logs l
JOIN payments p ON p.merchant_id = :merchant_id::uuid AND p.payment_id = l.payment_id
LEFT JOIN LATERAL (
    SELECT f.label
    FROM fraud_labels f
    WHERE f.merchant_id = :merchant_id AND f.payment_id = l.payment_id
        AND f.known_at <= :known_by::timestamptz
    ORDER BY f.known_at DESC, f.label, f.label_id
    LIMIT 1
) b ON true
WHERE l.merchant_id = :merchant_id
    AND l.log_id >= :id_min::uuid AND l.log_id < :id_max::uuid
    AND l.created_at >= :since::timestamptz AND l.created_at < :until::timestamptz
    AND l.ruleset_sha256 IS NOT NULL
ORDER BY l.log_id;

-- name: keys_then
-- Under which keys purchases were counted, and when; no row for one that was counted under none.
-- The merchant comes with the row that is looked up, so that no plan reads all of a merchant's.
WITH wanted AS MATERIALIZED (
    SELECT :merchant_id::uuid AS merchant_id, u.payment_id
    FROM unnest(:payment_ids::uuid[]) AS u (payment_id)
)
SELECT a.payment_id, a.occurred_at, a.kinds, a.keys
FROM wanted u
JOIN velocity_attempts a ON a.merchant_id = u.merchant_id AND a.payment_id = u.payment_id;

-- name: windows_then
-- What windows held just before a purchase; one row for each. Only what had happened earlier
-- counts, and of what happened at the very same instant the purchases with smaller ids. Each reads
-- so many rows at most.
SELECT
    w.number, s.first_at, s.last_at, s.count, s.total, s.highest, s.unknown, s.others
FROM unnest(
    :payment_ids::uuid[], :ats::timestamptz[], :keys::bigint[], :outcomes::text[],
    :windows_s::integer[], :rows_max::integer[], :of_kinds::text[], :oldest::boolean[]
) WITH ORDINALITY AS w (
    payment_id, at, key, outcome, window_s, rows_max, of_kind, oldest, number)
CROSS JOIN LATERAL (
    SELECT
        w.at - make_interval(secs => w.window_s) AS since,
        (w.at AT TIME ZONE 'UTC')::date AS last_day,
        ((w.at - make_interval(secs => w.window_s)) AT TIME ZONE 'UTC')::date AS first_day
) t
CROSS JOIN LATERAL (
    SELECT
        min(r.occurred_at) AS first_at, max(r.occurred_at) AS last_at, count(*) AS count,
        sum(r.amount_ref) AS total, max(r.amount_ref) AS highest,
        count(*) FILTER (WHERE r.amount_ref IS NULL) AS unknown,
        CASE WHEN w.of_kind IS NOT NULL THEN (
            array_agg(DISTINCT r.other) FILTER (WHERE r.other IS NOT NULL)) END AS others
    FROM (
        SELECT n.occurred_at, n.amount_ref, (
            SELECT a.keys[array_position(a.kinds, w.of_kind)]
            FROM velocity_attempts a
            WHERE w.of_kind IS NOT NULL
                AND a.merchant_id = :merchant_id AND a.payment_id = n.payment_id
        ) AS other
        FROM (
            -- Day by day from the newest: it ends with the row that fills the cap.
            SELECT e.occurred_at, e.amount_ref, e.payment_id
            FROM generate_series(0, t.last_day - t.first_day) AS ago (days)
            CROSS JOIN LATERAL (
                SELECT v.occurred_at, v.amount_ref, v.payment_id
                FROM velocity_entries v
                WHERE NOT w.oldest
                    AND v.merchant_id = :merchant_id::uuid AND v.day = t.last_day - ago.days
                    AND v.key = w.key AND v.outcome = w.outcome AND v.occurred_at > t.since
                    AND (v.occurred_at, v.payment_id) < (w.at, w.payment_id)
                ORDER BY v.occurred_at DESC, v.payment_id DESC
                LIMIT w.rows_max
            ) e
            LIMIT w.rows_max
        ) n
        UNION ALL
        SELECT o.occurred_at, o.amount_ref, NULL
        FROM (
            SELECT e.occurred_at, e.amount_ref
            FROM generate_series(0, t.last_day - t.first_day) AS later (days)
            CROSS JOIN LATERAL (
                SELECT v.occurred_at, v.amount_ref
                FROM velocity_entries v
                WHERE w.oldest
                    AND v.merchant_id = :merchant_id AND v.day = t.first_day + later.days
                    AND v.key = w.key AND v.outcome = w.outcome AND v.occurred_at > t.since
                    AND (v.occurred_at, v.payment_id) < (w.at, w.payment_id)
                ORDER BY v.occurred_at, v.payment_id
                LIMIT 1
            ) e
            LIMIT 1
        ) o
    ) r
) s
ORDER BY w.number;

-- name: lists_then
-- On which of these lists a purchase's keys were, as far as the lists still say so: what was put
-- there later does not count; one row for each purchase and list.
WITH wanted AS MATERIALIZED (
    SELECT :merchant_id::uuid AS merchant_id, u.payment_id, u.at
    FROM unnest(:payment_ids::uuid[], :ats::timestamptz[]) AS u (payment_id, at)
),
counted AS MATERIALIZED (
    SELECT u.merchant_id, u.payment_id, u.at, k.key
    FROM wanted u
    JOIN velocity_attempts a ON a.merchant_id = u.merchant_id AND a.payment_id = u.payment_id
    CROSS JOIN LATERAL unnest(a.keys) AS k (key)
)
SELECT DISTINCT c.payment_id, l.list
FROM counted c
JOIN fraud_lists l ON l.merchant_id = c.merchant_id AND l.key = c.key
WHERE (l.list = ANY (:lists::text[])) IS TRUE AND l.created_at <= c.at
    AND (l.expires_at IS NULL OR l.expires_at > c.at);

-- name: add_backtest
-- Keeps the report of a backtest, for going live to name; always one row.
INSERT INTO fraud_backtests (
    merchant_id, backtest_id, ruleset, ruleset_sha256, since, until, decisions, report, created_by)
VALUES (
    :merchant_id::uuid, :backtest_id::uuid, :ruleset::text, :sha256::bytea, :since::timestamptz,
    :until::timestamptz, :decisions::bigint, :report::text::jsonb, :author::text)
RETURNING backtest_id, created_at;
