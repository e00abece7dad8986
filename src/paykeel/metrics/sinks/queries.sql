-- name: open_sink
-- Begins a sink that is new, at a whole minute, and notes once an hour that it is on; no row: both
-- are known already.
INSERT INTO metric_sinks (sink, started_at, prepared_to, compared_to, last_on_at)
SELECT :sink::text, s.at, s.at, s.at, clock_timestamp()
FROM (
    SELECT date_trunc('minute', clock_timestamp(), 'UTC')
        - make_interval(mins => :backfill_minutes::integer) AS at
) s
ON CONFLICT (sink) DO UPDATE SET last_on_at = clock_timestamp()
WHERE metric_sinks.last_on_at < clock_timestamp() - interval '1 hour'
RETURNING metric_sinks.sink;

-- name: hold_sink
-- A sink, for this transaction alone, with the clock and how many batches wait; no row: another
-- worker has it at this moment, or it is not known.
SELECT
    s.prepared_to, s.compared_to, s.sampled_at, s.last_sequence, clock_timestamp() AS now,
    (
        SELECT count(*) FROM metric_sink_batches b WHERE b.sink = s.sink AND b.state <> 'sent'
    ) AS waiting
FROM metric_sinks s
WHERE s.sink = :sink::text
FOR UPDATE OF s SKIP LOCKED;

-- name: feed_minutes
-- What happened in some minutes at every merchant of the modes (each row has its merchant_id), over
-- all slots; no row: nothing did.
SELECT
    p.bucket, m.mode, p.merchant_id, p.event_type, p.outcome, p.buyer_role, p.currency, p.gateway,
    p.reason, sum(p.count)::bigint AS count, sum(p.captured) AS captured,
    sum(p.refunded) AS refunded
FROM merchants m
JOIN payment_metrics p ON p.merchant_id = m.merchant_id
    AND p.bucket >= :since::timestamptz AND p.bucket < :until::timestamptz
WHERE m.mode = ANY (:modes::text[])
GROUP BY
    p.bucket, m.mode, p.merchant_id, p.event_type, p.outcome, p.buyer_role, p.currency, p.gateway,
    p.reason;

-- name: feed_durations
-- How long things took in some minutes at every merchant of the modes (each row has its
-- merchant_id), over all slots; no row: nothing was timed.
SELECT
    p.bucket, m.mode, p.merchant_id, p.stage, p.buyer_role, p.gateway, p.place,
    sum(p.count)::bigint AS count, sum(p.sum_us) AS sum_us
FROM merchants m
JOIN payment_latencies p ON p.merchant_id = m.merchant_id
    AND p.bucket >= :since::timestamptz AND p.bucket < :until::timestamptz
WHERE m.mode = ANY (:modes::text[])
GROUP BY p.bucket, m.mode, p.merchant_id, p.stage, p.buyer_role, p.gateway, p.place;

-- name: write_batches
-- Stores batches as they will be sent, in order; no row: there were none.
INSERT INTO metric_sink_batches (
    sink, sequence, kind, state, minute_from, minute_until, dimensions, datums, datum_count, probe,
    created_at
)
SELECT
    :sink::text, u.sequence, :kind::text, 'queued', u.minute_from, u.minute_until,
    :dimensions::text, u.datums::jsonb, jsonb_array_length(u.datums::jsonb), u.probe::jsonb,
    clock_timestamp()
FROM unnest(
    :sequences::bigint[], :minutes_from::timestamptz[], :minutes_until::timestamptz[],
    :datums::text[], :probes::text[]
) AS u (sequence, minute_from, minute_until, datums, probe)
RETURNING sequence;

-- name: move_sink
-- Notes how far a sink is prepared and compared, and what was too old or came late; no row: it is
-- not known.
UPDATE metric_sinks s
SET prepared_to = :prepared_to::timestamptz, compared_to = :compared_to::timestamptz,
    sampled_at = :sampled_at::timestamptz, last_sequence = :last_sequence::bigint,
    datums_dropped = s.datums_dropped + :dropped::bigint,
    datums_late = s.datums_late + :late::bigint
WHERE s.sink = :sink::text
RETURNING s.sink;

-- name: prepared_batches
-- What was prepared of some minutes, in order, sent or not; no row: nothing happened in them.
SELECT b.dimensions, b.datums
FROM metric_sink_batches b
WHERE b.sink = :sink::text AND b.kind = 'minutes'
    AND b.minute_from < :until::timestamptz AND b.minute_until > :since::timestamptz
ORDER BY b.sequence;

-- name: claim_batch
-- The oldest batch that waits, for whoever claims it now, with what it was before; no row: none
-- waits, somebody is sending it, or the sink is not to be tried yet.
WITH head AS MATERIALIZED (
    SELECT b.sink, b.sequence, b.state, b.sending_since
    FROM metric_sink_batches b
    WHERE b.sink = :sink::text AND b.state <> 'sent'
    ORDER BY b.sequence
    LIMIT 1
    FOR UPDATE
)
UPDATE metric_sink_batches b
SET state = 'sending', tries = b.tries + 1,
    claimed_until = clock_timestamp() + make_interval(secs => :lease_ms::integer / 1000.0),
    sending_since = CASE head.state
        WHEN 'sending' THEN b.sending_since ELSE clock_timestamp()
    END
FROM head
JOIN metric_sinks s ON s.sink = head.sink
WHERE b.sink = head.sink AND b.sequence = head.sequence AND b.state <> 'sent'
    AND coalesce(b.claimed_until, '-infinity') <= clock_timestamp()
    AND coalesce(s.retry_at, '-infinity') <= clock_timestamp()
RETURNING
    b.sequence, b.kind, b.datums, b.probe, b.tries, b.sending_since,
    head.state AS state_before, s.failures, clock_timestamp() AS now;

-- name: send_again
-- Notes that a batch is sent again from now on, and whether it may have arrived before: once it
-- may, that stays. No row: somebody else has it.
UPDATE metric_sink_batches b
SET sending_since = clock_timestamp(), uncertain = b.uncertain OR :uncertain::boolean
WHERE b.sink = :sink::text AND b.sequence = :sequence::bigint AND b.state = 'sending'
    AND b.tries = :tries::integer
RETURNING b.sequence;

-- name: finish_batch
-- Notes that a batch is done with, sent or refused; no row: somebody else did so before.
WITH done AS (
    UPDATE metric_sink_batches b
    SET state = 'sent', sent_at = clock_timestamp(), claimed_until = NULL,
        uncertain = b.uncertain OR :uncertain::boolean
    WHERE b.sink = :sink::text AND b.sequence = :sequence::bigint AND b.state = 'sending'
        AND b.tries = :tries::integer
    RETURNING b.sink, b.datum_count, b.sent_at, b.uncertain
)
UPDATE metric_sinks s
SET failures = 0, retry_at = NULL,
    last_error = CASE WHEN :dropped::bigint > 0 THEN :reason::text END,
    last_sent_at = CASE WHEN :dropped < d.datum_count THEN d.sent_at ELSE s.last_sent_at END,
    batches_sent = s.batches_sent + (:dropped < d.datum_count)::integer,
    datums_sent = s.datums_sent + d.datum_count - :dropped,
    datums_dropped = s.datums_dropped + :dropped,
    batches_uncertain = s.batches_uncertain + d.uncertain::integer
FROM done d
WHERE s.sink = d.sink
RETURNING s.sink;

-- name: put_off_batch
-- Gives a batch back after something went wrong: to be sent later, or, if it may have arrived, to
-- be looked for; no row: somebody else has it.
WITH back AS (
    UPDATE metric_sink_batches b
    SET state = CASE WHEN :unsure::boolean THEN 'sending' ELSE 'queued' END,
        claimed_until = CASE WHEN :unsure THEN clock_timestamp() END,
        sending_since = CASE WHEN :unsure THEN b.sending_since END
    WHERE b.sink = :sink::text AND b.sequence = :sequence::bigint AND b.state = 'sending'
        AND b.tries = :tries::integer
    RETURNING b.sink
)
UPDATE metric_sinks s
SET failures = s.failures + 1, last_error = :reason::text,
    retry_at = clock_timestamp() + make_interval(secs => :pause_ms::integer / 1000.0)
FROM back
WHERE s.sink = back.sink
RETURNING s.failures;

-- name: purge_batches
-- Removes what was sent and compared; no row: all that is there is still needed.
DELETE FROM metric_sink_batches b
USING metric_sinks s
WHERE b.sink = :sink::text AND s.sink = b.sink AND b.state = 'sent'
    AND (b.kind <> 'minutes' OR b.minute_until <= s.compared_to)
RETURNING b.sequence;

-- name: sink_states
-- How every sink stands that was ever on; no row: none was.
SELECT
    s.sink, s.started_at, s.prepared_to, s.compared_to, s.sampled_at, s.failures, s.retry_at,
    s.last_error,
    s.last_sent_at, s.batches_sent, s.datums_sent, s.datums_dropped, s.batches_uncertain,
    s.datums_late, coalesce(w.waiting, 0) AS batches_waiting,
    least(s.prepared_to, w.waiting_from) AS sent_to, clock_timestamp() AS now
FROM metric_sinks s
LEFT JOIN (
    SELECT
        b.sink, count(*) AS waiting,
        min(b.minute_from) FILTER (WHERE b.kind = 'minutes') AS waiting_from
    FROM metric_sink_batches b
    WHERE b.state <> 'sent'
    GROUP BY b.sink
) w ON w.sink = s.sink
ORDER BY s.sink;

-- name: series_sizes
-- How many different values the last days had of what metrics are split by (over every merchant_id
-- of the modes); always one row.
SELECT
    count(DISTINCT m.mode)::integer AS modes, count(DISTINCT d.merchant_id)::integer AS merchants,
    count(DISTINCT d.currency)::integer AS currencies,
    count(DISTINCT d.gateway)::integer AS gateways,
    (count(DISTINCT d.reason) FILTER (WHERE d.outcome = 'blocked'))::integer AS block_reasons
FROM merchants m
JOIN payment_metrics_daily d ON d.merchant_id = m.merchant_id AND d.bucket >= :since::timestamptz
WHERE m.mode = ANY (:modes::text[]);

-- name: scraped_merchants
-- The first merchants of the modes (each row has its merchant_id), with how many there are in all;
-- no row: there are none.
SELECT m.merchant_id, m.mode, count(*) OVER () AS merchants
FROM merchants m
WHERE m.mode = ANY (:modes::text[])
ORDER BY m.merchant_id
LIMIT :rows_max::integer;
