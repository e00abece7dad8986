"""A bundle verifies by itself, and no value of it can be changed without that being told."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.errors import InvalidInput
from paykeel.sealing import SigningKey
from paykeel.terms.bundle_form import write_bundle
from paykeel.terms.bundles import read_bundle, verify
from paykeel.terms.digests import text_sha256
from paykeel.terms.evidence_page import page_of
from paykeel.terms.markdown import render
from paykeel.terms.model import Purpose
from tests.unit.terms.evidence import ERASED, KEY, PERSONAL, TEXTS, evidence, seal_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
#: What stands in a bundle and no hash covers, as terms/bundles.py says.
NOT_PROVED = {"made_at", "told"}
ERASURE = {"personal.erased_at", "personal.erased_by"}


def made(**changes: Any) -> dict[str, Any]:
    """Return a bundle as it comes out of a file."""
    return read_bundle(json.dumps(write_bundle(evidence(**changes))))


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Give the place of every value that has no other below it."""
    match value:
        case dict() if value:
            for name, below in value.items():
                yield from places(below, (*at, name))
        case list() if value:
            for number, below in enumerate(value):
                yield from places(below, (*at, number))
        case _:
            yield at


def other(value: Any) -> Any:
    """Return another value of the same kind, one character away where it has any."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str() if value:
            last = value[-1]
            digit, letter = ("1" if last == "0" else "0"), ("c" if last == "b" else "b")
            return value[:-1] + (digit if last.isdigit() else letter)
        case None:
            return "x"
        case _:
            return ["x"]


def change(bundle: dict[str, Any], place: Path, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(bundle)
    target: Any = changed
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    return changed


def codes(bundle: dict[str, Any], **options: Any) -> set[str]:
    return {fault.code for fault in verify(bundle, **options)}


@pytest.mark.parametrize("others", [0, 1, 2, 4, 9])
def test_a_bundle_verifies(others: int) -> None:
    bundle = made(others=others)
    assert verify(bundle) == []
    assert verify(bundle, KEY.public_key) == []
    assert verify(bundle, frozenset({bytes(32), KEY.public_key})) == []


@pytest.mark.parametrize("personal", [PERSONAL, ERASED])
def test_no_value_can_be_changed_unseen(personal: Any) -> None:
    bundle = made(personal=personal)
    assert verify(bundle) == []
    unseen = []
    tried = 0
    for place in places(bundle):
        if place[0] in NOT_PROVED or ".".join(map(str, place)) in ERASURE:
            continue
        tried += 1
        value: Any = bundle
        for step in place:
            value = value[step]
        if not verify(change(bundle, place, other(value))):
            unseen.append(place)
    assert unseen == []
    assert tried > 120


def test_nothing_can_be_put_in_or_left_out() -> None:
    bundle = made()
    inside = [(), *(place[:-1] for place in places(bundle))]
    for place in dict.fromkeys(inside):
        target: Any = bundle
        for step in place:
            target = target[step]
        if isinstance(target, dict):
            assert verify(change(bundle, (*place, "more"), "x")), place
            for name in target:
                changed = copy.deepcopy(bundle)
                below: Any = changed
                for step in place:
                    below = below[step]
                del below[name]
                assert verify(changed), (*place, name)


PLACES: dict[str, tuple[Path, Any, str, str]] = {
    "the text": (("text", "content"), "What is bought is free.\n", "text_changed", "text.content"),
    "the HTML": (("text", "html"), "<p>Free.</p>\n", "text_changed", "text.html"),
    "the title": (("document", "title"), "Refunds", "version_changed", "version"),
    "a date": (
        ("version", "effective_from"), "2026-11-22T06:00:00.000000Z", "version_changed", "version",
    ),
    "who published it": (("version", "published_by"), "Cat", "version_changed", "version"),
    "the notice": (("presentation", "notice"), "No.", "presentation_changed", "presentation"),
    "the address": (("personal", "ip"), "203.0.113.8", "personal_changed", "personal.ip"),
    "a salt": (
        ("personal", "user_agent_salt"), "00" * 32, "personal_changed", "personal.user_agent",
    ),
    "an erasure": (("personal", "ip_salt"), None, "personal_missing", "personal.ip"),
    "who said it": (("acceptance", "authority"), "none", "row_changed", "acceptance"),
    "the path": (("seal", "path", 0), "00" * 32, "row_changed", "acceptance"),
    "the signature": (("seal", "signature"), "00" * 64, "signature_invalid", "seal"),
    "the sealed row": (("seal", "row"), "{}", "bundle_changed", "seal.row"),
    "Stripe's fields": (
        ("stripe", "customer_purchase_ip"), "203.0.113.8", "bundle_changed",
        "stripe.customer_purchase_ip",
    ),
    "the form": (("form",), "paykeel-terms-evidence/2", "bundle_malformed", "form"),
    "a number": (("seal", "index"), "2", "bundle_malformed", "seal"),
}  # fmt: skip


@pytest.mark.parametrize("what", PLACES)
def test_what_was_changed_is_named(what: str) -> None:
    place, value, code, named = PLACES[what]
    faults = verify(change(made(), place, value))
    assert (code, named) in {(fault.code, fault.place) for fault in faults}
    assert all(fault.detail for fault in faults)


def test_a_forger_who_changes_all_hashes_needs_the_key() -> None:
    """Whoever makes a whole bundle anew must sign it, and signs it with another key."""
    thief = SigningKey.from_seed(b"t" * 32)
    forged = made(signer=thief, authority="none")
    assert verify(forged) == []
    assert codes(forged, trusted_key=KEY.public_key) == {"key_untrusted"}


def test_a_seal_of_another_merchant_or_chain_proves_nothing() -> None:
    whole = evidence()
    seal = whole.proof.seal
    for moved in (replace(seal, chain="fraud"), replace(seal, merchant_id=UUID(int=2))):
        changed = replace(whole, proof=replace(whole.proof, seal=moved))
        assert "row_changed" in codes(write_bundle(changed))


def test_personal_data_can_be_erased_or_never_have_been_there() -> None:
    assert verify(made(personal=ERASED)) == []
    assert codes(made(personal=None)) == {"personal_missing"}
    bare = evidence(personal=None)
    row = {
        name: value for name, value in bare.acceptance.items() if not name.endswith("agent_hash")
    }
    del row["ip_hash"]
    bundle = write_bundle(replace(bare, acceptance=row, proof=seal_of(row)))
    assert verify(bundle) == []
    assert "customer_purchase_ip" not in bundle["stripe"]


def test_an_import_needs_no_presentation() -> None:
    whole = evidence(method="import", imported_from="the old shop")
    row = {
        name: value
        for name, value in whole.acceptance.items()
        if not name.startswith("presentation")
    }
    bundle = write_bundle(replace(whole, acceptance=row, presentation=None, proof=seal_of(row)))
    assert verify(bundle) == []
    assert "in another system" in bundle["stripe"]["refund_policy_disclosure"]
    surplus = write_bundle(replace(whole, acceptance=row, proof=seal_of(row)))
    assert codes(surplus) == {"presentation_unlike"}


def test_the_presentation_must_show_this_text_to_this_subject() -> None:
    whole = evidence()
    assert whole.presentation is not None
    for name, value in (
        ("buyer_id", "agent-8"),
        ("locale", "de"),
        ("version_id", str(UUID(int=98))),
    ):
        row = {**whole.acceptance, name: value}
        changed = replace(whole, acceptance=row, proof=seal_of(row))
        assert "presentation_unlike" in codes(write_bundle(changed)), name


@pytest.mark.parametrize(
    "given",
    [
        "", "[]", "{", "nonsense", '{"form": "a", "form": "b"}', '{"form": 1.5}', '{"form": NaN}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_bundle(given)
    assert refused.value.code == "bundle_malformed"


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [1], {"a": 1}])
def test_any_rubbish_is_a_fault_and_no_crash(value: Any) -> None:
    bundle = made()
    for name in bundle:
        assert verify({**bundle, name: value}) or name in NOT_PROVED, name
    assert {fault.code for fault in verify({})} == {"bundle_malformed"}


def test_the_fields_of_a_dispute_follow_the_purpose() -> None:
    refund = made()["stripe"]
    assert refund["customer_purchase_ip"] == PERSONAL.ip
    assert refund["refund_policy"]["sha256"] == TEXTS[1].html_sha256.hex()
    assert "shown to the customer agent-7" in refund["refund_policy_disclosure"]
    assert "203.0.113.9" in refund["access_activity_log"]
    contract = made(purpose=Purpose.CONTRACT)["stripe"]
    assert {"cancellation_policy", "cancellation_policy_disclosure"} <= contract.keys()
    assert "refund_policy" not in contract
    privacy = made(purpose=Purpose.PRIVACY)["stripe"]
    assert privacy.keys() == {"customer_purchase_ip", "access_activity_log", "uncategorized_text"}
    assert made(decision="decline")["stripe"] == {}
    erased = made(personal=ERASED)["stripe"]
    assert "customer_purchase_ip" not in erased
    assert "203.0.113.9" not in json.dumps(erased)


def test_the_page_shows_the_text_and_the_proof_and_escapes_all_else() -> None:
    bundle = made()
    page = page_of(bundle)
    assert TEXTS[1].html in page
    assert "Refunds &amp; returns" in page
    assert "Browser &lt;1&gt;" in page
    assert "pay?x=&lt;1&gt;" in page
    assert bundle["seal"]["signature"] in page
    assert "does not verify" not in page
    assert page_of(bundle) == page


def test_the_page_of_what_does_not_verify_says_so() -> None:
    page = page_of(change(made(), ("acceptance", "authority"), "<script>none</script>"))
    assert "does not verify" in page
    assert "row_changed" in page
    assert "<script" not in page
    assert "cannot be read" in page_of({"form": "<script>"})


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        '<p onclick="alert(1)">a</p>',
        '<a href="javascript:alert(1)">a</a>',
        "<img src=x>",
        "<!-- a --><p>a</p>",
        "<p>a</p><style>p { display: none }</style>",
        "<p>a</p></article><iframe></iframe>",
        "<svg/onload=alert(1)>",
        "<p nothing",
    ],
)
def test_html_that_is_not_harmless_is_not_put_in(html: str) -> None:
    """A bundle that somebody signed by themselves verifies, and must not run anything."""
    page = page_of(made(texts=(text("en", "Said *so*.\n", html, counts=True),)))
    assert html not in page
    assert "<pre>\nSaid *so*." in page


def test_the_html_of_the_whole_subset_is_harmless() -> None:
    content = (
        (
            '# One & "two" \'three\'\n\nA *b* **c** `d <e>`\\\nf [g](https://a.example/?h&i "j") '
            "<mailto:a@b.example>\n\n> q\n\n3. r\n4. s\n\n- t\n\n---\n\n"
            "```\n<u>\n```\n\n| v | w |\n|:--|--:|\n| x | y |\n"
        )
        .replace(' "j"', "")
        .replace("<mailto:a@b.example>", "[m](mailto:a@b.example)")
    )
    html = render(content)
    page = page_of(made(texts=(text("en", content, html, counts=True),)))
    assert html in page
    assert text_sha256(html).hex() in page
