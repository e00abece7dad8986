-- name: create_merchant
-- Adds a merchant with a limit for everything; always one row.
WITH made AS (
    INSERT INTO merchants (merchant_id, name, mode, reference_currency)
    VALUES (:merchant_id::uuid, :name::text, :mode::text, :reference_currency::text)
    RETURNING merchant_id
)
INSERT INTO amount_limits (
    merchant_id, currency, buyer_role, kind, effective_at, amount_min, amount_max, created_by,
    created_at)
SELECT
    made.merchant_id, '*', '*', '*', :effective_at::timestamptz, 1, :amount_max::bigint,
    :author::text, :effective_at
FROM made
RETURNING merchant_id;

-- name: get_merchant
-- A merchant with the limits that hold or will before an instant, and for each day the rate that
-- holds then, both as arrays of equal length; no row: there is none such.
SELECT
    m.merchant_id, m.name, m.mode, m.status,
    m.reference_currency::text AS reference_currency, m.created_at,
    l.limit_currency, l.limit_buyer_role, l.limit_kind, l.limit_effective_at, l.limit_amount_min,
    l.limit_amount_max, l.limit_created_by, l.limit_created_at,
    r.rate_currency, r.rate_effective_on, r.rate_rate
FROM merchants m
CROSS JOIN LATERAL (
    SELECT
        array_agg(h.currency) AS limit_currency, array_agg(h.buyer_role) AS limit_buyer_role,
        array_agg(h.kind) AS limit_kind, array_agg(h.effective_at) AS limit_effective_at,
        array_agg(h.amount_min) AS limit_amount_min, array_agg(h.amount_max) AS limit_amount_max,
        array_agg(h.created_by) AS limit_created_by, array_agg(h.created_at) AS limit_created_at
    FROM (
        (SELECT DISTINCT ON (p.currency, p.buyer_role, p.kind)
            p.currency, p.buyer_role, p.kind, p.effective_at, p.amount_min, p.amount_max,
            p.created_by, p.created_at
        FROM amount_limits p
        WHERE p.merchant_id = m.merchant_id AND p.effective_at <= :at::timestamptz
        ORDER BY
            p.currency DESC, p.buyer_role DESC, p.kind DESC, p.effective_at DESC,
            p.created_at DESC)
        UNION ALL
        SELECT
            s.currency, s.buyer_role, s.kind, s.effective_at, s.amount_min, s.amount_max,
            s.created_by, s.created_at
        FROM amount_limits s
        WHERE
            s.merchant_id = m.merchant_id
            AND s.effective_at > :at AND s.effective_at <= :until::timestamptz
    ) h
) l
CROSS JOIN LATERAL (
    -- The currencies are stepped through, so that years of daily rates cost no more than a day's.
    WITH RECURSIVE held (currency) AS (
        SELECT min(f.currency::text)
        FROM reference_rates f
        WHERE f.merchant_id = m.merchant_id AND f.reference_currency = m.reference_currency
        UNION ALL
        SELECT (
            SELECT min(f.currency::text)
            FROM reference_rates f
            WHERE
                f.merchant_id = m.merchant_id AND f.reference_currency = m.reference_currency
                AND f.currency > held.currency)
        FROM held
        WHERE held.currency IS NOT NULL
    )
    SELECT
        array_agg(held.currency) AS rate_currency, array_agg(n.effective_on) AS rate_effective_on,
        array_agg(n.rate) AS rate_rate
    FROM held
    CROSS JOIN unnest(:days::date[]) AS d (day)
    CROSS JOIN LATERAL (
        SELECT f.effective_on, f.rate
        FROM reference_rates f
        WHERE
            f.merchant_id = m.merchant_id AND f.reference_currency = m.reference_currency
            AND f.currency = held.currency AND f.effective_on <= d.day
        ORDER BY f.effective_on DESC, f.created_at DESC
        LIMIT 1
    ) n
) r
WHERE m.merchant_id = :merchant_id::uuid;

-- name: get_mode
-- The mode of a merchant, by which its keys are named; no row: there is none such.
SELECT m.mode
FROM merchants m
WHERE m.merchant_id = :merchant_id::uuid;

-- name: list_merchants
-- A page of merchants by merchant_id, after a given one; no row: there are no more.
SELECT
    m.merchant_id, m.name, m.mode, m.status,
    m.reference_currency::text AS reference_currency, m.created_at
FROM merchants m
WHERE :after::uuid IS NULL OR m.merchant_id > :after
ORDER BY m.merchant_id
LIMIT :rows_max::integer;

-- name: set_merchant_status
-- Suspends a merchant or lets it sell again; no row: there is none such.
UPDATE merchants m
SET status = :status::text
WHERE m.merchant_id = :merchant_id::uuid
RETURNING m.merchant_id;

-- name: add_limit
-- Says what one purchase may cost from a date on; no row: the merchant has as many as it may have.
INSERT INTO amount_limits (
    merchant_id, currency, buyer_role, kind, effective_at, amount_min, amount_max, created_by,
    created_at)
SELECT
    :merchant_id::uuid, :currency::text, :buyer_role::text, :kind::text,
    :effective_at::timestamptz, :amount_min::bigint, :amount_max::bigint, :author::text,
    :created_at::timestamptz
WHERE (
    SELECT count(*) FROM amount_limits l WHERE l.merchant_id = :merchant_id) < :rows_max::integer
RETURNING
    currency, buyer_role, kind, effective_at, amount_min, amount_max, created_by, created_at;

-- name: list_limits
-- All limits of a merchant, past and to come, the latest date first; no row: it has none.
SELECT
    l.currency, l.buyer_role, l.kind, l.effective_at, l.amount_min, l.amount_max, l.created_by,
    l.created_at
FROM amount_limits l
WHERE l.merchant_id = :merchant_id::uuid
ORDER BY l.effective_at DESC, l.created_at DESC, l.currency, l.buyer_role, l.kind
LIMIT :rows_max::integer;

-- name: set_reference_currency
-- Chooses the currency in which amounts are compared; no row: there is no such merchant, or sums
-- were made in another currency.
UPDATE merchants m
SET reference_currency = :currency::text
WHERE
    m.merchant_id = :merchant_id::uuid
    AND NOT EXISTS (SELECT FROM velocity_attempts a WHERE a.merchant_id = m.merchant_id)
    AND NOT EXISTS (SELECT FROM velocity_profiles p WHERE p.merchant_id = m.merchant_id)
RETURNING m.merchant_id;

-- name: add_rates
-- Adds the rates that differ from what holds for their day, one row each; no row: all are known,
-- or the reference currency is another one by now.
INSERT INTO reference_rates (
    merchant_id, reference_currency, currency, effective_on, rate, created_by, created_at)
SELECT
    m.merchant_id, m.reference_currency, n.currency, n.effective_on, n.rate, :author::text,
    clock_timestamp()
FROM merchants m
CROSS JOIN unnest(:currencies::text[], :days::date[], :rates::numeric[])
    AS n (currency, effective_on, rate)
WHERE
    m.merchant_id = :merchant_id::uuid AND m.reference_currency = :reference_currency::text
    AND n.rate IS DISTINCT FROM (
        SELECT r.rate
        FROM reference_rates r
        WHERE
            r.merchant_id = m.merchant_id AND r.reference_currency = m.reference_currency
            AND r.currency = n.currency AND r.effective_on = n.effective_on
        ORDER BY r.created_at DESC
        LIMIT 1)
RETURNING currency;

-- name: list_rates
-- The newest rates of a merchant in its reference currency, by currency and the latest day first;
-- no row: it has none.
SELECT
    r.currency::text AS currency, r.effective_on, r.rate, r.created_by, r.created_at
FROM merchants m
JOIN reference_rates r
    ON r.merchant_id = m.merchant_id AND r.reference_currency = m.reference_currency
WHERE
    m.merchant_id = :merchant_id::uuid
    AND (:currency::text IS NULL OR r.currency = :currency)
ORDER BY r.currency, r.effective_on DESC, r.created_at DESC
LIMIT :rows_max::integer;

-- name: create_key
-- Adds an API key; always one row.
INSERT INTO api_keys (merchant_id, key_id, prefix, secret_sha256, name, scopes, expires_at)
VALUES (
    :merchant_id::uuid, :key_id::uuid, :prefix::text, :secret_sha256::bytea, :name::text,
    :scopes::text[], :expires_at::timestamptz)
RETURNING
    merchant_id, key_id, prefix, name, scopes, created_at, expires_at, revoked_at, last_used_at;

-- name: find_keys
-- The keys with these prefixes, whoever's they are, since that is what a prefix is to tell; a
-- prefix without a row is nobody's.
SELECT
    k.merchant_id, k.key_id, k.prefix, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at,
    k.last_used_at, k.secret_sha256, m.mode
FROM api_keys k
JOIN merchants m ON m.merchant_id = k.merchant_id
WHERE k.prefix = ANY (:prefixes::text[]);

-- name: get_key
-- One key by its id, of this merchant if one is named; no row: there is none such.
SELECT
    k.merchant_id, k.key_id, k.prefix, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at,
    k.last_used_at
FROM api_keys k
WHERE k.key_id = :key_id::uuid AND (:merchant_id::uuid IS NULL OR k.merchant_id = :merchant_id);

-- name: list_keys
-- All keys of a merchant, oldest first; no row: it has none.
SELECT
    k.merchant_id, k.key_id, k.prefix, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at,
    k.last_used_at
FROM api_keys k
WHERE k.merchant_id = :merchant_id::uuid
ORDER BY k.key_id;

-- name: shorten_key
-- Lets a key expire after a grace, unless it does so before; no row: there is none such.
UPDATE api_keys k
SET expires_at = least(k.expires_at, clock_timestamp() + :grace::interval)
WHERE k.merchant_id = :merchant_id::uuid AND k.key_id = :key_id::uuid
RETURNING k.key_id;

-- name: revoke_key
-- Ends a key, or leaves it ended as it was; no row: there is none such.
UPDATE api_keys k
SET revoked_at = coalesce(k.revoked_at, clock_timestamp())
WHERE k.key_id = :key_id::uuid AND (:merchant_id::uuid IS NULL OR k.merchant_id = :merchant_id)
RETURNING
    k.merchant_id, k.key_id, k.prefix, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at,
    k.last_used_at;

-- name: note_key_use
-- Writes that a key was used now; no row: somebody wrote so a moment ago.
UPDATE api_keys k
SET last_used_at = clock_timestamp()
WHERE
    k.merchant_id = :merchant_id::uuid AND k.key_id = :key_id::uuid
    AND (k.last_used_at IS NULL OR k.last_used_at <= clock_timestamp() - :every::interval)
RETURNING k.last_used_at;
