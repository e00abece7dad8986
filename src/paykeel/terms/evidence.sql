-- Statements that read what an acceptance rests on, to prove it and to verify all of them. What is
-- missing is a row of nulls beside what names it; no row is left out for it.

-- name: find_evidence
-- One acceptance as the JSON that is sealed, with what was shown and the personal data beside it,
-- and what time it is; no row: this merchant has none such.
WITH asked AS MATERIALIZED (
    SELECT :merchant_id::uuid AS merchant_id, :acceptance_id::uuid AS acceptance_id
)
SELECT
    a.acceptance_id, to_jsonb(a)::text AS acceptance, to_jsonb(p)::text AS presentation,
    x.acceptance_id IS NOT NULL AS has_personal, x.ip, x.ip_salt, x.user_agent, x.user_agent_salt,
    x.erased_at, x.erased_by, clock_timestamp() AS now
FROM asked k
JOIN terms_acceptance a ON a.merchant_id = k.merchant_id AND a.acceptance_id = k.acceptance_id
LEFT JOIN terms_presentations p
    ON p.merchant_id = a.merchant_id AND p.presentation_id = a.presentation_id
LEFT JOIN terms_personal x
    ON x.merchant_id = a.merchant_id AND x.acceptance_id = a.acceptance_id;

-- name: evidence_page
-- A page of a merchant's acceptances by id, as find_evidence gives one; no row: there are no more.
WITH page AS MATERIALIZED (
    SELECT t.merchant_id, t.acceptance_id, t.presentation_id, to_jsonb(t)::text AS acceptance
    FROM terms_acceptance t
    WHERE t.merchant_id = :merchant_id::uuid AND t.acceptance_id > :after::uuid
    ORDER BY t.acceptance_id
    LIMIT :rows_max::integer
)
SELECT
    a.acceptance_id, a.acceptance, to_jsonb(p)::text AS presentation,
    x.acceptance_id IS NOT NULL AS has_personal, x.ip, x.ip_salt, x.user_agent, x.user_agent_salt,
    x.erased_at, x.erased_by
FROM page a
LEFT JOIN terms_presentations p
    ON p.merchant_id = a.merchant_id AND p.presentation_id = a.presentation_id
LEFT JOIN terms_personal x
    ON x.merchant_id = a.merchant_id AND x.acceptance_id = a.acceptance_id
ORDER BY a.acceptance_id;

-- name: personal_page
-- A page of the acceptances' ids under which personal data stand, and whether there is such an
-- acceptance; no row: there are no more.
SELECT
    x.acceptance_id,
    EXISTS (
        SELECT FROM terms_acceptance a
        WHERE a.merchant_id = x.merchant_id AND a.acceptance_id = x.acceptance_id
        OFFSET 0
    ) AS has_acceptance
FROM terms_personal x
WHERE x.merchant_id = :merchant_id::uuid AND x.acceptance_id > :after::uuid
ORDER BY x.acceptance_id
LIMIT :rows_max::integer;

-- name: published_versions
-- A page of the ids of a merchant's versions that are no drafts; no row: there are no more.
SELECT v.version_id
FROM terms_versions v
WHERE v.merchant_id = :merchant_id::uuid AND v.version_id > :after::uuid AND v.status <> 'draft'
ORDER BY v.version_id
LIMIT :rows_max::integer;

-- name: find_version_evidence
-- All that is published of a version; the document's and the scope's columns are null where these
-- are gone. No row: there is none such, or it is a draft.
SELECT
    v.merchant_id, v.version_id, v.document_id, v.scope_id, v.version, v.change,
    v.requires_reacceptance, v.reaccept_after_days, v.effective_from, v.effective_to,
    v.grace_until, v.grace_days, v.summary, v.status, v.version_sha256, v.author, v.created_at,
    v.published_by, v.published_at, v.withdrawn_by, v.withdrawn_at, v.withdrawn_because,
    d.key, d.purpose, d.required, d.title, d.author AS document_author,
    d.created_at AS document_created_at,
    s.document_id AS scope_document_id,
    coalesce(s.buyer_role, '*') AS buyer_role, coalesce(s.jurisdiction, '*') AS jurisdiction,
    coalesce(s.product, '*') AS product, coalesce(s.channel, '*') AS channel
FROM terms_versions v
LEFT JOIN terms_documents d ON d.merchant_id = v.merchant_id AND d.document_id = v.document_id
LEFT JOIN terms_scopes s ON s.merchant_id = v.merchant_id AND s.scope_id = v.scope_id
WHERE v.merchant_id = :merchant_id::uuid AND v.version_id = :version_id::uuid
    AND v.status <> 'draft';

-- name: version_texts
-- Every text of a version by locale; no row: it has none.
SELECT t.locale, t.content, t.content_sha256, t.html, t.html_sha256, t.is_authoritative
FROM terms_texts t
WHERE t.merchant_id = :merchant_id::uuid AND t.version_id = :version_id::uuid
ORDER BY t.locale;

-- name: version_events
-- A page of a merchant's versions, drafts too, with how many events tell that each was published
-- and withdrawn, and how many of these tell what the version says; no row: there are no more.
SELECT
    v.version_id, v.status,
    num_nonnulls(v.withdrawn_by, v.withdrawn_at, v.withdrawn_because) AS withdrawn_parts,
    e.published, e.published_alike, e.withdrawn, e.withdrawn_alike
FROM terms_versions v
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE t.kind = 'published') AS published,
        count(*) FILTER (
            WHERE t.kind = 'published' AND t.author = v.published_by
                AND t.occurred_at = v.published_at AND t.version_sha256 = v.version_sha256
        ) AS published_alike,
        count(*) FILTER (WHERE t.kind = 'withdrawn') AS withdrawn,
        count(*) FILTER (
            WHERE t.kind = 'withdrawn' AND t.author = v.withdrawn_by
                AND t.occurred_at = v.withdrawn_at AND t.because = v.withdrawn_because
        ) AS withdrawn_alike
    FROM terms_events t
    WHERE t.version_id = v.version_id AND t.merchant_id = v.merchant_id
) AS e
WHERE v.merchant_id = :merchant_id::uuid AND v.version_id > :after::uuid
ORDER BY v.version_id
LIMIT :rows_max::integer;

-- name: erasure_events
-- A page of the acceptances' ids under which personal data stand, with what they say of an erasure,
-- and how many events tell one, and how many of these the same; no row: there are no more.
SELECT
    x.acceptance_id, num_nonnulls(x.erased_by, x.erased_at) AS erased_parts,
    e.erased, e.erased_alike
FROM terms_personal x
CROSS JOIN LATERAL (
    SELECT
        count(*) AS erased,
        count(*) FILTER (
            WHERE t.kind = 'erased' AND t.author = x.erased_by AND t.occurred_at = x.erased_at
        ) AS erased_alike
    FROM terms_events t
    WHERE t.acceptance_id = x.acceptance_id AND t.merchant_id = x.merchant_id
) AS e
WHERE x.merchant_id = :merchant_id::uuid AND x.acceptance_id > :after::uuid
ORDER BY x.acceptance_id
LIMIT :rows_max::integer;

-- name: event_page
-- A page of a merchant's events, and whether what each of them is about is there; no row: there are
-- no more.
SELECT
    t.event_id, t.kind,
    CASE t.kind
        WHEN 'erased' THEN EXISTS (
            SELECT FROM terms_personal x
            WHERE x.merchant_id = t.merchant_id AND x.acceptance_id = t.acceptance_id
            OFFSET 0
        )
        ELSE EXISTS (
            SELECT FROM terms_versions v
            WHERE v.merchant_id = t.merchant_id AND v.version_id = t.version_id
            OFFSET 0
        )
    END AS is_founded
FROM terms_events t
WHERE t.merchant_id = :merchant_id::uuid AND t.event_id > :after::uuid
ORDER BY t.event_id
LIMIT :rows_max::integer;
