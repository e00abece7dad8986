-- name: available_texts
-- The languages of versions; no row: none of these versions is the merchant's, or has a text.
SELECT t.version_id, t.locale, t.is_authoritative
FROM unnest(:version_ids::uuid[]) AS u (version_id)
JOIN terms_texts t ON t.merchant_id = :merchant_id::uuid AND t.version_id = u.version_id
ORDER BY t.version_id, t.locale;

-- name: shown_texts
-- One text of each version, in the language that goes with it; no row: there is none of them.
SELECT t.version_id, t.html, t.content_sha256
FROM unnest(:version_ids::uuid[], :locales::text[]) AS u (version_id, locale)
JOIN terms_texts t
    ON t.merchant_id = :merchant_id::uuid AND t.version_id = u.version_id AND t.locale = u.locale;

-- name: add_presentation
-- Stores what is shown to a subject from now on; always one row.
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now)
INSERT INTO terms_presentations (
    merchant_id, presentation_id, nonce_sha256, buyer_id, buyer_role, jurisdiction, product,
    channel, locales_asked, version_ids, locales, text_sha256s, notice, button_label, component,
    shown_at, expires_at)
SELECT
    :merchant_id::uuid, :presentation_id::uuid, :nonce_sha256::bytea, :buyer_id::text,
    :buyer_role::text, :jurisdiction::text, :product::text, :channel::text,
    :locales_asked::text[], :version_ids::uuid[], :locales::text[], :text_sha256s::bytea[],
    :notice::text, :button_label::text, :component::text,
    c.now, c.now + make_interval(secs => :presentation_ms::bigint / 1000.0)
FROM clock c
RETURNING shown_at, expires_at;

-- name: last_words
-- By what a subject stands as it does on each line of versions: the newest version that is enough
-- which it accepted, lately enough, and has not taken back; or else its last word, declines aside.
-- No row: it never said anything to any of them.
SELECT u.scope_id, w.acceptance_id, w.decision, w.version_id, w.occurred_at
FROM unnest(:scope_ids::uuid[], :enough::text[], :sinces::text[])
    AS u (scope_id, enough, sinces)
CROSS JOIN LATERAL (
    SELECT k.acceptance_id, k.decision, k.version_id, k.occurred_at
    FROM (
        SELECT e.place, a.acceptance_id, a.decision, a.version_id, a.occurred_at
        FROM unnest(u.enough::uuid[], u.sinces::timestamptz[])
            WITH ORDINALITY AS e (version_id, since, place)
        CROSS JOIN LATERAL (
            SELECT t.acceptance_id, t.decision, t.version_id, t.occurred_at
            FROM terms_acceptance t
            WHERE t.merchant_id = :merchant_id::uuid AND t.buyer_id = :buyer_id::text
                AND t.version_id = e.version_id AND t.decision = 'accept'
            ORDER BY t.occurred_at DESC, t.acceptance_id DESC
            LIMIT 1
        ) AS a
        WHERE (a.occurred_at < e.since) IS NOT TRUE AND NOT EXISTS (
            SELECT FROM terms_acceptance t
            WHERE t.merchant_id = :merchant_id AND t.buyer_id = :buyer_id
                AND t.scope_id = u.scope_id AND t.decision = 'withdraw'
                AND (t.occurred_at, t.acceptance_id) > (a.occurred_at, a.acceptance_id)
            OFFSET 0
        )
        UNION ALL
        (
            SELECT NULL, t.acceptance_id, t.decision, t.version_id, t.occurred_at
            FROM terms_acceptance t
            WHERE t.merchant_id = :merchant_id AND t.buyer_id = :buyer_id
                AND t.scope_id = u.scope_id AND t.decision <> 'decline'
            ORDER BY t.occurred_at DESC, t.acceptance_id DESC
            LIMIT 1
        )
    ) AS k
    ORDER BY k.place
    LIMIT 1
) AS w;
