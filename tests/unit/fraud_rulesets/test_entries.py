"""What goes on a list is spelt as purchases spell it, or refused with its field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from paykeel.errors import InvalidField
from paykeel.fraud.catalogue import FIXED_KINDS
from paykeel.fraud.keys import Identity, values_of
from paykeel.fraud.lists import id_of, read_entry, spell

NOW = datetime(2026, 11, 23, tzinfo=UTC)
GIVEN = {"kind": "ip", "value": "203.0.113.9", "reason": "card testing"}
WHO = Identity(
    buyer_id="Agent-7",
    card_fingerprint="fp_A1",
    card_bin="424242",
    email="Ann@Example.ORG",
    ip="2001:DB8::1",
    device_id="D-1",
    custom=(("warehouse", "North"),),
)


def test_every_kind_is_spelt_as_purchases_spell_it() -> None:
    written = {
        "buyer": "Agent-7",
        "card": "fp_A1",
        "bin": "424242",
        "email": "ANN@example.org",
        "email_domain": "EXAMPLE.org",
        "ip": "2001:0db8:0::1",
        "ip_network": "2001:db8::ffff/64",
        "device": "D-1",
        "custom.warehouse": "North",
    }
    assert set(FIXED_KINDS) < set(written)
    assert {kind: spell(kind, value) for kind, value in written.items()} == values_of(WHO)


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"kind": None}, "kind", "field_required"),
        ({"kind": "name"}, "kind", "choice_unknown"),
        ({"kind": "custom.No"}, "kind", "choice_unknown"),
        ({"kind": 7}, "kind", "choice_unknown"),
        ({"value": ""}, "value", "field_required"),
        ({"value": {}}, "value", "text_required"),
        ({"value": "203.0.113"}, "value", "ip_malformed"),
        ({"value": "x" * 257}, "value", "text_too_long"),
        ({"kind": "device", "value": "a\x00b"}, "value", "text_not_storable"),
        ({"kind": "card", "value": "4242 4242 4242 4242"}, "value", "card_number_refused"),
        ({"kind": "bin", "value": "4242424"}, "value", "bin_malformed"),
        ({"kind": "bin", "value": "٤٢٤٢٤٢"}, "value", "bin_malformed"),
        ({"kind": "email", "value": "ann"}, "value", "email_malformed"),
        ({"kind": "email_domain", "value": "a@b"}, "value", "email_malformed"),
        ({"kind": "ip_network", "value": "10.0.0.0/8"}, "value", "network_malformed"),
        ({"kind": "ip_network", "value": "2001:db8::/48"}, "value", "network_malformed"),
        ({"kind": "ip_network", "value": "2001:db8::/24"}, "value", "network_malformed"),
        ({"kind": "ip_network", "value": "x/24"}, "value", "ip_malformed"),
        ({"reason": None}, "reason", "field_required"),
        ({"reason": "x" * 201}, "reason", "text_too_long"),
        ({"expires_at": "tomorrow"}, "expires_at", "instant_malformed"),
        ({"expires_at": "2027-01-01"}, "expires_at", "instant_malformed"),
        ({"expires_at": 1}, "expires_at", "instant_malformed"),
        ({"expires_at": "9999-12-31T23:59:59+00:00"}, "expires_at", "instant_malformed"),
        ({"expires_at": "2026-11-23T00:00:00Z"}, "expires_at", "instant_in_past"),
        ({"more": 1}, "more", "field_unknown"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(InvalidField) as refused:
        read_entry({**GIVEN, **changes}, NOW)
    assert (refused.value.field, refused.value.code) == (field, code)


def test_an_end_may_be_in_any_zone() -> None:
    entry = read_entry({**GIVEN, "expires_at": "2026-11-23T02:00:00+01:00"}, NOW)
    assert entry.expires_at == datetime(2026, 11, 23, 1, tzinfo=UTC)


@pytest.mark.parametrize("key", [0, 1, -1, 2**63 - 1, -(2**63)])
def test_every_key_has_an_id_of_its_own(key: int) -> None:
    number = int(id_of(key), 16)
    assert len(id_of(key)) == 16
    assert (number - 2**64 if number >= 2**63 else number) == key
