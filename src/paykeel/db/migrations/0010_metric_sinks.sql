-- Where metrics are sent, how far each place has got, and what is on its way there.
--
-- These are the installation's own and belong to no merchant. A batch is stored before it is sent,
-- so that a retry sends the very same, and kept until its minutes have been compared once more.

CREATE TABLE metric_sinks (
    sink text COLLATE "C" PRIMARY KEY CHECK (sink IN ('cloudwatch', 'emf', 'otlp')),
    started_at timestamptz NOT NULL,
    -- When a worker last had it on, to the hour: minutes are kept for it until it is long off.
    last_on_at timestamptz NOT NULL,
    -- Minutes before this instant are in batches, or were sent, or dropped and counted.
    prepared_to timestamptz NOT NULL,
    -- Minutes before this instant were compared with what had been prepared of them.
    compared_to timestamptz NOT NULL,
    -- The minute of the newest sample of gauges.
    sampled_at timestamptz,
    last_sequence bigint NOT NULL DEFAULT 0 CHECK (last_sequence >= 0),
    -- How often in a row it went wrong, and when it may be tried again.
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    retry_at timestamptz,
    last_error text CHECK (char_length(last_error) BETWEEN 1 AND 500),
    last_sent_at timestamptz,
    batches_sent bigint NOT NULL DEFAULT 0 CHECK (batches_sent >= 0),
    datums_sent bigint NOT NULL DEFAULT 0 CHECK (datums_sent >= 0),
    datums_dropped bigint NOT NULL DEFAULT 0 CHECK (datums_dropped >= 0),
    batches_uncertain bigint NOT NULL DEFAULT 0 CHECK (batches_uncertain >= 0),
    datums_late bigint NOT NULL DEFAULT 0 CHECK (datums_late >= 0),
    CONSTRAINT metric_sinks_in_order CHECK (
        started_at <= compared_to AND compared_to <= prepared_to)
);

CREATE TABLE metric_sink_batches (
    sink text COLLATE "C" NOT NULL REFERENCES metric_sinks,
    sequence bigint NOT NULL CHECK (sequence >= 1),
    -- minutes: in order, once. late: what was added to minutes afterwards. gauges: one moment.
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('minutes', 'late', 'gauges')),
    -- sending, and claimed no longer: nobody knows whether it arrived.
    state text COLLATE "C" NOT NULL CHECK (state IN ('queued', 'sending', 'sent')),
    minute_from timestamptz NOT NULL,
    minute_until timestamptz NOT NULL,
    -- The sets of dimensions under which it was made.
    dimensions text COLLATE "C" NOT NULL CHECK (char_length(dimensions) BETWEEN 1 AND 1000),
    datums jsonb NOT NULL CHECK (jsonb_typeof(datums) = 'array'),
    datum_count integer NOT NULL CHECK (datum_count >= 1),
    -- One of its series and how many samples of that had been sent before: by reading it back one
    -- knows whether the batch arrived.
    probe jsonb NOT NULL CHECK (jsonb_typeof(probe) = 'object'),
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    -- It was sent again although it may have arrived before, or it could not be found out.
    uncertain boolean NOT NULL DEFAULT false,
    sending_since timestamptz,
    claimed_until timestamptz,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    PRIMARY KEY (sink, sequence),
    CONSTRAINT metric_sink_batches_span CHECK (minute_from < minute_until),
    CONSTRAINT metric_sink_batches_claimed CHECK (
        (claimed_until IS NOT NULL) = (state = 'sending')),
    CONSTRAINT metric_sink_batches_sent CHECK ((sent_at IS NOT NULL) = (state = 'sent'))
) WITH (fillfactor = 70);

-- What waits, in order; what was sent and is kept to be compared is not in it.
CREATE INDEX metric_sink_batches_waiting ON metric_sink_batches (sink, sequence)
    WHERE state <> 'sent';

GRANT SELECT, INSERT ON metric_sinks, metric_sink_batches TO paykeel_app;
GRANT UPDATE (
    last_on_at, prepared_to, compared_to, sampled_at, last_sequence, failures, retry_at, last_error,
    last_sent_at, batches_sent, datums_sent, datums_dropped, batches_uncertain, datums_late)
    ON metric_sinks TO paykeel_app;
GRANT UPDATE (state, tries, uncertain, sending_since, claimed_until, sent_at), DELETE
    ON metric_sink_batches TO paykeel_app;
