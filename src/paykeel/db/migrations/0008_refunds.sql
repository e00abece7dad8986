-- Refunds by policy: what a payment was bought under, what was asked for, decided and given back.
--
-- What is asked for is reserved on the payment at once, so that no two refunds together exceed what
-- was captured, whoever writes. Each refund that is sent is an attempt like any other: watched by
-- recovery, settled by the one settling statement.

ALTER TABLE payments
    ADD COLUMN amount_refund_reserved bigint NOT NULL DEFAULT 0
        CHECK (amount_refund_reserved >= 0),
    -- Of disputes that are open or lost: the card network has taken it back, or may.
    ADD COLUMN amount_disputed bigint NOT NULL DEFAULT 0 CHECK (amount_disputed >= 0),
    -- The refund policy that held at the purchase; none: whoever refunds decides.
    ADD COLUMN refund_policy_key text COLLATE "C",
    ADD COLUMN refund_policy_version integer,
    ADD COLUMN refund_policy_sha256 bytea CHECK (octet_length(refund_policy_sha256) = 32),
    DROP CONSTRAINT payments_refunded_within_captured,
    ADD CONSTRAINT payments_refunded_within_captured
        CHECK (amount_refunded + amount_refund_reserved <= amount_captured),
    ADD CONSTRAINT payments_disputed_within_captured CHECK (amount_disputed <= amount_captured),
    ADD CONSTRAINT payments_refund_policy_whole CHECK (
        num_nulls(refund_policy_key, refund_policy_version, refund_policy_sha256) IN (0, 3));

CREATE FUNCTION refuse_change_of_snapshot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the refund policy of a payment never changes'
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER payments_keep_their_refund_policy
    BEFORE UPDATE OF refund_policy_key, refund_policy_version, refund_policy_sha256 ON payments
    FOR EACH ROW
    WHEN (
        old.refund_policy_key IS DISTINCT FROM new.refund_policy_key
        OR old.refund_policy_version IS DISTINCT FROM new.refund_policy_version
        OR old.refund_policy_sha256 IS DISTINCT FROM new.refund_policy_sha256)
    EXECUTE FUNCTION refuse_change_of_snapshot();

-- ---------------------------------------------------------------------- policies

-- Nothing has written to it so far; what was published is never edited.
ALTER TABLE refund_policies
    DROP CONSTRAINT refund_policies_pkey,
    ADD COLUMN policy_key text COLLATE "C" NOT NULL
        CHECK (policy_key ~ '^[a-z][a-z0-9_-]{0,59}$'),
    ADD COLUMN sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    ADD COLUMN buyer_role text COLLATE "C" NOT NULL
        CHECK (buyer_role IN ('*', 'agent', 'operator')),
    ADD COLUMN product text COLLATE "C" NOT NULL CHECK (char_length(product) BETWEEN 1 AND 60),
    ADD COLUMN jurisdiction text COLLATE "C" NOT NULL
        CHECK (char_length(jurisdiction) BETWEEN 1 AND 10),
    ADD COLUMN channel text COLLATE "C" NOT NULL CHECK (char_length(channel) BETWEEN 1 AND 60),
    ADD COLUMN payment_method text COLLATE "C" NOT NULL
        CHECK (char_length(payment_method) BETWEEN 1 AND 60),
    ADD COLUMN status text COLLATE "C" NOT NULL CHECK (status IN ('published', 'withdrawn')),
    ADD COLUMN author text NOT NULL CHECK (char_length(author) BETWEEN 1 AND 100),
    ADD COLUMN withdrawn_at timestamptz,
    ADD COLUMN withdrawn_by text CHECK (char_length(withdrawn_by) BETWEEN 1 AND 100),
    ADD COLUMN withdrawn_because text CHECK (char_length(withdrawn_because) BETWEEN 1 AND 500),
    ADD PRIMARY KEY (merchant_id, policy_key, policy_version),
    ADD CONSTRAINT refund_policies_withdrawn_whole CHECK (
        num_nulls(withdrawn_at, withdrawn_by, withdrawn_because)
            = CASE status WHEN 'withdrawn' THEN 0 ELSE 3 END);

ALTER TABLE refund_policies RENAME COLUMN rules TO document;
ALTER TABLE refund_policies RENAME COLUMN effective_at TO effective_from;
ALTER TABLE refund_policies
    RENAME CONSTRAINT refund_policies_rules_check TO refund_policies_document_check;

-- A payment's snapshot is found by its hash.
CREATE INDEX refund_policies_by_hash ON refund_policies (sha256, merchant_id);

-- ---------------------------------------------------------------------- refunds

-- The only ways that a refund may go; both columns of each decision and event lead here.
CREATE TABLE refund_transitions (
    from_status text COLLATE "C" NOT NULL,
    to_status text COLLATE "C" NOT NULL,
    PRIMARY KEY (from_status, to_status)
);

INSERT INTO refund_transitions (from_status, to_status) VALUES
    ('new', 'requested'), ('new', 'pending'), ('new', 'succeeded'),
    ('requested', 'pending'), ('requested', 'rejected'), ('requested', 'canceled'),
    ('pending', 'succeeded'), ('pending', 'failed'),
    -- The gateway did it after all.
    ('failed', 'succeeded');

CREATE TABLE refunds (
    merchant_id uuid NOT NULL,
    refund_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    -- requested: waits for a person. pending: sent, or about to be, and not known.
    status text COLLATE "C" NOT NULL CHECK (status IN (
        'requested', 'pending', 'succeeded', 'failed', 'rejected', 'canceled')),
    amount bigint NOT NULL CHECK (amount >= 1),
    currency currency_code NOT NULL,
    reason text COLLATE "C" NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 64),
    -- gateway: somebody gave it back in the gateway's own screens.
    origin text COLLATE "C" NOT NULL CHECK (origin IN ('merchant', 'gateway')),
    idempotency_key text COLLATE "C" CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    requested_by text NOT NULL CHECK (char_length(requested_by) BETWEEN 1 AND 200),
    -- What the policy would have given at that moment; null: it said nothing.
    quoted_amount bigint CHECK (quoted_amount >= 0),
    policy_sha256 bytea CHECK (octet_length(policy_sha256) = 32),
    -- Why more or less than the policy says.
    override_reason text CHECK (char_length(override_reason) BETWEEN 1 AND 500),
    -- Who must approve it: anybody else than who asked, or anybody.
    four_eyes boolean NOT NULL DEFAULT false,
    approved_by text CHECK (char_length(approved_by) BETWEEN 1 AND 200),
    gateway_id text CHECK (char_length(gateway_id) <= 255),
    failure_reason text COLLATE "C" CHECK (char_length(failure_reason) BETWEEN 1 AND 64),
    failure_code text CHECK (char_length(failure_code) <= 100),
    -- What was given back, where a person found that the gateway gave another amount than asked.
    settled_amount bigint CHECK (settled_amount >= 1),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (merchant_id, refund_id),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments,
    CONSTRAINT refunds_key_of_ours CHECK ((idempotency_key IS NULL) = (origin = 'gateway')),
    CONSTRAINT refunds_finished_when_final CHECK (
        (finished_at IS NULL) = (status IN ('requested', 'pending'))),
    CONSTRAINT refunds_reason_when_failed CHECK (
        (failure_reason IS NOT NULL) = (status = 'failed')),
    CONSTRAINT refunds_settled_when_given CHECK (
        settled_amount IS NULL OR (status = 'succeeded' AND settled_amount <> amount)),
    CONSTRAINT refunds_four_eyes CHECK (NOT (four_eyes AND approved_by = requested_by))
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX refunds_one_per_key ON refunds (idempotency_key, merchant_id)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX refunds_of_payments ON refunds (payment_id, merchant_id);
-- What was made at the gateway itself is booked once, however often it is told.
CREATE UNIQUE INDEX refunds_once_outside ON refunds (gateway_id, payment_id, merchant_id)
    WHERE origin = 'gateway';
CREATE INDEX refunds_to_approve ON refunds (created_at, merchant_id) WHERE status = 'requested';

-- What people decided about a refund, and by which figures; for good.
CREATE TABLE refund_decisions (
    merchant_id uuid NOT NULL,
    refund_id uuid NOT NULL,
    sequence smallint NOT NULL CHECK (sequence >= 1),
    kind text COLLATE "C" NOT NULL CHECK (kind IN (
        'requested', 'approved', 'rejected', 'canceled', 'noticed')),
    from_status text COLLATE "C" NOT NULL,
    to_status text COLLATE "C" NOT NULL,
    actor text NOT NULL CHECK (char_length(actor) BETWEEN 1 AND 200),
    because text CHECK (char_length(because) BETWEEN 1 AND 500),
    -- With a request: when the policy was asked, with which facts, and how it reckoned.
    as_of timestamptz,
    facts jsonb CHECK (jsonb_typeof(facts) = 'object'),
    trace jsonb CHECK (jsonb_typeof(trace) = 'array'),
    -- What each component gets of the amount; the refunds after it go on from there.
    breakdown jsonb CHECK (jsonb_typeof(breakdown) = 'array'),
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, refund_id, sequence),
    FOREIGN KEY (merchant_id, refund_id) REFERENCES refunds,
    CONSTRAINT refund_decisions_legal_move FOREIGN KEY (from_status, to_status)
        REFERENCES refund_transitions
);

CREATE TRIGGER refund_decisions_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON refund_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- ---------------------------------------------------------------------- what the gateway tells

-- Refunds of which the gateway tells by itself: stored first, then worked on until it is clear what
-- each of them is.
CREATE TABLE refund_notices (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    -- The gateway's own id of the refund.
    gateway_id text COLLATE "C" NOT NULL CHECK (char_length(gateway_id) BETWEEN 1 AND 255),
    -- As the gateway told it, sense or nonsense.
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL CHECK (char_length(currency) BETWEEN 1 AND 10),
    told_at timestamptz NOT NULL,
    -- booked: as a refund made there. ours: it is one that was asked for here. dismissed: a person
    -- said that it is none.
    status text COLLATE "C" NOT NULL CHECK (status IN ('open', 'booked', 'ours', 'dismissed')),
    -- What it became; with ours, null: late money that was given back.
    refund_id uuid,
    -- Why it was left open when it was last looked at; null: nobody has looked.
    waits_for text COLLATE "C" CHECK (waits_for IN ('answer', 'person', 'room')),
    -- When somebody was told that it is open; that is done once.
    alarmed_at timestamptz,
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    next_try_at timestamptz,
    dismissed_by text CHECK (char_length(dismissed_by) BETWEEN 1 AND 200),
    dismissed_because text CHECK (char_length(dismissed_because) BETWEEN 1 AND 500),
    dismissed_at timestamptz,
    PRIMARY KEY (merchant_id, payment_id, gateway_id),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments,
    FOREIGN KEY (merchant_id, refund_id) REFERENCES refunds,
    CONSTRAINT refund_notices_became CHECK (
        CASE WHEN refund_id IS NULL THEN status <> 'booked'
            ELSE status IN ('booked', 'ours') END),
    CONSTRAINT refund_notices_watched_while_open CHECK (
        (next_try_at IS NOT NULL) = (status = 'open')),
    CONSTRAINT refund_notices_dismissed_whole CHECK (
        num_nulls(dismissed_by, dismissed_because, dismissed_at)
            = CASE status WHEN 'dismissed' THEN 0 ELSE 3 END)
) WITH (fillfactor = 80);

-- What the worker reads: only what is still open is in it.
CREATE INDEX refund_notices_due ON refund_notices (next_try_at, merchant_id)
    WHERE status = 'open';
-- What every reading of a payment looks into, nearly always in vain.
CREATE INDEX refund_notices_open ON refund_notices (payment_id, merchant_id)
    WHERE status = 'open';

-- ---------------------------------------------------------------------- what it moves

ALTER TABLE payment_events
    ADD COLUMN reserved_delta bigint NOT NULL DEFAULT 0,
    ADD COLUMN disputed_delta bigint NOT NULL DEFAULT 0,
    -- Which refund an event is about.
    ADD COLUMN refund_id uuid;

ALTER TABLE payment_attempts
    -- Which refund is sent; null for late money that is given back.
    ADD COLUMN refund_id uuid,
    ADD FOREIGN KEY (merchant_id, refund_id) REFERENCES refunds;

-- Refunds do not wait for each other: each has its part reserved.
DROP INDEX payment_attempts_one_open;
CREATE UNIQUE INDEX payment_attempts_one_open ON payment_attempts (payment_id, merchant_id)
    WHERE state = 'open' AND refund_id IS NULL;

ALTER TABLE payment_idempotency
    DROP CONSTRAINT payment_idempotency_operation_check,
    ADD CONSTRAINT payment_idempotency_operation_check
        CHECK (operation IN ('purchase', 'complete', 'capture', 'cancel', 'refund'));

GRANT SELECT ON refund_transitions TO paykeel_app;
GRANT SELECT, INSERT ON refunds, refund_decisions TO paykeel_app;
GRANT UPDATE (
    status, approved_by, gateway_id, failure_reason, failure_code, settled_amount, updated_at,
    finished_at)
    ON refunds TO paykeel_app;
GRANT SELECT, INSERT ON refund_notices TO paykeel_app;
GRANT UPDATE (
    status, refund_id, waits_for, alarmed_at, tries, next_try_at, dismissed_by, dismissed_because,
    dismissed_at)
    ON refund_notices TO paykeel_app;
GRANT UPDATE (amount_refund_reserved, amount_disputed) ON payments TO paykeel_app;
GRANT UPDATE (status, withdrawn_at, withdrawn_by, withdrawn_because) ON refund_policies
    TO paykeel_app;
