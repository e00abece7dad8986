-- What all migrations add up to, for reading: nothing applies this file.
-- Written by tools/write_schema.py; a test holds it equal to the migrations.

-- DOMAIN currency_code

CREATE DOMAIN public.currency_code AS text COLLATE pg_catalog."C"
    CONSTRAINT currency_code_is_tender CHECK ((VALUE = ANY (ARRAY['BIF'::text, 'CLP'::text,
        'DJF'::text, 'GNF'::text, 'ISK'::text, 'JPY'::text, 'KMF'::text, 'KRW'::text, 'PYG'::text,
        'RWF'::text, 'UGX'::text, 'UYI'::text, 'VND'::text, 'VUV'::text, 'XAF'::text, 'XOF'::text,
        'XPF'::text, 'AED'::text, 'AFN'::text, 'ALL'::text, 'AMD'::text, 'AOA'::text, 'ARS'::text,
        'AUD'::text, 'AWG'::text, 'AZN'::text, 'BAM'::text, 'BBD'::text, 'BDT'::text, 'BMD'::text,
        'BND'::text, 'BOB'::text, 'BOV'::text, 'BRL'::text, 'BSD'::text, 'BTN'::text, 'BWP'::text,
        'BYN'::text, 'BZD'::text, 'CAD'::text, 'CDF'::text, 'CHE'::text, 'CHF'::text, 'CHW'::text,
        'CNY'::text, 'COP'::text, 'COU'::text, 'CRC'::text, 'CUP'::text, 'CVE'::text, 'CZK'::text,
        'DKK'::text, 'DOP'::text, 'DZD'::text, 'EGP'::text, 'ERN'::text, 'ETB'::text, 'EUR'::text,
        'FJD'::text, 'FKP'::text, 'GBP'::text, 'GEL'::text, 'GHS'::text, 'GIP'::text, 'GMD'::text,
        'GTQ'::text, 'GYD'::text, 'HKD'::text, 'HNL'::text, 'HTG'::text, 'HUF'::text, 'IDR'::text,
        'ILS'::text, 'INR'::text, 'IRR'::text, 'JMD'::text, 'KES'::text, 'KGS'::text, 'KHR'::text,
        'KPW'::text, 'KYD'::text, 'KZT'::text, 'LAK'::text, 'LBP'::text, 'LKR'::text, 'LRD'::text,
        'LSL'::text, 'MAD'::text, 'MDL'::text, 'MGA'::text, 'MKD'::text, 'MMK'::text, 'MNT'::text,
        'MOP'::text, 'MRU'::text, 'MUR'::text, 'MVR'::text, 'MWK'::text, 'MXN'::text, 'MXV'::text,
        'MYR'::text, 'MZN'::text, 'NAD'::text, 'NGN'::text, 'NIO'::text, 'NOK'::text, 'NPR'::text,
        'NZD'::text, 'PAB'::text, 'PEN'::text, 'PGK'::text, 'PHP'::text, 'PKR'::text, 'PLN'::text,
        'QAR'::text, 'RON'::text, 'RSD'::text, 'RUB'::text, 'SAR'::text, 'SBD'::text, 'SCR'::text,
        'SDG'::text, 'SEK'::text, 'SGD'::text, 'SHP'::text, 'SLE'::text, 'SOS'::text, 'SRD'::text,
        'SSP'::text, 'STN'::text, 'SVC'::text, 'SYP'::text, 'SZL'::text, 'THB'::text, 'TJS'::text,
        'TMT'::text, 'TOP'::text, 'TRY'::text, 'TTD'::text, 'TWD'::text, 'TZS'::text, 'UAH'::text,
        'USD'::text, 'USN'::text, 'UYU'::text, 'UZS'::text, 'VED'::text, 'VES'::text, 'WST'::text,
        'XAD'::text, 'XCD'::text, 'XCG'::text, 'YER'::text, 'ZAR'::text, 'ZMW'::text, 'ZWG'::text,
        'BHD'::text, 'IQD'::text, 'JOD'::text, 'KWD'::text, 'LYD'::text, 'OMR'::text, 'TND'::text,
        'CLF'::text, 'UYW'::text])));

-- FUNCTION refuse_change_of_history()

CREATE FUNCTION public.refuse_change_of_history() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is history: rows are added to it, never changed or removed', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- TABLE api_keys

CREATE TABLE public.api_keys (
    merchant_id uuid NOT NULL,
    key_id uuid NOT NULL,
    prefix text NOT NULL COLLATE pg_catalog."C",
    secret_sha256 bytea NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <=
        200))),
    CONSTRAINT api_keys_prefix_check CHECK (((char_length(prefix) >= 20) AND (char_length(prefix) <=
        40))),
    CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) >= 1) AND (cardinality(scopes) <=
        20))),
    CONSTRAINT api_keys_secret_sha256_check CHECK ((octet_length(secret_sha256) = 32))
);

-- TABLE fraud_prevention_logs

CREATE TABLE public.fraud_prevention_logs (
    merchant_id uuid NOT NULL,
    log_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    decision text NOT NULL COLLATE pg_catalog."C",
    rules jsonb DEFAULT '[]'::jsonb NOT NULL,
    facts jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT fraud_prevention_logs_decision_check CHECK ((decision = ANY (ARRAY['allow'::text,
        'challenge'::text, 'review'::text, 'block'::text])))
);

-- TABLE merchant_limits

CREATE TABLE public.merchant_limits (
    merchant_id uuid NOT NULL,
    currency public.currency_code NOT NULL,
    amount_min bigint DEFAULT 1 NOT NULL,
    amount_max bigint NOT NULL,
    CONSTRAINT merchant_limits_amount_max_check CHECK ((amount_max <= '999999999999'::bigint)),
    CONSTRAINT merchant_limits_amount_min_check CHECK ((amount_min >= 1)),
    CONSTRAINT merchant_limits_check CHECK ((amount_min <= amount_max))
);

-- TABLE merchants

CREATE TABLE public.merchants (
    merchant_id uuid NOT NULL,
    name text NOT NULL,
    mode text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    terms_version text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT merchants_mode_check CHECK ((mode = ANY (ARRAY['test'::text, 'live'::text]))),
    CONSTRAINT merchants_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <=
        200))),
    CONSTRAINT merchants_status_check CHECK ((status = ANY (ARRAY['active'::text,
        'suspended'::text]))),
    CONSTRAINT merchants_terms_version_check CHECK (((char_length(terms_version) >= 1) AND
        (char_length(terms_version) <= 100)))
);

-- TABLE outbox

CREATE TABLE public.outbox (
    merchant_id uuid NOT NULL,
    message_id uuid NOT NULL,
    topic text NOT NULL COLLATE pg_catalog."C",
    payment_id uuid NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    delivered_at timestamp with time zone,
    CONSTRAINT outbox_topic_check CHECK (((char_length(topic) >= 1) AND (char_length(topic) <= 64)))
);

-- TABLE paykeel_migrations

CREATE TABLE public.paykeel_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    duration_ms integer NOT NULL,
    CONSTRAINT paykeel_migrations_checksum_check CHECK ((checksum ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT paykeel_migrations_duration_ms_check CHECK ((duration_ms >= 0)),
    CONSTRAINT paykeel_migrations_name_check CHECK (((length(name) >= 1) AND (length(name) <=
        100))),
    CONSTRAINT paykeel_migrations_version_check CHECK ((version > 0))
);

COMMENT ON TABLE public.paykeel_migrations IS
    'Which migration files were applied, and what they held.';

-- TABLE payment_attempts

CREATE TABLE public.payment_attempts (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    attempt_no smallint NOT NULL,
    operation text NOT NULL COLLATE pg_catalog."C",
    reference bytea NOT NULL,
    idempotency_key text COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    final boolean DEFAULT true NOT NULL,
    ends_in text COLLATE pg_catalog."C",
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    outcome text,
    recover_at timestamp with time zone,
    recover_count integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT payment_attempts_amount_check CHECK ((amount >= 1)),
    CONSTRAINT payment_attempts_attempt_no_check CHECK ((attempt_no >= 1)),
    CONSTRAINT payment_attempts_ends_in_check CHECK ((ends_in = ANY (ARRAY['canceled'::text,
        'expired'::text]))),
    CONSTRAINT payment_attempts_finished CHECK (((state = 'done'::text) = (finished_at IS NOT
        NULL))),
    CONSTRAINT payment_attempts_idempotency_key_check CHECK (((char_length(idempotency_key) >= 1)
        AND (char_length(idempotency_key) <= 255))),
    CONSTRAINT payment_attempts_operation_check CHECK ((operation = ANY (ARRAY['charge'::text,
        'complete'::text, 'capture'::text, 'void'::text, 'refund'::text]))),
    CONSTRAINT payment_attempts_outcome_check CHECK ((char_length(outcome) <= 200)),
    CONSTRAINT payment_attempts_reference_check CHECK ((octet_length(reference) = 32)),
    CONSTRAINT payment_attempts_state_check CHECK ((state = ANY (ARRAY['open'::text,
        'waiting'::text, 'done'::text]))),
    CONSTRAINT payment_attempts_watched CHECK (((state = 'done'::text) = (recover_at IS NULL)))
)
WITH (fillfactor='80');

-- TABLE payment_events

CREATE TABLE public.payment_events (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    sequence integer NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    from_status text NOT NULL COLLATE pg_catalog."C",
    to_status text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    authorized_delta bigint DEFAULT 0 NOT NULL,
    captured_delta bigint DEFAULT 0 NOT NULL,
    refunded_delta bigint DEFAULT 0 NOT NULL,
    late_delta bigint DEFAULT 0 NOT NULL,
    reason text COLLATE pg_catalog."C",
    actor text NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    CONSTRAINT payment_events_actor_check CHECK (((char_length(actor) >= 1) AND (char_length(actor)
        <= 200))),
    CONSTRAINT payment_events_reason_check CHECK ((char_length(reason) <= 64)),
    CONSTRAINT payment_events_sequence_check CHECK ((sequence >= 1)),
    CONSTRAINT payment_events_type_check CHECK (((char_length(type) >= 1) AND (char_length(type) <=
        64)))
);

-- TABLE payment_idempotency

CREATE TABLE public.payment_idempotency (
    merchant_id uuid NOT NULL,
    idempotency_key text NOT NULL COLLATE pg_catalog."C",
    operation text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    fingerprint_version smallint DEFAULT 1 NOT NULL,
    payment_id uuid NOT NULL,
    attempt_no smallint NOT NULL,
    response_status smallint,
    response_type text,
    response_body bytea,
    created_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    CONSTRAINT payment_idempotency_check CHECK (((response_status IS NULL) = (response_body IS
        NULL))),
    CONSTRAINT payment_idempotency_check1 CHECK (((response_status IS NULL) = (answered_at IS
        NULL))),
    CONSTRAINT payment_idempotency_fingerprint_check CHECK ((octet_length(fingerprint) = 32)),
    CONSTRAINT payment_idempotency_idempotency_key_check CHECK (((char_length(idempotency_key) >= 1)
        AND (char_length(idempotency_key) <= 255))),
    CONSTRAINT payment_idempotency_operation_check CHECK ((operation = ANY (ARRAY['purchase'::text,
        'complete'::text, 'capture'::text, 'cancel'::text]))),
    CONSTRAINT payment_idempotency_response_status_check CHECK (((response_status >= 200) AND
        (response_status <= 499))),
    CONSTRAINT payment_idempotency_response_type_check CHECK ((char_length(response_type) <= 100))
)
WITH (fillfactor='70');

-- TABLE payment_metrics

CREATE TABLE public.payment_metrics (
    merchant_id uuid NOT NULL,
    bucket timestamp with time zone NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    gateway text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    slot smallint NOT NULL,
    count bigint NOT NULL,
    amount numeric(38,0) NOT NULL,
    CONSTRAINT payment_metrics_count_check CHECK ((count >= 1))
)
WITH (fillfactor='70');

-- TABLE payment_transitions

CREATE TABLE public.payment_transitions (
    from_status text NOT NULL COLLATE pg_catalog."C",
    to_status text NOT NULL COLLATE pg_catalog."C"
);

-- TABLE payments

CREATE TABLE public.payments (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    idempotency_key text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    version integer DEFAULT 1 NOT NULL,
    amount bigint NOT NULL,
    currency public.currency_code NOT NULL,
    exponent smallint NOT NULL,
    amount_authorized bigint DEFAULT 0 NOT NULL,
    amount_captured bigint DEFAULT 0 NOT NULL,
    amount_refunded bigint DEFAULT 0 NOT NULL,
    amount_late bigint DEFAULT 0 NOT NULL,
    capture_method text NOT NULL,
    buyer_id text NOT NULL,
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    payment_method text NOT NULL,
    reference text,
    description text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    gateway text NOT NULL COLLATE pg_catalog."C",
    gateway_id text,
    failure_reason text COLLATE pg_catalog."C",
    failure_code text,
    next_action jsonb,
    completion_hook text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT payments_amount_authorized_check CHECK ((amount_authorized >= 0)),
    CONSTRAINT payments_amount_captured_check CHECK ((amount_captured >= 0)),
    CONSTRAINT payments_amount_check CHECK (((amount >= 1) AND (amount <= '999999999999'::bigint))),
    CONSTRAINT payments_amount_late_check CHECK ((amount_late >= 0)),
    CONSTRAINT payments_amount_refunded_check CHECK ((amount_refunded >= 0)),
    CONSTRAINT payments_authorized_within_amount CHECK ((amount_authorized <= amount)),
    CONSTRAINT payments_buyer_id_check CHECK (((char_length(buyer_id) >= 1) AND
        (char_length(buyer_id) <= 128))),
    CONSTRAINT payments_buyer_role_check CHECK ((buyer_role = ANY (ARRAY['agent'::text,
        'operator'::text]))),
    CONSTRAINT payments_capture_method_check CHECK ((capture_method = ANY (ARRAY['automatic'::text,
        'manual'::text]))),
    CONSTRAINT payments_captured_when_succeeded CHECK (((status <> 'succeeded'::text) OR
        (amount_captured > 0))),
    CONSTRAINT payments_captured_within_authorized CHECK ((amount_captured <= amount_authorized)),
    CONSTRAINT payments_completion_hook_check CHECK (((char_length(completion_hook) >= 1) AND
        (char_length(completion_hook) <= 200))),
    CONSTRAINT payments_description_check CHECK (((char_length(description) >= 1) AND
        (char_length(description) <= 500))),
    CONSTRAINT payments_exponent_is_the_currencys CHECK ((exponent =
CASE
    WHEN ((currency)::text = ANY (ARRAY['BIF'::text, 'CLP'::text, 'DJF'::text, 'GNF'::text,
        'ISK'::text, 'JPY'::text, 'KMF'::text, 'KRW'::text, 'PYG'::text, 'RWF'::text, 'UGX'::text,
        'UYI'::text, 'VND'::text, 'VUV'::text, 'XAF'::text, 'XOF'::text, 'XPF'::text])) THEN 0
    WHEN ((currency)::text = ANY (ARRAY['BHD'::text, 'IQD'::text, 'JOD'::text, 'KWD'::text,
        'LYD'::text, 'OMR'::text, 'TND'::text])) THEN 3
    WHEN ((currency)::text = ANY (ARRAY['CLF'::text, 'UYW'::text])) THEN 4
    ELSE 2
END)),
    CONSTRAINT payments_failure_code_check CHECK ((char_length(failure_code) <= 100)),
    CONSTRAINT payments_failure_reason_check CHECK (((char_length(failure_reason) >= 1) AND
        (char_length(failure_reason) <= 64))),
    CONSTRAINT payments_finished_when_final CHECK (((finished_at IS NOT NULL) = (status = ANY
        (ARRAY['succeeded'::text, 'failed'::text, 'blocked'::text, 'canceled'::text,
        'expired'::text])))),
    CONSTRAINT payments_gateway_check CHECK (((char_length(gateway) >= 1) AND (char_length(gateway)
        <= 64))),
    CONSTRAINT payments_gateway_id_check CHECK ((char_length(gateway_id) <= 255)),
    CONSTRAINT payments_idempotency_key_check CHECK (((char_length(idempotency_key) >= 1) AND
        (char_length(idempotency_key) <= 255))),
    CONSTRAINT payments_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT payments_next_action_when_required CHECK (((next_action IS NOT NULL) = (status =
        'requires_action'::text))),
    CONSTRAINT payments_payment_method_check CHECK (((char_length(payment_method) >= 1) AND
        (char_length(payment_method) <= 255))),
    CONSTRAINT payments_reason_when_failed CHECK (((failure_reason IS NOT NULL) = (status = ANY
        (ARRAY['failed'::text, 'blocked'::text])))),
    CONSTRAINT payments_reference_check CHECK (((char_length(reference) >= 1) AND
        (char_length(reference) <= 128))),
    CONSTRAINT payments_refunded_within_captured CHECK ((amount_refunded <= amount_captured)),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'in_review'::text,
        'requires_action'::text, 'processing'::text, 'authorized'::text, 'succeeded'::text,
        'failed'::text, 'blocked'::text, 'canceled'::text, 'expired'::text]))),
    CONSTRAINT payments_version_check CHECK ((version >= 1))
)
WITH (fillfactor='85');

-- TABLE refund_policies

CREATE TABLE public.refund_policies (
    merchant_id uuid NOT NULL,
    policy_version integer NOT NULL,
    rules jsonb NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT refund_policies_policy_version_check CHECK ((policy_version >= 1)),
    CONSTRAINT refund_policies_rules_check CHECK ((jsonb_typeof(rules) = 'object'::text))
);

-- TABLE terms_acceptance

CREATE TABLE public.terms_acceptance (
    merchant_id uuid NOT NULL,
    buyer_id text NOT NULL,
    terms_version text NOT NULL,
    accepted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT terms_acceptance_buyer_id_check CHECK (((char_length(buyer_id) >= 1) AND
        (char_length(buyer_id) <= 128))),
    CONSTRAINT terms_acceptance_terms_version_check CHECK (((char_length(terms_version) >= 1) AND
        (char_length(terms_version) <= 100)))
);

-- CONSTRAINT api_keys api_keys_pkey

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (merchant_id, key_id);

-- CONSTRAINT api_keys api_keys_prefix_key

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_prefix_key UNIQUE (prefix);

-- CONSTRAINT fraud_prevention_logs fraud_prevention_logs_pkey

ALTER TABLE ONLY public.fraud_prevention_logs
    ADD CONSTRAINT fraud_prevention_logs_pkey PRIMARY KEY (merchant_id, log_id);

-- CONSTRAINT merchant_limits merchant_limits_pkey

ALTER TABLE ONLY public.merchant_limits
    ADD CONSTRAINT merchant_limits_pkey PRIMARY KEY (merchant_id, currency);

-- CONSTRAINT merchants merchants_pkey

ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_pkey PRIMARY KEY (merchant_id);

-- CONSTRAINT outbox outbox_pkey

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (merchant_id, message_id);

-- CONSTRAINT paykeel_migrations paykeel_migrations_pkey

ALTER TABLE ONLY public.paykeel_migrations
    ADD CONSTRAINT paykeel_migrations_pkey PRIMARY KEY (version);

-- CONSTRAINT payment_attempts payment_attempts_pkey

ALTER TABLE ONLY public.payment_attempts
    ADD CONSTRAINT payment_attempts_pkey PRIMARY KEY (merchant_id, payment_id, attempt_no);

-- CONSTRAINT payment_events payment_events_pkey

ALTER TABLE ONLY public.payment_events
    ADD CONSTRAINT payment_events_pkey PRIMARY KEY (merchant_id, payment_id, sequence);

-- CONSTRAINT payment_idempotency payment_idempotency_pkey

ALTER TABLE ONLY public.payment_idempotency
    ADD CONSTRAINT payment_idempotency_pkey PRIMARY KEY (merchant_id, idempotency_key);

-- CONSTRAINT payment_metrics payment_metrics_pkey

ALTER TABLE ONLY public.payment_metrics
    ADD CONSTRAINT payment_metrics_pkey PRIMARY KEY (merchant_id, bucket, event_type, buyer_role,
        currency, gateway, reason, slot);

-- CONSTRAINT payment_transitions payment_transitions_pkey

ALTER TABLE ONLY public.payment_transitions
    ADD CONSTRAINT payment_transitions_pkey PRIMARY KEY (from_status, to_status);

-- CONSTRAINT payments payments_one_per_key

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_one_per_key UNIQUE (idempotency_key, merchant_id);

-- CONSTRAINT payments payments_pkey

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (merchant_id, payment_id);

-- CONSTRAINT refund_policies refund_policies_pkey

ALTER TABLE ONLY public.refund_policies
    ADD CONSTRAINT refund_policies_pkey PRIMARY KEY (merchant_id, policy_version);

-- CONSTRAINT terms_acceptance terms_acceptance_pkey

ALTER TABLE ONLY public.terms_acceptance
    ADD CONSTRAINT terms_acceptance_pkey PRIMARY KEY (merchant_id, buyer_id, terms_version);

-- INDEX payment_attempts_due

CREATE INDEX payment_attempts_due ON public.payment_attempts USING btree (recover_at, merchant_id)
    WHERE (state <> 'done'::text);

-- INDEX payment_attempts_one_open

CREATE UNIQUE INDEX payment_attempts_one_open ON public.payment_attempts USING btree (payment_id,
    merchant_id) WHERE (state = 'open'::text);

-- INDEX payment_attempts_one_per_key

CREATE UNIQUE INDEX payment_attempts_one_per_key ON public.payment_attempts USING btree
    (idempotency_key, merchant_id) WHERE (idempotency_key IS NOT NULL);

-- INDEX payment_idempotency_by_age

CREATE INDEX payment_idempotency_by_age ON public.payment_idempotency USING brin (created_at);

-- INDEX payments_by_reference

CREATE INDEX payments_by_reference ON public.payments USING btree (reference, merchant_id) WHERE
    (reference IS NOT NULL);

-- INDEX payments_with_late_money

CREATE INDEX payments_with_late_money ON public.payments USING btree (payment_id, merchant_id) WHERE
    (amount_late > 0);

-- TRIGGER fraud_prevention_logs fraud_prevention_logs_are_history

CREATE TRIGGER fraud_prevention_logs_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.fraud_prevention_logs FOR EACH STATEMENT EXECUTE FUNCTION
    public.refuse_change_of_history();

-- TRIGGER payment_events payment_events_are_history

CREATE TRIGGER payment_events_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.payment_events FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER terms_acceptance terms_acceptance_is_history

CREATE TRIGGER terms_acceptance_is_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.terms_acceptance FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- FK CONSTRAINT api_keys api_keys_merchant_id_fkey

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT fraud_prevention_logs fraud_prevention_logs_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.fraud_prevention_logs
    ADD CONSTRAINT fraud_prevention_logs_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id,
        payment_id) REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT merchant_limits merchant_limits_merchant_id_fkey

ALTER TABLE ONLY public.merchant_limits
    ADD CONSTRAINT merchant_limits_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT payment_attempts payment_attempts_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.payment_attempts
    ADD CONSTRAINT payment_attempts_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id,
        payment_id) REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT payment_events payment_events_legal_move

ALTER TABLE ONLY public.payment_events
    ADD CONSTRAINT payment_events_legal_move FOREIGN KEY (from_status, to_status) REFERENCES
        public.payment_transitions(from_status, to_status);

-- FK CONSTRAINT payment_events payment_events_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.payment_events
    ADD CONSTRAINT payment_events_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id, payment_id)
        REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT payment_idempotency payment_idempotency_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.payment_idempotency
    ADD CONSTRAINT payment_idempotency_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id,
        payment_id) REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT payments payments_merchant_id_fkey

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT refund_policies refund_policies_merchant_id_fkey

ALTER TABLE ONLY public.refund_policies
    ADD CONSTRAINT refund_policies_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT terms_acceptance terms_acceptance_merchant_id_fkey

ALTER TABLE ONLY public.terms_acceptance
    ADD CONSTRAINT terms_acceptance_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);
GRANT USAGE ON SCHEMA public TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.api_keys TO paykeel_app;
GRANT UPDATE(name) ON TABLE public.api_keys TO paykeel_app;
GRANT UPDATE(expires_at) ON TABLE public.api_keys TO paykeel_app;
GRANT UPDATE(revoked_at) ON TABLE public.api_keys TO paykeel_app;
GRANT UPDATE(last_used_at) ON TABLE public.api_keys TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_prevention_logs TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.merchant_limits TO paykeel_app;
GRANT UPDATE(amount_min) ON TABLE public.merchant_limits TO paykeel_app;
GRANT UPDATE(amount_max) ON TABLE public.merchant_limits TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.merchants TO paykeel_app;
GRANT UPDATE(name) ON TABLE public.merchants TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.merchants TO paykeel_app;
GRANT UPDATE(terms_version) ON TABLE public.merchants TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.outbox TO paykeel_app;
GRANT UPDATE(delivered_at) ON TABLE public.outbox TO paykeel_app;
GRANT SELECT ON TABLE public.paykeel_migrations TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.payment_attempts TO paykeel_app;
GRANT UPDATE(state) ON TABLE public.payment_attempts TO paykeel_app;
GRANT UPDATE(outcome) ON TABLE public.payment_attempts TO paykeel_app;
GRANT UPDATE(recover_at) ON TABLE public.payment_attempts TO paykeel_app;
GRANT UPDATE(recover_count) ON TABLE public.payment_attempts TO paykeel_app;
GRANT UPDATE(finished_at) ON TABLE public.payment_attempts TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.payment_events TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.payment_idempotency TO paykeel_app;
GRANT UPDATE(response_status) ON TABLE public.payment_idempotency TO paykeel_app;
GRANT UPDATE(response_type) ON TABLE public.payment_idempotency TO paykeel_app;
GRANT UPDATE(response_body) ON TABLE public.payment_idempotency TO paykeel_app;
GRANT UPDATE(answered_at) ON TABLE public.payment_idempotency TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.payment_metrics TO paykeel_app;
GRANT UPDATE(count) ON TABLE public.payment_metrics TO paykeel_app;
GRANT UPDATE(amount) ON TABLE public.payment_metrics TO paykeel_app;
GRANT SELECT ON TABLE public.payment_transitions TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(version) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(amount_authorized) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(amount_captured) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(amount_refunded) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(amount_late) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(gateway_id) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(failure_reason) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(failure_code) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(next_action) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(updated_at) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(finished_at) ON TABLE public.payments TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.refund_policies TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.terms_acceptance TO paykeel_app;
