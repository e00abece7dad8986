-- name: take_charges
-- Takes in charges and moves the money of those that are new, in one transaction; every row asked
-- comes back, and one with more than one call was known already. No row means nothing was asked.
WITH asked AS (
    SELECT
        reference, fingerprint, amount, currency, merchant_id, payment_id, payment_method, moves,
        answer::jsonb AS answer, later::jsonb AS later, earlier::jsonb AS earlier, delay_ms, does
    FROM unnest(
        :references::text[], :fingerprints::bytea[], :amounts::bigint[], :currencies::text[],
        :merchant_ids::text[], :payment_ids::text[], :payment_methods::text[], :moves::text[],
        :answers::text[], :laters::text[], :earliers::text[], :delays_ms::bigint[],
        :does::boolean[]
    ) AS a (
        reference, fingerprint, amount, currency, merchant_id, payment_id, payment_method, moves,
        answer, later, earlier, delay_ms, does
    )
), taken AS (
    INSERT INTO placeholder_gateway.operations AS held (
        reference, kind, charge_reference, fingerprint, amount, currency, merchant_id, payment_id,
        payment_method, moves, answer, later, settles_at, earlier, done_call
    )
    SELECT
        reference, 'charge', reference, fingerprint, amount, currency, merchant_id, payment_id,
        payment_method, moves,
        CASE WHEN does THEN answer END,
        CASE WHEN does THEN later ELSE answer END,
        CASE WHEN does THEN clock_timestamp() + delay_ms * interval '1 millisecond' END,
        earlier,
        CASE WHEN does THEN 1 END
    FROM asked
    ORDER BY reference
    ON CONFLICT (reference) DO UPDATE SET
        calls = held.calls + 1,
        answer = CASE
            WHEN held.done_call IS NULL AND held.fingerprint = EXCLUDED.fingerprint
            THEN held.later ELSE held.answer
        END,
        later = CASE
            WHEN held.done_call IS NULL AND held.fingerprint = EXCLUDED.fingerprint
            THEN NULL ELSE held.later
        END,
        done_call = CASE
            WHEN held.done_call IS NULL AND held.fingerprint = EXCLUDED.fingerprint
            THEN held.calls + 1 ELSE held.done_call
        END
    RETURNING
        reference, fingerprint, merchant_id, payment_id, payment_method, moves, answer, later,
        settles_at, calls, done_call, status
), moved AS (
    INSERT INTO placeholder_gateway.movements (
        reference, charge_reference, kind, amount, currency, merchant_id, payment_id
    )
    SELECT
        reference, reference, moves, (answer ->> 'amount')::bigint, answer ->> 'currency',
        merchant_id, payment_id
    FROM taken
    WHERE
        moves IS NOT NULL
        AND status IN ('succeeded', 'authorized')
        AND (done_call = calls OR NOT :honour_keys::boolean)
)
SELECT
    reference, fingerprint, payment_method, answer::text AS answer, settles_at, calls, done_call,
    later IS NOT NULL AND settles_at <= clock_timestamp() AS due,
    (extract(epoch FROM settles_at - clock_timestamp()) * 1000)::bigint AS wait_ms
FROM taken;

-- name: find_operation
-- How the operation with this reference stands; no row means that the gateway never heard of it.
SELECT
    reference, fingerprint, payment_method, answer::text AS answer, settles_at, calls, done_call,
    later IS NOT NULL AND settles_at <= clock_timestamp() AS due,
    (extract(epoch FROM settles_at - clock_timestamp()) * 1000)::bigint AS wait_ms
FROM placeholder_gateway.operations
WHERE reference = :reference;

-- name: find_history
-- What was said about this reference, for its webhooks; no row means that there are none.
SELECT
    reference, kind, charge_reference, merchant_id, payment_id, payment_method,
    answer::text AS answer, earlier::text AS earlier, settles_at, created_at
FROM placeholder_gateway.operations
WHERE reference = :reference;

-- name: claim_follow_up
-- Takes in a follow-up and counts the call; always one row. The charge's facts are empty when the
-- charge is unknown.
INSERT INTO placeholder_gateway.operations AS held (
    reference, kind, charge_reference, fingerprint, amount, currency, merchant_id, payment_id,
    payment_method
)
SELECT
    :reference::text, :kind::text, :charge_reference::text, :fingerprint::bytea, :amount::bigint,
    :currency::text, COALESCE(charge.merchant_id, ''), COALESCE(charge.payment_id, ''),
    COALESCE(charge.payment_method, '')
FROM (VALUES (1)) AS one (row)
LEFT JOIN placeholder_gateway.operations AS charge
    ON charge.reference = :charge_reference::text AND charge.kind = 'charge'
ON CONFLICT (reference) DO UPDATE SET calls = held.calls + 1
RETURNING
    reference, fingerprint, payment_method, answer::text AS answer, settles_at, calls, done_call,
    later IS NOT NULL AND settles_at <= clock_timestamp() AS due,
    (extract(epoch FROM settles_at - clock_timestamp()) * 1000)::bigint AS wait_ms;

-- name: lock_charge
-- The charge, locked until the transaction ends; no row means that there is no such charge.
SELECT
    reference, amount, currency, moves, answer::text AS answer, done_call,
    later IS NOT NULL AND settles_at <= clock_timestamp() AS due
FROM placeholder_gateway.operations
WHERE reference = :reference AND kind = 'charge'
FOR UPDATE;

-- name: totals
-- What moved for a charge, with what is on its way; always one row. Run it after lock_charge, in a
-- statement of its own, so that it sees what the lock waited for.
SELECT
    COALESCE(sum(amount) FILTER (WHERE kind = 'charge'), 0)::bigint AS charged,
    COALESCE(sum(amount) FILTER (WHERE kind = 'reservation'), 0)::bigint AS reserved,
    COALESCE(sum(amount) FILTER (WHERE kind = 'capture'), 0)::bigint AS captured,
    COALESCE(sum(amount) FILTER (WHERE kind = 'release'), 0)::bigint AS released,
    COALESCE(sum(amount) FILTER (WHERE kind = 'refund'), 0)::bigint AS refunded
FROM (
    SELECT kind, amount
    FROM placeholder_gateway.movements
    WHERE charge_reference = :charge_reference
    UNION ALL
    SELECT moves, (later ->> 'amount')::bigint
    FROM placeholder_gateway.operations
    WHERE
        charge_reference = :charge_reference
        AND kind <> 'charge'
        AND moves IS NOT NULL
        AND later ->> 'outcome' = 'succeeded'
) AS spoken_for (kind, amount);

-- name: answer_follow_up
-- Stores what a claimed follow-up came to; no row means that it was never claimed.
UPDATE placeholder_gateway.operations
SET
    answer = :answer::text::jsonb,
    later = :later::text::jsonb,
    settles_at = clock_timestamp() + :delay_ms::bigint * interval '1 millisecond',
    moves = :moves::text,
    done_call = calls
WHERE reference = :reference
RETURNING
    reference, fingerprint, payment_method, answer::text AS answer, settles_at, calls, done_call,
    FALSE AS due,
    (extract(epoch FROM settles_at - clock_timestamp()) * 1000)::bigint AS wait_ms;

-- name: change_charge
-- Gives a locked charge another answer, keeping the old one as history; no row means that there is
-- no such charge.
UPDATE placeholder_gateway.operations
SET
    earlier = CASE
        WHEN answer IS NULL OR answer = :answer::text::jsonb THEN earlier
        ELSE earlier || jsonb_build_array(answer)
    END,
    answer = :answer::text::jsonb,
    later = :later::text::jsonb,
    settles_at = clock_timestamp() + :delay_ms::bigint * interval '1 millisecond',
    done_call = COALESCE(done_call, calls)
WHERE reference = :reference AND kind = 'charge'
RETURNING
    reference, fingerprint, payment_method, answer::text AS answer, settles_at, calls, done_call,
    FALSE AS due,
    (extract(epoch FROM settles_at - clock_timestamp()) * 1000)::bigint AS wait_ms;

-- name: move
-- Books one movement of a charge that is in the books; no row means that it is not.
INSERT INTO placeholder_gateway.movements (
    reference, charge_reference, kind, amount, currency, merchant_id, payment_id
)
SELECT
    :reference::text, reference, :kind::text, :amount::bigint, :currency::text, merchant_id,
    payment_id
FROM placeholder_gateway.operations
WHERE reference = :charge_reference AND kind = 'charge'
RETURNING movement_id;

-- name: find_due
-- Some operations whose time has come, those with the oldest time first; no row means none.
SELECT reference, status
FROM placeholder_gateway.operations
WHERE later IS NOT NULL AND settles_at <= statement_timestamp()
ORDER BY settles_at
LIMIT :rows_max;

-- name: settle_due
-- Gives those of these operations whose time has come their later answer and moves their money; no
-- row means that none was due. Reservations that lapse are left to lock_lapsed. A reservation made
-- late gets its own end, in :authorization_ms. Rows are locked in the order that charges use.
WITH due AS (
    SELECT reference, settles_at
    FROM placeholder_gateway.operations
    WHERE
        reference = ANY (:references::text[])
        AND later IS NOT NULL
        AND settles_at <= clock_timestamp()
        AND status <> 'authorized'
    ORDER BY reference
    FOR UPDATE
), settled AS (
    UPDATE placeholder_gateway.operations AS held
    SET
        earlier = CASE
            WHEN held.answer IS NULL THEN held.earlier
            ELSE held.earlier || jsonb_build_array(held.answer)
        END,
        answer = held.later,
        later = CASE
            WHEN held.later ->> 'outcome' = 'authorized' THEN :lapsed::text::jsonb
        END,
        settles_at = CASE
            WHEN held.later ->> 'outcome' = 'authorized'
            THEN due.settles_at + :authorization_ms::bigint * interval '1 millisecond'
            ELSE due.settles_at
        END
    FROM due
    WHERE held.reference = due.reference AND held.later IS NOT NULL
    RETURNING
        held.reference, held.charge_reference, held.moves, held.status, held.answer,
        held.merchant_id, held.payment_id, due.settles_at AS moved_at
), moved AS (
    INSERT INTO placeholder_gateway.movements (
        reference, charge_reference, kind, amount, currency, merchant_id, payment_id, at
    )
    SELECT
        reference, charge_reference, moves, (answer ->> 'amount')::bigint, answer ->> 'currency',
        merchant_id, payment_id, moved_at
    FROM settled
    WHERE moves IS NOT NULL AND status IN ('succeeded', 'authorized')
)
SELECT reference FROM settled;

-- name: lock_lapsed
-- A reservation whose time is over, locked; no row means that another one was faster.
SELECT reference, amount, currency, answer::text AS answer
FROM placeholder_gateway.operations
WHERE
    reference = :reference
    AND later IS NOT NULL
    AND settles_at <= clock_timestamp()
    AND status = 'authorized'
FOR UPDATE;

-- name: count_movements
-- How many movements there are, of all that is asked by; always one row.
SELECT count(*) AS movements
FROM placeholder_gateway.movements
WHERE
    (:reference::text IS NULL OR (
        reference = :reference::text
        AND charge_reference = (
            SELECT operation.charge_reference
            FROM placeholder_gateway.operations AS operation
            WHERE operation.reference = :reference::text
        )
    ))
    AND (:merchant_id::text IS NULL OR merchant_id = :merchant_id::text)
    AND (:payment_id::text IS NULL OR payment_id = :payment_id::text)
    AND (:kind::text IS NULL OR kind = :kind::text);

-- name: books
-- What moved for a merchant, by currency and kind; no row means nothing.
SELECT currency, kind, count(*) AS movements, sum(amount)::bigint AS amount
FROM placeholder_gateway.movements
WHERE merchant_id = :merchant_id
GROUP BY currency, kind
ORDER BY currency, kind;

-- name: payments_page
-- What moved for each payment of a merchant, in order of payment and currency, after the pair
-- given; no row means that there are no more.
SELECT
    payment_id, currency,
    (
        COALESCE(sum(amount) FILTER (WHERE kind IN ('charge', 'capture')), 0)
        - COALESCE(sum(amount) FILTER (WHERE kind = 'refund'), 0)
    )::bigint AS captured_net,
    (
        COALESCE(sum(amount) FILTER (WHERE kind = 'reservation'), 0)
        - COALESCE(sum(amount) FILTER (WHERE kind IN ('capture', 'release')), 0)
    )::bigint AS reserved,
    count(*) FILTER (WHERE kind IN ('charge', 'reservation')) AS charges
FROM placeholder_gateway.movements
WHERE
    merchant_id = :merchant_id
    AND payment_id >= :after_payment_id::text
    AND (payment_id, currency) > (:after_payment_id::text, :after_currency::text)
GROUP BY payment_id, currency
ORDER BY payment_id, currency
LIMIT :rows_max::integer;

-- name: double_charged
-- The payments of a merchant that were charged or reserved more than once; no row means none.
SELECT
    payment_id,
    count(*) FILTER (WHERE kind = 'charge') AS charges,
    count(*) FILTER (WHERE kind = 'reservation') AS reservations
FROM placeholder_gateway.movements
WHERE merchant_id = :merchant_id AND kind IN ('charge', 'reservation')
GROUP BY payment_id
HAVING count(*) > 1
ORDER BY payment_id;

-- name: offer_secret
-- Stores the webhook secret if there is none; no row means that there is one already.
INSERT INTO placeholder_gateway.secrets (name, value)
VALUES ('webhook', :value)
ON CONFLICT (name) DO NOTHING
RETURNING value;

-- name: read_secret
-- The webhook secret; no row means that none was made yet.
SELECT value FROM placeholder_gateway.secrets WHERE name = 'webhook';
