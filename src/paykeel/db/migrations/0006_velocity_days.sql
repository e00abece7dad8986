-- What happens under keys is kept day by day, so that purchases write to the pages of one day.
--
-- In an index by key alone, each entry of each purchase lands on a page of its own among all that
-- there are: with ten million purchases before, that page is not in memory, and its first change
-- after a checkpoint is written to the log as a whole. Adding the column writes the table anew, and
-- nobody can purchase meanwhile.
ALTER TABLE velocity_entries
    -- The day in UTC. A window reads each day that it reaches into.
    ADD COLUMN day date NOT NULL
        GENERATED ALWAYS AS ((occurred_at AT TIME ZONE 'UTC')::date) STORED,
    DROP CONSTRAINT velocity_entries_pkey;

ALTER TABLE velocity_entries
    ADD PRIMARY KEY (merchant_id, day, key, outcome, occurred_at, payment_id);
