-- What happens to terms that may change: publications, withdrawals, erasures; sealed (chain
-- terms_events).
--
-- Whether a version is withdrawn and whether personal data are erased is in no hash of theirs, and
-- the hash of a version that nobody has accepted stands nowhere else. These rows say each again.

-- For good: what it says of a row, the row must say, too.
CREATE TABLE terms_events (
    merchant_id uuid NOT NULL REFERENCES merchants,
    event_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('published', 'withdrawn', 'erased')),
    version_id uuid,
    -- Of the version as it was published.
    version_sha256 bytea CHECK (octet_length(version_sha256) = 32),
    -- Whose personal data were erased.
    acceptance_id uuid,
    author text NOT NULL CHECK (char_length(author) BETWEEN 1 AND 200),
    because text CHECK (char_length(because) BETWEEN 1 AND 500),
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, event_id),
    FOREIGN KEY (merchant_id, version_id) REFERENCES terms_versions,
    FOREIGN KEY (merchant_id, acceptance_id) REFERENCES terms_acceptance,
    CONSTRAINT terms_events_name_their_row CHECK (
        (kind = 'erased') = (acceptance_id IS NOT NULL)
        AND (kind = 'erased') = (version_id IS NULL)),
    CONSTRAINT terms_publications_have_hashes CHECK (
        (kind = 'published') = (version_sha256 IS NOT NULL)),
    CONSTRAINT terms_withdrawals_have_reasons CHECK ((kind = 'withdrawn') = (because IS NOT NULL))
);

CREATE UNIQUE INDEX terms_events_of_versions ON terms_events (version_id, kind, merchant_id)
    WHERE version_id IS NOT NULL;

CREATE UNIQUE INDEX terms_events_of_personal ON terms_events (acceptance_id, merchant_id)
    WHERE acceptance_id IS NOT NULL;

CREATE TRIGGER terms_events_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- ---------------------------------------------------------------------- what there was before

-- An erasure that is under way is waited for, so that it is told below. The foreign keys above hold
-- the other tables already.
LOCK TABLE terms_personal IN SHARE MODE;

-- Ids that sort by time, as Paykeel makes them. Replaced, since the session may have it from 0005.
CREATE OR REPLACE FUNCTION pg_temp.id_of(at timestamptz) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid
$$;

INSERT INTO terms_events (
    merchant_id, event_id, kind, version_id, version_sha256, author, occurred_at)
SELECT
    v.merchant_id, pg_temp.id_of(now()), 'published', v.version_id, v.version_sha256,
    v.published_by, v.published_at
FROM terms_versions v
WHERE v.status IN ('published', 'withdrawn');

INSERT INTO terms_events (
    merchant_id, event_id, kind, version_id, author, because, occurred_at)
SELECT
    v.merchant_id, pg_temp.id_of(now()), 'withdrawn', v.version_id, v.withdrawn_by,
    v.withdrawn_because, v.withdrawn_at
FROM terms_versions v
WHERE v.status = 'withdrawn';

-- Paykeel says by whom with each erasure. One that does not say it was not made by Paykeel, and is
-- left for the verification to name.
INSERT INTO terms_events (merchant_id, event_id, kind, acceptance_id, author, occurred_at)
SELECT
    p.merchant_id, pg_temp.id_of(now()), 'erased', p.acceptance_id, p.erased_by, p.erased_at
FROM terms_personal p
WHERE p.erased_at IS NOT NULL AND p.erased_by IS NOT NULL;

GRANT SELECT, INSERT ON terms_events TO paykeel_app;
