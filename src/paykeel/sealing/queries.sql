-- Statements of sealing. Those that begin with a chain's name read that chain's table; a row goes
-- through to_jsonb as a whole, because every column is chained unless sealing/tables.py says that
-- it stands beside.

-- name: column_types
-- The columns of a table, with the type that a domain is made of; no row: there is no such table.
SELECT
    a.attname::text AS name,
    format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, NULL) AS type
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(:table::text) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: fraud_due
-- The merchants with a row that no seal covers, among rows as new as the last seal looks back; a
-- page by merchant_id. No row: nothing is to be sealed. One look-up for a merchant without news.
SELECT m.merchant_id
FROM merchants m
WHERE m.merchant_id > :after::uuid AND EXISTS (
    SELECT FROM fraud_prevention_logs l
    WHERE l.merchant_id = m.merchant_id
        AND l.log_id >= greatest(:from::uuid, (
            SELECT s.next_from
            FROM seals s
            WHERE s.merchant_id = m.merchant_id AND s.chain = 'fraud'
            ORDER BY s.seal_no DESC
            LIMIT 1
        ))
        AND NOT EXISTS (
            SELECT FROM seal_leaves f
            WHERE f.merchant_id = l.merchant_id AND f.chain = 'fraud' AND f.row_id = l.log_id
            -- An offset keeps it a look-up for each row, where all leaves could be read.
            OFFSET 0
        )
    OFFSET 0
)
ORDER BY m.merchant_id
LIMIT :rows_max::integer;

-- name: fraud_unsealed
-- The oldest rows of a merchant, from an id on, that no seal covers; no row: all are sealed.
SELECT l.log_id AS row_id, to_jsonb(l)::text AS document
FROM fraud_prevention_logs l
WHERE l.merchant_id = :merchant_id::uuid AND l.log_id >= :from::uuid
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = l.merchant_id AND f.chain = 'fraud' AND f.row_id = l.log_id
        OFFSET 0
    )
ORDER BY l.log_id
LIMIT :rows_max::integer;

-- name: fraud_unsealed_among
-- Those of the given rows of a merchant that no seal covers; no row: all are sealed by now.
SELECT l.log_id AS row_id, to_jsonb(l)::text AS document
FROM fraud_prevention_logs l
WHERE l.merchant_id = :merchant_id::uuid AND l.log_id = ANY (:row_ids::uuid[])
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = l.merchant_id AND f.chain = 'fraud' AND f.row_id = l.log_id
        OFFSET 0
    )
ORDER BY l.log_id;

-- name: fraud_missed
-- Looks at the next so many rows of a merchant that the quick look does not see any more, sealed or
-- not. Always one row: how many there were, the last id (null: the end was reached before), and the
-- ids that no seal covers (null: none).
WITH looked AS MATERIALIZED (
    SELECT
        l.log_id,
        EXISTS (
            SELECT FROM seal_leaves f
            WHERE f.merchant_id = l.merchant_id AND f.chain = 'fraud' AND f.row_id = l.log_id
            OFFSET 0
        ) AS sealed
    FROM fraud_prevention_logs l
    WHERE l.merchant_id = :merchant_id::uuid AND l.log_id > :after::uuid
        AND l.log_id < (
            SELECT s.next_from
            FROM seals s
            WHERE s.merchant_id = :merchant_id AND s.chain = 'fraud'
            ORDER BY s.seal_no DESC
            LIMIT 1
        )
    ORDER BY l.log_id
    LIMIT :rows_max::integer
)
SELECT
    count(*)::integer AS looked,
    (SELECT k.log_id FROM looked k ORDER BY k.log_id DESC LIMIT 1) AS last_id,
    array_agg(k.log_id ORDER BY k.log_id) FILTER (WHERE NOT k.sealed) AS missed
FROM looked k;

-- name: fraud_sealed
-- The rows that some seals of a merchant cover, as they are now; document is null where the row is
-- gone. No row: these seals have no leaves.
SELECT f.seal_no, f.row_id, f.leaf_hash, to_jsonb(l)::text AS document
FROM seal_leaves f
LEFT JOIN fraud_prevention_logs l ON l.merchant_id = f.merchant_id AND l.log_id = f.row_id
WHERE f.merchant_id = :merchant_id::uuid AND f.chain = 'fraud'
    AND f.seal_no = ANY (:seal_nos::bigint[])
ORDER BY f.seal_no, f.row_id;

-- name: open_cursor
-- Makes the row that whoever seals this chain locks; no row: it is there.
INSERT INTO seal_cursors (merchant_id, chain)
VALUES (:merchant_id::uuid, :chain::text)
ON CONFLICT (merchant_id, chain) DO NOTHING
RETURNING merchant_id;

-- name: lock_chain
-- Takes the right to seal this chain until the transaction ends, and says what time it is; no row:
-- another worker has it.
SELECT c.checked_to, clock_timestamp() AS now
FROM seal_cursors c
WHERE c.merchant_id = :merchant_id::uuid AND c.chain = :chain::text
FOR UPDATE SKIP LOCKED;

-- name: last_seal
-- The last seal of a chain; no row: it has none.
SELECT
    s.merchant_id, s.chain, s.seal_no, s.form, s.previous_hash, s.row_count, s.rows_total, s.root,
    s.next_from, s.sealed_at, s.public_key, s.seal_hash, s.signature
FROM seals s
WHERE s.merchant_id = :merchant_id::uuid AND s.chain = :chain::text
ORDER BY s.seal_no DESC
LIMIT 1;

-- name: list_seals
-- A page of a chain's seals in order, after a number; no row: there are no more.
SELECT
    s.merchant_id, s.chain, s.seal_no, s.form, s.previous_hash, s.row_count, s.rows_total, s.root,
    s.next_from, s.sealed_at, s.public_key, s.seal_hash, s.signature
FROM seals s
WHERE s.merchant_id = :merchant_id::uuid AND s.chain = :chain::text AND s.seal_no > :after::bigint
ORDER BY s.seal_no
LIMIT :rows_max::integer;

-- name: add_seal
-- Adds a seal with its leaves, all or nothing. One row for each leaf; a violation of a unique
-- constraint means that another worker was faster.
WITH made AS (
    INSERT INTO seals (
        merchant_id, chain, seal_no, form, previous_hash, row_count, rows_total, root, next_from,
        sealed_at, public_key, seal_hash, signature
    )
    VALUES (
        :merchant_id::uuid, :chain::text, :seal_no::bigint, :form::smallint,
        :previous_hash::bytea, :row_count::integer, :rows_total::bigint, :root::bytea,
        :next_from::uuid, :sealed_at::timestamptz, :public_key::bytea, :seal_hash::bytea,
        :signature::bytea
    )
    RETURNING merchant_id, chain, seal_no
)
INSERT INTO seal_leaves (merchant_id, chain, row_id, seal_no, leaf_hash)
SELECT s.merchant_id, s.chain, u.row_id, s.seal_no, u.leaf_hash
FROM made s
CROSS JOIN unnest(:row_ids::uuid[], :leaf_hashes::bytea[]) AS u (row_id, leaf_hash)
RETURNING row_id;

-- name: least_checked
-- The chains whose rows the slow look has not visited for longest, by merchant_id; no row: nothing
-- has ever been sealed.
SELECT c.merchant_id, c.chain, c.checked_to
FROM seal_cursors c
ORDER BY c.checked_at, c.merchant_id, c.chain
LIMIT :rows_max::integer;

-- name: move_cursor
-- Says how far the slow look has come; no row: another worker has moved it meanwhile.
UPDATE seal_cursors c
SET checked_to = :checked_to::uuid, checked_at = clock_timestamp()
WHERE c.merchant_id = :merchant_id::uuid AND c.chain = :chain::text
    AND c.checked_to = :checked_from::uuid
RETURNING c.checked_to;

-- name: list_merchants
-- A page of merchants by merchant_id, after a given one; no row: there are no more.
SELECT m.merchant_id
FROM merchants m
WHERE m.merchant_id > :after::uuid
ORDER BY m.merchant_id
LIMIT :rows_max::integer;

-- name: orphaned_leaves
-- Seals of a chain that leaves name and that are not there, with how many do; no row: none.
SELECT f.seal_no, count(*) AS leaves
FROM seal_leaves f
WHERE f.merchant_id = :merchant_id::uuid AND f.chain = :chain::text
    AND NOT EXISTS (
        SELECT FROM seals s
        WHERE s.merchant_id = f.merchant_id AND s.chain = f.chain AND s.seal_no = f.seal_no
    )
GROUP BY f.seal_no
ORDER BY f.seal_no;

-- name: database_now
-- What time it is by the database's clock; always one row.
SELECT clock_timestamp() AS now;

-- name: fraud_unsealed_ids
-- The ids of a merchant's rows, from one on, that no seal covers; a page by id. No row: no more.
SELECT l.log_id AS row_id
FROM fraud_prevention_logs l
WHERE l.merchant_id = :merchant_id::uuid AND l.log_id >= :from::uuid
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = l.merchant_id AND f.chain = 'fraud' AND f.row_id = l.log_id
        OFFSET 0
    )
ORDER BY l.log_id
LIMIT :rows_max::integer;

-- name: terms_due
-- The merchants with a row that no seal covers, among rows as new as the last seal looks back; a
-- page by merchant_id. No row: nothing is to be sealed. One look-up for a merchant without news.
SELECT m.merchant_id
FROM merchants m
WHERE m.merchant_id > :after::uuid AND EXISTS (
    SELECT FROM terms_acceptance t
    WHERE t.merchant_id = m.merchant_id
        AND t.acceptance_id >= greatest(:from::uuid, (
            SELECT s.next_from
            FROM seals s
            WHERE s.merchant_id = m.merchant_id AND s.chain = 'terms'
            ORDER BY s.seal_no DESC
            LIMIT 1
        ))
        AND NOT EXISTS (
            SELECT FROM seal_leaves f
            WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms' AND f.row_id = t.acceptance_id
            -- An offset keeps it a look-up for each row, where all leaves could be read.
            OFFSET 0
        )
    OFFSET 0
)
ORDER BY m.merchant_id
LIMIT :rows_max::integer;

-- name: terms_unsealed
-- The oldest rows of a merchant, from an id on, that no seal covers; no row: all are sealed.
SELECT t.acceptance_id AS row_id, to_jsonb(t)::text AS document
FROM terms_acceptance t
WHERE t.merchant_id = :merchant_id::uuid AND t.acceptance_id >= :from::uuid
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms' AND f.row_id = t.acceptance_id
        OFFSET 0
    )
ORDER BY t.acceptance_id
LIMIT :rows_max::integer;

-- name: terms_unsealed_among
-- Those of the given rows of a merchant that no seal covers; no row: all are sealed by now.
SELECT t.acceptance_id AS row_id, to_jsonb(t)::text AS document
FROM terms_acceptance t
WHERE t.merchant_id = :merchant_id::uuid AND t.acceptance_id = ANY (:row_ids::uuid[])
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms' AND f.row_id = t.acceptance_id
        OFFSET 0
    )
ORDER BY t.acceptance_id;

-- name: terms_missed
-- Looks at the next so many rows of a merchant that the quick look does not see any more, sealed or
-- not. Always one row: how many there were, the last id (null: the end was reached before), and the
-- ids that no seal covers (null: none).
WITH looked AS MATERIALIZED (
    SELECT
        t.acceptance_id,
        EXISTS (
            SELECT FROM seal_leaves f
            WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms' AND f.row_id = t.acceptance_id
            OFFSET 0
        ) AS sealed
    FROM terms_acceptance t
    WHERE t.merchant_id = :merchant_id::uuid AND t.acceptance_id > :after::uuid
        AND t.acceptance_id < (
            SELECT s.next_from
            FROM seals s
            WHERE s.merchant_id = :merchant_id AND s.chain = 'terms'
            ORDER BY s.seal_no DESC
            LIMIT 1
        )
    ORDER BY t.acceptance_id
    LIMIT :rows_max::integer
)
SELECT
    count(*)::integer AS looked,
    (SELECT k.acceptance_id FROM looked k ORDER BY k.acceptance_id DESC LIMIT 1) AS last_id,
    array_agg(k.acceptance_id ORDER BY k.acceptance_id) FILTER (WHERE NOT k.sealed) AS missed
FROM looked k;

-- name: terms_sealed
-- The rows that some seals of a merchant cover, as they are now; document is null where the row is
-- gone. No row: these seals have no leaves.
SELECT f.seal_no, f.row_id, f.leaf_hash, to_jsonb(t)::text AS document
FROM seal_leaves f
LEFT JOIN terms_acceptance t ON t.merchant_id = f.merchant_id AND t.acceptance_id = f.row_id
WHERE f.merchant_id = :merchant_id::uuid AND f.chain = 'terms'
    AND f.seal_no = ANY (:seal_nos::bigint[])
ORDER BY f.seal_no, f.row_id;

-- name: terms_unsealed_ids
-- The ids of a merchant's rows, from one on, that no seal covers; a page by id. No row: no more.
SELECT t.acceptance_id AS row_id
FROM terms_acceptance t
WHERE t.merchant_id = :merchant_id::uuid AND t.acceptance_id >= :from::uuid
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms' AND f.row_id = t.acceptance_id
        OFFSET 0
    )
ORDER BY t.acceptance_id
LIMIT :rows_max::integer;

-- name: terms_events_due
-- The merchants with a row that no seal covers, among rows as new as the last seal looks back; a
-- page by merchant_id. No row: nothing is to be sealed. One look-up for a merchant without news.
SELECT m.merchant_id
FROM merchants m
WHERE m.merchant_id > :after::uuid AND EXISTS (
    SELECT FROM terms_events t
    WHERE t.merchant_id = m.merchant_id
        AND t.event_id >= greatest(:from::uuid, (
            SELECT s.next_from
            FROM seals s
            WHERE s.merchant_id = m.merchant_id AND s.chain = 'terms_events'
            ORDER BY s.seal_no DESC
            LIMIT 1
        ))
        AND NOT EXISTS (
            SELECT FROM seal_leaves f
            WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms_events'
                AND f.row_id = t.event_id
            -- An offset keeps it a look-up for each row, where all leaves could be read.
            OFFSET 0
        )
    OFFSET 0
)
ORDER BY m.merchant_id
LIMIT :rows_max::integer;

-- name: terms_events_unsealed
-- The oldest rows of a merchant, from an id on, that no seal covers; no row: all are sealed.
SELECT t.event_id AS row_id, to_jsonb(t)::text AS document
FROM terms_events t
WHERE t.merchant_id = :merchant_id::uuid AND t.event_id >= :from::uuid
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms_events'
            AND f.row_id = t.event_id
        OFFSET 0
    )
ORDER BY t.event_id
LIMIT :rows_max::integer;

-- name: terms_events_unsealed_among
-- Those of the given rows of a merchant that no seal covers; no row: all are sealed by now.
SELECT t.event_id AS row_id, to_jsonb(t)::text AS document
FROM terms_events t
WHERE t.merchant_id = :merchant_id::uuid AND t.event_id = ANY (:row_ids::uuid[])
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms_events'
            AND f.row_id = t.event_id
        OFFSET 0
    )
ORDER BY t.event_id;

-- name: terms_events_missed
-- Looks at the next so many rows of a merchant that the quick look does not see any more, sealed or
-- not. Always one row: how many there were, the last id (null: the end was reached before), and the
-- ids that no seal covers (null: none).
WITH looked AS MATERIALIZED (
    SELECT
        t.event_id,
        EXISTS (
            SELECT FROM seal_leaves f
            WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms_events'
                AND f.row_id = t.event_id
            OFFSET 0
        ) AS sealed
    FROM terms_events t
    WHERE t.merchant_id = :merchant_id::uuid AND t.event_id > :after::uuid
        AND t.event_id < (
            SELECT s.next_from
            FROM seals s
            WHERE s.merchant_id = :merchant_id AND s.chain = 'terms_events'
            ORDER BY s.seal_no DESC
            LIMIT 1
        )
    ORDER BY t.event_id
    LIMIT :rows_max::integer
)
SELECT
    count(*)::integer AS looked,
    (SELECT k.event_id FROM looked k ORDER BY k.event_id DESC LIMIT 1) AS last_id,
    array_agg(k.event_id ORDER BY k.event_id) FILTER (WHERE NOT k.sealed) AS missed
FROM looked k;

-- name: terms_events_sealed
-- The rows that some seals of a merchant cover, as they are now; document is null where the row is
-- gone. No row: these seals have no leaves.
SELECT f.seal_no, f.row_id, f.leaf_hash, to_jsonb(t)::text AS document
FROM seal_leaves f
LEFT JOIN terms_events t ON t.merchant_id = f.merchant_id AND t.event_id = f.row_id
WHERE f.merchant_id = :merchant_id::uuid AND f.chain = 'terms_events'
    AND f.seal_no = ANY (:seal_nos::bigint[])
ORDER BY f.seal_no, f.row_id;

-- name: terms_events_unsealed_ids
-- The ids of a merchant's rows, from one on, that no seal covers; a page by id. No row: no more.
SELECT t.event_id AS row_id
FROM terms_events t
WHERE t.merchant_id = :merchant_id::uuid AND t.event_id >= :from::uuid
    AND NOT EXISTS (
        SELECT FROM seal_leaves f
        WHERE f.merchant_id = t.merchant_id AND f.chain = 'terms_events'
            AND f.row_id = t.event_id
        OFFSET 0
    )
ORDER BY t.event_id
LIMIT :rows_max::integer;

-- name: row_proof
-- The seal that covers a row, with the hashes of all rows of that seal and which of them is the
-- row's, counted from 0; no row: it is not sealed yet.
SELECT
    s.merchant_id, s.chain, s.seal_no, s.form, s.previous_hash, s.row_count, s.rows_total, s.root,
    s.next_from, s.sealed_at, s.public_key, s.seal_hash, s.signature,
    (
        SELECT array_agg(f.leaf_hash ORDER BY f.row_id)
        FROM seal_leaves f
        WHERE f.merchant_id = s.merchant_id AND f.chain = s.chain AND f.seal_no = s.seal_no
    ) AS leaves,
    (
        SELECT count(*)::integer
        FROM seal_leaves f
        WHERE f.merchant_id = s.merchant_id AND f.chain = s.chain AND f.seal_no = s.seal_no
            AND f.row_id < :row_id::uuid
    ) AS index
FROM seal_leaves o
JOIN seals s ON s.merchant_id = o.merchant_id AND s.chain = o.chain AND s.seal_no = o.seal_no
WHERE o.merchant_id = :merchant_id::uuid AND o.chain = :chain::text AND o.row_id = :row_id;
