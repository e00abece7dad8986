"""The application's role has the least that it needs, and nobody rewrites history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.database.ids import OTHER, PAYMENT
from tests.database.rows import ROWS, put, put_all
from tests.database.sinks_rows import SINK_MUTABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import Urls

HISTORY = (
    "payment_events",
    "fraud_prevention_logs",
    "terms_acceptance",
    "fraud_rules",
    "fraud_rulesets",
    "fraud_review_notes",
    "fraud_labels",
    "fraud_models",
    "fraud_model_activations",
    "seals",
    "seal_leaves",
    "terms_documents",
    "terms_scopes",
    "terms_presentations",
    "refund_decisions",
    "terms_events",
)
#: Other history rests on these, so that they cannot be truncated alone.
BASES = {
    "fraud_rulesets",
    "fraud_models",
    "seals",
    "terms_documents",
    "terms_scopes",
    "terms_presentations",
    "terms_acceptance",
}
#: History as soon as it is published: see test_terms_history.py.
HISTORY_ONCE_PUBLISHED = {"terms_versions", "terms_texts"}
#: What may change after a row was made; nothing else may.
MUTABLE: dict[str, set[str]] = {
    "merchants": {"name", "status", "terms_revision", "reference_currency"},
    "api_keys": {"name", "expires_at", "revoked_at", "last_used_at"},
    "payments": {
        "status",
        "version",
        "amount_authorized",
        "amount_captured",
        "amount_refunded",
        "amount_refund_reserved",
        "amount_disputed",
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
    "refunds": {
        "status",
        "approved_by",
        "gateway_id",
        "failure_reason",
        "failure_code",
        "settled_amount",
        "updated_at",
        "finished_at",
    },
    "refund_notices": {
        "status",
        "refund_id",
        "waits_for",
        "alarmed_at",
        "tries",
        "next_try_at",
        "dismissed_by",
        "dismissed_because",
        "dismissed_at",
    },
    "refund_policies": {"status", "withdrawn_at", "withdrawn_by", "withdrawn_because"},
    **{
        f"payment_metrics{level}": {"count", "amount", "captured", "refunded"}
        for level in ("", "_hourly", "_daily")
    },
    **{f"payment_latencies{level}": {"count", "sum_us"} for level in ("", "_hourly", "_daily")},
    "metric_watermarks": {"hours_to", "days_to", "late_from", "minutes_from", "hours_from"},
    "velocity_profiles": {"first_at", "last_at", "attempts", "succeeded", "declined", "sum_ref"},
    "fraud_activations": {"approved_by", "approved_at"},
    "fraud_lists": {"reason", "author", "created_at", "expires_at"},
    "fraud_reviews": {"status", "approvals", "assignee", "due_at", "decided_at"},
    "fraud_alerts": {
        "status",
        "facts",
        "first_at",
        "last_at",
        "count",
        "counted",
        "counted_to",
        "told",
        "acknowledged_by",
        "acknowledged_at",
    },
    "metric_alerts": {
        "status",
        "facts",
        "last_at",
        "calm_since",
        "acknowledged_by",
        "acknowledged_at",
        "resolved_at",
    },
    **SINK_MUTABLE,
    "seal_cursors": {"checked_to", "checked_at"},
    "terms_versions": {
        "version",
        "change",
        "requires_reacceptance",
        "reaccept_after_days",
        "effective_from",
        "effective_to",
        "grace_until",
        "grace_days",
        "summary",
        "status",
        "version_sha256",
        "author",
        "published_by",
        "published_at",
        "withdrawn_by",
        "withdrawn_at",
        "withdrawn_because",
    },
    "terms_texts": {
        "content",
        "content_sha256",
        "html",
        "html_sha256",
        "is_authoritative",
        "created_at",
    },
    "terms_personal": {
        "ip",
        "ip_salt",
        "user_agent",
        "user_agent_salt",
        "erased_at",
        "erased_by",
    },
}
#: Where payments and refunds may go; each is read only.
TRANSITIONS = ("payment_transitions", "refund_transitions")
DELETABLE = {
    "payment_idempotency",
    "outbox",
    "velocity_entries",
    "fraud_lists",
    "terms_texts",
    "metric_sink_batches",
    # Old minutes and hours go; a level is written anew.
    *(f"payment_{what}{level}" for what in ("metrics", "latencies")
      for level in ("", "_hourly", "_daily")),
}  # fmt: skip


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
    for table in (*ROWS, *TRANSITIONS):
        columns = await app.fetch(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'",
            table,
        )
        assert columns
        for row in columns:
            name = row["column_name"]
            found = await refused(app, f"UPDATE {table} SET {name} = {name}")  # noqa: S608
            assert found is (name not in MUTABLE.get(table, set())), f"{table}.{name}"


async def test_only_what_may_go_can_be_removed(app: asyncpg.Connection) -> None:
    for table in (*ROWS, *TRANSITIONS):
        assert await refused(app, f"TRUNCATE {table} CASCADE"), table
        found = await refused(app, f"DELETE FROM {table} WHERE false")  # noqa: S608
        assert found is (table not in DELETABLE), table


async def test_the_table_of_moves_is_read_only(app: asyncpg.Connection) -> None:
    assert await refused(app, "INSERT INTO payment_transitions VALUES ('failed', 'succeeded')")
    assert await refused(app, "INSERT INTO refund_transitions VALUES ('rejected', 'pending')")


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
        *([] if table in BASES else [f"TRUNCATE {table}"]),
        f"TRUNCATE {table} CASCADE",
    )
    for connection in (owner, admin):
        for statement in statements:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is history"):
                async with connection.transaction():
                    await connection.execute(statement)


async def test_no_history_is_left_untried(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        """
        SELECT g.tgrelid::regclass::text AS name FROM pg_trigger g
        WHERE g.tgfoid = 'refuse_change_of_history'::regproc
            -- For each statement; for each row it is but some rows that are history.
            AND g.tgtype & 1 = 0
        """
    )
    others = {"fraud_activations", *HISTORY_ONCE_PUBLISHED}
    assert {row["name"] for row in rows} == {*HISTORY, *others}


async def test_every_table_has_a_row_here(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch(
        "SELECT relname AS name FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace"
    )
    others = {*TRANSITIONS, "paykeel_migrations"}
    assert {row["name"] for row in rows} - others == set(ROWS)


async def test_not_even_the_owner_changes_what_was_approved(
    owner: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    await put_all(admin)
    approve = "UPDATE fraud_activations SET approved_by = 'Ben', approved_at = now()"
    await owner.execute(approve)
    for connection in (owner, admin):
        for statement in (
            approve,
            "UPDATE fraud_activations SET approved_by = NULL, approved_at = NULL",
            "UPDATE fraud_activations SET requested_by = 'Cal'",
            "DELETE FROM fraud_activations WHERE false",
            "DELETE FROM fraud_activations",
            "TRUNCATE fraud_activations",
            "TRUNCATE fraud_rulesets CASCADE",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is history"):
                async with connection.transaction():
                    await connection.execute(statement)


async def test_not_even_a_superuser_changes_what_a_payment_was_bought_under(
    owner: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    await put_all(admin)
    whole = {
        "refund_policy_key": "returns",
        "refund_policy_version": 1,
        "refund_policy_sha256": b"p" * 32,
    }
    await put(admin, "payments", payment_id=OTHER, idempotency_key="order-18", **whole)
    nothing = ", ".join(f"{column} = NULL" for column in whole)
    given = (
        "refund_policy_key = 'returns', refund_policy_version = 1,"
        " refund_policy_sha256 = sha256('x')"
    )
    for connection in (owner, admin):
        for change, payment_id in (
            (nothing, OTHER),
            ("refund_policy_key = 'another'", OTHER),
            ("refund_policy_version = 2", OTHER),
            ("refund_policy_sha256 = sha256('x')", OTHER),
            (given, PAYMENT),
        ):
            with pytest.raises(asyncpg.RestrictViolationError, match="never changes"):
                await connection.execute(
                    f"UPDATE payments SET {change} WHERE payment_id = $1",  # noqa: S608
                    payment_id,
                )
        # What does not change it is no change.
        await connection.execute("UPDATE payments SET refund_policy_key = refund_policy_key")


async def test_a_payment_with_history_cannot_be_removed(
    owner: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    await put_all(admin)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await owner.execute("DELETE FROM payments")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("TRUNCATE payments CASCADE")
