"""The application's role has the least that it needs, and nobody rewrites history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.database.rows import ROWS, put_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import Urls

HISTORY = ("payment_events", "fraud_prevention_logs", "terms_acceptance")
#: What may change after a row was made; nothing else may.
MUTABLE: dict[str, set[str]] = {
    "merchants": {"name", "status", "terms_version"},
    "merchant_limits": {"amount_min", "amount_max"},
    "api_keys": {"name", "expires_at", "revoked_at", "last_used_at"},
    "payments": {
        "status",
        "version",
        "amount_authorized",
        "amount_captured",
        "amount_refunded",
        "amount_late",
        "gateway_id",
        "failure_reason",
        "failure_code",
        "next_action",
        "updated_at",
        "finished_at",
    },
    "payment_attempts": {"state", "outcome", "recover_at", "recover_count", "finished_at"},
    "payment_idempotency": {
        "response_status",
        "response_type",
        "response_body",
        "answered_at",
    },
    "outbox": {"delivered_at"},
    "payment_metrics": {"count", "amount"},
}
DELETABLE = {"merchant_limits", "payment_idempotency", "outbox"}


@pytest.fixture
async def app(urls: Urls, admin: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the application's role, to tables with one row each."""
    await put_all(admin)
    connection = await asyncpg.connect(urls.app)
    yield connection
    await connection.close()


async def refused(connection: asyncpg.Connection, statement: str) -> bool:
    """Say whether the right to run a statement is missing."""
    try:
        async with connection.transaction():
            await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def test_only_what_may_change_can_be_changed(app: asyncpg.Connection) -> None:
    for table in (*ROWS, "payment_transitions"):
        columns = await app.fetch(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = $1",
            table,
        )
        assert columns
        for row in columns:
            name = row["column_name"]
            found = await refused(app, f"UPDATE {table} SET {name} = {name}")  # noqa: S608
            assert found is (name not in MUTABLE.get(table, set())), f"{table}.{name}"


async def test_only_what_may_go_can_be_removed(app: asyncpg.Connection) -> None:
    for table in (*ROWS, "payment_transitions"):
        assert await refused(app, f"TRUNCATE {table} CASCADE"), table
        found = await refused(app, f"DELETE FROM {table} WHERE false")  # noqa: S608
        assert found is (table not in DELETABLE), table


async def test_the_table_of_moves_is_read_only(app: asyncpg.Connection) -> None:
    assert await refused(app, "INSERT INTO payment_transitions VALUES ('failed', 'succeeded')")


async def test_the_application_makes_no_tables_and_sets_no_rules_aside(
    app: asyncpg.Connection,
) -> None:
    for statement in (
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "ALTER TABLE payment_events DISABLE TRIGGER ALL",
        "DROP TABLE payment_events",
        "DROP TRIGGER payment_events_are_history ON payment_events",
        "SET session_replication_role = replica",
        "ALTER DOMAIN currency_code DROP CONSTRAINT currency_code_is_tender",
        "SET ROLE paykeel_owner",
        "COPY payments TO PROGRAM 'cat'",
    ):
        assert await refused(app, statement), statement


@pytest.mark.parametrize("table", HISTORY)
async def test_not_even_the_owner_rewrites_history(
    owner: asyncpg.Connection, admin: asyncpg.Connection, table: str
) -> None:
    await put_all(admin)
    column = next(iter(ROWS[table]))
    statements = (
        f"UPDATE {table} SET {column} = {column}",  # noqa: S608
        f"UPDATE {table} SET {column} = {column} WHERE false",  # noqa: S608
        f"DELETE FROM {table}",  # noqa: S608
        f"TRUNCATE {table}",
        f"TRUNCATE {table} CASCADE",
    )
    for connection in (owner, admin):
        for statement in statements:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is history"):
                async with connection.transaction():
                    await connection.execute(statement)


async def test_a_payment_with_history_cannot_be_removed(
    owner: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    await put_all(admin)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute("DELETE FROM payments")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("TRUNCATE payments CASCADE")
