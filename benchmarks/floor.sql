-- The floor: one automatic purchase that succeeds, as the two statements that anybody would write
-- by hand for it. A script for pgbench, which prepares both once a connection.
--
-- They write the very rows that open_payments and settle_payments write, into the same tables with
-- the same indexes and constraints, one scalar at a time. Left out is what those two also read
-- (terms, keys of captures), so that the floor is, if anything, too fast. Each client counts its
-- metrics in a slot of its own, so that no two of them wait for each other.
--
-- :merchant_id, :gateway, :body (a stored answer) and :payload (a message) come from a real
-- purchase; :client_id is pgbench's own.
\set amount random(100, 50000)
\set buyer random(1, 20000)
\set kind random(0, 5)

WITH input AS (
    SELECT
        uuidv7() AS payment_id,
        gen_random_uuid()::text AS idempotency_key,
        CASE WHEN :kind::int % 2 = 0 THEN 'agent' ELSE 'operator' END AS buyer_role,
        CASE :kind::int / 2 WHEN 0 THEN 'EUR' WHEN 1 THEN 'USD' ELSE 'GBP' END AS currency,
        clock_timestamp() AS at
),
opened AS (
    INSERT INTO payments (
        merchant_id, payment_id, idempotency_key, status, amount, currency, exponent,
        capture_method, buyer_id, buyer_role, payment_method, reference, description, metadata,
        gateway, failure_reason, completion_hook, created_at, updated_at, finished_at
    )
    SELECT
        :merchant_id::uuid, i.payment_id, i.idempotency_key, 'pending', :amount::bigint,
        i.currency, 2, 'automatic', 'buyer-' || :buyer::text, i.buyer_role, 'pm_ok',
        'order-' || lpad(((extract(epoch FROM i.at) * 1000)::bigint % 10000000000)::text, 10, '0'),
        'Two nights, harbour view',
        '{"channel":"web","cart":"c-20417"}'::jsonb, :gateway::text, NULL, NULL, i.at, i.at, NULL
    FROM input i
    ON CONFLICT (idempotency_key, merchant_id) DO NOTHING
    RETURNING payment_id, idempotency_key, amount, currency, buyer_role, created_at
),
claimed AS (
    INSERT INTO payment_idempotency (
        merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no, created_at
    )
    SELECT
        :merchant_id::uuid, o.idempotency_key, 'purchase',
        sha256(convert_to(o.idempotency_key, 'UTF8')), o.payment_id, 1, o.created_at
    FROM opened o
),
attempted AS (
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, amount, state, recover_at,
        created_at
    )
    SELECT
        :merchant_id::uuid, o.payment_id, 1, 'charge',
        sha256(convert_to(o.idempotency_key, 'UTF8')), o.amount, 'open',
        now() + interval '25 seconds', o.created_at
    FROM opened o
),
logged AS (
    INSERT INTO fraud_prevention_logs (
        merchant_id, log_id, payment_id, decision, rules, facts, created_at
    )
    SELECT
        :merchant_id::uuid, uuidv7(), o.payment_id, 'allow', '[]'::jsonb,
        '{"amount":12500,"currency":"EUR","buyer_role":"agent"}'::jsonb, o.created_at
    FROM opened o
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, reason, actor,
        occurred_at
    )
    SELECT
        :merchant_id::uuid, o.payment_id, 1, 'payment.opened', 'new', 'pending', o.amount, NULL,
        'request', o.created_at
    FROM opened o
),
counted AS (
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded
    )
    SELECT
        :merchant_id::uuid, date_trunc('minute', o.created_at, 'UTC'), 'payment.opened', '',
        o.buyer_role, o.currency, :gateway::text, '', :client_id::smallint, 1, o.amount, 0, 0
    FROM opened o
    ON CONFLICT (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot)
    DO UPDATE SET
        count = payment_metrics.count + excluded.count,
        amount = payment_metrics.amount + excluded.amount
)
SELECT o.payment_id, o.idempotency_key FROM opened o
\gset

WITH moved AS (
    UPDATE payments p
    SET status = 'succeeded',
        version = p.version + 1,
        amount_authorized = p.amount_authorized + p.amount,
        amount_captured = p.amount_captured + p.amount,
        gateway_id = 'bench_' || substr(:idempotency_key::text, 1, 24),
        updated_at = clock_timestamp(),
        finished_at = clock_timestamp()
    WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
        AND p.version = 1 AND p.status = 'pending'
    RETURNING p.payment_id, p.version, p.amount, p.buyer_role, p.currency, p.updated_at
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount,
        authorized_delta, captured_delta, late_delta, reason, actor, data, occurred_at
    )
    SELECT
        :merchant_id::uuid, m.payment_id, m.version, 'payment.succeeded', 'pending', 'succeeded',
        m.amount, m.amount, m.amount, 0, NULL, 'request', '{}'::jsonb, m.updated_at
    FROM moved m
),
attempted AS (
    UPDATE payment_attempts t
    SET state = 'done', outcome = 'succeeded', recover_at = NULL, finished_at = m.updated_at
    FROM moved m
    WHERE t.merchant_id = :merchant_id::uuid AND t.payment_id = m.payment_id AND t.attempt_no = 1
        AND t.state <> 'done'
),
answered AS (
    UPDATE payment_idempotency k
    SET response_status = 201,
        response_type = 'application/json',
        response_body = convert_to(:body::text, 'UTF8'),
        answered_at = m.updated_at
    FROM moved m
    WHERE k.merchant_id = :merchant_id::uuid AND k.idempotency_key = :idempotency_key::text
        AND k.response_status IS NULL
),
staged AS (
    INSERT INTO outbox (merchant_id, message_id, topic, payment_id, payload, created_at)
    SELECT
        :merchant_id::uuid, uuidv7(), 'purchase.completed', m.payment_id, :payload::jsonb,
        m.updated_at
    FROM moved m
),
counted AS (
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded
    )
    SELECT
        :merchant_id::uuid, date_trunc('minute', m.updated_at, 'UTC'), 'payment.succeeded',
        'succeeded', m.buyer_role, m.currency, :gateway::text, '', :client_id::smallint, 1,
        m.amount, m.amount, 0
    FROM moved m
    ON CONFLICT (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot)
    DO UPDATE SET
        count = payment_metrics.count + excluded.count,
        amount = payment_metrics.amount + excluded.amount,
        captured = payment_metrics.captured + excluded.captured,
        refunded = payment_metrics.refunded + excluded.refunded
),
timed AS (
    -- The place is that of a purchase of 30 ms: which one it is makes no difference.
    INSERT INTO payment_latencies (
        merchant_id, bucket, stage, buyer_role, gateway, slot, place, count, sum_us
    )
    SELECT
        :merchant_id::uuid, date_trunc('minute', m.updated_at, 'UTC'), 'purchase', m.buyer_role,
        :gateway::text, :client_id::smallint, 119, 1, 30000
    FROM moved m
    ON CONFLICT (merchant_id, bucket, stage, buyer_role, gateway, slot, place)
    DO UPDATE SET
        count = payment_latencies.count + excluded.count,
        sum_us = payment_latencies.sum_us + excluded.sum_us
)
SELECT m.version FROM moved m;
