-- name: reference_rates_of
-- The merchant's reference currency with the rates of these currencies that hold on some day of a
-- period, by currency and the earliest day first; without any the currency is null. No row: there
-- is no such merchant.
SELECT m.reference_currency::text AS reference_currency, h.currency, h.effective_on, h.rate
FROM merchants m
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (r.currency, r.effective_on)
        r.currency::text AS currency, r.effective_on, r.rate
    FROM unnest(:currencies::text[]) AS c (currency)
    JOIN reference_rates r
        ON r.merchant_id = m.merchant_id AND r.reference_currency = m.reference_currency
        AND r.currency = c.currency
    WHERE r.effective_on <= :last_day::date
        -- From the one on that holds on the first day.
        AND r.effective_on >= coalesce((
            SELECT max(f.effective_on)
            FROM reference_rates f
            WHERE f.merchant_id = m.merchant_id AND f.reference_currency = m.reference_currency
                AND f.currency = r.currency AND f.effective_on <= :first_day::date
        ), r.effective_on)
    -- Of rates for the same day the one that was made last holds.
    ORDER BY r.currency, r.effective_on, r.created_at DESC
) h ON true
WHERE m.merchant_id = :merchant_id::uuid
ORDER BY h.currency, h.effective_on;

-- name: stopped_by_reason
-- How often purchases were blocked or refused in a period, by reason and currency, of so many that
-- were stopped last; a purchase counts under each of its reasons. No row: nothing was stopped.
WITH stopped AS MATERIALIZED (
    SELECT l.payment_id, l.decision, l.reasons
    FROM fraud_prevention_logs l
    WHERE l.merchant_id = :merchant_id::uuid
        AND l.decision IN ('block', 'refuse')
        AND l.created_at >= :since::timestamptz AND l.created_at < :until::timestamptz
    ORDER BY l.created_at DESC
    LIMIT :rows_max::integer
)
SELECT
    s.decision, g.reason, p.currency::text AS currency, count(*) AS count,
    sum(p.amount)::bigint AS amount, (SELECT count(*) FROM stopped) AS seen
FROM stopped s
CROSS JOIN LATERAL (SELECT DISTINCT unnest(s.reasons)) AS g (reason)
LEFT JOIN payments p ON p.merchant_id = :merchant_id AND p.payment_id = s.payment_id
WHERE s.decision = 'refuse' OR (
    (:roles::text[] IS NULL OR p.buyer_role = ANY (:roles))
    AND (:currencies::text[] IS NULL OR p.currency = ANY (:currencies))
    AND (:gateways::text[] IS NULL OR p.gateway = ANY (:gateways)))
GROUP BY s.decision, g.reason, p.currency
ORDER BY s.decision, g.reason, p.currency;

-- name: waiting_for_people
-- The reviews and alerts that wait for a person now; always one row.
SELECT
    count(*) AS reviews_open,
    count(*) FILTER (WHERE r.due_at <= now()) AS reviews_overdue,
    min(r.created_at) AS reviews_oldest_at,
    (
        SELECT coalesce(jsonb_object_agg(a.kind, a.alerts), '{}')
        FROM (
            SELECT f.kind, count(*) AS alerts
            FROM fraud_alerts f
            WHERE f.merchant_id = :merchant_id::uuid AND f.status = 'open'
            GROUP BY f.kind
        ) a
    ) AS alerts
FROM fraud_reviews r
WHERE r.merchant_id = :merchant_id AND r.status = 'open' AND r.decided_at IS NULL;

-- name: fraud_reports_of
-- How many payments the card network first reported as fraud in a period, and how many were first
-- labelled with a chargeback in it while no dispute of theirs was ever noted; always one row.
SELECT
    count(DISTINCT l.payment_id) FILTER (WHERE l.source = 'early_warning') AS fraud_reports,
    count(DISTINCT l.payment_id) FILTER (WHERE l.source = 'chargeback' AND NOT EXISTS (
        SELECT FROM payment_events e
        WHERE e.merchant_id = :merchant_id AND e.payment_id = l.payment_id
            AND e.type = 'payment.dispute_opened'
    )) AS disputes_labelled
FROM fraud_labels l
WHERE l.merchant_id = :merchant_id::uuid AND l.label = 'fraud'
    AND l.source IN ('early_warning', 'chargeback')
    AND l.known_at >= :since::timestamptz AND l.known_at < :until::timestamptz
    AND NOT EXISTS (
        SELECT FROM fraud_labels f
        WHERE f.merchant_id = :merchant_id AND f.payment_id = l.payment_id AND f.label = 'fraud'
            AND f.source = l.source AND f.known_at < :since
    );
