"""Documents and their versions over HTTP: drafted, published, withdrawn, and read."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from paykeel.api import terms_openapi as described
from paykeel.api.edge import TEXTS_BODY_BYTES_MAX
from tests.acceptance.api.kit import CARD, Api, problem_of
from tests.acceptance.api.terms import (
    AUTHOR,
    CONTENT,
    TERMS,
    add_document,
    add_draft,
    fits,
    publish,
    require,
)

DOCUMENTS = f"{TERMS}/documents"
VERSIONS = f"{DOCUMENTS}/terms/versions"
CREATE = described.CREATES["a_contract"]
PAST = "2026-01-01T00:00:00Z"
DRAFT: dict[str, Any] = {"author": AUTHOR, "version": "1.0.0", "texts": {"en": CONTENT}}


async def test_the_examples_are_served(api: Api) -> None:
    for document in described.CREATES.values():
        made = fits("TermsDocument", await api.post(DOCUMENTS, document), 201)
        assert {name: made[name] for name in document} == document
    drafts = [
        fits("TermsVersion", await api.post(f"{DOCUMENTS}/seller-terms/versions", document))
        for document in described.DRAFTS.values()
    ]
    draft = drafts[-1]
    assert draft["scope"] == {
        "buyer_role": "agent", "jurisdiction": "DE", "product": "*", "channel": "*",
    }  # fmt: skip
    assert (draft["change"], draft["requires_reacceptance"]) == ("major", True)
    assert draft["grace_until"] == "2027-01-15T00:00:00.000000Z"


async def test_a_document_is_added_once_and_listed(api: Api) -> None:
    made = await add_document(api)
    news = await add_document(api, "news", "marketing")
    listed = fits("TermsDocuments", await api.read(DOCUMENTS))
    again = await api.post(DOCUMENTS, {**CREATE, "key": "terms"})

    assert (made["required"], news["required"]) == (True, False)
    assert listed["data"] == [news, made]
    assert fits("TermsDocument", await api.read(f"{DOCUMENTS}/terms")) == made
    problem_of(again, 409, "terms_document_exists")


async def test_a_draft_is_replaced_published_and_withdrawn(api: Api) -> None:
    await add_document(api)
    first = await add_draft(api, summary="One.")
    second = await add_draft(api, summary="Two.", texts={"de": "# Zwei\n", "en": CONTENT})
    at = f"{TERMS}/versions/{first['id']}"
    shown = fits("TermsWholeVersion", await api.read(at))
    published = fits("TermsVersion", await api.post(f"{at}/publish", {"author": "Ben"}))
    whole = fits("TermsWholeVersion", await api.read(at))

    assert (first["id"], first["status"], first["published_at"]) == (second["id"], "draft", None)
    assert shown["summary"] == "Two."
    assert [(one["locale"], one["is_authoritative"]) for one in shown["texts"]] == [
        ("de", True), ("en", False),
    ]  # fmt: skip
    assert [one["url"] for one in shown["texts"]] == [None, None]
    assert shown["texts"][1]["html"] == (
        "<h1>Terms</h1>\n<p>What is bought is <strong>paid for</strong>.</p>\n"
    )
    assert (published["status"], published["published_by"]) == ("published", "Ben")
    assert published["effective_from"] == published["published_at"]
    sha256 = whole["texts"][0]["content_sha256"]
    assert whole["texts"][0]["url"] == f"{TERMS}/texts/{sha256}?version={first['id']}"

    problem_of(await api.post(VERSIONS, DRAFT), 409, "terms_version_published")
    problem_of(await api.post(f"{at}/publish", {"author": "Ben"}), 409, "terms_version_published")
    because = {"author": AUTHOR, "because": "The wrong text."}
    withdrawn = fits("TermsVersion", await api.post(f"{at}/withdraw", because))
    assert (withdrawn["status"], withdrawn["withdrawn_because"]) == ("withdrawn", "The wrong text.")
    problem_of(await api.post(f"{at}/withdraw", because), 409, "terms_version_withdrawn")


async def test_versions_come_in_pages_newest_first(api: Api) -> None:
    await add_document(api)
    made = [await add_draft(api, version=f"1.{number}.0") for number in range(3)]
    first = fits("TermsVersions", await api.read(VERSIONS, limit="2"))
    second = fits("TermsVersions", await api.read(VERSIONS, limit="2", cursor=first["next_cursor"]))
    assert [one["id"] for one in first["data"] + second["data"]] == [
        one["id"] for one in reversed(made)
    ]
    assert second["next_cursor"] is None


async def test_what_cannot_be_published_says_why(api: Api) -> None:
    await require(api, version="1.1.0")

    async def refused(code: str, status: int = 409, **draft: Any) -> dict[str, Any]:
        made = await add_draft(api, **draft)
        answer = await api.post(f"{TERMS}/versions/{made['id']}/publish", {"author": AUTHOR})
        return problem_of(answer, status, code)

    await refused("terms_version_not_newer", version="1.0.9")
    past = await refused(
        "instant_in_past", 422, version="1.2.0", effective_from="2026-01-01T00:00Z"
    )
    assert past["field"] == "effective_from"
    await publish(api, version="2.0.0", effective_from="2099-01-01T00:00:00Z")
    await refused("terms_effective_order", version="3.0.0", effective_from="2098-01-01T00:00:00Z")
    await publish(api, scope={"channel": "web"})
    tie = await refused("terms_scope_tie", scope={"product": "ticket"})
    assert "channel web" in tie["detail"]
    draft = await add_draft(api, version="4.0.0")
    because = {"author": AUTHOR, "because": "x"}
    answer = await api.post(f"{TERMS}/versions/{draft['id']}/withdraw", because)
    problem_of(answer, 409, "terms_version_not_published")


WRONG: list[tuple[str, dict[str, Any], str, str | None]] = [
    (DOCUMENTS, {**CREATE, "key": None}, "field_required", "key"),
    (DOCUMENTS, {**CREATE, "key": 7}, "text_required", "key"),
    (DOCUMENTS, {**CREATE, "key": "A"}, "name_malformed", "key"),
    (DOCUMENTS, {**CREATE, "key": "a\n"}, "name_malformed", "key"),
    (DOCUMENTS, {**CREATE, "purpose": "other"}, "choice_unknown", "purpose"),
    (DOCUMENTS, {**CREATE, "title": ""}, "text_empty", "title"),
    (DOCUMENTS, {**CREATE, "title": "x" * 201}, "text_too_long", "title"),
    (DOCUMENTS, {**CREATE, "title": "a\x00"}, "text_not_storable", "title"),
    (DOCUMENTS, {**CREATE, "title": CARD}, "card_number_refused", "title"),
    (DOCUMENTS, {**CREATE, "author": None}, "field_required", "author"),
    (DOCUMENTS, {**CREATE, "required": 1}, "boolean_required", "required"),
    (
        DOCUMENTS,
        {**CREATE, "purpose": "marketing", "required": True},
        "terms_marketing_required",
        "required",
    ),
    (DOCUMENTS, {**CREATE, "more": 1}, "field_unknown", "more"),
    (VERSIONS, {**DRAFT, "author": None}, "field_required", "author"),
    (VERSIONS, {**DRAFT, "version": "1.0"}, "terms_version_malformed", "version"),
    (VERSIONS, {**DRAFT, "version": 1}, "text_required", "version"),
    (VERSIONS, {**DRAFT, "texts": None}, "field_required", "texts"),
    (VERSIONS, {**DRAFT, "texts": [CONTENT]}, "object_required", "texts"),
    (VERSIONS, {**DRAFT, "texts": {"en": 1}}, "text_required", "texts"),
    (VERSIONS, {**DRAFT, "texts": {"": CONTENT}}, "locale_malformed", "texts"),
    (VERSIONS, {**DRAFT, "texts": {"en": " \n"}}, "terms_text_empty", "texts.en"),
    (VERSIONS, {**DRAFT, "texts": {"en": "<b>a</b>"}}, "terms_text_html", "texts.en"),
    (VERSIONS, {**DRAFT, "texts": {"en": "a\u202eb"}}, "terms_text_characters", "texts.en"),
    (VERSIONS, {**DRAFT, "texts": {"en": "[a](javascript:b)"}}, "terms_text_link", "texts.en"),
    (VERSIONS, {**DRAFT, "texts": {"en": "a" * 262_145}}, "terms_text_too_large", "texts.en"),
    (VERSIONS, {**DRAFT, "authoritative": "fr"}, "terms_authoritative_unknown", None),
    (VERSIONS, {**DRAFT, "scope": "DE"}, "object_required", "scope"),
    (VERSIONS, {**DRAFT, "scope": {"country": "DE"}}, "field_unknown", "scope.country"),
    (VERSIONS, {**DRAFT, "scope": {"product": 1}}, "text_required", "scope.product"),
    (VERSIONS, {**DRAFT, "scope": {"jurisdiction": "de"}}, "jurisdiction_malformed", None),
    (VERSIONS, {**DRAFT, "scope": {"buyer_role": "x"}}, "choice_unknown", None),
    (VERSIONS, {**DRAFT, "change": "patch"}, "choice_unknown", "change"),
    (VERSIONS, {**DRAFT, "requires_reacceptance": "no"}, "boolean_required", None),
    (VERSIONS, {**DRAFT, "reaccept_after_days": "30"}, "integer_required", None),
    (VERSIONS, {**DRAFT, "reaccept_after_days": True}, "integer_required", None),
    (VERSIONS, {**DRAFT, "reaccept_after_days": 0}, "integer_out_of_range", None),
    (VERSIONS, {**DRAFT, "reaccept_after_days": 10**30}, "integer_out_of_range", None),
    (VERSIONS, {**DRAFT, "grace_days": 2**40}, "integer_out_of_range", "grace_days"),
    (VERSIONS, {**DRAFT, "effective_from": "soon"}, "instant_malformed", "effective_from"),
    (VERSIONS, {**DRAFT, "effective_from": "2027-01-01"}, "instant_malformed", None),
    (
        VERSIONS,
        {
            **DRAFT,
            "effective_from": "2027-01-02T00:00:00Z",
            "effective_to": "2027-01-01T00:00:00Z",
        },
        "period_empty",
        "effective_to",
    ),
    (VERSIONS, {**DRAFT, "summary": "x" * 2_001}, "text_too_long", "summary"),
    (VERSIONS, {**DRAFT, "html": "x"}, "field_unknown", "html"),
]


async def test_what_is_wrong_is_named(api: Api) -> None:
    await add_document(api)
    for path, document, code, field in WRONG:
        problem = problem_of(await api.post(path, document), 422, code)
        assert problem["field"] == (field or problem["field"])
    assert (await api.read(VERSIONS)).json()["data"] == []


async def test_what_is_nobodys_or_anothers_is_not_found(api: Api) -> None:
    published = await require(api)
    await add_draft(api, version="2.0.0")
    other = await api.other()
    author = {"author": AUTHOR}
    for speaker, key in ((other, "terms"), (api, "none"), (api, "a%00b"), (api, "x" * 99)):
        for answer in (
            await speaker.read(f"{DOCUMENTS}/{key}"),
            await speaker.read(f"{DOCUMENTS}/{key}/versions"),
            await speaker.post(f"{DOCUMENTS}/{key}/versions", DRAFT),
        ):
            problem_of(answer, 404, "terms_document_unknown")
    ids = (published["id"], str(uuid.uuid4()), "x", str(published["id"]).upper())
    for speaker, version_id in zip((other, api, api, api), ids, strict=True):
        at = f"{TERMS}/versions/{version_id}"
        problem_of(await speaker.read(at), 404, "terms_version_unknown")
        problem_of(await speaker.post(f"{at}/publish", author), 404, "terms_version_unknown")
        because = {**author, "because": "x"}
        problem_of(await speaker.post(f"{at}/withdraw", because), 404, "terms_version_unknown")
    assert fits("TermsDocuments", await other.read(DOCUMENTS))["data"] == []
    problem_of(await api.read(VERSIONS, cursor="x"), 422, "cursor_malformed")
    problem_of(await api.read(DOCUMENTS, limit="1"), 422, "field_unknown")


async def test_whole_texts_are_taken_and_more_is_413(api: Api) -> None:
    """A body of texts may be larger than any other, in as many languages as there are."""
    await add_document(api)
    texts = {locale: f"{locale} {'Wörter. ' * 29_000}" for locale in ("en", "de", "fr", "es")}
    saved = await api.post(VERSIONS, {**DRAFT, "texts": texts})
    assert fits("TermsVersion", saved)["status"] == "draft"
    too_large = await api.post(VERSIONS, {**DRAFT, "summary": "x" * TEXTS_BODY_BYTES_MAX})
    problem_of(too_large, 413, "body_too_large")
    elsewhere = await api.post(f"{TERMS}/presentations", {"component": "x" * 70_000})
    problem_of(elsewhere, 413, "body_too_large")
    nobody = await api.http.post(VERSIONS, json={**DRAFT, "texts": texts})
    problem_of(nobody, 401, "unauthenticated")


async def test_of_two_who_publish_the_same_draft_one_does(api: Api) -> None:
    await add_document(api)
    draft = await add_draft(api)
    at = f"{TERMS}/versions/{draft['id']}/publish"
    answers = await asyncio.gather(*(api.post(at, {"author": AUTHOR}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
