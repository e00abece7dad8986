"""The public read of published texts: by hash, without a key, to print and to save."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from paykeel.api import build_app
from tests.acceptance.api.kit import Api, problem_of
from tests.acceptance.api.terms import TERMS, add_document, add_draft, publish, require

if TYPE_CHECKING:
    from typing import Any

TEXTS = {"en": "# Terms\n\nFive < six & “all”.\n", "de": "# Bedingungen\n"}
FOR_GOOD = "public, max-age=31536000, immutable"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def at(text: str, version: Any = None) -> str:
    """Return where a text is read; of a version, if there is one."""
    address = f"{TERMS}/texts/{sha256(text)}"
    return f"{address}?version={version['id']}" if version else address


async def get(api: Api, path: str, **parameters: Any) -> httpx.Response:
    """Read without a key."""
    return await api.http.get(path, params=parameters or None)


async def test_a_published_text_is_a_page_for_everybody(api: Api) -> None:
    version = await require(api, texts=TEXTS)
    answer = await get(api, at(TEXTS["en"], version))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == FOR_GOOD
    assert answer.headers["content-language"] == "en"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert "content-disposition" not in answer.headers
    assert answer.text.startswith("<!doctype html>")
    assert "Five &lt; six &amp; “all”." in answer.text
    assert sha256(TEXTS["en"]) in answer.text
    assert f'href="{at(TEXTS["de"], version)}"' in answer.text
    assert f'href="{at(TEXTS["en"], version)}&amp;download=1"' in answer.text


async def test_a_text_can_be_saved_as_what_was_hashed(api: Api) -> None:
    await require(api, texts=TEXTS)
    answer = await get(api, at(TEXTS["en"]), format="markdown", download="1")
    assert hashlib.sha256(answer.content).hexdigest() == sha256(TEXTS["en"])
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-disposition"] == 'attachment; filename="terms-1.0.0-en.md"'
    page = await get(api, at(TEXTS["de"]), download="1")
    assert page.headers["content-disposition"] == 'attachment; filename="terms-1.0.0-de.html"'
    assert page.text == (await get(api, at(TEXTS["de"]))).text


async def test_who_has_it_already_is_told_so(api: Api) -> None:
    here = at(TEXTS["en"], await require(api, texts=TEXTS))
    tag = (await api.http.get(here)).headers["etag"]
    plain = (await api.http.get(f"{here}&format=markdown")).headers["etag"]
    assert tag != plain
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await api.http.get(here, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert answer.headers["cache-control"] == FOR_GOOD
    answer = await api.http.get(here, headers={"If-None-Match": plain})
    assert answer.status_code == 200


async def test_a_withdrawn_text_is_still_read_and_a_draft_is_not(api: Api) -> None:
    published = await require(api, texts=TEXTS)
    await add_draft(api, version="2.0.0", texts={"en": "# Not yet\n"})
    body = {"author": "Ann", "because": "The wrong text."}
    answer = await api.post(f"{TERMS}/versions/{published['id']}/withdraw", body)
    assert answer.status_code == 200
    assert (await get(api, at(TEXTS["en"]))).status_code == 200
    unknown = ["00" * 32, sha256("# Not yet\n"), "x", sha256(TEXTS["en"]).upper(), "0" * 63]
    for path in [f"{TERMS}/texts/{one}" for one in unknown]:
        answer = await get(api, path)
        problem_of(answer, 404, "terms_text_unknown")
        assert answer.headers["cache-control"] == "no-store"
    for parameters in ({"format": "pdf"}, {"download": "yes"}):
        problem_of(await get(api, at(TEXTS["en"]), **parameters), 422, "choice_unknown")
    problem_of(await get(api, at(TEXTS["en"]), lang="de"), 422, "field_unknown")


async def test_the_same_text_of_two_merchants_is_told_apart_by_its_version(api: Api) -> None:
    other = await api.other()
    ours = await require(api, texts=TEXTS)
    named = {"version": ours["id"]}
    before = (await get(api, at(TEXTS["en"]), **named)).text
    assert (await get(api, at(TEXTS["en"]))).text == before
    assert "<h1>Terms</h1>" in before
    await add_document(other, "others", title="Terms of others")
    theirs = await publish(other, "others", version="7.8.9", texts={"en": TEXTS["en"]})
    assert (await get(api, at(TEXTS["en"]), **named)).text == before
    page = (await get(api, at(TEXTS["en"]), version=theirs["id"])).text
    assert "Terms of others" in page
    assert "7.8.9" in page
    assert "hreflang" not in page
    # In the German text it is the only version, and theirs has none.
    for version in (theirs["id"], str(UUID(int=7)), "x", ours["id"].upper(), ""):
        answer = await get(api, at(TEXTS["de"]), version=version)
        problem_of(answer, 404, "terms_text_unknown")


async def test_a_hash_that_several_versions_have_tells_of_none_of_them(api: Api) -> None:
    text = "# Fees\n\nFive.\n"
    await require(api, texts={"en": text, "de": "# Preise\n"})
    await add_document(await api.other(), "others", title="Of others")
    alone = await get(api, at(text))
    assert "1.0.0" in alone.text
    assert alone.headers["cache-control"] == "public, no-cache"
    await publish(api, version="2.0.0", texts={"en": text})
    answer = await get(api, at(text))
    assert answer.headers["etag"] != alone.headers["etag"]
    assert answer.headers["cache-control"] == "public, no-cache"
    assert answer.headers["content-language"] == "en"
    assert "<h1>Fees</h1>\n<p>Five.</p>" in answer.text
    assert f"<dd>{sha256(text)}</dd>" in answer.text
    assert answer.text.count("<dt>") == 1
    for told in ("Terms", "1.0.0", "2.0.0", "hreflang", "2026", "?version="):
        assert told not in answer.text
    for shape, ending in (("html", "html"), ("markdown", "md")):
        saved = await get(api, at(text), download="1", format=shape)
        name = f'attachment; filename="{sha256(text)}.{ending}"'
        assert saved.headers["content-disposition"] == name
        assert saved.text == (text if shape == "markdown" else answer.text)


async def test_a_page_knows_where_the_application_is_mounted(api: Api) -> None:
    version = await require(api, texts=TEXTS)
    outer = Starlette(routes=[Mount("/shop/pay", app=build_app(api.paykeel))])
    transport = httpx.ASGITransport(app=outer)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:
        page = await http.get(f"/shop/pay{at(TEXTS['en'])}")
        assert f'href="/shop/pay{at(TEXTS["de"], version)}"' in page.text
        assert (await http.get(f"/shop/pay{at(TEXTS['de'], version)}")).status_code == 200
