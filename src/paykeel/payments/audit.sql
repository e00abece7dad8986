-- name: audit_setup
-- Lets the audit's statements read whole tables as they like; for this transaction only.
SELECT
    set_config('enable_seqscan', 'on', true),
    set_config('enable_mergejoin', 'on', true),
    set_config('statement_timeout', '0', true),
    set_config('work_mem', '64MB', true);

-- name: audit_counts
-- How many payments and events a merchant has; always one row.
SELECT
    (SELECT count(*) FROM payments p WHERE p.merchant_id = :merchant_id::uuid) AS payments,
    (SELECT count(*) FROM payment_events e WHERE e.merchant_id = :merchant_id) AS events;

-- name: audit_payments
-- Payments that are not what their events add up to; no row: history replays to the present.
WITH folded AS (
    SELECT
        e.payment_id,
        count(*) AS events,
        min(e.sequence) AS first_sequence,
        max(e.sequence) AS last_sequence,
        (array_agg(e.from_status ORDER BY e.sequence))[1] AS came_from,
        (array_agg(e.to_status ORDER BY e.sequence DESC))[1] AS status,
        sum(e.authorized_delta) AS authorized,
        sum(e.captured_delta) AS captured,
        sum(e.refunded_delta) AS refunded,
        sum(e.late_delta) AS late,
        min(e.occurred_at) AS created_at,
        max(e.occurred_at) AS updated_at
    FROM payment_events e
    WHERE e.merchant_id = :merchant_id::uuid
    GROUP BY e.payment_id
)
SELECT
    p.payment_id,
    concat_ws('; ',
        CASE WHEN f.payment_id IS NULL THEN 'no events' END,
        CASE WHEN f.status <> p.status
            THEN format('status is %s, history says %s', p.status, f.status) END,
        CASE WHEN f.last_sequence <> p.version OR f.events <> p.version OR f.first_sequence <> 1
            THEN format('version is %s, history has %s events', p.version, f.events) END,
        CASE WHEN f.came_from <> 'new' THEN format('history begins at %s', f.came_from) END,
        CASE WHEN f.authorized <> p.amount_authorized
            THEN format('authorized is %s, history says %s', p.amount_authorized, f.authorized)
            END,
        CASE WHEN f.captured <> p.amount_captured
            THEN format('captured is %s, history says %s', p.amount_captured, f.captured) END,
        CASE WHEN f.refunded <> p.amount_refunded
            THEN format('refunded is %s, history says %s', p.amount_refunded, f.refunded) END,
        CASE WHEN f.late <> p.amount_late
            THEN format('late is %s, history says %s', p.amount_late, f.late) END,
        CASE WHEN f.created_at <> p.created_at OR f.updated_at <> p.updated_at
            THEN 'dates differ from the history''s' END
    ) AS detail
FROM payments p
LEFT JOIN folded f ON f.payment_id = p.payment_id
WHERE p.merchant_id = :merchant_id
    AND (
        f.payment_id IS NULL OR f.status <> p.status OR f.last_sequence <> p.version
        OR f.events <> p.version OR f.first_sequence <> 1 OR f.came_from <> 'new'
        OR f.authorized <> p.amount_authorized OR f.captured <> p.amount_captured
        OR f.refunded <> p.amount_refunded OR f.late <> p.amount_late
        OR f.created_at <> p.created_at OR f.updated_at <> p.updated_at
    )
ORDER BY p.payment_id
LIMIT :rows_max::integer;

-- name: audit_chain
-- Events that do not begin where the one before them ended; no row: every history is a chain.
SELECT
    c.payment_id,
    format('event %s begins at %s, the one before ended at %s', c.sequence, c.from_status, c.ended)
        AS detail
FROM (
    SELECT
        e.payment_id, e.sequence, e.from_status,
        lag(e.to_status) OVER (PARTITION BY e.payment_id ORDER BY e.sequence) AS ended
    FROM payment_events e
    WHERE e.merchant_id = :merchant_id::uuid
) AS c
WHERE c.ended IS NOT NULL AND c.ended <> c.from_status
ORDER BY c.payment_id
LIMIT :rows_max::integer;

-- name: audit_metrics
-- Rollups that are not the sum of their events; no row: the metrics agree with the history.
WITH counted AS (
    SELECT
        date_trunc('minute', e.occurred_at) AS bucket, e.type AS event_type, p.buyer_role,
        p.currency::text AS currency, p.gateway, coalesce(e.reason, '') AS reason,
        count(*) AS count, sum(e.amount) AS amount
    FROM payment_events e
    JOIN payments p ON p.merchant_id = e.merchant_id AND p.payment_id = e.payment_id
    WHERE e.merchant_id = :merchant_id::uuid
    GROUP BY 1, 2, 3, 4, 5, 6
),
rolled AS (
    SELECT
        m.bucket, m.event_type, m.buyer_role, m.currency, m.gateway, m.reason,
        sum(m.count) AS count, sum(m.amount) AS amount
    FROM payment_metrics m
    WHERE m.merchant_id = :merchant_id
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
    NULL::uuid AS payment_id,
    format('%s %s %s %s %s at %s: metrics say %s of %s, history %s of %s',
        coalesce(c.event_type, r.event_type), coalesce(c.reason, r.reason),
        coalesce(c.buyer_role, r.buyer_role), coalesce(c.currency, r.currency),
        coalesce(c.gateway, r.gateway), coalesce(c.bucket, r.bucket),
        coalesce(r.count, 0), coalesce(r.amount, 0), coalesce(c.count, 0), coalesce(c.amount, 0)
    ) AS detail
FROM counted c
FULL JOIN rolled r
    ON r.bucket = c.bucket AND r.event_type = c.event_type AND r.buyer_role = c.buyer_role
    AND r.currency = c.currency AND r.gateway = c.gateway AND r.reason = c.reason
WHERE r.count IS DISTINCT FROM c.count OR r.amount IS DISTINCT FROM c.amount
ORDER BY detail
LIMIT :rows_max::integer;

-- name: audit_watched
-- Payments that have not ended and that nothing watches; no row: recovery will see them all.
SELECT p.payment_id, format('%s, and no attempt is watched', p.status) AS detail
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid
    AND p.status IN ('pending', 'processing', 'requires_action', 'authorized')
    AND NOT EXISTS (
        SELECT FROM payment_attempts t
        WHERE t.merchant_id = p.merchant_id AND t.payment_id = p.payment_id
            AND t.recover_at IS NOT NULL
    )
ORDER BY p.payment_id
LIMIT :rows_max::integer;

-- name: audit_reviews
-- Payments that are held although their review is decided, or missing, and open reviews of payments
-- that have gone on; no row: whoever looks at the queue sees every payment that waits.
SELECT
    p.payment_id,
    format('%s, and its review is %s', p.status, coalesce(r.status, 'missing')) AS detail
FROM payments p
LEFT JOIN fraud_reviews r ON r.merchant_id = p.merchant_id AND r.payment_id = p.payment_id
WHERE p.merchant_id = :merchant_id::uuid
    AND (p.status = 'in_review') <> (coalesce(r.status, 'none') = 'open')
ORDER BY p.payment_id
LIMIT :rows_max::integer;

-- name: audit_answers
-- Purchases that have their end but not their stored answer; no row: every repetition is answered.
SELECT k.payment_id, format('%s, and its answer is not stored', p.status) AS detail
FROM payment_idempotency k
JOIN payments p ON p.merchant_id = k.merchant_id AND p.payment_id = k.payment_id
WHERE k.merchant_id = :merchant_id::uuid AND k.operation = 'purchase'
    AND k.response_status IS NULL
    AND p.status IN ('authorized', 'succeeded', 'failed', 'blocked', 'canceled', 'expired')
ORDER BY k.payment_id
LIMIT :rows_max::integer;

-- name: audit_fraud_log
-- Payments without a logged fraud decision; no row: every decision is on record.
SELECT p.payment_id, 'no fraud decision is logged' AS detail
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid
    AND NOT EXISTS (
        SELECT FROM fraud_prevention_logs l
        WHERE l.merchant_id = p.merchant_id AND l.payment_id = p.payment_id
    )
ORDER BY p.payment_id
LIMIT :rows_max::integer;

-- name: audit_unknown
-- Operations of which recovery has asked in vain so often that a person is called for; no row:
-- nothing waits for one.
SELECT t.payment_id, format('%s: %s', t.operation, t.outcome) AS detail
FROM payment_attempts t
WHERE t.merchant_id = :merchant_id::uuid
    AND (
        (t.state = 'open' AND t.recover_count >= :looks_min::integer)
        OR (t.state <> 'done' AND t.outcome IN ('amount_mismatch', 'captured outside Paykeel'))
    )
ORDER BY t.payment_id
LIMIT :rows_max::integer;

-- name: audit_late_money
-- Money that came after the end and waits for an operator; no row: nothing is open.
SELECT p.payment_id, format('%s minor units of %s came late', p.amount_late, p.currency) AS detail
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid AND p.amount_late > 0
ORDER BY p.payment_id
LIMIT :rows_max::integer;
