"""What a purchase tells beside its price: who and what is behind it, and what is bought."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from paykeel.cardnumbers import refuse_card_numbers
from paykeel.errors import InvalidField
from paykeel.money import AMOUNT_MAX
from paykeel.texts import check_text, check_trimmed

if TYPE_CHECKING:
    from collections.abc import Mapping

EMAIL_CHARACTERS_MAX = 254
TOKEN_CHARACTERS_MAX = 128
VELOCITY_KEYS_MAX = 5
ITEMS_MAX = 100
QUANTITY_MAX = 1_000_000
QUOTE_CHARACTERS_MAX = 2_000
INSTANT_CHARACTERS_MAX = 40

#: Domains are ASCII: another script is written as xn--…, so that one domain has one spelling.
_EMAIL = re.compile(r"[^\s@\x00]{1,64}@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
#: Nobody's account is older, and what follows can be counted with.
_YEARS = range(1900, 2200)
_BIN = re.compile(r"[0-9]{6}(?:[0-9]{2})?")
_COUNTRY = re.compile(r"[A-Z]{2}")
#: How each of these is written.
_AS = {
    "email_malformed": "Write it as name@example.org, the domain in ASCII (xn--… if need be).",
    "bin_malformed": "A BIN is the first six or eight digits of a card.",
    "country_malformed": "Write a country as two capital letters (ISO 3166 alpha-2), such as DE.",
}
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of what is bought. ``unit_amount`` is in minor units of the purchase's currency."""

    sku: str
    quantity: int
    unit_amount: int

    def document(self) -> dict[str, Any]:
        """Return the item as JSON-ready values."""
        return {"quantity": self.quantity, "sku": self.sku, "unit_amount": self.unit_amount}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Who and what is behind a purchase, as far as the merchant tells; all of it may be missing.

    None of it is stored in the clear, and none of it may be a card number.

    Raises on creation:
        InvalidField: One field is wrong; ``code`` says how.
    """

    #: In lower or upper case: they count as one.
    email: str | None = None
    #: Since when the buyer has had an account.
    account_created_at: datetime | None = None
    #: The gateway's name for the card, the same whenever the same card is used.
    card_fingerprint: str | None = None
    #: Its first six or eight digits.
    card_bin: str | None = None
    #: The issuer's country, ISO 3166 alpha-2.
    card_country: str | None = None
    #: Of the buyer, not of the merchant's server.
    ip: str | None = None
    ip_country: str | None = None
    device_id: str | None = None
    #: The merchant's own, by name: at most 5.
    velocity_keys: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every field."""
        _check_pattern(self.email, "buyer.email", _EMAIL, "email_malformed", EMAIL_CHARACTERS_MAX)
        at = self.account_created_at
        if at is not None and (at.utcoffset() is None or at.year not in _YEARS):
            raise InvalidField(
                "buyer.created_at", "instant_malformed", "An instant says its offset from UTC."
            )
        _check_token(self.card_fingerprint, "card.fingerprint")
        _check_pattern(self.card_bin, "card.bin", _BIN, "bin_malformed", 8)
        _check_pattern(self.card_country, "card.country", _COUNTRY, "country_malformed", 2)
        _check_pattern(self.ip_country, "client.country", _COUNTRY, "country_malformed", 2)
        _check_token(self.device_id, "client.device_id")
        if self.ip is not None:
            try:
                # A zone tells interfaces of one machine apart; it would make one address many.
                ipaddress.ip_address(check_text(self.ip, "client.ip", 45).replace("%", " "))
            except ValueError as error:
                raise InvalidField(
                    "client.ip", "ip_malformed", "This must be an IPv4 or IPv6 address."
                ) from error
        if len(self.velocity_keys) > VELOCITY_KEYS_MAX:
            raise InvalidField(
                "velocity_keys", "velocity_keys_too_many", f"At most {VELOCITY_KEYS_MAX}."
            )
        for name, value in self.velocity_keys.items():
            refuse_card_numbers(name, "velocity_keys")
            if NAME.fullmatch(name) is None:
                raise InvalidField(
                    "velocity_keys",
                    "name_malformed",
                    "A name has 1 to 40 of a-z, 0-9 and _, and begins with a letter.",
                )
            _check_token(value, f"velocity_keys.{name}")

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Signals:
        """Read what stands in ``buyer``, ``card``, ``client`` and ``velocity_keys``.

        Raises:
            InvalidField: One field is unknown or wrong.
        """
        buyer = document["buyer"]
        card = _object(document, "card", {"fingerprint", "bin", "country"})
        client = _object(document, "client", {"ip", "device_id", "country"})
        return cls(
            email=buyer.get("email"),
            account_created_at=_instant(buyer.get("created_at"), "buyer.created_at"),
            card_fingerprint=card.get("fingerprint"),
            card_bin=card.get("bin"),
            card_country=card.get("country"),
            ip=client.get("ip"),
            ip_country=client.get("country"),
            device_id=client.get("device_id"),
            velocity_keys=dict(_object(document, "velocity_keys", None)),
        )

    def documents(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is given, as it stands in a request: beside the buyer's id, and by itself.

        What is not given is left out, so that a request without signals reads as ever.
        """
        at = self.account_created_at
        buyer = {
            "email": self.email,
            "created_at": None if at is None else at.astimezone(UTC).isoformat(),
        }
        parts: dict[str, dict[str, Any]] = {
            "card": {
                "fingerprint": self.card_fingerprint,
                "bin": self.card_bin,
                "country": self.card_country,
            },
            "client": {"ip": self.ip, "device_id": self.device_id, "country": self.ip_country},
            "velocity_keys": dict(self.velocity_keys),
        }
        given = {name: _given(part) for name, part in parts.items()}
        return _given(buyer), {name: part for name, part in given.items() if part}


def read_items(value: object) -> tuple[Item, ...]:
    """Read the lines of what is bought.

    Raises:
        InvalidField: A line is wrong; ``code`` says how.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidField("items", "list_required", "This must be a list of objects.")
    if len(value) > ITEMS_MAX:
        raise InvalidField("items", "items_too_many", f"At most {ITEMS_MAX} items.")
    return tuple(_item(line, f"items[{number}]") for number, line in enumerate(value))


def _item(line: object, name: str) -> Item:
    if not isinstance(line, dict) or set(line) != {"sku", "quantity", "unit_amount"}:
        raise InvalidField(
            name, "item_malformed", "An item has sku, quantity and unit_amount, and no more."
        )
    return Item(
        check_text(line["sku"], f"{name}.sku", TOKEN_CHARACTERS_MAX),
        _whole(line["quantity"], f"{name}.quantity", 1, QUANTITY_MAX),
        _whole(line["unit_amount"], f"{name}.unit_amount", 0, AMOUNT_MAX),
    )


def _whole(value: object, name: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise InvalidField(
            name, "integer_out_of_range", f"This must be an integer from {least} to {most}."
        )
    return value


def _given(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in sorted(part) if part[name] is not None}


def _object(document: Mapping[str, Any], name: str, known: set[str] | None) -> Mapping[str, Any]:
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidField(name, "object_required", "This must be an object.")
    if known is not None and (unknown := set(value) - known):
        del unknown
        raise InvalidField(name, "field_unknown", f"Known fields: {', '.join(sorted(known))}.")
    return value


def _instant(value: object, name: str) -> datetime | None:
    if value is None:
        return None
    text = check_text(value, name, INSTANT_CHARACTERS_MAX)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidField(
            name, "instant_malformed", "Write an instant as 2026-11-23T06:00:00Z."
        ) from error


def _check_token(value: object, name: str) -> None:
    if value is not None:
        check_trimmed(value, name, TOKEN_CHARACTERS_MAX)


def _check_pattern(
    value: object, name: str, pattern: re.Pattern[str], code: str, characters_max: int
) -> None:
    if value is None:
        return
    text = check_text(value, name, characters_max)
    if pattern.fullmatch(text) is None:
        raise InvalidField(name, code, _AS[code])


#: Of a purchase that tells nothing beside its price.
NO_SIGNALS = Signals()
