"""The public read of published texts: by hash, without a key, to print and to save."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

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


def at(text: str) -> str:
    return f"{TERMS}/texts/{sha256(text)}"


async def get(api: Api, path: str, **parameters: Any) -> httpx.Response:
    """Read without a key."""
    return await api.http.get(path, params=parameters or None)


async def test_a_published_text_is_a_page_for_everybody(api: Api) -> None:
    await require(api, texts=TEXTS)
    answer = await get(api, at(TEXTS["en"]))
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
    assert f'href="{at(TEXTS["de"])}"' in answer.text
    assert f'href="{at(TEXTS["en"])}?download=1"' in answer.text


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
    await require(api, texts=TEXTS)
    tag = (await get(api, at(TEXTS["en"]))).headers["etag"]
    plain = (await get(api, at(TEXTS["en"]), format="markdown")).headers["etag"]
    assert tag != plain
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        answer = await api.http.get(at(TEXTS["en"]), headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
        assert answer.headers["cache-control"] == FOR_GOOD
    answer = await api.http.get(at(TEXTS["en"]), headers={"If-None-Match": plain})
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


async def test_the_same_text_of_two_merchants_is_one_page(api: Api) -> None:
    other = await api.other()
    await require(api, texts=TEXTS)
    before = (await get(api, at(TEXTS["en"]))).text
    await add_document(other, "others", title="Terms of others")
    await publish(other, "others", texts=TEXTS)
    assert (await get(api, at(TEXTS["en"]))).text == before
    assert "Terms of others" not in before


async def test_a_page_knows_where_the_application_is_mounted(api: Api) -> None:
    await require(api, texts=TEXTS)
    outer = Starlette(routes=[Mount("/shop/pay", app=build_app(api.paykeel))])
    transport = httpx.ASGITransport(app=outer)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:
        page = await http.get(f"/shop/pay{at(TEXTS['en'])}")
        assert f'href="/shop/pay{at(TEXTS["de"])}"' in page.text
        assert (await http.get(f"/shop/pay{at(TEXTS['de'])}")).status_code == 200
