-- name: lock_merchant
-- Lets one person at a time change what a merchant publishes, and no purchase wait for it; no row:
-- there is no such merchant.
SELECT m.merchant_id
FROM merchants m
WHERE m.merchant_id = :merchant_id::uuid
FOR NO KEY UPDATE;

-- name: add_document
-- Adds a document, unless there are too many; no row: the key is taken, or there are too many.
INSERT INTO terms_documents (
    merchant_id, document_id, key, purpose, required, title, author, created_at)
SELECT
    :merchant_id::uuid, :document_id::uuid, :key::text, :purpose::text, :required::boolean,
    :title::text, :author::text, clock_timestamp()
WHERE (
    SELECT count(*) FROM terms_documents d WHERE d.merchant_id = :merchant_id
) < :documents_max::integer
ON CONFLICT ON CONSTRAINT terms_documents_have_keys DO NOTHING
RETURNING merchant_id, document_id, key, purpose, required, title, author, created_at;

-- name: list_documents
-- A merchant's documents by their keys; no row: it has none.
SELECT
    d.merchant_id, d.document_id, d.key, d.purpose, d.required, d.title, d.author, d.created_at
FROM terms_documents d
WHERE d.merchant_id = :merchant_id::uuid
ORDER BY d.key
LIMIT :rows_max::integer;

-- name: find_document
-- The document with this key; no row: this merchant has none such.
SELECT
    d.merchant_id, d.document_id, d.key, d.purpose, d.required, d.title, d.author, d.created_at
FROM terms_documents d
WHERE d.merchant_id = :merchant_id::uuid AND d.key = :key::text;

-- name: get_document
-- The document with this id; no row: this merchant has none such.
SELECT
    d.merchant_id, d.document_id, d.key, d.purpose, d.required, d.title, d.author, d.created_at
FROM terms_documents d
WHERE d.merchant_id = :merchant_id::uuid AND d.document_id = :document_id::uuid;

-- name: find_scope
-- The line of a document for this scope; no row: the document has none yet.
SELECT s.scope_id
FROM terms_scopes s
WHERE
    s.merchant_id = :merchant_id::uuid AND s.document_id = :document_id::uuid
    AND s.buyer_role = :buyer_role::text AND s.jurisdiction = :jurisdiction::text
    AND s.product = :product::text AND s.channel = :channel::text;

-- name: add_scope
-- Adds a line to a document; no row: it has too many. Whoever runs it holds the merchant's lock,
-- taken in an earlier statement.
INSERT INTO terms_scopes (
    merchant_id, scope_id, document_id, buyer_role, jurisdiction, product, channel, created_at)
SELECT
    :merchant_id::uuid, :scope_id::uuid, :document_id::uuid, :buyer_role::text,
    :jurisdiction::text, :product::text, :channel::text, clock_timestamp()
WHERE (
    SELECT count(*) FROM terms_scopes s
    WHERE s.merchant_id = :merchant_id AND s.document_id = :document_id
) < :lines_max::integer
RETURNING scope_id;

-- name: line_so_far
-- How far a line has come: its newest published number, withdrawn or not, when the last one that
-- is not withdrawn begins, and what time it is. Always one row.
SELECT
    clock_timestamp() AS now,
    (
        SELECT v.version FROM terms_versions v
        WHERE v.merchant_id = :merchant_id::uuid AND v.scope_id = :scope_id::uuid
            AND v.status <> 'draft'
        ORDER BY string_to_array(v.version, '.')::integer[] DESC
        LIMIT 1
    ) AS newest,
    (
        SELECT max(v.effective_from) FROM terms_versions v
        WHERE v.merchant_id = :merchant_id AND v.scope_id = :scope_id AND v.status = 'published'
    ) AS latest_from;

-- name: save_draft
-- Adds a draft, or writes the one anew that has its number; no row: that one is no draft any more.
INSERT INTO terms_versions (
    merchant_id, version_id, document_id, scope_id, version, change, requires_reacceptance,
    reaccept_after_days, effective_from, effective_to, grace_until, grace_days, summary, status,
    author, created_at)
VALUES (
    :merchant_id::uuid, :version_id::uuid, :document_id::uuid, :scope_id::uuid, :version::text,
    :change::text, :requires_reacceptance::boolean, :reaccept_after_days::integer,
    :effective_from::timestamptz, :effective_to::timestamptz, :grace_until::timestamptz,
    :grace_days::integer, :summary::text, 'draft', :author::text, clock_timestamp())
ON CONFLICT ON CONSTRAINT terms_versions_are_one_each DO UPDATE
SET
    change = excluded.change, requires_reacceptance = excluded.requires_reacceptance,
    reaccept_after_days = excluded.reaccept_after_days, effective_from = excluded.effective_from,
    effective_to = excluded.effective_to, grace_until = excluded.grace_until,
    grace_days = excluded.grace_days, summary = excluded.summary, author = excluded.author
WHERE terms_versions.status = 'draft'
RETURNING version_id;

-- name: remove_texts
-- Takes all texts off a draft; no row: it had none.
DELETE FROM terms_texts t
WHERE t.merchant_id = :merchant_id::uuid AND t.version_id = :version_id::uuid
RETURNING t.locale;

-- name: add_texts
-- Adds the texts of a draft; one row for each.
INSERT INTO terms_texts (
    merchant_id, version_id, locale, content, content_sha256, html, html_sha256, is_authoritative,
    created_at)
SELECT
    :merchant_id::uuid, :version_id::uuid, g.locale, g.content, g.content_sha256, g.html,
    g.html_sha256, g.is_authoritative, clock_timestamp()
FROM unnest(
    :locales::text[], :contents::text[], :content_sha256s::bytea[], :htmls::text[],
    :html_sha256s::bytea[], :authorities::boolean[]
) AS g (locale, content, content_sha256, html, html_sha256, is_authoritative)
RETURNING locale;

-- name: get_version
-- One version with its scope; no row: this merchant has none such.
SELECT
    v.merchant_id, v.version_id, v.document_id, v.scope_id, s.buyer_role, s.jurisdiction,
    s.product, s.channel, v.version, v.change, v.requires_reacceptance, v.reaccept_after_days,
    v.effective_from, v.effective_to, v.grace_until, v.grace_days, v.summary, v.status,
    v.version_sha256, v.author, v.created_at, v.published_by, v.published_at, v.withdrawn_by,
    v.withdrawn_at, v.withdrawn_because
FROM terms_versions v
JOIN terms_scopes s ON s.merchant_id = v.merchant_id AND s.scope_id = v.scope_id
WHERE v.merchant_id = :merchant_id::uuid AND v.version_id = :version_id::uuid;

-- name: list_versions
-- A page of the versions of a document in all scopes, newest first; no row: there are no more.
SELECT
    v.merchant_id, v.version_id, v.document_id, v.scope_id, s.buyer_role, s.jurisdiction,
    s.product, s.channel, v.version, v.change, v.requires_reacceptance, v.reaccept_after_days,
    v.effective_from, v.effective_to, v.grace_until, v.grace_days, v.summary, v.status,
    v.version_sha256, v.author, v.created_at, v.published_by, v.published_at, v.withdrawn_by,
    v.withdrawn_at, v.withdrawn_because
FROM terms_scopes s
JOIN terms_versions v ON v.merchant_id = s.merchant_id AND v.scope_id = s.scope_id
WHERE
    s.merchant_id = :merchant_id::uuid AND s.document_id = :document_id::uuid
    AND (:before::uuid IS NULL OR v.version_id < :before)
ORDER BY v.version_id DESC
LIMIT :rows_max::integer;

-- name: list_texts
-- The texts of a version by locale; no row: it has none.
SELECT t.locale, t.content, t.content_sha256, t.html, t.html_sha256, t.is_authoritative
FROM terms_texts t
WHERE t.merchant_id = :merchant_id::uuid AND t.version_id = :version_id::uuid
ORDER BY t.locale;

-- name: list_rivals
-- Of each other line of a document one version that is in force at some time of a period; no row:
-- there is none.
SELECT DISTINCT ON (s.scope_id)
    s.buyer_role, s.jurisdiction, s.product, s.channel, v.version_id, v.version
FROM terms_scopes s
JOIN terms_versions v ON v.merchant_id = s.merchant_id AND v.scope_id = s.scope_id
WHERE
    s.merchant_id = :merchant_id::uuid AND s.document_id = :document_id::uuid
    AND s.scope_id <> :scope_id::uuid
    AND v.status = 'published'
    AND v.effective_from < coalesce(:effective_to::timestamptz, 'infinity')
    AND coalesce(v.effective_to, 'infinity') > :effective_from::timestamptz
ORDER BY s.scope_id, v.effective_from DESC;

-- name: publish_version
-- Publishes a draft, tells it as an event, and counts it with the merchant, so that every process
-- reads it before the next purchase; no row: it is no draft.
WITH published AS (
    UPDATE terms_versions v
    SET
        status = 'published', effective_from = :effective_from::timestamptz,
        grace_until = :grace_until::timestamptz, grace_days = NULL,
        version_sha256 = :version_sha256::bytea, published_by = :published_by::text,
        published_at = :published_at::timestamptz
    WHERE
        v.merchant_id = :merchant_id::uuid AND v.version_id = :version_id::uuid
        AND v.status = 'draft'
    RETURNING
        v.merchant_id, v.version_id, v.version_sha256, v.published_by, v.published_at
),
told AS (
    INSERT INTO terms_events (
        merchant_id, event_id, kind, version_id, version_sha256, author, occurred_at)
    SELECT
        p.merchant_id, :event_id::uuid, 'published', p.version_id, p.version_sha256,
        p.published_by, p.published_at
    FROM published p
)
UPDATE merchants m
SET terms_revision = m.terms_revision + 1
FROM published p
WHERE m.merchant_id = p.merchant_id
RETURNING p.version_id;

-- name: withdraw_version
-- Takes a version out of force, tells it as an event, and counts that with the merchant; no row: it
-- is not published.
WITH withdrawn AS (
    UPDATE terms_versions v
    SET
        status = 'withdrawn', withdrawn_by = :author::text, withdrawn_at = clock_timestamp(),
        withdrawn_because = :because::text
    WHERE
        v.merchant_id = :merchant_id::uuid AND v.version_id = :version_id::uuid
        AND v.status = 'published'
    RETURNING
        v.merchant_id, v.version_id, v.withdrawn_by, v.withdrawn_at, v.withdrawn_because
),
told AS (
    INSERT INTO terms_events (
        merchant_id, event_id, kind, version_id, author, because, occurred_at)
    SELECT
        w.merchant_id, :event_id::uuid, 'withdrawn', w.version_id, w.withdrawn_by,
        w.withdrawn_because, w.withdrawn_at
    FROM withdrawn w
)
UPDATE merchants m
SET terms_revision = m.terms_revision + 1
FROM withdrawn w
WHERE m.merchant_id = w.merchant_id
RETURNING w.version_id;

-- name: find_public_text
-- The published text with this hash, of any merchant (its merchant_id is not told): of the version
-- that is named, or of the first that was published, with whether other versions have the same
-- bytes, and in which language that is to all of them; no row: there is none such.
SELECT
    d.key, d.title, d.purpose, v.version_id, v.version, s.buyer_role, s.jurisdiction, s.product,
    s.channel, v.status, v.effective_from, v.effective_to, v.published_at, v.withdrawn_at, t.locale,
    t.is_authoritative, t.content, t.content_sha256, t.html, t.html_sha256, v.version_sha256,
    ARRAY(
        SELECT o.locale FROM terms_texts o
        WHERE o.merchant_id = t.merchant_id AND o.version_id = t.version_id
            AND o.locale <> t.locale
        ORDER BY o.locale
    ) AS other_locales,
    ARRAY(
        SELECT o.content_sha256 FROM terms_texts o
        WHERE o.merchant_id = t.merchant_id AND o.version_id = t.version_id
            AND o.locale <> t.locale
        ORDER BY o.locale
    ) AS other_sha256s,
    EXISTS (
        SELECT FROM terms_texts o
        JOIN terms_versions w ON w.merchant_id = o.merchant_id AND w.version_id = o.version_id
        WHERE o.content_sha256 = t.content_sha256 AND o.version_id <> t.version_id
            AND w.status <> 'draft'
    ) AS is_shared,
    CASE
        WHEN EXISTS (
            SELECT FROM terms_texts o
            JOIN terms_versions w ON w.merchant_id = o.merchant_id AND w.version_id = o.version_id
            WHERE o.content_sha256 = t.content_sha256 AND o.locale <> t.locale
                AND w.status <> 'draft'
        ) THEN 'und'
        ELSE t.locale
    END AS shared_locale
FROM (
    SELECT f.merchant_id, f.version_id, f.locale
    FROM terms_texts f
    JOIN terms_versions w ON w.merchant_id = f.merchant_id AND w.version_id = f.version_id
    WHERE f.content_sha256 = :content_sha256::bytea AND w.status <> 'draft'
        AND (:version_id::uuid IS NULL OR w.version_id = :version_id)
    ORDER BY w.published_at, w.version_id, f.is_authoritative DESC, f.locale
    LIMIT 1
) AS first
JOIN terms_texts t
    ON t.merchant_id = first.merchant_id AND t.version_id = first.version_id
    AND t.locale = first.locale
JOIN terms_versions v ON v.merchant_id = t.merchant_id AND v.version_id = t.version_id
JOIN terms_scopes s ON s.merchant_id = v.merchant_id AND s.scope_id = v.scope_id
JOIN terms_documents d ON d.merchant_id = v.merchant_id AND d.document_id = v.document_id;

-- name: text_before
-- The published text of a line and a locale with the next lower number; no row: there is none.
SELECT v.version, t.content
FROM terms_versions v
JOIN terms_texts t ON t.merchant_id = v.merchant_id AND t.version_id = v.version_id
WHERE
    v.merchant_id = :merchant_id::uuid AND v.scope_id = :scope_id::uuid
    AND v.status = 'published'
    AND string_to_array(v.version, '.')::integer[]
        < string_to_array(:version::text, '.')::integer[]
    AND t.locale = :locale::text
ORDER BY string_to_array(v.version, '.')::integer[] DESC
LIMIT 1;
