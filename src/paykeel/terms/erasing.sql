-- name: erase_one
-- Erases the personal data of one acceptance. Always one row: whether the merchant has this
-- acceptance, and of how many it was erased (0: it has none, or not any more).
WITH erased AS (
    UPDATE terms_personal p
    SET
        ip = NULL, ip_salt = NULL, user_agent = NULL, user_agent_salt = NULL,
        erased_at = clock_timestamp(), erased_by = :author::text
    WHERE
        p.merchant_id = :merchant_id::uuid AND p.acceptance_id = :acceptance_id::uuid
        AND p.erased_at IS NULL
    RETURNING p.acceptance_id
)
SELECT
    EXISTS (
        SELECT FROM terms_acceptance t
        WHERE t.merchant_id = :merchant_id AND t.acceptance_id = :acceptance_id
    ) AS found,
    (SELECT count(*) FROM erased)::integer AS erased;

-- name: erase_of_buyer
-- Erases the personal data of the next so many acceptances of a subject, by id. Always one row: how
-- many were looked at, the last of them (null: there was none), and of how many it was erased.
WITH looked AS MATERIALIZED (
    SELECT t.merchant_id, t.acceptance_id
    FROM terms_acceptance t
    WHERE
        t.merchant_id = :merchant_id::uuid AND t.buyer_id = :buyer_id::text
        AND t.acceptance_id > :after::uuid
    ORDER BY t.acceptance_id
    LIMIT :rows_max::integer
),
erased AS (
    UPDATE terms_personal p
    SET
        ip = NULL, ip_salt = NULL, user_agent = NULL, user_agent_salt = NULL,
        erased_at = clock_timestamp(), erased_by = :author::text
    FROM looked l
    -- The merchant comes with each, so that each is looked up by its whole key.
    WHERE
        p.merchant_id = l.merchant_id AND p.acceptance_id = l.acceptance_id
        AND p.erased_at IS NULL
    RETURNING p.acceptance_id
)
SELECT
    count(*)::integer AS looked,
    (array_agg(l.acceptance_id ORDER BY l.acceptance_id DESC))[1] AS last_id,
    (SELECT count(*) FROM erased)::integer AS erased
FROM looked l;

-- name: erase_before
-- Erases the personal data of those of the next so many acceptances that were said before an
-- instant. Always one row: how many were looked at, the last of them (null: there was none), and of
-- how many it was erased.
WITH page AS MATERIALIZED (
    SELECT p.merchant_id, p.acceptance_id, p.erased_at
    FROM terms_personal p
    WHERE p.merchant_id = :merchant_id::uuid AND p.acceptance_id > :after::uuid
    ORDER BY p.acceptance_id
    LIMIT :rows_max::integer
),
looked AS MATERIALIZED (
    SELECT
        g.merchant_id, g.acceptance_id,
        g.erased_at IS NULL AND t.occurred_at < :before::timestamptz AS due
    FROM page g
    JOIN terms_acceptance t
        ON t.merchant_id = g.merchant_id AND t.acceptance_id = g.acceptance_id
),
erased AS (
    UPDATE terms_personal p
    SET
        ip = NULL, ip_salt = NULL, user_agent = NULL, user_agent_salt = NULL,
        erased_at = clock_timestamp(), erased_by = :author::text
    FROM looked l
    WHERE
        p.merchant_id = l.merchant_id AND p.acceptance_id = l.acceptance_id AND l.due
        AND p.erased_at IS NULL
    RETURNING p.acceptance_id
)
SELECT
    count(*)::integer AS looked,
    (array_agg(l.acceptance_id ORDER BY l.acceptance_id DESC))[1] AS last_id,
    (SELECT count(*) FROM erased)::integer AS erased
FROM looked l;
