"""Applying migrations: each once, whole or not at all, one process at a time."""

import asyncio
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from paykeel.db.embedded import EmbeddedServer
from paykeel.db.migrate import LOCK_KEY, check, load_migrations, migrate, status
from paykeel.errors import DatabaseUnavailable, MigrationError
from tests.migration.conftest import Connect, EmptyDatabase

_OTHER_PROCESS = """
import asyncio, pathlib, sys
from paykeel.db.migrate import load_migrations, migrate
files = load_migrations(pathlib.Path(sys.argv[2]))
applied = asyncio.run(migrate(sys.argv[1], lock_ms_max=20_000, migrations=files))
print(*(row.version for row in applied))
"""


async def _start_migrating(url: str, folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _OTHER_PROCESS, url, str(folder)), stdout=asyncio.subprocess.PIPE
    )


async def _run(url: str, folder: Path, lock_ms_max: int = 5_000) -> list[int]:
    files = load_migrations(folder)
    applied = await migrate(url, lock_ms_max=lock_ms_max, migrations=files)
    return [row.version for row in applied]


async def _until(connection: asyncpg.Connection, *, sleeping: int) -> None:
    """Wait until so many sessions of this database are asleep in a statement."""
    asleep = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    while await connection.fetchval(asleep) != sleeping:  # noqa: ASYNC110 - the database tells
        await asyncio.sleep(0.02)


async def _exists(connection: asyncpg.Connection, table: str) -> bool:
    return bool(await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table))


async def test_files_are_applied_in_order_and_once(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    (folder / "0002_second.sql").write_text("ALTER TABLE first ADD COLUMN b integer;\n")
    assert await _run(database.owner_url, folder) == [1, 2]
    assert await _run(database.owner_url, folder) == []
    (folder / "0003_third.sql").write_text("ALTER TABLE first ADD COLUMN c integer;\n")
    assert await _run(database.owner_url, folder) == [3]

    found = await status(await connect(database.app_url), load_migrations(folder))
    assert [row.name for row in found.applied] == ["first", "second", "third"]
    assert all(row.duration_ms >= 0 and row.applied_at.tzinfo for row in found.applied)
    assert (found.pending, found.problems) == ((), ())


async def test_the_application_may_check_and_may_not_change_the_records(
    database: EmptyDatabase, connect: Connect
) -> None:
    app = await connect(database.app_url)
    with pytest.raises(MigrationError, match=r"0001_keel\.sql") as refused:
        await check(app)
    assert refused.value.code == "migration_pending"
    await migrate(database.owner_url, lock_ms_max=5_000)
    await check(app)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute("DELETE FROM paykeel_migrations")


async def test_two_processes_apply_everything_once(database: EmptyDatabase, folder: Path) -> None:
    # Long enough for the second to arrive while the first still works.
    (folder / "0002_slow.sql").write_text("SELECT pg_sleep(1); CREATE TABLE slow ();\n")
    processes = [await _start_migrating(database.owner_url, folder) for _ in range(2)]
    said = [(await process.communicate())[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(said) == [[], [b"1", b"2"]]


async def test_the_wait_for_another_process_is_bounded(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    other = await connect(database.owner_url)
    await other.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
    started = time.monotonic()
    with pytest.raises(MigrationError) as refused:
        await _run(database.owner_url, folder, lock_ms_max=300)
    assert 0.3 <= time.monotonic() - started < 3
    assert (refused.value.code, refused.value.retryable) == ("migration_locked", True)
    await other.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)
    assert await _run(database.owner_url, folder, lock_ms_max=300) == [1]


@pytest.mark.crash
async def test_a_killed_migration_leaves_nothing_and_no_lock(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    slow = folder / "0002_slow.sql"
    slow.write_text("CREATE TABLE slow (); SELECT pg_sleep(600);\n")
    process = await _start_migrating(database.owner_url, folder)
    watcher = await connect(database.owner_url)
    async with asyncio.timeout(30):
        await _until(watcher, sleeping=1)
        process.kill()
        await process.wait()
        # The server looks once a second whether its client is still there.
        await _until(watcher, sleeping=0)
    assert not await _exists(watcher, "slow")
    slow.write_text("CREATE TABLE slow ();\n")
    assert await _run(database.owner_url, folder) == [2]


async def test_a_lost_connection_is_no_verdict(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    (folder / "0002_slow.sql").write_text(
        "CREATE TABLE slow (); SELECT pg_terminate_backend(pg_backend_pid());\n"
    )
    with pytest.raises(DatabaseUnavailable, match="may or may not be in"):
        await _run(database.owner_url, folder)
    owner = await connect(database.owner_url)
    assert await _exists(owner, "first")
    assert not await _exists(owner, "slow")


async def test_a_failing_file_leaves_nothing_behind(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    wrong = folder / "0002_wrong.sql"
    wrong.write_text("CREATE TABLE second ();\n\nSELECT no_such_column FROM first;\n")
    with pytest.raises(MigrationError, match=r"0002_wrong\.sql, line 3: .*42703") as refused:
        await _run(database.owner_url, folder)
    assert (refused.value.code, refused.value.data) == ("migration_failed", {"version": 2})

    owner = await connect(database.owner_url)
    assert await _exists(owner, "first")
    assert not await _exists(owner, "second")
    wrong.write_text("CREATE TABLE second ();\n")
    assert await _run(database.owner_url, folder) == [2]


async def test_a_file_that_ends_its_transaction_is_refused(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    (folder / "0002_commits.sql").write_text("COMMIT; BEGIN; CREATE TABLE second ();\n")
    with pytest.raises(MigrationError) as refused:
        await _run(database.owner_url, folder)
    assert refused.value.code == "migration_transaction"
    owner = await connect(database.owner_url)
    assert not await _exists(owner, "second")
    assert await owner.fetchval("SELECT max(version) FROM paykeel_migrations") == 1


async def test_a_locked_table_is_waited_for_within_the_bound(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    await _run(database.owner_url, folder)
    (folder / "0002_more.sql").write_text(
        "CREATE TABLE second ();\nALTER TABLE first ADD COLUMN b integer;\n"
    )
    reader = await connect(database.owner_url)
    reading = reader.transaction()
    await reading.start()
    await reader.execute("LOCK TABLE first IN ACCESS SHARE MODE")
    started = time.monotonic()
    with pytest.raises(MigrationError, match=r"0002_more\.sql waited 300 ms") as refused:
        await _run(database.owner_url, folder, lock_ms_max=300)
    assert 0.3 <= time.monotonic() - started < 3
    assert (refused.value.code, refused.value.retryable) == ("migration_lock_timeout", True)
    await reading.rollback()
    assert not await _exists(reader, "second")
    assert await _run(database.owner_url, folder, lock_ms_max=300) == [2]


async def test_a_changed_file_is_refused(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    await _run(database.owner_url, folder)
    [before] = load_migrations(folder)
    (folder / "0001_first.sql").write_text("CREATE TABLE first (a bigint);\n")
    (folder / "0002_second.sql").write_text("CREATE TABLE second ();\n")
    changed = load_migrations(folder)
    app = await connect(database.app_url)
    for refusal in (check(app, changed), _run(database.owner_url, folder)):
        with pytest.raises(MigrationError, match=r"0001_first\.sql was changed") as refused:
            await refusal
        assert refused.value.code == "migration_changed"
        assert before.checksum in refused.value.message
        assert changed[0].checksum in refused.value.message
    assert not await _exists(app, "second")


async def test_a_newer_database_is_refused(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    newer = folder / "0002_newer.sql"
    newer.write_text("CREATE TABLE second ();\n")
    await _run(database.owner_url, folder)
    newer.unlink()
    app = await connect(database.app_url)
    for refusal in (check(app, load_migrations(folder)), _run(database.owner_url, folder)):
        with pytest.raises(MigrationError, match=r"migration 0002 \(newer\)") as refused:
            await refusal
        assert refused.value.code == "migration_unknown"


async def test_a_gap_in_the_database_is_refused(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    (folder / "0002_second.sql").write_text("CREATE TABLE second ();\n")
    await _run(database.owner_url, folder)
    owner = await connect(database.owner_url)
    await owner.execute("DELETE FROM paykeel_migrations WHERE version = 1")
    for refusal in (check(owner, load_migrations(folder)), _run(database.owner_url, folder)):
        with pytest.raises(MigrationError, match="0002 but not 0001") as refused:
            await refusal
        assert refused.value.code == "migration_gap"


async def test_a_missing_role_is_named_with_the_statement_that_makes_it(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    admin = await connect(database.admin_url)
    await admin.execute("ALTER ROLE paykeel_app RENAME TO paykeel_elsewhere")
    try:
        with pytest.raises(MigrationError, match="CREATE ROLE paykeel_app LOGIN") as refused:
            await _run(database.owner_url, folder)
    finally:
        await admin.execute("ALTER ROLE paykeel_elsewhere RENAME TO paykeel_app")
    assert refused.value.code == "migration_role_missing"
    assert not await _exists(admin, "paykeel_migrations")


async def test_a_role_without_rights_is_told_so(database: EmptyDatabase, folder: Path) -> None:
    with pytest.raises(MigrationError, match="PAYKEEL_MIGRATION_DATABASE_URL") as refused:
        await _run(database.app_url, folder)
    assert refused.value.code == "migration_not_owner"
    await _run(database.owner_url, folder)
    # With nothing to do, nothing is needed.
    assert await _run(database.app_url, folder) == []


async def test_a_limit_on_the_roles_statements_does_not_bind(
    database: EmptyDatabase, folder: Path, connect: Connect
) -> None:
    admin = await connect(database.admin_url)
    await admin.execute(
        f"ALTER ROLE paykeel_owner IN DATABASE {database.name} SET statement_timeout = 100"
    )
    (folder / "0002_slow.sql").write_text("SELECT pg_sleep(0.5);\n")
    assert await _run(database.owner_url, folder) == [1, 2]


async def test_no_database_is_no_migration_error(migration_server: EmbeddedServer) -> None:
    with pytest.raises(DatabaseUnavailable):
        await migrate(migration_server.url("paykeel_owner", "no_such"), lock_ms_max=1_000)
