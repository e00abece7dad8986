"""What was accepted before terms had documents counts afterwards, too, and can be proved alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from paykeel import Paykeel
from paykeel.db.migrate import load_migrations, migrate
from paykeel.errors import TermsAcceptanceRequired
from paykeel.gateways import placeholder
from paykeel.terms.digests import text_sha256, version_sha256
from paykeel.terms.model import (
    Purpose,
    TermsDocument,
    TermsScope,
    TermsText,
    TermsVersion,
    VersionStatus,
)
from tests.conftest import order, settings_for
from tests.servers import Urls

if TYPE_CHECKING:
    from tests.migration.conftest import Connect, EmptyDatabase

#: What it requires was accepted by some; it required others before; it requires nothing any more;
#: nobody has accepted yet what it requires; and it never had terms.
BUSY, FORMER, FRESH, PLAIN = (UUID(int=number) for number in range(1, 5))
#: Everything that is written in its own way in JSON, and what only looks so.
ODD = (
    '"v2" \\ \\u0041 \b\f\n\r\t\v\x01\x1f\x7f \x80 '
    "\u00e9 e\u0301/\u2028\u2029 \U0001f642 \ufeff'<b>' %s $1 {} "
)
LONG = "\u00e9" * 100
FIRST = datetime(2026, 3, 1, 12, 30, 0, 123_456, tzinfo=UTC)
AT_ONCE = FIRST + timedelta(days=30)
#: Whose, by whom, which, when.
ACCEPTED = [
    (BUSY, "agent-1", "2026-03", FIRST),
    (BUSY, "agent-2", "2026-03", FIRST + timedelta(seconds=1)),
    # Two began in one transaction.
    (BUSY, "agent-1", LONG, AT_ONCE),
    (BUSY, "agent-1", "2026-04", AT_ONCE),
    (BUSY, "agent-1", ODD, AT_ONCE + timedelta(days=30)),
    (BUSY, "\u00e9" * 128, ODD, AT_ONCE + timedelta(days=31)),
    # Somebody still accepted an old one when there was a new one.
    (BUSY, "agent-3", "2026-03", AT_ONCE + timedelta(days=40)),
    # By a clock that was fast.
    (BUSY, "agent-4", "2026-05", datetime(2126, 1, 1, tzinfo=UTC)),
    (FORMER, "agent-1", "1", FIRST),
    (FORMER, "agent-1", "2", AT_ONCE),
]
REQUIRED = {BUSY: ODD, FORMER: None, FRESH: "v1", PLAIN: None}


@pytest.fixture
async def owner(database: EmptyDatabase, connect: Connect) -> asyncpg.Connection:
    """The owner of a database with old acceptances and all migrations."""
    await migrate(database.owner_url, lock_ms_max=5_000, migrations=load_migrations()[:4])
    owner = await connect(database.owner_url)
    await owner.executemany(
        "INSERT INTO merchants (merchant_id, name, mode, terms_version)"
        " VALUES ($1, 'Market', 'test', $2)",
        list(REQUIRED.items()),
    )
    await owner.executemany(
        "INSERT INTO terms_acceptance (merchant_id, buyer_id, terms_version, accepted_at)"
        " VALUES ($1, $2, $3, $4)",
        ACCEPTED,
    )
    await migrate(database.owner_url, lock_ms_max=5_000)
    # Whoever connected before the migration has plans for what there was.
    return await connect(database.owner_url)


async def versions_of(owner: asyncpg.Connection, merchant_id: UUID) -> list[asyncpg.Record]:
    """Return a merchant's versions in the order in which they begin."""
    rows: list[asyncpg.Record] = await owner.fetch(
        "SELECT version_id, version, summary, effective_from, status FROM terms_versions"
        " WHERE merchant_id = $1 ORDER BY effective_from",
        merchant_id,
    )
    return rows


async def test_each_merchant_has_one_document_that_is_required_as_before(
    owner: asyncpg.Connection,
) -> None:
    rows = await owner.fetch(
        "SELECT d.merchant_id, d.key, d.purpose, d.required, d.title, s.buyer_role,"
        " s.jurisdiction, s.product, s.channel FROM terms_documents d"
        " JOIN terms_scopes s USING (merchant_id, document_id) ORDER BY d.merchant_id"
    )
    assert [tuple(row) for row in rows] == [
        (merchant_id, "terms", "contract", required, "Terms", "*", "*", "*", "*")
        for merchant_id, required in ((BUSY, True), (FORMER, False), (FRESH, True))
    ]
    revisions = await owner.fetch("SELECT merchant_id, terms_revision FROM merchants ORDER BY 1")
    assert {tuple(row) for row in revisions} == {(BUSY, 1), (FORMER, 1), (FRESH, 1), (PLAIN, 0)}
    columns = await owner.fetch(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'terms_version'"
    )
    assert columns == []


async def test_each_version_is_told_to_be_published(owner: asyncpg.Connection) -> None:
    told = await owner.fetch(
        "SELECT e.merchant_id, e.version_id, e.version_sha256, e.author, e.occurred_at"
        " FROM terms_events e WHERE e.kind = 'published' ORDER BY 2"
    )
    versions = await owner.fetch(
        "SELECT v.merchant_id, v.version_id, v.version_sha256, v.published_by, v.published_at"
        " FROM terms_versions v ORDER BY 2"
    )
    assert [tuple(row) for row in told] == [tuple(row) for row in versions]
    assert len(told) == await owner.fetchval("SELECT count(*) FROM terms_events") > 0


async def test_versions_are_in_the_order_in_which_they_were_first_accepted(
    owner: asyncpg.Connection,
) -> None:
    found = {
        merchant_id: [
            (row["version"], row["summary"]) for row in await versions_of(owner, merchant_id)
        ]
        for merchant_id in REQUIRED
    }
    assert found == {
        BUSY: [
            ("1.0.0", "2026-03"),
            ("2.0.0", "2026-04"),
            ("3.0.0", LONG),
            ("4.0.0", "2026-05"),
            # What is required now is last, whenever it was accepted first.
            ("5.0.0", ODD),
        ],
        FORMER: [("1.0.0", "1"), ("2.0.0", "2")],
        FRESH: [("1.0.0", "v1")],
        PLAIN: [],
    }
    now = await owner.fetchval("SELECT now()")
    for merchant_id in REQUIRED:
        begins = [row["effective_from"] for row in await versions_of(owner, merchant_id)]
        assert len(set(begins)) == len(begins)
        assert all(begin < now for begin in begins)
    first = (await versions_of(owner, BUSY))[0]["effective_from"]
    assert FIRST - timedelta(milliseconds=1) < first < FIRST


async def test_what_was_accepted_is_an_import_with_its_old_time(
    owner: asyncpg.Connection,
) -> None:
    rows = await owner.fetch(
        "SELECT a.merchant_id, a.buyer_id, v.summary, a.occurred_at FROM terms_acceptance a"
        " JOIN terms_versions v USING (merchant_id, version_id, document_id, scope_id)"
        " JOIN terms_texts t USING (merchant_id, version_id)"
        " WHERE a.version_sha256 = v.version_sha256 AND a.text_sha256 = t.content_sha256"
        " AND a.locale = t.locale AND a.recorded_at >= v.published_at"
    )
    assert sorted(tuple(row) for row in rows) == sorted(ACCEPTED)
    facts = await owner.fetch(
        "SELECT DISTINCT buyer_role, decision, method, actor_kind, imported_from, imported_ref,"
        " presentation_id, locale FROM terms_acceptance"
    )
    assert [tuple(row) for row in facts] == [
        ("unknown", "accept", "import", "human", "paykeel 0.1", None, None, "und")
    ]
    ids = await owner.fetch("SELECT acceptance_id FROM terms_acceptance")
    assert {row["acceptance_id"].version for row in ids} == {7}
    assert await owner.fetchval("SELECT count(*) FROM terms_personal") == 0


async def read_versions(
    owner: asyncpg.Connection,
) -> list[tuple[TermsDocument, TermsVersion, list[TermsText]]]:
    """Read everything that is hashed, as the classes have it."""
    rows = await owner.fetch(
        "SELECT v.merchant_id, v.version_id, v.document_id, v.scope_id, v.version, v.change,"
        " v.requires_reacceptance, v.reaccept_after_days, v.effective_from, v.effective_to,"
        " v.grace_until, v.summary, v.version_sha256, v.author, v.created_at, v.published_by,"
        " v.published_at, v.status, d.key, d.purpose, d.required, d.title, s.buyer_role,"
        " s.jurisdiction, s.product, s.channel, t.locale, t.content, t.content_sha256, t.html,"
        " t.html_sha256, t.is_authoritative FROM terms_versions v"
        " JOIN terms_documents d USING (merchant_id, document_id)"
        " JOIN terms_scopes s USING (merchant_id, scope_id)"
        " JOIN terms_texts t USING (merchant_id, version_id)"
    )
    return [_read(dict(row)) for row in rows]


def _read(row: dict[str, Any]) -> tuple[TermsDocument, TermsVersion, list[TermsText]]:
    def part(*names: str) -> dict[str, Any]:
        return {name: row[name] for name in names}

    ids = part("merchant_id", "document_id")
    document = TermsDocument(
        purpose=Purpose(row["purpose"]),
        **ids,
        **part("key", "required", "title", "author", "created_at"),
    )
    version = TermsVersion(
        scope=TermsScope(*part("buyer_role", "jurisdiction", "product", "channel").values()),
        status=VersionStatus(row["status"]),
        **ids,
        **part(
            "version_id", "scope_id", "version", "change", "requires_reacceptance",
            "reaccept_after_days", "effective_from", "effective_to", "grace_until", "summary",
            "version_sha256", "author", "created_at", "published_by", "published_at",
        ),
    )  # fmt: skip
    text = TermsText(
        **part("locale", "content", "content_sha256", "html", "html_sha256", "is_authoritative")
    )
    return document, version, [text]


async def test_versions_are_hashed_as_those_that_are_published_now(
    owner: asyncpg.Connection,
) -> None:
    found = await read_versions(owner)
    assert {version.summary for _, version, _ in found} == {
        *(accepted[2] for accepted in ACCEPTED), *filter(None, REQUIRED.values()),
    }  # fmt: skip
    for document, version, texts in found:
        assert version.status is VersionStatus.PUBLISHED
        assert version.version_sha256 == version_sha256(document, version, texts), version.summary
        (text,) = texts
        assert text.is_authoritative
        assert text.content_sha256 == text_sha256(text.content)
        assert text.html_sha256 == text_sha256(text.html)


async def test_what_was_carried_over_stays(
    owner: asyncpg.Connection, database: EmptyDatabase, connect: Connect
) -> None:
    statements = (
        "UPDATE terms_acceptance SET occurred_at = now()",
        "DELETE FROM terms_acceptance",
        "UPDATE terms_versions SET summary = 'another'",
        "UPDATE terms_texts SET content = 'another'",
    )
    refusals = (asyncpg.InsufficientPrivilegeError, asyncpg.IntegrityConstraintViolationError)
    for connection in (owner, await connect(database.admin_url)):
        for statement in statements:
            with pytest.raises(refusals, match=r"is history|published version is not changed"):
                await connection.execute(statement)


async def test_who_purchased_before_purchases_now_and_nobody_else(
    owner: asyncpg.Connection, database: EmptyDatabase
) -> None:
    await placeholder.install(owner)
    urls = Urls(database.name, database.app_url, database.owner_url, database.admin_url)
    async with Paykeel.open(settings_for(urls)) as paykeel:

        async def sold(merchant_id: UUID, buyer_id: str) -> str:
            key = f"{merchant_id}-{buyer_id}"
            await paykeel.merchants.set_limit(merchant_id, "EUR", 5_000)
            try:
                request = order(buyer_id=buyer_id)
                payment = await paykeel.payments.purchase(
                    request, merchant_id=merchant_id, idempotency_key=key
                )
            except TermsAcceptanceRequired as error:
                (missing,) = error.data["missing"]
                return f"{missing['document']} {missing['version']}"
            return str(payment.status)

        found = {
            (merchant_id, buyer_id): await sold(merchant_id, buyer_id)
            for merchant_id in REQUIRED
            for buyer_id in ("agent-1", "agent-2", "agent-4")
        }
    lacking = {BUSY: "terms 5.0.0", FRESH: "terms 1.0.0"}
    assert found == {
        (merchant_id, buyer_id): (
            "succeeded"
            if merchant_id not in lacking or (merchant_id, buyer_id) == (BUSY, "agent-1")
            else lacking[merchant_id]
        )
        for merchant_id, buyer_id in found
    }
