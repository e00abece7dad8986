-- name: add_imported
-- Stores what was accepted elsewhere; one row for each that was given: `fault` says why one was not
-- taken, and added is false where it was imported before.
WITH given AS MATERIALIZED (
    SELECT
        :merchant_id::uuid AS merchant_id, g.number, g.acceptance_id, g.buyer_id, g.buyer_role,
        g.document, g.version, g.locale, g.accepted_at, g.ref, g.ip, g.ip_salt, g.ip_hash,
        g.user_agent, g.user_agent_salt, g.user_agent_hash, g.jurisdiction, g.product, g.channel
    FROM unnest(
        :numbers::integer[], :acceptance_ids::uuid[], :buyer_ids::text[], :buyer_roles::text[],
        :documents::text[], :versions::text[], :locales::text[], :accepted_ats::timestamptz[],
        :refs::text[], :ips::text[], :ip_salts::bytea[], :ip_hashes::bytea[],
        :user_agents::text[], :user_agent_salts::bytea[], :user_agent_hashes::bytea[],
        :jurisdictions::text[], :products::text[], :channels::text[]
    ) AS g (
        number, acceptance_id, buyer_id, buyer_role,
        document, version, locale, accepted_at,
        ref, ip, ip_salt, ip_hash,
        user_agent, user_agent_salt, user_agent_hash,
        jurisdiction, product, channel
    )
),
found AS MATERIALIZED (
    SELECT
        g.number, d.document_id, o.versions, o.version_id, v.scope_id, v.version_sha256,
        t.content_sha256, e.acceptance_id AS known_id,
        (e.buyer_id, e.version_id, e.occurred_at, e.locale)
            IS NOT DISTINCT FROM (g.buyer_id, o.version_id, g.accepted_at, g.locale) AS is_same
    FROM given g
    LEFT JOIN terms_documents d ON d.merchant_id = g.merchant_id AND d.key = g.document
    -- No scope in the file: any line will do, as long as only one has this version.
    LEFT JOIN LATERAL (
        SELECT count(*) AS versions, (array_agg(n.version_id))[1] AS version_id
        FROM terms_scopes s
        JOIN terms_versions n
            ON n.merchant_id = s.merchant_id AND n.scope_id = s.scope_id
                AND n.version = g.version AND n.status <> 'draft'
        WHERE s.merchant_id = g.merchant_id AND s.document_id = d.document_id
            AND (g.buyer_role = 'unknown' OR s.buyer_role IN ('*', g.buyer_role))
            AND coalesce(g.jurisdiction, s.jurisdiction) = s.jurisdiction
            AND coalesce(g.product, s.product) = s.product
            AND coalesce(g.channel, s.channel) = s.channel
    ) o ON true
    LEFT JOIN terms_versions v
        ON v.merchant_id = g.merchant_id AND v.version_id = o.version_id AND o.versions = 1
    LEFT JOIN terms_texts t
        ON t.merchant_id = v.merchant_id AND t.version_id = v.version_id AND t.locale = g.locale
    -- A limit keeps it a look-up for each line, where all of this source could be read.
    LEFT JOIN LATERAL (
        SELECT x.acceptance_id, x.buyer_id, x.version_id, x.occurred_at, x.locale
        FROM terms_acceptance x
        WHERE x.imported_from = :source::text AND x.imported_ref = g.ref
            AND x.merchant_id = g.merchant_id
        LIMIT 1
    ) e ON true
),
checked AS MATERIALIZED (
    SELECT
        f.number, f.document_id, f.version_id, f.scope_id, f.version_sha256, f.content_sha256,
        f.known_id,
        CASE
            WHEN f.document_id IS NULL THEN 'terms_document_unknown'
            WHEN f.versions = 0 THEN 'terms_version_unknown'
            WHEN f.versions > 1 THEN 'terms_version_ambiguous'
            WHEN f.content_sha256 IS NULL THEN 'terms_text_unknown'
            WHEN g.accepted_at > clock_timestamp() THEN 'instant_in_future'
            WHEN f.known_id IS NOT NULL AND NOT f.is_same THEN 'terms_import_ref_taken'
        END AS fault
    FROM found f
    JOIN given g ON g.number = f.number
),
added AS (
    INSERT INTO terms_acceptance (
        merchant_id, acceptance_id, buyer_id, buyer_role, decision, document_id, scope_id,
        version_id, version_sha256, locale, text_sha256, method, actor_kind, ip_hash,
        user_agent_hash, imported_from, imported_ref, occurred_at, recorded_at)
    SELECT
        g.merchant_id, g.acceptance_id, g.buyer_id, g.buyer_role, 'accept', c.document_id,
        c.scope_id, c.version_id, c.version_sha256, g.locale, c.content_sha256, 'import', 'human',
        g.ip_hash, g.user_agent_hash, :source, g.ref, g.accepted_at, clock_timestamp()
    FROM checked c
    JOIN given g ON g.number = c.number
    WHERE c.fault IS NULL AND c.known_id IS NULL
    ORDER BY g.ref
    ON CONFLICT (imported_from, imported_ref, merchant_id) WHERE imported_ref IS NOT NULL
        DO NOTHING
    RETURNING acceptance_id
),
kept AS (
    INSERT INTO terms_personal (
        merchant_id, acceptance_id, ip, ip_salt, user_agent, user_agent_salt)
    SELECT g.merchant_id, g.acceptance_id, g.ip, g.ip_salt, g.user_agent, g.user_agent_salt
    FROM added a
    JOIN given g ON g.acceptance_id = a.acceptance_id
    WHERE coalesce(g.ip, g.user_agent) IS NOT NULL
)
SELECT
    c.number, c.fault,
    (g.acceptance_id IN (SELECT a.acceptance_id FROM added a)) IS TRUE AS added
FROM checked c
JOIN given g ON g.number = c.number
ORDER BY c.number;
