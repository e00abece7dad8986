-- name: make_pools
-- Makes the table that keys of the past are taken from; no row.
CREATE TABLE bench_pool (kind text NOT NULL, number integer NOT NULL, key bigint NOT NULL,
    PRIMARY KEY (kind, number));

-- name: fill_pool
-- Writes keys, numbered from 0; no row.
INSERT INTO bench_pool (kind, number, key)
SELECT :kind::text, u.number - 1, u.key
FROM unnest(:keys::bigint[]) WITH ORDINALITY AS u (key, number);

-- name: fill_velocity
-- Writes what purchases number :first to :last left under their keys within the last 90 days; one in
-- ten came from one address. No row.
WITH bought AS MATERIALIZED (
    SELECT
        gen_random_uuid() AS payment_id, now() - random() * interval '90 days' AS at,
        floor(random() * :pool::integer)::integer AS buyer,
        floor(random() * :pool::integer)::integer AS card,
        CASE WHEN random() < 0.1 THEN 0 ELSE floor(random() * :pool::integer)::integer END AS ip
    FROM generate_series(:first::bigint, :last::bigint)
),
keyed AS MATERIALIZED (
    SELECT
        b.payment_id, b.at, ARRAY['buyer', 'card', 'ip'] AS kinds,
        ARRAY[
            (SELECT p.key FROM bench_pool p WHERE p.kind = 'buyer' AND p.number = b.buyer),
            (SELECT p.key FROM bench_pool p WHERE p.kind = 'card' AND p.number = b.card),
            (SELECT p.key FROM bench_pool p WHERE p.kind = 'ip' AND p.number = b.ip)
        ] AS keys
    FROM bought b
),
attempted AS (
    INSERT INTO velocity_attempts (merchant_id, payment_id, occurred_at, amount_ref, kinds, keys)
    SELECT :merchant_id::uuid, k.payment_id, k.at, 2500, k.kinds, k.keys FROM keyed k
)
INSERT INTO velocity_entries (merchant_id, key, outcome, occurred_at, payment_id, amount_ref)
SELECT :merchant_id, u.key, o.outcome, k.at, k.payment_id, 2500
FROM keyed k
CROSS JOIN LATERAL unnest(k.keys) AS u (key)
CROSS JOIN (VALUES ('attempted'), ('succeeded')) AS o (outcome);

-- name: fill_profiles
-- Writes the life of each key out of its entries; no row.
INSERT INTO velocity_profiles (
    merchant_id, key, first_at, last_at, attempts, succeeded, declined, sum_ref)
SELECT
    e.merchant_id, e.key, min(e.occurred_at), max(e.occurred_at),
    count(*) FILTER (WHERE e.outcome = 'attempted'),
    count(*) FILTER (WHERE e.outcome = 'succeeded'), 0,
    coalesce(sum(e.amount_ref) FILTER (WHERE e.outcome = 'succeeded'), 0)
FROM velocity_entries e
WHERE e.merchant_id = :merchant_id::uuid
GROUP BY e.merchant_id, e.key
ON CONFLICT (merchant_id, key) DO NOTHING;

-- name: tidy_velocity
-- Refreshes the planner's statistics and the map of what all can see; no row.
VACUUM (ANALYZE) velocity_entries, velocity_attempts, velocity_profiles;
