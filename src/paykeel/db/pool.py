"""The pool: asyncpg with the session settings that the hot statements rely on."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime

    from paykeel.db.sql import Statement

Connection = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection

#: What means that the database, and not the statement, is at fault.
LOST = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    # Raised raw when a backend dies while its connection is being made.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
)


_DATABASE_NOW = "SELECT clock_timestamp()"


async def _no_reset(_connection: object) -> None:
    """Skip the reset on release: a round trip for state that nothing here ever sets."""


async def _speak_json(connection: asyncpg.Connection) -> None:
    """Read jsonb as Python values; statements are handed text and cast it themselves."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=str, decoder=json.loads, format="text"
    )


class Database:
    """A pool of connections to one PostgreSQL, always the primary."""

    def __init__(self, pool: asyncpg.Pool, wait_ms_max: int) -> None:
        """Wrap a pool; use :meth:`open`."""
        self._pool = pool
        self._wait_s = wait_ms_max / 1000
        self._clock_base: tuple[datetime, float] | None = None
        self._last_now: datetime | None = None

    @classmethod
    async def open(
        cls, url: str, *, size: int, wait_ms_max: int, statement_ms_max: int, name: str = "paykeel"
    ) -> Database:
        """Connect.

        Raises:
            DatabaseUnavailable: Nothing answers at ``url``.
        """
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                max_inactive_connection_lifetime=0,
                timeout=wait_ms_max / 1000,
                command_timeout=statement_ms_max / 1000,
                reset=_no_reset,
                init=_speak_json,
                server_settings={
                    "application_name": name,
                    "timezone": "UTC",
                    "default_transaction_isolation": "read committed",
                    "statement_timeout": str(statement_ms_max),
                    "idle_in_transaction_session_timeout": str(statement_ms_max),
                    # Every hot statement looks up a few rows by their whole key, for each element
                    # of an array, and what it touches is mostly in memory. A plan that was made
                    # while a table was small must not go on reading all of it.
                    "enable_seqscan": "off",
                    "enable_mergejoin": "off",
                    "random_page_cost": "1.1",
                    # Planning one of them takes longer than running it.
                    "plan_cache_mode": "force_generic_plan",
                    "jit": "off",
                },
            )
        except LOST as error:
            raise DatabaseUnavailable(f"The database does not answer: {error}") from error
        database = cls(pool, wait_ms_max)
        await database.read_clock()
        return database

    def observe(self, database_now: datetime) -> None:
        """Take note of what the database's clock says now."""
        self._clock_base = (database_now, time.monotonic())

    async def read_clock(self) -> datetime:
        """Ask the database for the present instant, and take note of it."""
        async with self.connection() as connection:
            now: datetime = await connection.fetchval(_DATABASE_NOW)
        self.observe(now)
        return now

    def now(self) -> datetime:
        """Return the present instant by the database's clock, never earlier than the time before.

        It is the clock that was last observed, run on by this machine's steady clock, so that what
        several processes write is dated alike however wrong their own clocks are.
        """
        if self._clock_base is None:
            message = "the database's clock has not been observed yet"
            raise RuntimeError(message)
        observed, since = self._clock_base
        now = observed + timedelta(seconds=time.monotonic() - since)
        if self._last_now is not None and now < self._last_now:
            now = self._last_now
        self._last_now = now
        return now

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection.

        Raises:
            DatabaseUnavailable: None can be had in time, or it was lost while it was used. In the
                second case nobody knows whether a COMMIT took place: read again by key.
        """
        try:
            borrowed = await self._pool.acquire(timeout=self._wait_s)
        except LOST as error:
            raise DatabaseUnavailable from error
        try:
            yield borrowed
        except LOST as error:
            if isinstance(error, ValueError):  # A value that does not fit: the caller's own.
                raise
            raise DatabaseUnavailable("The connection to the database was lost.") from error
        finally:
            await self._pool.release(borrowed)

    async def fetch(self, statement: Statement, **values: Any) -> list[asyncpg.Record]:
        """Run one statement, which is one transaction, and return its rows."""
        arguments = statement.arguments(values)
        async with self.connection() as connection:
            return await connection.fetch(statement.text, *arguments)

    async def fetchrow(self, statement: Statement, **values: Any) -> asyncpg.Record | None:
        """Run one statement and return its first row, or nothing."""
        rows = await self.fetch(statement, **values)
        return rows[0] if rows else None

    async def close(self) -> None:
        """Close the connections, giving those in use five seconds."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except (TimeoutError, *LOST):
            self._pool.terminate()


async def fetch_on(
    connection: Connection,
    statement: Statement,
    values: Mapping[str, Any],
    timeout_ms: int | None = None,
) -> list[asyncpg.Record]:
    """Run one statement on a connection that the caller holds, within the usual time or another."""
    rows: list[asyncpg.Record] = await connection.fetch(
        statement.text,
        *statement.arguments(values),
        timeout=None if timeout_ms is None else timeout_ms / 1000,
    )
    return rows
