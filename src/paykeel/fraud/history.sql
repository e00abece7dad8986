-- name: find_ruleset
-- The ruleset with this hash, the version that was named before others; no row: it is not stored.
SELECT r.ruleset, r.ruleset_version, r.document, r.members
FROM fraud_rulesets r
WHERE r.merchant_id = :merchant_id::uuid AND r.sha256 = :sha256::bytea
ORDER BY
    (r.ruleset, r.ruleset_version) = (:ruleset::text, :ruleset_version::integer) DESC NULLS LAST,
    r.ruleset, r.ruleset_version
LIMIT 1;

-- name: find_decision
-- What was decided of a payment, and by what; no row: there is no such payment.
SELECT
    l.merchant_id, l.log_id, l.payment_id, l.decision, l.score, l.reasons, l.rules, l.facts,
    l.ruleset, l.ruleset_version, l.ruleset_sha256, l.created_at
FROM fraud_prevention_logs l
WHERE l.merchant_id = :merchant_id::uuid AND l.payment_id = :payment_id::uuid;
