"""What happened to terms before it was written as events is told afterwards, and verifies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from paykeel import Paykeel
from paykeel.db.migrate import load_migrations, migrate
from paykeel.gateways import placeholder
from paykeel.terms.evidence import TermsEvidence
from tests.conftest import settings_for
from tests.servers import Urls

if TYPE_CHECKING:
    from tests.migration.conftest import Connect, EmptyDatabase

MERCHANT = UUID(int=1)
#: Everybody has accepted one version, and another one is asked for now: 1.0.0 and 2.0.0.
_MERCHANT = (
    "INSERT INTO merchants (merchant_id, name, mode, terms_version)"
    " VALUES ($1, 'Market', 'test', 'new')"
)
_ACCEPTED = (
    "INSERT INTO terms_acceptance (merchant_id, buyer_id, terms_version, accepted_at)"
    " SELECT $1, 'agent-' || n, 'old', now() - interval '1 day' FROM generate_series(1, 3) n"
)
#: A version is drafted, the first one is withdrawn, and the data of the first buyer are erased.
_HAPPENED = (
    """
    INSERT INTO terms_versions (
        merchant_id, version_id, document_id, scope_id, version, change, requires_reacceptance,
        status, author, created_at)
    SELECT s.merchant_id, gen_random_uuid(), s.document_id, s.scope_id, '3.0.0', 'major', true,
        'draft', 'ann', now()
    FROM terms_scopes s
    """,
    """
    UPDATE terms_versions
    SET status = 'withdrawn', withdrawn_by = 'Ann', withdrawn_at = now() - interval '1 hour',
        withdrawn_because = 'It was wrong'
    WHERE version = '1.0.0'
    """,
    # What the second buyer's row holds makes no difference here; it is not erased.
    """
    INSERT INTO terms_personal (merchant_id, acceptance_id, erased_at, erased_by)
    SELECT a.merchant_id, a.acceptance_id,
        CASE a.buyer_id WHEN 'agent-1' THEN now() - interval '1 minute' END,
        CASE a.buyer_id WHEN 'agent-1' THEN 'Ben' END
    FROM terms_acceptance a
    WHERE a.buyer_id IN ('agent-1', 'agent-2')
    """,
)
_TOLD = """
SELECT e.merchant_id, e.kind, v.version, e.version_sha256 = v.version_sha256, a.buyer_id, e.author,
    e.because, e.occurred_at
FROM terms_events e
LEFT JOIN terms_versions v USING (merchant_id, version_id)
LEFT JOIN terms_acceptance a USING (merchant_id, acceptance_id)
ORDER BY e.kind DESC, v.version
"""


@pytest.fixture
async def owner(database: EmptyDatabase, connect: Connect) -> asyncpg.Connection:
    """The owner of a database whose terms were withdrawn and erased before there were events."""
    migrations = load_migrations()
    await migrate(database.owner_url, lock_ms_max=5_000, migrations=migrations[:4])
    owner = await connect(database.owner_url)
    for statement in (_MERCHANT, _ACCEPTED):
        await owner.execute(statement, MERCHANT)
    await migrate(database.owner_url, lock_ms_max=5_000, migrations=migrations[:5])
    owner = await connect(database.owner_url)
    for statement in _HAPPENED:
        await owner.execute(statement)
    return owner


async def test_what_happened_before_is_told_once_as_the_rows_have_it(
    owner: asyncpg.Connection, database: EmptyDatabase
) -> None:
    ((published, withdrawn, erased),) = await owner.fetch(
        "SELECT max(v.published_at), max(v.withdrawn_at), (SELECT erased_at FROM terms_personal"
        " WHERE erased_by = 'Ben') FROM terms_versions v"
    )
    await migrate(database.owner_url, lock_ms_max=5_000)
    assert [tuple(row) for row in await owner.fetch(_TOLD)] == [
        (MERCHANT, "withdrawn", "1.0.0", None, None, "Ann", "It was wrong", withdrawn),
        (MERCHANT, "published", "1.0.0", True, None, "paykeel", None, published),
        (MERCHANT, "published", "2.0.0", True, None, "paykeel", None, published),
        (MERCHANT, "erased", None, None, "agent-1", "Ben", None, erased),
    ]
    ids = [row["event_id"] for row in await owner.fetch("SELECT event_id FROM terms_events")]
    assert {one.version for one in ids} == {7}


async def test_what_happened_before_verifies_and_goes_on(
    owner: asyncpg.Connection, database: EmptyDatabase
) -> None:
    await migrate(database.owner_url, lock_ms_max=5_000)
    await placeholder.install(owner)
    latest = await owner.fetchval("SELECT version_id FROM terms_versions WHERE version = '2.0.0'")
    urls = Urls(database.name, database.app_url, database.owner_url, database.admin_url)
    async with Paykeel.open(settings_for(urls)) as paykeel:
        evidence = TermsEvidence(paykeel.database, paykeel.sealing)
        pending = await evidence.verify_terms()
        await paykeel.sealing.seal_all()
        sealed = await evidence.verify_terms()
        await paykeel.terms.documents.withdraw(MERCHANT, latest, "It was old", author="Ann")
        acceptances = paykeel.terms.acceptances
        assert await acceptances.erase(MERCHANT, buyer_id="agent-2", author="Ben") == 1
        assert await acceptances.erase(MERCHANT, buyer_id="agent-1", author="Eve") == 0
        after = await evidence.verify_terms()
    assert pending.intact, pending.faults
    assert (pending.events, pending.unsealed) == (4, 4 + 3)
    assert sealed.intact, sealed.faults
    assert (sealed.events, sealed.unsealed) == (4, 0)
    assert after.intact, after.faults
    assert (after.events, after.unsealed) == (4 + 2, 2)


async def test_an_erasure_by_nobody_is_not_made_good(
    owner: asyncpg.Connection, database: EmptyDatabase
) -> None:
    """Paykeel writes by whom; what does not say it is a forgery, which stays one."""
    await owner.execute("UPDATE terms_personal SET erased_by = NULL WHERE erased_by = 'Ben'")
    await migrate(database.owner_url, lock_ms_max=5_000)
    await placeholder.install(owner)
    urls = Urls(database.name, database.app_url, database.owner_url, database.admin_url)
    async with Paykeel.open(settings_for(urls)) as paykeel:
        report = await TermsEvidence(paykeel.database, paykeel.sealing).verify_terms()
    assert [fault.code for fault in report.faults] == ["event_unlike", "event_missing"]


async def test_an_erasure_under_way_is_waited_for(
    owner: asyncpg.Connection, database: EmptyDatabase
) -> None:
    erasing = owner.transaction()
    await erasing.start()
    await owner.execute(
        "UPDATE terms_personal SET erased_at = now(), erased_by = 'Ann' WHERE erased_at IS NULL"
    )
    migrating = asyncio.create_task(migrate(database.owner_url, lock_ms_max=30_000))
    while not await _is_waited_for(database):
        assert not migrating.done(), migrating
        await asyncio.sleep(0.01)
    await erasing.commit()
    await migrating
    told = await owner.fetch("SELECT author FROM terms_events WHERE kind = 'erased' ORDER BY 1")
    assert [row["author"] for row in told] == ["Ann", "Ben"]


async def _is_waited_for(database: EmptyDatabase) -> bool:
    """Whether somebody waits for a lock in this database."""
    watching = await asyncpg.connect(database.admin_url, timeout=10)
    try:
        found: bool = await watching.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database = ("
            "SELECT oid FROM pg_database WHERE datname = current_database()))"
        )
    finally:
        await watching.close(timeout=10)
    return found
