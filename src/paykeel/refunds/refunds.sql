-- name: open_refund
-- Writes a refund that is asked for, or one that was made at the gateway: the refund, the decision,
-- what it moves on the payment with event, metrics and message, the attempt that recovery watches
-- (or, until somebody approves, one that is over and only holds the key), and the claim of the key.
-- No row: the payment has moved, or something would be sent while the gateway tells of a refund
-- that is not booked. A key that somebody else holds breaks a unique index.
WITH moved AS (
    UPDATE payments p
    SET version = p.version + 1,
        amount_refunded = p.amount_refunded + :refunded_delta::bigint,
        amount_refund_reserved = p.amount_refund_reserved + :reserved_delta::bigint,
        updated_at = :occurred_at::timestamptz
    WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
        AND p.version = :version::integer
        AND NOT EXISTS (
            SELECT FROM payments q
            WHERE q.merchant_id = :merchant_id AND q.idempotency_key = :idempotency_key::text
            OFFSET 0)
        AND (:refund_status::text <> 'pending' OR NOT EXISTS (
            SELECT FROM refund_notices w
            WHERE w.merchant_id = :merchant_id AND w.payment_id = :payment_id
                AND w.status = 'open'))
    RETURNING
        p.merchant_id, p.payment_id, p.version, p.status, p.currency, p.buyer_role, p.gateway,
        p.amount_captured
),
opened AS (
    INSERT INTO refunds (
        merchant_id, refund_id, payment_id, status, amount, currency, reason, origin,
        idempotency_key, requested_by, quoted_amount, policy_sha256, override_reason, four_eyes,
        gateway_id, created_at, updated_at, finished_at
    )
    SELECT
        m.merchant_id, :refund_id::uuid, m.payment_id, :refund_status, :amount::bigint,
        m.currency, :reason::text, :origin::text, :idempotency_key, :requested_by::text,
        :quoted_amount::bigint, :policy_sha256::bytea, :override_reason::text, :four_eyes::boolean,
        :gateway_id::text, :occurred_at, :occurred_at,
        CASE WHEN :refund_status IN ('requested', 'pending') THEN NULL ELSE :occurred_at END
    FROM moved m
),
decided AS (
    INSERT INTO refund_decisions (
        merchant_id, refund_id, sequence, kind, from_status, to_status, actor, because, as_of,
        facts, trace, breakdown, decided_at
    )
    SELECT
        m.merchant_id, :refund_id, 1, :decision_kind::text, 'new', :refund_status, :requested_by,
        :override_reason, :as_of::timestamptz, :facts::jsonb, :trace::jsonb, :breakdown::jsonb,
        :occurred_at
    FROM moved m
),
booked AS (
    UPDATE refund_notices n
    SET status = 'booked', refund_id = :refund_id, next_try_at = NULL
    FROM moved m
    WHERE n.merchant_id = m.merchant_id AND n.payment_id = m.payment_id
        AND n.gateway_id = :gateway_id AND n.status = 'open'
),
attempted AS (
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, idempotency_key, amount, data,
        state, outcome, recover_at, created_at, finished_at, refund_id
    )
    SELECT
        m.merchant_id, m.payment_id,
        (SELECT max(a.attempt_no) + 1 FROM payment_attempts a
            WHERE a.merchant_id = m.merchant_id AND a.payment_id = m.payment_id),
        'refund', :gateway_reference::bytea, :idempotency_key, :amount, :attempt_data::jsonb,
        CASE :refund_status WHEN 'pending' THEN 'open' ELSE 'done' END,
        CASE :refund_status WHEN 'pending' THEN NULL ELSE 'waits for approval' END,
        CASE :refund_status WHEN 'pending'
            THEN now() + make_interval(secs => :recover_ms::bigint / 1000.0) END,
        now(),
        CASE :refund_status WHEN 'pending' THEN NULL ELSE now() END,
        :refund_id
    FROM moved m
    WHERE :idempotency_key IS NOT NULL
    RETURNING attempt_no
),
claimed AS (
    INSERT INTO payment_idempotency (
        merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no,
        response_status, response_type, response_body, created_at, answered_at
    )
    SELECT
        :merchant_id, :idempotency_key, 'refund', :fingerprint::bytea, :payment_id, a.attempt_no,
        :response_status::smallint, :response_type::text, :response_body::bytea, now(),
        CASE WHEN :response_status IS NOT NULL THEN now() END
    FROM attempted a
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, refunded_delta,
        reserved_delta, refund_id, reason, actor, data, occurred_at
    )
    SELECT
        m.merchant_id, m.payment_id, m.version, :event_type::text, m.status, m.status, :amount,
        :refunded_delta, :reserved_delta, :refund_id, :reason, :actor::text, :event_data::jsonb,
        :occurred_at
    FROM moved m
),
-- What was made at the gateway has gone back now, and counts where refunds are counted.
entered AS (
    INSERT INTO velocity_entries (
        merchant_id, key, outcome, occurred_at, payment_id, amount_ref
    )
    SELECT
        m.merchant_id, k.key, 'refunded', :occurred_at, m.payment_id,
        (a.amount_ref::numeric * :refunded_delta / m.amount_captured)::bigint
    FROM moved m
    JOIN velocity_attempts a ON a.merchant_id = m.merchant_id AND a.payment_id = m.payment_id
    CROSS JOIN LATERAL unnest(a.keys) AS k (key)
    WHERE :refunded_delta > 0
    ON CONFLICT (merchant_id, day, key, outcome, occurred_at, payment_id) DO NOTHING
),
staged AS (
    INSERT INTO outbox (merchant_id, message_id, topic, payment_id, payload, created_at)
    SELECT
        m.merchant_id, :message_id::uuid, :topic::text, m.payment_id, :payload::jsonb, :occurred_at
    FROM moved m
),
counted AS (
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded
    )
    SELECT
        m.merchant_id, date_trunc('minute', :occurred_at, 'UTC'), :event_type, '', m.buyer_role,
        m.currency, m.gateway, :reason, :slot::smallint, 1, :amount, 0, :refunded_delta
    FROM moved m
    ON CONFLICT (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot)
    DO UPDATE SET
        count = payment_metrics.count + excluded.count,
        amount = payment_metrics.amount + excluded.amount,
        refunded = payment_metrics.refunded + excluded.refunded
),
summed AS MATERIALIZED (
    -- The hour was summed up already, or may be meanwhile, unseen from here: a clock went back. It
    -- is summed up anew. The lock keeps that from happening until this is committed; those who
    -- count share it, and the mark is written only when it has to move.
    SELECT w.merchant_id, w.late_from, date_trunc('hour', :occurred_at, 'UTC') AS hour
    FROM moved m
    JOIN metric_watermarks w ON w.merchant_id = m.merchant_id
    WHERE w.hours_to > :occurred_at OR :occurred_at < clock_timestamp() - interval '1 minute'
    FOR KEY SHARE OF w
),
late AS (
    UPDATE metric_watermarks w
    SET late_from = least(w.late_from, s.hour)
    FROM summed s
    WHERE w.merchant_id = s.merchant_id AND (s.late_from IS NULL OR s.late_from > s.hour)
)
SELECT m.version, (SELECT a.attempt_no FROM attempted a) AS attempt_no FROM moved m;

-- name: decide_refund
-- Lets a person's decision about a refund take effect: approved, with the attempt that recovery
-- watches; rejected or canceled, with what was reserved let go. With event, metrics and message. No
-- row: the payment has moved, or the refund waits for nobody, or it would be sent while the gateway
-- tells of a refund that is not booked.
WITH moved AS (
    UPDATE payments p
    SET version = p.version + 1,
        amount_refund_reserved = p.amount_refund_reserved + :reserved_delta::bigint,
        updated_at = :occurred_at::timestamptz
    FROM refunds w
    WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
        AND p.version = :version::integer
        AND w.merchant_id = p.merchant_id AND w.refund_id = :refund_id::uuid
        AND w.payment_id = p.payment_id AND w.status = 'requested'
        AND (:refund_status::text <> 'pending' OR NOT EXISTS (
            SELECT FROM refund_notices n
            WHERE n.merchant_id = :merchant_id AND n.payment_id = :payment_id
                AND n.status = 'open'))
    RETURNING
        p.merchant_id, p.payment_id, p.version, p.status, p.currency, p.buyer_role, p.gateway,
        w.amount
),
ended AS (
    UPDATE refunds r
    SET status = :refund_status,
        approved_by = CASE :refund_status WHEN 'pending' THEN :approver::text END,
        updated_at = :occurred_at,
        finished_at = CASE :refund_status WHEN 'pending' THEN NULL ELSE :occurred_at END
    FROM moved m
    WHERE r.merchant_id = m.merchant_id AND r.refund_id = :refund_id
),
decided AS (
    INSERT INTO refund_decisions (
        merchant_id, refund_id, sequence, kind, from_status, to_status, actor, because, decided_at
    )
    SELECT
        m.merchant_id, :refund_id, 2, :decision_kind::text, 'requested', :refund_status, :approver,
        :because::text, :occurred_at
    FROM moved m
),
noticed AS (
    -- What the gateway told by itself may have room now.
    UPDATE refund_notices n
    SET next_try_at = :occurred_at
    FROM moved m
    WHERE n.merchant_id = m.merchant_id AND n.payment_id = m.payment_id AND n.status = 'open'
        AND :refund_status <> 'pending'
),
attempted AS (
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, amount, data, state, recover_at,
        created_at, refund_id
    )
    SELECT
        m.merchant_id, m.payment_id,
        (SELECT max(a.attempt_no) + 1 FROM payment_attempts a
            WHERE a.merchant_id = m.merchant_id AND a.payment_id = m.payment_id),
        'refund', :gateway_reference::bytea, m.amount, :attempt_data::jsonb, 'open',
        now() + make_interval(secs => :recover_ms::bigint / 1000.0), now(), :refund_id
    FROM moved m
    WHERE :refund_status = 'pending'
    RETURNING attempt_no
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, reserved_delta,
        refund_id, actor, data, occurred_at
    )
    SELECT
        m.merchant_id, m.payment_id, m.version, :event_type::text, m.status, m.status, m.amount,
        :reserved_delta, :refund_id, :actor::text, :event_data::jsonb, :occurred_at
    FROM moved m
),
staged AS (
    INSERT INTO outbox (merchant_id, message_id, topic, payment_id, payload, created_at)
    SELECT
        m.merchant_id, :message_id::uuid, :topic::text, m.payment_id, :payload::jsonb, :occurred_at
    FROM moved m
),
counted AS (
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded
    )
    SELECT
        m.merchant_id, date_trunc('minute', :occurred_at, 'UTC'), :event_type, '', m.buyer_role,
        m.currency, m.gateway, '', :slot::smallint, 1, m.amount, 0, 0
    FROM moved m
    ON CONFLICT (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot)
    DO UPDATE SET
        count = payment_metrics.count + excluded.count,
        amount = payment_metrics.amount + excluded.amount
),
summed AS MATERIALIZED (
    -- The hour was summed up already, or may be meanwhile, unseen from here: a clock went back. It
    -- is summed up anew. The lock keeps that from happening until this is committed; those who
    -- count share it, and the mark is written only when it has to move.
    SELECT w.merchant_id, w.late_from, date_trunc('hour', :occurred_at, 'UTC') AS hour
    FROM moved m
    JOIN metric_watermarks w ON w.merchant_id = m.merchant_id
    WHERE w.hours_to > :occurred_at OR :occurred_at < clock_timestamp() - interval '1 minute'
    FOR KEY SHARE OF w
),
late AS (
    UPDATE metric_watermarks w
    SET late_from = least(w.late_from, s.hour)
    FROM summed s
    WHERE w.merchant_id = s.merchant_id AND (s.late_from IS NULL OR s.late_from > s.hour)
)
SELECT m.version, (SELECT a.attempt_no FROM attempted a) AS attempt_no FROM moved m;

-- name: get_refund
-- The refund with this id; no row means that this merchant has none such.
SELECT
    r.merchant_id, r.refund_id, r.payment_id, r.status, r.amount, r.currency, r.reason, r.origin,
    r.idempotency_key, r.requested_by, r.quoted_amount, r.policy_sha256, r.override_reason,
    r.four_eyes, r.approved_by, r.gateway_id, r.failure_reason, r.failure_code, r.settled_amount,
    r.created_at, r.updated_at, r.finished_at
FROM refunds r
WHERE r.merchant_id = :merchant_id::uuid AND r.refund_id = :refund_id::uuid;

-- name: refund_by_key
-- The refund that was asked for under a key; no row: none was.
SELECT
    r.merchant_id, r.refund_id, r.payment_id, r.status, r.amount, r.currency, r.reason, r.origin,
    r.idempotency_key, r.requested_by, r.quoted_amount, r.policy_sha256, r.override_reason,
    r.four_eyes, r.approved_by, r.gateway_id, r.failure_reason, r.failure_code, r.settled_amount,
    r.created_at, r.updated_at, r.finished_at
FROM refunds r
WHERE r.merchant_id = :merchant_id::uuid AND r.idempotency_key = :idempotency_key::text;

-- name: refunds_so_far
-- How many refunds a payment has had, how many of them count (they were given back, or may be), and
-- of those what each gave back, beside how it was shared out when it was asked for, where that was
-- reckoned; always one row.
WITH these AS MATERIALIZED (
    SELECT r.merchant_id, r.refund_id, r.status, coalesce(r.settled_amount, r.amount) AS amount
    FROM refunds r
    -- "IS TRUE" keeps it off the index that begins with the merchant, which no payment leads into.
    WHERE r.payment_id = :payment_id::uuid AND (r.merchant_id = :merchant_id::uuid) IS TRUE
),
given AS (
    SELECT t.refund_id, t.amount, d.breakdown
    FROM these t
    JOIN refund_decisions d
        ON d.merchant_id = t.merchant_id AND d.refund_id = t.refund_id AND d.sequence = 1
    WHERE t.status = ANY(:counting::text[])
)
SELECT
    count(*) AS every,
    count(*) FILTER (WHERE t.status = ANY(:counting)) AS counted,
    -- No order: it would lead a planner to all decisions of the merchant.
    (SELECT jsonb_object_agg(g.refund_id, jsonb_build_array(g.amount, g.breakdown)) FROM given g)
        AS given
FROM these t;

-- name: disputes_so_far
-- The disputes of a payment as their events left them: what each was about when it was opened last,
-- in which event it moved last, and how often it was opened. No row: it was never disputed.
SELECT
    e.data ->> 'dispute' AS dispute_id,
    (array_agg(e.amount ORDER BY e.sequence DESC) FILTER (WHERE e.disputed_delta > 0))[1]
        AS amount,
    (array_agg(e.type ORDER BY e.sequence DESC))[1] AS last_event,
    count(*) FILTER (WHERE e.disputed_delta > 0) AS openings
FROM payment_events e
WHERE e.merchant_id = :merchant_id::uuid AND e.payment_id = :payment_id::uuid
    AND e.type = ANY(:events::text[])
GROUP BY 1
ORDER BY 1;

-- name: list_decisions
-- What people decided about a refund, in order; no row: this merchant has no such refund.
SELECT
    d.sequence, d.kind, d.from_status, d.to_status, d.actor, d.because, d.as_of, d.facts, d.trace,
    d.breakdown, d.decided_at
FROM refund_decisions d
WHERE d.merchant_id = :merchant_id::uuid AND d.refund_id = :refund_id::uuid
ORDER BY d.sequence;

-- name: list_refunds
-- A page of a merchant's refunds, newest first, before a given id; every filter may be null. No
-- row: there are no more.
SELECT
    r.merchant_id, r.refund_id, r.payment_id, r.status, r.amount, r.currency, r.reason, r.origin,
    r.idempotency_key, r.requested_by, r.quoted_amount, r.policy_sha256, r.override_reason,
    r.four_eyes, r.approved_by, r.gateway_id, r.failure_reason, r.failure_code, r.settled_amount,
    r.created_at, r.updated_at, r.finished_at
FROM refunds r
WHERE r.merchant_id = :merchant_id::uuid
    AND (:before::uuid IS NULL OR r.refund_id < :before)
    AND (:payment_id::uuid IS NULL OR r.payment_id = :payment_id)
    AND (:status::text IS NULL OR r.status = :status)
    AND (:reason::text IS NULL OR r.reason = :reason)
    AND (:origin::text IS NULL OR r.origin = :origin)
ORDER BY r.refund_id DESC
LIMIT :rows_max::integer;
