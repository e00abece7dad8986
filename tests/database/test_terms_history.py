"""What was published is never changed, whoever asks the database to, and a draft may be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from tests.database.rows import ROWS, put, put_all
from tests.database.terms_rows import PUBLISHED, VERSION, WITHDRAWAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.servers import Urls

ANOTHER = {**ROWS["terms_texts"], "locale": "en", "is_authoritative": False}
#: What withdrawing writes, and nothing else may of a published version.
WITHDRAWING = set(WITHDRAWAL)
_WITHDRAW = (
    "status = 'withdrawn', withdrawn_by = 'ben', withdrawn_at = now(), withdrawn_because = 'a'"
)


@pytest.fixture
async def everybody(
    urls: Urls, owner: asyncpg.Connection, admin: asyncpg.Connection
) -> AsyncIterator[Sequence[asyncpg.Connection]]:
    """The application, the owner and the superuser, and one row in each table."""
    await put_all(admin)
    app = await asyncpg.connect(urls.app)
    yield app, owner, admin
    await app.close()


async def change(connection: asyncpg.Connection, table: str, changes: dict[str, Any]) -> None:
    """Write these values into the rows of a table."""
    sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(changes, 1))
    await connection.execute(f"UPDATE {table} SET {sets}", *changes.values())  # noqa: S608


async def refused(connection: asyncpg.Connection, statement: str) -> bool:
    """Say whether a statement is refused by a trigger, or to this role at all."""
    try:
        async with connection.transaction():
            await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    except asyncpg.IntegrityConstraintViolationError as error:
        return "published version is not changed" in str(error)
    return False


async def columns_of(connection: asyncpg.Connection, table: str) -> list[str]:
    """Return the names of a table's columns."""
    rows = await connection.fetch(
        "SELECT attname AS name FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
        table,
    )
    return [row["name"] for row in rows]


async def stands(
    everybody: Sequence[asyncpg.Connection], *, besides: Sequence[str] = ()
) -> list[str]:
    """Try to change the version and its text in every way; return what was possible."""
    statements = [
        f"UPDATE {table} SET {name} = {name}"  # noqa: S608 - our own names
        for table in ("terms_versions", "terms_texts")
        for name in await columns_of(everybody[-1], table)
    ]
    statements += [
        f"UPDATE terms_versions SET summary = 'other', {_WITHDRAW}",  # noqa: S608
        (
            "UPDATE terms_versions SET status = 'draft', published_by = NULL, published_at = NULL,"
            " version_sha256 = NULL"
        ),
        "DELETE FROM terms_versions",
        "DELETE FROM terms_texts",
        (
            "INSERT INTO terms_texts SELECT merchant_id, version_id, 'en', content, content_sha256,"
            " html, html_sha256, false, created_at FROM terms_texts"
        ),
        "TRUNCATE terms_versions CASCADE",
        "TRUNCATE terms_texts",
        *besides,
    ]
    return [
        f"{statement}, as {number}"
        for statement in statements
        for number, connection in enumerate(everybody)
        if not await refused(connection, statement)
    ]


async def test_a_published_version_and_its_texts_stay_as_they_are(
    everybody: Sequence[asyncpg.Connection],
) -> None:
    app, _, admin = everybody
    await change(app, "terms_versions", PUBLISHED)
    assert await stands(everybody) == []
    before = dict(await admin.fetchrow("TABLE terms_versions") or {})
    await change(app, "terms_versions", WITHDRAWAL)
    after = dict(await admin.fetchrow("TABLE terms_versions") or {})
    assert {name for name in after if after[name] != before[name]} == WITHDRAWING
    # It is withdrawn once, and for good.
    again = (
        "UPDATE terms_versions SET withdrawn_because = 'another reason'",
        (
            "UPDATE terms_versions SET status = 'published',"
            " withdrawn_by = NULL, withdrawn_at = NULL, withdrawn_because = NULL"
        ),
    )
    assert await stands(everybody, besides=again) == []
    assert dict(await admin.fetchrow("TABLE terms_versions") or {}) == after


async def test_no_column_is_changed_by_withdrawing(
    everybody: Sequence[asyncpg.Connection],
) -> None:
    app, owner, admin = everybody
    await change(app, "terms_versions", PUBLISHED)
    others = set(await columns_of(admin, "terms_versions")) - WITHDRAWING
    wrong: dict[str, str] = {
        "requires_reacceptance": "NOT requires_reacceptance",
        "reaccept_after_days": "7",
        "change": "'minor'",
        "version": "'1.0.1'",
        "version_sha256": "decode(repeat('00', 32), 'hex')",
        "created_at": "created_at + interval '1 microsecond'",
        "effective_from": "effective_from - interval '1 microsecond'",
        "effective_to": "effective_from + interval '1 day'",
        "grace_until": "effective_from",
        "grace_days": "7",
        "published_at": "published_at - interval '1 microsecond'",
        **dict.fromkeys(("summary", "author", "published_by"), "'another'"),
        **dict.fromkeys(
            ("merchant_id", "version_id", "document_id", "scope_id"), "gen_random_uuid()"
        ),
    }
    assert wrong.keys() == others
    for name, value in wrong.items():
        for connection in (owner, admin):
            statement = f"UPDATE terms_versions SET {name} = {value}, {_WITHDRAW}"  # noqa: S608
            assert await refused(connection, statement), name


async def test_a_draft_is_changed_and_not_removed(
    everybody: Sequence[asyncpg.Connection],
) -> None:
    app, owner, admin = everybody
    await change(app, "terms_versions", {"version": "1.0.1", "summary": "Shorter"})
    await app.execute("DELETE FROM terms_texts")
    await put(app, "terms_texts")
    await put(app, "terms_texts", **ANOTHER)
    await app.execute("UPDATE terms_texts SET is_authoritative = false")
    for connection in (app, owner, admin):
        assert await refused(connection, "DELETE FROM terms_versions")
    assert await admin.fetchval("SELECT count(*) FROM terms_texts") == 2


async def test_a_text_stays_with_its_version(everybody: Sequence[asyncpg.Connection]) -> None:
    app, owner, admin = everybody
    await put(admin, "terms_versions", version_id=UUID(int=91), version="2.0.0")
    moves = f"UPDATE terms_texts SET version_id = '{UUID(int=91)}'"  # noqa: S608
    for connection in (owner, admin):
        assert await refused(connection, moves)
    # Not from what is published to a draft either, by which it would come off.
    await app.execute(
        "UPDATE terms_versions SET status = 'published', version_sha256 = $2, published_by = 'ann',"
        " published_at = now(), effective_from = now() WHERE version_id = $1",
        VERSION,
        b"h" * 32,
    )
    for connection in (owner, admin):
        assert await refused(connection, moves)


async def until_waiting(admin: asyncpg.Connection) -> None:
    """Wait until somebody waits for a lock in this database."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while not await admin.fetchval(waiting):  # noqa: ASYNC110 - the database tells
            await asyncio.sleep(0.01)


async def test_a_text_is_not_changed_while_its_version_is_published(
    everybody: Sequence[asyncpg.Connection],
) -> None:
    app, owner, admin = everybody
    async with owner.transaction():
        await change(owner, "terms_versions", PUBLISHED)
        late = asyncio.ensure_future(put(app, "terms_texts", **ANOTHER))
        await until_waiting(admin)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="published version"):
        await late
    assert await admin.fetchval("SELECT count(*) FROM terms_texts") == 1


async def test_a_version_is_not_published_while_its_text_is_changed(
    everybody: Sequence[asyncpg.Connection],
) -> None:
    app, owner, admin = everybody
    async with owner.transaction():
        await put(owner, "terms_texts", **ANOTHER)
        late = asyncio.ensure_future(change(app, "terms_versions", PUBLISHED))
        await until_waiting(admin)
    await late
    assert await admin.fetchval("SELECT count(*) FROM terms_texts") == 2
