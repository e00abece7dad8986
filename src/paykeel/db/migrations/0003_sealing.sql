-- Seals: signed, hash-linked marks that rows of append-only tables are unchanged.
--
-- The worker makes them after the rows have committed. No purchase writes here or waits for it.

-- Keys that this installation made for itself, since nobody set them. One for the whole server; on
-- a distributed database a reference table. Whoever can read it can sign: see the decision 0011.
CREATE TABLE server_secrets (
    name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,63}$'),
    secret bytea NOT NULL CHECK (octet_length(secret) BETWEEN 16 AND 4096),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One seal covers some rows of one merchant in one chain, and names the seal before it by its hash.
CREATE TABLE seals (
    merchant_id uuid NOT NULL REFERENCES merchants,
    chain text COLLATE "C" NOT NULL CHECK (char_length(chain) BETWEEN 1 AND 32),
    seal_no bigint NOT NULL CHECK (seal_no >= 1),
    -- Which canonical form the hashes are made of.
    form smallint NOT NULL CHECK (form >= 1),
    -- 32 zero bytes before the first seal.
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    row_count integer NOT NULL CHECK (row_count >= 1),
    -- The rows of this seal and of all before it.
    rows_total bigint NOT NULL CHECK (rows_total >= row_count),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    -- A row with a smaller id that is sealed later came later than the worker looks back.
    next_from uuid NOT NULL,
    sealed_at timestamptz NOT NULL,
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    seal_hash bytea NOT NULL CHECK (octet_length(seal_hash) = 32),
    signature bytea NOT NULL CHECK (octet_length(signature) = 64),
    PRIMARY KEY (merchant_id, chain, seal_no),
    -- No seal has two successors, and no chain two beginnings.
    CONSTRAINT seals_never_fork UNIQUE (previous_hash, merchant_id, chain)
);

CREATE TRIGGER seals_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- Which seal covers which row. A row without one is not sealed yet.
CREATE TABLE seal_leaves (
    merchant_id uuid NOT NULL,
    chain text COLLATE "C" NOT NULL,
    row_id uuid NOT NULL,
    seal_no bigint NOT NULL,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    PRIMARY KEY (merchant_id, chain, row_id),
    FOREIGN KEY (merchant_id, chain, seal_no) REFERENCES seals
);

-- The leaves of a seal, to verify it.
CREATE INDEX seal_leaves_by_seal ON seal_leaves (seal_no, merchant_id, chain);

CREATE TRIGGER seal_leaves_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON seal_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- How far the slow look over all rows has come. No evidence: whoever seals holds this row's lock,
-- and a lost row is made again.
CREATE TABLE seal_cursors (
    merchant_id uuid NOT NULL REFERENCES merchants,
    chain text COLLATE "C" NOT NULL CHECK (char_length(chain) BETWEEN 1 AND 32),
    checked_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    checked_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (merchant_id, chain)
);

GRANT SELECT, INSERT ON server_secrets, seals, seal_leaves, seal_cursors TO paykeel_app;
GRANT UPDATE (checked_to, checked_at) ON seal_cursors TO paykeel_app;
