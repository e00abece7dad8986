-- The keel: one purchase from its key to its end.
--
-- Every primary key begins with merchant_id, and every hot statement names one merchant, so that
-- the tables can be distributed by it. Money is bigint minor units with an ISO 4217 code and its
-- exponent. Ids are UUIDv7, so inserts by id touch the right edge of an index.
--
-- No other index begins with merchant_id. On a table without statistics the planner takes any index
-- that does for as good as the primary key, keeps that choice for its foreign key checks, and reads
-- all of a merchant's rows for each new one.

-- The ISO 4217 codes that can be paid in. A test holds this list equal to the code's.
CREATE DOMAIN currency_code AS text COLLATE "C"
    CONSTRAINT currency_code_is_tender CHECK (VALUE IN (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX',
            'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF',
            'AED', 'AFN', 'ALL', 'AMD', 'AOA', 'ARS', 'AUD', 'AWG', 'AZN', 'BAM', 'BBD',
            'BDT', 'BMD', 'BND', 'BOB', 'BOV', 'BRL', 'BSD', 'BTN', 'BWP', 'BYN', 'BZD',
            'CAD', 'CDF', 'CHE', 'CHF', 'CHW', 'CNY', 'COP', 'COU', 'CRC', 'CUP', 'CVE',
            'CZK', 'DKK', 'DOP', 'DZD', 'EGP', 'ERN', 'ETB', 'EUR', 'FJD', 'FKP', 'GBP',
            'GEL', 'GHS', 'GIP', 'GMD', 'GTQ', 'GYD', 'HKD', 'HNL', 'HTG', 'HUF', 'IDR',
            'ILS', 'INR', 'IRR', 'JMD', 'KES', 'KGS', 'KHR', 'KPW', 'KYD', 'KZT', 'LAK',
            'LBP', 'LKR', 'LRD', 'LSL', 'MAD', 'MDL', 'MGA', 'MKD', 'MMK', 'MNT', 'MOP',
            'MRU', 'MUR', 'MVR', 'MWK', 'MXN', 'MXV', 'MYR', 'MZN', 'NAD', 'NGN', 'NIO',
            'NOK', 'NPR', 'NZD', 'PAB', 'PEN', 'PGK', 'PHP', 'PKR', 'PLN', 'QAR', 'RON',
            'RSD', 'RUB', 'SAR', 'SBD', 'SCR', 'SDG', 'SEK', 'SGD', 'SHP', 'SLE', 'SOS',
            'SRD', 'SSP', 'STN', 'SVC', 'SYP', 'SZL', 'THB', 'TJS', 'TMT', 'TOP', 'TRY',
            'TTD', 'TWD', 'TZS', 'UAH', 'USD', 'USN', 'UYU', 'UZS', 'VED', 'VES', 'WST',
            'XAD', 'XCD', 'XCG', 'YER', 'ZAR', 'ZMW', 'ZWG',
            'BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND',
            'CLF', 'UYW'));

CREATE TABLE merchants (
    merchant_id uuid PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    mode text NOT NULL CHECK (mode IN ('test', 'live')),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    -- Buyers must have accepted this version before they purchase; null: nothing is asked.
    terms_version text CHECK (char_length(terms_version) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What one purchase may cost. No row for a currency: Paykeel's own limits alone hold.
CREATE TABLE merchant_limits (
    merchant_id uuid NOT NULL REFERENCES merchants,
    currency currency_code NOT NULL,
    amount_min bigint NOT NULL DEFAULT 1 CHECK (amount_min >= 1),
    amount_max bigint NOT NULL CHECK (amount_max <= 999999999999),
    PRIMARY KEY (merchant_id, currency),
    CHECK (amount_min <= amount_max)
);

-- Secrets are stored as SHA-256 only. On a distributed database this is a reference table: a key
-- is looked up by its prefix, before the merchant is known.
CREATE TABLE api_keys (
    merchant_id uuid NOT NULL REFERENCES merchants,
    key_id uuid NOT NULL,
    prefix text COLLATE "C" NOT NULL UNIQUE CHECK (char_length(prefix) BETWEEN 20 AND 40),
    secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 20),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (merchant_id, key_id)
);

-- Every move that history may make. payment_events refers to it, so that the database itself
-- refuses any other. The rows are those of payments/states.py; a test holds them equal.
CREATE TABLE payment_transitions (
    from_status text COLLATE "C" NOT NULL,
    to_status text COLLATE "C" NOT NULL,
    PRIMARY KEY (from_status, to_status)
);

INSERT INTO payment_transitions (from_status, to_status) VALUES
    ('authorized', 'authorized'),
    ('authorized', 'canceled'),
    ('authorized', 'expired'),
    ('authorized', 'succeeded'),
    ('canceled', 'canceled'),
    ('expired', 'expired'),
    ('failed', 'failed'),
    ('in_review', 'blocked'),
    ('in_review', 'canceled'),
    ('in_review', 'expired'),
    ('in_review', 'pending'),
    ('new', 'blocked'),
    ('new', 'in_review'),
    ('new', 'pending'),
    ('pending', 'authorized'),
    ('pending', 'failed'),
    ('pending', 'processing'),
    ('pending', 'requires_action'),
    ('pending', 'succeeded'),
    ('processing', 'authorized'),
    ('processing', 'canceled'),
    ('processing', 'failed'),
    ('processing', 'processing'),
    ('processing', 'requires_action'),
    ('processing', 'succeeded'),
    ('requires_action', 'authorized'),
    ('requires_action', 'canceled'),
    ('requires_action', 'expired'),
    ('requires_action', 'failed'),
    ('requires_action', 'processing'),
    ('requires_action', 'requires_action'),
    ('requires_action', 'succeeded'),
    ('succeeded', 'succeeded');

CREATE TABLE payments (
    merchant_id uuid NOT NULL REFERENCES merchants,
    payment_id uuid NOT NULL,
    -- One key, one payment, for as long as the payment exists.
    idempotency_key text COLLATE "C" NOT NULL
        CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    status text COLLATE "C" NOT NULL CHECK (status IN (
        'pending', 'in_review', 'requires_action', 'processing', 'authorized',
        'succeeded', 'failed', 'blocked', 'canceled', 'expired')),
    -- Grows by one with every event; the number of the last event.
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    amount bigint NOT NULL CHECK (amount BETWEEN 1 AND 999999999999),
    currency currency_code NOT NULL,
    exponent smallint NOT NULL,
    amount_authorized bigint NOT NULL DEFAULT 0 CHECK (amount_authorized >= 0),
    amount_captured bigint NOT NULL DEFAULT 0 CHECK (amount_captured >= 0),
    amount_refunded bigint NOT NULL DEFAULT 0 CHECK (amount_refunded >= 0),
    -- Money that arrived after the payment had ended, until an operator decides about it.
    amount_late bigint NOT NULL DEFAULT 0 CHECK (amount_late >= 0),
    capture_method text NOT NULL CHECK (capture_method IN ('automatic', 'manual')),
    buyer_id text NOT NULL CHECK (char_length(buyer_id) BETWEEN 1 AND 128),
    buyer_role text COLLATE "C" NOT NULL CHECK (buyer_role IN ('agent', 'operator')),
    payment_method text NOT NULL CHECK (char_length(payment_method) BETWEEN 1 AND 255),
    reference text CHECK (char_length(reference) BETWEEN 1 AND 128),
    description text CHECK (char_length(description) BETWEEN 1 AND 500),
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    gateway text COLLATE "C" NOT NULL CHECK (char_length(gateway) BETWEEN 1 AND 64),
    gateway_id text CHECK (char_length(gateway_id) <= 255),
    failure_reason text COLLATE "C" CHECK (char_length(failure_reason) BETWEEN 1 AND 64),
    failure_code text CHECK (char_length(failure_code) <= 100),
    next_action jsonb,
    -- The application's hook that must run in the transaction that completes the purchase.
    completion_hook text CHECK (char_length(completion_hook) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (merchant_id, payment_id),
    CONSTRAINT payments_one_per_key UNIQUE (idempotency_key, merchant_id),
    CONSTRAINT payments_exponent_is_the_currencys CHECK (
        exponent = CASE
            WHEN currency IN (
                'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG',
                'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 0
            WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
            WHEN currency IN ('CLF', 'UYW') THEN 4
            ELSE 2
        END),
    CONSTRAINT payments_authorized_within_amount CHECK (amount_authorized <= amount),
    CONSTRAINT payments_captured_within_authorized CHECK (amount_captured <= amount_authorized),
    CONSTRAINT payments_refunded_within_captured CHECK (amount_refunded <= amount_captured),
    CONSTRAINT payments_finished_when_final CHECK ((finished_at IS NOT NULL)
        = (status IN ('succeeded', 'failed', 'blocked', 'canceled', 'expired'))),
    CONSTRAINT payments_captured_when_succeeded CHECK (
        status <> 'succeeded' OR amount_captured > 0),
    CONSTRAINT payments_reason_when_failed CHECK (
        (failure_reason IS NOT NULL) = (status IN ('failed', 'blocked'))),
    CONSTRAINT payments_next_action_when_required CHECK (
        (next_action IS NOT NULL) = (status = 'requires_action'))
) WITH (fillfactor = 85);

-- A merchant finds an order's payments by its own reference.
CREATE INDEX payments_by_reference ON payments (reference, merchant_id) WHERE reference IS NOT NULL;

-- What an operator has to decide about. Hardly ever a row.
CREATE INDEX payments_with_late_money ON payments (payment_id, merchant_id) WHERE amount_late > 0;

-- One row for each operation at the gateway: the charge, a capture, a void. The row is its own
-- recovery task: while recover_at is set, the worker looks at it when that time has come.
CREATE TABLE payment_attempts (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    attempt_no smallint NOT NULL CHECK (attempt_no >= 1),
    operation text COLLATE "C" NOT NULL
        CHECK (operation IN ('charge', 'complete', 'capture', 'void', 'refund')),
    -- Our reference at the gateway and its idempotency key there: a hash of merchant, key, number.
    reference bytea NOT NULL CHECK (octet_length(reference) = 32),
    -- The caller's key of this operation; the charge's is the payment's.
    idempotency_key text COLLATE "C" CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    amount bigint NOT NULL CHECK (amount >= 1),
    -- A capture: whether it is the last. A void: canceled or expired, what it ends in.
    final boolean NOT NULL DEFAULT true,
    ends_in text COLLATE "C" CHECK (ends_in IN ('canceled', 'expired')),
    data jsonb NOT NULL DEFAULT '{}',
    -- open: sent, or about to be, and not known. waiting: the gateway has it. done: over.
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'waiting', 'done')),
    outcome text CHECK (char_length(outcome) <= 200),
    recover_at timestamptz,
    recover_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (merchant_id, payment_id, attempt_no),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments,
    CONSTRAINT payment_attempts_watched CHECK ((state = 'done') = (recover_at IS NULL)),
    CONSTRAINT payment_attempts_finished CHECK ((state = 'done') = (finished_at IS NOT NULL))
) WITH (fillfactor = 80);

-- At most one operation of a payment is in the dark at a time.
CREATE UNIQUE INDEX payment_attempts_one_open ON payment_attempts (payment_id, merchant_id)
    WHERE state = 'open';
-- What the sweep reads: only what is still watched is in it.
CREATE INDEX payment_attempts_due ON payment_attempts (recover_at, merchant_id)
    WHERE state <> 'done';
-- The keys of captures and cancellations stay as long as their payment.
CREATE UNIQUE INDEX payment_attempts_one_per_key ON payment_attempts (idempotency_key, merchant_id)
    WHERE idempotency_key IS NOT NULL;

-- What happened, in order: the history from which the present can be computed again.
CREATE TABLE payment_events (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    sequence integer NOT NULL CHECK (sequence >= 1),
    type text COLLATE "C" NOT NULL CHECK (char_length(type) BETWEEN 1 AND 64),
    from_status text COLLATE "C" NOT NULL,
    to_status text COLLATE "C" NOT NULL,
    -- The amount that this is about, and what it changed.
    amount bigint NOT NULL,
    authorized_delta bigint NOT NULL DEFAULT 0,
    captured_delta bigint NOT NULL DEFAULT 0,
    refunded_delta bigint NOT NULL DEFAULT 0,
    late_delta bigint NOT NULL DEFAULT 0,
    reason text COLLATE "C" CHECK (char_length(reason) <= 64),
    -- Who brought it: request, recovery, webhook, or an operator by name.
    actor text NOT NULL CHECK (char_length(actor) BETWEEN 1 AND 200),
    data jsonb NOT NULL DEFAULT '{}',
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, payment_id, sequence),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments,
    CONSTRAINT payment_events_legal_move FOREIGN KEY (from_status, to_status)
        REFERENCES payment_transitions
);

CREATE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is history: rows are added to it, never changed or removed', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER payment_events_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- The claim of a key, and the answer that every repetition gets, byte for byte.
CREATE TABLE payment_idempotency (
    merchant_id uuid NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL
        CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    operation text COLLATE "C" NOT NULL
        CHECK (operation IN ('purchase', 'complete', 'capture', 'cancel')),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    fingerprint_version smallint NOT NULL DEFAULT 1,
    payment_id uuid NOT NULL,
    attempt_no smallint NOT NULL,
    response_status smallint CHECK (response_status BETWEEN 200 AND 499),
    response_type text CHECK (char_length(response_type) <= 100),
    response_body bytea,
    created_at timestamptz NOT NULL,
    answered_at timestamptz,
    PRIMARY KEY (merchant_id, idempotency_key),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments,
    CHECK ((response_status IS NULL) = (response_body IS NULL)),
    CHECK ((response_status IS NULL) = (answered_at IS NULL))
) WITH (fillfactor = 70);

-- What the purge reads. A block range index costs next to nothing on a table that grows in time.
CREATE INDEX payment_idempotency_by_age ON payment_idempotency USING brin (created_at);

-- Facts for the outside, staged in the statement that made them true.
CREATE TABLE outbox (
    merchant_id uuid NOT NULL,
    message_id uuid NOT NULL,
    topic text COLLATE "C" NOT NULL CHECK (char_length(topic) BETWEEN 1 AND 64),
    payment_id uuid NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz,
    PRIMARY KEY (merchant_id, message_id)
);

-- Every fraud decision, with the facts that made it.
CREATE TABLE fraud_prevention_logs (
    merchant_id uuid NOT NULL,
    log_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    decision text COLLATE "C" NOT NULL
        CHECK (decision IN ('allow', 'challenge', 'review', 'block')),
    rules jsonb NOT NULL DEFAULT '[]',
    facts jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, log_id),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments
);

CREATE TRIGGER fraud_prevention_logs_are_history
    BEFORE UPDATE OR DELETE OR TRUNCATE ON fraud_prevention_logs
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- Which buyer accepted which version of a merchant's terms.
CREATE TABLE terms_acceptance (
    merchant_id uuid NOT NULL REFERENCES merchants,
    buyer_id text NOT NULL CHECK (char_length(buyer_id) BETWEEN 1 AND 128),
    terms_version text NOT NULL CHECK (char_length(terms_version) BETWEEN 1 AND 100),
    accepted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, buyer_id, terms_version)
);

CREATE TRIGGER terms_acceptance_is_history BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_acceptance
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- What a merchant gives back, and until when; versions are added, never edited.
CREATE TABLE refund_policies (
    merchant_id uuid NOT NULL REFERENCES merchants,
    policy_version integer NOT NULL CHECK (policy_version >= 1),
    rules jsonb NOT NULL CHECK (jsonb_typeof(rules) = 'object'),
    effective_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, policy_version)
);

-- What happened by the minute, written with the events and equal to their sum. Writers use
-- different slots, so that no two of them wait for the same row.
CREATE TABLE payment_metrics (
    merchant_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    buyer_role text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL CHECK (count >= 1),
    amount numeric(38, 0) NOT NULL,
    PRIMARY KEY (merchant_id, bucket, event_type, buyer_role, currency, gateway, reason, slot)
) WITH (fillfactor = 70);

-- The application's role has the least that it needs: history can only be added to.
GRANT USAGE ON SCHEMA public TO paykeel_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO paykeel_app;
GRANT INSERT ON
    merchants, merchant_limits, api_keys, payments, payment_attempts, payment_events,
    payment_idempotency, outbox, fraud_prevention_logs, terms_acceptance, refund_policies,
    payment_metrics
    TO paykeel_app;
GRANT UPDATE (name, status, terms_version) ON merchants TO paykeel_app;
GRANT UPDATE (amount_min, amount_max), DELETE ON merchant_limits TO paykeel_app;
GRANT UPDATE (name, expires_at, revoked_at, last_used_at) ON api_keys TO paykeel_app;
GRANT UPDATE (
    status, version, amount_authorized, amount_captured, amount_refunded, amount_late, gateway_id,
    failure_reason, failure_code, next_action, updated_at, finished_at)
    ON payments TO paykeel_app;
GRANT UPDATE (state, outcome, recover_at, recover_count, finished_at)
    ON payment_attempts TO paykeel_app;
GRANT UPDATE (response_status, response_type, response_body, answered_at), DELETE
    ON payment_idempotency TO paykeel_app;
GRANT UPDATE (delivered_at), DELETE ON outbox TO paykeel_app;
GRANT UPDATE (count, amount) ON payment_metrics TO paykeel_app;
