"""What the application's role cannot do, whatever statement it is made to send."""

import asyncpg
import pytest

from paykeel.db.migrate import migrate
from tests.migration.conftest import Connect, EmptyDatabase

_HISTORY = ("payment_events", "fraud_prevention_logs", "terms_acceptance")
_REFUSED = [
    "DELETE FROM payment_events",
    "DELETE FROM fraud_prevention_logs",
    "DELETE FROM terms_acceptance",
    *(f"TRUNCATE {table} CASCADE" for table in _HISTORY),
    *(f"DROP TABLE {table} CASCADE" for table in _HISTORY),
    *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in _HISTORY),
    "UPDATE payment_events SET amount = 1",
    "UPDATE payment_events SET occurred_at = now()",
    "UPDATE fraud_prevention_logs SET decision = 'allow'",
    "UPDATE terms_acceptance SET accepted_at = now()",
    # A merge and an upsert are updates by another name.
    "MERGE INTO payment_events e USING (VALUES (1)) v (a) ON true WHEN MATCHED THEN DELETE",
    "INSERT INTO payment_transitions VALUES ('failed', 'succeeded')",
    "DELETE FROM payment_transitions",
    "UPDATE payments SET amount = 1",
    "UPDATE payments SET idempotency_key = 'another'",
    "DELETE FROM payments",
    "DELETE FROM payment_attempts",
    "UPDATE payment_idempotency SET fingerprint = ''",
    "UPDATE paykeel_migrations SET checksum = ''",
    "CREATE TABLE mine ()",
    "CREATE TEMPORARY TABLE mine ()",
    "CREATE SCHEMA mine",
    """
    CREATE OR REPLACE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RETURN NULL; END'
    """,
    "SET session_replication_role = replica",
    "SET ROLE paykeel_owner",
    "COPY payments TO PROGRAM 'cat'",
]


@pytest.fixture
async def app(database: EmptyDatabase, connect: Connect) -> asyncpg.Connection:
    await migrate(database.owner_url, lock_ms_max=5_000)
    return await connect(database.app_url)


async def test_the_application_cannot_change_history_or_itself(app: asyncpg.Connection) -> None:
    allowed = []
    for statement in _REFUSED:
        try:
            await app.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
        allowed.append(statement)
    assert allowed == []


@pytest.mark.parametrize("table", _HISTORY)
async def test_history_is_refused_to_its_owner_too(
    app: asyncpg.Connection, database: EmptyDatabase, connect: Connect, table: str
) -> None:
    owner = await connect(database.owner_url)
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):  # noqa: S608 - our own names
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is history"):
            await owner.execute(statement)
