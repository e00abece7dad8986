-- Statements about refund policies: what was published is kept for good, and no row is ever edited
-- but to withdraw it.

-- name: lock_merchant
-- Lets one person at a time change what a merchant publishes, and no purchase wait for it; no row:
-- there is no such merchant.
SELECT m.merchant_id
FROM merchants m
WHERE m.merchant_id = :merchant_id::uuid
FOR NO KEY UPDATE;

-- name: read_policies
-- Every version that a merchant has published and not withdrawn, without what it says, in the order
-- of keys and versions, or one row of nulls beside the revision when there is none; no row: there
-- is no such merchant.
SELECT
    m.terms_revision, clock_timestamp() AS database_now,
    p.merchant_id, p.policy_key, p.policy_version, p.sha256, p.buyer_role, p.product,
    p.jurisdiction, p.channel, p.payment_method, p.effective_from, p.status, p.author, p.created_at,
    p.withdrawn_at, p.withdrawn_by, p.withdrawn_because
FROM merchants m
LEFT JOIN refund_policies p ON p.merchant_id = m.merchant_id AND p.status = 'published'
WHERE m.merchant_id = :merchant_id::uuid
ORDER BY p.policy_key, p.policy_version;

-- name: versions_so_far
-- How many versions a merchant has in all, and the number of the last one of a key, withdrawn or
-- not; always one row.
SELECT
    (
        SELECT count(*) FROM refund_policies p WHERE p.merchant_id = :merchant_id::uuid
    ) AS versions,
    coalesce((
        SELECT max(p.policy_version) FROM refund_policies p
        WHERE p.merchant_id = :merchant_id AND p.policy_key = :policy_key::text
    ), 0) AS last;

-- name: publish_policy
-- Stores a version, and counts it with the merchant, so that every process reads it before the next
-- purchase; always one row.
WITH published AS (
    INSERT INTO refund_policies AS p (
        merchant_id, policy_key, policy_version, document, sha256, buyer_role, product,
        jurisdiction, channel, payment_method, effective_from, status, author, created_at)
    VALUES (
        :merchant_id::uuid, :policy_key::text, :policy_version::integer, :document::text::jsonb,
        :sha256::bytea, :buyer_role::text, :product::text, :jurisdiction::text, :channel::text,
        :payment_method::text, :effective_from::timestamptz, 'published', :author::text,
        clock_timestamp())
    RETURNING
        p.merchant_id, p.policy_key, p.policy_version, p.sha256, p.buyer_role, p.product,
        p.jurisdiction, p.channel, p.payment_method, p.effective_from, p.status, p.author,
        p.created_at, p.withdrawn_at, p.withdrawn_by, p.withdrawn_because
)
UPDATE merchants m
SET terms_revision = m.terms_revision + 1
FROM published p
WHERE m.merchant_id = p.merchant_id
RETURNING
    p.merchant_id, p.policy_key, p.policy_version, p.sha256, p.buyer_role, p.product,
    p.jurisdiction, p.channel, p.payment_method, p.effective_from, p.status, p.author,
    p.created_at, p.withdrawn_at, p.withdrawn_by, p.withdrawn_because;

-- name: withdraw_policy
-- Takes a version out of force, and counts that with the merchant; no row: it is not published.
WITH withdrawn AS (
    UPDATE refund_policies p
    SET
        status = 'withdrawn', withdrawn_at = clock_timestamp(), withdrawn_by = :author::text,
        withdrawn_because = :because::text
    WHERE
        p.merchant_id = :merchant_id::uuid AND p.policy_key = :policy_key::text
        AND p.policy_version = :policy_version::integer AND p.status = 'published'
    RETURNING
        p.merchant_id, p.policy_key, p.policy_version, p.sha256, p.buyer_role, p.product,
        p.jurisdiction, p.channel, p.payment_method, p.effective_from, p.status, p.author,
        p.created_at, p.withdrawn_at, p.withdrawn_by, p.withdrawn_because
)
UPDATE merchants m
SET terms_revision = m.terms_revision + 1
FROM withdrawn p
WHERE m.merchant_id = p.merchant_id
RETURNING
    p.merchant_id, p.policy_key, p.policy_version, p.sha256, p.buyer_role, p.product,
    p.jurisdiction, p.channel, p.payment_method, p.effective_from, p.status, p.author,
    p.created_at, p.withdrawn_at, p.withdrawn_by, p.withdrawn_because;

-- name: list_policies
-- A page of versions by key, newest first, without what they say; no row: there are no more.
SELECT
    p.merchant_id, p.policy_key, p.policy_version, p.sha256, p.buyer_role, p.product,
    p.jurisdiction, p.channel, p.payment_method, p.effective_from, p.status, p.author, p.created_at,
    p.withdrawn_at, p.withdrawn_by, p.withdrawn_because
FROM refund_policies p
WHERE
    p.merchant_id = :merchant_id::uuid
    AND (:policy_key::text IS NULL OR p.policy_key = :policy_key)
    AND (
        :after_key::text IS NULL OR p.policy_key > :after_key
        OR (p.policy_key = :after_key AND p.policy_version < :after_version::integer))
ORDER BY p.policy_key, p.policy_version DESC
LIMIT :rows_max::integer;

-- name: get_policy
-- One version whole, the newest when no number is given; no row: this merchant has none such.
SELECT
    p.merchant_id, p.policy_key, p.policy_version, p.sha256, p.buyer_role, p.product,
    p.jurisdiction, p.channel, p.payment_method, p.effective_from, p.status, p.author, p.created_at,
    p.withdrawn_at, p.withdrawn_by, p.withdrawn_because, p.document
FROM refund_policies p
WHERE
    p.merchant_id = :merchant_id::uuid AND p.policy_key = :policy_key::text
    AND (:policy_version::integer IS NULL OR p.policy_version = :policy_version)
ORDER BY p.policy_version DESC
LIMIT 1;

-- name: policy_by_hash
-- The first version with this hash, whole; no row: this merchant has none such.
SELECT
    p.merchant_id, p.policy_key, p.policy_version, p.sha256, p.buyer_role, p.product,
    p.jurisdiction, p.channel, p.payment_method, p.effective_from, p.status, p.author, p.created_at,
    p.withdrawn_at, p.withdrawn_by, p.withdrawn_because, p.document
FROM refund_policies p
WHERE p.sha256 = :sha256::bytea AND p.merchant_id = :merchant_id::uuid
ORDER BY p.policy_version
LIMIT 1;
