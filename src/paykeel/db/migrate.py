"""Migrations: numbered SQL files, forward only, each applied once and never changed afterwards.

What :func:`status` can find, and :func:`check` and :func:`migrate` refuse with, by ``code``:

- ``migration_pending``: files that the database has not seen; ``paykeel migrate`` applies them.
- ``migration_changed``: a file differs from what was applied under its number.
- ``migration_unknown``: the database is newer than this version of Paykeel.
- ``migration_gap``: a number is missing, among the files or in the database.

What only applying can find: ``migration_locked``, ``migration_lock_timeout``, ``migration_failed``,
``migration_transaction``, ``migration_role_missing``, ``migration_not_owner``,
``migration_server_too_old``. The first two can be repeated as they are.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

from paykeel.db.pool import Connection
from paykeel.errors import DatabaseUnavailable, MigrationError

#: The oldest server that Paykeel's SQL runs on.
POSTGRES_MIN = 15
APP_ROLE = "paykeel_app"
#: The advisory lock that one migration at a time holds: the bytes of "paykeel".
LOCK_KEY = int.from_bytes(b"paykeel", "big")

_FILE_NAME = re.compile(r"(\d{4})_([a-z][a-z0-9_]*)\.sql")
_CONNECT_S_MAX = 30.0
#: After these nobody knows whether a COMMIT took place.
_LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
_TABLE = """
CREATE TABLE IF NOT EXISTS paykeel_migrations (
    version     integer     PRIMARY KEY CHECK (version > 0),
    name        text        NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    checksum    text        NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_ms integer     NOT NULL CHECK (duration_ms >= 0)
);
COMMENT ON TABLE paykeel_migrations IS 'Which migration files were applied, and what they held.';
GRANT SELECT ON paykeel_migrations TO paykeel_app;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name without number and ending, its text and SHA-256 in hex."""

    version: int
    name: str
    sql: str
    checksum: str

    @property
    def file_name(self) -> str:
        """The file's name, ``0001_keel.sql``."""
        return f"{self.version:04}_{self.name}.sql"


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of ``paykeel_migrations``: what was applied, when, and how long it took."""

    version: int
    name: str
    checksum: str
    applied_at: datetime
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a database and the files do not fit together; ``code`` is that of the error."""

    code: str
    message: str
    version: int


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """What was applied, what is still to apply, and what is wrong, each in the files' order."""

    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]
    problems: tuple[Problem, ...]


def load_migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Read the migration files, by default those that Paykeel ships, in the order of their numbers.

    Raises:
        MigrationError: ``migration_gap``: the numbers are not 1, 2, 3, …; or
            ``migration_file_name``: a file is not called ``NNNN_name.sql``.
    """
    folder = folder or files("paykeel.db").joinpath("migrations")
    found: list[Migration] = []
    for file in folder.iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(file.name)
        if match is None:
            raise MigrationError(
                f"A migration is called NNNN_name.sql, and not {file.name}.",
                code="migration_file_name",
            )
        # A checkout on Windows may have turned line ends into CR LF; the file is still the same.
        sql = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        found.append(Migration(int(match[1]), match[2], sql, checksum))
    found.sort(key=lambda migration: (migration.version, migration.name))
    for expected, migration in enumerate(found, start=1):
        if migration.version != expected:
            raise MigrationError(
                f"Migration {expected:04} is expected where {migration.file_name} stands: "
                "the numbers must be 1, 2, 3, …, each once.",
                code="migration_gap",
                version=expected,
            )
    return tuple(found)


async def status(
    connection: Connection, migrations: Sequence[Migration] | None = None
) -> MigrationStatus:
    """Compare the files with what the database says was applied; any role of Paykeel's may ask."""
    wanted = load_migrations() if migrations is None else tuple(migrations)
    applied: tuple[Applied, ...] = ()
    if await connection.fetchval("SELECT to_regclass('paykeel_migrations') IS NOT NULL"):
        rows = await connection.fetch(
            "SELECT version, name, checksum, applied_at, duration_ms"
            " FROM paykeel_migrations ORDER BY version"
        )
        applied = tuple(Applied(**row) for row in rows)
    seen = {row.version for row in applied}
    pending = tuple(migration for migration in wanted if migration.version not in seen)
    return MigrationStatus(applied, pending, tuple(_problems(applied, wanted)))


def _problems(applied: Sequence[Applied], wanted: Sequence[Migration]) -> list[Problem]:
    known = {migration.version: migration for migration in wanted}
    problems: list[Problem] = []
    for position, row in enumerate(applied, start=1):
        file = known.get(row.version)
        if file is None:
            message = (
                f"The database has migration {row.version:04} ({row.name}), which this version of "
                "Paykeel does not know: it was made by a newer one. Start that or a later one."
            )
            problems.append(Problem("migration_unknown", message, row.version))
        elif file.checksum != row.checksum:
            message = (
                f"{file.file_name} was changed after it was applied: the file's SHA-256 is "
                f"{file.checksum}, and {row.checksum} was applied. Put the file back, and make the "
                "change in a new migration."
            )
            problems.append(Problem("migration_changed", message, row.version))
        if row.version > position and not any(p.code == "migration_gap" for p in problems):
            message = (
                f"The database has migration {row.version:04} but not {position:04}, which must "
                "come before it."
            )
            problems.append(Problem("migration_gap", message, position))
    return problems


async def check(connection: Connection, migrations: Sequence[Migration] | None = None) -> None:
    """Return if the database is exactly what this version of Paykeel expects.

    Raises:
        MigrationError: It is not; ``code`` says how.
    """
    found = await status(connection, migrations)
    _refuse(found.problems)
    if found.pending:
        names = ", ".join(migration.file_name for migration in found.pending)
        raise MigrationError(
            f"The database lacks {len(found.pending)} migration(s): {names}. "
            "Run `paykeel migrate` first.",
            code="migration_pending",
            version=found.pending[0].version,
        )


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise MigrationError(
            "\n".join(problem.message for problem in problems),
            code=problems[0].code,
            version=problems[0].version,
        )


async def migrate(
    url: str, *, lock_ms_max: int, migrations: Sequence[Migration] | None = None
) -> list[Applied]:
    """Bring the database up to date; return what was applied by this call, often nothing.

    Any number of processes may call this at once: one works, the others wait for it. Each file is
    one transaction, so that after an error the files before it are in, and nothing of it is.

    Args:
        url: Connects as the role that owns the database, directly and not through a pooler that
            gives each transaction another session.
        lock_ms_max: The longest wait for another process's migration, and then for each lock that
            a statement needs. Meanwhile later users of that table wait too, so keep it short.
        migrations: Instead of Paykeel's own.

    Raises:
        MigrationError: See the codes of this module.
        DatabaseUnavailable: The database does not answer.
    """
    wanted = load_migrations() if migrations is None else tuple(migrations)
    async with _session(url, lock_ms_max) as connection:
        before = await status(connection, wanted)
        _refuse(before.problems)
        if not before.pending:
            return []
        await _check_rights(connection)
        async with connection.transaction():
            await connection.execute(_TABLE)
        return [await _apply(connection, one, lock_ms_max) for one in before.pending]


@asynccontextmanager
async def _session(url: str, lock_ms_max: int) -> AsyncIterator[asyncpg.Connection]:
    """Connect and hold the advisory lock, which ends with the session however that ends."""
    try:
        connection = await asyncpg.connect(
            url,
            timeout=_CONNECT_S_MAX,
            server_settings={"application_name": "paykeel migrate", "timezone": "UTC"},
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnavailable(f"The database cannot be reached to migrate: {error}") from error
    try:
        version = connection.get_server_version()
        if version.major < POSTGRES_MIN:
            raise MigrationError(
                f"The server is PostgreSQL {version.major}; Paykeel needs {POSTGRES_MIN} or later.",
                code="migration_server_too_old",
            )
        try:
            await connection.execute(f"SET lock_timeout = {int(lock_ms_max)}")
            await _notice_our_death(connection)
            await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        except asyncpg.LockNotAvailableError:
            busy = MigrationError(
                f"Another process was still migrating this database after {lock_ms_max} ms. "
                "Repeat this when it has finished.",
                code="migration_locked",
            )
            busy.retryable = True
            raise busy from None
        yield connection
    except _LOST as error:
        raise DatabaseUnavailable(
            "The connection was lost while migrating, and the last file may or may not be in. "
            f"Migrate again, which finds out: {error}"
        ) from error
    finally:
        await connection.close(timeout=_CONNECT_S_MAX)


async def _notice_our_death(connection: asyncpg.Connection) -> None:
    """Let the server look for us once a second while a statement runs.

    Otherwise it finds out that this process was killed when the statement ends, and holds the
    advisory lock and every other until then.
    """
    # Suppressed: not every system that a server runs on can tell.
    with suppress(asyncpg.InvalidParameterValueError):
        await connection.execute("SET client_connection_check_interval = 1000")


async def _check_rights(connection: asyncpg.Connection) -> None:
    if not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)", APP_ROLE
    ):
        raise MigrationError(
            f"The role {APP_ROLE}, which the migrations grant rights to, does not exist. "
            "As a superuser, run:\n"
            f"    CREATE ROLE {APP_ROLE} LOGIN PASSWORD '…';\n"
            f"    GRANT CONNECT ON DATABASE {await _database(connection)} TO {APP_ROLE};",
            code="migration_role_missing",
        )
    if not await connection.fetchval(
        "SELECT has_schema_privilege(current_schema(), 'CREATE') IS TRUE"
    ):
        role = await connection.fetchval("SELECT current_user::text")
        raise MigrationError(
            f"The role {role} may not create tables here. Migrate as the role that owns the "
            "database: set PAYKEEL_MIGRATION_DATABASE_URL.",
            code="migration_not_owner",
        )


async def _database(connection: asyncpg.Connection) -> str:
    return str(await connection.fetchval("SELECT quote_ident(current_database())"))


async def _apply(connection: asyncpg.Connection, migration: Migration, lock_ms_max: int) -> Applied:
    started_s = time.monotonic()
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {int(lock_ms_max)}")
            # The role may have a limit for its ordinary work; building an index takes its time.
            await connection.execute("SET LOCAL statement_timeout = 0")
            ours = await connection.fetchval("SELECT pg_current_xact_id()::text")
            await connection.execute(migration.sql)
            if ours != await connection.fetchval("SELECT pg_current_xact_id()::text"):
                raise MigrationError(
                    f"{migration.file_name} ends the transaction that it is given: take COMMIT and "
                    "ROLLBACK out of it. What stands before them may have been applied.",
                    code="migration_transaction",
                    version=migration.version,
                )
            [row] = await connection.fetch(
                "INSERT INTO paykeel_migrations (version, name, checksum, duration_ms)"
                " VALUES ($1, $2, $3, $4)"
                " RETURNING version, name, checksum, applied_at, duration_ms",
                migration.version,
                migration.name,
                migration.checksum,
                round((time.monotonic() - started_s) * 1000),
            )
    except _LOST:
        raise
    except asyncpg.PostgresError as error:
        raise _failure(migration, error, lock_ms_max) from error
    return Applied(**row)


def _failure(
    migration: Migration, error: asyncpg.PostgresError, lock_ms_max: int
) -> MigrationError:
    if isinstance(error, asyncpg.LockNotAvailableError):
        failure = MigrationError(
            f"{migration.file_name} waited {lock_ms_max} ms for a table that another session uses, "
            "and gave up so that others need not wait behind it. Nothing of it was applied; "
            "repeat it, at a quieter time or with a larger PAYKEEL_MIGRATION_LOCK_MS_MAX.",
            code="migration_lock_timeout",
            version=migration.version,
        )
        failure.retryable = True
        return failure
    position = getattr(error, "position", None)
    line = f", line {migration.sql[: int(position)].count(chr(10)) + 1}" if position else ""
    detail = getattr(error, "detail", None)
    return MigrationError(
        f"{migration.file_name}{line}: {error.args[0]} (SQLSTATE {error.sqlstate})."
        f"{f' {detail}' if detail else ''} Nothing of it was applied.",
        code="migration_failed",
        version=migration.version,
    )
