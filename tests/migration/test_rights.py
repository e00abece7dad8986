"""What the application's role cannot do, whatever statement it is made to send."""

import asyncpg
import pytest

from paykeel.db.migrate import migrate
from tests.migration.conftest import Connect, EmptyDatabase

_TERMS = (
    "terms_acceptance", "terms_presentations", "terms_documents", "terms_scopes", "terms_events",
)  # fmt: skip
_HISTORY = ("payment_events", "fraud_prevention_logs", "refund_decisions", *_TERMS)
#: Changed while they are drafts, and never emptied.
_PUBLISHED = ("terms_versions", "terms_texts")
_REFUSED = [
    *(f"DELETE FROM {table}" for table in _HISTORY),  # noqa: S608 - our own names
    *(f"TRUNCATE {table} CASCADE" for table in (*_HISTORY, *_PUBLISHED)),
    *(f"DROP TABLE {table} CASCADE" for table in (*_HISTORY, *_PUBLISHED)),
    *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in (*_HISTORY, *_PUBLISHED)),
    "UPDATE payment_events SET amount = 1",
    "UPDATE payment_events SET occurred_at = now()",
    "UPDATE fraud_prevention_logs SET decision = 'allow'",
    "UPDATE terms_acceptance SET occurred_at = now()",
    "UPDATE terms_acceptance SET decision = 'accept'",
    "UPDATE terms_presentations SET text_sha256s = '{}'",
    "UPDATE terms_presentations SET expires_at = now()",
    "UPDATE terms_documents SET required = false",
    "UPDATE terms_documents SET title = 'another'",
    "UPDATE terms_scopes SET jurisdiction = '*'",
    "UPDATE terms_versions SET document_id = scope_id",
    "UPDATE terms_events SET occurred_at = now()",
    "UPDATE terms_events SET kind = 'published'",
    "UPDATE terms_events SET version_sha256 = sha256('a')",
    "UPDATE terms_versions SET created_at = now()",
    "DELETE FROM terms_versions",
    "UPDATE terms_texts SET locale = 'de'",
    "UPDATE terms_texts SET version_id = merchant_id",
    "DELETE FROM terms_personal",
    "UPDATE terms_personal SET acceptance_id = merchant_id",
    # A merge and an upsert are updates by another name.
    "MERGE INTO payment_events e USING (VALUES (1)) v (a) ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO terms_acceptance a USING (VALUES (1)) v (a) ON true WHEN MATCHED THEN DELETE",
    "INSERT INTO payment_transitions VALUES ('failed', 'succeeded')",
    "DELETE FROM payment_transitions",
    "INSERT INTO refund_transitions VALUES ('rejected', 'pending')",
    "UPDATE refund_transitions SET to_status = 'succeeded'",
    "DELETE FROM refund_transitions",
    "UPDATE refund_decisions SET actor = 'Nobody'",
    "UPDATE refund_decisions SET because = 'another'",
    "UPDATE refunds SET amount = 1",
    "UPDATE refunds SET payment_id = refund_id",
    "UPDATE refunds SET idempotency_key = 'another'",
    "UPDATE refunds SET four_eyes = false",
    "UPDATE refunds SET requested_by = 'Nobody'",
    "DELETE FROM refunds",
    "TRUNCATE refunds CASCADE",
    "UPDATE refund_notices SET amount = 1",
    "UPDATE refund_notices SET gateway_id = 'another'",
    "DELETE FROM refund_notices",
    "TRUNCATE refund_notices",
    "UPDATE refund_policies SET document = '{}'",
    "UPDATE refund_policies SET sha256 = sha256('')",
    "DELETE FROM refund_policies",
    "UPDATE payment_transitions SET outcome = ''",
    "UPDATE payment_metrics SET bucket = now()",
    "UPDATE payment_metrics_daily SET currency = 'EUR'",
    "UPDATE payment_latencies SET place = 0",
    "TRUNCATE payment_metrics",
    "DELETE FROM metric_watermarks",
    "DELETE FROM metric_sinks",
    "UPDATE metric_sinks SET started_at = now()",
    "UPDATE metric_sink_batches SET datums = '[]'",
    "DELETE FROM metric_alerts",
    "UPDATE metric_alerts SET rule = 'recovery_lag'",
    "UPDATE metric_alerts SET dedupe_key = 'another'",
    "UPDATE metric_alerts SET opened_at = now()",
    "UPDATE payments SET refund_policy_key = NULL",
    "UPDATE payments SET refund_policy_version = 2",
    "UPDATE payments SET refund_policy_sha256 = sha256('')",
    "UPDATE payment_attempts SET refund_id = NULL",
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
    for statement in (
        f"DELETE FROM {table}",  # noqa: S608 - our own names
        f"TRUNCATE {table} CASCADE",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is history"):
            await owner.execute(statement)


_TEXT = """
INSERT INTO terms_texts (
    merchant_id, version_id, locale, content, content_sha256, html, html_sha256, is_authoritative,
    created_at)
SELECT v.merchant_id, v.version_id, $1, 'a', sha256('a'), 'a', sha256('a'), $1 = 'de', now()
FROM terms_versions v
"""
#: A draft of one version; all of its ids are the merchant's.
_DRAFT = (
    "INSERT INTO merchants (merchant_id, name, mode) VALUES (gen_random_uuid(), 'Market', 'test')",
    """
    INSERT INTO terms_documents (
        merchant_id, document_id, key, purpose, required, title, author, created_at)
    SELECT m.merchant_id, m.merchant_id, 'terms', 'contract', true, 'Terms', 'ann', now()
    FROM merchants m
    """,
    """
    INSERT INTO terms_scopes (
        merchant_id, scope_id, document_id, buyer_role, jurisdiction, product, channel, created_at)
    SELECT m.merchant_id, m.merchant_id, m.merchant_id, '*', '*', '*', '*', now() FROM merchants m
    """,
    """
    INSERT INTO terms_versions (
        merchant_id, version_id, document_id, scope_id, version, change, requires_reacceptance,
        effective_from, status, author, created_at)
    SELECT m.merchant_id, m.merchant_id, m.merchant_id, m.merchant_id, '1.0.0', 'major', true,
        now(), 'draft', 'ann', now()
    FROM merchants m
    """,
)
_PUBLISH = """
UPDATE terms_versions
SET status = 'published', published_by = 'ann', published_at = now(), version_sha256 = sha256('a')
"""
_TOO_LATE = (
    "UPDATE terms_versions SET summary = 'another'",
    "UPDATE terms_versions SET requires_reacceptance = false",
    "UPDATE terms_versions SET effective_from = now()",
    "UPDATE terms_versions SET version_sha256 = sha256('b')",
    """
    UPDATE terms_versions
    SET status = 'draft', published_by = NULL, published_at = NULL, version_sha256 = NULL
    """,
    "UPDATE terms_texts SET content = 'c', content_sha256 = sha256('c')",
    "UPDATE terms_texts SET is_authoritative = false",
    "DELETE FROM terms_texts",
    _TEXT.replace("$1", "'en'"),
)


async def test_the_application_drafts_and_publishes_and_changes_nothing_afterwards(
    app: asyncpg.Connection,
) -> None:
    for statement in (*_DRAFT, _TEXT.replace("$1", "'de'")):
        await app.execute(statement)
    await app.execute("UPDATE terms_texts SET content = 'b', content_sha256 = sha256('b')")
    await app.execute(_PUBLISH)
    refused = asyncpg.IntegrityConstraintViolationError
    for statement in _TOO_LATE:
        with pytest.raises(refused, match="published version is not changed"):
            await app.execute(statement)
    rows = await app.fetch("SELECT locale, content FROM terms_texts")
    assert [tuple(row) for row in rows] == [("de", "b")]
