-- Statements that read past refunds, to try another policy on them; they change nothing.

-- name: simulation_setup
-- Lets what reads the whole past take its time; for this transaction only. No row: there is no such
-- merchant.
SELECT
    set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    set_config('work_mem', '64MB', true)
FROM merchants m
WHERE m.merchant_id = :merchant_id::uuid;

-- name: count_refunds
-- How many refunds of a period can be reckoned again, and how many cannot: those that nobody gave,
-- and those that were made at the gateway; always one row.
SELECT
    count(*) FILTER (WHERE r.origin = 'merchant' AND r.status = ANY(:live::text[])) AS refunds,
    count(*) FILTER (WHERE r.origin = 'merchant' AND NOT r.status = ANY(:live)) AS not_given,
    count(*) FILTER (WHERE r.origin <> 'merchant') AS outside
FROM refunds r
WHERE r.merchant_id = :merchant_id::uuid
    AND r.refund_id >= :id_min::uuid AND r.refund_id < :id_max::uuid
    AND r.created_at >= :since::timestamptz AND r.created_at < :until::timestamptz;

-- name: past_refunds
-- The refunds of a period that were given, or may be, each with what was known when it was asked
-- for, and how its payment stood just before: amounts, which refunds counted then and what each of
-- them took, and what lost disputes had taken. Where it was bought, through which channel and how
-- it was paid is not kept with a payment; what the policy that it was made under is for says it, as
-- far as it names that. No row: there was none. Read through a cursor, payment by payment, and
-- within one in their order.
SELECT
    r.refund_id, r.payment_id, r.amount, r.settled_amount, r.currency, r.reason,
    r.quoted_amount, d.as_of, d.facts, p.buyer_role, p.kind, p.created_at AS purchased_at,
    b.captured_at, b.captured, b.refunded, b.disputed, c.counted, c.taken, x.lost, h.jurisdiction,
    h.channel, h.payment_method
FROM refunds r
JOIN refund_decisions d
    ON d.merchant_id = :merchant_id::uuid AND d.refund_id = r.refund_id AND d.sequence = 1
JOIN payments p ON p.merchant_id = :merchant_id AND p.payment_id = r.payment_id
LEFT JOIN refund_policies h
    ON h.merchant_id = :merchant_id AND h.policy_key = p.refund_policy_key
    AND h.policy_version = p.refund_policy_version
CROSS JOIN LATERAL (
    SELECT min(e.sequence) AS sequence
    FROM payment_events e
    WHERE e.merchant_id = :merchant_id AND e.payment_id = r.payment_id
        AND e.refund_id = r.refund_id
) o
CROSS JOIN LATERAL (
    SELECT
        min(e.occurred_at) FILTER (WHERE e.captured_delta > 0) AS captured_at,
        coalesce(sum(e.captured_delta), 0)::bigint AS captured,
        coalesce(sum(e.refunded_delta + e.reserved_delta), 0)::bigint AS refunded,
        coalesce(sum(e.disputed_delta), 0)::bigint AS disputed
    FROM payment_events e
    WHERE e.merchant_id = :merchant_id AND e.payment_id = r.payment_id
        AND e.sequence < o.sequence
) b
CROSS JOIN LATERAL (
    SELECT
        coalesce(array_agg(l.refund_id ORDER BY l.refund_id), '{}') AS counted,
        coalesce(array_agg(l.taken ORDER BY l.refund_id), '{}') AS taken
    FROM (
        SELECT
            e.refund_id, sum(e.refunded_delta + e.reserved_delta)::bigint AS taken,
            (array_agg(e.type ORDER BY e.sequence DESC)
                FILTER (WHERE e.type = ANY(:events::text[])))[1] AS type
        FROM payment_events e
        WHERE e.merchant_id = :merchant_id AND e.payment_id = r.payment_id
            AND e.refund_id IS NOT NULL AND e.sequence < o.sequence
        GROUP BY e.refund_id
    ) l
    WHERE l.type = ANY(:live_events::text[])
) c
CROSS JOIN LATERAL (
    SELECT coalesce(sum(l.amount) FILTER (WHERE l.type = :dispute_lost::text), 0)::bigint AS lost
    FROM (
        SELECT
            (array_agg(e.amount ORDER BY e.sequence DESC) FILTER (WHERE e.disputed_delta > 0))[1]
                AS amount,
            (array_agg(e.type ORDER BY e.sequence DESC))[1] AS type
        FROM payment_events e
        WHERE e.merchant_id = :merchant_id AND e.payment_id = r.payment_id
            AND e.type = ANY(:dispute_events::text[]) AND e.sequence < o.sequence
        GROUP BY e.data ->> 'dispute'
    ) l
) x
WHERE r.merchant_id = :merchant_id
    AND r.refund_id >= :id_min::uuid AND r.refund_id < :id_max::uuid
    AND r.created_at >= :since::timestamptz AND r.created_at < :until::timestamptz
    AND r.origin = 'merchant' AND r.status = ANY(:live::text[])
    AND d.as_of IS NOT NULL
ORDER BY r.payment_id, r.refund_id;
