-- name: shadow_rulesets
-- What rulesets in the shadow would have done beside what was done, with labels; no row: none ran.
SELECT
    l.shadow ->> 'ruleset' AS ruleset, (l.shadow ->> 'version')::integer AS version, l.decision,
    l.shadow ->> 'action' AS would, count(*) AS purchases,
    count(*) FILTER (WHERE b.label = 'fraud') AS frauds,
    count(*) FILTER (WHERE b.label = 'genuine') AS genuine,
    count(*) FILTER (
        WHERE b.label = 'genuine' OR (
            b.label IS NULL AND p.amount_captured > 0 AND p.amount_refunded = 0)) AS good,
    -- The earliest and the latest of those that were decided otherwise.
    min(l.payment_id::text) FILTER (WHERE l.decision <> l.shadow ->> 'action') AS first_example,
    max(l.payment_id::text) FILTER (WHERE l.decision <> l.shadow ->> 'action') AS last_example
FROM fraud_prevention_logs l
JOIN payments p ON p.merchant_id = :merchant_id::uuid AND p.payment_id = l.payment_id
LEFT JOIN LATERAL (
    SELECT f.label
    FROM fraud_labels f
    WHERE f.merchant_id = :merchant_id AND f.payment_id = l.payment_id
    ORDER BY f.known_at DESC, f.label, f.label_id
    LIMIT 1
) b ON true
WHERE l.merchant_id = :merchant_id
    AND l.log_id >= :id_min::uuid AND l.log_id < :id_max::uuid
    AND l.created_at >= :since::timestamptz AND l.created_at < :until::timestamptz
    AND l.shadow IS NOT NULL
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4;

-- name: shadow_rules
-- What each rule in the shadow said, of the live ruleset and of the one in the shadow, beside what
-- was decided; no row: there was none.
SELECT
    r.place, r.ruleset, r.said ->> 'rule' AS rule, (r.said ->> 'version')::integer AS version,
    r.said ->> 'action' AS action, split_part(r.said ->> 'outcome', ':', 1) AS outcome, l.decision,
    count(*) AS purchases,
    count(*) FILTER (WHERE b.label = 'fraud') AS frauds,
    count(*) FILTER (WHERE b.label = 'genuine') AS genuine,
    count(*) FILTER (
        WHERE b.label = 'genuine' OR (
            b.label IS NULL AND p.amount_captured > 0 AND p.amount_refunded = 0)) AS good
FROM fraud_prevention_logs l
JOIN payments p ON p.merchant_id = :merchant_id::uuid AND p.payment_id = l.payment_id
CROSS JOIN LATERAL (
    SELECT 'rule' AS place, l.ruleset, u.said
    FROM jsonb_array_elements(l.rules) AS u (said)
    WHERE u.said ->> 'mode' = 'shadow'
    UNION ALL
    SELECT 'ruleset', l.shadow ->> 'ruleset', u.said
    FROM jsonb_array_elements(l.shadow -> 'rules') AS u (said)
    WHERE u.said ->> 'mode' = 'live'
) r
LEFT JOIN LATERAL (
    SELECT f.label
    FROM fraud_labels f
    WHERE f.merchant_id = :merchant_id AND f.payment_id = l.payment_id
    ORDER BY f.known_at DESC, f.label, f.label_id
    LIMIT 1
) b ON true
WHERE l.merchant_id = :merchant_id
    AND l.log_id >= :id_min::uuid AND l.log_id < :id_max::uuid
    AND l.created_at >= :since::timestamptz AND l.created_at < :until::timestamptz
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY 1, 2, 3, 4, 5, 6, 7;

-- name: count_period
-- How many decisions there were, how many of them with a ruleset in the shadow, and how many
-- payments of the period turned out to be fraud; one row.
SELECT
    count(*) AS decisions,
    count(*) FILTER (WHERE l.shadow IS NOT NULL) AS shadowed,
    count(*) FILTER (WHERE b.label = 'fraud') AS frauds
FROM fraud_prevention_logs l
LEFT JOIN LATERAL (
    SELECT f.label
    FROM fraud_labels f
    WHERE f.merchant_id = :merchant_id::uuid AND f.payment_id = l.payment_id
    ORDER BY f.known_at DESC, f.label, f.label_id
    LIMIT 1
) b ON true
WHERE l.merchant_id = :merchant_id
    AND l.log_id >= :id_min::uuid AND l.log_id < :id_max::uuid
    AND l.created_at >= :since::timestamptz AND l.created_at < :until::timestamptz
    AND l.payment_id IS NOT NULL;
