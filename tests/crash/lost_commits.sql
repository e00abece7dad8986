-- Makes the database forget what it acknowledged since an instant, as an asynchronous standby that
-- takes over has never heard of it. Run by a superuser, in one transaction; $since is replaced,
-- and $bounds, which are those of the histograms.
-- Every change is dated by its event, so what is left of the events says how the rest looked.

SET LOCAL session_replication_role = replica;

SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'paykeel';

LOCK TABLE payments, payment_attempts, payment_events, payment_idempotency, fraud_prevention_logs,
    outbox, payment_metrics, payment_latencies, velocity_attempts, velocity_entries
    IN ACCESS EXCLUSIVE MODE;

CREATE TEMPORARY TABLE touched ON COMMIT DROP AS
SELECT DISTINCT payment_id FROM payment_events WHERE occurred_at > '$since';

DELETE FROM payment_events WHERE occurred_at > '$since';
DELETE FROM outbox WHERE created_at > '$since';
DELETE FROM payment_idempotency WHERE created_at > '$since';
DELETE FROM payment_attempts WHERE created_at > '$since';
DELETE FROM payments WHERE created_at > '$since';

-- A decision is dated a moment after its payment, whose row says whether the commit is lost.
DELETE FROM fraud_prevention_logs l
WHERE NOT EXISTS (SELECT FROM payments p WHERE p.payment_id = l.payment_id);
DELETE FROM velocity_attempts a
WHERE NOT EXISTS (SELECT FROM payments p WHERE p.payment_id = a.payment_id);
DELETE FROM velocity_entries e
WHERE NOT EXISTS (SELECT FROM payments p WHERE p.payment_id = e.payment_id);

-- What is left of the touched ones had been opened, perhaps left unknown, and not yet settled.
UPDATE payment_idempotency k
SET response_status = NULL, response_type = NULL, response_body = NULL, answered_at = NULL
FROM touched t WHERE k.payment_id = t.payment_id;

UPDATE payment_attempts a
SET state = 'open', outcome = NULL, finished_at = NULL, recover_at = now()
FROM touched t WHERE a.payment_id = t.payment_id;

UPDATE payments p
SET status = e.to_status, version = e.sequence, amount_authorized = 0, amount_captured = 0,
    gateway_id = NULL, failure_reason = NULL, failure_code = NULL, next_action = NULL,
    updated_at = e.occurred_at, finished_at = NULL
FROM touched t
JOIN LATERAL (
    SELECT l.to_status, l.sequence, l.occurred_at FROM payment_events l
    WHERE l.payment_id = t.payment_id ORDER BY l.sequence DESC LIMIT 1
) AS e ON true
WHERE p.payment_id = t.payment_id;

DELETE FROM payment_metrics;
INSERT INTO payment_metrics (
    merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot, count,
    amount, captured, refunded
)
SELECT
    e.merchant_id, date_trunc('minute', e.occurred_at, 'UTC'), e.type, t.outcome, p.buyer_role,
    p.currency, p.gateway, coalesce(e.reason, ''), 0, count(*), sum(e.amount),
    sum(e.captured_delta), sum(e.refunded_delta)
FROM payment_events e
JOIN payments p USING (merchant_id, payment_id)
JOIN payment_transitions t USING (from_status, to_status)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;

DELETE FROM payment_latencies;
INSERT INTO payment_latencies (
    merchant_id, bucket, stage, buyer_role, gateway, slot, place, count, sum_us
)
SELECT
    l.merchant_id, date_trunc('minute', l.occurred_at, 'UTC'), 'purchase', l.buyer_role, l.gateway,
    0, width_bucket(l.us - 1, '{$bounds}'::bigint[]), count(*), sum(l.us)
FROM (
    SELECT
        e.merchant_id, e.occurred_at, p.buyer_role, p.gateway,
        (extract(epoch FROM e.occurred_at - p.created_at) * 1000000)::bigint AS us
    FROM payment_events e
    JOIN payments p USING (merchant_id, payment_id)
    JOIN payment_transitions t USING (from_status, to_status)
    WHERE t.outcome IN ('succeeded', 'failed')
) l
GROUP BY 1, 2, 3, 4, 5, 6, 7;
