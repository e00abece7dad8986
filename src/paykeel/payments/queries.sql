-- name: settle_payments
-- Moves payments of one merchant by one step each, and with the move writes event, attempt, stored
-- answers, outbox and metrics. Guarded by status and version: a payment that has no row in the
-- result had moved meanwhile, and the caller reads it again. The merchant comes to each table with
-- the row that is looked up, and not as a constant: a planner that takes a merchant for small would
-- otherwise read all of its rows, which is fatal for the one that is not.
WITH input AS MATERIALIZED (
    SELECT
        :merchant_id::uuid AS merchant_id, u.payment_id, u.version, u.attempt_no,
        u.from_status, u.to_status, u.amount,
        u.authorized_delta, u.captured_delta, u.late_delta, u.refunded_delta, u.reserved_delta,
        u.disputed_delta, u.refund_id, u.refund_status, u.gateway_id, u.failure_reason,
        u.failure_code, u.next_action, u.finished, u.event_type, u.event_reason, u.actor,
        u.event_data, u.event_code, u.attempt_state, u.attempt_outcome, u.recover_ms, u.closes,
        u.occurred_at, u.outcome, u.message_id, u.topic, u.payload
    FROM unnest(
        :payment_ids::uuid[], :versions::integer[], :attempt_nos::smallint[],
        :from_statuses::text[], :to_statuses::text[], :amounts::bigint[],
        :authorized_deltas::bigint[], :captured_deltas::bigint[], :late_deltas::bigint[],
        :refunded_deltas::bigint[], :reserved_deltas::bigint[], :disputed_deltas::bigint[],
        :refund_ids::uuid[], :refund_statuses::text[],
        :gateway_ids::text[], :failure_reasons::text[], :failure_codes::text[],
        :next_actions::text[], :finished::boolean[], :event_types::text[],
        :event_reasons::text[], :actors::text[], :event_datas::text[], :event_codes::text[],
        :attempt_states::text[],
        :attempt_outcomes::text[], :recover_ms::bigint[], :closes::boolean[],
        :occurred_ats::timestamptz[], :outcomes::text[],
        :message_ids::uuid[], :topics::text[], :payloads::text[]
    ) AS u (
        payment_id, version, attempt_no,
        from_status, to_status, amount,
        authorized_delta, captured_delta, late_delta,
        refunded_delta, reserved_delta, disputed_delta,
        refund_id, refund_status,
        gateway_id, failure_reason, failure_code,
        next_action, finished, event_type,
        event_reason, actor, event_data, event_code, attempt_state,
        attempt_outcome, recover_ms, closes,
        occurred_at, outcome, message_id, topic, payload
    )
),
moved AS (
    UPDATE payments p
    SET status = i.to_status,
        version = p.version + 1,
        amount_authorized = p.amount_authorized + i.authorized_delta,
        amount_captured = p.amount_captured + i.captured_delta,
        amount_late = p.amount_late + i.late_delta,
        amount_refunded = p.amount_refunded + i.refunded_delta,
        amount_refund_reserved = p.amount_refund_reserved + i.reserved_delta,
        amount_disputed = p.amount_disputed + i.disputed_delta,
        -- A refund has an id of its own there.
        gateway_id = CASE WHEN i.refund_id IS NULL
            THEN coalesce(i.gateway_id, p.gateway_id) ELSE p.gateway_id END,
        failure_reason = i.failure_reason,
        failure_code = i.failure_code,
        next_action = i.next_action::jsonb,
        updated_at = i.occurred_at,
        finished_at = CASE WHEN i.finished THEN coalesce(p.finished_at, i.occurred_at) END
    FROM input i
    WHERE p.merchant_id = i.merchant_id AND p.payment_id = i.payment_id
        AND p.version = i.version AND p.status = i.from_status
    RETURNING
        p.merchant_id, p.payment_id, p.version, p.buyer_role, p.currency, p.gateway,
        p.amount_captured, i.attempt_no, i.from_status,
        i.to_status, i.amount, i.authorized_delta, i.captured_delta, i.late_delta,
        i.refunded_delta, i.reserved_delta, i.disputed_delta, i.refund_id, i.refund_status,
        i.gateway_id, i.event_code, i.event_type,
        i.event_reason, i.actor, i.event_data, i.attempt_state, i.attempt_outcome, i.recover_ms,
        i.closes, i.occurred_at, i.outcome, i.message_id, i.topic, i.payload
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount,
        authorized_delta, captured_delta, late_delta, refunded_delta, reserved_delta,
        disputed_delta, refund_id, reason, actor, data, occurred_at
    )
    SELECT
        m.merchant_id, m.payment_id, m.version, m.event_type, m.from_status, m.to_status, m.amount,
        m.authorized_delta, m.captured_delta, m.late_delta, m.refunded_delta, m.reserved_delta,
        m.disputed_delta, m.refund_id, m.event_reason, m.actor, m.event_data::jsonb, m.occurred_at
    FROM moved m
),
refunded AS (
    UPDATE refunds r
    SET status = m.refund_status,
        gateway_id = coalesce(m.gateway_id, r.gateway_id),
        failure_reason = CASE m.refund_status WHEN 'failed' THEN m.event_reason END,
        failure_code = CASE m.refund_status WHEN 'failed' THEN m.event_code END,
        settled_amount = CASE m.refund_status WHEN 'succeeded' THEN nullif(m.amount, r.amount) END,
        updated_at = m.occurred_at,
        finished_at = m.occurred_at
    FROM moved m
    WHERE r.merchant_id = m.merchant_id AND r.refund_id = m.refund_id
        AND m.refund_status IS NOT NULL
),
noticed AS (
    -- What the gateway told by itself meanwhile is this very refund, or is looked at again at once.
    UPDATE refund_notices n
    SET status = CASE WHEN (m.gateway_id, m.amount, m.currency, m.refund_status)
            = (n.gateway_id, n.amount, n.currency, 'succeeded') THEN 'ours' ELSE 'open' END,
        refund_id = CASE WHEN (m.gateway_id, m.amount, m.currency, m.refund_status)
            = (n.gateway_id, n.amount, n.currency, 'succeeded') THEN m.refund_id END,
        next_try_at = CASE WHEN (m.gateway_id, m.amount, m.currency, m.refund_status)
            = (n.gateway_id, n.amount, n.currency, 'succeeded') THEN NULL ELSE m.occurred_at END
    FROM moved m
    WHERE n.merchant_id = m.merchant_id AND n.payment_id = m.payment_id
        -- "IS TRUE" keeps it off the index of all that is open.
        AND (n.status = 'open') IS TRUE AND (m.refund_status IS NOT NULL OR m.late_delta < 0)
),
attempted AS (
    -- The end of a payment ends whatever of it was still watched.
    UPDATE payment_attempts t
    SET state = CASE WHEN t.attempt_no = m.attempt_no AND NOT m.closes
            THEN m.attempt_state ELSE 'done' END,
        outcome = CASE WHEN t.attempt_no = m.attempt_no
            THEN m.attempt_outcome ELSE t.outcome END,
        recover_at = CASE WHEN t.attempt_no = m.attempt_no AND NOT m.closes
            AND m.attempt_state <> 'done'
            THEN now() + make_interval(secs => m.recover_ms / 1000.0) END,
        finished_at = CASE WHEN m.closes OR m.attempt_state = 'done' THEN m.occurred_at END
    FROM moved m
    WHERE t.merchant_id = m.merchant_id AND t.payment_id = m.payment_id
        -- "IS TRUE" keeps it off the index of all that is watched, which no payment leads into.
        AND (t.state <> 'done') IS TRUE
        AND (t.attempt_no = m.attempt_no OR (m.closes AND t.refund_id IS NULL))
),
answers AS MATERIALIZED (
    SELECT
        :merchant_id AS merchant_id, w.payment_id, w.idempotency_key, w.response_status,
        w.response_type, w.response_body, w.answered_at
    FROM unnest(
        :answer_payment_ids::uuid[], :answer_keys::text[], :answer_statuses::smallint[],
        :answer_types::text[], :answer_bodies::bytea[], :answered_ats::timestamptz[]
    ) AS w (payment_id, idempotency_key, response_status, response_type, response_body, answered_at)
    WHERE (w.payment_id IN (SELECT m.payment_id FROM moved m)) IS TRUE
),
answered AS (
    UPDATE payment_idempotency k
    SET response_status = w.response_status,
        response_type = w.response_type,
        response_body = w.response_body,
        answered_at = w.answered_at
    FROM answers w
    WHERE k.merchant_id = w.merchant_id AND k.idempotency_key = w.idempotency_key
        AND k.response_status IS NULL
),
-- The purchase has an outcome: it is counted under the keys that it was opened with.
ended AS MATERIALIZED (
    SELECT
        m.merchant_id, m.payment_id, m.occurred_at, k.key,
        CASE WHEN m.refunded_delta > 0
            -- A part of what was captured is as much of its value.
            THEN (a.amount_ref::numeric * m.refunded_delta / m.amount_captured)::bigint
            ELSE a.amount_ref END AS amount_ref,
        CASE WHEN m.refunded_delta > 0 THEN 'refunded'
            WHEN m.to_status = 'failed' THEN 'declined'
            ELSE 'succeeded' END AS outcome
    FROM moved m
    JOIN velocity_attempts a ON a.merchant_id = m.merchant_id AND a.payment_id = m.payment_id
    CROSS JOIN LATERAL unnest(a.keys) AS k (key)
    -- The first good end, or the issuer's no; a gateway that could not be reached is neither.
    WHERE (m.to_status IN ('authorized', 'succeeded')
            AND m.from_status NOT IN ('authorized', 'succeeded'))
        OR (m.to_status = 'failed' AND m.from_status <> 'failed'
            AND m.event_reason NOT IN ('gateway_unavailable', 'processing_error'))
        OR m.refunded_delta > 0
),
entered AS (
    INSERT INTO velocity_entries (
        merchant_id, key, outcome, occurred_at, payment_id, amount_ref
    )
    SELECT e.merchant_id, e.key, e.outcome, e.occurred_at, e.payment_id, e.amount_ref
    FROM ended e
    ON CONFLICT (merchant_id, day, key, outcome, occurred_at, payment_id) DO NOTHING
),
profiled AS (
    INSERT INTO velocity_profiles AS v (
        merchant_id, key, first_at, last_at, succeeded, declined, sum_ref
    )
    SELECT
        e.merchant_id, e.key, min(e.occurred_at), max(e.occurred_at),
        count(*) FILTER (WHERE e.outcome = 'succeeded'),
        count(*) FILTER (WHERE e.outcome = 'declined'),
        coalesce(sum(e.amount_ref) FILTER (WHERE e.outcome = 'succeeded'), 0)
    FROM ended e
    GROUP BY 1, 2
    ORDER BY 1, 2
    ON CONFLICT (merchant_id, key) DO UPDATE SET
        succeeded = v.succeeded + excluded.succeeded,
        declined = v.declined + excluded.declined,
        sum_ref = v.sum_ref + excluded.sum_ref
),
staged AS (
    INSERT INTO outbox (merchant_id, message_id, topic, payment_id, payload, created_at)
    SELECT m.merchant_id, m.message_id, m.topic, m.payment_id, m.payload::jsonb, m.occurred_at
    FROM moved m
    WHERE m.topic IS NOT NULL
),
counted AS (
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded
    )
    SELECT
        m.merchant_id, date_trunc('minute', m.occurred_at, 'UTC'), m.event_type, m.outcome,
        m.buyer_role, m.currency, m.gateway, coalesce(m.event_reason, ''), :slot::smallint,
        count(*), sum(m.amount), sum(m.captured_delta), sum(m.refunded_delta)
    FROM moved m
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    ON CONFLICT (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot)
    DO UPDATE SET
        count = payment_metrics.count + excluded.count,
        amount = payment_metrics.amount + excluded.amount,
        captured = payment_metrics.captured + excluded.captured,
        refunded = payment_metrics.refunded + excluded.refunded
),
summed AS MATERIALIZED (
    -- The hour was summed up already, or may be meanwhile, unseen from here: a clock went back. It
    -- is summed up anew. The lock keeps that from happening until this is committed; those who
    -- count share it, and the mark is written only when it has to move.
    SELECT w.merchant_id, w.late_from, date_trunc('hour', f.at, 'UTC') AS hour
    FROM (SELECT m.merchant_id, min(m.occurred_at) AS at FROM moved m GROUP BY m.merchant_id) AS f
    JOIN metric_watermarks w ON w.merchant_id = f.merchant_id
    WHERE w.hours_to > f.at OR f.at < clock_timestamp() - interval '1 minute'
    FOR KEY SHARE OF w
),
late AS (
    UPDATE metric_watermarks w
    SET late_from = least(w.late_from, s.hour)
    FROM summed s
    WHERE w.merchant_id = s.merchant_id AND (s.late_from IS NULL OR s.late_from > s.hour)
)
SELECT m.payment_id, m.version, clock_timestamp() AS database_now FROM moved m;

-- name: this_transaction
-- Which transaction this is, and an error when it cannot commit any more; always one row.
SELECT pg_current_xact_id_if_assigned()::text AS transaction_id;

-- name: open_operation
-- Opens a capture, a cancellation or the like: claims its key, and writes the attempt that
-- recovery watches. No row: the key is taken, or the payment has moved, or another operation of it
-- is still open (the unique index of open attempts then raises instead), or money would be given
-- back while the gateway tells of a refund that is not booked.
WITH target AS (
    SELECT p.payment_id
    FROM payments p
    WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
        AND p.version = :version::integer
        AND NOT EXISTS (
            SELECT FROM payments q
            WHERE q.merchant_id = :merchant_id AND q.idempotency_key = :idempotency_key::text)
        AND (:operation::text <> 'refund' OR NOT EXISTS (
            SELECT FROM refund_notices w
            WHERE w.merchant_id = :merchant_id AND w.payment_id = p.payment_id
                AND w.status = 'open'))
    FOR NO KEY UPDATE
),
opened AS (
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, idempotency_key, amount, final,
        ends_in, data, state, recover_at, created_at
    )
    SELECT
        :merchant_id, t.payment_id,
        (SELECT max(a.attempt_no) + 1 FROM payment_attempts a
            WHERE a.merchant_id = :merchant_id AND a.payment_id = t.payment_id),
        :operation, :reference::bytea, :idempotency_key, :amount::bigint, :final::boolean,
        :ends_in::text, :data::jsonb, 'open',
        now() + make_interval(secs => :recover_ms::bigint / 1000.0), now()
    FROM target t
    ON CONFLICT (idempotency_key, merchant_id) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING attempt_no
),
claimed AS (
    INSERT INTO payment_idempotency (
        merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no, created_at
    )
    SELECT
        :merchant_id, :idempotency_key, :claims_as::text, :fingerprint::bytea, :payment_id,
        o.attempt_no, now()
    FROM opened o
    WHERE :claims_as::text IS NOT NULL
)
SELECT o.attempt_no FROM opened o;

-- name: hold_payment
-- Holds a payment to the end of the transaction: what the next statement sees of its notices stays
-- so, because storing one waits. No row: this merchant has none such.
SELECT p.payment_id
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
FOR NO KEY UPDATE;

-- name: has_open_notice
-- Whether the gateway told of a refund of this payment of which it is not clear yet what it is.
-- No row: there is none.
SELECT n.gateway_id
FROM refund_notices n
WHERE n.merchant_id = :merchant_id::uuid AND n.payment_id = :payment_id::uuid
    AND n.status = 'open'
LIMIT 1;

-- name: defer_attempt
-- Says when to look at an attempt again, without a move of its payment. No row: it is over.
UPDATE payment_attempts t
SET state = :state::text,
    outcome = :outcome::text,
    recover_at = now() + make_interval(secs => :recover_ms::bigint / 1000.0)
WHERE t.merchant_id = :merchant_id::uuid AND t.payment_id = :payment_id::uuid
    AND t.attempt_no = :attempt_no::smallint AND t.state <> 'done'
RETURNING t.attempt_no;

-- name: close_attempt
-- Ends an attempt whose payment has ended without it. No row: it was over already.
UPDATE payment_attempts t
SET state = 'done', outcome = :outcome::text, recover_at = NULL, finished_at = now()
WHERE t.merchant_id = :merchant_id::uuid AND t.payment_id = :payment_id::uuid
    AND t.attempt_no = :attempt_no::smallint AND t.state <> 'done'
RETURNING t.attempt_no;

-- name: plan_afresh
-- Lets the next statement of this transaction be planned for its own filters; no row ever.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: get_payment
-- The payment with this id; no row means that this merchant has none such.
SELECT
    p.merchant_id, p.payment_id, p.idempotency_key, p.status, p.version, p.amount, p.currency,
    p.exponent, p.amount_authorized, p.amount_captured, p.amount_refunded, p.amount_late,
    p.capture_method, p.kind, p.buyer_id, p.buyer_role, p.payment_method, p.reference,
    p.description,
    p.metadata, p.gateway, p.gateway_id, p.failure_reason, p.failure_code, p.next_action,
    p.completion_hook, p.warnings, p.amount_refund_reserved, p.amount_disputed,
    -- Nonsense that was told twice must not make the payment unreadable.
    (SELECT least(coalesce(sum(n.amount), 0), 9223372036854775807)::bigint
        FROM refund_notices n
        WHERE n.merchant_id = p.merchant_id AND n.payment_id = p.payment_id
            AND n.status = 'open' AND n.currency = p.currency AND n.amount > 0)
        AS amount_refund_noticed,
    p.refund_policy_key, p.refund_policy_version, p.refund_policy_sha256, p.created_at,
    p.updated_at, p.finished_at
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid;

-- name: list_events
-- What happened to a payment, in order, from after a sequence number; no row: nothing more.
SELECT
    e.sequence, e.type, e.from_status, e.to_status, e.amount, e.authorized_delta,
    e.captured_delta, e.refunded_delta, e.late_delta, e.reason, e.actor, e.data, e.occurred_at,
    e.reserved_delta, e.disputed_delta, e.refund_id
FROM payment_events e
WHERE e.merchant_id = :merchant_id::uuid AND e.payment_id = :payment_id::uuid
    AND e.sequence > :after::integer AND e.sequence <= :up_to::integer
ORDER BY e.sequence
LIMIT :rows_max::integer;

-- name: list_payments
-- A page of a merchant's payments, newest first, before a given id; every filter may be null. No
-- row: there are no more.
SELECT
    p.merchant_id, p.payment_id, p.idempotency_key, p.status, p.version, p.amount, p.currency,
    p.exponent, p.amount_authorized, p.amount_captured, p.amount_refunded, p.amount_late,
    p.capture_method, p.kind, p.buyer_id, p.buyer_role, p.payment_method, p.reference,
    p.description,
    p.metadata, p.gateway, p.gateway_id, p.failure_reason, p.failure_code, p.next_action,
    p.completion_hook, p.warnings, p.amount_refund_reserved, p.amount_disputed,
    -- Nonsense that was told twice must not make the payment unreadable.
    (SELECT least(coalesce(sum(n.amount), 0), 9223372036854775807)::bigint
        FROM refund_notices n
        WHERE n.merchant_id = p.merchant_id AND n.payment_id = p.payment_id
            AND n.status = 'open' AND n.currency = p.currency AND n.amount > 0)
        AS amount_refund_noticed,
    p.refund_policy_key, p.refund_policy_version, p.refund_policy_sha256, p.created_at,
    p.updated_at, p.finished_at
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid
    AND (:before::uuid IS NULL OR p.payment_id < :before)
    -- Ids begin with the time at which they were made; created_at below is what decides.
    AND (:id_from::uuid IS NULL OR p.payment_id >= :id_from)
    AND (:id_to::uuid IS NULL OR p.payment_id <= :id_to)
    AND (:status::text IS NULL OR p.status = :status)
    AND (:buyer_id::text IS NULL OR p.buyer_id = :buyer_id)
    AND (:buyer_role::text IS NULL OR p.buyer_role = :buyer_role)
    AND (:reference::text IS NULL OR p.reference = :reference)
    AND (:currency::text IS NULL OR p.currency = :currency)
    AND (:created_from::timestamptz IS NULL OR p.created_at >= :created_from)
    AND (:created_to::timestamptz IS NULL OR p.created_at < :created_to)
    AND (:amount_min::bigint IS NULL OR p.amount >= :amount_min)
    AND (:amount_max::bigint IS NULL OR p.amount <= :amount_max)
ORDER BY p.payment_id DESC
LIMIT :rows_max::integer;

-- name: get_attempts
-- Every operation of a payment at the gateway, in order; no row: it was never sent.
SELECT
    t.payment_id, t.attempt_no, t.operation, t.reference, t.idempotency_key, t.amount, t.final,
    t.ends_in, t.data, t.state, t.outcome, t.recover_at, t.recover_count, t.created_at,
    t.finished_at, t.refund_id
FROM payment_attempts t
WHERE t.merchant_id = :merchant_id::uuid AND t.payment_id = :payment_id::uuid
ORDER BY t.attempt_no;

-- name: claim_due_attempts
-- Takes attempts whose time has come, for as long as the lease, skipping what another worker has
-- taken; of all merchants (each row has its merchant_id), the longest due first. Payments that need
-- a hook this process lacks are left. No row: nothing is due.
WITH due AS MATERIALIZED (
    SELECT t.merchant_id, t.payment_id, t.attempt_no
    FROM payment_attempts t
    WHERE t.state <> 'done' AND t.recover_at <= now()
        -- A value and no join: it is looked up for each row that is due. Without statistics a
        -- planner would begin with the payments, all of them.
        AND (t.refund_id IS NOT NULL OR (
            SELECT p.completion_hook IS NULL OR p.completion_hook = :completion_hook::text
            FROM payments p
            WHERE p.merchant_id = t.merchant_id AND p.payment_id = t.payment_id
        ))
    ORDER BY t.recover_at
    LIMIT :rows_max::integer
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE payment_attempts t
SET recover_at = now() + make_interval(secs => :lease_ms::bigint / 1000.0),
    recover_count = t.recover_count + 1
FROM due
WHERE t.merchant_id = due.merchant_id AND t.payment_id = due.payment_id
    AND t.attempt_no = due.attempt_no
RETURNING
    t.merchant_id, t.payment_id, t.attempt_no, t.operation, t.reference, t.idempotency_key,
    t.amount, t.final, t.ends_in, t.data, t.state, t.outcome, t.recover_at, t.recover_count,
    t.created_at, t.finished_at, t.refund_id,
    (extract(epoch FROM now() - t.created_at) * 1000)::bigint AS age_ms;

-- name: list_stuck
-- What is still in the dark although recovery has looked at it, and money that came after the end;
-- oldest first. No row: all is well.
SELECT
    p.payment_id, p.status, p.amount, p.currency, p.amount_late, p.reference, p.gateway,
    t.attempt_no, t.operation, t.state, t.outcome, t.recover_at, t.recover_count,
    (extract(epoch FROM now() - t.created_at) * 1000)::bigint AS age_ms,
    t.amount AS attempt_amount, t.refund_id
FROM payment_attempts t
JOIN payments p ON p.merchant_id = t.merchant_id AND p.payment_id = t.payment_id
WHERE t.merchant_id = :merchant_id::uuid AND t.state <> 'done'
    AND t.recover_count >= :tries_min::integer
    AND (t.state = 'open' OR p.status = 'processing')
UNION ALL
SELECT
    p.payment_id, p.status, p.amount, p.currency, p.amount_late, p.reference, p.gateway,
    NULL, 'late_money', 'open', 'late_money', NULL, 0,
    (extract(epoch FROM now() - p.updated_at) * 1000)::bigint AS age_ms,
    p.amount_late, NULL
FROM payments p
WHERE p.merchant_id = :merchant_id AND p.amount_late > 0
ORDER BY age_ms DESC, payment_id
LIMIT :rows_max::integer;

-- name: recovery_lag
-- How many attempts of all merchants (every merchant_id) are past their time, and by how many
-- milliseconds the oldest is; always one row.
SELECT
    count(*) AS overdue,
    coalesce((extract(epoch FROM now() - min(t.recover_at)) * 1000)::bigint, 0) AS lag_ms
FROM payment_attempts t
WHERE t.state <> 'done' AND t.recover_at <= now();
