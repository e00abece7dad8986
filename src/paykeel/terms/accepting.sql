-- name: find_presentation
-- What was shown with a nonce, which of it is not in force any more, of which lines the subject has
-- since taken back what it accepted, and what was said to it; no row: this merchant has no such
-- nonce.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now)
SELECT
    p.presentation_id, p.buyer_id, p.version_ids, to_jsonb(p)::text AS document,
    p.expires_at <= c.now AS expired,
    ARRAY(
        SELECT s.version_id
        FROM unnest(p.version_ids) AS s (version_id)
        WHERE NOT EXISTS (
            SELECT FROM terms_versions v
            WHERE v.merchant_id = p.merchant_id AND v.version_id = s.version_id
                AND v.status = 'published' AND v.effective_from <= c.now
                AND (v.effective_to <= c.now) IS NOT TRUE
                AND NOT EXISTS (
                    SELECT FROM terms_versions n
                    WHERE n.merchant_id = v.merchant_id AND n.scope_id = v.scope_id
                        AND n.status = 'published' AND n.effective_from <= c.now
                        AND (n.effective_from, n.version_id) > (v.effective_from, v.version_id)
                    OFFSET 0
                )
            OFFSET 0
        )
    ) AS stale_ids,
    ARRAY(
        SELECT s.version_id
        FROM unnest(p.version_ids) AS s (version_id)
        JOIN terms_versions v ON v.merchant_id = p.merchant_id AND v.version_id = s.version_id
        WHERE EXISTS (
            SELECT FROM terms_acceptance t
            WHERE t.merchant_id = p.merchant_id AND t.buyer_id = p.buyer_id
                AND t.scope_id = v.scope_id AND t.decision <> 'decline'
                AND t.decision = 'withdraw'
                AND t.occurred_at > p.shown_at AND t.recorded_at > p.shown_at
            OFFSET 0
        )
    ) AS taken_back_ids,
    a.acceptance_ids, a.answered_ids, a.decisions
FROM terms_presentations p
CROSS JOIN clock c
CROSS JOIN LATERAL (
    SELECT
        array_agg(t.acceptance_id ORDER BY t.version_id) AS acceptance_ids,
        array_agg(t.version_id ORDER BY t.version_id) AS answered_ids,
        array_agg(t.decision ORDER BY t.version_id) AS decisions
    FROM terms_acceptance t
    WHERE t.merchant_id = p.merchant_id AND t.presentation_id = p.presentation_id
) a
WHERE p.merchant_id = :merchant_id::uuid AND p.nonce_sha256 = :nonce_sha256::bytea;

-- name: add_decisions
-- Stores what a subject says to versions that it was shown, in the order of their ids, so that two
-- who say it at once wait for each other and no more. Fewer rows than versions: some were answered
-- by another. No row: all were, or one is not in force any more, or was taken back since it was
-- shown, or the time to answer is over.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
wanted AS MATERIALIZED (
    SELECT
        p.presentation_id, p.buyer_id, p.buyer_role, s.version_id, s.locale, s.text_sha256,
        g.acceptance_id, g.ip_salt, g.ip_hash, g.user_agent_salt, g.user_agent_hash,
        v.document_id, v.scope_id, v.version_sha256, c.now,
        v.status = 'published' AND v.effective_from <= c.now
            AND (v.effective_to <= c.now) IS NOT TRUE
            AND NOT EXISTS (
                SELECT FROM terms_versions n
                WHERE n.merchant_id = v.merchant_id AND n.scope_id = v.scope_id
                    AND n.status = 'published' AND n.effective_from <= c.now
                    AND (n.effective_from, n.version_id) > (v.effective_from, v.version_id)
                OFFSET 0
            ) AS in_force,
        -- What was shown before is not what brings back what the subject has taken back.
        EXISTS (
            SELECT FROM terms_acceptance t
            WHERE t.merchant_id = p.merchant_id AND t.buyer_id = p.buyer_id
                AND t.scope_id = v.scope_id AND t.decision <> 'decline'
                AND t.decision = 'withdraw'
                AND t.occurred_at > p.shown_at AND t.recorded_at > p.shown_at
            OFFSET 0
        ) AS taken_back,
        -- A clock that was set back must not put this before what the subject said last.
        greatest(c.now, (
            SELECT t.occurred_at + interval '1 microsecond'
            FROM terms_acceptance t
            WHERE t.merchant_id = p.merchant_id AND t.buyer_id = p.buyer_id
                AND t.scope_id = v.scope_id AND t.decision <> 'decline'
            ORDER BY t.occurred_at DESC, t.acceptance_id DESC
            LIMIT 1
        )) AS occurred_at
    FROM clock c
    JOIN terms_presentations p
        ON p.merchant_id = :merchant_id::uuid AND p.presentation_id = :presentation_id::uuid
    CROSS JOIN LATERAL unnest(p.version_ids, p.locales, p.text_sha256s)
        AS s (version_id, locale, text_sha256)
    JOIN unnest(
        :version_ids::uuid[], :acceptance_ids::uuid[], :ip_salts::bytea[], :ip_hashes::bytea[],
        :user_agent_salts::bytea[], :user_agent_hashes::bytea[]
    ) AS g (version_id, acceptance_id, ip_salt, ip_hash, user_agent_salt, user_agent_hash)
        ON g.version_id = s.version_id
    JOIN terms_versions v ON v.merchant_id = p.merchant_id AND v.version_id = s.version_id
    WHERE p.expires_at > c.now
),
added AS (
    INSERT INTO terms_acceptance (
        merchant_id, acceptance_id, buyer_id, buyer_role, decision, document_id, scope_id,
        version_id, version_sha256, locale, text_sha256, presentation_id, presentation_sha256,
        method, actor_kind, actor_id, on_behalf_of, authority, scrolled_to_end, dwell_ms,
        client_locale, time_zone, client_at, page_url, request_id, payment_id, ip_hash,
        user_agent_hash, occurred_at, recorded_at)
    SELECT
        :merchant_id, w.acceptance_id, w.buyer_id, w.buyer_role, :decision::text, w.document_id,
        w.scope_id, w.version_id, w.version_sha256, w.locale, w.text_sha256, w.presentation_id,
        :presentation_sha256::bytea, :method::text, :actor_kind::text, :actor_id::text,
        :on_behalf_of::text, :authority::text, :scrolled_to_end::boolean, :dwell_ms::bigint,
        :client_locale::text, :time_zone::text, :client_at::timestamptz, :page_url::text,
        :request_id::text, :payment_id::uuid, w.ip_hash, w.user_agent_hash, w.occurred_at, w.now
    FROM wanted w
    WHERE :decision = 'decline' OR NOT EXISTS (
        SELECT FROM wanted o WHERE o.taken_back OR NOT o.in_force
    )
    ORDER BY w.version_id
    ON CONFLICT (presentation_id, version_id, merchant_id) WHERE presentation_id IS NOT NULL
        DO NOTHING
    RETURNING acceptance_id
),
kept AS (
    INSERT INTO terms_personal (
        merchant_id, acceptance_id, ip, ip_salt, user_agent, user_agent_salt)
    SELECT
        :merchant_id, w.acceptance_id, :ip::text, w.ip_salt, :user_agent::text, w.user_agent_salt
    FROM added a
    JOIN wanted w ON w.acceptance_id = a.acceptance_id
    WHERE coalesce(:ip, :user_agent) IS NOT NULL
)
SELECT a.acceptance_id FROM added a;

-- name: lock_subject
-- Lets one at a time take back what this subject accepted, until the transaction ends; one row.
-- What is read afterwards must be another statement: this one's snapshot is older than its lock.
SELECT count(pg_advisory_xact_lock(:key::bigint)) AS locked;

-- name: accepted_lines
-- The last word of a subject on each line of a document, where it is an acceptance; no row: it has
-- accepted nothing of it, or taken all of it back.
SELECT w.acceptance_id
FROM terms_scopes s
CROSS JOIN LATERAL (
    SELECT t.acceptance_id, t.decision
    FROM terms_acceptance t
    WHERE t.merchant_id = s.merchant_id AND t.buyer_id = :buyer_id::text
        AND t.scope_id = s.scope_id AND t.decision <> 'decline'
    ORDER BY t.occurred_at DESC, t.acceptance_id DESC
    LIMIT 1
) w
WHERE
    s.merchant_id = :merchant_id::uuid AND s.document_id = :document_id::uuid
    AND w.decision = 'accept'
ORDER BY s.scope_id;

-- name: add_withdrawals
-- Takes acceptances back, each by a word of its own about the same text; one row for each.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
-- The merchant comes with each, so that each is looked up by its whole key.
given AS MATERIALIZED (
    SELECT
        :merchant_id::uuid AS merchant_id, g.accepted_id, g.acceptance_id, g.ip_salt, g.ip_hash,
        g.user_agent_salt, g.user_agent_hash
    FROM unnest(
        :accepted_ids::uuid[], :acceptance_ids::uuid[], :ip_salts::bytea[], :ip_hashes::bytea[],
        :user_agent_salts::bytea[], :user_agent_hashes::bytea[]
    ) AS g (accepted_id, acceptance_id, ip_salt, ip_hash, user_agent_salt, user_agent_hash)
),
wanted AS MATERIALIZED (
    SELECT
        t.buyer_id, t.buyer_role, t.document_id, t.scope_id, t.version_id, t.version_sha256,
        t.locale, t.text_sha256, g.acceptance_id, g.ip_salt, g.ip_hash, g.user_agent_salt,
        g.user_agent_hash, c.now,
        greatest(c.now, t.occurred_at + interval '1 microsecond') AS occurred_at
    FROM given g
    CROSS JOIN clock c
    JOIN terms_acceptance t
        ON t.merchant_id = g.merchant_id AND t.acceptance_id = g.accepted_id
),
added AS (
    INSERT INTO terms_acceptance (
        merchant_id, acceptance_id, buyer_id, buyer_role, decision, document_id, scope_id,
        version_id, version_sha256, locale, text_sha256, method, actor_kind, actor_id,
        on_behalf_of, authority, scrolled_to_end, dwell_ms, client_locale, time_zone, client_at,
        page_url, request_id, payment_id, ip_hash, user_agent_hash, occurred_at, recorded_at)
    SELECT
        :merchant_id, w.acceptance_id, w.buyer_id, w.buyer_role, 'withdraw', w.document_id,
        w.scope_id, w.version_id, w.version_sha256, w.locale, w.text_sha256, :method::text,
        :actor_kind::text, :actor_id::text, :on_behalf_of::text, :authority::text,
        :scrolled_to_end::boolean, :dwell_ms::bigint, :client_locale::text, :time_zone::text,
        :client_at::timestamptz, :page_url::text, :request_id::text, :payment_id::uuid, w.ip_hash,
        w.user_agent_hash, w.occurred_at, w.now
    FROM wanted w
    RETURNING acceptance_id
),
kept AS (
    INSERT INTO terms_personal (
        merchant_id, acceptance_id, ip, ip_salt, user_agent, user_agent_salt)
    SELECT
        :merchant_id, w.acceptance_id, :ip::text, w.ip_salt, :user_agent::text, w.user_agent_salt
    FROM added a
    JOIN wanted w ON w.acceptance_id = a.acceptance_id
    WHERE coalesce(:ip, :user_agent) IS NOT NULL
)
SELECT a.acceptance_id FROM added a;

-- name: list_acceptances
-- The ids of a page of what a subject said, newest first; no row: there is no more.
SELECT t.acceptance_id
FROM terms_acceptance t
WHERE
    t.merchant_id = :merchant_id::uuid AND t.buyer_id = :buyer_id::text
    AND t.acceptance_id < coalesce(
        :before::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
ORDER BY t.acceptance_id DESC
LIMIT :rows_max::integer;

-- name: get_acceptances
-- What was said under these ids, with what it was said to; no row: this merchant has none of them.
WITH asked AS MATERIALIZED (
    SELECT :merchant_id::uuid AS merchant_id, u.acceptance_id
    FROM unnest(:acceptance_ids::uuid[]) AS u (acceptance_id)
)
SELECT
    t.merchant_id, t.acceptance_id, t.buyer_id, t.buyer_role, t.decision, t.document_id,
    d.key AS document_key, d.title AS document_title, d.purpose, t.scope_id, t.version_id,
    v.version, t.version_sha256, t.locale, t.text_sha256, t.presentation_id,
    t.presentation_sha256, t.method, t.actor_kind, t.actor_id, t.on_behalf_of, t.authority,
    t.scrolled_to_end, t.dwell_ms, t.client_locale, t.time_zone, t.client_at, t.page_url,
    t.request_id, t.payment_id, t.ip_hash, t.user_agent_hash, t.imported_from, t.imported_ref,
    t.occurred_at, t.recorded_at, p.ip, p.user_agent, p.erased_at
FROM asked a
JOIN terms_acceptance t ON t.merchant_id = a.merchant_id AND t.acceptance_id = a.acceptance_id
JOIN terms_versions v ON v.merchant_id = t.merchant_id AND v.version_id = t.version_id
JOIN terms_documents d ON d.merchant_id = t.merchant_id AND d.document_id = t.document_id
LEFT JOIN terms_personal p ON p.merchant_id = t.merchant_id AND p.acceptance_id = t.acceptance_id;
