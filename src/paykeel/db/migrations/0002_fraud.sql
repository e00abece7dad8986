-- Fraud prevention: what a purchase may cost, how often and how much, by which rules, and whose.
--
-- Personal values never stand in the velocity tables: a key is the first eight bytes of an HMAC
-- over merchant, kind and value. The key is the advisory lock's number, too.

-- ---------------------------------------------------------------------- amounts

-- The currency in which amounts of different currencies are compared.
ALTER TABLE merchants ADD COLUMN reference_currency currency_code NOT NULL DEFAULT 'EUR';

-- What one purchase may cost, by currency, role and kind; '*' stands for any. The most specific
-- row in force holds, and without any row the purchase is refused. Rows are added, never edited: a
-- later one replaces an earlier one from its date on.
CREATE TABLE amount_limits (
    merchant_id uuid NOT NULL REFERENCES merchants,
    currency text COLLATE "C" NOT NULL CHECK (currency = '*' OR currency ~ '^[A-Z]{3}$'),
    buyer_role text COLLATE "C" NOT NULL CHECK (buyer_role IN ('*', 'agent', 'operator')),
    kind text COLLATE "C" NOT NULL CHECK (kind = '*' OR kind ~ '^[a-z][a-z0-9_]{0,39}$'),
    effective_at timestamptz NOT NULL,
    -- Null in both: nothing may be bought from this date on.
    amount_min bigint CHECK (amount_min >= 1),
    amount_max bigint CHECK (amount_max <= 999999999999),
    created_by text NOT NULL CHECK (char_length(created_by) BETWEEN 1 AND 100),
    -- Of rows with the same date the one that was made last holds.
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, currency, buyer_role, kind, effective_at, created_at),
    CONSTRAINT amount_limits_in_order CHECK (amount_min <= amount_max),
    CONSTRAINT amount_limits_both_or_none CHECK ((amount_min IS NULL) = (amount_max IS NULL))
);

INSERT INTO amount_limits (
    merchant_id, currency, buyer_role, kind, effective_at, amount_min, amount_max, created_by,
    created_at)
SELECT merchant_id, '*', '*', '*', created_at, 1, 999999999999, 'migration', now() FROM merchants;

INSERT INTO amount_limits (
    merchant_id, currency, buyer_role, kind, effective_at, amount_min, amount_max, created_by,
    created_at)
SELECT merchant_id, currency, '*', '*', now(), amount_min, amount_max, 'migration', now()
FROM merchant_limits;

DROP TABLE merchant_limits;

-- How much of the reference currency one unit of a currency is worth, from a day on. Major units.
-- A correction is a new row for the same day; the one that was made last holds.
CREATE TABLE reference_rates (
    merchant_id uuid NOT NULL REFERENCES merchants,
    -- Rates of another reference currency do not count, should the merchant change it.
    reference_currency currency_code NOT NULL,
    currency currency_code NOT NULL,
    effective_on date NOT NULL,
    rate numeric(24, 12) NOT NULL CHECK (rate > 0),
    created_by text NOT NULL CHECK (char_length(created_by) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, reference_currency, currency, effective_on, created_at),
    CONSTRAINT reference_rates_of_another CHECK (currency <> reference_currency)
);

-- ---------------------------------------------------------------------- payments

-- What a purchase is: the merchant's own word, by which limits can differ.
ALTER TABLE payments ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'purchase'
    CHECK (kind ~ '^[a-z][a-z0-9_]{0,39}$');

-- ---------------------------------------------------------------------- velocity

-- What a purchase was counted under: its keys, each with its kind.
CREATE TABLE velocity_attempts (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    -- In minor units of the reference currency; null: there was no rate.
    amount_ref bigint,
    kinds text[] NOT NULL,
    keys bigint[] NOT NULL CHECK (cardinality(keys) = cardinality(kinds)),
    PRIMARY KEY (merchant_id, payment_id)
);

-- What happened under a key, newest last: a window is a range of it, read backwards and capped.
CREATE TABLE velocity_entries (
    merchant_id uuid NOT NULL,
    key bigint NOT NULL,
    outcome text COLLATE "C" NOT NULL CHECK (outcome IN (
        'attempted', 'succeeded', 'declined', 'refunded', 'disputed')),
    occurred_at timestamptz NOT NULL,
    payment_id uuid NOT NULL,
    amount_ref bigint,
    PRIMARY KEY (merchant_id, key, outcome, occurred_at, payment_id)
);

-- What the purge reads.
CREATE INDEX velocity_entries_by_age ON velocity_entries USING brin (occurred_at);

-- The whole life of a key, one row.
CREATE TABLE velocity_profiles (
    merchant_id uuid NOT NULL,
    key bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    attempts bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    declined bigint NOT NULL DEFAULT 0,
    -- Of what succeeded, in minor units of the reference currency.
    sum_ref numeric(30) NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, key)
) WITH (fillfactor = 70);

-- ---------------------------------------------------------------------- rules

-- One version of one rule, for good. The document is the rule in its canonical form; the same
-- document has one version.
CREATE TABLE fraud_rules (
    merchant_id uuid NOT NULL REFERENCES merchants,
    rule_key text COLLATE "C" NOT NULL CHECK (rule_key ~ '^[a-z][a-z0-9_]{0,59}$'),
    rule_version integer NOT NULL CHECK (rule_version >= 1),
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    created_by text NOT NULL CHECK (char_length(created_by) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, rule_key, rule_version),
    CONSTRAINT fraud_rules_once UNIQUE (sha256, rule_key, merchant_id)
);

CREATE TRIGGER fraud_rules_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON fraud_rules
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- One version of a ruleset, for good: its rules by key and version, and all that they rest on.
CREATE TABLE fraud_rulesets (
    merchant_id uuid NOT NULL REFERENCES merchants,
    ruleset text COLLATE "C" NOT NULL CHECK (ruleset ~ '^[a-z][a-z0-9_]{0,59}$'),
    ruleset_version integer NOT NULL CHECK (ruleset_version >= 1),
    -- The whole ruleset in its canonical form, rules included.
    document jsonb NOT NULL CHECK (jsonb_typeof(document) = 'object'),
    -- [{"key", "version"}] of its rules.
    members jsonb NOT NULL CHECK (jsonb_typeof(members) = 'array'),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    created_by text NOT NULL CHECK (char_length(created_by) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, ruleset, ruleset_version),
    CONSTRAINT fraud_rulesets_once UNIQUE (sha256, ruleset, merchant_id)
);

CREATE TRIGGER fraud_rulesets_are_history BEFORE UPDATE OR DELETE OR TRUNCATE ON fraud_rulesets
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- Which ruleset is live and which runs in its shadow: of each place the row that was approved last
-- holds. Going live takes a second person, and what the ruleset was tried on; for the shadow, who
-- asks approves. What was approved is history.
CREATE TABLE fraud_activations (
    merchant_id uuid NOT NULL,
    activation_id uuid NOT NULL,
    place text COLLATE "C" NOT NULL CHECK (place IN ('live', 'shadow')),
    -- Null: nothing runs in the shadow any more.
    ruleset text COLLATE "C",
    ruleset_version integer,
    -- The backtest, or how many decisions it made in the shadow.
    evidence jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(evidence) = 'object'),
    requested_by text NOT NULL CHECK (char_length(requested_by) BETWEEN 1 AND 100),
    requested_at timestamptz NOT NULL DEFAULT now(),
    -- Null: it waits for the second person.
    approved_by text CHECK (char_length(approved_by) BETWEEN 1 AND 100),
    approved_at timestamptz,
    PRIMARY KEY (merchant_id, activation_id),
    FOREIGN KEY (merchant_id, ruleset, ruleset_version) REFERENCES fraud_rulesets,
    CHECK ((ruleset IS NULL) = (ruleset_version IS NULL)),
    CHECK (ruleset IS NOT NULL OR place = 'shadow'),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    -- However the name is written.
    CONSTRAINT fraud_activations_take_two CHECK (
        place <> 'live' OR lower(btrim(approved_by)) <> lower(btrim(requested_by)))
);

-- What every process reads again and again.
CREATE INDEX fraud_activations_in_force
    ON fraud_activations (place, merchant_id, approved_at, activation_id)
    WHERE approved_at IS NOT NULL;

CREATE TRIGGER fraud_activations_stay_approved BEFORE UPDATE ON fraud_activations
    FOR EACH ROW WHEN (OLD.approved_at IS NOT NULL) EXECUTE FUNCTION refuse_change_of_history();
CREATE TRIGGER fraud_activations_are_history BEFORE DELETE OR TRUNCATE ON fraud_activations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- ---------------------------------------------------------------------- lists

-- Values that are known for good or bad, as keys.
CREATE TABLE fraud_lists (
    merchant_id uuid NOT NULL REFERENCES merchants,
    key bigint NOT NULL,
    list text COLLATE "C" NOT NULL CHECK (list ~ '^[a-z][a-z0-9_]{0,39}$'),
    kind text COLLATE "C" NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 47),
    reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 200),
    author text NOT NULL CHECK (char_length(author) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (merchant_id, key, list)
);

-- One list, in the order in which people read it.
CREATE INDEX fraud_lists_by_age ON fraud_lists (list, merchant_id, created_at, key);

-- What the purge reads.
CREATE INDEX fraud_lists_by_expiry ON fraud_lists (expires_at, merchant_id)
    WHERE expires_at IS NOT NULL;

-- ---------------------------------------------------------------------- decisions

-- A refusal has no payment, and every decision names what it rests on.
ALTER TABLE fraud_prevention_logs
    ALTER COLUMN payment_id DROP NOT NULL,
    DROP CONSTRAINT fraud_prevention_logs_merchant_id_payment_id_fkey,
    DROP CONSTRAINT fraud_prevention_logs_decision_check,
    ADD CONSTRAINT fraud_prevention_logs_decision_check CHECK (
        decision IN ('allow', 'challenge', 'review', 'block', 'refuse')),
    ADD COLUMN score smallint NOT NULL DEFAULT 0 CHECK (score BETWEEN 0 AND 100),
    ADD COLUMN reasons text[] NOT NULL DEFAULT '{}',
    ADD COLUMN ruleset text COLLATE "C",
    ADD COLUMN ruleset_version integer,
    ADD COLUMN ruleset_sha256 bytea,
    ADD COLUMN engine text,
    -- What the ruleset in the shadow said: {"ruleset", "version", "action", "score", "rules"}.
    ADD COLUMN shadow jsonb,
    -- Which model gave the score, with its largest contributions.
    ADD COLUMN model jsonb,
    -- How long judging took, in microseconds.
    ADD COLUMN took_us integer NOT NULL DEFAULT 0,
    ADD CHECK ((payment_id IS NULL) = (decision = 'refuse'));

-- How many decisions a ruleset made in the shadow.
CREATE INDEX fraud_prevention_logs_in_shadow
    ON fraud_prevention_logs ((shadow ->> 'ruleset'), (shadow ->> 'version'), merchant_id)
    WHERE shadow IS NOT NULL;

-- What alerts are made of: what was stopped, by time. What was allowed, nearly all, is not in it.
CREATE INDEX fraud_prevention_logs_stopped ON fraud_prevention_logs (created_at, merchant_id)
    WHERE decision IN ('block', 'refuse');

-- Which merchants had declines in the last minutes; next to nothing to keep up.
CREATE INDEX payment_metrics_by_time ON payment_metrics
    USING brin (bucket) WITH (pages_per_range = 16);

-- A payment has one decision; it is looked up by its payment.
CREATE UNIQUE INDEX fraud_prevention_logs_by_payment
    ON fraud_prevention_logs (payment_id, merchant_id) WHERE payment_id IS NOT NULL;

-- ---------------------------------------------------------------------- people

-- A payment that is held for a person.
CREATE TABLE fraud_reviews (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    status text COLLATE "C" NOT NULL
        CHECK (status IN ('open', 'approved', 'rejected', 'expired', 'canceled')),
    reasons text[] NOT NULL,
    -- Above the merchant's amount two people must approve.
    approvals_needed smallint NOT NULL DEFAULT 1 CHECK (approvals_needed IN (1, 2)),
    -- Counted here and not in the notes, so that of two who approve at once each counts the other.
    approvals smallint NOT NULL DEFAULT 0,
    assignee text CHECK (char_length(assignee) BETWEEN 1 AND 100),
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
    PRIMARY KEY (merchant_id, payment_id),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES payments,
    CHECK ((status = 'open') = (decided_at IS NULL)),
    CONSTRAINT fraud_reviews_enough_approvals CHECK (
        approvals >= 0 AND approvals <= approvals_needed
        AND (status = 'approved') = (approvals = approvals_needed))
);

-- What the reaper reads, and what the queue reads: only what is open is in them. They are for those
-- alone who ask for what is not decided: who asks for one that is open has the primary key.
CREATE INDEX fraud_reviews_due ON fraud_reviews (due_at, merchant_id) WHERE decided_at IS NULL;
CREATE INDEX fraud_reviews_queue ON fraud_reviews (status, merchant_id, due_at, payment_id)
    WHERE decided_at IS NULL;

-- What people did and said about it, in order.
CREATE TABLE fraud_review_notes (
    merchant_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    note_id uuid NOT NULL,
    action text COLLATE "C" NOT NULL
        CHECK (action IN ('note', 'assign', 'approve', 'reject', 'expire')),
    author text NOT NULL CHECK (char_length(author) BETWEEN 1 AND 100),
    body text NOT NULL DEFAULT '' CHECK (char_length(body) <= 2000),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant_id, payment_id, note_id),
    FOREIGN KEY (merchant_id, payment_id) REFERENCES fraud_reviews
);

-- Nobody approves twice, however the name is written.
CREATE UNIQUE INDEX fraud_review_notes_one_approval
    ON fraud_review_notes (payment_id, lower(btrim(author)), merchant_id) WHERE action = 'approve';

CREATE TRIGGER fraud_review_notes_are_history
    BEFORE UPDATE OR DELETE OR TRUNCATE ON fraud_review_notes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();

-- What a fact is about, if it is about one payment: an alert is about many.
ALTER TABLE outbox ALTER COLUMN payment_id DROP NOT NULL;

-- A burst is one row with a count.
CREATE TABLE fraud_alerts (
    merchant_id uuid NOT NULL REFERENCES merchants,
    alert_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN (
        'velocity_burst', 'card_testing', 'decline_spike', 'amount_tampering')),
    dedupe_key text COLLATE "C" NOT NULL CHECK (char_length(dedupe_key) BETWEEN 1 AND 200),
    status text COLLATE "C" NOT NULL CHECK (status IN ('open', 'acknowledged')),
    facts jsonb NOT NULL DEFAULT '{}',
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    count bigint NOT NULL CHECK (count >= 1),
    -- What happened before counted_to is final, and was so often; the rest is counted anew again
    -- and again, so that what commits late is neither lost nor counted twice.
    counted bigint NOT NULL DEFAULT 0 CHECK (counted >= 0),
    counted_to timestamptz NOT NULL,
    -- The count that was last sent to the outbox.
    told bigint NOT NULL DEFAULT 0 CHECK (told >= 0),
    acknowledged_by text CHECK (char_length(acknowledged_by) BETWEEN 1 AND 100),
    acknowledged_at timestamptz,
    PRIMARY KEY (merchant_id, alert_id),
    CHECK ((status = 'acknowledged') = (acknowledged_at IS NOT NULL))
);

CREATE UNIQUE INDEX fraud_alerts_one_open ON fraud_alerts (dedupe_key, merchant_id)
    WHERE status = 'open';

-- What the worker reads: what is not final yet.
CREATE INDEX fraud_alerts_counting ON fraud_alerts (counted_to, merchant_id)
    WHERE acknowledged_at IS NULL OR counted_to <= acknowledged_at;

-- After which instant a new alert counts.
CREATE INDEX fraud_alerts_acknowledged ON fraud_alerts (acknowledged_at, merchant_id)
    WHERE status = 'acknowledged';

-- ---------------------------------------------------------------------- rights

GRANT SELECT, INSERT ON
    amount_limits, reference_rates, velocity_attempts, velocity_entries, velocity_profiles,
    fraud_rules, fraud_rulesets, fraud_activations, fraud_lists, fraud_reviews,
    fraud_review_notes, fraud_alerts
    TO paykeel_app;
GRANT UPDATE (reference_currency) ON merchants TO paykeel_app;
GRANT DELETE ON velocity_entries TO paykeel_app;
GRANT UPDATE (first_at, last_at, attempts, succeeded, declined, sum_ref)
    ON velocity_profiles TO paykeel_app;
GRANT UPDATE (approved_by, approved_at) ON fraud_activations TO paykeel_app;
GRANT UPDATE (reason, author, created_at, expires_at), DELETE ON fraud_lists TO paykeel_app;
GRANT UPDATE (status, approvals, assignee, due_at, decided_at) ON fraud_reviews TO paykeel_app;
GRANT UPDATE (
    status, first_at, last_at, count, counted, counted_to, told, facts, acknowledged_by,
    acknowledged_at)
    ON fraud_alerts TO paykeel_app;
