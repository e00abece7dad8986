-- name: erase_one
-- Erases the personal data of one acceptance, and tells it as an event. Always one row: whether the
-- merchant has this acceptance, and of how many it was erased (0: it has none, or not any more).
WITH erased AS (
    UPDATE terms_personal p
    SET
        ip = NULL, ip_salt = NULL, user_agent = NULL, user_agent_salt = NULL,
        erased_at = clock_timestamp(), erased_by = :author::text
    WHERE
        p.merchant_id = :merchant_id::uuid AND p.acceptance_id = :acceptance_id::uuid
        AND p.erased_at IS NULL
    RETURNING p.merchant_id, p.acceptance_id, p.erased_by, p.erased_at
),
told AS (
    INSERT INTO terms_events (merchant_id, event_id, kind, acceptance_id, author, occurred_at)
    SELECT e.merchant_id, :event_id::uuid, 'erased', e.acceptance_id, e.erased_by, e.erased_at
    FROM erased e
)
SELECT
    EXISTS (
        SELECT FROM terms_acceptance t
        WHERE t.merchant_id = :merchant_id AND t.acceptance_id = :acceptance_id
    ) AS found,
    (SELECT count(*) FROM erased)::integer AS erased;

-- name: erase_of_buyer
-- Erases the personal data of the next so many acceptances of a subject, by id, and tells each as
-- an event; there must be as many ids for these. Always one row: how many were looked at, the last
-- of them (null: there was none), and of how many it was erased.
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
    RETURNING p.merchant_id, p.acceptance_id, p.erased_by, p.erased_at
),
told AS (
    INSERT INTO terms_events (merchant_id, event_id, kind, acceptance_id, author, occurred_at)
    SELECT e.merchant_id, i.event_id, 'erased', e.acceptance_id, e.erased_by, e.erased_at
    FROM (
        SELECT
            d.merchant_id, d.acceptance_id, d.erased_by, d.erased_at,
            row_number() OVER (ORDER BY d.acceptance_id) AS number
        FROM erased d
    ) AS e
    -- Without an id it is refused, so that none goes untold.
    LEFT JOIN unnest(:event_ids::uuid[]) WITH ORDINALITY AS i (event_id, number) USING (number)
)
SELECT
    count(*)::integer AS looked,
    (array_agg(l.acceptance_id ORDER BY l.acceptance_id DESC))[1] AS last_id,
    (SELECT count(*) FROM erased)::integer AS erased
FROM looked l;

-- name: erase_before
-- Erases the personal data of those of the next so many acceptances that were said before an
-- instant, and tells each as an event, as erase_of_buyer does. Always one row: how many were looked
-- at, the last of them (null: there was none), and of how many it was erased.
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
    RETURNING p.merchant_id, p.acceptance_id, p.erased_by, p.erased_at
),
told AS (
    INSERT INTO terms_events (merchant_id, event_id, kind, acceptance_id, author, occurred_at)
    SELECT e.merchant_id, i.event_id, 'erased', e.acceptance_id, e.erased_by, e.erased_at
    FROM (
        SELECT
            d.merchant_id, d.acceptance_id, d.erased_by, d.erased_at,
            row_number() OVER (ORDER BY d.acceptance_id) AS number
        FROM erased d
    ) AS e
    -- Without an id it is refused, so that none goes untold.
    LEFT JOIN unnest(:event_ids::uuid[]) WITH ORDINALITY AS i (event_id, number) USING (number)
)
SELECT
    count(*)::integer AS looked,
    (array_agg(l.acceptance_id ORDER BY l.acceptance_id DESC))[1] AS last_id,
    (SELECT count(*) FROM erased)::integer AS erased
FROM looked l;
