-- name: store_notice
-- Stores that the gateway told of a refund by itself. No row: it was told before, or the merchant
-- has no such payment.
INSERT INTO refund_notices (
    merchant_id, payment_id, gateway_id, amount, currency, told_at, status, next_try_at
)
SELECT
    p.merchant_id, p.payment_id, :gateway_id::text, :amount::bigint, :currency::text, now(), 'open',
    now() + make_interval(secs => :again_ms::bigint / 1000.0)
FROM payments p
WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
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

-- name: has_open_notice
-- Whether the gateway told of a refund of this payment of which it is not clear yet what it is.
-- No row: there is none.
SELECT n.gateway_id
FROM refund_notices n
WHERE n.merchant_id = :merchant_id::uuid AND n.payment_id = :payment_id::uuid
    AND n.status = 'open'
LIMIT 1;

-- name: beside_notice
-- What there is of ours that a notice may be about: the refund with its id and what that gave back,
-- whether one is on its way, and whether one was given back without its id being told, with the
-- same amount. Always one row. (No order: it would lead a planner to all refunds of the merchant.)
SELECT
    (array_agg(r.refund_id) FILTER (
        WHERE r.gateway_id = :gateway_id::text AND r.status = 'succeeded'))[1] AS refund_id,
    (array_agg(coalesce(r.settled_amount, r.amount)) FILTER (
        WHERE r.gateway_id = :gateway_id AND r.status = 'succeeded'))[1] AS amount,
    count(*) FILTER (WHERE r.gateway_id IS NULL AND r.status = 'pending') AS pending,
    count(*) FILTER (
        WHERE r.gateway_id IS NULL AND r.status = 'succeeded'
            AND coalesce(r.settled_amount, r.amount) = :amount::bigint) AS unnamed
FROM refunds r
WHERE r.merchant_id = :merchant_id::uuid AND r.payment_id = :payment_id::uuid;

-- name: notice_is_ours
-- Notes that a notice is about a refund that was asked for here. No row: it is not open any more.
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
WITH moved AS (
    UPDATE payments p
    SET version = p.version + 1, updated_at = :occurred_at::timestamptz
    FROM refund_notices w
    WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
        AND p.version = :version::integer
        AND w.merchant_id = p.merchant_id AND w.payment_id = p.payment_id
        AND w.gateway_id = :gateway_id::text AND w.status = 'open'
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
        AND n.gateway_id = :gateway_id
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
late AS (
    -- The hour was summed up already: a clock went back. It is summed up anew.
    UPDATE metric_watermarks w
    SET late_from = least(w.late_from, date_trunc('hour', :occurred_at, 'UTC'))
    FROM moved m
    WHERE w.merchant_id = m.merchant_id AND w.hours_to > :occurred_at
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
