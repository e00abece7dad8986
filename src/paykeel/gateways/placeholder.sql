-- The books of the placeholder gateway, in a schema of their own: it plays an outside party, so it
-- shares nothing with Paykeel's tables and remembers what it did through any crash of Paykeel.
-- Applying this file again changes nothing.

CREATE SCHEMA IF NOT EXISTS placeholder_gateway;

-- What the gateway was asked, once for each reference.
CREATE TABLE IF NOT EXISTS placeholder_gateway.operations (
    reference        text PRIMARY KEY CHECK (length(reference) BETWEEN 1 AND 64),
    kind             text NOT NULL
                     CHECK (kind IN ('charge', 'capture', 'void', 'refund', 'complete')),
    -- The charge that it belongs to; of a charge, its own reference.
    charge_reference text NOT NULL CHECK (length(charge_reference) BETWEEN 1 AND 64),
    -- A digest of the request: the same reference with other content is refused.
    fingerprint      bytea NOT NULL CHECK (length(fingerprint) = 16),
    amount           bigint NOT NULL,
    currency         text NOT NULL CHECK (length(currency) <= 3),
    merchant_id      text NOT NULL CHECK (length(merchant_id) <= 200),
    payment_id       text NOT NULL CHECK (length(payment_id) <= 200),
    payment_method   text NOT NULL CHECK (length(payment_method) <= 200),
    -- What it says now; null: it was asked, but has done nothing that shows yet.
    answer           jsonb,
    -- What it says from settles_at on, if that differs.
    later            jsonb,
    settles_at       timestamptz,
    -- What it said before, oldest first; the webhooks are told from this.
    earlier          jsonb NOT NULL DEFAULT '[]',
    -- The kind of movement that a success of this makes; null: none.
    moves            text
        CHECK (moves IN ('charge', 'reservation', 'capture', 'release', 'refund')),
    -- How many times it was asked, and which of these times it acted; null: never so far.
    calls            integer NOT NULL DEFAULT 1,
    done_call        integer,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    status           text NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN answer IS NOT NULL THEN answer ->> 'outcome'
            WHEN done_call IS NULL THEN 'not_done'
            ELSE 'in_flight'
        END
    ) STORED
);

CREATE INDEX IF NOT EXISTS operations_follow_ups
    ON placeholder_gateway.operations (charge_reference) WHERE kind <> 'charge';

CREATE INDEX IF NOT EXISTS operations_due
    ON placeholder_gateway.operations (settles_at) WHERE later IS NOT NULL;

-- Every real movement of money. A reservation and its release move nothing out of the buyer's
-- account, but they count: two reservations of one purchase are a defect as well.
CREATE TABLE IF NOT EXISTS placeholder_gateway.movements (
    movement_id      bigserial PRIMARY KEY,
    reference        text NOT NULL,
    charge_reference text NOT NULL,
    kind             text NOT NULL
                     CHECK (kind IN ('charge', 'reservation', 'capture', 'release', 'refund')),
    amount           bigint NOT NULL CHECK (amount >= 0),
    currency         text NOT NULL,
    merchant_id      text NOT NULL,
    payment_id       text NOT NULL,
    at               timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS movements_charge
    ON placeholder_gateway.movements (charge_reference);

CREATE INDEX IF NOT EXISTS movements_payment
    ON placeholder_gateway.movements (merchant_id, payment_id);

-- What the gateway signs its webhooks with, made when it is first opened.
CREATE TABLE IF NOT EXISTS placeholder_gateway.secrets (
    name  text PRIMARY KEY CHECK (length(name) <= 50),
    value text NOT NULL CHECK (length(value) BETWEEN 16 AND 200)
);

DO $grants$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'paykeel_app') THEN
        GRANT USAGE ON SCHEMA placeholder_gateway TO paykeel_app;
        GRANT SELECT, INSERT, UPDATE ON placeholder_gateway.operations TO paykeel_app;
        GRANT SELECT, INSERT, UPDATE ON placeholder_gateway.movements TO paykeel_app;
        GRANT SELECT, INSERT ON placeholder_gateway.secrets TO paykeel_app;
        GRANT USAGE ON SEQUENCE placeholder_gateway.movements_movement_id_seq TO paykeel_app;
    END IF;
END
$grants$;
