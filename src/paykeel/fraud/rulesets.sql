-- name: lock_merchant
-- Lets one person at a time change a merchant's rules, and no purchase wait for it; no row: there
-- is no such merchant.
SELECT m.merchant_id
FROM merchants m
WHERE m.merchant_id = :merchant_id::uuid
FOR NO KEY UPDATE;

-- name: rulesets_in_force
-- What is live and what runs in the shadow, by place; no row: nothing was ever activated there. A
-- row without a ruleset: it was taken out again.
SELECT p.place, a.ruleset, a.ruleset_version, r.sha256, r.members
FROM (VALUES ('live'), ('shadow')) AS p (place)
CROSS JOIN LATERAL (
    SELECT f.merchant_id, f.ruleset, f.ruleset_version
    FROM fraud_activations f
    WHERE f.merchant_id = :merchant_id::uuid AND f.place = p.place AND f.approved_at IS NOT NULL
    ORDER BY f.approved_at DESC, f.activation_id DESC
    LIMIT 1
) a
-- The merchant comes with the row, so that no plan reads all of a merchant's rulesets.
LEFT JOIN fraud_rulesets r
    ON r.merchant_id = a.merchant_id
    AND r.ruleset = a.ruleset AND r.ruleset_version = a.ruleset_version;

-- name: get_ruleset
-- One version of a ruleset, whole; no row: this merchant has none such.
SELECT
    r.ruleset, r.ruleset_version, r.sha256, r.members, r.created_by, r.created_at, r.document
FROM fraud_rulesets r
WHERE
    r.merchant_id = :merchant_id::uuid
    AND r.ruleset = :ruleset::text AND r.ruleset_version = :ruleset_version::integer;

-- name: newest_ruleset
-- The newest version of a ruleset, whole; no row: this merchant has none of this name.
SELECT
    r.ruleset, r.ruleset_version, r.sha256, r.members, r.created_by, r.created_at, r.document
FROM fraud_rulesets r
WHERE r.merchant_id = :merchant_id::uuid AND r.ruleset = :ruleset::text
ORDER BY r.ruleset_version DESC
LIMIT 1;

-- name: find_ruleset
-- The version that says exactly this; no row: it has not been stored.
SELECT r.ruleset, r.ruleset_version, r.sha256, r.members, r.created_by, r.created_at
FROM fraud_rulesets r
WHERE
    r.merchant_id = :merchant_id::uuid
    AND r.ruleset = :ruleset::text AND r.sha256 = :sha256::bytea;

-- name: list_rulesets
-- A page of versions by name, newest first, without what they say; no row: there are no more.
SELECT r.ruleset, r.ruleset_version, r.sha256, r.members, r.created_by, r.created_at
FROM fraud_rulesets r
WHERE
    r.merchant_id = :merchant_id::uuid
    AND (:ruleset::text IS NULL OR r.ruleset = :ruleset)
    AND (
        :after_ruleset::text IS NULL OR r.ruleset > :after_ruleset
        OR (r.ruleset = :after_ruleset AND r.ruleset_version < :after_version::integer))
ORDER BY r.ruleset, r.ruleset_version DESC
LIMIT :rows_max::integer;

-- name: rule_versions
-- Of each rule the version that says exactly this, and the newest one; one row for each.
SELECT
    g.rule_key,
    k.rule_version AS known,
    coalesce(
        (SELECT max(r.rule_version) FROM fraud_rules r
            WHERE r.merchant_id = :merchant_id::uuid AND r.rule_key = g.rule_key),
        0) AS newest
FROM unnest(:rule_keys::text[], :rule_sha256s::bytea[]) AS g (rule_key, sha256)
LEFT JOIN fraud_rules k
    ON k.merchant_id = :merchant_id AND k.rule_key = g.rule_key AND k.sha256 = g.sha256;

-- name: save_ruleset
-- Stores a ruleset under the next number of its name, and those of its rules that are new under
-- theirs; always one row. Whoever runs it holds the merchant's lock, taken in an earlier statement.
WITH given AS (
    SELECT g.rule_key, g.document, g.sha256
    FROM unnest(:rule_keys::text[], :rule_documents::text[], :rule_sha256s::bytea[])
        AS g (rule_key, document, sha256)
), known AS (
    SELECT k.rule_key, k.rule_version
    FROM given g
    JOIN fraud_rules k
        ON k.merchant_id = :merchant_id::uuid
        AND k.rule_key = g.rule_key AND k.sha256 = g.sha256
), added AS (
    INSERT INTO fraud_rules (merchant_id, rule_key, rule_version, document, sha256, created_by)
    SELECT
        :merchant_id,
        g.rule_key,
        1 + coalesce(
            (SELECT max(r.rule_version) FROM fraud_rules r
                WHERE r.merchant_id = :merchant_id AND r.rule_key = g.rule_key),
            0),
        g.document::jsonb,
        g.sha256,
        :author::text
    FROM given g
    WHERE NOT EXISTS (SELECT FROM known k WHERE k.rule_key = g.rule_key)
    RETURNING rule_key, rule_version
), numbered AS (
    SELECT rule_key, rule_version FROM known
    UNION ALL
    SELECT rule_key, rule_version FROM added
)
INSERT INTO fraud_rulesets (
    merchant_id, ruleset, ruleset_version, document, members, sha256, created_by)
SELECT
    :merchant_id,
    :ruleset::text,
    1 + coalesce(
        (SELECT max(r.ruleset_version) FROM fraud_rulesets r
            WHERE r.merchant_id = :merchant_id AND r.ruleset = :ruleset),
        0),
    :document::text::jsonb,
    coalesce(
        (SELECT
            jsonb_agg(
                jsonb_build_object('key', n.rule_key, 'version', n.rule_version)
                ORDER BY n.rule_key)
            FROM numbered n),
        '[]'),
    :sha256::bytea,
    :author
RETURNING ruleset, ruleset_version, sha256, members, created_by, created_at;

-- name: find_backtest
-- The newest backtest of exactly this ruleset, or the one that is named; no row: there is none.
-- One that looked at nothing counts only where there is nothing to look at.
SELECT b.backtest_id, b.decisions, b.created_at
FROM fraud_backtests b
WHERE
    b.merchant_id = :merchant_id::uuid
    AND b.ruleset_sha256 = :sha256::bytea
    AND (:backtest_id::uuid IS NULL OR b.backtest_id = :backtest_id)
    AND b.created_at > now() - make_interval(days => :days_max::integer)
    AND (
        b.decisions > 0
        OR NOT EXISTS (
            SELECT FROM fraud_prevention_logs l
            WHERE l.merchant_id = b.merchant_id AND l.payment_id IS NOT NULL))
ORDER BY b.created_at DESC
LIMIT 1;

-- name: count_shadow_decisions
-- How many decisions a version made in the shadow, counted no further than is asked for; one row.
SELECT count(*) AS decisions
FROM (
    SELECT FROM fraud_prevention_logs l
    WHERE
        l.merchant_id = :merchant_id::uuid
        AND l.shadow IS NOT NULL
        AND l.shadow ->> 'ruleset' = :ruleset::text
        AND l.shadow ->> 'version' = :ruleset_version::text
    LIMIT :rows_max::integer
) counted;

-- name: get_activation
-- One activation; no row: this merchant has none such.
SELECT
    a.activation_id, a.place, a.ruleset, a.ruleset_version, a.evidence, a.requested_by,
    a.requested_at, a.approved_by, a.approved_at,
    a.approved_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM fraud_activations n
        WHERE
            n.merchant_id = a.merchant_id AND n.place = a.place AND n.approved_at IS NOT NULL
            AND (n.approved_at, n.activation_id) > (a.approved_at, a.activation_id)) AS in_force
FROM fraud_activations a
WHERE a.merchant_id = :merchant_id::uuid AND a.activation_id = :activation_id::uuid;

-- name: list_activations
-- A page of activations, newest first; no row: there are no more.
SELECT
    a.activation_id, a.place, a.ruleset, a.ruleset_version, a.evidence, a.requested_by,
    a.requested_at, a.approved_by, a.approved_at,
    a.approved_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM fraud_activations n
        WHERE
            n.merchant_id = a.merchant_id AND n.place = a.place AND n.approved_at IS NOT NULL
            AND (n.approved_at, n.activation_id) > (a.approved_at, a.activation_id)) AS in_force
FROM fraud_activations a
WHERE
    a.merchant_id = :merchant_id::uuid
    AND (:before::uuid IS NULL OR a.activation_id < :before)
ORDER BY a.activation_id DESC
LIMIT :rows_max::integer;

-- name: find_activation
-- The activation of a version that is in force, or waits for its second person and was asked for
-- by this one lately; no row: neither is so.
SELECT a.activation_id
FROM fraud_activations a
WHERE
    a.merchant_id = :merchant_id::uuid
    AND a.place = :place::text
    AND a.ruleset IS NOT DISTINCT FROM :ruleset::text
    AND a.ruleset_version IS NOT DISTINCT FROM :ruleset_version::integer
    AND (
        a.activation_id = (
            SELECT n.activation_id
            FROM fraud_activations n
            WHERE
                n.merchant_id = :merchant_id AND n.place = :place AND n.approved_at IS NOT NULL
            ORDER BY n.approved_at DESC, n.activation_id DESC
            LIMIT 1)
        OR (
            a.approved_at IS NULL
            AND a.requested_by = :author::text
            AND a.requested_at > now() - make_interval(days => :days_max::integer)))
ORDER BY a.approved_at DESC NULLS LAST
LIMIT 1;

-- name: add_activation
-- Asks for a version to go live, or puts one into the shadow or takes it out; always one row. What
-- goes into the shadow is in force at once, and dated after what was there before.
INSERT INTO fraud_activations (
    merchant_id, activation_id, place, ruleset, ruleset_version, evidence, requested_by,
    requested_at, approved_by, approved_at)
SELECT
    :merchant_id::uuid,
    :activation_id::uuid,
    :place::text,
    :ruleset::text,
    :ruleset_version::integer,
    :evidence::text::jsonb,
    :author::text,
    clock_timestamp(),
    CASE WHEN :place = 'shadow' THEN :author END,
    CASE
        WHEN :place = 'shadow' THEN greatest(
            clock_timestamp(),
            (SELECT max(n.approved_at) FROM fraud_activations n
                WHERE n.merchant_id = :merchant_id AND n.place = :place
            ) + interval '1 microsecond')
    END
RETURNING activation_id;

-- name: approve_activation
-- Puts what waits into force, dated after what was live before; no row: it waits no more.
UPDATE fraud_activations a
SET
    approved_by = :approver::text,
    approved_at = greatest(
        clock_timestamp(),
        (SELECT max(n.approved_at) FROM fraud_activations n
            WHERE n.merchant_id = :merchant_id::uuid AND n.place = 'live'
        ) + interval '1 microsecond')
WHERE
    a.merchant_id = :merchant_id AND a.activation_id = :activation_id::uuid
    AND a.approved_at IS NULL
RETURNING a.activation_id;
