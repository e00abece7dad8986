"""Pages that can be read, printed and saved: of a published text, and of evidence. Pure.

A page is one file: its style stands in it, it runs nothing and fetches nothing. What comes from
outside is escaped here, but for HTML that :func:`paykeel.terms.markdown.render` has made.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC
from html import escape
from typing import TYPE_CHECKING

from paykeel.terms.locales import direction
from paykeel.terms.model import ANY
from paykeel.terms.wording import page_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from paykeel.terms.model import TermsScope

PAGE_CSS = """\
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #555; --paper: #fff; --line: #c8c8c8;
  --wash: #f3f3f3; --link: #0b4fb3; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #b4b4b4; --paper: #141414;
  --line: #4a4a4a; --wash: #222; --link: #9cc3ff; } }
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif;
  -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 46rem; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.6em 0 .5em; }
header h1 { margin-top: 0; }
a { color: var(--link); }
pre, code { font-family: ui-monospace, monospace; font-size: .9em; background: var(--wash); }
pre { padding: .75rem; white-space: pre-wrap; }
blockquote { margin: 1em 0; padding: 0 1em; border-inline-start: .25rem solid var(--line); }
hr { border: 0; border-top: 1px solid var(--line); }
table { border-collapse: collapse; display: block; max-width: 100%; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: start;
  vertical-align: top; overflow-wrap: normal; }
header dl, header nav { color: var(--soft); font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 1em 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
nav a { margin-inline-end: 1em; }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; padding-bottom: .75rem; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
@page { margin: 20mm; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #333; --paper: #fff; --line: #888;
    --wash: #fff; --link: #000; }
  html { font-size: 10.5pt; }
  body { max-width: none; padding: 0; }
  nav { display: none; }
  table { display: table; }
  h1, h2, h3, h4, h5, h6 { break-after: avoid; }
  tr, dt, dd { break-inside: avoid; }
  article a[href^="http"]::after { content: " (" attr(href) ")"; }
}
"""

#: What the page of evidence adds to the style of every page.
EVIDENCE_CSS = """\
header { border-bottom: 0; margin-bottom: 0; padding-bottom: 0; }
section { border-top: 1px solid var(--line); margin-top: 2rem; }
@media (min-width: 30.01rem) { section dl { grid-template-columns: 13rem 1fr; } }
section article { border: 1px solid var(--line); padding: 0 1rem; }
dd { font-variant-numeric: tabular-nums; }
@media print { section { break-inside: auto; } section article { border: 0; padding: 0; } }
"""

#: A path of the same host, or http and https: nothing that could run.
_ADDRESS = re.compile(
    r"(?:https?://[\w.-]+(?::\d{1,5})?(?=[/?#]|$)|(?=[/?]))(?!//)[\w./?=&%~+,;@#-]*", re.ASCII
)


def text_page(  # noqa: PLR0913 - what stands on the page
    *,
    document_title: str,
    version: str,
    scope: TermsScope,
    locale: str,
    html: str,
    content_sha256: bytes,
    effective_from: datetime,
    effective_to: datetime | None = None,
    other_locales: Mapping[str, str] | None = None,
    save_address: str | None = None,
) -> str:
    """Return the whole page of one published text. ``html`` is what ``markdown.render`` made.

    ``other_locales`` gives the address of the page of each other language; ``save_address`` is
    where the page can be downloaded. Its Content-Security-Policy is ``content_policy()``.

    Raises:
        ValueError: An address is neither http, https nor a path that begins with a slash or a
            question mark.
    """
    spoken, words = page_words(locale)
    rows: list[tuple[str, object]] = [
        (words.version, version),
        (words.scope, scope_line(scope) or words.everybody),
        (words.language, locale),
        (words.effective_from, _time(effective_from)),
        (words.effective_to, None if effective_to is None else _time(effective_to)),
        (words.sha256, content_sha256.hex()),
    ]
    links = [
        f'<a href="{_address(address)}" hreflang="{escape(tag)}">{escape(tag)}</a>'
        for tag, address in sorted((other_locales or {}).items())
    ]
    parts = [f"<header>\n<h1>{escape(document_title)}</h1>\n{facts(rows)}"]
    if links:
        parts.append(f"<nav>{escape(words.other_locales)}: {' '.join(links)}</nav>\n")
    if save_address is not None:
        parts.append(_save_link(save_address, words.save))
    parts.append(f"</header>\n{text_body(html, locale)}")
    return page(f"{document_title} {version}", "".join(parts), spoken)


def shared_text_page(
    *, locale: str, html: str, content_sha256: bytes, save_address: str | None = None
) -> str:
    """Return the whole page of a text that several versions have: the text, and its hash alone.

    It says of none of them whose it is. What it is made with is as for :func:`text_page`.

    Raises:
        ValueError: As :func:`text_page`.
    """
    spoken, words = page_words(locale)
    parts = [f"<header>\n{facts([(words.sha256, content_sha256.hex())])}"]
    if save_address is not None:
        parts.append(_save_link(save_address, words.save))
    parts.append(f"</header>\n{text_body(html, locale)}")
    return page(f"{words.sha256} {content_sha256.hex()}", "".join(parts), spoken)


def text_body(html: str, locale: str) -> str:
    r"""Return a text in its own language and direction. ``html`` is what ``markdown.render`` made.

    >>> text_body("<p>Hi</p>", "en")
    '<article lang="en" dir="ltr">\n<p>Hi</p></article>\n'
    """
    return f'<article lang="{escape(locale)}" dir="{direction(locale)}">\n{html}</article>\n'


def scope_line(scope: TermsScope) -> str:
    """Return for whom a text is, in a line; empty: for everybody.

    >>> from paykeel.terms.model import TermsScope
    >>> scope_line(TermsScope("agent", "DE-BY"))
    'agent · DE-BY'
    """
    parts = (scope.buyer_role, scope.jurisdiction, scope.product, scope.channel)
    return " · ".join(part for part in parts if part != ANY)


def page(title: str, body_html: str, lang: str = "en", *, css: str = "") -> str:
    """Return a whole page round a body. The title is escaped; the body must be already.

    Raises:
        ValueError: The CSS could end the style that it stands in.
    """
    if "<" in css:
        raise ValueError("A style has no angle brackets.")
    return (
        f'<!doctype html>\n<html lang="{escape(lang)}" dir="{direction(lang)}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{PAGE_CSS}{css}</style>\n</head>\n"
        f"<body>\n{body_html}</body>\n</html>\n"
    )


def content_policy(css: str = "") -> str:
    """Return the Content-Security-Policy for a page that was made with this CSS.

    It allows that one style and nothing else: no script, no image, no form, no frame around it.
    """
    digest = hashlib.sha256(f"{PAGE_CSS}{css}".encode()).digest()
    return (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(digest).decode()}';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def section(title: str, body_html: str) -> str:
    r"""Return a section with a heading, which is escaped; the body must be already.

    >>> section("A & B", "<p>C</p>")
    '<section>\n<h2>A &amp; B</h2>\n<p>C</p></section>\n'
    """
    return f"<section>\n<h2>{escape(title)}</h2>\n{body_html}</section>\n"


def facts(rows: Iterable[tuple[str, object]]) -> str:
    r"""Return names and their values, both escaped; a value of ``None`` is left out.

    >>> facts([("Version", "1.0.0"), ("Until", None)])
    '<dl>\n<dt>Version</dt><dd>1.0.0</dd>\n</dl>\n'
    """
    lines = (
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>\n"
        for name, value in rows
        if value is not None
    )
    return f"<dl>\n{''.join(lines)}</dl>\n"


def preformatted(text: str) -> str:
    r"""Return a text as it is, letter by letter, escaped.

    >>> preformatted("a < b")
    '<pre>\na &lt; b</pre>\n'
    """
    # A line feed right after the tag is not part of the text to a browser.
    return f"<pre>\n{escape(text)}</pre>\n"


def _save_link(address: str, label: str) -> str:
    return f'<nav><a href="{_address(address)}" download>{escape(label)}</a></nav>\n'


def _address(address: str) -> str:
    if _ADDRESS.fullmatch(address) is None:
        raise ValueError("An address is http, https, or a path.")
    return escape(address)


def _time(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
