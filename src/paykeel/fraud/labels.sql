-- name: add_labels
-- Adds labels to payments that are named by id or by the merchant's reference, and counts the first
-- chargeback of a payment as a dispute under each of its keys; one row for each that was given, and
-- `fault` says why one was not added. What is there already is not added again.
WITH given AS MATERIALIZED (
    -- The merchant comes with each row, so that no plan reads all of a merchant's payments.
    SELECT
        :merchant_id::uuid AS merchant_id, g.number, g.payment_id, g.reference, g.label, g.source,
        g.known_at
    FROM unnest(
        :numbers::integer[], :payment_ids::uuid[], :references::text[], :labels::text[],
        :sources::text[], :known_ats::timestamptz[]
    ) AS g (number, payment_id, reference, label, source, known_at)
),
named AS MATERIALIZED (
    SELECT
        g.merchant_id, g.number, g.label, g.source, g.known_at,
        -- Of several purchases for one order, the one that took money is meant.
        CASE
            WHEN g.payment_id IS NOT NULL THEN i.payment_id
            WHEN r.payments = 1 THEN r.only_one
            WHEN r.taken = 1 THEN r.taken_one
        END AS payment_id,
        g.payment_id IS NULL AND r.payments > 1 AND r.taken <> 1 AS ambiguous
    FROM given g
    LEFT JOIN payments i ON i.merchant_id = g.merchant_id AND i.payment_id = g.payment_id
    LEFT JOIN LATERAL (
        SELECT
            count(p.payment_id) AS payments,
            count(p.payment_id) FILTER (WHERE p.amount_captured > 0) AS taken,
            (array_agg(p.payment_id))[1] AS only_one,
            (array_agg(p.payment_id) FILTER (WHERE p.amount_captured > 0))[1] AS taken_one
        FROM (
            SELECT o.payment_id, o.amount_captured
            FROM payments o
            WHERE o.merchant_id = g.merchant_id AND o.reference = g.reference
            LIMIT :references_max::integer
        ) p
    ) r ON g.payment_id IS NULL
),
dated AS (
    SELECT
        n.number, n.payment_id, n.label, n.source, n.ambiguous,
        -- Told without a time, a label that is there already is the same one.
        coalesce(n.known_at, (
            SELECT min(l.known_at) FROM fraud_labels l
            WHERE l.merchant_id = :merchant_id AND l.payment_id = n.payment_id
                AND l.label = n.label AND l.source = n.source
        ), greatest(now(), p.created_at)) AS known_at,
        -- Payments are dated by whoever made them, by the database's clock as it was last seen.
        p.created_at AS paid_at
    FROM named n
    LEFT JOIN payments p ON p.merchant_id = n.merchant_id AND p.payment_id = n.payment_id
),
checked AS (
    SELECT
        d.number, d.payment_id, d.label, d.source, d.known_at,
        CASE
            WHEN d.ambiguous THEN 'reference_ambiguous'
            WHEN d.payment_id IS NULL THEN 'payment_unknown'
            WHEN d.known_at > greatest(now(), d.paid_at) THEN 'known_at_in_future'
            WHEN d.known_at < d.paid_at THEN 'known_at_before_payment'
            WHEN (
                SELECT count(*) FROM fraud_labels l
                WHERE l.merchant_id = :merchant_id AND l.payment_id = d.payment_id
                    -- Whoever says again what was said is not refused.
                    AND (l.label, l.source, l.known_at) <> (d.label, d.source, d.known_at)
            ) >= :labels_max::integer THEN 'labels_too_many'
        END AS fault,
        -- The same label has the same id, however often and from wherever it comes.
        encode(substr(sha256(convert_to(concat_ws(
            ':', d.label, d.source, (extract(epoch FROM d.known_at) * 1000000)::bigint
        ), 'UTF8')), 1, 16), 'hex')::uuid AS label_id
    FROM dated d
),
distinct_ones AS (
    SELECT DISTINCT ON (c.payment_id, c.label_id)
        c.number, c.payment_id, c.label_id, c.label, c.source, c.known_at
    FROM checked c
    WHERE c.fault IS NULL
    ORDER BY c.payment_id, c.label_id, c.number
),
added AS (
    INSERT INTO fraud_labels (
        merchant_id, payment_id, label_id, label, source, known_at, created_by)
    SELECT
        :merchant_id, o.payment_id, o.label_id, o.label, o.source, o.known_at, :author::text
    FROM distinct_ones o
    ORDER BY o.payment_id, o.label_id
    ON CONFLICT DO NOTHING
    RETURNING payment_id, label_id, label, source, known_at
),
disputed AS (
    INSERT INTO velocity_entries (
        merchant_id, key, outcome, occurred_at, payment_id, amount_ref)
    SELECT DISTINCT :merchant_id, k.key, 'disputed', f.known_at, f.payment_id, a.amount_ref
    FROM (
        SELECT n.payment_id, min(n.known_at) AS known_at
        FROM added n
        WHERE n.label = 'fraud' AND n.source = 'chargeback'
        GROUP BY n.payment_id
    ) f
    JOIN velocity_attempts a ON a.merchant_id = :merchant_id AND a.payment_id = f.payment_id
    CROSS JOIN LATERAL unnest(a.keys) AS k (key)
    -- A payment is disputed once, however many papers come.
    WHERE NOT EXISTS (
        SELECT 1 FROM fraud_labels l
        WHERE l.merchant_id = :merchant_id AND l.payment_id = f.payment_id
            AND l.label = 'fraud' AND l.source = 'chargeback'
    )
    ON CONFLICT DO NOTHING
)
SELECT
    c.number, c.payment_id, c.label_id, c.fault,
    o.number IS NOT NULL AND n.label_id IS NOT NULL AS added
FROM checked c
LEFT JOIN distinct_ones o ON o.number = c.number
LEFT JOIN added n ON n.payment_id = o.payment_id AND n.label_id = o.label_id
ORDER BY c.number;

-- name: list_labels
-- The labels of a payment, in the order in which they became known; no row: it has none.
SELECT l.payment_id, l.label_id, l.label, l.source, l.known_at, l.created_by, l.created_at
FROM fraud_labels l
WHERE l.merchant_id = :merchant_id::uuid AND l.payment_id = :payment_id::uuid
ORDER BY l.known_at, l.label_id
LIMIT :rows_max::integer;

-- name: payment_is_there
-- Says whether the merchant has this payment; always one row.
SELECT EXISTS (
    SELECT 1 FROM payments p
    WHERE p.merchant_id = :merchant_id::uuid AND p.payment_id = :payment_id::uuid
) AS found;
