"""An evidence bundle as a page to read, to print and to hand in. Pure.

The page says what the bundle says, and whether the bundle verifies. It fetches and runs nothing.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from paykeel.sealing.canonical import write_json, write_time
from paykeel.sealing.signing import key_id_of
from paykeel.terms.bundle_form import Malformed, read_evidence
from paykeel.terms.bundles import verify
from paykeel.terms.pages import (
    EVIDENCE_CSS,
    facts,
    page,
    preformatted,
    scope_line,
    section,
    text_body,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.terms.bundle_form import Evidence
    from paykeel.terms.proving import Fault

_DECISIONS = {"accept": "accepted", "decline": "declined", "withdraw": "took back"}
#: The columns of an acceptance, and how they are headed; the others are told elsewhere.
_SAID = {
    "occurred_at": "When",
    "buyer_id": "Subject",
    "buyer_role": "Role",
    "actor_kind": "Who acted",
    "actor_id": "Actor",
    "on_behalf_of": "On behalf of",
    "authority": "By what authority",
    "method": "How",
    "scrolled_to_end": "Scrolled to the end",
    "dwell_ms": "Milliseconds on the screen",
    "client_locale": "The browser's language",
    "time_zone": "Time zone",
    "client_at": "The browser's clock",
    "page_url": "Page",
    "request_id": "Request",
    "payment_id": "Payment",
    "imported_from": "Imported from",
    "imported_ref": "Its reference there",
    "recorded_at": "Recorded",
    "acceptance_id": "Acceptance",
    "merchant_id": "Merchant",
}
_TAGS = frozenset(
    (
        *("a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "table", "tbody", "td", "th", "thead", "tr"),
    )
)
_ATTRIBUTES = frozenset(("href", "rel", "start", "value"))
_HREF = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


def page_of(bundle: Mapping[str, Any]) -> str:
    """Return the page of a bundle.

    A text is put in as HTML only where that has none but harmless tags; else its Markdown is shown
    letter by letter.
    """
    faults = verify(bundle)
    try:
        evidence = read_evidence(bundle)
    except Malformed as error:
        body = f"<h1>Evidence that cannot be read</h1>\n<p>{escape(f'{error.part}: {error}')}</p>\n"
        return page("Evidence that cannot be read", body, css=EVIDENCE_CSS)
    body = "".join(
        (
            _head(evidence, faults),
            section("What was said", _said(evidence)),
            section("What was shown", _shown(evidence)),
            section("The text", _text(evidence)),
            section("Proof", _proof(evidence)),
            section("For a card dispute", _dispute(bundle["stripe"])),
        )
    )
    title = f"{evidence.document.title} {evidence.version.version}: evidence"
    return page(title, body, css=EVIDENCE_CSS)


def _head(evidence: Evidence, faults: list[Fault]) -> str:
    row, version = evidence.acceptance, evidence.version
    said = _DECISIONS.get(row["decision"], row["decision"])
    what = f"{evidence.document.title}, version {version.version}, {row['locale']}"
    if faults:
        lines = "".join(
            f"<li>{escape(f'{one.place}: {one.code}: {one.detail}')}</li>\n" for one in faults
        )
        verdict = f"<p><strong>This evidence does not verify.</strong></p>\n<ul>\n{lines}</ul>\n"
    else:
        verdict = (
            "<p>Everything below leads to the signed seal at its end: it verified when this page "
            "was made.</p>\n"
        )
    sentence = f"{row['buyer_id']} {said} {what} at {row['occurred_at']}."
    return (
        f"<header>\n<h1>{escape(evidence.document.title)}: evidence</h1>\n"
        f"<p>{escape(sentence)}</p>\n{verdict}"
        + facts([("Page made", write_time(evidence.made_at))])
        + "</header>\n"
    )


def _said(evidence: Evidence) -> str:
    row, personal = evidence.acceptance, evidence.personal
    lines: list[tuple[str, object]] = [("Decision", row["decision"])]
    lines += [(heading, _word(row.get(name))) for name, heading in _SAID.items()]
    if personal is not None and personal.erased_at is not None:
        erased = f"{write_time(personal.erased_at)} by {personal.erased_by}"
        lines.append(("IP and user agent", f"erased {erased}; their salted hashes are sealed"))
    elif personal is not None:
        lines += [("IP", personal.ip), ("User agent", personal.user_agent)]
    return facts(lines)


def _word(value: Any) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _shown(evidence: Evidence) -> str:
    row = evidence.presentation
    if row is None:
        return "<p>Nothing was shown by this installation for it.</p>\n"
    return facts(
        [
            ("Shown", row["shown_at"]),
            ("Could be answered until", row["expires_at"]),
            ("Notice", row["notice"]),
            ("Button", row["button_label"]),
            ("Languages asked for", ", ".join(row["locales_asked"]) or None),
            ("Texts shown", len(row["version_ids"])),
            ("Component", row.get("component")),
            ("Jurisdiction", row["jurisdiction"]),
            ("Product", row["product"]),
            ("Channel", row["channel"]),
            ("Presentation", row["presentation_id"]),
            ("SHA-256", evidence.acceptance["presentation_sha256"]),
        ]
    )


def _text(evidence: Evidence) -> str:
    version, text = evidence.version, evidence.text
    lines = facts(
        [
            ("Document", f"{evidence.document.title} ({evidence.document.key})"),
            ("Purpose", evidence.document.purpose),
            ("Version", version.version),
            ("For", scope_line(version.scope) or "everybody"),
            ("Effective from", version.effective_from and write_time(version.effective_from)),
            ("Effective to", version.effective_to and write_time(version.effective_to)),
            ("Published", version.published_at and write_time(version.published_at)),
            ("Published by", version.published_by),
            ("Withdrawn", version.withdrawn_at and write_time(version.withdrawn_at)),
            ("Language", text.locale),
            ("Counts when translations differ", _word(text.is_authoritative)),
            ("SHA-256 of the Markdown", text.content_sha256.hex()),
            ("SHA-256 of the HTML", text.html_sha256.hex()),
            ("SHA-256 of the version", version.version_sha256 and version.version_sha256.hex()),
        ]
    )
    harmless = _rebuilt(text.html) == text.html
    return lines + text_body(text.html if harmless else preformatted(text.content), text.locale)


def _proof(evidence: Evidence) -> str:
    proof = evidence.proof
    seal = proof.seal
    how = (
        "The SHA-256 of a zero byte, the chain's name, a line feed, the acceptance's id, a line "
        "feed and the sealed row is the leaf. The path leads from it to the root as in RFC 6962. "
        "The seal names the root, and is signed with Ed25519."
    )
    path = "\n".join(step.hex() for step in proof.path) or "none: it is the only row of its seal"
    return (
        f"<p>{escape(how)}</p>\n"
        + facts(
            [
                ("Chain", seal.chain),
                ("Seal", seal.seal_no),
                ("Sealed", seal.header()["sealed_at"]),
                ("Row", f"{proof.index + 1} of {seal.row_count}"),
                ("Root", seal.root.hex()),
                ("SHA-256 of the seal", seal.seal_hash.hex()),
                ("SHA-256 of the seal before", seal.previous_hash.hex()),
                ("Signature", seal.signature.hex()),
                ("Public key", f"{seal.public_key.hex()} ({key_id_of(seal.public_key)})"),
            ]
        )
        + f"<h3>Path</h3>\n{preformatted(path)}"
        + f"<h3>Sealed row</h3>\n{preformatted(write_json(dict(evidence.acceptance)))}"
    )


def _dispute(fields: Mapping[str, Any]) -> str:
    if not fields:
        return "<p>Nothing was accepted here.</p>\n"
    return facts(
        [
            (name, value if isinstance(value, str) else f"a file: {value['part']} of the bundle")
            for name, value in fields.items()
        ]
    )


class _Rebuilder(HTMLParser):
    """Writes HTML anew with none but harmless tags; whatever else is in it is lost."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a harmless tag with its harmless attributes."""
        kept = [
            f' {name}="{_escaped(value)}"'
            for name, value in attrs
            if name in _ATTRIBUTES and value is not None
            if name != "href" or _HREF.match(value)
        ]
        if tag in _TAGS:
            self.parts.append(f"<{tag}{''.join(kept)}>")

    def handle_endtag(self, tag: str) -> None:
        """Keep the end of a harmless tag."""
        if tag in _TAGS:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Keep text, escaped."""
        self.parts.append(_escaped(data))


def _escaped(text: str) -> str:
    # As the Markdown's HTML is escaped: a single quote stays, since no attribute stands in them.
    return escape(text, quote=False).replace('"', "&quot;")


def _rebuilt(html: str) -> str:
    """Return HTML written anew of harmless parts; it is the same where it had no other."""
    rebuilder = _Rebuilder()
    rebuilder.feed(html)
    rebuilder.close()
    return "".join(rebuilder.parts)
