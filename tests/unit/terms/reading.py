"""Reads the HTML of texts as a browser would, and says what is refused of a text."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from paykeel.errors import InvalidField
from paykeel.terms.markdown import render

TAGS = frozenset(
    {"h1", "h2", "h3", "h4", "h5", "h6", "p", "em", "strong", "a", "ul", "ol", "li", "blockquote"}
    | {"table", "thead", "tbody", "tr", "th", "td", "hr", "code", "pre", "br"}
)
ATTRIBUTES = {
    "a": {"href": re.compile("(?i:https?://|mailto:)[!-~]+"), "rel": re.compile("noopener.*")},
    "ol": {"start": re.compile("[0-9]{1,9}")},
    "li": {"value": re.compile("[0-9]{1,9}")},
}


class Page(HTMLParser):
    """Reads HTML as a browser would, and keeps what must not be there."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> stays open" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            allowed = ATTRIBUTES.get(tag, {}).get(name)
            if allowed is None or allowed.fullmatch(value or "") is None:
                self.faults.append(f"<{tag} {name}={value!r}>")
            if name == "href":
                self.addresses.append(value or "")
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"<![{data}]>")


def refusal(text: str) -> tuple[str, str]:
    with pytest.raises(InvalidField) as caught:
        render(text, "texts.de")
    assert caught.value.field == "texts.de"
    return caught.value.code, caught.value.message


def accepted(reader: Callable[[str], str], text: str) -> str | None:
    """Return what is made of a text; None where it is refused, as a text must be."""
    try:
        return reader(text)
    except InvalidField as error:
        if error.field == "content" and error.code.startswith(("terms_text_", "card_number")):
            return None
        raise
