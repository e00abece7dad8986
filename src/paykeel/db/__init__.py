"""PostgreSQL: pool, SQL loader, coalescer, embedded server, migrations."""
