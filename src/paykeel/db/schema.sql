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

-- FUNCTION refuse_change_of_published_terms()

CREATE FUNCTION public.refuse_change_of_published_terms() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

-- FUNCTION refuse_change_of_published_text()

CREATE FUNCTION public.refuse_change_of_published_text() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

-- FUNCTION refuse_change_of_snapshot()

CREATE FUNCTION public.refuse_change_of_snapshot() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the refund policy of a payment never changes'
        USING ERRCODE = 'restrict_violation';
END
$$;

-- TABLE amount_limits

CREATE TABLE public.amount_limits (
    merchant_id uuid NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    effective_at timestamp with time zone NOT NULL,
    amount_min bigint,
    amount_max bigint,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT amount_limits_amount_max_check CHECK ((amount_max <= '999999999999'::bigint)),
    CONSTRAINT amount_limits_amount_min_check CHECK ((amount_min >= 1)),
    CONSTRAINT amount_limits_both_or_none CHECK (((amount_min IS NULL) = (amount_max IS NULL))),
    CONSTRAINT amount_limits_buyer_role_check CHECK ((buyer_role = ANY (ARRAY['*'::text,
        'agent'::text, 'operator'::text]))),
    CONSTRAINT amount_limits_created_by_check CHECK (((char_length(created_by) >= 1) AND
        (char_length(created_by) <= 100))),
    CONSTRAINT amount_limits_currency_check CHECK (((currency = '*'::text) OR (currency ~
        '^[A-Z]{3}$'::text))),
    CONSTRAINT amount_limits_in_order CHECK ((amount_min <= amount_max)),
    CONSTRAINT amount_limits_kind_check CHECK (((kind = '*'::text) OR (kind ~
        '^[a-z][a-z0-9_]{0,39}$'::text)))
);

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

-- TABLE fraud_activations

CREATE TABLE public.fraud_activations (
    merchant_id uuid NOT NULL,
    activation_id uuid NOT NULL,
    place text NOT NULL COLLATE pg_catalog."C",
    ruleset text COLLATE pg_catalog."C",
    ruleset_version integer,
    evidence jsonb DEFAULT '{}'::jsonb NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    approved_by text,
    approved_at timestamp with time zone,
    CONSTRAINT fraud_activations_approved_by_check CHECK (((char_length(approved_by) >= 1) AND
        (char_length(approved_by) <= 100))),
    CONSTRAINT fraud_activations_check CHECK (((ruleset IS NULL) = (ruleset_version IS NULL))),
    CONSTRAINT fraud_activations_check1 CHECK (((ruleset IS NOT NULL) OR (place = 'shadow'::text))),
    CONSTRAINT fraud_activations_check2 CHECK (((approved_by IS NULL) = (approved_at IS NULL))),
    CONSTRAINT fraud_activations_evidence_check CHECK ((jsonb_typeof(evidence) = 'object'::text)),
    CONSTRAINT fraud_activations_place_check CHECK ((place = ANY (ARRAY['live'::text,
        'shadow'::text]))),
    CONSTRAINT fraud_activations_requested_by_check CHECK (((char_length(requested_by) >= 1) AND
        (char_length(requested_by) <= 100))),
    CONSTRAINT fraud_activations_take_two CHECK (((place <> 'live'::text) OR
        (lower(btrim(approved_by)) <> lower(btrim(requested_by)))))
);

-- TABLE fraud_alerts

CREATE TABLE public.fraud_alerts (
    merchant_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    dedupe_key text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    facts jsonb DEFAULT '{}'::jsonb NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    count bigint NOT NULL,
    counted bigint DEFAULT 0 NOT NULL,
    counted_to timestamp with time zone NOT NULL,
    told bigint DEFAULT 0 NOT NULL,
    acknowledged_by text,
    acknowledged_at timestamp with time zone,
    CONSTRAINT fraud_alerts_acknowledged_by_check CHECK (((char_length(acknowledged_by) >= 1) AND
        (char_length(acknowledged_by) <= 100))),
    CONSTRAINT fraud_alerts_check CHECK (((status = 'acknowledged'::text) = (acknowledged_at IS NOT
        NULL))),
    CONSTRAINT fraud_alerts_count_check CHECK ((count >= 1)),
    CONSTRAINT fraud_alerts_counted_check CHECK ((counted >= 0)),
    CONSTRAINT fraud_alerts_dedupe_key_check CHECK (((char_length(dedupe_key) >= 1) AND
        (char_length(dedupe_key) <= 200))),
    CONSTRAINT fraud_alerts_kind_check CHECK ((kind = ANY (ARRAY['velocity_burst'::text,
        'card_testing'::text, 'decline_spike'::text, 'amount_tampering'::text]))),
    CONSTRAINT fraud_alerts_status_check CHECK ((status = ANY (ARRAY['open'::text,
        'acknowledged'::text]))),
    CONSTRAINT fraud_alerts_told_check CHECK ((told >= 0))
);

-- TABLE fraud_backtests

CREATE TABLE public.fraud_backtests (
    merchant_id uuid NOT NULL,
    backtest_id uuid NOT NULL,
    ruleset text NOT NULL COLLATE pg_catalog."C",
    ruleset_sha256 bytea NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    decisions bigint NOT NULL,
    report jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_backtests_created_by_check CHECK (((char_length(created_by) >= 1) AND
        (char_length(created_by) <= 100))),
    CONSTRAINT fraud_backtests_report_check CHECK ((jsonb_typeof(report) = 'object'::text)),
    CONSTRAINT fraud_backtests_ruleset_sha256_check CHECK ((octet_length(ruleset_sha256) = 32))
);

-- TABLE fraud_labels

CREATE TABLE public.fraud_labels (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    label_id uuid NOT NULL,
    label text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    known_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_labels_created_by_check CHECK (((char_length(created_by) >= 1) AND
        (char_length(created_by) <= 100))),
    CONSTRAINT fraud_labels_label_check CHECK ((label = ANY (ARRAY['fraud'::text,
        'genuine'::text]))),
    CONSTRAINT fraud_labels_source_check CHECK ((source = ANY (ARRAY['chargeback'::text,
        'early_warning'::text, 'review'::text, 'customer'::text])))
);

-- TABLE fraud_lists

CREATE TABLE public.fraud_lists (
    merchant_id uuid NOT NULL,
    key bigint NOT NULL,
    list text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL,
    author text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    CONSTRAINT fraud_lists_author_check CHECK (((char_length(author) >= 1) AND (char_length(author)
        <= 100))),
    CONSTRAINT fraud_lists_kind_check CHECK (((char_length(kind) >= 1) AND (char_length(kind) <=
        47))),
    CONSTRAINT fraud_lists_list_check CHECK ((list ~ '^[a-z][a-z0-9_]{0,39}$'::text)),
    CONSTRAINT fraud_lists_reason_check CHECK (((char_length(reason) >= 1) AND (char_length(reason)
        <= 200)))
);

-- TABLE fraud_model_activations

CREATE TABLE public.fraud_model_activations (
    merchant_id uuid NOT NULL,
    activation_no bigint NOT NULL,
    model text COLLATE pg_catalog."C",
    model_version integer,
    author text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_model_activations_activation_no_check CHECK ((activation_no >= 1)),
    CONSTRAINT fraud_model_activations_author_check CHECK (((char_length(author) >= 1) AND
        (char_length(author) <= 100))),
    CONSTRAINT fraud_model_activations_check CHECK (((model IS NULL) = (model_version IS NULL)))
);

-- TABLE fraud_models

CREATE TABLE public.fraud_models (
    merchant_id uuid NOT NULL,
    model text NOT NULL COLLATE pg_catalog."C",
    model_version integer NOT NULL,
    document jsonb NOT NULL,
    sha256 bytea NOT NULL,
    figures jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_models_created_by_check CHECK (((char_length(created_by) >= 1) AND
        (char_length(created_by) <= 100))),
    CONSTRAINT fraud_models_document_check CHECK ((jsonb_typeof(document) = 'object'::text)),
    CONSTRAINT fraud_models_model_check CHECK ((model ~ '^[a-z][a-z0-9_]{0,59}$'::text)),
    CONSTRAINT fraud_models_model_version_check CHECK ((model_version >= 1)),
    CONSTRAINT fraud_models_sha256_check CHECK ((octet_length(sha256) = 32))
);

-- TABLE fraud_prevention_logs

CREATE TABLE public.fraud_prevention_logs (
    merchant_id uuid NOT NULL,
    log_id uuid NOT NULL,
    payment_id uuid,
    decision text NOT NULL COLLATE pg_catalog."C",
    rules jsonb DEFAULT '[]'::jsonb NOT NULL,
    facts jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    score smallint DEFAULT 0 NOT NULL,
    reasons text[] DEFAULT '{}'::text[] NOT NULL,
    ruleset text COLLATE pg_catalog."C",
    ruleset_version integer,
    ruleset_sha256 bytea,
    engine text,
    shadow jsonb,
    model jsonb,
    took_us integer DEFAULT 0 NOT NULL,
    CONSTRAINT fraud_prevention_logs_check CHECK (((payment_id IS NULL) = (decision =
        'refuse'::text))),
    CONSTRAINT fraud_prevention_logs_decision_check CHECK ((decision = ANY (ARRAY['allow'::text,
        'challenge'::text, 'review'::text, 'block'::text, 'refuse'::text]))),
    CONSTRAINT fraud_prevention_logs_score_check CHECK (((score >= 0) AND (score <= 100)))
);

-- TABLE fraud_review_notes

CREATE TABLE public.fraud_review_notes (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    note_id uuid NOT NULL,
    action text NOT NULL COLLATE pg_catalog."C",
    author text NOT NULL,
    body text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_review_notes_action_check CHECK ((action = ANY (ARRAY['note'::text,
        'assign'::text, 'approve'::text, 'reject'::text, 'expire'::text]))),
    CONSTRAINT fraud_review_notes_author_check CHECK (((char_length(author) >= 1) AND
        (char_length(author) <= 100))),
    CONSTRAINT fraud_review_notes_body_check CHECK ((char_length(body) <= 2000))
);

-- TABLE fraud_reviews

CREATE TABLE public.fraud_reviews (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    reasons text[] NOT NULL,
    approvals_needed smallint DEFAULT 1 NOT NULL,
    approvals smallint DEFAULT 0 NOT NULL,
    assignee text,
    due_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    CONSTRAINT fraud_reviews_approvals_needed_check CHECK ((approvals_needed = ANY (ARRAY[1, 2]))),
    CONSTRAINT fraud_reviews_assignee_check CHECK (((char_length(assignee) >= 1) AND
        (char_length(assignee) <= 100))),
    CONSTRAINT fraud_reviews_check CHECK (((status = 'open'::text) = (decided_at IS NULL))),
    CONSTRAINT fraud_reviews_enough_approvals CHECK (((approvals >= 0) AND (approvals <=
        approvals_needed) AND ((status = 'approved'::text) = (approvals = approvals_needed)))),
    CONSTRAINT fraud_reviews_status_check CHECK ((status = ANY (ARRAY['open'::text,
        'approved'::text, 'rejected'::text, 'expired'::text, 'canceled'::text])))
);

-- TABLE fraud_rules

CREATE TABLE public.fraud_rules (
    merchant_id uuid NOT NULL,
    rule_key text NOT NULL COLLATE pg_catalog."C",
    rule_version integer NOT NULL,
    document jsonb NOT NULL,
    sha256 bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_rules_created_by_check CHECK (((char_length(created_by) >= 1) AND
        (char_length(created_by) <= 100))),
    CONSTRAINT fraud_rules_document_check CHECK ((jsonb_typeof(document) = 'object'::text)),
    CONSTRAINT fraud_rules_rule_key_check CHECK ((rule_key ~ '^[a-z][a-z0-9_]{0,59}$'::text)),
    CONSTRAINT fraud_rules_rule_version_check CHECK ((rule_version >= 1)),
    CONSTRAINT fraud_rules_sha256_check CHECK ((octet_length(sha256) = 32))
);

-- TABLE fraud_rulesets

CREATE TABLE public.fraud_rulesets (
    merchant_id uuid NOT NULL,
    ruleset text NOT NULL COLLATE pg_catalog."C",
    ruleset_version integer NOT NULL,
    document jsonb NOT NULL,
    members jsonb NOT NULL,
    sha256 bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fraud_rulesets_created_by_check CHECK (((char_length(created_by) >= 1) AND
        (char_length(created_by) <= 100))),
    CONSTRAINT fraud_rulesets_document_check CHECK ((jsonb_typeof(document) = 'object'::text)),
    CONSTRAINT fraud_rulesets_members_check CHECK ((jsonb_typeof(members) = 'array'::text)),
    CONSTRAINT fraud_rulesets_ruleset_check CHECK ((ruleset ~ '^[a-z][a-z0-9_]{0,59}$'::text)),
    CONSTRAINT fraud_rulesets_ruleset_version_check CHECK ((ruleset_version >= 1)),
    CONSTRAINT fraud_rulesets_sha256_check CHECK ((octet_length(sha256) = 32))
);

-- TABLE merchants

CREATE TABLE public.merchants (
    merchant_id uuid NOT NULL,
    name text NOT NULL,
    mode text NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    reference_currency public.currency_code DEFAULT 'EUR'::text NOT NULL,
    terms_revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT merchants_mode_check CHECK ((mode = ANY (ARRAY['test'::text, 'live'::text]))),
    CONSTRAINT merchants_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <=
        200))),
    CONSTRAINT merchants_status_check CHECK ((status = ANY (ARRAY['active'::text,
        'suspended'::text])))
);

-- TABLE metric_alerts

CREATE TABLE public.metric_alerts (
    merchant_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    rule text NOT NULL COLLATE pg_catalog."C",
    dedupe_key text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    facts jsonb NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    calm_since timestamp with time zone,
    acknowledged_by text,
    acknowledged_at timestamp with time zone,
    resolved_at timestamp with time zone,
    CONSTRAINT metric_alerts_acknowledged_by_check CHECK (((char_length(acknowledged_by) >= 1) AND
        (char_length(acknowledged_by) <= 100))),
    CONSTRAINT metric_alerts_by_somebody CHECK (((acknowledged_by IS NULL) = (acknowledged_at IS
        NULL))),
    CONSTRAINT metric_alerts_dedupe_key_check CHECK (((char_length(dedupe_key) >= 1) AND
        (char_length(dedupe_key) <= 200))),
    CONSTRAINT metric_alerts_facts_check CHECK ((jsonb_typeof(facts) = 'object'::text)),
    CONSTRAINT metric_alerts_in_order CHECK (((last_at >= opened_at) AND (resolved_at >=
        opened_at))),
    CONSTRAINT metric_alerts_resolved CHECK (((status = 'resolved'::text) = (resolved_at IS NOT
        NULL))),
    CONSTRAINT metric_alerts_rule_check CHECK ((rule = ANY (ARRAY['success_rate_drop'::text,
        'decline_spike'::text, 'latency_p95'::text, 'unknown_outcomes'::text, 'recovery_lag'::text,
        'review_backlog'::text, 'fraud_alerts'::text, 'sink_lag'::text]))),
    CONSTRAINT metric_alerts_seen CHECK (((status = 'resolved'::text) OR ((status =
        'acknowledged'::text) = (acknowledged_at IS NOT NULL)))),
    CONSTRAINT metric_alerts_status_check CHECK ((status = ANY (ARRAY['open'::text,
        'acknowledged'::text, 'resolved'::text])))
);

-- TABLE metric_sink_batches

CREATE TABLE public.metric_sink_batches (
    sink text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    minute_from timestamp with time zone NOT NULL,
    minute_until timestamp with time zone NOT NULL,
    dimensions text NOT NULL COLLATE pg_catalog."C",
    datums jsonb NOT NULL,
    datum_count integer NOT NULL,
    probe jsonb NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    uncertain boolean DEFAULT false NOT NULL,
    sending_since timestamp with time zone,
    claimed_until timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    CONSTRAINT metric_sink_batches_claimed CHECK (((claimed_until IS NOT NULL) = (state =
        'sending'::text))),
    CONSTRAINT metric_sink_batches_datum_count_check CHECK ((datum_count >= 1)),
    CONSTRAINT metric_sink_batches_datums_check CHECK ((jsonb_typeof(datums) = 'array'::text)),
    CONSTRAINT metric_sink_batches_dimensions_check CHECK (((char_length(dimensions) >= 1) AND
        (char_length(dimensions) <= 1000))),
    CONSTRAINT metric_sink_batches_kind_check CHECK ((kind = ANY (ARRAY['minutes'::text,
        'late'::text, 'gauges'::text]))),
    CONSTRAINT metric_sink_batches_probe_check CHECK ((jsonb_typeof(probe) = 'object'::text)),
    CONSTRAINT metric_sink_batches_sent CHECK (((sent_at IS NOT NULL) = (state = 'sent'::text))),
    CONSTRAINT metric_sink_batches_sequence_check CHECK ((sequence >= 1)),
    CONSTRAINT metric_sink_batches_span CHECK ((minute_from < minute_until)),
    CONSTRAINT metric_sink_batches_state_check CHECK ((state = ANY (ARRAY['queued'::text,
        'sending'::text, 'sent'::text]))),
    CONSTRAINT metric_sink_batches_tries_check CHECK ((tries >= 0))
)
WITH (fillfactor='70');

-- TABLE metric_sinks

CREATE TABLE public.metric_sinks (
    sink text NOT NULL COLLATE pg_catalog."C",
    started_at timestamp with time zone NOT NULL,
    last_on_at timestamp with time zone NOT NULL,
    prepared_to timestamp with time zone NOT NULL,
    compared_to timestamp with time zone NOT NULL,
    sampled_at timestamp with time zone,
    last_sequence bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    retry_at timestamp with time zone,
    last_error text,
    last_sent_at timestamp with time zone,
    batches_sent bigint DEFAULT 0 NOT NULL,
    datums_sent bigint DEFAULT 0 NOT NULL,
    datums_dropped bigint DEFAULT 0 NOT NULL,
    batches_uncertain bigint DEFAULT 0 NOT NULL,
    datums_late bigint DEFAULT 0 NOT NULL,
    CONSTRAINT metric_sinks_batches_sent_check CHECK ((batches_sent >= 0)),
    CONSTRAINT metric_sinks_batches_uncertain_check CHECK ((batches_uncertain >= 0)),
    CONSTRAINT metric_sinks_datums_dropped_check CHECK ((datums_dropped >= 0)),
    CONSTRAINT metric_sinks_datums_late_check CHECK ((datums_late >= 0)),
    CONSTRAINT metric_sinks_datums_sent_check CHECK ((datums_sent >= 0)),
    CONSTRAINT metric_sinks_failures_check CHECK ((failures >= 0)),
    CONSTRAINT metric_sinks_in_order CHECK (((started_at <= compared_to) AND (compared_to <=
        prepared_to))),
    CONSTRAINT metric_sinks_last_error_check CHECK (((char_length(last_error) >= 1) AND
        (char_length(last_error) <= 500))),
    CONSTRAINT metric_sinks_last_sequence_check CHECK ((last_sequence >= 0)),
    CONSTRAINT metric_sinks_sink_check CHECK ((sink = ANY (ARRAY['cloudwatch'::text, 'emf'::text,
        'otlp'::text])))
);

-- TABLE metric_watermarks

CREATE TABLE public.metric_watermarks (
    merchant_id uuid NOT NULL,
    hours_to timestamp with time zone NOT NULL,
    days_to timestamp with time zone NOT NULL,
    late_from timestamp with time zone,
    minutes_from timestamp with time zone,
    hours_from timestamp with time zone,
    CONSTRAINT metric_watermarks_check CHECK ((days_to <= hours_to)),
    CONSTRAINT metric_watermarks_check1 CHECK ((minutes_from <= hours_to)),
    CONSTRAINT metric_watermarks_check2 CHECK ((hours_from <= days_to))
)
WITH (fillfactor='70');

-- TABLE payment_metrics

CREATE TABLE public.payment_metrics (
    merchant_id uuid NOT NULL,
    bucket timestamp with time zone NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL COLLATE pg_catalog."C",
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    gateway text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    slot smallint NOT NULL,
    count bigint NOT NULL,
    amount numeric(38,0) NOT NULL,
    captured numeric(38,0) NOT NULL,
    refunded numeric(38,0) NOT NULL,
    CONSTRAINT payment_metrics_count_check CHECK ((count >= 1))
)
WITH (fillfactor='70');

-- TABLE payment_metrics_hourly

CREATE TABLE public.payment_metrics_hourly (
    merchant_id uuid NOT NULL,
    bucket timestamp with time zone NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL COLLATE pg_catalog."C",
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    gateway text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    count bigint NOT NULL,
    amount numeric(38,0) NOT NULL,
    captured numeric(38,0) NOT NULL,
    refunded numeric(38,0) NOT NULL,
    CONSTRAINT payment_metrics_hourly_count_check CHECK ((count >= 1))
);

-- VIEW metrics_by_hour

CREATE VIEW public.metrics_by_hour AS
 SELECT h.merchant_id,
    h.bucket AS hour,
    h.event_type,
    h.outcome,
    h.buyer_role,
    h.currency,
    h.gateway,
    h.reason,
    h.count,
    h.amount,
    h.captured,
    h.refunded
   FROM (public.payment_metrics_hourly h
     JOIN public.metric_watermarks w ON ((w.merchant_id = h.merchant_id)))
  WHERE (h.bucket < LEAST(w.hours_to, w.late_from))
UNION ALL
 SELECT m.merchant_id,
    date_trunc('hour'::text, m.bucket, 'UTC'::text) AS hour,
    m.event_type,
    m.outcome,
    m.buyer_role,
    m.currency,
    m.gateway,
    m.reason,
    (sum(m.count))::bigint AS count,
    sum(m.amount) AS amount,
    sum(m.captured) AS captured,
    sum(m.refunded) AS refunded
   FROM (public.payment_metrics m
     LEFT JOIN public.metric_watermarks w ON ((w.merchant_id = m.merchant_id)))
  WHERE (m.bucket >= COALESCE(LEAST(w.hours_to, w.late_from), '-infinity'::timestamp with time
      zone))
  GROUP BY m.merchant_id, (date_trunc('hour'::text, m.bucket, 'UTC'::text)), m.event_type,
      m.outcome, m.buyer_role, m.currency, m.gateway, m.reason;

-- TABLE payment_metrics_daily

CREATE TABLE public.payment_metrics_daily (
    merchant_id uuid NOT NULL,
    bucket timestamp with time zone NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL COLLATE pg_catalog."C",
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL COLLATE pg_catalog."C",
    gateway text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    count bigint NOT NULL,
    amount numeric(38,0) NOT NULL,
    captured numeric(38,0) NOT NULL,
    refunded numeric(38,0) NOT NULL,
    CONSTRAINT payment_metrics_daily_count_check CHECK ((count >= 1))
);

-- VIEW metrics_by_day

CREATE VIEW public.metrics_by_day AS
 SELECT d.merchant_id,
    ((d.bucket AT TIME ZONE 'UTC'::text))::date AS day,
    d.event_type,
    d.outcome,
    d.buyer_role,
    d.currency,
    d.gateway,
    d.reason,
    d.count,
    d.amount,
    d.captured,
    d.refunded
   FROM (public.payment_metrics_daily d
     JOIN public.metric_watermarks w ON ((w.merchant_id = d.merchant_id)))
  WHERE (d.bucket < LEAST(w.days_to, date_trunc('day'::text, w.late_from, 'UTC'::text)))
UNION ALL
 SELECT h.merchant_id,
    ((h.hour AT TIME ZONE 'UTC'::text))::date AS day,
    h.event_type,
    h.outcome,
    h.buyer_role,
    h.currency,
    h.gateway,
    h.reason,
    (sum(h.count))::bigint AS count,
    sum(h.amount) AS amount,
    sum(h.captured) AS captured,
    sum(h.refunded) AS refunded
   FROM (public.metrics_by_hour h
     LEFT JOIN public.metric_watermarks w ON ((w.merchant_id = h.merchant_id)))
  WHERE (h.hour >= COALESCE(LEAST(w.days_to, date_trunc('day'::text, w.late_from, 'UTC'::text)),
      '-infinity'::timestamp with time zone))
  GROUP BY h.merchant_id, (((h.hour AT TIME ZONE 'UTC'::text))::date), h.event_type, h.outcome,
      h.buyer_role, h.currency, h.gateway, h.reason;

-- VIEW metrics_failures

CREATE VIEW public.metrics_failures AS
 SELECT merchant_id,
    day,
    buyer_role,
    currency,
    gateway,
    reason,
    (sum(count))::bigint AS failed,
    sum(amount) AS amount
   FROM public.metrics_by_day d
  WHERE (outcome = 'failed'::text)
  GROUP BY merchant_id, day, buyer_role, currency, gateway, reason;

-- TABLE payment_latencies

CREATE TABLE public.payment_latencies (
    merchant_id uuid NOT NULL,
    bucket timestamp with time zone NOT NULL,
    stage text NOT NULL COLLATE pg_catalog."C",
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    gateway text NOT NULL COLLATE pg_catalog."C",
    slot smallint NOT NULL,
    place smallint NOT NULL,
    count bigint NOT NULL,
    sum_us numeric(38,0) NOT NULL,
    CONSTRAINT payment_latencies_count_check CHECK ((count >= 1)),
    CONSTRAINT payment_latencies_place_check CHECK (((place >= 0) AND (place <= 304))),
    CONSTRAINT payment_latencies_stage_check CHECK ((stage = ANY (ARRAY['open'::text,
        'gateway'::text, 'settle'::text, 'purchase'::text]))),
    CONSTRAINT payment_latencies_sum_us_check CHECK ((sum_us >= (0)::numeric))
)
WITH (fillfactor='70');

-- TABLE payment_latencies_hourly

CREATE TABLE public.payment_latencies_hourly (
    merchant_id uuid NOT NULL,
    bucket timestamp with time zone NOT NULL,
    stage text NOT NULL COLLATE pg_catalog."C",
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    gateway text NOT NULL COLLATE pg_catalog."C",
    place smallint NOT NULL,
    count bigint NOT NULL,
    sum_us numeric(38,0) NOT NULL,
    CONSTRAINT payment_latencies_hourly_count_check CHECK ((count >= 1)),
    CONSTRAINT payment_latencies_hourly_place_check CHECK (((place >= 0) AND (place <= 304))),
    CONSTRAINT payment_latencies_hourly_stage_check CHECK ((stage = ANY (ARRAY['open'::text,
        'gateway'::text, 'settle'::text, 'purchase'::text]))),
    CONSTRAINT payment_latencies_hourly_sum_us_check CHECK ((sum_us >= (0)::numeric))
);

-- VIEW metrics_latency

CREATE VIEW public.metrics_latency AS
 SELECT h.merchant_id,
    h.bucket AS hour,
    h.stage,
    h.buyer_role,
    h.gateway,
    h.place,
        CASE
            WHEN (h.place < 304) THEN (floor(power((2)::numeric, ((h.place)::numeric /
                8.0))))::bigint
            ELSE NULL::bigint
        END AS upper_us,
    h.count,
    h.sum_us
   FROM (public.payment_latencies_hourly h
     JOIN public.metric_watermarks w ON ((w.merchant_id = h.merchant_id)))
  WHERE (h.bucket < LEAST(w.hours_to, w.late_from))
UNION ALL
 SELECT l.merchant_id,
    date_trunc('hour'::text, l.bucket, 'UTC'::text) AS hour,
    l.stage,
    l.buyer_role,
    l.gateway,
    l.place,
        CASE
            WHEN (l.place < 304) THEN (floor(power((2)::numeric, ((l.place)::numeric /
                8.0))))::bigint
            ELSE NULL::bigint
        END AS upper_us,
    (sum(l.count))::bigint AS count,
    sum(l.sum_us) AS sum_us
   FROM (public.payment_latencies l
     LEFT JOIN public.metric_watermarks w ON ((w.merchant_id = l.merchant_id)))
  WHERE (l.bucket >= COALESCE(LEAST(w.hours_to, w.late_from), '-infinity'::timestamp with time
      zone))
  GROUP BY l.merchant_id, (date_trunc('hour'::text, l.bucket, 'UTC'::text)), l.stage, l.buyer_role,
      l.gateway, l.place;

-- VIEW metrics_purchases

CREATE VIEW public.metrics_purchases AS
 SELECT merchant_id,
    day,
    buyer_role,
    currency,
    gateway,
    (COALESCE(sum(count) FILTER (WHERE (event_type = ANY (ARRAY['payment.opened'::text,
        'payment.in_review'::text, 'payment.blocked'::text]))), (0)::numeric))::bigint AS begun,
    (COALESCE(sum(count) FILTER (WHERE (outcome = 'succeeded'::text)), (0)::numeric))::bigint AS
        succeeded,
    (COALESCE(sum(count) FILTER (WHERE (outcome = 'failed'::text)), (0)::numeric))::bigint AS
        failed,
    (COALESCE(sum(count) FILTER (WHERE (outcome = 'blocked'::text)), (0)::numeric))::bigint AS
        blocked,
    (COALESCE(sum(count) FILTER (WHERE (outcome = 'canceled'::text)), (0)::numeric))::bigint AS
        canceled,
    (COALESCE(sum(count) FILTER (WHERE (outcome = 'expired'::text)), (0)::numeric))::bigint AS
        expired
   FROM public.metrics_by_day d
  GROUP BY merchant_id, day, buyer_role, currency, gateway;

-- VIEW metrics_revenue

CREATE VIEW public.metrics_revenue AS
 SELECT merchant_id,
    day,
    buyer_role,
    currency,
    gateway,
    sum(captured) AS gross,
    sum(refunded) AS refunds,
    (sum(captured) - sum(refunded)) AS net
   FROM public.metrics_by_day d
  WHERE ((captured <> (0)::numeric) OR (refunded <> (0)::numeric))
  GROUP BY merchant_id, day, buyer_role, currency, gateway;

-- TABLE outbox

CREATE TABLE public.outbox (
    merchant_id uuid NOT NULL,
    message_id uuid NOT NULL,
    topic text NOT NULL COLLATE pg_catalog."C",
    payment_id uuid,
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
    refund_id uuid,
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
    reserved_delta bigint DEFAULT 0 NOT NULL,
    disputed_delta bigint DEFAULT 0 NOT NULL,
    refund_id uuid,
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
        'complete'::text, 'capture'::text, 'cancel'::text, 'refund'::text]))),
    CONSTRAINT payment_idempotency_response_status_check CHECK (((response_status >= 200) AND
        (response_status <= 499))),
    CONSTRAINT payment_idempotency_response_type_check CHECK ((char_length(response_type) <= 100))
)
WITH (fillfactor='16');

-- TABLE payment_latencies_daily

CREATE TABLE public.payment_latencies_daily (
    merchant_id uuid NOT NULL,
    bucket timestamp with time zone NOT NULL,
    stage text NOT NULL COLLATE pg_catalog."C",
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    gateway text NOT NULL COLLATE pg_catalog."C",
    place smallint NOT NULL,
    count bigint NOT NULL,
    sum_us numeric(38,0) NOT NULL,
    CONSTRAINT payment_latencies_daily_count_check CHECK ((count >= 1)),
    CONSTRAINT payment_latencies_daily_place_check CHECK (((place >= 0) AND (place <= 304))),
    CONSTRAINT payment_latencies_daily_stage_check CHECK ((stage = ANY (ARRAY['open'::text,
        'gateway'::text, 'settle'::text, 'purchase'::text]))),
    CONSTRAINT payment_latencies_daily_sum_us_check CHECK ((sum_us >= (0)::numeric))
);

-- TABLE payment_transitions

CREATE TABLE public.payment_transitions (
    from_status text NOT NULL COLLATE pg_catalog."C",
    to_status text NOT NULL COLLATE pg_catalog."C",
    outcome text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT payment_transitions_outcome_check CHECK ((outcome = ANY (ARRAY[''::text,
        'succeeded'::text, 'failed'::text, 'blocked'::text, 'canceled'::text, 'expired'::text])))
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
    kind text DEFAULT 'purchase'::text NOT NULL COLLATE pg_catalog."C",
    warnings jsonb,
    amount_refund_reserved bigint DEFAULT 0 NOT NULL,
    amount_disputed bigint DEFAULT 0 NOT NULL,
    refund_policy_key text COLLATE pg_catalog."C",
    refund_policy_version integer,
    refund_policy_sha256 bytea,
    CONSTRAINT payments_amount_authorized_check CHECK ((amount_authorized >= 0)),
    CONSTRAINT payments_amount_captured_check CHECK ((amount_captured >= 0)),
    CONSTRAINT payments_amount_check CHECK (((amount >= 1) AND (amount <= '999999999999'::bigint))),
    CONSTRAINT payments_amount_disputed_check CHECK ((amount_disputed >= 0)),
    CONSTRAINT payments_amount_late_check CHECK ((amount_late >= 0)),
    CONSTRAINT payments_amount_refund_reserved_check CHECK ((amount_refund_reserved >= 0)),
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
    CONSTRAINT payments_disputed_within_captured CHECK ((amount_disputed <= amount_captured)),
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
    CONSTRAINT payments_kind_check CHECK ((kind ~ '^[a-z][a-z0-9_]{0,39}$'::text)),
    CONSTRAINT payments_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT payments_next_action_when_required CHECK (((next_action IS NOT NULL) = (status =
        'requires_action'::text))),
    CONSTRAINT payments_payment_method_check CHECK (((char_length(payment_method) >= 1) AND
        (char_length(payment_method) <= 255))),
    CONSTRAINT payments_reason_when_failed CHECK (((failure_reason IS NOT NULL) = (status = ANY
        (ARRAY['failed'::text, 'blocked'::text])))),
    CONSTRAINT payments_reference_check CHECK (((char_length(reference) >= 1) AND
        (char_length(reference) <= 128))),
    CONSTRAINT payments_refund_policy_sha256_check CHECK ((octet_length(refund_policy_sha256) =
        32)),
    CONSTRAINT payments_refund_policy_whole CHECK ((num_nulls(refund_policy_key,
        refund_policy_version, refund_policy_sha256) = ANY (ARRAY[0, 3]))),
    CONSTRAINT payments_refunded_within_captured CHECK (((amount_refunded + amount_refund_reserved)
        <= amount_captured)),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'in_review'::text,
        'requires_action'::text, 'processing'::text, 'authorized'::text, 'succeeded'::text,
        'failed'::text, 'blocked'::text, 'canceled'::text, 'expired'::text]))),
    CONSTRAINT payments_version_check CHECK ((version >= 1)),
    CONSTRAINT payments_warnings_check CHECK ((jsonb_typeof(warnings) = 'array'::text))
)
WITH (fillfactor='85');

-- TABLE reference_rates

CREATE TABLE public.reference_rates (
    merchant_id uuid NOT NULL,
    reference_currency public.currency_code NOT NULL,
    currency public.currency_code NOT NULL,
    effective_on date NOT NULL,
    rate numeric(24,12) NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT reference_rates_created_by_check CHECK (((char_length(created_by) >= 1) AND
        (char_length(created_by) <= 100))),
    CONSTRAINT reference_rates_of_another CHECK (((currency)::text <> (reference_currency)::text)),
    CONSTRAINT reference_rates_rate_check CHECK ((rate > (0)::numeric))
);

-- TABLE refund_decisions

CREATE TABLE public.refund_decisions (
    merchant_id uuid NOT NULL,
    refund_id uuid NOT NULL,
    sequence smallint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    from_status text NOT NULL COLLATE pg_catalog."C",
    to_status text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL,
    because text,
    as_of timestamp with time zone,
    facts jsonb,
    trace jsonb,
    breakdown jsonb,
    decided_at timestamp with time zone NOT NULL,
    CONSTRAINT refund_decisions_actor_check CHECK (((char_length(actor) >= 1) AND
        (char_length(actor) <= 200))),
    CONSTRAINT refund_decisions_because_check CHECK (((char_length(because) >= 1) AND
        (char_length(because) <= 500))),
    CONSTRAINT refund_decisions_breakdown_check CHECK ((jsonb_typeof(breakdown) = 'array'::text)),
    CONSTRAINT refund_decisions_facts_check CHECK ((jsonb_typeof(facts) = 'object'::text)),
    CONSTRAINT refund_decisions_kind_check CHECK ((kind = ANY (ARRAY['requested'::text,
        'approved'::text, 'rejected'::text, 'canceled'::text, 'noticed'::text]))),
    CONSTRAINT refund_decisions_sequence_check CHECK ((sequence >= 1)),
    CONSTRAINT refund_decisions_trace_check CHECK ((jsonb_typeof(trace) = 'array'::text))
);

-- TABLE refund_notices

CREATE TABLE public.refund_notices (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    gateway_id text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    currency text NOT NULL COLLATE pg_catalog."C",
    told_at timestamp with time zone NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    refund_id uuid,
    waits_for text COLLATE pg_catalog."C",
    alarmed_at timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    next_try_at timestamp with time zone,
    dismissed_by text,
    dismissed_because text,
    dismissed_at timestamp with time zone,
    CONSTRAINT refund_notices_became CHECK (
CASE
    WHEN (refund_id IS NULL) THEN (status <> 'booked'::text)
    ELSE (status = ANY (ARRAY['booked'::text, 'ours'::text]))
END),
    CONSTRAINT refund_notices_currency_check CHECK (((char_length(currency) >= 1) AND
        (char_length(currency) <= 10))),
    CONSTRAINT refund_notices_dismissed_because_check CHECK (((char_length(dismissed_because) >= 1)
        AND (char_length(dismissed_because) <= 500))),
    CONSTRAINT refund_notices_dismissed_by_check CHECK (((char_length(dismissed_by) >= 1) AND
        (char_length(dismissed_by) <= 200))),
    CONSTRAINT refund_notices_dismissed_whole CHECK ((num_nulls(dismissed_by, dismissed_because,
        dismissed_at) =
CASE status
    WHEN 'dismissed'::text THEN 0
    ELSE 3
END)),
    CONSTRAINT refund_notices_gateway_id_check CHECK (((char_length(gateway_id) >= 1) AND
        (char_length(gateway_id) <= 255))),
    CONSTRAINT refund_notices_status_check CHECK ((status = ANY (ARRAY['open'::text, 'booked'::text,
        'ours'::text, 'dismissed'::text]))),
    CONSTRAINT refund_notices_tries_check CHECK ((tries >= 0)),
    CONSTRAINT refund_notices_waits_for_check CHECK ((waits_for = ANY (ARRAY['answer'::text,
        'person'::text, 'room'::text]))),
    CONSTRAINT refund_notices_watched_while_open CHECK (((next_try_at IS NOT NULL) = (status =
        'open'::text)))
)
WITH (fillfactor='80');

-- TABLE refund_policies

CREATE TABLE public.refund_policies (
    merchant_id uuid NOT NULL,
    policy_version integer NOT NULL,
    document jsonb CONSTRAINT refund_policies_rules_not_null NOT NULL,
    effective_from timestamp with time zone CONSTRAINT refund_policies_effective_at_not_null NOT
        NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    policy_key text NOT NULL COLLATE pg_catalog."C",
    sha256 bytea NOT NULL,
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    product text NOT NULL COLLATE pg_catalog."C",
    jurisdiction text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    payment_method text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    author text NOT NULL,
    withdrawn_at timestamp with time zone,
    withdrawn_by text,
    withdrawn_because text,
    CONSTRAINT refund_policies_author_check CHECK (((char_length(author) >= 1) AND
        (char_length(author) <= 100))),
    CONSTRAINT refund_policies_buyer_role_check CHECK ((buyer_role = ANY (ARRAY['*'::text,
        'agent'::text, 'operator'::text]))),
    CONSTRAINT refund_policies_channel_check CHECK (((char_length(channel) >= 1) AND
        (char_length(channel) <= 60))),
    CONSTRAINT refund_policies_document_check CHECK ((jsonb_typeof(document) = 'object'::text)),
    CONSTRAINT refund_policies_jurisdiction_check CHECK (((char_length(jurisdiction) >= 1) AND
        (char_length(jurisdiction) <= 10))),
    CONSTRAINT refund_policies_payment_method_check CHECK (((char_length(payment_method) >= 1) AND
        (char_length(payment_method) <= 60))),
    CONSTRAINT refund_policies_policy_key_check CHECK ((policy_key ~
        '^[a-z][a-z0-9_-]{0,59}$'::text)),
    CONSTRAINT refund_policies_policy_version_check CHECK ((policy_version >= 1)),
    CONSTRAINT refund_policies_product_check CHECK (((char_length(product) >= 1) AND
        (char_length(product) <= 60))),
    CONSTRAINT refund_policies_sha256_check CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT refund_policies_status_check CHECK ((status = ANY (ARRAY['published'::text,
        'withdrawn'::text]))),
    CONSTRAINT refund_policies_withdrawn_because_check CHECK (((char_length(withdrawn_because) >= 1)
        AND (char_length(withdrawn_because) <= 500))),
    CONSTRAINT refund_policies_withdrawn_by_check CHECK (((char_length(withdrawn_by) >= 1) AND
        (char_length(withdrawn_by) <= 100))),
    CONSTRAINT refund_policies_withdrawn_whole CHECK ((num_nulls(withdrawn_at, withdrawn_by,
        withdrawn_because) =
CASE status
    WHEN 'withdrawn'::text THEN 0
    ELSE 3
END))
);

-- TABLE refund_transitions

CREATE TABLE public.refund_transitions (
    from_status text NOT NULL COLLATE pg_catalog."C",
    to_status text NOT NULL COLLATE pg_catalog."C"
);

-- TABLE refunds

CREATE TABLE public.refunds (
    merchant_id uuid NOT NULL,
    refund_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    amount bigint NOT NULL,
    currency public.currency_code NOT NULL,
    reason text NOT NULL COLLATE pg_catalog."C",
    origin text NOT NULL COLLATE pg_catalog."C",
    idempotency_key text COLLATE pg_catalog."C",
    requested_by text NOT NULL,
    quoted_amount bigint,
    policy_sha256 bytea,
    override_reason text,
    four_eyes boolean DEFAULT false NOT NULL,
    approved_by text,
    gateway_id text,
    failure_reason text COLLATE pg_catalog."C",
    failure_code text,
    settled_amount bigint,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT refunds_amount_check CHECK ((amount >= 1)),
    CONSTRAINT refunds_approved_by_check CHECK (((char_length(approved_by) >= 1) AND
        (char_length(approved_by) <= 200))),
    CONSTRAINT refunds_failure_code_check CHECK ((char_length(failure_code) <= 100)),
    CONSTRAINT refunds_failure_reason_check CHECK (((char_length(failure_reason) >= 1) AND
        (char_length(failure_reason) <= 64))),
    CONSTRAINT refunds_finished_when_final CHECK (((finished_at IS NULL) = (status = ANY
        (ARRAY['requested'::text, 'pending'::text])))),
    CONSTRAINT refunds_four_eyes CHECK ((NOT (four_eyes AND (approved_by = requested_by)))),
    CONSTRAINT refunds_gateway_id_check CHECK ((char_length(gateway_id) <= 255)),
    CONSTRAINT refunds_idempotency_key_check CHECK (((char_length(idempotency_key) >= 1) AND
        (char_length(idempotency_key) <= 255))),
    CONSTRAINT refunds_key_of_ours CHECK (((idempotency_key IS NULL) = (origin = 'gateway'::text))),
    CONSTRAINT refunds_origin_check CHECK ((origin = ANY (ARRAY['merchant'::text,
        'gateway'::text]))),
    CONSTRAINT refunds_override_reason_check CHECK (((char_length(override_reason) >= 1) AND
        (char_length(override_reason) <= 500))),
    CONSTRAINT refunds_policy_sha256_check CHECK ((octet_length(policy_sha256) = 32)),
    CONSTRAINT refunds_quoted_amount_check CHECK ((quoted_amount >= 0)),
    CONSTRAINT refunds_reason_check CHECK (((char_length(reason) >= 1) AND (char_length(reason) <=
        64))),
    CONSTRAINT refunds_reason_when_failed CHECK (((failure_reason IS NOT NULL) = (status =
        'failed'::text))),
    CONSTRAINT refunds_requested_by_check CHECK (((char_length(requested_by) >= 1) AND
        (char_length(requested_by) <= 200))),
    CONSTRAINT refunds_settled_amount_check CHECK ((settled_amount >= 1)),
    CONSTRAINT refunds_settled_when_given CHECK (((settled_amount IS NULL) OR ((status =
        'succeeded'::text) AND (settled_amount <> amount)))),
    CONSTRAINT refunds_status_check CHECK ((status = ANY (ARRAY['requested'::text, 'pending'::text,
        'succeeded'::text, 'failed'::text, 'rejected'::text, 'canceled'::text])))
)
WITH (fillfactor='80');

-- TABLE seal_cursors

CREATE TABLE public.seal_cursors (
    merchant_id uuid NOT NULL,
    chain text NOT NULL COLLATE pg_catalog."C",
    checked_to uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    checked_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT seal_cursors_chain_check CHECK (((char_length(chain) >= 1) AND (char_length(chain) <=
        32)))
);

-- TABLE seal_leaves

CREATE TABLE public.seal_leaves (
    merchant_id uuid NOT NULL,
    chain text NOT NULL COLLATE pg_catalog."C",
    row_id uuid NOT NULL,
    seal_no bigint NOT NULL,
    leaf_hash bytea NOT NULL,
    CONSTRAINT seal_leaves_leaf_hash_check CHECK ((octet_length(leaf_hash) = 32))
);

-- TABLE seals

CREATE TABLE public.seals (
    merchant_id uuid NOT NULL,
    chain text NOT NULL COLLATE pg_catalog."C",
    seal_no bigint NOT NULL,
    form smallint NOT NULL,
    previous_hash bytea NOT NULL,
    row_count integer NOT NULL,
    rows_total bigint NOT NULL,
    root bytea NOT NULL,
    next_from uuid NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    public_key bytea NOT NULL,
    seal_hash bytea NOT NULL,
    signature bytea NOT NULL,
    CONSTRAINT seals_chain_check CHECK (((char_length(chain) >= 1) AND (char_length(chain) <= 32))),
    CONSTRAINT seals_check CHECK ((rows_total >= row_count)),
    CONSTRAINT seals_form_check CHECK ((form >= 1)),
    CONSTRAINT seals_previous_hash_check CHECK ((octet_length(previous_hash) = 32)),
    CONSTRAINT seals_public_key_check CHECK ((octet_length(public_key) = 32)),
    CONSTRAINT seals_root_check CHECK ((octet_length(root) = 32)),
    CONSTRAINT seals_row_count_check CHECK ((row_count >= 1)),
    CONSTRAINT seals_seal_hash_check CHECK ((octet_length(seal_hash) = 32)),
    CONSTRAINT seals_seal_no_check CHECK ((seal_no >= 1)),
    CONSTRAINT seals_signature_check CHECK ((octet_length(signature) = 64))
);

-- TABLE server_secrets

CREATE TABLE public.server_secrets (
    name text NOT NULL COLLATE pg_catalog."C",
    secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT server_secrets_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,63}$'::text)),
    CONSTRAINT server_secrets_secret_check CHECK (((octet_length(secret) >= 16) AND
        (octet_length(secret) <= 4096)))
);

-- TABLE terms_acceptance

CREATE TABLE public.terms_acceptance (
    merchant_id uuid NOT NULL,
    acceptance_id uuid NOT NULL,
    buyer_id text NOT NULL,
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    decision text NOT NULL COLLATE pg_catalog."C",
    document_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    version_id uuid NOT NULL,
    version_sha256 bytea NOT NULL,
    locale text NOT NULL COLLATE pg_catalog."C",
    text_sha256 bytea NOT NULL,
    presentation_id uuid,
    presentation_sha256 bytea,
    method text NOT NULL COLLATE pg_catalog."C",
    actor_kind text NOT NULL COLLATE pg_catalog."C",
    actor_id text,
    on_behalf_of text,
    authority text,
    scrolled_to_end boolean,
    dwell_ms bigint,
    client_locale text,
    time_zone text,
    client_at timestamp with time zone,
    page_url text,
    request_id text,
    payment_id uuid,
    ip_hash bytea,
    user_agent_hash bytea,
    imported_from text,
    imported_ref text,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    CONSTRAINT terms_acceptance_actor_id_check CHECK (((char_length(actor_id) >= 1) AND
        (char_length(actor_id) <= 128))),
    CONSTRAINT terms_acceptance_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['human'::text,
        'delegate'::text, 'electronic_agent'::text]))),
    CONSTRAINT terms_acceptance_authority_check CHECK (((char_length(authority) >= 1) AND
        (char_length(authority) <= 500))),
    CONSTRAINT terms_acceptance_buyer_id_check CHECK (((char_length(buyer_id) >= 1) AND
        (char_length(buyer_id) <= 128))),
    CONSTRAINT terms_acceptance_buyer_role_check CHECK ((buyer_role = ANY (ARRAY['agent'::text,
        'operator'::text, 'unknown'::text]))),
    CONSTRAINT terms_acceptance_check CHECK (((method = 'import'::text) = (imported_from IS NOT
        NULL))),
    CONSTRAINT terms_acceptance_check1 CHECK (((presentation_id IS NULL) = (presentation_sha256 IS
        NULL))),
    CONSTRAINT terms_acceptance_check2 CHECK (((presentation_id IS NOT NULL) OR (method =
        'import'::text) OR (decision = 'withdraw'::text))),
    CONSTRAINT terms_acceptance_check3 CHECK (((actor_kind = 'human'::text) OR ((actor_id IS NOT
        NULL) AND (authority IS NOT NULL)))),
    CONSTRAINT terms_acceptance_client_locale_check CHECK (((char_length(client_locale) >= 1) AND
        (char_length(client_locale) <= 50))),
    CONSTRAINT terms_acceptance_decision_check CHECK ((decision = ANY (ARRAY['accept'::text,
        'decline'::text, 'withdraw'::text]))),
    CONSTRAINT terms_acceptance_dwell_ms_check CHECK (((dwell_ms >= 0) AND (dwell_ms <= 86400000))),
    CONSTRAINT terms_acceptance_imported_from_check CHECK (((char_length(imported_from) >= 1) AND
        (char_length(imported_from) <= 200))),
    CONSTRAINT terms_acceptance_imported_ref_check CHECK (((char_length(imported_ref) >= 1) AND
        (char_length(imported_ref) <= 200))),
    CONSTRAINT terms_acceptance_ip_hash_check CHECK ((octet_length(ip_hash) = 32)),
    CONSTRAINT terms_acceptance_locale_check CHECK (((char_length(locale) >= 2) AND
        (char_length(locale) <= 50))),
    CONSTRAINT terms_acceptance_method_check CHECK ((method = ANY (ARRAY['checkbox_click'::text,
        'button_click'::text, 'scroll_click'::text, 'typed_name'::text, 'api'::text,
        'import'::text]))),
    CONSTRAINT terms_acceptance_on_behalf_of_check CHECK (((char_length(on_behalf_of) >= 1) AND
        (char_length(on_behalf_of) <= 200))),
    CONSTRAINT terms_acceptance_page_url_check CHECK (((char_length(page_url) >= 1) AND
        (char_length(page_url) <= 2000))),
    CONSTRAINT terms_acceptance_presentation_sha256_check CHECK ((octet_length(presentation_sha256)
        = 32)),
    CONSTRAINT terms_acceptance_request_id_check CHECK (((char_length(request_id) >= 1) AND
        (char_length(request_id) <= 100))),
    CONSTRAINT terms_acceptance_text_sha256_check CHECK ((octet_length(text_sha256) = 32)),
    CONSTRAINT terms_acceptance_time_zone_check CHECK (((char_length(time_zone) >= 1) AND
        (char_length(time_zone) <= 64))),
    CONSTRAINT terms_acceptance_user_agent_hash_check CHECK ((octet_length(user_agent_hash) = 32)),
    CONSTRAINT terms_acceptance_version_sha256_check CHECK ((octet_length(version_sha256) = 32))
);

-- TABLE terms_documents

CREATE TABLE public.terms_documents (
    merchant_id uuid NOT NULL,
    document_id uuid NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    purpose text NOT NULL COLLATE pg_catalog."C",
    required boolean NOT NULL,
    title text NOT NULL,
    author text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT marketing_is_never_required CHECK ((NOT (required AND (purpose =
        'marketing'::text)))),
    CONSTRAINT terms_documents_author_check CHECK (((char_length(author) >= 1) AND
        (char_length(author) <= 200))),
    CONSTRAINT terms_documents_key_check CHECK ((key ~ '^[a-z][a-z0-9_-]{0,59}$'::text)),
    CONSTRAINT terms_documents_purpose_check CHECK ((purpose = ANY (ARRAY['contract'::text,
        'privacy'::text, 'refund_policy'::text, 'marketing'::text]))),
    CONSTRAINT terms_documents_title_check CHECK (((char_length(title) >= 1) AND (char_length(title)
        <= 200)))
);

-- TABLE terms_events

CREATE TABLE public.terms_events (
    merchant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    version_id uuid,
    version_sha256 bytea,
    acceptance_id uuid,
    author text NOT NULL,
    because text,
    occurred_at timestamp with time zone NOT NULL,
    CONSTRAINT terms_events_author_check CHECK (((char_length(author) >= 1) AND (char_length(author)
        <= 200))),
    CONSTRAINT terms_events_because_check CHECK (((char_length(because) >= 1) AND
        (char_length(because) <= 500))),
    CONSTRAINT terms_events_kind_check CHECK ((kind = ANY (ARRAY['published'::text,
        'withdrawn'::text, 'erased'::text]))),
    CONSTRAINT terms_events_name_their_row CHECK ((((kind = 'erased'::text) = (acceptance_id IS NOT
        NULL)) AND ((kind = 'erased'::text) = (version_id IS NULL)))),
    CONSTRAINT terms_events_version_sha256_check CHECK ((octet_length(version_sha256) = 32)),
    CONSTRAINT terms_publications_have_hashes CHECK (((kind = 'published'::text) = (version_sha256
        IS NOT NULL))),
    CONSTRAINT terms_withdrawals_have_reasons CHECK (((kind = 'withdrawn'::text) = (because IS NOT
        NULL)))
);

-- TABLE terms_personal

CREATE TABLE public.terms_personal (
    merchant_id uuid NOT NULL,
    acceptance_id uuid NOT NULL,
    ip text,
    ip_salt bytea,
    user_agent text,
    user_agent_salt bytea,
    erased_at timestamp with time zone,
    erased_by text,
    CONSTRAINT terms_personal_check CHECK (((erased_at IS NULL) OR ((COALESCE(ip, user_agent) IS
        NULL) AND (COALESCE(ip_salt, user_agent_salt) IS NULL)))),
    CONSTRAINT terms_personal_erased_by_check CHECK (((char_length(erased_by) >= 1) AND
        (char_length(erased_by) <= 200))),
    CONSTRAINT terms_personal_ip_check CHECK (((char_length(ip) >= 2) AND (char_length(ip) <= 45))),
    CONSTRAINT terms_personal_ip_salt_check CHECK ((octet_length(ip_salt) = 32)),
    CONSTRAINT terms_personal_user_agent_check CHECK (((char_length(user_agent) >= 1) AND
        (char_length(user_agent) <= 1000))),
    CONSTRAINT terms_personal_user_agent_salt_check CHECK ((octet_length(user_agent_salt) = 32))
);

-- TABLE terms_presentations

CREATE TABLE public.terms_presentations (
    merchant_id uuid NOT NULL,
    presentation_id uuid NOT NULL,
    nonce_sha256 bytea NOT NULL,
    buyer_id text NOT NULL,
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    jurisdiction text NOT NULL COLLATE pg_catalog."C",
    product text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    locales_asked text[] NOT NULL,
    version_ids uuid[] NOT NULL,
    locales text[] NOT NULL,
    text_sha256s bytea[] NOT NULL,
    notice text NOT NULL,
    button_label text NOT NULL,
    component text,
    shown_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT terms_presentations_button_label_check CHECK (((char_length(button_label) >= 1) AND
        (char_length(button_label) <= 100))),
    CONSTRAINT terms_presentations_buyer_id_check CHECK (((char_length(buyer_id) >= 1) AND
        (char_length(buyer_id) <= 128))),
    CONSTRAINT terms_presentations_buyer_role_check CHECK ((buyer_role = ANY (ARRAY['agent'::text,
        'operator'::text]))),
    CONSTRAINT terms_presentations_channel_check CHECK (((char_length(channel) >= 1) AND
        (char_length(channel) <= 40))),
    CONSTRAINT terms_presentations_check CHECK ((cardinality(locales) = cardinality(version_ids))),
    CONSTRAINT terms_presentations_check1 CHECK ((cardinality(text_sha256s) =
        cardinality(version_ids))),
    CONSTRAINT terms_presentations_check2 CHECK ((expires_at > shown_at)),
    CONSTRAINT terms_presentations_component_check CHECK (((char_length(component) >= 1) AND
        (char_length(component) <= 100))),
    CONSTRAINT terms_presentations_jurisdiction_check CHECK (((char_length(jurisdiction) >= 1) AND
        (char_length(jurisdiction) <= 6))),
    CONSTRAINT terms_presentations_locales_asked_check CHECK ((cardinality(locales_asked) <= 20)),
    CONSTRAINT terms_presentations_nonce_sha256_check CHECK ((octet_length(nonce_sha256) = 32)),
    CONSTRAINT terms_presentations_notice_check CHECK (((char_length(notice) >= 1) AND
        (char_length(notice) <= 1000))),
    CONSTRAINT terms_presentations_product_check CHECK (((char_length(product) >= 1) AND
        (char_length(product) <= 40))),
    CONSTRAINT terms_presentations_version_ids_check CHECK (((cardinality(version_ids) >= 1) AND
        (cardinality(version_ids) <= 50)))
);

-- TABLE terms_scopes

CREATE TABLE public.terms_scopes (
    merchant_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    document_id uuid NOT NULL,
    buyer_role text NOT NULL COLLATE pg_catalog."C",
    jurisdiction text NOT NULL COLLATE pg_catalog."C",
    product text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT terms_scopes_buyer_role_check CHECK ((buyer_role = ANY (ARRAY['*'::text,
        'agent'::text, 'operator'::text]))),
    CONSTRAINT terms_scopes_channel_check CHECK ((channel ~ '^(\*|[a-z][a-z0-9_]{0,39})$'::text)),
    CONSTRAINT terms_scopes_jurisdiction_check CHECK ((jurisdiction ~
        '^(\*|[A-Z]{2}(-[A-Z0-9]{1,3})?)$'::text)),
    CONSTRAINT terms_scopes_product_check CHECK ((product ~ '^(\*|[a-z][a-z0-9_]{0,39})$'::text))
);

-- TABLE terms_texts

CREATE TABLE public.terms_texts (
    merchant_id uuid NOT NULL,
    version_id uuid NOT NULL,
    locale text NOT NULL COLLATE pg_catalog."C",
    content text NOT NULL,
    content_sha256 bytea NOT NULL,
    html text NOT NULL,
    html_sha256 bytea NOT NULL,
    is_authoritative boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT terms_texts_check CHECK ((content_sha256 = sha256(convert_to(content,
        'UTF8'::name)))),
    CONSTRAINT terms_texts_check1 CHECK ((html_sha256 = sha256(convert_to(html, 'UTF8'::name)))),
    CONSTRAINT terms_texts_content_check CHECK (((octet_length(content) >= 1) AND
        (octet_length(content) <= 262144))),
    CONSTRAINT terms_texts_html_check CHECK (((octet_length(html) >= 1) AND (octet_length(html) <=
        1048576))),
    CONSTRAINT terms_texts_locale_check CHECK ((locale ~
        '^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}$'::text))
);

-- TABLE terms_versions

CREATE TABLE public.terms_versions (
    merchant_id uuid NOT NULL,
    version_id uuid NOT NULL,
    document_id uuid NOT NULL,
    scope_id uuid NOT NULL,
    version text NOT NULL COLLATE pg_catalog."C",
    change text NOT NULL COLLATE pg_catalog."C",
    requires_reacceptance boolean NOT NULL,
    reaccept_after_days integer,
    effective_from timestamp with time zone,
    effective_to timestamp with time zone,
    grace_until timestamp with time zone,
    grace_days integer,
    summary text DEFAULT ''::text NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    version_sha256 bytea,
    author text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    published_by text,
    published_at timestamp with time zone,
    withdrawn_by text,
    withdrawn_at timestamp with time zone,
    withdrawn_because text,
    CONSTRAINT terms_published_is_complete CHECK ((((status = 'draft'::text) = (published_at IS
        NULL)) AND ((published_at IS NULL) = (published_by IS NULL)) AND ((published_at IS NULL) =
        (version_sha256 IS NULL)) AND ((published_at IS NULL) OR (effective_from IS NOT NULL)))),
    CONSTRAINT terms_versions_author_check CHECK (((char_length(author) >= 1) AND
        (char_length(author) <= 200))),
    CONSTRAINT terms_versions_change_check CHECK ((change = ANY (ARRAY['major'::text,
        'minor'::text]))),
    CONSTRAINT terms_versions_check CHECK ((effective_to > effective_from)),
    CONSTRAINT terms_versions_check1 CHECK ((grace_until >= effective_from)),
    CONSTRAINT terms_versions_check2 CHECK (((grace_days IS NULL) OR ((status = 'draft'::text) AND
        (grace_until IS NULL)))),
    CONSTRAINT terms_versions_grace_days_check CHECK (((grace_days >= 0) AND (grace_days <= 3650))),
    CONSTRAINT terms_versions_published_by_check CHECK (((char_length(published_by) >= 1) AND
        (char_length(published_by) <= 200))),
    CONSTRAINT terms_versions_reaccept_after_days_check CHECK (((reaccept_after_days >= 1) AND
        (reaccept_after_days <= 3650))),
    CONSTRAINT terms_versions_status_check CHECK ((status = ANY (ARRAY['draft'::text,
        'published'::text, 'withdrawn'::text]))),
    CONSTRAINT terms_versions_summary_check CHECK ((char_length(summary) <= 2000)),
    CONSTRAINT terms_versions_version_check CHECK ((version ~
        '^(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}$'::text)),
    CONSTRAINT terms_versions_version_sha256_check CHECK ((octet_length(version_sha256) = 32)),
    CONSTRAINT terms_versions_withdrawn_because_check CHECK (((char_length(withdrawn_because) >= 1)
        AND (char_length(withdrawn_because) <= 500))),
    CONSTRAINT terms_versions_withdrawn_by_check CHECK (((char_length(withdrawn_by) >= 1) AND
        (char_length(withdrawn_by) <= 200))),
    CONSTRAINT terms_withdrawn_is_complete CHECK ((((status = 'withdrawn'::text) = (withdrawn_at IS
        NOT NULL)) AND ((withdrawn_at IS NULL) = (withdrawn_by IS NULL)) AND ((withdrawn_at IS NULL)
        = (withdrawn_because IS NULL))))
);

-- TABLE velocity_attempts

CREATE TABLE public.velocity_attempts (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    amount_ref bigint,
    kinds text[] NOT NULL,
    keys bigint[] NOT NULL,
    CONSTRAINT velocity_attempts_check CHECK ((cardinality(keys) = cardinality(kinds)))
);

-- TABLE velocity_entries

CREATE TABLE public.velocity_entries (
    merchant_id uuid NOT NULL,
    key bigint NOT NULL,
    outcome text NOT NULL COLLATE pg_catalog."C",
    occurred_at timestamp with time zone NOT NULL,
    payment_id uuid NOT NULL,
    amount_ref bigint,
    day date GENERATED ALWAYS AS (((occurred_at AT TIME ZONE 'UTC'::text))::date) STORED NOT NULL,
    CONSTRAINT velocity_entries_outcome_check CHECK ((outcome = ANY (ARRAY['attempted'::text,
        'succeeded'::text, 'declined'::text, 'refunded'::text, 'disputed'::text])))
);

-- TABLE velocity_profiles

CREATE TABLE public.velocity_profiles (
    merchant_id uuid NOT NULL,
    key bigint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    attempts bigint DEFAULT 0 NOT NULL,
    succeeded bigint DEFAULT 0 NOT NULL,
    declined bigint DEFAULT 0 NOT NULL,
    sum_ref numeric(30,0) DEFAULT 0 NOT NULL
)
WITH (fillfactor='70');

-- CONSTRAINT amount_limits amount_limits_pkey

ALTER TABLE ONLY public.amount_limits
    ADD CONSTRAINT amount_limits_pkey PRIMARY KEY (merchant_id, currency, buyer_role, kind,
        effective_at, created_at);

-- CONSTRAINT api_keys api_keys_pkey

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (merchant_id, key_id);

-- CONSTRAINT api_keys api_keys_prefix_key

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_prefix_key UNIQUE (prefix);

-- CONSTRAINT fraud_activations fraud_activations_pkey

ALTER TABLE ONLY public.fraud_activations
    ADD CONSTRAINT fraud_activations_pkey PRIMARY KEY (merchant_id, activation_id);

-- CONSTRAINT fraud_alerts fraud_alerts_pkey

ALTER TABLE ONLY public.fraud_alerts
    ADD CONSTRAINT fraud_alerts_pkey PRIMARY KEY (merchant_id, alert_id);

-- CONSTRAINT fraud_backtests fraud_backtests_pkey

ALTER TABLE ONLY public.fraud_backtests
    ADD CONSTRAINT fraud_backtests_pkey PRIMARY KEY (merchant_id, backtest_id);

-- CONSTRAINT fraud_labels fraud_labels_pkey

ALTER TABLE ONLY public.fraud_labels
    ADD CONSTRAINT fraud_labels_pkey PRIMARY KEY (merchant_id, payment_id, label_id);

-- CONSTRAINT fraud_lists fraud_lists_pkey

ALTER TABLE ONLY public.fraud_lists
    ADD CONSTRAINT fraud_lists_pkey PRIMARY KEY (merchant_id, key, list);

-- CONSTRAINT fraud_model_activations fraud_model_activations_pkey

ALTER TABLE ONLY public.fraud_model_activations
    ADD CONSTRAINT fraud_model_activations_pkey PRIMARY KEY (merchant_id, activation_no);

-- CONSTRAINT fraud_models fraud_models_pkey

ALTER TABLE ONLY public.fraud_models
    ADD CONSTRAINT fraud_models_pkey PRIMARY KEY (merchant_id, model, model_version);

-- CONSTRAINT fraud_prevention_logs fraud_prevention_logs_pkey

ALTER TABLE ONLY public.fraud_prevention_logs
    ADD CONSTRAINT fraud_prevention_logs_pkey PRIMARY KEY (merchant_id, log_id);

-- CONSTRAINT fraud_review_notes fraud_review_notes_pkey

ALTER TABLE ONLY public.fraud_review_notes
    ADD CONSTRAINT fraud_review_notes_pkey PRIMARY KEY (merchant_id, payment_id, note_id);

-- CONSTRAINT fraud_reviews fraud_reviews_pkey

ALTER TABLE ONLY public.fraud_reviews
    ADD CONSTRAINT fraud_reviews_pkey PRIMARY KEY (merchant_id, payment_id);

-- CONSTRAINT fraud_rules fraud_rules_once

ALTER TABLE ONLY public.fraud_rules
    ADD CONSTRAINT fraud_rules_once UNIQUE (sha256, rule_key, merchant_id);

-- CONSTRAINT fraud_rules fraud_rules_pkey

ALTER TABLE ONLY public.fraud_rules
    ADD CONSTRAINT fraud_rules_pkey PRIMARY KEY (merchant_id, rule_key, rule_version);

-- CONSTRAINT fraud_rulesets fraud_rulesets_once

ALTER TABLE ONLY public.fraud_rulesets
    ADD CONSTRAINT fraud_rulesets_once UNIQUE (sha256, ruleset, merchant_id);

-- CONSTRAINT fraud_rulesets fraud_rulesets_pkey

ALTER TABLE ONLY public.fraud_rulesets
    ADD CONSTRAINT fraud_rulesets_pkey PRIMARY KEY (merchant_id, ruleset, ruleset_version);

-- CONSTRAINT merchants merchants_pkey

ALTER TABLE ONLY public.merchants
    ADD CONSTRAINT merchants_pkey PRIMARY KEY (merchant_id);

-- CONSTRAINT metric_alerts metric_alerts_pkey

ALTER TABLE ONLY public.metric_alerts
    ADD CONSTRAINT metric_alerts_pkey PRIMARY KEY (merchant_id, alert_id);

-- CONSTRAINT metric_sink_batches metric_sink_batches_pkey

ALTER TABLE ONLY public.metric_sink_batches
    ADD CONSTRAINT metric_sink_batches_pkey PRIMARY KEY (sink, sequence);

-- CONSTRAINT metric_sinks metric_sinks_pkey

ALTER TABLE ONLY public.metric_sinks
    ADD CONSTRAINT metric_sinks_pkey PRIMARY KEY (sink);

-- CONSTRAINT metric_watermarks metric_watermarks_pkey

ALTER TABLE ONLY public.metric_watermarks
    ADD CONSTRAINT metric_watermarks_pkey PRIMARY KEY (merchant_id);

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

-- CONSTRAINT payment_latencies_daily payment_latencies_daily_pkey

ALTER TABLE ONLY public.payment_latencies_daily
    ADD CONSTRAINT payment_latencies_daily_pkey PRIMARY KEY (merchant_id, bucket, stage, buyer_role,
        gateway, place);

-- CONSTRAINT payment_latencies_hourly payment_latencies_hourly_pkey

ALTER TABLE ONLY public.payment_latencies_hourly
    ADD CONSTRAINT payment_latencies_hourly_pkey PRIMARY KEY (merchant_id, bucket, stage,
        buyer_role, gateway, place);

-- CONSTRAINT payment_latencies payment_latencies_pkey

ALTER TABLE ONLY public.payment_latencies
    ADD CONSTRAINT payment_latencies_pkey PRIMARY KEY (merchant_id, bucket, stage, buyer_role,
        gateway, slot, place);

-- CONSTRAINT payment_metrics_daily payment_metrics_daily_pkey

ALTER TABLE ONLY public.payment_metrics_daily
    ADD CONSTRAINT payment_metrics_daily_pkey PRIMARY KEY (merchant_id, bucket, event_type, outcome,
        buyer_role, currency, gateway, reason);

-- CONSTRAINT payment_metrics_hourly payment_metrics_hourly_pkey

ALTER TABLE ONLY public.payment_metrics_hourly
    ADD CONSTRAINT payment_metrics_hourly_pkey PRIMARY KEY (merchant_id, bucket, event_type,
        outcome, buyer_role, currency, gateway, reason);

-- CONSTRAINT payment_metrics payment_metrics_pkey

ALTER TABLE ONLY public.payment_metrics
    ADD CONSTRAINT payment_metrics_pkey PRIMARY KEY (merchant_id, bucket, event_type, outcome,
        buyer_role, currency, gateway, reason, slot);

-- CONSTRAINT payment_transitions payment_transitions_pkey

ALTER TABLE ONLY public.payment_transitions
    ADD CONSTRAINT payment_transitions_pkey PRIMARY KEY (from_status, to_status);

-- CONSTRAINT payments payments_one_per_key

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_one_per_key UNIQUE (idempotency_key, merchant_id);

-- CONSTRAINT payments payments_pkey

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (merchant_id, payment_id);

-- CONSTRAINT reference_rates reference_rates_pkey

ALTER TABLE ONLY public.reference_rates
    ADD CONSTRAINT reference_rates_pkey PRIMARY KEY (merchant_id, reference_currency, currency,
        effective_on, created_at);

-- CONSTRAINT refund_decisions refund_decisions_pkey

ALTER TABLE ONLY public.refund_decisions
    ADD CONSTRAINT refund_decisions_pkey PRIMARY KEY (merchant_id, refund_id, sequence);

-- CONSTRAINT refund_notices refund_notices_pkey

ALTER TABLE ONLY public.refund_notices
    ADD CONSTRAINT refund_notices_pkey PRIMARY KEY (merchant_id, payment_id, gateway_id);

-- CONSTRAINT refund_policies refund_policies_pkey

ALTER TABLE ONLY public.refund_policies
    ADD CONSTRAINT refund_policies_pkey PRIMARY KEY (merchant_id, policy_key, policy_version);

-- CONSTRAINT refund_transitions refund_transitions_pkey

ALTER TABLE ONLY public.refund_transitions
    ADD CONSTRAINT refund_transitions_pkey PRIMARY KEY (from_status, to_status);

-- CONSTRAINT refunds refunds_pkey

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (merchant_id, refund_id);

-- CONSTRAINT seal_cursors seal_cursors_pkey

ALTER TABLE ONLY public.seal_cursors
    ADD CONSTRAINT seal_cursors_pkey PRIMARY KEY (merchant_id, chain);

-- CONSTRAINT seal_leaves seal_leaves_pkey

ALTER TABLE ONLY public.seal_leaves
    ADD CONSTRAINT seal_leaves_pkey PRIMARY KEY (merchant_id, chain, row_id);

-- CONSTRAINT seals seals_never_fork

ALTER TABLE ONLY public.seals
    ADD CONSTRAINT seals_never_fork UNIQUE (previous_hash, merchant_id, chain);

-- CONSTRAINT seals seals_pkey

ALTER TABLE ONLY public.seals
    ADD CONSTRAINT seals_pkey PRIMARY KEY (merchant_id, chain, seal_no);

-- CONSTRAINT server_secrets server_secrets_pkey

ALTER TABLE ONLY public.server_secrets
    ADD CONSTRAINT server_secrets_pkey PRIMARY KEY (name);

-- CONSTRAINT terms_acceptance terms_acceptance_pkey

ALTER TABLE ONLY public.terms_acceptance
    ADD CONSTRAINT terms_acceptance_pkey PRIMARY KEY (merchant_id, acceptance_id);

-- CONSTRAINT terms_documents terms_documents_have_keys

ALTER TABLE ONLY public.terms_documents
    ADD CONSTRAINT terms_documents_have_keys UNIQUE (key, merchant_id);

-- CONSTRAINT terms_documents terms_documents_pkey

ALTER TABLE ONLY public.terms_documents
    ADD CONSTRAINT terms_documents_pkey PRIMARY KEY (merchant_id, document_id);

-- CONSTRAINT terms_events terms_events_pkey

ALTER TABLE ONLY public.terms_events
    ADD CONSTRAINT terms_events_pkey PRIMARY KEY (merchant_id, event_id);

-- CONSTRAINT terms_presentations terms_nonces_are_one_each

ALTER TABLE ONLY public.terms_presentations
    ADD CONSTRAINT terms_nonces_are_one_each UNIQUE (nonce_sha256);

-- CONSTRAINT terms_personal terms_personal_pkey

ALTER TABLE ONLY public.terms_personal
    ADD CONSTRAINT terms_personal_pkey PRIMARY KEY (merchant_id, acceptance_id);

-- CONSTRAINT terms_presentations terms_presentations_pkey

ALTER TABLE ONLY public.terms_presentations
    ADD CONSTRAINT terms_presentations_pkey PRIMARY KEY (merchant_id, presentation_id);

-- CONSTRAINT terms_scopes terms_scopes_are_one_each

ALTER TABLE ONLY public.terms_scopes
    ADD CONSTRAINT terms_scopes_are_one_each UNIQUE (document_id, buyer_role, jurisdiction, product,
        channel, merchant_id);

-- CONSTRAINT terms_scopes terms_scopes_pkey

ALTER TABLE ONLY public.terms_scopes
    ADD CONSTRAINT terms_scopes_pkey PRIMARY KEY (merchant_id, scope_id);

-- CONSTRAINT terms_texts terms_texts_pkey

ALTER TABLE ONLY public.terms_texts
    ADD CONSTRAINT terms_texts_pkey PRIMARY KEY (merchant_id, version_id, locale);

-- CONSTRAINT terms_versions terms_versions_are_one_each

ALTER TABLE ONLY public.terms_versions
    ADD CONSTRAINT terms_versions_are_one_each UNIQUE (scope_id, version, merchant_id);

-- CONSTRAINT terms_versions terms_versions_pkey

ALTER TABLE ONLY public.terms_versions
    ADD CONSTRAINT terms_versions_pkey PRIMARY KEY (merchant_id, version_id);

-- CONSTRAINT velocity_attempts velocity_attempts_pkey

ALTER TABLE ONLY public.velocity_attempts
    ADD CONSTRAINT velocity_attempts_pkey PRIMARY KEY (merchant_id, payment_id);

-- CONSTRAINT velocity_entries velocity_entries_pkey

ALTER TABLE ONLY public.velocity_entries
    ADD CONSTRAINT velocity_entries_pkey PRIMARY KEY (merchant_id, day, key, outcome, occurred_at,
        payment_id);

-- CONSTRAINT velocity_profiles velocity_profiles_pkey

ALTER TABLE ONLY public.velocity_profiles
    ADD CONSTRAINT velocity_profiles_pkey PRIMARY KEY (merchant_id, key);

-- INDEX fraud_activations_in_force

CREATE INDEX fraud_activations_in_force ON public.fraud_activations USING btree (place, merchant_id,
    approved_at, activation_id) WHERE (approved_at IS NOT NULL);

-- INDEX fraud_alerts_acknowledged

CREATE INDEX fraud_alerts_acknowledged ON public.fraud_alerts USING btree (acknowledged_at,
    merchant_id) WHERE (status = 'acknowledged'::text);

-- INDEX fraud_alerts_counting

CREATE INDEX fraud_alerts_counting ON public.fraud_alerts USING btree (counted_to, merchant_id)
    WHERE ((acknowledged_at IS NULL) OR (counted_to <= acknowledged_at));

-- INDEX fraud_alerts_one_open

CREATE UNIQUE INDEX fraud_alerts_one_open ON public.fraud_alerts USING btree (dedupe_key,
    merchant_id) WHERE (status = 'open'::text);

-- INDEX fraud_labels_of_fraud

CREATE INDEX fraud_labels_of_fraud ON public.fraud_labels USING btree (known_at, merchant_id) WHERE
    (label = 'fraud'::text);

-- INDEX fraud_lists_by_age

CREATE INDEX fraud_lists_by_age ON public.fraud_lists USING btree (list, merchant_id, created_at,
    key);

-- INDEX fraud_lists_by_expiry

CREATE INDEX fraud_lists_by_expiry ON public.fraud_lists USING btree (expires_at, merchant_id) WHERE
    (expires_at IS NOT NULL);

-- INDEX fraud_prevention_logs_by_payment

CREATE UNIQUE INDEX fraud_prevention_logs_by_payment ON public.fraud_prevention_logs USING btree
    (payment_id, merchant_id) WHERE (payment_id IS NOT NULL);

-- INDEX fraud_prevention_logs_in_shadow

CREATE INDEX fraud_prevention_logs_in_shadow ON public.fraud_prevention_logs USING btree (((shadow
    ->> 'ruleset'::text)), ((shadow ->> 'version'::text)), merchant_id) WHERE (shadow IS NOT NULL);

-- INDEX fraud_prevention_logs_stopped

CREATE INDEX fraud_prevention_logs_stopped ON public.fraud_prevention_logs USING btree (created_at,
    merchant_id) WHERE (decision = ANY (ARRAY['block'::text, 'refuse'::text]));

-- INDEX fraud_review_notes_one_approval

CREATE UNIQUE INDEX fraud_review_notes_one_approval ON public.fraud_review_notes USING btree
    (payment_id, lower(btrim(author)), merchant_id) WHERE (action = 'approve'::text);

-- INDEX fraud_reviews_due

CREATE INDEX fraud_reviews_due ON public.fraud_reviews USING btree (due_at, merchant_id) WHERE
    (decided_at IS NULL);

-- INDEX fraud_reviews_queue

CREATE INDEX fraud_reviews_queue ON public.fraud_reviews USING btree (status, merchant_id, due_at,
    payment_id) WHERE (decided_at IS NULL);

-- INDEX metric_alerts_one_open

CREATE UNIQUE INDEX metric_alerts_one_open ON public.metric_alerts USING btree (dedupe_key,
    merchant_id) WHERE (resolved_at IS NULL);

-- INDEX metric_sink_batches_waiting

CREATE INDEX metric_sink_batches_waiting ON public.metric_sink_batches USING btree (sink, sequence)
    WHERE (state <> 'sent'::text);

-- INDEX payment_attempts_due

CREATE INDEX payment_attempts_due ON public.payment_attempts USING btree (recover_at, merchant_id)
    WHERE (state <> 'done'::text);

-- INDEX payment_attempts_one_open

CREATE UNIQUE INDEX payment_attempts_one_open ON public.payment_attempts USING btree (payment_id,
    merchant_id) WHERE ((state = 'open'::text) AND (refund_id IS NULL));

-- INDEX payment_attempts_one_per_key

CREATE UNIQUE INDEX payment_attempts_one_per_key ON public.payment_attempts USING btree
    (idempotency_key, merchant_id) WHERE (idempotency_key IS NOT NULL);

-- INDEX payment_idempotency_by_age

CREATE INDEX payment_idempotency_by_age ON public.payment_idempotency USING brin (created_at);

-- INDEX payment_metrics_by_time

CREATE INDEX payment_metrics_by_time ON public.payment_metrics USING brin (bucket) WITH
    (pages_per_range='16');

-- INDEX payments_by_reference

CREATE INDEX payments_by_reference ON public.payments USING btree (reference, merchant_id) WHERE
    (reference IS NOT NULL);

-- INDEX payments_with_late_money

CREATE INDEX payments_with_late_money ON public.payments USING btree (payment_id, merchant_id) WHERE
    (amount_late > 0);

-- INDEX refund_notices_due

CREATE INDEX refund_notices_due ON public.refund_notices USING btree (next_try_at, merchant_id)
    WHERE (status = 'open'::text);

-- INDEX refund_notices_open

CREATE INDEX refund_notices_open ON public.refund_notices USING btree (payment_id, merchant_id)
    WHERE (status = 'open'::text);

-- INDEX refund_policies_by_hash

CREATE INDEX refund_policies_by_hash ON public.refund_policies USING btree (sha256, merchant_id);

-- INDEX refunds_of_payments

CREATE INDEX refunds_of_payments ON public.refunds USING btree (payment_id, merchant_id);

-- INDEX refunds_once_outside

CREATE UNIQUE INDEX refunds_once_outside ON public.refunds USING btree (gateway_id, payment_id,
    merchant_id) WHERE (origin = 'gateway'::text);

-- INDEX refunds_one_per_key

CREATE UNIQUE INDEX refunds_one_per_key ON public.refunds USING btree (idempotency_key, merchant_id)
    WHERE (idempotency_key IS NOT NULL);

-- INDEX refunds_to_approve

CREATE INDEX refunds_to_approve ON public.refunds USING btree (created_at, merchant_id) WHERE
    (status = 'requested'::text);

-- INDEX seal_leaves_by_seal

CREATE INDEX seal_leaves_by_seal ON public.seal_leaves USING btree (seal_no, merchant_id, chain);

-- INDEX terms_acceptance_by_buyer

CREATE INDEX terms_acceptance_by_buyer ON public.terms_acceptance USING btree (buyer_id,
    merchant_id, acceptance_id DESC);

-- INDEX terms_acceptance_last_word

CREATE INDEX terms_acceptance_last_word ON public.terms_acceptance USING btree (buyer_id, scope_id,
    occurred_at DESC, acceptance_id DESC) INCLUDE (merchant_id, decision, version_id) WHERE
    (decision <> 'decline'::text);

-- INDEX terms_acceptance_of_version

CREATE INDEX terms_acceptance_of_version ON public.terms_acceptance USING btree (buyer_id,
    version_id, occurred_at DESC, acceptance_id DESC) INCLUDE (merchant_id) WHERE (decision =
    'accept'::text);

-- INDEX terms_acceptance_once

CREATE UNIQUE INDEX terms_acceptance_once ON public.terms_acceptance USING btree (presentation_id,
    version_id, merchant_id) WHERE (presentation_id IS NOT NULL);

-- INDEX terms_acceptance_taken_back

CREATE INDEX terms_acceptance_taken_back ON public.terms_acceptance USING btree (buyer_id, scope_id,
    occurred_at DESC, acceptance_id DESC) INCLUDE (merchant_id, version_id) WHERE (decision =
    'withdraw'::text);

-- INDEX terms_events_of_personal

CREATE UNIQUE INDEX terms_events_of_personal ON public.terms_events USING btree (acceptance_id,
    merchant_id) WHERE (acceptance_id IS NOT NULL);

-- INDEX terms_events_of_versions

CREATE UNIQUE INDEX terms_events_of_versions ON public.terms_events USING btree (version_id, kind,
    merchant_id) WHERE (version_id IS NOT NULL);

-- INDEX terms_imports_once

CREATE UNIQUE INDEX terms_imports_once ON public.terms_acceptance USING btree (imported_from,
    imported_ref, merchant_id) WHERE (imported_ref IS NOT NULL);

-- INDEX terms_texts_by_hash

CREATE INDEX terms_texts_by_hash ON public.terms_texts USING btree (content_sha256);

-- INDEX terms_texts_have_one_authority

CREATE UNIQUE INDEX terms_texts_have_one_authority ON public.terms_texts USING btree (version_id,
    merchant_id) WHERE is_authoritative;

-- INDEX velocity_entries_by_age

CREATE INDEX velocity_entries_by_age ON public.velocity_entries USING brin (occurred_at);

-- TRIGGER fraud_activations fraud_activations_are_history

CREATE TRIGGER fraud_activations_are_history BEFORE DELETE OR TRUNCATE ON public.fraud_activations
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER fraud_activations fraud_activations_stay_approved

CREATE TRIGGER fraud_activations_stay_approved BEFORE UPDATE ON public.fraud_activations FOR EACH
    ROW WHEN ((old.approved_at IS NOT NULL)) EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER fraud_labels fraud_labels_are_history

CREATE TRIGGER fraud_labels_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON public.fraud_labels
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER fraud_model_activations fraud_model_activations_are_history

CREATE TRIGGER fraud_model_activations_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.fraud_model_activations FOR EACH STATEMENT EXECUTE FUNCTION
    public.refuse_change_of_history();

-- TRIGGER fraud_models fraud_models_are_history

CREATE TRIGGER fraud_models_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON public.fraud_models
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER fraud_prevention_logs fraud_prevention_logs_are_history

CREATE TRIGGER fraud_prevention_logs_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.fraud_prevention_logs FOR EACH STATEMENT EXECUTE FUNCTION
    public.refuse_change_of_history();

-- TRIGGER fraud_review_notes fraud_review_notes_are_history

CREATE TRIGGER fraud_review_notes_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.fraud_review_notes FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER fraud_rules fraud_rules_are_history

CREATE TRIGGER fraud_rules_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON public.fraud_rules FOR
    EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER fraud_rulesets fraud_rulesets_are_history

CREATE TRIGGER fraud_rulesets_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.fraud_rulesets FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER payment_events payment_events_are_history

CREATE TRIGGER payment_events_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.payment_events FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER payments payments_keep_their_refund_policy

CREATE TRIGGER payments_keep_their_refund_policy BEFORE UPDATE OF refund_policy_key,
    refund_policy_version, refund_policy_sha256 ON public.payments FOR EACH ROW WHEN
    (((old.refund_policy_key IS DISTINCT FROM new.refund_policy_key) OR (old.refund_policy_version
    IS DISTINCT FROM new.refund_policy_version) OR (old.refund_policy_sha256 IS DISTINCT FROM
    new.refund_policy_sha256))) EXECUTE FUNCTION public.refuse_change_of_snapshot();

-- TRIGGER refund_decisions refund_decisions_are_history

CREATE TRIGGER refund_decisions_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.refund_decisions FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER seal_leaves seal_leaves_are_history

CREATE TRIGGER seal_leaves_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON public.seal_leaves FOR
    EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER seals seals_are_history

CREATE TRIGGER seals_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON public.seals FOR EACH
    STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER terms_acceptance terms_acceptance_is_history

CREATE TRIGGER terms_acceptance_is_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.terms_acceptance FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER terms_documents terms_documents_are_history

CREATE TRIGGER terms_documents_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.terms_documents FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER terms_events terms_events_are_history

CREATE TRIGGER terms_events_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON public.terms_events
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER terms_presentations terms_presentations_are_history

CREATE TRIGGER terms_presentations_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON
    public.terms_presentations FOR EACH STATEMENT EXECUTE FUNCTION
    public.refuse_change_of_history();

-- TRIGGER terms_scopes terms_scopes_are_history

CREATE TRIGGER terms_scopes_are_history BEFORE DELETE OR UPDATE OR TRUNCATE ON public.terms_scopes
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER terms_texts terms_texts_are_never_emptied

CREATE TRIGGER terms_texts_are_never_emptied BEFORE TRUNCATE ON public.terms_texts FOR EACH
    STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER terms_texts terms_texts_stay_published

CREATE TRIGGER terms_texts_stay_published BEFORE INSERT OR DELETE OR UPDATE ON public.terms_texts
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change_of_published_text();

-- TRIGGER terms_versions terms_versions_are_never_emptied

CREATE TRIGGER terms_versions_are_never_emptied BEFORE TRUNCATE ON public.terms_versions FOR EACH
    STATEMENT EXECUTE FUNCTION public.refuse_change_of_history();

-- TRIGGER terms_versions terms_versions_stay_published

CREATE TRIGGER terms_versions_stay_published BEFORE DELETE OR UPDATE ON public.terms_versions FOR
    EACH ROW EXECUTE FUNCTION public.refuse_change_of_published_terms();

-- FK CONSTRAINT amount_limits amount_limits_merchant_id_fkey

ALTER TABLE ONLY public.amount_limits
    ADD CONSTRAINT amount_limits_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT api_keys api_keys_merchant_id_fkey

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT fraud_activations fraud_activations_merchant_id_ruleset_ruleset_version_fkey

ALTER TABLE ONLY public.fraud_activations
    ADD CONSTRAINT fraud_activations_merchant_id_ruleset_ruleset_version_fkey FOREIGN KEY
        (merchant_id, ruleset, ruleset_version) REFERENCES public.fraud_rulesets(merchant_id,
        ruleset, ruleset_version);

-- FK CONSTRAINT fraud_alerts fraud_alerts_merchant_id_fkey

ALTER TABLE ONLY public.fraud_alerts
    ADD CONSTRAINT fraud_alerts_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT fraud_labels fraud_labels_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.fraud_labels
    ADD CONSTRAINT fraud_labels_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id, payment_id)
        REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT fraud_lists fraud_lists_merchant_id_fkey

ALTER TABLE ONLY public.fraud_lists
    ADD CONSTRAINT fraud_lists_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT fraud_model_activations fraud_model_activations_merchant_id_fkey

ALTER TABLE ONLY public.fraud_model_activations
    ADD CONSTRAINT fraud_model_activations_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT fraud_model_activations
--  fraud_model_activations_merchant_id_model_model_version_fkey

ALTER TABLE ONLY public.fraud_model_activations
    ADD CONSTRAINT fraud_model_activations_merchant_id_model_model_version_fkey FOREIGN KEY
        (merchant_id, model, model_version) REFERENCES public.fraud_models(merchant_id, model,
        model_version);

-- FK CONSTRAINT fraud_models fraud_models_merchant_id_fkey

ALTER TABLE ONLY public.fraud_models
    ADD CONSTRAINT fraud_models_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT fraud_review_notes fraud_review_notes_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.fraud_review_notes
    ADD CONSTRAINT fraud_review_notes_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id,
        payment_id) REFERENCES public.fraud_reviews(merchant_id, payment_id);

-- FK CONSTRAINT fraud_reviews fraud_reviews_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.fraud_reviews
    ADD CONSTRAINT fraud_reviews_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id, payment_id)
        REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT fraud_rules fraud_rules_merchant_id_fkey

ALTER TABLE ONLY public.fraud_rules
    ADD CONSTRAINT fraud_rules_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT fraud_rulesets fraud_rulesets_merchant_id_fkey

ALTER TABLE ONLY public.fraud_rulesets
    ADD CONSTRAINT fraud_rulesets_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT metric_alerts metric_alerts_merchant_id_fkey

ALTER TABLE ONLY public.metric_alerts
    ADD CONSTRAINT metric_alerts_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT metric_sink_batches metric_sink_batches_sink_fkey

ALTER TABLE ONLY public.metric_sink_batches
    ADD CONSTRAINT metric_sink_batches_sink_fkey FOREIGN KEY (sink) REFERENCES
        public.metric_sinks(sink);

-- FK CONSTRAINT metric_watermarks metric_watermarks_merchant_id_fkey

ALTER TABLE ONLY public.metric_watermarks
    ADD CONSTRAINT metric_watermarks_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT payment_attempts payment_attempts_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.payment_attempts
    ADD CONSTRAINT payment_attempts_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id,
        payment_id) REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT payment_attempts payment_attempts_merchant_id_refund_id_fkey

ALTER TABLE ONLY public.payment_attempts
    ADD CONSTRAINT payment_attempts_merchant_id_refund_id_fkey FOREIGN KEY (merchant_id, refund_id)
        REFERENCES public.refunds(merchant_id, refund_id);

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

-- FK CONSTRAINT reference_rates reference_rates_merchant_id_fkey

ALTER TABLE ONLY public.reference_rates
    ADD CONSTRAINT reference_rates_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT refund_decisions refund_decisions_legal_move

ALTER TABLE ONLY public.refund_decisions
    ADD CONSTRAINT refund_decisions_legal_move FOREIGN KEY (from_status, to_status) REFERENCES
        public.refund_transitions(from_status, to_status);

-- FK CONSTRAINT refund_decisions refund_decisions_merchant_id_refund_id_fkey

ALTER TABLE ONLY public.refund_decisions
    ADD CONSTRAINT refund_decisions_merchant_id_refund_id_fkey FOREIGN KEY (merchant_id, refund_id)
        REFERENCES public.refunds(merchant_id, refund_id);

-- FK CONSTRAINT refund_notices refund_notices_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.refund_notices
    ADD CONSTRAINT refund_notices_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id, payment_id)
        REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT refund_notices refund_notices_merchant_id_refund_id_fkey

ALTER TABLE ONLY public.refund_notices
    ADD CONSTRAINT refund_notices_merchant_id_refund_id_fkey FOREIGN KEY (merchant_id, refund_id)
        REFERENCES public.refunds(merchant_id, refund_id);

-- FK CONSTRAINT refund_policies refund_policies_merchant_id_fkey

ALTER TABLE ONLY public.refund_policies
    ADD CONSTRAINT refund_policies_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT refunds refunds_merchant_id_payment_id_fkey

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_merchant_id_payment_id_fkey FOREIGN KEY (merchant_id, payment_id)
        REFERENCES public.payments(merchant_id, payment_id);

-- FK CONSTRAINT seal_cursors seal_cursors_merchant_id_fkey

ALTER TABLE ONLY public.seal_cursors
    ADD CONSTRAINT seal_cursors_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT seal_leaves seal_leaves_merchant_id_chain_seal_no_fkey

ALTER TABLE ONLY public.seal_leaves
    ADD CONSTRAINT seal_leaves_merchant_id_chain_seal_no_fkey FOREIGN KEY (merchant_id, chain,
        seal_no) REFERENCES public.seals(merchant_id, chain, seal_no);

-- FK CONSTRAINT seals seals_merchant_id_fkey

ALTER TABLE ONLY public.seals
    ADD CONSTRAINT seals_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT terms_acceptance terms_acceptance_merchant_id_fkey

ALTER TABLE ONLY public.terms_acceptance
    ADD CONSTRAINT terms_acceptance_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT terms_acceptance terms_acceptance_merchant_id_presentation_id_fkey

ALTER TABLE ONLY public.terms_acceptance
    ADD CONSTRAINT terms_acceptance_merchant_id_presentation_id_fkey FOREIGN KEY (merchant_id,
        presentation_id) REFERENCES public.terms_presentations(merchant_id, presentation_id);

-- FK CONSTRAINT terms_acceptance terms_acceptance_merchant_id_version_id_fkey

ALTER TABLE ONLY public.terms_acceptance
    ADD CONSTRAINT terms_acceptance_merchant_id_version_id_fkey FOREIGN KEY (merchant_id,
        version_id) REFERENCES public.terms_versions(merchant_id, version_id);

-- FK CONSTRAINT terms_documents terms_documents_merchant_id_fkey

ALTER TABLE ONLY public.terms_documents
    ADD CONSTRAINT terms_documents_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT terms_events terms_events_merchant_id_acceptance_id_fkey

ALTER TABLE ONLY public.terms_events
    ADD CONSTRAINT terms_events_merchant_id_acceptance_id_fkey FOREIGN KEY (merchant_id,
        acceptance_id) REFERENCES public.terms_acceptance(merchant_id, acceptance_id);

-- FK CONSTRAINT terms_events terms_events_merchant_id_fkey

ALTER TABLE ONLY public.terms_events
    ADD CONSTRAINT terms_events_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT terms_events terms_events_merchant_id_version_id_fkey

ALTER TABLE ONLY public.terms_events
    ADD CONSTRAINT terms_events_merchant_id_version_id_fkey FOREIGN KEY (merchant_id, version_id)
        REFERENCES public.terms_versions(merchant_id, version_id);

-- FK CONSTRAINT terms_personal terms_personal_merchant_id_acceptance_id_fkey

ALTER TABLE ONLY public.terms_personal
    ADD CONSTRAINT terms_personal_merchant_id_acceptance_id_fkey FOREIGN KEY (merchant_id,
        acceptance_id) REFERENCES public.terms_acceptance(merchant_id, acceptance_id);

-- FK CONSTRAINT terms_presentations terms_presentations_merchant_id_fkey

ALTER TABLE ONLY public.terms_presentations
    ADD CONSTRAINT terms_presentations_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES
        public.merchants(merchant_id);

-- FK CONSTRAINT terms_scopes terms_scopes_merchant_id_document_id_fkey

ALTER TABLE ONLY public.terms_scopes
    ADD CONSTRAINT terms_scopes_merchant_id_document_id_fkey FOREIGN KEY (merchant_id, document_id)
        REFERENCES public.terms_documents(merchant_id, document_id);

-- FK CONSTRAINT terms_texts terms_texts_merchant_id_version_id_fkey

ALTER TABLE ONLY public.terms_texts
    ADD CONSTRAINT terms_texts_merchant_id_version_id_fkey FOREIGN KEY (merchant_id, version_id)
        REFERENCES public.terms_versions(merchant_id, version_id);

-- FK CONSTRAINT terms_versions terms_versions_merchant_id_document_id_fkey

ALTER TABLE ONLY public.terms_versions
    ADD CONSTRAINT terms_versions_merchant_id_document_id_fkey FOREIGN KEY (merchant_id,
        document_id) REFERENCES public.terms_documents(merchant_id, document_id);

-- FK CONSTRAINT terms_versions terms_versions_merchant_id_scope_id_fkey

ALTER TABLE ONLY public.terms_versions
    ADD CONSTRAINT terms_versions_merchant_id_scope_id_fkey FOREIGN KEY (merchant_id, scope_id)
        REFERENCES public.terms_scopes(merchant_id, scope_id);
GRANT USAGE ON SCHEMA public TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.amount_limits TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.api_keys TO paykeel_app;
GRANT UPDATE(name) ON TABLE public.api_keys TO paykeel_app;
GRANT UPDATE(expires_at) ON TABLE public.api_keys TO paykeel_app;
GRANT UPDATE(revoked_at) ON TABLE public.api_keys TO paykeel_app;
GRANT UPDATE(last_used_at) ON TABLE public.api_keys TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_activations TO paykeel_app;
GRANT UPDATE(approved_by) ON TABLE public.fraud_activations TO paykeel_app;
GRANT UPDATE(approved_at) ON TABLE public.fraud_activations TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(facts) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(first_at) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(last_at) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(count) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(counted) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(counted_to) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(told) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(acknowledged_by) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT UPDATE(acknowledged_at) ON TABLE public.fraud_alerts TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_backtests TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_labels TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.fraud_lists TO paykeel_app;
GRANT UPDATE(reason) ON TABLE public.fraud_lists TO paykeel_app;
GRANT UPDATE(author) ON TABLE public.fraud_lists TO paykeel_app;
GRANT UPDATE(created_at) ON TABLE public.fraud_lists TO paykeel_app;
GRANT UPDATE(expires_at) ON TABLE public.fraud_lists TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_model_activations TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_models TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_prevention_logs TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_review_notes TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_reviews TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.fraud_reviews TO paykeel_app;
GRANT UPDATE(approvals) ON TABLE public.fraud_reviews TO paykeel_app;
GRANT UPDATE(assignee) ON TABLE public.fraud_reviews TO paykeel_app;
GRANT UPDATE(due_at) ON TABLE public.fraud_reviews TO paykeel_app;
GRANT UPDATE(decided_at) ON TABLE public.fraud_reviews TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_rules TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.fraud_rulesets TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.merchants TO paykeel_app;
GRANT UPDATE(name) ON TABLE public.merchants TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.merchants TO paykeel_app;
GRANT UPDATE(reference_currency) ON TABLE public.merchants TO paykeel_app;
GRANT UPDATE(terms_revision) ON TABLE public.merchants TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.metric_alerts TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.metric_alerts TO paykeel_app;
GRANT UPDATE(facts) ON TABLE public.metric_alerts TO paykeel_app;
GRANT UPDATE(last_at) ON TABLE public.metric_alerts TO paykeel_app;
GRANT UPDATE(calm_since) ON TABLE public.metric_alerts TO paykeel_app;
GRANT UPDATE(acknowledged_by) ON TABLE public.metric_alerts TO paykeel_app;
GRANT UPDATE(acknowledged_at) ON TABLE public.metric_alerts TO paykeel_app;
GRANT UPDATE(resolved_at) ON TABLE public.metric_alerts TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.metric_sink_batches TO paykeel_app;
GRANT UPDATE(state) ON TABLE public.metric_sink_batches TO paykeel_app;
GRANT UPDATE(tries) ON TABLE public.metric_sink_batches TO paykeel_app;
GRANT UPDATE(uncertain) ON TABLE public.metric_sink_batches TO paykeel_app;
GRANT UPDATE(sending_since) ON TABLE public.metric_sink_batches TO paykeel_app;
GRANT UPDATE(claimed_until) ON TABLE public.metric_sink_batches TO paykeel_app;
GRANT UPDATE(sent_at) ON TABLE public.metric_sink_batches TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(last_on_at) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(prepared_to) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(compared_to) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(sampled_at) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(last_sequence) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(failures) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(retry_at) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(last_error) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(last_sent_at) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(batches_sent) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(datums_sent) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(datums_dropped) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(batches_uncertain) ON TABLE public.metric_sinks TO paykeel_app;
GRANT UPDATE(datums_late) ON TABLE public.metric_sinks TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.metric_watermarks TO paykeel_app;
GRANT UPDATE(hours_to) ON TABLE public.metric_watermarks TO paykeel_app;
GRANT UPDATE(days_to) ON TABLE public.metric_watermarks TO paykeel_app;
GRANT UPDATE(late_from) ON TABLE public.metric_watermarks TO paykeel_app;
GRANT UPDATE(minutes_from) ON TABLE public.metric_watermarks TO paykeel_app;
GRANT UPDATE(hours_from) ON TABLE public.metric_watermarks TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.payment_metrics TO paykeel_app;
GRANT UPDATE(count) ON TABLE public.payment_metrics TO paykeel_app;
GRANT UPDATE(amount) ON TABLE public.payment_metrics TO paykeel_app;
GRANT UPDATE(captured) ON TABLE public.payment_metrics TO paykeel_app;
GRANT UPDATE(refunded) ON TABLE public.payment_metrics TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.payment_metrics_hourly TO paykeel_app;
GRANT UPDATE(count) ON TABLE public.payment_metrics_hourly TO paykeel_app;
GRANT UPDATE(amount) ON TABLE public.payment_metrics_hourly TO paykeel_app;
GRANT UPDATE(captured) ON TABLE public.payment_metrics_hourly TO paykeel_app;
GRANT UPDATE(refunded) ON TABLE public.payment_metrics_hourly TO paykeel_app;
GRANT SELECT ON TABLE public.metrics_by_hour TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.payment_metrics_daily TO paykeel_app;
GRANT UPDATE(count) ON TABLE public.payment_metrics_daily TO paykeel_app;
GRANT UPDATE(amount) ON TABLE public.payment_metrics_daily TO paykeel_app;
GRANT UPDATE(captured) ON TABLE public.payment_metrics_daily TO paykeel_app;
GRANT UPDATE(refunded) ON TABLE public.payment_metrics_daily TO paykeel_app;
GRANT SELECT ON TABLE public.metrics_by_day TO paykeel_app;
GRANT SELECT ON TABLE public.metrics_failures TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.payment_latencies TO paykeel_app;
GRANT UPDATE(count) ON TABLE public.payment_latencies TO paykeel_app;
GRANT UPDATE(sum_us) ON TABLE public.payment_latencies TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.payment_latencies_hourly TO paykeel_app;
GRANT UPDATE(count) ON TABLE public.payment_latencies_hourly TO paykeel_app;
GRANT UPDATE(sum_us) ON TABLE public.payment_latencies_hourly TO paykeel_app;
GRANT SELECT ON TABLE public.metrics_latency TO paykeel_app;
GRANT SELECT ON TABLE public.metrics_purchases TO paykeel_app;
GRANT SELECT ON TABLE public.metrics_revenue TO paykeel_app;
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
GRANT SELECT,INSERT,DELETE ON TABLE public.payment_latencies_daily TO paykeel_app;
GRANT UPDATE(count) ON TABLE public.payment_latencies_daily TO paykeel_app;
GRANT UPDATE(sum_us) ON TABLE public.payment_latencies_daily TO paykeel_app;
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
GRANT UPDATE(amount_refund_reserved) ON TABLE public.payments TO paykeel_app;
GRANT UPDATE(amount_disputed) ON TABLE public.payments TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.reference_rates TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.refund_decisions TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(refund_id) ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(waits_for) ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(alarmed_at) ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(tries) ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(next_try_at) ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(dismissed_by) ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(dismissed_because) ON TABLE public.refund_notices TO paykeel_app;
GRANT UPDATE(dismissed_at) ON TABLE public.refund_notices TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.refund_policies TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.refund_policies TO paykeel_app;
GRANT UPDATE(withdrawn_at) ON TABLE public.refund_policies TO paykeel_app;
GRANT UPDATE(withdrawn_by) ON TABLE public.refund_policies TO paykeel_app;
GRANT UPDATE(withdrawn_because) ON TABLE public.refund_policies TO paykeel_app;
GRANT SELECT ON TABLE public.refund_transitions TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.refunds TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.refunds TO paykeel_app;
GRANT UPDATE(approved_by) ON TABLE public.refunds TO paykeel_app;
GRANT UPDATE(gateway_id) ON TABLE public.refunds TO paykeel_app;
GRANT UPDATE(failure_reason) ON TABLE public.refunds TO paykeel_app;
GRANT UPDATE(failure_code) ON TABLE public.refunds TO paykeel_app;
GRANT UPDATE(settled_amount) ON TABLE public.refunds TO paykeel_app;
GRANT UPDATE(updated_at) ON TABLE public.refunds TO paykeel_app;
GRANT UPDATE(finished_at) ON TABLE public.refunds TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.seal_cursors TO paykeel_app;
GRANT UPDATE(checked_to) ON TABLE public.seal_cursors TO paykeel_app;
GRANT UPDATE(checked_at) ON TABLE public.seal_cursors TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.seal_leaves TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.seals TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.server_secrets TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.terms_acceptance TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.terms_documents TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.terms_events TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.terms_personal TO paykeel_app;
GRANT UPDATE(ip) ON TABLE public.terms_personal TO paykeel_app;
GRANT UPDATE(ip_salt) ON TABLE public.terms_personal TO paykeel_app;
GRANT UPDATE(user_agent) ON TABLE public.terms_personal TO paykeel_app;
GRANT UPDATE(user_agent_salt) ON TABLE public.terms_personal TO paykeel_app;
GRANT UPDATE(erased_at) ON TABLE public.terms_personal TO paykeel_app;
GRANT UPDATE(erased_by) ON TABLE public.terms_personal TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.terms_presentations TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.terms_scopes TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.terms_texts TO paykeel_app;
GRANT UPDATE(content) ON TABLE public.terms_texts TO paykeel_app;
GRANT UPDATE(content_sha256) ON TABLE public.terms_texts TO paykeel_app;
GRANT UPDATE(html) ON TABLE public.terms_texts TO paykeel_app;
GRANT UPDATE(html_sha256) ON TABLE public.terms_texts TO paykeel_app;
GRANT UPDATE(is_authoritative) ON TABLE public.terms_texts TO paykeel_app;
GRANT UPDATE(created_at) ON TABLE public.terms_texts TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(version) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(change) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(requires_reacceptance) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(reaccept_after_days) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(effective_from) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(effective_to) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(grace_until) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(grace_days) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(summary) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(status) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(version_sha256) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(author) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(published_by) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(published_at) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(withdrawn_by) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(withdrawn_at) ON TABLE public.terms_versions TO paykeel_app;
GRANT UPDATE(withdrawn_because) ON TABLE public.terms_versions TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.velocity_attempts TO paykeel_app;
GRANT SELECT,INSERT,DELETE ON TABLE public.velocity_entries TO paykeel_app;
GRANT SELECT,INSERT ON TABLE public.velocity_profiles TO paykeel_app;
GRANT UPDATE(first_at) ON TABLE public.velocity_profiles TO paykeel_app;
GRANT UPDATE(last_at) ON TABLE public.velocity_profiles TO paykeel_app;
GRANT UPDATE(attempts) ON TABLE public.velocity_profiles TO paykeel_app;
GRANT UPDATE(succeeded) ON TABLE public.velocity_profiles TO paykeel_app;
GRANT UPDATE(declined) ON TABLE public.velocity_profiles TO paykeel_app;
GRANT UPDATE(sum_ref) ON TABLE public.velocity_profiles TO paykeel_app;
