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
        sum(e.reserved_delta) AS reserved,
        sum(e.disputed_delta) AS disputed,
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
        CASE WHEN f.reserved <> p.amount_refund_reserved
            THEN format('reserved for refunds is %s, history says %s',
                p.amount_refund_reserved, f.reserved) END,
        CASE WHEN f.disputed <> p.amount_disputed
            THEN format('disputed is %s, history says %s', p.amount_disputed, f.disputed) END,
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
        OR f.reserved <> p.amount_refund_reserved OR f.disputed <> p.amount_disputed
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

-- name: audit_refunds
-- Refunds that do not stand where their last event left them, or that nothing watches while they
-- are on their way, and payments whose refunds do not add up to what they say; no row: they agree.
WITH moves AS (
    SELECT DISTINCT ON (e.refund_id) e.refund_id, e.type, e.occurred_at
    FROM payment_events e
    WHERE e.merchant_id = :merchant_id::uuid AND e.refund_id IS NOT NULL
        AND e.type NOT IN ('payment.refund_unbooked', 'payment.refund_contradicted')
    ORDER BY e.refund_id, e.payment_id, e.sequence DESC
),
-- In one place with payments/refunding.py, which a test compares.
ends (type, status) AS (
    VALUES ('payment.refund_requested', 'requested'), ('payment.refund_sent', 'pending'),
        ('payment.refund_approved', 'pending'), ('payment.refund_rejected', 'rejected'),
        ('payment.refund_canceled', 'canceled'), ('payment.refunded', 'succeeded'),
        ('payment.refund_failed', 'failed'), ('payment.refund_late', 'succeeded'),
        ('payment.refund_outside', 'succeeded')
),
sums AS (
    SELECT
        r.payment_id,
        coalesce(sum(coalesce(r.settled_amount, r.amount))
            FILTER (WHERE r.status = 'succeeded'), 0) AS refunded,
        coalesce(sum(r.amount) FILTER (WHERE r.status IN ('requested', 'pending')), 0) AS reserved
    FROM refunds r
    WHERE r.merchant_id = :merchant_id
    GROUP BY r.payment_id
)
SELECT found.payment_id, found.detail
FROM (
    SELECT
        r.payment_id,
        format('refund %s is %s, history says %s', r.refund_id, r.status,
            coalesce(n.status, 'nothing')) AS detail
    FROM refunds r
    LEFT JOIN moves m ON m.refund_id = r.refund_id
    LEFT JOIN ends n ON n.type = m.type
    WHERE r.merchant_id = :merchant_id
        AND (n.status IS DISTINCT FROM r.status OR m.occurred_at IS DISTINCT FROM r.updated_at)
    UNION ALL
    SELECT r.payment_id, format('refund %s is pending, and no attempt is watched', r.refund_id)
    FROM refunds r
    WHERE r.merchant_id = :merchant_id AND r.status = 'pending' AND NOT EXISTS (
        SELECT FROM payment_attempts t
        WHERE t.merchant_id = r.merchant_id AND t.payment_id = r.payment_id
            AND t.refund_id = r.refund_id AND t.recover_at IS NOT NULL
    )
    UNION ALL
    SELECT
        p.payment_id,
        format('refunded %s and reserved %s, its refunds say %s and %s', p.amount_refunded,
            p.amount_refund_reserved, coalesce(s.refunded, 0), coalesce(s.reserved, 0))
    FROM payments p
    LEFT JOIN sums s ON s.payment_id = p.payment_id
    WHERE p.merchant_id = :merchant_id
        AND (p.amount_refunded <> coalesce(s.refunded, 0)
            OR p.amount_refund_reserved <> coalesce(s.reserved, 0))
) AS found
ORDER BY found.payment_id, found.detail
LIMIT :rows_max::integer;

-- name: audit_refund_facts
-- Refunds that are not what was asked for and decided; no row: each is as its events, decisions and
-- first attempt say.
WITH moves AS (
    SELECT
        e.refund_id,
        min(e.occurred_at) AS first_at,
        (array_agg(e.type ORDER BY e.sequence))[1] AS first_type,
        (array_agg(e.reason ORDER BY e.sequence))[1] AS reason,
        (array_agg(e.amount ORDER BY e.sequence))[1] AS amount,
        (array_agg(e.reason ORDER BY e.sequence DESC)
            FILTER (WHERE e.type = 'payment.refund_failed'))[1] AS failure_reason,
        (array_agg(e.data ->> 'code' ORDER BY e.sequence DESC)
            FILTER (WHERE e.type = 'payment.refund_failed'))[1] AS failure_code,
        (array_agg(e.data ->> 'gateway_refund' ORDER BY e.sequence DESC)
            FILTER (WHERE e.data ? 'gateway_refund'))[1] AS gateway_id,
        (array_agg(e.amount ORDER BY e.sequence DESC)
            FILTER (WHERE e.refunded_delta > 0))[1] AS given,
        coalesce(bool_or((e.data -> 'four_eyes')::boolean), false) AS four_eyes
    FROM payment_events e
    WHERE e.merchant_id = :merchant_id::uuid AND e.refund_id IS NOT NULL
    GROUP BY e.refund_id
),
sent AS (
    SELECT DISTINCT ON (t.refund_id) t.refund_id, t.idempotency_key, t.data
    FROM payment_attempts t
    WHERE t.merchant_id = :merchant_id AND t.refund_id IS NOT NULL
    ORDER BY t.refund_id, t.payment_id, t.attempt_no
),
compared AS (
    SELECT
        r.payment_id, r.refund_id,
        concat_ws(', ',
            CASE WHEN r.currency <> p.currency THEN 'currency' END,
            CASE WHEN r.amount IS DISTINCT FROM m.amount THEN 'amount' END,
            CASE WHEN r.reason IS DISTINCT FROM coalesce(s.data ->> 'reason', m.reason)
                THEN 'reason' END,
            CASE WHEN (r.origin = 'gateway') <> (m.first_type = 'payment.refund_outside')
                THEN 'origin' END,
            CASE WHEN r.idempotency_key IS DISTINCT FROM s.idempotency_key
                THEN 'idempotency_key' END,
            CASE WHEN r.requested_by IS DISTINCT FROM d.actor THEN 'requested_by' END,
            CASE WHEN r.quoted_amount::text IS DISTINCT FROM s.data ->> 'quoted_amount'
                THEN 'quoted_amount' END,
            CASE WHEN r.policy_sha256 IS DISTINCT FROM p.refund_policy_sha256
                THEN 'policy_sha256' END,
            CASE WHEN r.override_reason IS DISTINCT FROM d.because THEN 'override_reason' END,
            CASE WHEN r.approved_by IS DISTINCT FROM a.actor THEN 'approved_by' END,
            CASE WHEN r.status = 'failed' AND r.failure_reason IS DISTINCT FROM m.failure_reason
                THEN 'failure_reason' END,
            CASE WHEN r.status = 'failed' AND r.failure_code IS DISTINCT FROM m.failure_code
                THEN 'failure_code' END,
            CASE WHEN r.status = 'succeeded'
                AND coalesce(r.settled_amount, r.amount) IS DISTINCT FROM m.given
                THEN 'settled_amount' END,
            CASE WHEN r.gateway_id IS DISTINCT FROM m.gateway_id THEN 'gateway_id' END,
            CASE WHEN r.four_eyes IS DISTINCT FROM m.four_eyes THEN 'four_eyes' END,
            CASE WHEN d.kind = 'requested' AND r.amount IS DISTINCT FROM b.amount
                THEN 'breakdown' END,
            CASE WHEN r.created_at IS DISTINCT FROM m.first_at THEN 'created_at' END,
            CASE WHEN r.finished_at <> r.updated_at THEN 'finished_at' END
        ) AS differing
    FROM refunds r
    JOIN payments p ON p.merchant_id = r.merchant_id AND p.payment_id = r.payment_id
    LEFT JOIN moves m ON m.refund_id = r.refund_id
    LEFT JOIN sent s ON s.refund_id = r.refund_id
    LEFT JOIN refund_decisions d
        ON d.merchant_id = r.merchant_id AND d.refund_id = r.refund_id AND d.sequence = 1
    LEFT JOIN refund_decisions a
        ON a.merchant_id = r.merchant_id AND a.refund_id = r.refund_id AND a.kind = 'approved'
    LEFT JOIN LATERAL (
        SELECT sum((l.line ->> 'this')::bigint) AS amount
        FROM jsonb_array_elements(d.breakdown) AS l (line)
    ) b ON true
    WHERE r.merchant_id = :merchant_id
)
SELECT
    c.payment_id,
    format('refund %s is not what was asked for: %s', c.refund_id, c.differing) AS detail
FROM compared c
WHERE c.differing <> ''
ORDER BY c.payment_id, detail
LIMIT :rows_max::integer;

-- name: audit_refund_notices
-- What the gateway told of refunds by itself and what became of it, where they do not say the same,
-- and refunds made at the gateway of which it never told; no row: they agree.
SELECT found.payment_id, found.detail
FROM (
    SELECT
        n.payment_id,
        format('notice %s is %s, of %s %s, its refund is %s', n.gateway_id, n.status, n.amount,
            n.currency, coalesce(concat_ws(' ', r.origin, r.status, r.gateway_id,
                coalesce(r.settled_amount, r.amount), r.currency), 'missing')) AS detail
    FROM refund_notices n
    LEFT JOIN refunds r ON r.merchant_id = n.merchant_id AND r.refund_id = n.refund_id
    WHERE n.merchant_id = :merchant_id::uuid AND n.status IN ('booked', 'ours')
        -- Late money that was given back is no refund of its own, but history names it.
        AND NOT (n.status = 'ours' AND n.refund_id IS NULL AND EXISTS (
            SELECT FROM payment_events l
            WHERE l.merchant_id = n.merchant_id AND l.payment_id = n.payment_id
                AND l.type = 'payment.late_money_refunded' AND l.amount = n.amount
                AND l.data ->> 'gateway_refund' = n.gateway_id))
        AND (
            r.refund_id IS NULL OR r.payment_id <> n.payment_id OR r.status <> 'succeeded'
            OR r.gateway_id IS DISTINCT FROM n.gateway_id
            OR coalesce(r.settled_amount, r.amount) <> n.amount OR r.currency <> n.currency
            OR r.origin <> CASE n.status WHEN 'booked' THEN 'gateway' ELSE 'merchant' END
        )
    UNION ALL
    SELECT
        r.payment_id,
        format('refund %s was made at the gateway, and no notice became it', r.refund_id)
    FROM refunds r
    WHERE r.merchant_id = :merchant_id AND r.origin = 'gateway' AND NOT EXISTS (
        SELECT FROM refund_notices n
        WHERE n.merchant_id = r.merchant_id AND n.payment_id = r.payment_id
            AND n.refund_id = r.refund_id AND n.status = 'booked'
    )
    UNION ALL
    SELECT
        coalesce(n.payment_id, e.payment_id),
        format('notice %s is %s, history says %s', coalesce(n.gateway_id, e.gateway_id),
            coalesce(concat_ws(' ', 'dismissed, of', n.amount, n.currency, 'by', n.dismissed_by,
                'at', n.dismissed_at || ':', n.dismissed_because), 'not dismissed'),
            coalesce(concat_ws(' ', 'dismissed, of', e.told, e.currency, 'by', e.actor,
                'at', e.occurred_at || ':', e.because), 'nothing'))
    FROM (
        SELECT
            d.payment_id, d.gateway_id, d.amount, d.currency, d.dismissed_by,
            d.dismissed_because, d.dismissed_at
        FROM refund_notices d
        WHERE d.merchant_id = :merchant_id AND d.status = 'dismissed'
    ) n
    FULL JOIN (
        SELECT
            h.payment_id, h.data ->> 'gateway_refund' AS gateway_id, h.data ->> 'told' AS told,
            h.data ->> 'currency' AS currency, h.data ->> 'because' AS because, h.actor,
            h.occurred_at
        FROM payment_events h
        WHERE h.merchant_id = :merchant_id AND h.type = 'payment.refund_notice_dismissed'
    ) e ON e.payment_id = n.payment_id AND e.gateway_id = n.gateway_id
    WHERE (n.amount::text, n.currency, n.dismissed_by, n.dismissed_because, n.dismissed_at)
        IS DISTINCT FROM (e.told, e.currency, e.actor, e.because, e.occurred_at)
) AS found
ORDER BY found.payment_id, found.detail
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

-- name: audit_open_notices
-- Refunds of which the gateway told by itself, and of which it is not clear yet what they are, or
-- for which there is no room; no row: nothing waits.
SELECT
    n.payment_id,
    format('the gateway gave back %s minor units of %s as %s, which is not booked (waits for: %s)',
        n.amount, n.currency, n.gateway_id, coalesce(n.waits_for, 'the worker')) AS detail
FROM refund_notices n
WHERE n.merchant_id = :merchant_id::uuid AND n.status = 'open'
ORDER BY n.payment_id, n.gateway_id
LIMIT :rows_max::integer;
