-- The two roles and the database that Paykeel needs, for psql and a superuser. It can be repeated.
--
--     psql -X -v ON_ERROR_STOP=1 -f roles.sql "postgresql://postgres@your-server/postgres"
--
-- The embedded server is given this at every start. On a server of your own, give both roles a
-- password (\password paykeel_owner, \password paykeel_app) or a rule in pg_hba.conf afterwards.

-- Owns the database and everything in it; only migrations connect as this role.
SELECT 'CREATE ROLE paykeel_owner LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'paykeel_owner') \gexec

-- What Paykeel itself connects as. It owns nothing; the migrations grant what it may do.
SELECT 'CREATE ROLE paykeel_app LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'paykeel_app') \gexec

-- Locale C compares text byte by byte: the same on every machine, so that an index does not break
-- when the operating system's collations change.
SELECT 'CREATE DATABASE paykeel OWNER paykeel_owner'
       ' TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C'''
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'paykeel') \gexec

-- Without this every role of the server could connect and make temporary tables.
REVOKE ALL ON DATABASE paykeel FROM PUBLIC;
GRANT CONNECT ON DATABASE paykeel TO paykeel_app;
