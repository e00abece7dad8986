"""The pages: whole, escaped, and allowed by their own policy to do nothing."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.terms.locales import direction
from paykeel.terms.markdown import render
from paykeel.terms.model import TermsScope
from paykeel.terms.pages import (
    EVIDENCE_CSS,
    PAGE_CSS,
    content_policy,
    facts,
    page,
    preformatted,
    scope_line,
    section,
    text_page,
)
from paykeel.terms.wording import LOCALES, page_words

VOID = {"meta", "br", "hr"}
BAD = "</title><script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;"


class Seen(HTMLParser):
    """Reads a page as a browser would."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.faults: list[str] = []
        self.feed(html)
        self.close()
        self.faults += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def a_page(**changes: Any) -> str:
    values: dict[str, Any] = {
        "document_title": "Terms of sale",
        "version": "2.0.0",
        "scope": TermsScope("agent", "DE-BY", "ticket"),
        "locale": "de-AT",
        "html": render("# Grüße\n\nSee [ours](https://example.org)."),
        "content_sha256": bytes(range(32)),
        "effective_from": datetime(2026, 11, 23, 12, tzinfo=timezone(timedelta(hours=2))),
        **changes,
    }
    return text_page(**values)


def test_the_page_of_a_text_tells_what_it_is() -> None:
    html = a_page(
        effective_to=datetime(2027, 1, 1, tzinfo=UTC),
        other_locales={"fr": "/v1/terms/texts/ab", "en": "https://pay.example:8443/t?a=1&b=2"},
        save_address="?download=1",
    )
    seen = Seen(html)
    assert seen.faults == []
    assert seen.texts["title"] == "Terms of sale 2.0.0"
    assert seen.texts["h1"] == "Terms of saleGrüße"
    for value in ("agent · DE-BY · ticket", "2026-11-23 10:00:00 UTC", "2027-01-01 00:00:00 UTC"):
        assert f"<dd>{value}</dd>" in html
    assert f"<dd>{bytes(range(32)).hex()}</dd>" in html
    assert '<html lang="de" dir="ltr">' in html
    assert '<article lang="de-AT" dir="ltr">\n<h1>Grüße</h1>' in html
    assert '<a href="/v1/terms/texts/ab" hreflang="fr">fr</a>' in html
    assert '<a href="https://pay.example:8443/t?a=1&amp;b=2" hreflang="en">en</a>' in html
    assert '<a href="?download=1" download>Diese Seite speichern</a>' in html


def test_what_is_not_known_is_left_out() -> None:
    html = a_page(scope=TermsScope())
    assert "<nav" not in html
    assert "In Kraft bis" not in html
    assert "<dt>Gilt für</dt><dd>alle</dd>" in html


@pytest.mark.parametrize("locale", [*LOCALES, "ar", "he-IL", "ja", "und"])
def test_a_page_speaks_the_language_of_its_text_where_it_can(locale: str) -> None:
    html = a_page(locale=locale)
    spoken, words = page_words(locale)
    assert Seen(html).faults == []
    assert f'<html lang="{spoken}" dir="ltr">' in html
    assert f'<article lang="{locale}" dir="{direction(locale)}">' in html
    assert f"<dt>{words.sha256}</dt>" in html


@given(st.text() | st.just(BAD))
def test_whatever_stands_in_a_value_is_text(value: str) -> None:
    scope = TermsScope(value, value, value, value)
    seen = Seen(a_page(document_title=value, version=value, scope=scope, locale=value))
    plain = Seen(a_page(document_title="a", version="a", scope=TermsScope("a"), locale="a"))
    assert seen.faults == []
    assert seen.tags == plain.tags
    assert [name for name, _ in seen.attributes] == [name for name, _ in plain.attributes]


@given(st.text() | st.just(BAD))
def test_so_it_is_in_the_parts_of_other_pages(value: str) -> None:
    parts = section(value, facts([(value, value), ("gone", None)]) + preformatted(value))
    seen = Seen(page(value, parts, value))
    assert seen.faults == []
    assert seen.tags[seen.tags.index("body") :] == [
        "body",
        "section",
        "h2",
        "dl",
        "dt",
        "dd",
        "pre",
    ]


def test_a_text_is_kept_letter_by_letter() -> None:
    text = '\n  a < b & "c"\n\n\td  \n'
    assert Seen(preformatted(text)).texts["pre"].removeprefix("\n").removesuffix("") == text


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//evil.example", "a"),
        *("http:evil", "https://", "/a b", '/a"b', "/a'b", "/a<b", "/a\\b", "/\n", "", "/a:b"),
        *("https://me@evil.example", "https://evil.example:x/", "/\\evil.example", "ftp://a/b"),
    ],
)
def test_an_address_that_could_run_or_mislead_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="An address is"):
        a_page(save_address=address)
    with pytest.raises(ValueError, match="An address is"):
        a_page(other_locales={"en": address})


@pytest.mark.parametrize("css", ["", EVIDENCE_CSS])
def test_the_policy_allows_the_style_of_the_page_and_nothing_else(css: str) -> None:
    html = page("a", "", css=css)
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert content_policy(css).split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert "style=" not in html


def test_a_style_cannot_end_itself() -> None:
    with pytest.raises(ValueError, match="style"):
        page("a", "", css="</style><script>")


def test_a_page_fetches_and_runs_nothing() -> None:
    seen = Seen(a_page(save_address="/a"))
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(seen.tags)
    assert not {name for name, _ in seen.attributes if name.startswith("on") or name == "src"}
    assert not re.search(r"url\(|@import|expression", PAGE_CSS + EVIDENCE_CSS)


def test_a_page_fits_paper_a_telephone_and_the_dark() -> None:
    html = a_page()
    assert html.startswith("<!doctype html>\n")
    assert '<meta charset="utf-8">' in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    for rule in ("@media print", "@page", "prefers-color-scheme: dark", "max-width: 30rem"):
        assert rule in PAGE_CSS


def luminance(color: str) -> float:
    digits = color.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", range(3), ids=["light", "dark", "print"])
def test_what_is_written_can_be_read(theme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", PAGE_CSS, re.DOTALL)
    assert len(blocks) == 3
    colors = dict(re.findall(r"--(\w+): (#[0-9a-f]+);", blocks[theme]))
    for ink in ("ink", "soft", "link"):
        for paper in ("paper", "wash"):
            dark, light = sorted((luminance(colors[ink]), luminance(colors[paper])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def test_a_scope_is_told_in_a_line() -> None:
    assert scope_line(TermsScope()) == ""
    assert scope_line(TermsScope("operator", "FR", "*", "web")) == "operator · FR · web"
