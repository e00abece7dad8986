-- name: server_facts
-- What the server says of itself and of the role that asks; always one row.
SELECT
    current_setting('server_version') AS version,
    current_setting('server_version_num')::integer AS version_number,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit,
    pg_is_in_recovery() AS standby,
    current_user::text AS role,
    r.rolsuper AS superuser,
    r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls OR r.rolreplication AS privileged
FROM pg_catalog.pg_roles r
WHERE r.rolname = current_user;

-- name: clock
-- The database's clock, to compare with this machine's; always one row.
SELECT clock_timestamp() AS at;

-- name: history_rights
-- The history tables in which this role can change or remove rows, or which it owns and can
-- therefore do anything with; no row means that it has the least that it needs.
SELECT
    c.relname::text AS table_name,
    pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE') AS owned
FROM pg_catalog.pg_class c
WHERE c.oid IN (
        to_regclass('payment_events'),
        to_regclass('fraud_prevention_logs'),
        to_regclass('fraud_rules'),
        to_regclass('fraud_rulesets'),
        to_regclass('terms_acceptance'),
        to_regclass('seals'),
        to_regclass('seal_leaves')
    )
    AND (
        pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')
        OR has_table_privilege(c.oid, 'UPDATE')
        OR has_table_privilege(c.oid, 'DELETE')
        OR has_table_privilege(c.oid, 'TRUNCATE')
    )
ORDER BY c.relname;

-- name: live_merchant
-- The first merchant in live mode; no row: there is none.
SELECT m.merchant_id
FROM merchants m
WHERE m.mode = 'live'
ORDER BY m.merchant_id
LIMIT 1;
