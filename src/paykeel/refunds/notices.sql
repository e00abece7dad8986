-- name: store_notice
-- Stores that the gateway told of a refund by itself. It waits for whoever holds the payment to
-- send a refund. No row: it was told before, or the merchant has no such payment.
INSERT INTO refund_notices (
    merchant_id, payment_id, gateway_id, amount, currency, told_at, status, next_try_at
)
SELECT
    p.merchant_id, p.payment_id, :gateway_id::text, :amount::bigint, :currency::text, now(), 'open',
    now() + make_interval(secs => :again_ms::bigint / 1000.0)
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
FOR NO KEY UPDATE OF p
ON CONFLICT (merchant_id, payment_id, gateway_id) DO NOTHING
RETURNING gateway_id;

-- name: get_notice
-- What the gateway told of a refund under its own id; no row: it told nothing.
SELECT
    n.merchant_id, n.payment_id, n.gateway_id, n.amount, n.currency, n.told_at, n.status,
    n.refund_id, n.waits_for, n.alarmed_at, n.tries, n.next_try_at, n.dismissed_by,
    n.dismissed_because, n.dismissed_at
FROM refund_notices n
WHERE n.merchant_id = :merchant_id::uuid AND n.payment_id = :payment_id::uuid
    AND n.gateway_id = :gateway_id::text;

-- name: list_notices
-- What the gateway told of a merchant's refunds, of the oldest payment first; every filter may be
-- null. No row: it told nothing of the kind.
SELECT
    n.merchant_id, n.payment_id, n.gateway_id, n.amount, n.currency, n.told_at, n.status,
    n.refund_id, n.waits_for, n.alarmed_at, n.tries, n.next_try_at, n.dismissed_by,
    n.dismissed_because, n.dismissed_at
FROM refund_notices n
WHERE n.merchant_id = :merchant_id::uuid
    AND (:status::text IS NULL OR n.status = :status)
    AND (:payment_id::uuid IS NULL OR n.payment_id = :payment_id)
ORDER BY n.payment_id, n.gateway_id
LIMIT :rows_max::integer;

-- name: beside_notice
-- What there is of ours that a notice may be about: the refund with its id and what that gave back,
-- whether one is on its way, and whether one was given back without its id being told, with the
-- same amount; late money that is given back counts as much. Always one row. (No order: it would
-- lead a planner to all refunds of the merchant.)
WITH late AS MATERIALIZED (
    SELECT e.amount, e.data ->> 'gateway_refund' AS gateway_id
    FROM payment_events e
    WHERE e.merchant_id = :merchant_id::uuid AND e.payment_id = :payment_id::uuid
        AND e.type = 'payment.late_money_refunded'
)
SELECT
    (array_agg(r.refund_id) FILTER (
        WHERE r.gateway_id = :gateway_id::text AND r.status = 'succeeded'))[1] AS refund_id,
    (array_agg(coalesce(r.settled_amount, r.amount)) FILTER (
        WHERE r.gateway_id = :gateway_id AND r.status = 'succeeded'))[1] AS amount,
    count(*) FILTER (WHERE r.gateway_id IS NULL AND r.status = 'pending')
        + (SELECT count(*) FROM payment_attempts t
            WHERE t.merchant_id = :merchant_id AND t.payment_id = :payment_id
                AND t.operation = 'refund' AND t.refund_id IS NULL
                -- "IS TRUE" keeps it off the index of all that is watched.
                AND (t.state <> 'done') IS TRUE) AS pending,
    count(*) FILTER (
        WHERE r.gateway_id IS NULL AND r.status = 'succeeded'
            AND coalesce(r.settled_amount, r.amount) = :amount::bigint)
        + (SELECT count(*) FROM late l
            WHERE l.gateway_id IS NULL AND l.amount = :amount) AS unnamed,
    (SELECT sum(l.amount)::bigint FROM late l WHERE l.gateway_id = :gateway_id) AS late_amount
FROM refunds r
WHERE r.merchant_id = :merchant_id AND r.payment_id = :payment_id;

-- name: notice_is_ours
-- Notes that a notice is about a refund that was asked for here, or about late money that was given
-- back here, which is no refund of its own. No row: it is not open any more.
UPDATE refund_notices n
SET status = 'ours', refund_id = :refund_id::uuid, next_try_at = NULL
WHERE n.merchant_id = :merchant_id::uuid AND n.payment_id = :payment_id::uuid
    AND n.gateway_id = :gateway_id::text AND n.status = 'open'
RETURNING n.gateway_id;

-- name: leave_notice
-- Notes why a notice stays open, where that is another reason than before. No row: it is the same,
-- or it is not open any more.
UPDATE refund_notices n
SET waits_for = :waits_for::text
WHERE n.merchant_id = :merchant_id::uuid AND n.payment_id = :payment_id::uuid
    AND n.gateway_id = :gateway_id::text AND n.status = 'open'
    AND n.waits_for IS DISTINCT FROM :waits_for
RETURNING n.gateway_id;

-- name: tell_of_notice
-- Tells of a notice in the payment's history, with metrics and message: that it is open and that
-- somebody has to look, or that somebody dismissed it. No row: the payment has moved, or the notice
-- is not open any more.
-- The payment is held before the notice, as whoever settles does it.
WITH held AS MATERIALIZED (
    SELECT p.merchant_id, p.payment_id
    FROM payments p
    WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
        AND p.version = :version::integer
    FOR NO KEY UPDATE
),
waiting AS MATERIALIZED (
    SELECT w.merchant_id, w.payment_id
    FROM held h
    JOIN refund_notices w ON w.merchant_id = h.merchant_id AND w.payment_id = h.payment_id
    WHERE w.gateway_id = :gateway_id::text AND w.status = 'open'
    FOR NO KEY UPDATE OF w
),
moved AS (
    UPDATE payments p
    SET version = p.version + 1, updated_at = :occurred_at::timestamptz
    FROM waiting w
    WHERE p.merchant_id = w.merchant_id AND p.payment_id = w.payment_id
    RETURNING
        p.merchant_id, p.payment_id, p.version, p.status, p.currency, p.buyer_role, p.gateway
),
told AS (
    UPDATE refund_notices n
    SET status = CASE WHEN :because::text IS NULL THEN 'open' ELSE 'dismissed' END,
        waits_for = coalesce(:waits_for::text, n.waits_for),
        alarmed_at = CASE WHEN :because IS NULL THEN :occurred_at ELSE n.alarmed_at END,
        next_try_at = CASE WHEN :because IS NULL THEN n.next_try_at END,
        dismissed_by = CASE WHEN :because IS NOT NULL THEN :actor::text END,
        dismissed_because = :because,
        dismissed_at = CASE WHEN :because IS NOT NULL THEN :occurred_at END
    FROM moved m
    WHERE n.merchant_id = m.merchant_id AND n.payment_id = m.payment_id
        AND n.gateway_id = :gateway_id AND n.status = 'open'
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, actor, data,
        occurred_at
    )
    SELECT
        m.merchant_id, m.payment_id, m.version, :event_type::text, m.status, m.status,
        :amount::bigint, :actor, :event_data::jsonb, :occurred_at
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
        m.currency, m.gateway, '', :slot::smallint, 1, :amount, 0, 0
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

-- name: claim_due_notices
-- Takes notices whose time has come, skipping what another worker has taken; of all merchants (each
-- row has its merchant_id), the longest due first. The next look is later each time, up to a
-- longest pause. No row: nothing is due.
WITH due AS MATERIALIZED (
    SELECT n.merchant_id, n.payment_id, n.gateway_id
    FROM refund_notices n
    WHERE n.status = 'open' AND n.next_try_at <= now()
    ORDER BY n.next_try_at
    LIMIT :rows_max::integer
    FOR UPDATE OF n SKIP LOCKED
)
UPDATE refund_notices n
SET tries = least(n.tries, 1000000) + 1,
    -- Between a half and the whole of the pause, so that many do not come at once.
    next_try_at = now() + make_interval(secs => (0.5 + random() / 2)
        * least(:pause_ms_max::bigint, :pause_ms_min::bigint * 2 ^ least(n.tries, 20)) / 1000.0)
FROM due
WHERE n.merchant_id = due.merchant_id AND n.payment_id = due.payment_id
    AND n.gateway_id = due.gateway_id
RETURNING n.merchant_id, n.payment_id, n.gateway_id;
