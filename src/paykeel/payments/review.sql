-- name: list_reviews
-- A page of what waits for a person at one merchant, the soonest due first, after a given one;
-- every filter may be null. No row: there are no more.
SELECT
    r.payment_id, r.status, r.reasons, r.approvals_needed, r.approvals, r.assignee, r.due_at,
    r.created_at, r.decided_at, p.status AS payment_status, p.amount, p.currency, p.buyer_id,
    p.buyer_role, p.reference
FROM fraud_reviews r
JOIN payments p ON p.merchant_id = r.merchant_id AND p.payment_id = r.payment_id
WHERE r.merchant_id = :merchant_id::uuid
    -- An index of its own, in the order in which they are due, holds what is not decided.
    AND r.status = 'open' AND r.decided_at IS NULL
    -- One comparison, so that a later page begins in the index where the one before ended.
    AND (r.due_at, r.payment_id) > (
        coalesce(:after_due_at::timestamptz, '-infinity'),
        coalesce(:after_payment_id::uuid, '00000000-0000-0000-0000-000000000000'))
    AND (:assignee::text IS NULL OR r.assignee = :assignee)
    AND (:reason::text IS NULL OR :reason = ANY (r.reasons))
ORDER BY r.due_at, r.payment_id
LIMIT :rows_max::integer;

-- name: get_review
-- The review of this payment; no row means that this merchant's payment was never held, or is none.
SELECT
    r.payment_id, r.status, r.reasons, r.approvals_needed, r.approvals, r.assignee, r.due_at,
    r.created_at, r.decided_at, p.status AS payment_status, p.amount, p.currency, p.buyer_id,
    p.buyer_role, p.reference
FROM fraud_reviews r
JOIN payments p ON p.merchant_id = r.merchant_id AND p.payment_id = r.payment_id
WHERE r.merchant_id = :merchant_id::uuid AND r.payment_id = :payment_id::uuid;

-- name: list_notes
-- What people did and said about a payment that was held, in order; no row: nobody has yet.
SELECT n.note_id, n.action, n.author, n.body, n.created_at
FROM fraud_review_notes n
WHERE n.merchant_id = :merchant_id::uuid AND n.payment_id = :payment_id::uuid
ORDER BY n.created_at, n.note_id
LIMIT :rows_max::integer;

-- name: assign_review
-- Says who looks at a payment, or that nobody does, and notes who said so. No row: it is not open
-- any more, or there are too many notes.
WITH assigned AS (
    UPDATE fraud_reviews r
    SET assignee = :assignee::text
    WHERE r.merchant_id = :merchant_id::uuid AND r.payment_id = :payment_id::uuid
        AND r.status = 'open'
        AND (
            SELECT count(*) FROM fraud_review_notes n
            WHERE n.merchant_id = :merchant_id AND n.payment_id = :payment_id
        ) < :notes_max::integer
    RETURNING r.merchant_id, r.payment_id
)
INSERT INTO fraud_review_notes (
    merchant_id, payment_id, note_id, action, author, body, created_at
)
SELECT
    a.merchant_id, a.payment_id, :note_id::uuid, 'assign', :author::text,
    coalesce(:assignee, ''), clock_timestamp()
FROM assigned a
RETURNING note_id;

-- name: add_note
-- Adds what somebody has to say, while it is decided and afterwards. No row: there is no such
-- review, or there are too many notes.
INSERT INTO fraud_review_notes (
    merchant_id, payment_id, note_id, action, author, body, created_at
)
SELECT
    r.merchant_id, r.payment_id, :note_id::uuid, 'note', :author::text, :body::text,
    clock_timestamp()
FROM fraud_reviews r
WHERE r.merchant_id = :merchant_id::uuid AND r.payment_id = :payment_id::uuid
    AND (
        SELECT count(*) FROM fraud_review_notes n
        WHERE n.merchant_id = :merchant_id AND n.payment_id = :payment_id
    ) < :notes_max::integer
RETURNING note_id, action, author, body, created_at;

-- name: approve_review
-- Counts one person's approval and, if it is the last one that is needed, moves the payment on:
-- with event, metrics, and the attempt that recovery watches, before anything is sent. No row: the
-- review is not open any more; version is null: another person has to approve, too. A second
-- approval of the same person breaks a unique index, and nothing is written.
WITH counted_in AS (
    UPDATE fraud_reviews r
    -- Of two at once the second waits, and then counts upon what the first has written.
    SET approvals = r.approvals + 1,
        status = CASE WHEN r.approvals + 1 = r.approvals_needed THEN 'approved' ELSE 'open' END,
        decided_at = CASE WHEN r.approvals + 1 = r.approvals_needed
            THEN :occurred_at::timestamptz END
    FROM payments p
    WHERE r.merchant_id = :merchant_id::uuid AND r.payment_id = :payment_id::uuid
        AND r.status = 'open'
        AND p.merchant_id = r.merchant_id AND p.payment_id = r.payment_id
        AND p.version = :version::integer AND p.status = 'in_review'
    RETURNING r.merchant_id, r.payment_id, r.status
),
noted AS (
    INSERT INTO fraud_review_notes (
        merchant_id, payment_id, note_id, action, author, body, created_at
    )
    SELECT
        c.merchant_id, c.payment_id, :note_id::uuid, 'approve', :author::text, :body::text,
        clock_timestamp()
    FROM counted_in c
),
moved AS (
    UPDATE payments p
    SET status = 'pending',
        version = p.version + 1,
        updated_at = :occurred_at
    FROM counted_in c
    WHERE c.status = 'approved'
        AND p.merchant_id = c.merchant_id AND p.payment_id = c.payment_id
        AND p.version = :version AND p.status = 'in_review'
    RETURNING
        p.merchant_id, p.payment_id, p.version, p.amount, p.buyer_role, p.currency, p.gateway
),
attempted AS (
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, amount, state, recover_at,
        created_at
    )
    SELECT
        m.merchant_id, m.payment_id, 1, 'charge', :reference::bytea, m.amount, 'open',
        now() + make_interval(secs => :recover_ms::bigint / 1000.0), now()
    FROM moved m
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, actor, occurred_at
    )
    SELECT
        m.merchant_id, m.payment_id, m.version, :event_type::text, 'in_review', 'pending',
        m.amount, :actor::text, :occurred_at
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
SELECT c.status, (SELECT m.version FROM moved m) AS version
FROM counted_in c;

-- name: end_review
-- Ends a payment that was held and never sent (rejected, canceled, expired), and with it writes
-- event, metrics, outbox, the purchase's stored answer, what the person said, the label, and the
-- cancellation's own key with its answer. No row: the review is not open any more, or the key of
-- the cancellation is that of a purchase; a key that is taken otherwise breaks a unique index.
WITH ended AS (
    UPDATE fraud_reviews r
    SET status = :review_status::text, decided_at = :occurred_at::timestamptz
    FROM payments p
    WHERE r.merchant_id = :merchant_id::uuid AND r.payment_id = :payment_id::uuid
        AND r.status = 'open'
        AND p.merchant_id = r.merchant_id AND p.payment_id = r.payment_id
        AND p.version = :version::integer AND p.status = 'in_review'
        AND NOT EXISTS (
            SELECT FROM payments q
            WHERE q.merchant_id = :merchant_id AND q.idempotency_key = :cancel_key::text
        )
    RETURNING r.merchant_id, r.payment_id
),
noted AS (
    INSERT INTO fraud_review_notes (
        merchant_id, payment_id, note_id, action, author, body, created_at
    )
    SELECT
        e.merchant_id, e.payment_id, :note_id::uuid, :note_action::text, :author::text,
        :body::text, clock_timestamp()
    FROM ended e
    WHERE :note_action IS NOT NULL
),
moved AS (
    UPDATE payments p
    SET status = :to_status::text,
        version = p.version + 1,
        failure_reason = :reason::text,
        updated_at = :occurred_at,
        finished_at = :occurred_at
    FROM ended e
    WHERE p.merchant_id = e.merchant_id AND p.payment_id = e.payment_id
        AND p.version = :version AND p.status = 'in_review'
    RETURNING
        p.merchant_id, p.payment_id, p.idempotency_key, p.version, p.amount, p.buyer_role,
        p.currency, p.gateway
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, reason, actor,
        occurred_at
    )
    SELECT
        m.merchant_id, m.payment_id, m.version, :event_type::text, 'in_review', :to_status,
        m.amount, :reason, :actor::text, :occurred_at
    FROM moved m
),
answered AS (
    UPDATE payment_idempotency k
    SET response_status = :response_status::smallint,
        response_type = :response_type::text,
        response_body = :response_body::bytea,
        answered_at = :occurred_at
    FROM moved m
    WHERE k.merchant_id = m.merchant_id AND k.idempotency_key = m.idempotency_key
        AND k.response_status IS NULL
),
-- Nothing was ever sent: the row is over at once, and keeps the key for as long as the payment.
canceled AS (
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, idempotency_key, amount,
        ends_in, state, outcome, created_at, finished_at
    )
    SELECT
        m.merchant_id, m.payment_id, 1, 'void', :cancel_reference::bytea, :cancel_key, m.amount,
        'canceled', 'done', 'never sent', :occurred_at, :occurred_at
    FROM moved m
    WHERE :cancel_key IS NOT NULL
),
claimed AS (
    INSERT INTO payment_idempotency (
        merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no,
        response_status, response_type, response_body, created_at, answered_at
    )
    SELECT
        m.merchant_id, :cancel_key, 'cancel', :cancel_mark::bytea, m.payment_id, 1,
        :cancel_status::smallint, :cancel_type::text, :cancel_body::bytea, :occurred_at,
        :occurred_at
    FROM moved m
    WHERE :cancel_key IS NOT NULL
),
labelled AS (
    -- The same label has the same id as in labels.sql, from wherever it comes.
    INSERT INTO fraud_labels (
        merchant_id, payment_id, label_id, label, source, known_at, created_by
    )
    SELECT
        m.merchant_id, m.payment_id,
        encode(substr(sha256(convert_to(concat_ws(
            ':', :label::text, 'review', (extract(epoch FROM :occurred_at) * 1000000)::bigint
        ), 'UTF8')), 1, 16), 'hex')::uuid,
        :label, 'review', :occurred_at, :author
    FROM moved m
    WHERE :label IS NOT NULL
    ON CONFLICT DO NOTHING
),
staged AS (
    INSERT INTO outbox (merchant_id, message_id, topic, payment_id, payload, created_at)
    SELECT
        m.merchant_id, :message_id::uuid, :event_type, m.payment_id, :payload::jsonb, :occurred_at
    FROM moved m
),
counted AS (
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded
    )
    SELECT
        m.merchant_id, date_trunc('minute', :occurred_at, 'UTC'), :event_type, :outcome::text,
        m.buyer_role, m.currency, m.gateway, coalesce(:reason, ''), :slot::smallint, 1, m.amount,
        0, 0
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
SELECT m.version FROM moved m;

-- name: claim_due_review
-- Takes, until the transaction ends, the review that is longest overdue, after a given one and of
-- any merchant (merchant_id comes with it), skipping what another has at this moment. No row: no
-- more are due.
SELECT r.merchant_id, r.payment_id, r.due_at
FROM fraud_reviews r
WHERE r.status = 'open' AND r.decided_at IS NULL AND r.due_at <= now()
    AND (:after_due_at::timestamptz IS NULL
        OR (r.due_at, r.merchant_id, r.payment_id)
            > (:after_due_at, :after_merchant_id::uuid, :after_payment_id::uuid))
ORDER BY r.due_at, r.merchant_id, r.payment_id
LIMIT 1
FOR UPDATE SKIP LOCKED;
