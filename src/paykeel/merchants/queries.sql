-- name: create_merchant
-- Adds a merchant; always one row.
INSERT INTO merchants (merchant_id, name, mode)
VALUES (:merchant_id::uuid, :name::text, :mode::text)
RETURNING merchant_id, name, mode, status, terms_version, created_at;

-- name: get_merchant
-- A merchant with its limits, as arrays of equal length; no row: there is none such.
SELECT
    m.merchant_id, m.name, m.mode, m.status, m.terms_version, m.created_at,
    array_agg(l.currency::text) FILTER (WHERE l.currency IS NOT NULL) AS currencies,
    array_agg(l.amount_min) FILTER (WHERE l.currency IS NOT NULL) AS amount_mins,
    array_agg(l.amount_max) FILTER (WHERE l.currency IS NOT NULL) AS amount_maxs
FROM merchants m
LEFT JOIN merchant_limits l ON l.merchant_id = m.merchant_id
WHERE m.merchant_id = :merchant_id::uuid
GROUP BY m.merchant_id;

-- name: list_merchants
-- A page of merchants by merchant_id, after a given one; no row: there are no more.
SELECT m.merchant_id, m.name, m.mode, m.status, m.terms_version, m.created_at
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

-- name: set_limit
-- Says what one purchase may cost in a currency, replacing what was said before; always one row.
INSERT INTO merchant_limits (merchant_id, currency, amount_min, amount_max)
VALUES (:merchant_id::uuid, :currency::text, :amount_min::bigint, :amount_max::bigint)
ON CONFLICT (merchant_id, currency) DO UPDATE
SET amount_min = excluded.amount_min, amount_max = excluded.amount_max
RETURNING merchant_id;

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
