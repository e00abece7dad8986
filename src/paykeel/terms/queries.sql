-- name: require_terms
-- Sets the version that buyers must have accepted; no row: there is no such merchant.
UPDATE merchants m
SET terms_version = :terms_version::text
WHERE m.merchant_id = :merchant_id::uuid
RETURNING m.merchant_id;

-- name: accept_terms
-- Adds an acceptance; no row: this buyer had accepted this version before.
INSERT INTO terms_acceptance (merchant_id, buyer_id, terms_version)
VALUES (:merchant_id::uuid, :buyer_id::text, :terms_version::text)
ON CONFLICT (merchant_id, buyer_id, terms_version) DO NOTHING
RETURNING merchant_id;
