"""Documents are drafted, published and withdrawn, and what was published is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from paykeel.clock import new_id
from paykeel.errors import InvalidField, NotFound, PaykeelError, Refused
from paykeel.terms.digests import text_sha256, version_sha256
from paykeel.terms.documents import (
    DOCUMENTS_MAX,
    Draft,
    PublicText,
    SharedText,
    TermsDocuments,
)
from paykeel.terms.model import Purpose, TermsScope, TermsVersion, VersionStatus
from paykeel.terms.stored import LINES_MAX

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from paykeel import Paykeel
    from paykeel.merchants import Merchant

DAY = timedelta(days=1)
GERMANY = TermsScope(jurisdiction="DE")
WEB = TermsScope(channel="web")


class Desk:
    """One merchant's documents, handled by Ann; it knows what was forgotten."""

    def __init__(self, paykeel: Paykeel, merchant: Merchant) -> None:
        self.forgotten: list[UUID] = []
        self.documents = TermsDocuments(paykeel.database, self.forgotten.append)
        self.merchant_id = merchant.merchant_id

    async def create(self, key: str = "terms", **options: Any) -> None:
        await self.documents.create(
            self.merchant_id, key, "contract", "Terms", author="Ann", **options
        )

    async def draft(
        self, version: str = "1.0.0", key: str = "terms", **changes: Any
    ) -> TermsVersion:
        texts = {"en": f"# Terms {version}\n"}
        draft = Draft(**{"version": version, "texts": texts, **changes})
        return await self.documents.draft(self.merchant_id, key, draft, author="Ann")

    async def publish(self, version: str = "1.0.0", **changes: Any) -> TermsVersion:
        drafted = await self.draft(version, **changes)
        return await self.documents.publish(self.merchant_id, drafted.version_id, author="Ben")

    async def withdraw(self, version: TermsVersion) -> TermsVersion:
        return await self.documents.withdraw(
            self.merchant_id, version.version_id, "A mistake", author="Cal"
        )


@pytest.fixture
async def desk(paykeel: Paykeel, merchant: Merchant) -> Desk:
    made = Desk(paykeel, merchant)
    await made.create()
    return made


async def refusal(call: Awaitable[object], kind: type[PaykeelError] = Refused) -> str:
    with pytest.raises(kind) as caught:
        await call
    return caught.value.code


async def revision(admin: asyncpg.Connection, desk: Desk) -> int:
    found: int = await admin.fetchval(
        "SELECT terms_revision FROM merchants WHERE merchant_id = $1", desk.merchant_id
    )
    return found


async def test_documents_are_made_and_read(desk: Desk, paykeel: Paykeel) -> None:
    made = await desk.documents.create(
        desk.merchant_id, "news", Purpose.MARKETING, "Our news", author=" Ann  L "
    )
    assert (made.required, made.author, made.purpose) == (False, "Ann L", Purpose.MARKETING)
    assert await desk.documents.get(desk.merchant_id, "news") == made
    assert await desk.documents.document_of(desk.merchant_id, made.document_id) == made
    assert [one.key for one in await desk.documents.list(desk.merchant_id)] == ["news", "terms"]
    assert await refusal(desk.create("terms")) == "terms_document_exists"
    assert await refusal(
        desk.documents.create(
            desk.merchant_id, "ads", "marketing", "Ads", author="Ann", required=True
        ),
        InvalidField,
    ) == "terms_marketing_required"  # fmt: skip
    stranger = await paykeel.merchants.create("Stranger", "test")
    assert await desk.documents.list(stranger.merchant_id) == []
    for whose, key in (
        (stranger.merchant_id, "news"),
        (desk.merchant_id, "n\x00"),
        (new_id(), "a"),
    ):
        assert await refusal(desk.documents.get(whose, key), NotFound) == "terms_document_unknown"
    found = desk.documents.document_of(stranger.merchant_id, made.document_id)
    assert await refusal(found, NotFound) == "terms_document_unknown"
    nobody = desk.documents.create(new_id(), "terms", "contract", "Terms", author="Ann")
    assert await refusal(nobody, NotFound) == "not_found"


async def test_there_are_no_more_documents_than_can_be_shown(desk: Desk) -> None:
    for number in range(1, DOCUMENTS_MAX):
        await desk.create(f"terms-{number}")
    assert await refusal(desk.create("one-more")) == "terms_documents_too_many"
    assert await refusal(desk.create("terms")) == "terms_document_exists"
    assert len(await desk.documents.list(desk.merchant_id)) == DOCUMENTS_MAX


async def test_a_draft_is_saved_and_replaced(desk: Desk, admin: asyncpg.Connection) -> None:
    first = await desk.draft(texts={"en": "# One", "de": "# Eins"}, summary="new", grace_days=3)
    assert first.status is VersionStatus.DRAFT
    assert (first.change, first.requires_reacceptance, first.grace_days) == ("major", True, 3)
    assert (first.version_sha256, first.effective_from, first.author) == (None, None, "Ann")
    texts = await desk.documents.texts(desk.merchant_id, first.version_id)
    assert [(text.locale, text.is_authoritative) for text in texts] == [("de", False), ("en", True)]
    again = await desk.draft(texts={"de": "# Zwei", "fr": "# Deux"}, requires_reacceptance=False)
    assert (again.version_id, again.created_at) == (first.version_id, first.created_at)
    assert (again.summary, again.requires_reacceptance, again.grace_days) == ("", False, None)
    texts = await desk.documents.texts(desk.merchant_id, first.version_id)
    assert [(text.locale, text.content) for text in texts] == [
        ("de", "# Zwei\n"),
        ("fr", "# Deux\n"),
    ]
    assert await desk.documents.version(desk.merchant_id, first.version_id) == again
    # The same number for others is another version; neither counts before it is published.
    other = await desk.draft(scope=GERMANY, texts={})
    assert (other.scope, other.document_id) == (GERMANY, first.document_id)
    assert other.scope_id != first.scope_id
    assert await desk.documents.texts(desk.merchant_id, other.version_id) == []
    assert await desk.documents.versions(desk.merchant_id, "terms") == [other, again]
    assert await revision(admin, desk) == 0
    assert desk.forgotten == []
    # What is refused leaves the draft as it was.
    assert await refusal(desk.draft(texts={"en": "<b>"}), InvalidField) == "terms_text_html"
    assert await desk.documents.version(desk.merchant_id, first.version_id) == again


async def test_a_change_is_major_or_minor_as_its_number_says(desk: Desk) -> None:
    await desk.publish("1.0.0")
    found = {
        version: (drafted.change, drafted.requires_reacceptance)
        for version in ("1.1.0", "1.0.1", "2.0.0")
        for drafted in [await desk.draft(version)]
    }
    assert found == {"1.1.0": ("minor", False), "1.0.1": ("minor", False), "2.0.0": ("major", True)}
    said = await desk.draft("2.0.0", change="minor")
    assert (said.change, said.requires_reacceptance) == ("minor", False)
    said = await desk.draft("1.1.0", requires_reacceptance=True, reaccept_after_days=365)
    assert (said.change, said.requires_reacceptance, said.reaccept_after_days) == (
        "minor", True, 365
    )  # fmt: skip


async def test_publishing_fixes_what_was_drafted(desk: Desk, admin: asyncpg.Connection) -> None:
    before: datetime = await admin.fetchval("SELECT clock_timestamp()")
    first = desk.publish(grace_days=7)
    assert await refusal(first, InvalidField) == "terms_grace_without_earlier"
    await desk.withdraw(await desk.publish("0.9.0"))
    version = await desk.publish(grace_days=7, texts={"en": "# One", "de": "# Eins"})
    assert version.status is VersionStatus.PUBLISHED
    assert version.effective_from is not None
    assert version.effective_from == version.published_at
    assert before <= version.effective_from <= datetime.now(UTC) + DAY
    assert (version.grace_until, version.grace_days) == (version.effective_from + 7 * DAY, None)
    assert (version.author, version.published_by) == ("Ann", "Ben")
    document = await desk.documents.get(desk.merchant_id, "terms")
    texts = await desk.documents.texts(desk.merchant_id, version.version_id)
    assert version.version_sha256 == version_sha256(document, version, texts)
    assert (await revision(admin, desk), desk.forgotten) == (3, [desk.merchant_id] * 3)
    assert await refusal(desk.draft("1.0.0")) == "terms_version_published"
    publish = desk.documents.publish(desk.merchant_id, version.version_id, author="Ben")
    assert await refusal(publish) == "terms_version_published"
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="published"):
        await admin.execute("UPDATE terms_texts SET content = 'x', content_sha256 = sha256('x')")
    assert await desk.documents.texts(desk.merchant_id, version.version_id) == texts
    assert await revision(admin, desk) == 3


async def test_what_cannot_be_published_stays_a_draft(
    desk: Desk, admin: asyncpg.Connection
) -> None:
    now: datetime = await admin.fetchval("SELECT clock_timestamp()")
    await desk.publish("1.0.0", effective_from=now + 2 * DAY)
    assert await refusal(desk.publish("0.9.9")) == "terms_version_not_newer"
    # Before, with and after the version that was published last.
    assert await refusal(desk.publish("1.1.0")) == "terms_effective_order"
    for begins in (now + DAY, now + 2 * DAY):
        call = desk.publish("1.1.0", effective_from=begins)
        assert await refusal(call) == "terms_effective_order"
    past = desk.publish("1.1.0", effective_from=now - timedelta(seconds=1))
    assert await refusal(past, InvalidField) == "instant_in_past"
    over = desk.publish("1.1.0", scope=WEB, effective_to=now)
    assert await refusal(over, InvalidField) == "period_empty"
    assert await refusal(desk.publish("1.1.0", texts={}, effective_from=now + 3 * DAY)) == (
        "terms_text_missing"
    )
    assert (await revision(admin, desk), len(desk.forgotten)) == (1, 1)
    found = await desk.documents.versions(desk.merchant_id, "terms")
    assert [one.version for one in found if one.status is VersionStatus.PUBLISHED] == ["1.0.0"]
    await desk.publish("1.1.0", effective_from=now + 3 * DAY)
    assert await revision(admin, desk) == 2


async def test_withdrawing_ends_a_version_for_good(desk: Desk, admin: asyncpg.Connection) -> None:
    now: datetime = await admin.fetchval("SELECT clock_timestamp()")
    first = await desk.publish("1.0.0")
    planned = await desk.publish("2.0.0", effective_from=now + DAY)
    withdrawn = await desk.withdraw(planned)
    assert withdrawn.status is VersionStatus.WITHDRAWN
    assert (withdrawn.withdrawn_by, withdrawn.withdrawn_because) == ("Cal", "A mistake")
    assert withdrawn.withdrawn_at is not None
    assert withdrawn.version_sha256 == planned.version_sha256
    assert await revision(admin, desk) == 3
    assert desk.forgotten == [desk.merchant_id] * 3
    assert await refusal(desk.withdraw(planned)) == "terms_version_withdrawn"
    publish = desk.documents.publish(desk.merchant_id, planned.version_id, author="Ben")
    assert await refusal(publish) == "terms_version_withdrawn"
    assert await refusal(desk.draft("2.0.0")) == "terms_version_published"
    # Its number is spent; its time is free again.
    assert await refusal(desk.publish("1.5.0")) == "terms_version_not_newer"
    latest = await desk.publish("2.0.1")
    assert await refusal(desk.withdraw(await desk.draft("3.0.0"))) == "terms_version_not_published"
    empty = desk.documents.withdraw(desk.merchant_id, latest.version_id, " ", author="Cal")
    assert await refusal(empty, InvalidField) == "text_empty"
    assert (await desk.withdraw(first)).effective_from == first.effective_from


async def test_two_texts_for_the_same_subjects_are_refused(
    desk: Desk, admin: asyncpg.Connection
) -> None:
    now: datetime = await admin.fetchval("SELECT clock_timestamp()")
    german = await desk.publish("1.0.0", scope=GERMANY, effective_to=now + 2 * DAY)
    with pytest.raises(Refused, match=r"1\.0\.0 for jurisdiction DE .* channel web") as caught:
        await desk.publish("4.0.0", scope=WEB)
    assert caught.value.code == "terms_scope_tie"
    # More or less specific, for others, or at another time, it is no tie; nor is another document.
    await desk.publish("1.0.0")
    await desk.publish("1.0.0", scope=TermsScope(jurisdiction="DE", channel="web"))
    await desk.publish("1.0.0", scope=TermsScope(jurisdiction="AT"))
    await desk.publish("1.0.1", scope=GERMANY, effective_to=now + 3 * DAY)
    await desk.create("privacy")
    await desk.publish("1.0.0", key="privacy", scope=WEB)
    web = await desk.draft(
        "4.0.0", scope=TermsScope(product="ticket"), effective_from=now + 3 * DAY
    )
    publish = desk.documents.publish(desk.merchant_id, web.version_id, author="Ben")
    # Austria's has no end.
    assert await refusal(publish) == "terms_scope_tie"
    for one in await desk.documents.versions(desk.merchant_id, "terms"):
        if one.scope.jurisdiction == "AT":
            await desk.withdraw(one)
    await desk.documents.publish(desk.merchant_id, web.version_id, author="Ben")
    later = desk.publish("1.1.0", scope=GERMANY, effective_from=now + 2 * DAY)
    assert await refusal(later) == "terms_scope_tie"
    await desk.publish(
        "1.1.0", scope=GERMANY, effective_from=now + 2 * DAY, effective_to=now + 3 * DAY
    )
    await desk.withdraw(german)


async def test_a_document_has_only_so_many_lines(desk: Desk) -> None:
    places = [f"{one}{two}" for one in "ABCDEFGHIJ" for two in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    for place in places[:LINES_MAX]:
        await desk.draft(scope=TermsScope(jurisdiction=place), texts={})
    more = desk.draft(scope=TermsScope(jurisdiction="ZZ"), texts={})
    assert await refusal(more) == "terms_lines_too_many"
    await desk.draft("1.1.0", scope=TermsScope(jurisdiction="AA"), texts={})
    newest = await desk.documents.versions(desk.merchant_id, "terms", rows_max=150)
    rest = await desk.documents.versions(
        desk.merchant_id, "terms", before=newest[-1].version_id, rows_max=150
    )
    assert (len(newest), len(rest), newest[0].version) == (150, 51, "1.1.0")
    ids = [one.version_id for one in newest + rest]
    assert ids == sorted(set(ids), reverse=True)


async def test_anybody_reads_what_was_published(desk: Desk, paykeel: Paykeel) -> None:
    texts = {"de": "# Eins", "en": "# One", "fr": "# Un"}
    version = await desk.publish(texts=texts, scope=GERMANY)
    sha256 = text_sha256("# One\n")
    found = await desk.documents.public_text(sha256)
    assert isinstance(found, PublicText)
    assert (found.version_id, found.key) == (version.version_id, "terms")
    assert (found.key, found.title, found.purpose) == ("terms", "Terms", Purpose.CONTRACT)
    assert (found.version, found.scope, found.locale) == ("1.0.0", GERMANY, "en")
    assert (found.content, found.content_sha256) == ("# One\n", sha256)
    assert text_sha256(found.html) == found.html_sha256
    assert (found.effective_from, found.version_sha256) == (
        version.effective_from, version.version_sha256
    )  # fmt: skip
    assert found.is_authoritative is False
    assert found.others == (("de", text_sha256("# Eins\n")), ("fr", text_sha256("# Un\n")))
    await desk.withdraw(version)
    again = await desk.documents.public_text(sha256)
    assert isinstance(again, PublicText)
    assert again.status is VersionStatus.WITHDRAWN
    # The same bytes of somebody else change nothing for who names the version.
    stranger = Desk(paykeel, await paykeel.merchants.create("Stranger", "test"))
    await stranger.create("agb")
    drafted = await stranger.draft("9.0.0", key="agb", texts={"en": "# One"})
    assert await desk.documents.public_text(sha256) == again
    assert await desk.documents.public_text(sha256, drafted.version_id) is None
    theirs = await stranger.publish("9.0.0", key="agb", texts={"en": "# One"})
    assert await desk.documents.public_text(sha256, version.version_id) == again
    other = await desk.documents.public_text(sha256, theirs.version_id)
    assert isinstance(other, PublicText)
    assert (other.key, other.version) == ("agb", "9.0.0")
    # The hash alone tells of none of them, nor of a language that they do not share.
    shared = SharedText(locale="en", content="# One\n", content_sha256=sha256, html=found.html)
    assert await desk.documents.public_text(sha256) == shared
    await stranger.publish("9.1.0", key="agb", texts={"nl": "# One"})
    assert await desk.documents.public_text(sha256) == replace(shared, locale="und")
    # A version that has another text is none of this one.
    assert await desk.documents.public_text(text_sha256("# Un\n"), theirs.version_id) is None
    await desk.draft("2.0.0", texts={"en": "# Draft"})
    assert await desk.documents.public_text(text_sha256("# Draft\n")) is None


async def test_a_merchant_sees_only_its_own(desk: Desk, paykeel: Paykeel) -> None:
    version = await desk.publish()
    stranger = Desk(paykeel, await paykeel.merchants.create("Stranger", "test"))
    documents, whose, one = stranger.documents, stranger.merchant_id, version.version_id
    for call in (
        documents.version(whose, one),
        documents.texts(whose, one),
        documents.publish(whose, one, author="Eve"),
        documents.withdraw(whose, one, "because", author="Eve"),
        documents.difference(whose, one, "en"),
    ):
        assert await refusal(call, NotFound) == "terms_version_unknown"
    for unknown in (stranger.draft(), documents.versions(whose, "terms")):
        assert await refusal(unknown, NotFound) == "terms_document_unknown"


async def test_a_text_is_compared_with_the_one_before(desk: Desk) -> None:
    first = await desk.publish("1.0.0", texts={"en": "# Terms\n\nPay.\n"})
    await desk.publish("1.0.0", scope=WEB, texts={"en": "# Elsewhere\n"})
    gone = await desk.publish("1.2.0", texts={"en": "# Gone\n"})
    await desk.withdraw(gone)
    drafted = await desk.draft("1.10.0", texts={"en": "# Terms\n\nPay now.\n", "de": "# AGB\n"})

    async def difference(version: TermsVersion, locale: str) -> list[str]:
        return await desk.documents.difference(desk.merchant_id, version.version_id, locale)

    assert await difference(drafted, "EN") == [
        "--- 1.0.0", "+++ 1.10.0", "@@ -1,3 +1,3 @@", " # Terms", " ", "-Pay.", "+Pay now."
    ]  # fmt: skip
    assert await difference(drafted, "de") == [
        "--- nothing",
        "+++ 1.10.0",
        "@@ -0,0 +1 @@",
        "+# AGB",
    ]
    assert (await difference(first, "en"))[0] == "--- nothing"
    assert await refusal(difference(drafted, "fr"), NotFound) == "terms_text_unknown"
    # A version between two others is compared with the one below it.
    await desk.documents.publish(desk.merchant_id, drafted.version_id, author="Ben")
    newest = await desk.draft("2.0.0", texts={"en": "# Terms\n\nPay now.\n"})
    assert await difference(newest, "en") == []
    assert (await difference(drafted, "en"))[0] == "--- 1.0.0"
