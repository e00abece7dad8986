"""``schema.sql`` is what the migrations add up to, on every embedded version."""

from collections.abc import Callable
from importlib.resources import files

from paykeel.db.migrate import migrate
from tests.migration.catalog import catalog
from tests.migration.conftest import Connect, EmptyDatabase


async def test_schema_sql_equals_the_sum_of_all_migrations(
    new_database: Callable[[], EmptyDatabase], connect: Connect
) -> None:
    migrated, read = new_database(), new_database()
    await migrate(migrated.owner_url, lock_ms_max=5_000)
    reader = await connect(read.owner_url)
    await reader.execute(files("paykeel.db").joinpath("schema.sql").read_text(encoding="utf-8"))

    wanted = await catalog(await connect(migrated.owner_url))
    found = await catalog(reader)
    # If this fails, a migration was added: python tools/write_schema.py
    assert found == wanted
    assert all(wanted[part] for part in ("tables", "columns", "constraints", "indexes", "triggers"))


async def test_the_comparison_sees_what_differs(
    new_database: Callable[[], EmptyDatabase], connect: Connect
) -> None:
    changes = {
        "columns": "ALTER TABLE outbox ALTER COLUMN topic SET DEFAULT 'a'",
        "constraints": "ALTER TABLE outbox ADD CHECK (created_at <= delivered_at)",
        "indexes": "CREATE INDEX ON outbox (created_at)",
        "triggers": "DROP TRIGGER payment_events_are_history ON payment_events",
        "functions": "ALTER FUNCTION refuse_change_of_history SET search_path = ''",
        "rights on tables": "GRANT TRUNCATE ON outbox TO paykeel_app",
        "rights on columns": "GRANT UPDATE (amount) ON payments TO paykeel_app",
        "rights on the schema": "GRANT CREATE ON SCHEMA public TO paykeel_app",
    }
    database = new_database()
    await migrate(database.owner_url, lock_ms_max=5_000)
    owner = await connect(database.owner_url)
    before = await catalog(owner)
    for part, change in changes.items():
        async with owner.transaction():
            await owner.execute(change)
        after = await catalog(owner)
        assert after[part] != before[part], part
        before = after
