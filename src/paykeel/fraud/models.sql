-- name: add_model
-- Keeps a model under the next version of its name, or finds the version that is the very same
-- model; no row: another writer took that version at this moment, so try again.
WITH same AS (
    SELECT m.model_version
    FROM fraud_models m
    WHERE m.merchant_id = :merchant_id::uuid AND m.model = :model::text
        AND m.sha256 = :sha256::bytea
    ORDER BY m.model_version
    LIMIT 1
),
added AS (
    INSERT INTO fraud_models (
        merchant_id, model, model_version, document, sha256, figures, created_by)
    SELECT
        :merchant_id, :model, coalesce((
            SELECT max(m.model_version)
            FROM fraud_models m
            WHERE m.merchant_id = :merchant_id AND m.model = :model
        ), 0) + 1, :document::text::jsonb, :sha256, :figures::text::jsonb, :author::text
    WHERE NOT EXISTS (SELECT s.model_version FROM same s)
    ON CONFLICT DO NOTHING
    RETURNING model_version
)
SELECT a.model_version, true AS added FROM added a
UNION ALL
SELECT s.model_version, false FROM same s;

-- name: list_models
-- A merchant's models, the newest versions first, without their weights; no row: there is none.
SELECT
    m.model, m.model_version, m.sha256, m.figures, m.created_by, m.created_at,
    coalesce(a.model = m.model AND a.model_version = m.model_version, false) AS enabled
FROM fraud_models m
LEFT JOIN (
    SELECT v.model, v.model_version
    FROM fraud_model_activations v
    WHERE v.merchant_id = :merchant_id::uuid
    ORDER BY v.activation_no DESC
    LIMIT 1
) a ON true
WHERE m.merchant_id = :merchant_id
ORDER BY m.model, m.model_version DESC
LIMIT :rows_max::integer;

-- name: get_model
-- One version of a model, the newest when none is named, with its weights; no row: there is none.
SELECT
    m.model, m.model_version, m.sha256, m.figures, m.created_by, m.created_at, m.document,
    coalesce(a.model = m.model AND a.model_version = m.model_version, false) AS enabled
FROM fraud_models m
LEFT JOIN (
    SELECT v.model, v.model_version
    FROM fraud_model_activations v
    WHERE v.merchant_id = :merchant_id::uuid
    ORDER BY v.activation_no DESC
    LIMIT 1
) a ON true
WHERE m.merchant_id = :merchant_id AND m.model = :model::text
    AND (:model_version::integer IS NULL OR m.model_version = :model_version)
ORDER BY m.model_version DESC
LIMIT 1;

-- name: active_model
-- The model that gives the score, with its weights; no row: none was ever enabled, and a row
-- without a model: the score was turned off.
SELECT v.model, v.model_version, m.sha256, m.document
FROM (
    SELECT a.model, a.model_version
    FROM fraud_model_activations a
    WHERE a.merchant_id = :merchant_id::uuid
    ORDER BY a.activation_no DESC
    LIMIT 1
) v
LEFT JOIN fraud_models m
    ON m.merchant_id = :merchant_id AND m.model = v.model AND m.model_version = v.model_version;

-- name: activate_model
-- Lets a model give the score, or none; no row: it is so already, or another writer was faster.
INSERT INTO fraud_model_activations (
    merchant_id, activation_no, model, model_version, author)
SELECT
    :merchant_id::uuid, coalesce(v.activation_no, 0) + 1, :model::text, :model_version::integer,
    :author::text
FROM (SELECT 1 AS one) o
LEFT JOIN LATERAL (
    SELECT a.activation_no, a.model, a.model_version
    FROM fraud_model_activations a
    WHERE a.merchant_id = :merchant_id
    ORDER BY a.activation_no DESC
    LIMIT 1
) v ON true
WHERE (v.model, v.model_version) IS DISTINCT FROM (:model, :model_version)
ON CONFLICT DO NOTHING
RETURNING activation_no;

-- name: count_facts
-- Which facts the newest decisions of a period have that a model could use, of which kind, and in
-- how many of them; no row: nothing was judged.
WITH newest AS (
    SELECT l.facts
    FROM fraud_prevention_logs l
    WHERE l.merchant_id = :merchant_id::uuid
        AND l.log_id >= :id_min::uuid AND l.log_id < :id_max::uuid
        AND l.created_at >= :since::timestamptz AND l.created_at < :until::timestamptz
        AND l.payment_id IS NOT NULL AND l.ruleset_sha256 IS NOT NULL
    ORDER BY l.log_id DESC
    LIMIT :rows_max::integer
)
SELECT
    f.name, count(*) AS times, bool_and(jsonb_typeof(f.value) = 'boolean') AS is_boolean,
    (SELECT count(*) FROM newest c) AS decisions
FROM newest n
CROSS JOIN LATERAL jsonb_each(n.facts) AS f (name, value)
WHERE jsonb_typeof(f.value) IN ('number', 'boolean')
GROUP BY f.name
ORDER BY f.name;

-- name: labelled_decisions
-- The decisions of a period of which something is known: those with a label, and, if that is asked
-- for, those that took money so long ago that a complaint would have come; no row: nothing is.
-- Read through a cursor.
SELECT
    l.created_at, l.facts, l.score, b.label, b.known_at
FROM fraud_prevention_logs l
JOIN payments p ON p.merchant_id = :merchant_id::uuid AND p.payment_id = l.payment_id
CROSS JOIN LATERAL (
    SELECT q.label, q.known_at
    FROM (
        (
            SELECT f.label, f.known_at, 0 AS rank
            FROM fraud_labels f
            WHERE f.merchant_id = :merchant_id AND f.payment_id = l.payment_id
                AND f.known_at <= :known_by::timestamptz
            ORDER BY f.known_at DESC, f.label, f.label_id
            LIMIT 1
        )
        UNION ALL
        SELECT 'genuine', l.created_at + make_interval(secs => :genuine_after_s::bigint), 1
        WHERE p.amount_captured > 0 AND p.amount_refunded = 0
            AND l.created_at + make_interval(secs => :genuine_after_s) <= :known_by
    ) q
    ORDER BY q.rank
    LIMIT 1
) b
WHERE l.merchant_id = :merchant_id
    AND l.log_id >= :id_min::uuid AND l.log_id < :id_max::uuid
    AND l.created_at >= :since::timestamptz AND l.created_at < :until::timestamptz
    AND l.ruleset_sha256 IS NOT NULL
ORDER BY l.log_id;
