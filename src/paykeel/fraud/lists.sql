-- name: put_items
-- Puts values on a list, each under all of its keys, or writes anew why they are there and until
-- when; one row for each key, in no order.
INSERT INTO fraud_lists (merchant_id, key, list, kind, reason, author, created_at, expires_at)
SELECT
    :merchant_id::uuid, g.key, :list::text, g.kind, g.reason, :author::text, clock_timestamp(),
    g.expires_at
FROM unnest(:keys::bigint[], :kinds::text[], :reasons::text[], :expiries::timestamptz[])
    AS g (key, kind, reason, expires_at)
ON CONFLICT (merchant_id, key, list) DO UPDATE
SET
    reason = excluded.reason, author = excluded.author, created_at = excluded.created_at,
    expires_at = excluded.expires_at
RETURNING list, key, kind, reason, author, created_at, expires_at;

-- name: remove_items
-- Takes keys off a list; no row: none of them was on it.
WITH wanted AS MATERIALIZED (
    -- The merchant comes with the key, so that no plan reads all of a merchant's lists.
    SELECT :merchant_id::uuid AS merchant_id, u.key, :list::text AS list
    FROM unnest(:keys::bigint[]) AS u (key)
)
DELETE FROM fraud_lists i
USING wanted w
-- Nothing but the key leads to it: the index by age holds the whole list.
WHERE i.merchant_id = w.merchant_id AND i.key = w.key AND (i.list = w.list) IS TRUE
RETURNING i.list, i.key, i.kind, i.reason, i.author, i.created_at, i.expires_at;

-- name: list_items
-- A page of what is on a list now, newest first; no row: there is no more.
SELECT i.list, i.key, i.kind, i.reason, i.author, i.created_at, i.expires_at
FROM fraud_lists i
WHERE
    i.merchant_id = :merchant_id::uuid
    AND i.list = :list::text
    AND (i.expires_at IS NULL OR i.expires_at > clock_timestamp())
    -- One comparison, so that a later page begins in the index where the one before ended.
    AND (i.created_at, i.key) < (
        coalesce(:before_at::timestamptz, 'infinity'),
        coalesce(:before_key::bigint, 9223372036854775807))
ORDER BY i.created_at DESC, i.key DESC
LIMIT :rows_max::integer;

-- name: find_items
-- The lists on which any of these keys is now; no row: none is on any.
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT :merchant_id::uuid AS merchant_id, u.key FROM unnest(:keys::bigint[]) AS u (key)
)
SELECT i.list, i.key, i.kind, i.reason, i.author, i.created_at, i.expires_at
FROM wanted w
JOIN fraud_lists i ON i.merchant_id = w.merchant_id AND i.key = w.key
WHERE (i.expires_at IS NULL OR i.expires_at > clock_timestamp())
ORDER BY i.list, i.key
LIMIT :rows_max::integer;

-- name: declared_lists
-- Which of these lists some ruleset of the merchant declares; no row: none of them.
SELECT g.list
FROM unnest(:lists::text[]) AS g (list)
WHERE EXISTS (
    SELECT FROM fraud_rulesets r
    WHERE r.merchant_id = :merchant_id::uuid AND r.document -> 'lists' ? g.list);

-- name: purge_items
-- Removes what has expired, a bounded batch of all merchants', each by its merchant_id and key;
-- no row: nothing has.
WITH due AS (
    SELECT i.merchant_id, i.key, i.list
    FROM fraud_lists i
    WHERE i.expires_at < clock_timestamp()
    ORDER BY i.expires_at
    LIMIT :rows_max::integer
    FOR UPDATE SKIP LOCKED
)
DELETE FROM fraud_lists i
USING due
WHERE i.merchant_id = due.merchant_id AND i.key = due.key AND i.list = due.list
RETURNING i.merchant_id;
