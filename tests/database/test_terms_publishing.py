"""Who publishes at once: of two that exclude each other exactly one comes through."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel.errors import PaykeelError, Refused
from paykeel.terms.digests import version_sha256
from paykeel.terms.documents import Draft, TermsDocuments
from paykeel.terms.model import TermsScope, TermsVersion, VersionStatus
from tests.database.helpers import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence
    from datetime import datetime
    from uuid import UUID

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

ROUNDS = 30
DAY = timedelta(days=1)
GERMANY = TermsScope(jurisdiction="DE")
WEB = TermsScope(channel="web")


@pytest.fixture
async def desks(paykeel: Paykeel, urls: Urls) -> AsyncIterator[tuple[TermsDocuments, ...]]:
    """Two that share nothing but the database."""
    async with opened(urls) as another:
        yield paykeel.terms.documents, another.terms.documents


async def save(
    documents: TermsDocuments, merchant: Merchant, key: str, version: str, **changes: Any
) -> TermsVersion:
    """Draft a version; its text says who did."""
    draft = Draft(**{"version": version, "texts": {"en": f"# {key} {version}"}, **changes})
    return await documents.draft(merchant.merchant_id, key, draft, author="Ann")


async def together(*calls: Awaitable[TermsVersion]) -> list[TermsVersion | str]:
    """Do everything at once; return what came of each, or the code of its refusal."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    ends: list[TermsVersion | str] = []
    for one in found:
        if isinstance(one, PaykeelError):
            ends.append(one.code)
        elif isinstance(one, BaseException):
            raise one
        else:
            ends.append(one)
    return ends


def refusals(ends: Sequence[TermsVersion | str]) -> list[str]:
    return [one for one in ends if isinstance(one, str)]


@asynccontextmanager
async def held_up(
    urls: Urls, admin: asyncpg.Connection, merchant: Merchant, waiting: int
) -> AsyncIterator[None]:
    """Hold the merchant until so many wait for it, so that they surely meet."""
    holder = await asyncpg.connect(urls.admin)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute(
        "SELECT FROM merchants WHERE merchant_id = $1 FOR NO KEY UPDATE", merchant.merchant_id
    )

    async def release() -> None:
        found = 0
        while found < waiting:
            await asyncio.sleep(0.01)
            found = await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        await transaction.rollback()

    releasing = asyncio.create_task(release())
    try:
        yield
        await asyncio.wait_for(releasing, timeout=10)
    finally:
        await holder.close()


async def test_two_lines_that_tie_are_never_both_published(
    desks: Sequence[TermsDocuments], merchant: Merchant, urls: Urls, admin: asyncpg.Connection
) -> None:
    one, two = desks
    await one.create(merchant.merchant_id, "terms", "contract", "Terms", author="Ann")
    german = await save(one, merchant, "terms", "1.0.0", scope=GERMANY)
    web = await save(two, merchant, "terms", "1.0.0", scope=WEB)
    async with held_up(urls, admin, merchant, 2):
        ends = await together(
            one.publish(merchant.merchant_id, german.version_id, author="Ben"),
            two.publish(merchant.merchant_id, web.version_id, author="Cal"),
        )
    assert refusals(ends) == ["terms_scope_tie"]
    found = await one.versions(merchant.merchant_id, "terms")
    assert sorted(version.status for version in found) == ["draft", "published"]


async def test_publishing_in_a_crowd_leaves_no_tie_and_no_disorder(
    desks: Sequence[TermsDocuments], merchant: Merchant, admin: asyncpg.Connection
) -> None:
    """Round after round, without anybody being held: both faults are raced for at once."""
    now: datetime = await admin.fetchval("SELECT clock_timestamp()")
    codes: list[str] = []
    whose = merchant.merchant_id
    for number in range(ROUNDS):
        key = f"terms-{number}"
        await desks[0].create(whose, key, "contract", "Terms", author="Ann")
        late = {"effective_from": now + 2 * DAY}
        soon = {"effective_from": now + DAY}
        drafts = [
            await save(desks[0], merchant, key, "1.0.0", scope=GERMANY, **late),
            await save(desks[0], merchant, key, "1.1.0", scope=GERMANY, **soon),
            await save(desks[0], merchant, key, "1.0.0", scope=WEB, **late),
            await save(desks[0], merchant, key, "1.1.0", scope=WEB, **soon),
        ]
        ends = await together(
            *(
                desks[place % 2].publish(whose, draft.version_id, author="Ben")
                for place, draft in enumerate(drafts)
            )
        )
        # Whichever comes first, no second one fits beside it.
        assert len(refusals(ends)) == 3
        codes += refusals(ends)
    allowed = {"terms_scope_tie", "terms_version_not_newer", "terms_effective_order"}
    assert set(codes) <= allowed
    assert "terms_scope_tie" in codes
    assert await _revision(admin, whose) == ROUNDS


async def test_one_version_is_published_once(
    desks: Sequence[TermsDocuments], merchant: Merchant, urls: Urls, admin: asyncpg.Connection
) -> None:
    whose = merchant.merchant_id
    await desks[0].create(whose, "terms", "contract", "Terms", author="Ann")
    draft = await save(desks[0], merchant, "terms", "1.0.0")
    async with held_up(urls, admin, merchant, 4):
        ends = await together(
            *(desks[n % 2].publish(whose, draft.version_id, author=f"No. {n}") for n in range(4))
        )
    assert refusals(ends) == ["terms_version_published"] * 3
    version = next(one for one in ends if isinstance(one, TermsVersion))
    assert await desks[1].version(whose, draft.version_id) == version
    assert await _revision(admin, whose) == 1
    async with held_up(urls, admin, merchant, 3):
        ends = await together(
            *(desks[n % 2].withdraw(whose, draft.version_id, "x", author="Ben") for n in range(3))
        )
    assert refusals(ends) == ["terms_version_withdrawn"] * 2
    assert await _revision(admin, whose) == 2


async def test_a_draft_that_is_saved_while_it_is_published_is_one_or_the_other(
    desks: Sequence[TermsDocuments], merchant: Merchant, urls: Urls, admin: asyncpg.Connection
) -> None:
    whose = merchant.merchant_id
    document = await desks[0].create(whose, "terms", "contract", "Terms", author="Ann")
    for number in range(6):
        name = f"{number}.0.0"
        draft = await save(desks[0], merchant, "terms", name)
        saving = save(desks[1], merchant, "terms", name, texts={"en": "# New", "de": "# Neu"})
        publishing = desks[0].publish(whose, draft.version_id, author="Ben")
        calls = (saving, publishing) if number % 2 else (publishing, saving)
        async with held_up(urls, admin, merchant, 2):
            ends = await together(*calls)
        version = await desks[1].version(whose, draft.version_id)
        texts = await desks[1].texts(whose, draft.version_id)
        assert version.status is VersionStatus.PUBLISHED
        assert version.version_sha256 == version_sha256(document, version, texts)
        assert refusals(ends) in ([], ["terms_version_published"])
        assert len(texts) == (1 if refusals(ends) else 2)


async def test_a_draft_that_is_saved_by_many_is_saved_whole(
    desks: Sequence[TermsDocuments], merchant: Merchant, admin: asyncpg.Connection
) -> None:
    whose = merchant.merchant_id
    await desks[0].create(whose, "terms", "contract", "Terms", author="Ann")
    texts = [dict.fromkeys(("de", "en", "fr"), f"# {number}") for number in range(20)]
    saved = await asyncio.gather(
        *(save(desks[n % 2], merchant, "terms", "1.0.0", texts=texts[n]) for n in range(20))
    )
    assert len({(one.version_id, one.scope_id) for one in saved}) == 1
    found = await desks[0].texts(whose, saved[0].version_id)
    assert len({text.content for text in found}) == 1
    assert [text.locale for text in found] == ["de", "en", "fr"]


async def test_a_key_is_given_once(desks: Sequence[TermsDocuments], merchant: Merchant) -> None:
    ends = await asyncio.gather(
        *(
            desks[n % 2].create(merchant.merchant_id, "terms", "contract", f"{n}", author="Ann")
            for n in range(10)
        ),
        return_exceptions=True,
    )
    codes = [one.code for one in ends if isinstance(one, Refused)]
    assert codes == ["terms_document_exists"] * 9
    assert len(await desks[0].list(merchant.merchant_id)) == 1


async def _revision(admin: asyncpg.Connection, merchant_id: UUID) -> int:
    found: int = await admin.fetchval(
        "SELECT terms_revision FROM merchants WHERE merchant_id = $1", merchant_id
    )
    return found
