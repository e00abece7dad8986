-- Metrics: what happened by the minute, the hour and the day, and how long it took.
--
-- The minutes are written with the events themselves, by the statements that move payments. Hours
-- and days are sums of minutes, which the worker writes when they are over, so that a month is read
-- from a few rows. What is here can be recounted from payment_events, and the audit does so. It is
-- recounted now: history is the truth, and reading all of it takes a while.

-- In what a move lets a purchase end: succeeded, failed, blocked, canceled, expired, or nothing.
-- The rows are those of payments/states.py; a test holds them equal.
ALTER TABLE payment_transitions
    ADD COLUMN outcome text COLLATE "C" NOT NULL DEFAULT ''
        CHECK (outcome IN ('', 'succeeded', 'failed', 'blocked', 'canceled', 'expired'));

UPDATE payment_transitions
SET outcome = CASE to_status WHEN 'authorized' THEN 'succeeded' ELSE to_status END
WHERE from_status NOT IN (to_status, 'authorized')
    AND to_status IN ('authorized', 'succeeded', 'failed', 'blocked', 'canceled', 'expired');

-- ---------------------------------------------------------------------- what happened

DROP TABLE payment_metrics;

-- What happened by the minute, written with the events and equal to their sum. Writers use
-- different slots, so that no two of them wait for the same row.
CREATE TABLE payment_metrics (
    merchant_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    buyer_role text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL CHECK (count >= 1),
    amount numeric(38, 0) NOT NULL,
    captured numeric(38, 0) NOT NULL,
    refunded numeric(38, 0) NOT NULL,
    PRIMARY KEY (
        merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason,
        slot
    )
) WITH (fillfactor = 70);

-- Which merchants had declines in the last minutes; next to nothing to keep up.
CREATE INDEX payment_metrics_by_time ON payment_metrics
    USING brin (bucket) WITH (pages_per_range = 16);

-- The sums of whole hours and days, in UTC.
CREATE TABLE payment_metrics_hourly (
    merchant_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    buyer_role text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    count bigint NOT NULL CHECK (count >= 1),
    amount numeric(38, 0) NOT NULL,
    captured numeric(38, 0) NOT NULL,
    refunded numeric(38, 0) NOT NULL,
    PRIMARY KEY (merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason)
);

CREATE TABLE payment_metrics_daily (
    merchant_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    buyer_role text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    count bigint NOT NULL CHECK (count >= 1),
    amount numeric(38, 0) NOT NULL,
    captured numeric(38, 0) NOT NULL,
    refunded numeric(38, 0) NOT NULL,
    PRIMARY KEY (merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason)
);

INSERT INTO payment_metrics (
    merchant_id, bucket, event_type, outcome, buyer_role, currency, gateway, reason, slot, count,
    amount, captured, refunded
)
SELECT
    e.merchant_id, date_trunc('minute', e.occurred_at, 'UTC'), e.type, t.outcome, p.buyer_role,
    p.currency, p.gateway, coalesce(e.reason, ''), 0, count(*), sum(e.amount),
    sum(e.captured_delta), sum(e.refunded_delta)
FROM payment_events e
JOIN payments p ON p.merchant_id = e.merchant_id AND p.payment_id = e.payment_id
JOIN payment_transitions t ON t.from_status = e.from_status AND t.to_status = e.to_status
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8;

-- ---------------------------------------------------------------------- how long it took

-- Histograms, one row for each place that anything fell into; metrics/histogram.py says how long
-- each place is. Stage purchase is written with the events: from the opening of a payment to the
-- gateway's yes or no. The other stages are measured by each process.
CREATE TABLE payment_latencies (
    merchant_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    stage text COLLATE "C" NOT NULL CHECK (stage IN ('open', 'gateway', 'settle', 'purchase')),
    buyer_role text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    slot smallint NOT NULL,
    place smallint NOT NULL CHECK (place BETWEEN 0 AND 304),
    count bigint NOT NULL CHECK (count >= 1),
    sum_us numeric(38, 0) NOT NULL CHECK (sum_us >= 0),
    PRIMARY KEY (merchant_id, bucket, stage, buyer_role, gateway, slot, place)
) WITH (fillfactor = 70);

CREATE TABLE payment_latencies_hourly (
    merchant_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    stage text COLLATE "C" NOT NULL CHECK (stage IN ('open', 'gateway', 'settle', 'purchase')),
    buyer_role text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    place smallint NOT NULL CHECK (place BETWEEN 0 AND 304),
    count bigint NOT NULL CHECK (count >= 1),
    sum_us numeric(38, 0) NOT NULL CHECK (sum_us >= 0),
    PRIMARY KEY (merchant_id, bucket, stage, buyer_role, gateway, place)
);

CREATE TABLE payment_latencies_daily (
    merchant_id uuid NOT NULL,
    bucket timestamptz NOT NULL,
    stage text COLLATE "C" NOT NULL CHECK (stage IN ('open', 'gateway', 'settle', 'purchase')),
    buyer_role text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    place smallint NOT NULL CHECK (place BETWEEN 0 AND 304),
    count bigint NOT NULL CHECK (count >= 1),
    sum_us numeric(38, 0) NOT NULL CHECK (sum_us >= 0),
    PRIMARY KEY (merchant_id, bucket, stage, buyer_role, gateway, place)
);

INSERT INTO payment_latencies (
    merchant_id, bucket, stage, buyer_role, gateway, slot, place, count, sum_us
)
SELECT
    c.merchant_id, date_trunc('minute', c.occurred_at, 'UTC'), 'purchase', c.buyer_role, c.gateway,
    0,
    -- How many of the places end before it. A test holds the bounds equal to the code's.
    width_bucket(c.us - 1, ARRAY[
            1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 8, 9, 10,
            11, 12, 13, 14, 16, 17, 19, 20, 22, 24, 26, 29, 32, 34, 38, 41, 45, 49, 53, 58, 64,
            69, 76, 82, 90, 98, 107, 117, 128, 139, 152, 165, 181, 197, 215, 234, 256, 279, 304,
            331, 362, 394, 430, 469, 512, 558, 608, 663, 724, 789, 861, 939, 1024, 1116, 1217,
            1327, 1448, 1579, 1722, 1878, 2048, 2233, 2435, 2655, 2896, 3158, 3444, 3756, 4096,
            4466, 4870, 5311, 5792, 6316, 6888, 7512, 8192, 8933, 9741, 10623, 11585, 12633,
            13777, 15024, 16384, 17866, 19483, 21247, 23170, 25267, 27554, 30048, 32768, 35733,
            38967, 42494, 46340, 50535, 55108, 60096, 65536, 71467, 77935, 84989, 92681, 101070,
            110217, 120193, 131072, 142935, 155871, 169979, 185363, 202140, 220435, 240387,
            262144, 285870, 311743, 339958, 370727, 404281, 440871, 480774, 524288, 571740,
            623487, 679917, 741455, 808562, 881743, 961548, 1048576, 1143480, 1246974, 1359834,
            1482910, 1617125, 1763487, 1923096, 2097152, 2286960, 2493948, 2719669, 2965820,
            3234250, 3526975, 3846193, 4194304, 4573920, 4987896, 5439339, 5931641, 6468501,
            7053950, 7692387, 8388608, 9147841, 9975792, 10878678, 11863283, 12937002, 14107900,
            15384774, 16777216, 18295683, 19951584, 21757357, 23726566, 25874004, 28215801,
            30769549, 33554432, 36591367, 39903169, 43514714, 47453132, 51748008, 56431603,
            61539099, 67108864, 73182735, 79806338, 87029429, 94906265, 103496016, 112863206,
            123078199, 134217728, 146365470, 159612677, 174058858, 189812531, 206992033,
            225726412, 246156398, 268435456, 292730940, 319225354, 348117717, 379625062,
            413984066, 451452825, 492312796, 536870912, 585461880, 638450708, 696235434,
            759250124, 827968132, 902905650, 984625593, 1073741824, 1170923761, 1276901416,
            1392470868, 1518500249, 1655936264, 1805811301, 1969251187, 2147483648, 2341847523,
            2553802833, 2784941737, 3037000499, 3311872529, 3611622602, 3938502375, 4294967296,
            4683695047, 5107605667, 5569883475, 6074000999, 6623745058, 7223245205, 7877004751,
            8589934592, 9367390095, 10215211334, 11139766950, 12148001999, 13247490117,
            14446490411, 15754009503, 17179869184, 18734780191, 20430422668, 22279533901,
            24296003999, 26494980234, 28892980822, 31508019006, 34359738368, 37469560382,
            40860845336, 44559067803, 48592007999, 52989960469, 57785961645, 63016038013,
            68719476736, 74939120765, 81721690673, 89118135606, 97184015999, 105979920938,
            115571923290, 126032076027, 137438953472, 149878241530, 163443381347, 178236271212,
            194368031998, 211959841877, 231143846581, 252064152055
        ]::bigint[]),
    count(*), sum(c.us)
FROM (
    SELECT
        e.merchant_id, e.occurred_at, p.buyer_role, p.gateway,
        greatest((extract(epoch FROM e.occurred_at - p.created_at) * 1000000)::bigint, 0) AS us
    FROM payment_events e
    JOIN payments p ON p.merchant_id = e.merchant_id AND p.payment_id = e.payment_id
    JOIN payment_transitions t ON t.from_status = e.from_status AND t.to_status = e.to_status
    WHERE t.outcome IN ('succeeded', 'failed')
) AS c
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY 1, 2, 3, 4, 5, 6, 7;

-- ---------------------------------------------------------------------- how far it is summed up

-- One row for each merchant, from its first summing up on.
CREATE TABLE metric_watermarks (
    merchant_id uuid PRIMARY KEY REFERENCES merchants,
    -- Hours and days before this instant are summed up.
    hours_to timestamptz NOT NULL,
    days_to timestamptz NOT NULL,
    -- Since then, something was counted in an hour that had been summed up: by a clock that went
    -- back. Hours from here on are summed up anew, and until then nobody reads them.
    late_from timestamptz,
    -- Minutes and hours before this instant were removed, since they are too old.
    minutes_from timestamptz,
    hours_from timestamptz,
    CHECK (days_to <= hours_to),
    CHECK (minutes_from <= hours_to),
    CHECK (hours_from <= days_to)
) WITH (fillfactor = 70);

-- Minutes are only added to; levels are written anew; what is too old is removed.
GRANT SELECT, INSERT, DELETE ON
    payment_metrics, payment_metrics_hourly, payment_metrics_daily,
    payment_latencies, payment_latencies_hourly, payment_latencies_daily
    TO paykeel_app;
GRANT UPDATE (count, amount, captured, refunded) ON
    payment_metrics, payment_metrics_hourly, payment_metrics_daily
    TO paykeel_app;
GRANT UPDATE (count, sum_us) ON
    payment_latencies, payment_latencies_hourly, payment_latencies_daily
    TO paykeel_app;
GRANT SELECT, INSERT ON metric_watermarks TO paykeel_app;
GRANT UPDATE (hours_to, days_to, late_from, minutes_from, hours_from) ON metric_watermarks
    TO paykeel_app;
