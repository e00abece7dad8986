"""Payments and decisions of the first version stand after the upgrade, and can be built on."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from paykeel.db.migrate import load_migrations, migrate

if TYPE_CHECKING:
    from tests.migration.conftest import Connect, EmptyDatabase

MERCHANT, PAYMENT, OTHER, LOG = (UUID(int=number) for number in (1, 2, 3, 4))
_MERCHANT = "INSERT INTO merchants (merchant_id, name, mode) VALUES ($1, 'Market', 'test')"
_PAYMENT = """
INSERT INTO payments (
    merchant_id, payment_id, idempotency_key, status, version, amount, currency, exponent,
    capture_method, buyer_id, buyer_role, payment_method, gateway, created_at, updated_at)
VALUES ($1, $2, $2::uuid::text, 'pending', 1, 1000, 'EUR', 2, 'automatic', 'agent-7', 'agent',
    'pm_ok', 'placeholder', now(), now())
"""
_LOG = """
INSERT INTO fraud_prevention_logs (merchant_id, payment_id, log_id, decision, facts, created_at)
VALUES ($1, $2, $3, $4, '{"a": 1}', '2026-11-01T12:00Z')
"""
_MESSAGE = """
INSERT INTO outbox (merchant_id, payment_id, message_id, topic, payload, created_at)
VALUES ($1, $2, $3, 'purchase.completed', '{}', now())
"""


@pytest.fixture
async def app(database: EmptyDatabase, connect: Connect) -> asyncpg.Connection:
    """The application, in a database with rows of the first version and all migrations."""
    await migrate(database.owner_url, lock_ms_max=5_000, migrations=load_migrations()[:1])
    app = await connect(database.app_url)
    await app.execute(_MERCHANT, MERCHANT)
    await app.execute(_PAYMENT, MERCHANT, PAYMENT)
    await app.execute(_LOG, MERCHANT, PAYMENT, LOG, "allow")
    await app.execute(_MESSAGE, MERCHANT, PAYMENT, LOG)
    await migrate(database.owner_url, lock_ms_max=5_000)
    return app


async def test_an_old_payment_is_a_purchase(app: asyncpg.Connection) -> None:
    row = await app.fetchrow("SELECT payment_id, kind, status, amount FROM payments")
    assert tuple(row or ()) == (PAYMENT, "purchase", "pending", 1_000)
    # Whoever still runs the first version names no kind.
    await app.execute(_PAYMENT, MERCHANT, OTHER)
    assert await app.fetchval("SELECT kind FROM payments WHERE payment_id = $1", OTHER) == (
        "purchase"
    )


async def test_an_old_decision_stands_and_says_nothing_that_was_not_known(
    app: asyncpg.Connection, database: EmptyDatabase, connect: Connect
) -> None:
    row = await app.fetchrow(
        "SELECT payment_id, decision, facts, score, reasons, ruleset, ruleset_version,"
        " ruleset_sha256, engine, shadow, model, took_us FROM fraud_prevention_logs"
    )
    nothing = (None,) * 6
    assert tuple(row or ()) == (PAYMENT, "allow", '{"a": 1}', 0, [], *nothing, 0)
    owner = await connect(database.owner_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is history"):
        await owner.execute("UPDATE fraud_prevention_logs SET score = 1")


async def test_a_payment_has_one_decision_and_a_refusal_no_payment(
    app: asyncpg.Connection,
) -> None:
    with pytest.raises(asyncpg.UniqueViolationError, match="fraud_prevention_logs_by_payment"):
        await app.execute(_LOG, MERCHANT, PAYMENT, OTHER, "block")
    await app.execute(_LOG, MERCHANT, None, OTHER, "refuse")
    with pytest.raises(asyncpg.CheckViolationError, match="fraud_prevention_logs_check"):
        await app.execute(_LOG, MERCHANT, None, UUID(int=9), "allow")


async def test_an_old_message_stays_and_a_new_one_needs_no_payment(
    app: asyncpg.Connection,
) -> None:
    await app.execute(_MESSAGE, MERCHANT, None, OTHER)
    rows = await app.fetch("SELECT payment_id FROM outbox ORDER BY message_id")
    assert [row["payment_id"] for row in rows] == [None, PAYMENT]
