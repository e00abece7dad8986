-- Alerts on metrics: what the worker's rules found, until it is over.

CREATE TABLE metric_alerts (
    merchant_id uuid NOT NULL REFERENCES merchants,
    alert_id uuid NOT NULL,
    rule text COLLATE "C" NOT NULL CHECK (rule IN (
        'success_rate_drop', 'decline_spike', 'latency_p95', 'unknown_outcomes', 'recovery_lag',
        'review_backlog', 'fraud_alerts', 'sink_lag')),
    -- The rule, and what it is about if it is about one of several: decline_spike:card_declined.
    dedupe_key text COLLATE "C" NOT NULL CHECK (char_length(dedupe_key) BETWEEN 1 AND 200),
    status text COLLATE "C" NOT NULL CHECK (status IN ('open', 'acknowledged', 'resolved')),
    facts jsonb NOT NULL CHECK (jsonb_typeof(facts) = 'object'),
    opened_at timestamptz NOT NULL,
    -- When it was last seen to hold.
    last_at timestamptz NOT NULL,
    -- Since when every look has found it over; it is resolved when that has lasted.
    calm_since timestamptz,
    acknowledged_by text CHECK (char_length(acknowledged_by) BETWEEN 1 AND 100),
    acknowledged_at timestamptz,
    resolved_at timestamptz,
    PRIMARY KEY (merchant_id, alert_id),
    CONSTRAINT metric_alerts_in_order CHECK (last_at >= opened_at AND resolved_at >= opened_at),
    CONSTRAINT metric_alerts_by_somebody
        CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL)),
    -- What is over stays so, whether somebody has seen it or not.
    CONSTRAINT metric_alerts_resolved CHECK ((status = 'resolved') = (resolved_at IS NOT NULL)),
    CONSTRAINT metric_alerts_seen
        CHECK (status = 'resolved' OR (status = 'acknowledged') = (acknowledged_at IS NOT NULL))
);

-- As long as something goes on it is one alert, also after somebody has seen it.
CREATE UNIQUE INDEX metric_alerts_one_open ON metric_alerts (dedupe_key, merchant_id)
    WHERE resolved_at IS NULL;

GRANT SELECT, INSERT ON metric_alerts TO paykeel_app;
GRANT UPDATE (status, facts, last_at, calm_since, acknowledged_by, acknowledged_at, resolved_at)
    ON metric_alerts TO paykeel_app;
