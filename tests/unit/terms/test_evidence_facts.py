"""What a client tells of how something was accepted is checked, field by field."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.errors import InvalidField
from paykeel.terms.acceptance import Asked
from paykeel.terms.evidence_facts import ClientFacts, read_instant, spell_ip

CARD = "4242 4242 4242 4242"
GOOD: dict[str, Any] = {
    "method": "scroll_click",
    "actor_kind": "delegate",
    "actor_id": "ann",
    "on_behalf_of": "Harbour Tours Ltd",
    "authority": "power of attorney 17",
    "scrolled_to_end": True,
    "dwell_ms": 86_400_000,
    "ip": "203.0.113.9",
    "user_agent": "Mozilla/5.0",
    "client_locale": "de-AT",
    "time_zone": "Europe/Vienna",
    "page_url": "https://shop.example/checkout",
    "request_id": "req_1",
    "client_at": datetime(2026, 11, 23, tzinfo=UTC),
}


def code_of(kind: Any, **changes: Any) -> tuple[str, str]:
    with pytest.raises(InvalidField) as caught:
        kind(**changes)
    return caught.value.field, caught.value.code


def test_good_facts_are_taken() -> None:
    assert ClientFacts(**GOOD).authority == "power of attorney 17"
    assert ClientFacts().method == "button_click"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        # What was imported is marked by who imports it, and by nobody else.
        ("method", "import", "choice_unknown"),
        ("method", None, "choice_unknown"),
        ("actor_kind", "robot", "choice_unknown"),
        ("actor_id", None, "field_required"),
        ("authority", None, "field_required"),
        ("actor_id", "x" * 129, "text_too_long"),
        ("on_behalf_of", "x" * 201, "text_too_long"),
        ("authority", "x" * 501, "text_too_long"),
        ("client_locale", "x" * 51, "text_too_long"),
        ("time_zone", "x" * 65, "text_too_long"),
        ("page_url", "x" * 2_001, "text_too_long"),
        ("request_id", "x" * 101, "text_too_long"),
        ("user_agent", "x" * 1_001, "text_too_long"),
        ("user_agent", " ", "text_empty"),
        ("user_agent", 7, "text_required"),
        ("user_agent", "a\x00b", "text_not_storable"),
        ("user_agent", f"agent {CARD}", "card_number_refused"),
        ("page_url", "https://shop.example/?card=4242424242424242", "card_number_refused"),
        ("page_url", "https://shop.example/?card=4242%204242%204242%204242", "card_number_refused"),
        ("page_url", "https://shop.example/?card=4242+4242+4242+4242", "card_number_refused"),
        ("page_url", "/?to=%2Fpay%3Fcard%3D4242%252d4242%252d4242%252d4242", "card_number_refused"),
        ("page_url", "/?card=%34242%3424242424242", "card_number_refused"),
        ("scrolled_to_end", "yes", "boolean_required"),
        ("dwell_ms", True, "integer_required"),
        ("dwell_ms", 1.5, "integer_required"),
        ("dwell_ms", -1, "integer_out_of_range"),
        ("dwell_ms", 86_400_001, "integer_out_of_range"),
        ("client_at", datetime(2026, 11, 23), "instant_malformed"),  # noqa: DTZ001 - on purpose
        ("client_at", datetime(1969, 12, 31, tzinfo=UTC), "instant_malformed"),
        ("ip", "203.0.113.999", "ip_malformed"),
        ("ip", "fe80::1%eth0", "ip_malformed"),
        ("ip", "", "text_empty"),
    ],
)
def test_each_fault_of_the_facts_has_its_code(name: str, value: object, code: str) -> None:
    assert code_of(ClientFacts, **{**GOOD, name: value}) == (name, code)


@pytest.mark.parametrize(
    ("name", "value", "field", "code"),
    [
        ("buyer_id", "", "buyer_id", "text_empty"),
        ("buyer_id", "x" * 129, "buyer_id", "text_too_long"),
        ("buyer_id", CARD, "buyer_id", "card_number_refused"),
        ("buyer_role", "unknown", "buyer_role", "choice_unknown"),
        ("buyer_role", "*", "buyer_role", "choice_unknown"),
        ("jurisdiction", "de", "jurisdiction", "jurisdiction_malformed"),
        ("product", "Ticket", "product", "name_malformed"),
        ("channel", "a b", "channel", "name_malformed"),
        ("locales", ("de", "not a locale"), "locales[1]", "locale_malformed"),
        ("locales", tuple(f"a{one}{two}" for one in "abcde" for two in "abcde"), "locales",
         "locales_too_many"),
        ("keys", ("terms",) * 51, "documents", "items_too_many"),
        ("component", "", "component", "text_empty"),
        ("component", "x" * 101, "component", "text_too_long"),
    ],
)  # fmt: skip
def test_each_fault_of_what_is_asked_for_has_its_code(
    name: str, value: object, field: str, code: str
) -> None:
    good = {"buyer_id": "agent-7", "buyer_role": "agent"}
    assert code_of(Asked, **{**good, name: value}) == (field, code)


def test_languages_are_asked_for_in_their_usual_case() -> None:
    asked = Asked(buyer_id="agent-7", buyer_role="agent", locales=("DE-at", "*", "pt-BR"))
    assert asked.locales == ("de-AT", "pt-BR")


@given(st.ip_addresses())
def test_an_address_has_one_spelling(address: Any) -> None:
    spelled = spell_ip(address.exploded.upper())
    assert spelled == spell_ip(spelled)
    assert len(spelled) <= 45
    mapped = getattr(address, "ipv4_mapped", None)
    assert ipaddress.ip_address(spelled) == (mapped or address)


@pytest.mark.parametrize("text", ["", "now", "2026-11-23", "2026-11-23T09:30:00", 7, None])
def test_an_instant_has_an_offset(text: object) -> None:
    with pytest.raises(InvalidField) as caught:
        read_instant(text, "accepted_at")
    assert caught.value.code == "instant_malformed"


def test_the_ends_of_the_calendar_are_refused() -> None:
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-12:00"):
        with pytest.raises(InvalidField):
            read_instant(text, "accepted_at")
