-- Fraud prevention in hindsight: what purchases turned out to be, what could have been known, and
-- what other rules would have done.

-- What turned out afterwards, and when that became known, so that no trial on the past sees the
-- future.
CREATE TABLE fraud_labels (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    label_id uuid NOT NULL,
    label text COLLATE "C" NOT NULL CHECK (label IN ('fraud', 'genuine')),
    source text COLLATE "C" NOT NULL
        CHECK (source IN ('chargeback', 'early_warning', 'review', 'customer')),
    known_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (char_length(created_by) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, payment_id, label_id),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments
);

CREATE TRIGGER fraud_labels_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON fraud_labels
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- Models that can give a score: weights as JSON, by hash.
CREATE TABLE fraud_models (
    merchant_id uuid NOT NULL REFERENCES merchants,
    model text COLLATE "C" NOT NULL CHECK (model ~ '^[a-z][a-z0-9_]{0,59}$'),
    model_version integer NOT NULL CHECK (model_version >= 1),
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    figures jsonb NOT NULL DEFAULT '{}',
    created_by text NOT NULL CHECK (char_length(created_by) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, model, model_version)
);

CREATE TRIGGER fraud_models_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON fraud_models
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- Which model gives the score, and who said so: the newest row holds. Without any, there is none.
CREATE TABLE fraud_model_activations (
    merchant_id uuid NOT NULL REFERENCES merchants,
    activation_no bigint NOT NULL CHECK (activation_no >= 1),
    -- Null: the score is off.
    model text COLLATE "C",
    model_version integer,
    author text NOT NULL CHECK (char_length(author) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, activation_no),
    FOREIGN KEY (merchant_id, model, model_version) REFERENCES fraud_models,
    CHECK ((model IS NULL) = (model_version IS NULL))
);

CREATE TRIGGER fraud_model_activations_are_history
    BEFORE UPDATE OR DELETE OR TRUNCATE ON fraud_model_activations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- What a ruleset would have done to the past.
CREATE TABLE fraud_backtests (
    merchant_id uuid NOT NULL,
    backtest_id uuid NOT NULL,
    ruleset text COLLATE "C" NOT NULL,
    ruleset_sha256 bytea NOT NULL CHECK (octet_length(ruleset_sha256) = 32),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    decisions bigint NOT NULL,
    report jsonb NOT NULL CHECK (jsonb_typeof(report) = 'object'),
    created_by text NOT NULL CHECK (char_length(created_by) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, backtest_id)
);

GRANT SELECT, INSERT ON fraud_labels, fraud_models, fraud_model_activations, fraud_backtests
    TO paykeel_app;
