-- name: read_catalogue
-- Everything that a merchant has published, withdrawn or not, one row for each version, or one row
-- of nulls beside the revision when there is none; no row: there is no such merchant.
SELECT
    m.terms_revision, clock_timestamp() AS database_now,
    d.document_id, d.key, d.purpose, d.required, d.title, d.author AS document_author,
    d.created_at AS document_created_at,
    s.buyer_role, s.jurisdiction, s.product, s.channel,
    v.merchant_id, v.scope_id, v.version_id, v.version, v.change, v.requires_reacceptance,
    v.reaccept_after_days, v.effective_from, v.effective_to, v.grace_until, v.grace_days, v.summary,
    v.version_sha256, v.author, v.created_at, v.status, v.published_by, v.published_at,
    v.withdrawn_by, v.withdrawn_at, v.withdrawn_because
FROM merchants m
LEFT JOIN (
    terms_versions v
    JOIN terms_documents d ON d.merchant_id = v.merchant_id AND d.document_id = v.document_id
    JOIN terms_scopes s ON s.merchant_id = v.merchant_id AND s.scope_id = v.scope_id
) ON v.merchant_id = m.merchant_id AND v.status <> 'draft'
WHERE m.merchant_id = :merchant_id::uuid
ORDER BY v.effective_from, v.version_id;
