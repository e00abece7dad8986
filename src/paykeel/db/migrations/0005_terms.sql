-- Terms: documents, their versions and texts, what was shown to whom, and what they said to it.
--
-- A document has lines of versions, one for each scope (role, jurisdiction, product, channel). What
-- was published is never edited; who accepted what is only added to, and sealed (chain terms).

-- What may be asked of a subject. A marketing consent is free and never asked for to purchase.
CREATE TABLE terms_documents (
    merchant_id uuid NOT NULL REFERENCES merchants,
    document_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL CHECK (key ~ '^[a-z][a-z0-9_-]{0,59}$'),
    purpose text COLLATE "C" NOT NULL CHECK (
        purpose IN ('contract', 'privacy', 'refund_policy', 'marketing')),
    -- Whether a purchase needs it.
    required boolean NOT NULL,
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    author text NOT NULL CHECK (char_length(author) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, document_id),
    CONSTRAINT terms_documents_have_keys UNIQUE (key, merchant_id),
    CONSTRAINT marketing_is_never_required CHECK (NOT (required AND purpose = 'marketing'))
);

CREATE TRIGGER terms_documents_are_history
    BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_documents
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- For whom a line of versions is; a star is anybody.
CREATE TABLE terms_scopes (
    merchant_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    document_id uuid NOT NULL,
    buyer_role text COLLATE "C" NOT NULL CHECK (buyer_role IN ('*', 'agent', 'operator')),
    -- ISO 3166: DE, or DE-BY.
    jurisdiction text COLLATE "C" NOT NULL
        CHECK (jurisdiction ~ '^(\*|[A-Z]{2}(-[A-Z0-9]{1,3})?)$'),
    -- The kind of purchase.
    product text COLLATE "C" NOT NULL CHECK (product ~ '^(\*|[a-z][a-z0-9_]{0,39})$'),
    channel text COLLATE "C" NOT NULL CHECK (channel ~ '^(\*|[a-z][a-z0-9_]{0,39})$'),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, scope_id),
    CONSTRAINT terms_scopes_are_one_each
        UNIQUE (document_id, buyer_role, jurisdiction, product, channel, merchant_id),
    FOREIGN KEY (merchant_id, document_id) REFERENCES terms_documents
);

CREATE TRIGGER terms_scopes_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_scopes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

CREATE TABLE terms_versions (
    merchant_id uuid NOT NULL,
    version_id uuid NOT NULL,
    document_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    -- MAJOR.MINOR.PATCH.
    version text COLLATE "C" NOT NULL
        CHECK (version ~ '^(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}$'),
    change text COLLATE "C" NOT NULL CHECK (change IN ('major', 'minor')),
    -- Whether who accepted an earlier version of the line must accept this one.
    requires_reacceptance boolean NOT NULL,
    -- An acceptance counts for so many days; null: for good.
    reaccept_after_days integer CHECK (reaccept_after_days BETWEEN 1 AND 3650),
    -- In UTC; a draft may leave it open, and begins when it is published then.
    effective_from timestamptz,
    effective_to timestamptz,
    -- Until when an acceptance of the version before is still enough.
    grace_until timestamptz,
    -- Of a draft that leaves its beginning open: how many days of grace follow it.
    grace_days integer CHECK (grace_days BETWEEN 0 AND 3650),
    summary text NOT NULL DEFAULT '' CHECK (char_length(summary) <= 2000),
    status text COLLATE "C" NOT NULL CHECK (status IN ('draft', 'published', 'withdrawn')),
    -- Of all that was published: document, scope, version and its dates, and each text's hash.
    version_sha256 bytea CHECK (octet_length(version_sha256) = 32),
    author text NOT NULL CHECK (char_length(author) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    published_by text CHECK (char_length(published_by) BETWEEN 1 AND 200),
    published_at timestamptz,
    withdrawn_by text CHECK (char_length(withdrawn_by) BETWEEN 1 AND 200),
    withdrawn_at timestamptz,
    withdrawn_because text CHECK (char_length(withdrawn_because) BETWEEN 1 AND 500),
    PRIMARY KEY (merchant_id, version_id),
    CONSTRAINT terms_versions_are_one_each UNIQUE (scope_id, version, merchant_id),
    FOREIGN KEY (merchant_id, document_id) REFERENCES terms_documents,
    FOREIGN KEY (merchant_id, scope_id) REFERENCES terms_scopes,
    CHECK (effective_to > effective_from),
    CHECK (grace_until >= effective_from),
    CHECK (grace_days IS NULL OR (status = 'draft' AND grace_until IS NULL)),
    CONSTRAINT terms_published_is_complete CHECK (
        (status = 'draft') = (published_at IS NULL)
        AND (published_at IS NULL) = (published_by IS NULL)
        AND (published_at IS NULL) = (version_sha256 IS NULL)
        AND (published_at IS NULL OR effective_from IS NOT NULL)),
    CONSTRAINT terms_withdrawn_is_complete CHECK (
        (status = 'withdrawn') = (withdrawn_at IS NOT NULL)
        AND (withdrawn_at IS NULL) = (withdrawn_by IS NULL)
        AND (withdrawn_at IS NULL) = (withdrawn_because IS NULL))
);

-- Canonical Markdown and the HTML made of it, both as they were when they were published.
CREATE TABLE terms_texts (
    merchant_id uuid NOT NULL,
    version_id uuid NOT NULL,
    -- BCP 47, such as de or pt-BR; und where the language is not known.
    locale text COLLATE "C" NOT NULL CHECK (locale ~ '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}$'),
    content text NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 262144),
    content_sha256 bytea NOT NULL
        CHECK (content_sha256 = sha256(convert_to(content, 'UTF8'))),
    html text NOT NULL CHECK (octet_length(html) BETWEEN 1 AND 1048576),
    html_sha256 bytea NOT NULL CHECK (html_sha256 = sha256(convert_to(html, 'UTF8'))),
    -- Which text counts when translations differ; one of a version.
    is_authoritative boolean NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, version_id, locale),
    FOREIGN KEY (merchant_id, version_id) REFERENCES terms_versions
);

CREATE UNIQUE INDEX terms_texts_have_one_authority ON terms_texts (version_id, merchant_id)
    WHERE is_authoritative;

-- The public read of a published text.
CREATE INDEX terms_texts_by_hash ON terms_texts (content_sha256);

-- A draft may be changed; what was published may only be withdrawn, and once.
CREATE FUNCTION refuse_change_of_published_terms() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := to_jsonb(OLD) - '{status,withdrawn_by,withdrawn_at,withdrawn_because}'::text[];
BEGIN
    IF OLD.status = 'draft' AND TG_OP = 'UPDATE' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'published' AND NEW.status = 'withdrawn' AND was =
        to_jsonb(NEW) - '{status,withdrawn_by,withdrawn_at,withdrawn_because}'::text[]
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'A published version is not changed'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER terms_versions_stay_published BEFORE UPDATE OR DELETE ON terms_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_published_terms();

CREATE TRIGGER terms_versions_are_never_emptied BEFORE TRUNCATE ON terms_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- A text is changed only while its version is a draft. The lock keeps the version from being
-- published meanwhile.
CREATE FUNCTION refuse_change_of_published_text() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one record;
    found_status text;
BEGIN
    IF TG_OP = 'DELETE' THEN one := OLD; ELSE one := NEW; END IF;
    SELECT v.status INTO found_status FROM terms_versions v
    WHERE v.merchant_id = one.merchant_id AND v.version_id = one.version_id
    FOR SHARE;
    IF found_status IS DISTINCT FROM 'draft' OR (TG_OP = 'UPDATE' AND (
        (OLD.merchant_id, OLD.version_id) IS DISTINCT FROM (NEW.merchant_id, NEW.version_id)))
    THEN
        RAISE EXCEPTION 'The text of a published version is not changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN one;
END
$$;

CREATE TRIGGER terms_texts_stay_published BEFORE INSERT OR UPDATE OR DELETE ON terms_texts
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_published_text();

CREATE TRIGGER terms_texts_are_never_emptied BEFORE TRUNCATE ON terms_texts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- What was shown to whom. The nonce is given to the client alone; here is its SHA-256.
CREATE TABLE terms_presentations (
    merchant_id uuid NOT NULL REFERENCES merchants,
    presentation_id uuid NOT NULL,
    nonce_sha256 bytea NOT NULL CHECK (octet_length(nonce_sha256) = 32),
    buyer_id text NOT NULL CHECK (char_length(buyer_id) BETWEEN 1 AND 128),
    buyer_role text COLLATE "C" NOT NULL CHECK (buyer_role IN ('agent', 'operator')),
    jurisdiction text COLLATE "C" NOT NULL CHECK (char_length(jurisdiction) BETWEEN 1 AND 6),
    product text COLLATE "C" NOT NULL CHECK (char_length(product) BETWEEN 1 AND 40),
    channel text COLLATE "C" NOT NULL CHECK (char_length(channel) BETWEEN 1 AND 40),
    -- What was asked for, and which texts were shown: element by element.
    locales_asked text[] NOT NULL CHECK (cardinality(locales_asked) <= 20),
    version_ids uuid[] NOT NULL CHECK (cardinality(version_ids) BETWEEN 1 AND 50),
    locales text[] NOT NULL CHECK (cardinality(locales) = cardinality(version_ids)),
    text_sha256s bytea[] NOT NULL CHECK (cardinality(text_sha256s) = cardinality(version_ids)),
    -- The words around the text: what is said that accepting means, and what the button says.
    notice text NOT NULL CHECK (char_length(notice) BETWEEN 1 AND 1000),
    button_label text NOT NULL CHECK (char_length(button_label) BETWEEN 1 AND 100),
    component text CHECK (char_length(component) BETWEEN 1 AND 100),
    shown_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > shown_at),
    PRIMARY KEY (merchant_id, presentation_id),
    CONSTRAINT terms_nonces_are_one_each UNIQUE (nonce_sha256)
);

CREATE TRIGGER terms_presentations_are_history
    BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_presentations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- The acceptances that were kept before documents were: carried over below.
CREATE TEMPORARY TABLE accepted_before ON COMMIT DROP AS
SELECT t.merchant_id, t.buyer_id, t.terms_version, t.accepted_at FROM terms_acceptance t;

DROP TABLE terms_acceptance;

-- What subjects said, for good. The last word on a line of versions counts, a decline aside.
CREATE TABLE terms_acceptance (
    merchant_id uuid NOT NULL REFERENCES merchants,
    acceptance_id uuid NOT NULL,
    buyer_id text NOT NULL CHECK (char_length(buyer_id) BETWEEN 1 AND 128),
    buyer_role text COLLATE "C" NOT NULL CHECK (buyer_role IN ('agent', 'operator', 'unknown')),
    decision text COLLATE "C" NOT NULL CHECK (decision IN ('accept', 'decline', 'withdraw')),
    document_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    version_id uuid NOT NULL,
    version_sha256 bytea NOT NULL CHECK (octet_length(version_sha256) = 32),
    locale text COLLATE "C" NOT NULL CHECK (char_length(locale) BETWEEN 2 AND 50),
    text_sha256 bytea NOT NULL CHECK (octet_length(text_sha256) = 32),
    -- Null only for what was imported or withdrawn.
    presentation_id uuid,
    presentation_sha256 bytea CHECK (octet_length(presentation_sha256) = 32),
    method text COLLATE "C" NOT NULL CHECK (method IN (
        'checkbox_click', 'button_click', 'scroll_click', 'typed_name', 'api', 'import')),
    actor_kind text COLLATE "C" NOT NULL CHECK (
        actor_kind IN ('human', 'delegate', 'electronic_agent')),
    -- Who acted, if not the subject, for whom, and what allows it.
    actor_id text CHECK (char_length(actor_id) BETWEEN 1 AND 128),
    on_behalf_of text CHECK (char_length(on_behalf_of) BETWEEN 1 AND 200),
    authority text CHECK (char_length(authority) BETWEEN 1 AND 500),
    scrolled_to_end boolean,
    dwell_ms bigint CHECK (dwell_ms BETWEEN 0 AND 86400000),
    -- The browser's own words.
    client_locale text CHECK (char_length(client_locale) BETWEEN 1 AND 50),
    time_zone text CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    client_at timestamptz,
    page_url text CHECK (char_length(page_url) BETWEEN 1 AND 2000),
    request_id text CHECK (char_length(request_id) BETWEEN 1 AND 100),
    payment_id uuid,
    -- Salted; the clear values stand in terms_personal, and can be erased.
    ip_hash bytea CHECK (octet_length(ip_hash) = 32),
    user_agent_hash bytea CHECK (octet_length(user_agent_hash) = 32),
    -- Where an imported one comes from.
    imported_from text CHECK (char_length(imported_from) BETWEEN 1 AND 200),
    imported_ref text CHECK (char_length(imported_ref) BETWEEN 1 AND 200),
    -- When it was said; the database's time, unless it was imported.
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, acceptance_id),
    FOREIGN KEY (merchant_id, version_id) REFERENCES terms_versions,
    FOREIGN KEY (merchant_id, presentation_id) REFERENCES terms_presentations,
    CHECK ((method = 'import') = (imported_from IS NOT NULL)),
    CHECK ((presentation_id IS NULL) = (presentation_sha256 IS NULL)),
    CHECK (presentation_id IS NOT NULL OR method = 'import' OR decision = 'withdraw'),
    CHECK (actor_kind = 'human' OR (actor_id IS NOT NULL AND authority IS NOT NULL))
);

-- One answer for each version of a presentation, however often it is sent.
CREATE UNIQUE INDEX terms_acceptance_once
    ON terms_acceptance (presentation_id, version_id, merchant_id)
    WHERE presentation_id IS NOT NULL;

CREATE UNIQUE INDEX terms_imports_once
    ON terms_acceptance (imported_from, imported_ref, merchant_id)
    WHERE imported_ref IS NOT NULL;

-- What the gate reads: when a subject last accepted a version, and when it last took something back
-- of a line.
CREATE INDEX terms_acceptance_of_version
    ON terms_acceptance (buyer_id, version_id, occurred_at DESC, acceptance_id DESC)
    INCLUDE (merchant_id)
    WHERE decision = 'accept';

CREATE INDEX terms_acceptance_taken_back
    ON terms_acceptance (buyer_id, scope_id, occurred_at DESC, acceptance_id DESC)
    INCLUDE (merchant_id, version_id)
    WHERE decision = 'withdraw';

-- The last word of a subject on a line of versions.
CREATE INDEX terms_acceptance_last_word
    ON terms_acceptance (buyer_id, scope_id, occurred_at DESC, acceptance_id DESC)
    INCLUDE (merchant_id, decision, version_id)
    WHERE decision <> 'decline';

-- The history of a subject.
CREATE INDEX terms_acceptance_by_buyer
    ON terms_acceptance (buyer_id, merchant_id, acceptance_id DESC);

CREATE TRIGGER terms_acceptance_is_history BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_acceptance
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- Personal data beside the chain; erasing it breaks nothing.
CREATE TABLE terms_personal (
    merchant_id uuid NOT NULL,
    acceptance_id uuid NOT NULL,
    ip text CHECK (char_length(ip) BETWEEN 2 AND 45),
    ip_salt bytea CHECK (octet_length(ip_salt) = 32),
    user_agent text CHECK (char_length(user_agent) BETWEEN 1 AND 1000),
    user_agent_salt bytea CHECK (octet_length(user_agent_salt) = 32),
    erased_at timestamptz,
    erased_by text CHECK (char_length(erased_by) BETWEEN 1 AND 200),
    PRIMARY KEY (merchant_id, acceptance_id),
    FOREIGN KEY (merchant_id, acceptance_id) REFERENCES terms_acceptance,
    CHECK (erased_at IS NULL
        OR coalesce(ip, user_agent) IS NULL AND coalesce(ip_salt, user_agent_salt) IS NULL)
);

-- Counts what is published and withdrawn, so that a purchase sees whether it knows all of it.
ALTER TABLE merchants ADD COLUMN terms_revision bigint NOT NULL DEFAULT 0;

-- Told with the payment: terms that must be accepted again before long.
ALTER TABLE payments ADD COLUMN warnings jsonb CHECK (jsonb_typeof(warnings) = 'array');

-- ---------------------------------------------------------------------- what there was before

-- Ids that sort by time, as Paykeel makes them.
CREATE FUNCTION pg_temp.id_of(at timestamptz) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid
$$;

-- Instants as sealing/canonical.py writes them.
CREATE FUNCTION pg_temp.write_time(at timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

CREATE TEMPORARY TABLE named ON COMMIT DROP AS
SELECT
    n.merchant_id, n.terms_version,
    row_number() OVER (
        PARTITION BY n.merchant_id
        ORDER BY n.terms_version IS NOT DISTINCT FROM m.terms_version, n.first_at, n.terms_version
    ) AS number,
    -- The one that is required now begins last, and no two begin together.
    CASE WHEN n.terms_version IS NOT DISTINCT FROM m.terms_version
        THEN now()
        ELSE n.first_at - interval '1 microsecond' * row_number() OVER (
            PARTITION BY n.merchant_id ORDER BY n.first_at DESC, n.terms_version DESC)
    END AS effective_from,
    pg_temp.id_of(now()) AS version_id
FROM (
    SELECT u.merchant_id, u.terms_version, least(min(u.first_at), now()) AS first_at
    FROM (
        SELECT b.merchant_id, b.terms_version, b.accepted_at FROM accepted_before b
        UNION ALL
        SELECT c.merchant_id, c.terms_version, now() FROM merchants c
        WHERE c.terms_version IS NOT NULL
    ) AS u (merchant_id, terms_version, first_at)
    GROUP BY u.merchant_id, u.terms_version
) AS n
JOIN merchants m USING (merchant_id);

INSERT INTO terms_documents (
    merchant_id, document_id, key, purpose, required, title, author, created_at)
SELECT n.merchant_id, pg_temp.id_of(now()), 'terms', 'contract', m.terms_version IS NOT NULL,
    'Terms', 'paykeel', now()
FROM (SELECT DISTINCT d.merchant_id FROM named d) AS n
JOIN merchants m USING (merchant_id);

INSERT INTO terms_scopes (
    merchant_id, scope_id, document_id, buyer_role, jurisdiction, product, channel, created_at)
SELECT d.merchant_id, pg_temp.id_of(now()), d.document_id, '*', '*', '*', '*', now()
FROM terms_documents d;

INSERT INTO terms_versions (
    merchant_id, version_id, document_id, scope_id, version, change, requires_reacceptance,
    effective_from, summary, status, author, created_at)
SELECT
    n.merchant_id, n.version_id, s.document_id, s.scope_id, n.number || '.0.0', 'major', true,
    n.effective_from, left(n.terms_version, 2000), 'draft', 'paykeel', now()
FROM named n
JOIN terms_scopes s USING (merchant_id);

INSERT INTO terms_texts (
    merchant_id, version_id, locale, content, content_sha256, html, html_sha256,
    is_authoritative, created_at)
SELECT
    n.merchant_id, n.version_id, 'und', k.content, sha256(convert_to(k.content, 'UTF8')),
    k.html, sha256(convert_to(k.html, 'UTF8')), true, now()
FROM named n
CROSS JOIN (VALUES (
    E'The text of this version was not kept by Paykeel.\n',
    E'<p>The text of this version was not kept by Paykeel.</p>\n'
)) AS k (content, html);

-- Hashed as terms/digests.py does.
UPDATE terms_versions v
SET status = 'published', published_at = now(), published_by = 'paykeel',
    version_sha256 = sha256(convert_to(concat_ws(
        E'\n', 'paykeel terms version 1', 'terms', 'contract', '"Terms"',
        d.required::text || ' ' || pg_temp.write_time(d.created_at) || ' "paykeel"', '* * * *',
        v.version || ' major true -',
        pg_temp.write_time(v.effective_from) || ' - -',
        to_jsonb(v.summary)::text,
        pg_temp.write_time(v.created_at) || ' "paykeel"',
        pg_temp.write_time(now()) || ' "paykeel"',
        'und ' || encode(x.content_sha256, 'hex') || ' ' || encode(x.html_sha256, 'hex') || ' true'
    ), 'UTF8'))
FROM terms_texts x
JOIN terms_documents d USING (merchant_id)
WHERE x.merchant_id = v.merchant_id AND x.version_id = v.version_id;

INSERT INTO terms_acceptance (
    merchant_id, acceptance_id, buyer_id, buyer_role, decision, document_id, scope_id, version_id,
    version_sha256, locale, text_sha256, method, actor_kind, imported_from, occurred_at,
    recorded_at)
SELECT
    b.merchant_id, pg_temp.id_of(now()), b.buyer_id, 'unknown', 'accept', v.document_id, v.scope_id,
    v.version_id, v.version_sha256, x.locale, x.content_sha256, 'import', 'human',
    'paykeel 0.1', b.accepted_at, now()
FROM accepted_before b
JOIN named n USING (merchant_id, terms_version)
JOIN terms_versions v ON v.merchant_id = n.merchant_id AND v.version_id = n.version_id
JOIN terms_texts x ON x.merchant_id = v.merchant_id AND x.version_id = v.version_id;

UPDATE merchants m SET terms_revision = 1
WHERE m.merchant_id IN (SELECT n.merchant_id FROM named n);

ALTER TABLE merchants DROP COLUMN terms_version;

GRANT SELECT, INSERT ON
    terms_documents, terms_scopes, terms_versions, terms_texts, terms_presentations,
    terms_acceptance, terms_personal
    TO paykeel_app;
GRANT UPDATE (
    version, change, requires_reacceptance, reaccept_after_days, effective_from, effective_to,
    grace_until, grace_days, summary, status, version_sha256, author, published_by, published_at,
    withdrawn_by, withdrawn_at, withdrawn_because
) ON terms_versions TO paykeel_app;
GRANT UPDATE (content, content_sha256, html, html_sha256, is_authoritative, created_at), DELETE
    ON terms_texts TO paykeel_app;
GRANT UPDATE (ip, ip_salt, user_agent, user_agent_salt, erased_at, erased_by)
    ON terms_personal TO paykeel_app;
GRANT UPDATE (terms_revision) ON merchants TO paykeel_app;
