-- name: require_terms
-- Sets the version that buyers must have accepted; no row: there is no such merchant.
UPDATE merchants m
SET terms_version = :terms_version::text
WHERE m.merchant_id = :merchant_id::uuid
RETURNING m.merchant_id;

-- name: accept_terms
-- Adds an acceptance. Always one row: whether there is such a merchant, and whether it is new.
WITH added AS (
    INSERT INTO terms_acceptance (merchant_id, buyer_id, terms_version)
    SELECT m.merchant_id, :buyer_id::text, :terms_version::text
    FROM merchants m
    WHERE m.merchant_id = :merchant_id::uuid
    ON CONFLICT (merchant_id, buyer_id, terms_version) DO NOTHING
    RETURNING merchant_id
)
SELECT
    EXISTS (SELECT FROM merchants m WHERE m.merchant_id = :merchant_id::uuid) AS merchant_found,
    EXISTS (SELECT FROM added) AS is_new;
