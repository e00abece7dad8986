-- name: open_payments
-- Opens purchases of one merchant as they were judged: claims each key and writes payment, attempt
-- or review, decision, velocity, event and metrics. One row for each input: opened is false when
-- the key was taken already, terms_missing has the places of the requirements that the buyer does
-- not meet, and terms_stale says that the merchant has published or withdrawn terms or a refund
-- policy meanwhile (then nothing is kept).
WITH input AS MATERIALIZED (
    SELECT
        u.payment_id, u.idempotency_key, u.fingerprint, u.status, u.outcome, u.amount, u.currency,
        u.exponent, u.capture_method, u.kind, u.buyer_id, u.buyer_role, u.payment_method,
        u.reference, u.description, u.metadata, u.gateway_reference, u.attempt_data,
        u.failure_reason, u.response_status, u.response_type, u.response_body, u.created_at,
        u.terms_revision, u.refund_policy_key, u.refund_policy_version, u.refund_policy_sha256
    FROM unnest(
        :payment_ids::uuid[], :idempotency_keys::text[], :fingerprints::bytea[], :statuses::text[],
        :outcomes::text[], :amounts::bigint[], :currencies::text[], :exponents::smallint[],
        :capture_methods::text[],
        :purchase_kinds::text[], :buyer_ids::text[], :buyer_roles::text[],
        :payment_methods::text[], :references::text[], :descriptions::text[], :metadatas::text[],
        :gateway_references::bytea[], :attempt_datas::text[], :failure_reasons::text[],
        :response_statuses::smallint[], :response_types::text[], :response_bodies::bytea[],
        :created_ats::timestamptz[], :terms_revisions::bigint[], :refund_policy_keys::text[],
        :refund_policy_versions::integer[], :refund_policy_sha256s::bytea[]
    ) AS u (
        payment_id, idempotency_key, fingerprint, status,
        outcome, amount, currency, exponent, capture_method,
        kind, buyer_id, buyer_role,
        payment_method, reference, description, metadata,
        gateway_reference, attempt_data, failure_reason,
        response_status, response_type, response_body,
        created_at, terms_revision,
        refund_policy_key, refund_policy_version, refund_policy_sha256
    )
),
decided AS MATERIALIZED (
    SELECT
        u.payment_id, u.log_id, u.decision, u.score, u.reasons, u.rules, u.facts, u.shadow, u.model,
        u.took_us, u.amount_ref, u.kinds, u.keys, u.approvals_needed
    FROM unnest(
        :payment_ids, :log_ids::uuid[], :decisions::text[], :scores::smallint[], :reasons::text[],
        :rules::text[], :facts::text[], :shadows::text[], :models::text[], :took_us::integer[],
        :amount_refs::bigint[], :key_kinds::text[], :key_values::text[],
        :approvals_needed::smallint[]
    ) AS u (
        payment_id, log_id, decision, score, reasons,
        rules, facts, shadow, model, took_us,
        amount_ref, kinds, keys, approvals_needed
    )
),
-- By which version the buyer meets what its purchase needs of each document: the newest of those
-- that are enough which it accepted, lately enough, and has not taken back. Null: by none.
standing AS MATERIALIZED (
    SELECT
        r.payment_id, r.place, w.version_id, r.warnings::jsonb -> w.version_id::text AS warning
    FROM unnest(
        :terms_payment_ids::uuid[], :terms_places::smallint[], :terms_buyer_ids::text[],
        :terms_scope_ids::uuid[], :terms_version_ids::text[], :terms_sinces::text[],
        :terms_warnings::text[]
    ) AS r (payment_id, place, buyer_id, scope_id, version_ids, sinces, warnings)
    LEFT JOIN LATERAL (
        SELECT e.version_id
        FROM unnest(r.version_ids::uuid[], r.sinces::timestamptz[])
            WITH ORDINALITY AS e (version_id, since, place)
        CROSS JOIN LATERAL (
            SELECT t.occurred_at, t.acceptance_id
            FROM terms_acceptance t
            WHERE t.merchant_id = :merchant_id::uuid AND t.buyer_id = r.buyer_id
                AND t.version_id = e.version_id AND t.decision = 'accept'
            ORDER BY t.occurred_at DESC, t.acceptance_id DESC
            LIMIT 1
        ) AS a
        WHERE (a.occurred_at < e.since) IS NOT TRUE AND NOT EXISTS (
            SELECT FROM terms_acceptance t
            WHERE t.merchant_id = :merchant_id AND t.buyer_id = r.buyer_id
                AND t.scope_id = r.scope_id AND t.decision = 'withdraw'
                AND (t.occurred_at, t.acceptance_id) > (a.occurred_at, a.acceptance_id)
            -- An offset keeps it a look-up for each row.
            OFFSET 0
        )
        ORDER BY e.place
        LIMIT 1
    ) AS w ON true
),
told AS MATERIALIZED (
    SELECT
        s.payment_id,
        array_agg(s.place ORDER BY s.place) FILTER (WHERE s.version_id IS NULL) AS missing,
        jsonb_agg(s.warning ORDER BY s.place) FILTER (WHERE s.warning IS NOT NULL) AS warnings
    FROM standing s
    GROUP BY s.payment_id
),
admitted AS (
    SELECT i.payment_id
    FROM input i
    JOIN merchants m ON m.merchant_id = :merchant_id AND m.terms_revision = i.terms_revision
    WHERE (
        i.payment_id IN (SELECT t.payment_id FROM told t WHERE t.missing IS NOT NULL)
    ) IS NOT TRUE
),
opened AS (
    INSERT INTO payments (
        merchant_id, payment_id, idempotency_key, status, amount, currency, exponent,
        capture_method, kind, buyer_id, buyer_role, payment_method, reference, description,
        metadata, gateway, failure_reason, completion_hook, warnings, refund_policy_key,
        refund_policy_version, refund_policy_sha256, created_at, updated_at, finished_at
    )
    SELECT
        :merchant_id, i.payment_id, i.idempotency_key, i.status, i.amount, i.currency, i.exponent,
        i.capture_method, i.kind, i.buyer_id, i.buyer_role, i.payment_method, i.reference,
        i.description, i.metadata::jsonb, :gateway::text, i.failure_reason,
        :completion_hook::text,
        -- The answer of one that is blocked is written already.
        CASE WHEN i.status <> 'blocked' THEN
            (SELECT t.warnings FROM told t WHERE t.payment_id = i.payment_id)
        END,
        i.refund_policy_key, i.refund_policy_version, i.refund_policy_sha256,
        i.created_at, i.created_at,
        CASE WHEN i.status = 'blocked' THEN i.created_at END
    FROM input i
    WHERE (i.payment_id IN (SELECT a.payment_id FROM admitted a)) IS TRUE
    -- A key that a capture or a cancellation holds, its claim purged long ago, is taken as well.
    AND NOT EXISTS (
        SELECT FROM payment_attempts t
        WHERE t.merchant_id = :merchant_id AND t.idempotency_key = i.idempotency_key
        OFFSET 0
    )
    -- In the order of the keys, so that two batches that share keys never wait for each other.
    ORDER BY i.idempotency_key
    ON CONFLICT (idempotency_key, merchant_id) DO NOTHING
    RETURNING payment_id, warnings
),
-- "IS TRUE" keeps it a look-up in a hash table, where a join of two lists would be quadratic.
fresh AS MATERIALIZED (
    SELECT
        i.payment_id, i.idempotency_key, i.fingerprint, i.status, i.outcome, i.amount, i.currency,
        i.buyer_role, i.gateway_reference, i.attempt_data, i.failure_reason, i.response_status,
        i.response_type, i.response_body, i.created_at
    FROM input i
    WHERE (i.payment_id IN (SELECT o.payment_id FROM opened o)) IS TRUE
),
judged AS MATERIALIZED (
    SELECT
        d.payment_id, d.log_id, d.decision, d.score, d.reasons, d.rules, d.facts, d.shadow, d.model,
        d.took_us, d.amount_ref, d.kinds::text[] AS kinds, d.keys::bigint[] AS keys,
        d.approvals_needed
    FROM decided d
    WHERE (d.payment_id IN (SELECT o.payment_id FROM opened o)) IS TRUE
),
claimed AS (
    -- A conflict here is a key in flight for another operation: the whole row must fail.
    INSERT INTO payment_idempotency (
        merchant_id, idempotency_key, operation, fingerprint, payment_id, attempt_no,
        response_status, response_type, response_body, created_at, answered_at
    )
    SELECT
        :merchant_id, i.idempotency_key, 'purchase', i.fingerprint, i.payment_id, 1,
        i.response_status, i.response_type, i.response_body, i.created_at,
        CASE WHEN i.response_status IS NOT NULL THEN i.created_at END
    FROM fresh i
),
attempted AS (
    INSERT INTO payment_attempts (
        merchant_id, payment_id, attempt_no, operation, reference, amount, data, state, recover_at,
        created_at
    )
    SELECT
        :merchant_id, i.payment_id, 1, 'charge', i.gateway_reference, i.amount,
        i.attempt_data::jsonb, 'open',
        now() + make_interval(secs => :recover_ms::bigint / 1000.0), i.created_at
    FROM fresh i
    WHERE i.status = 'pending'
),
logged AS (
    INSERT INTO fraud_prevention_logs (
        merchant_id, log_id, payment_id, decision, score, reasons, rules, facts, shadow, model,
        ruleset, ruleset_version, ruleset_sha256, engine, took_us, created_at
    )
    SELECT
        :merchant_id, d.log_id, d.payment_id, d.decision, d.score, d.reasons::text[],
        d.rules::jsonb, d.facts::jsonb, d.shadow::jsonb, d.model::jsonb, :ruleset::text,
        :ruleset_version::integer, :ruleset_sha256::bytea, :engine::text, d.took_us,
        :judged_at::timestamptz
    FROM judged d
),
counted_under AS (
    INSERT INTO velocity_attempts (merchant_id, payment_id, occurred_at, amount_ref, kinds, keys)
    SELECT :merchant_id, d.payment_id, :judged_at, d.amount_ref, d.kinds, d.keys
    FROM judged d
    WHERE cardinality(d.keys) > 0
),
entered AS (
    INSERT INTO velocity_entries (
        merchant_id, key, outcome, occurred_at, payment_id, amount_ref
    )
    SELECT :merchant_id, k.key, 'attempted', :judged_at, d.payment_id, d.amount_ref
    FROM judged d
    CROSS JOIN LATERAL unnest(d.keys) AS k (key)
),
profiled AS (
    INSERT INTO velocity_profiles AS v (merchant_id, key, first_at, last_at, attempts)
    SELECT :merchant_id, k.key, :judged_at, :judged_at, count(*)
    FROM judged d
    CROSS JOIN LATERAL unnest(d.keys) AS k (key)
    GROUP BY k.key
    -- Sorted, so that this and the settling statement never wait for each other in a circle.
    ORDER BY k.key
    ON CONFLICT (merchant_id, key) DO UPDATE SET
        last_at = greatest(v.last_at, excluded.last_at),
        attempts = v.attempts + excluded.attempts
),
held AS (
    INSERT INTO fraud_reviews (
        merchant_id, payment_id, status, reasons, approvals_needed, due_at, created_at
    )
    SELECT
        :merchant_id, d.payment_id, 'open', d.reasons::text[], d.approvals_needed,
        now() + make_interval(secs => :review_ms::bigint / 1000.0), now()
    FROM judged d
    WHERE d.decision = 'review'
),
quarantined AS (
    INSERT INTO fraud_lists AS l (
        merchant_id, key, list, kind, reason, author, created_at, expires_at
    )
    SELECT DISTINCT ON (q.key)
        :merchant_id, q.key, 'block', q.kind, q.reason, q.author, now(),
        :judged_at + make_interval(secs => q.for_s)
    FROM unnest(
        :quarantine_payment_ids::uuid[], :quarantine_keys::bigint[], :quarantine_kinds::text[],
        :quarantine_reasons::text[], :quarantine_authors::text[], :quarantines_s::integer[]
    ) AS q (payment_id, key, kind, reason, author, for_s)
    WHERE (q.payment_id IN (SELECT o.payment_id FROM opened o)) IS TRUE
    ORDER BY q.key, q.for_s DESC
    -- What a person listed for longer stays as it is, and is still that person's; what has expired
    -- is over.
    ON CONFLICT (merchant_id, key, list) DO UPDATE SET
        expires_at = excluded.expires_at,
        reason = CASE WHEN l.expires_at > :judged_at THEN l.reason ELSE excluded.reason END,
        author = CASE WHEN l.expires_at > :judged_at THEN l.author ELSE excluded.author END,
        created_at =
            CASE WHEN l.expires_at > :judged_at THEN l.created_at ELSE excluded.created_at END
    WHERE l.expires_at < excluded.expires_at
),
happened AS (
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, reason, actor,
        occurred_at
    )
    SELECT
        :merchant_id, i.payment_id, 1, 'payment.' || CASE i.status
            WHEN 'pending' THEN 'opened' ELSE i.status END,
        'new', i.status, i.amount, i.failure_reason, 'request', i.created_at
    FROM fresh i
),
counted AS (
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot,
        count, amount, captured, refunded
    )
    SELECT
        :merchant_id, date_trunc('minute', i.created_at, 'UTC'), 'payment.' || CASE i.status
            WHEN 'pending' THEN 'opened' ELSE i.status END,
        i.outcome, i.buyer_role, i.currency, :gateway, coalesce(i.failure_reason, ''),
        :slot::smallint, count(*), sum(i.amount), 0, 0
    FROM fresh i
    GROUP BY 2, 3, 4, 5, 6, 8
    ORDER BY 2, 3, 4, 5, 6, 8
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
    SELECT w.merchant_id, w.late_from, date_trunc('hour', f.at, 'UTC') AS hour
    FROM (SELECT min(i.created_at) AS at FROM fresh i) AS f
    JOIN metric_watermarks w ON w.merchant_id = :merchant_id
    WHERE w.hours_to > f.at OR f.at < clock_timestamp() - interval '1 minute'
    FOR KEY SHARE OF w
),
late AS (
    UPDATE metric_watermarks w
    SET late_from = least(w.late_from, s.hour)
    FROM summed s
    WHERE w.merchant_id = s.merchant_id AND (s.late_from IS NULL OR s.late_from > s.hour)
)
SELECT
    i.payment_id,
    (i.payment_id IN (SELECT o.payment_id FROM opened o)) IS TRUE AS opened,
    (SELECT t.missing FROM told t WHERE t.payment_id = i.payment_id) AS terms_missing,
    m.terms_revision <> i.terms_revision AS terms_stale,
    (SELECT o.warnings FROM opened o WHERE o.payment_id = i.payment_id) AS warnings,
    clock_timestamp() AS database_now
FROM input i
JOIN merchants m ON m.merchant_id = :merchant_id;
