"""Quotes: a price that the server signed, to which a purchase that carries it must be equal.

A quote is a text of three parts between dots::

    pkq1.<payload>.<HMAC-SHA-256 of what stands before>

The payload is JSON in base64url: the merchant, the amount and its currency, the kind, marks of the
buyer and of the items, and when it ends. Whoever holds a quote can read the price and cannot change
it. It is signed by the newest secret, and verified with each. Here is no I/O; the secrets come from
:mod:`paykeel.fraud.quoting`.

A quote may be used more than once until it ends: what keeps a purchase from running twice is its
idempotency key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from paykeel.errors import InvalidField
from paykeel.money import AMOUNT_MAX, Money, check_amount, exponent_of
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

PREFIX = "pkq1"
EXPIRY_S_DEFAULT = 15 * 60
EXPIRY_S_MAX = 24 * 60 * 60
#: Quotes that we make have fewer than 400.
CHARACTERS_MAX = 1_000
ITEMS_MAX = 100
QUANTITY_MAX = 1_000_000
DISCOUNTS_MAX = 20
SECRET_BYTES_MIN = 32
BUYER_ID_CHARACTERS_MAX = 128
SKU_CHARACTERS_MAX = 128
ROLES = ("agent", "operator")
KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")

_FIELDS = {"a": int, "b": str, "c": str, "e": int, "i": str, "k": str, "m": str}
_MARK_BYTES = 16


class Line(Protocol):
    """One line of what is bought, with its price in minor units."""

    @property
    def sku(self) -> str:
        """The merchant's name for it."""
        ...

    @property
    def quantity(self) -> int:
        """How many."""
        ...

    @property
    def unit_amount(self) -> int:
        """What one costs, in minor units."""
        ...


class Asked(Protocol):
    """What a quote is compared with: a purchase's request."""

    @property
    def amount(self) -> int:
        """In minor units."""
        ...

    @property
    def currency(self) -> str:
        """What is paid in."""
        ...

    @property
    def buyer_id(self) -> str:
        """Who buys."""
        ...

    @property
    def buyer_role(self) -> str:
        """As what."""
        ...

    @property
    def kind(self) -> str:
        """The merchant's own word for what is bought."""
        ...

    @property
    def items(self) -> Sequence[Line]:
        """What is bought."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is to be quoted, checked: with items, the amount is their sum, less discounts, plus tax.

    Raises on creation:
        InvalidField: One field is wrong, or the amount is not what the items come to.
    """

    #: In minor units of ``currency``.
    amount: int
    currency: str
    buyer_id: str
    buyer_role: str
    kind: str = "purchase"
    items: Sequence[Line] = ()
    #: In minor units, as are the discounts.
    tax: int = 0
    discounts: Sequence[int] = ()

    def __post_init__(self) -> None:
        """Check every field, and the sum."""
        exponent_of(self.currency)
        check_amount(self.amount)
        check_text(self.buyer_id, "buyer.id", BUYER_ID_CHARACTERS_MAX)
        if self.buyer_role not in ROLES:
            raise InvalidField("buyer.role", "choice_unknown", f"Use one of: {', '.join(ROLES)}.")
        if KIND.fullmatch(check_text(self.kind, "kind", 40)) is None:
            raise InvalidField(
                "kind", "name_malformed", "A kind has a-z, 0-9 and _, and begins with a letter."
            )
        total = total_of(self.items, self.tax, self.discounts)
        if total is not None and total != self.amount:
            raise InvalidField(
                "amount",
                "quote_total_differs",
                f"The items come to {total} minor units, with discounts and tax.",
            )


@dataclass(frozen=True, slots=True)
class Quote:
    """A signed offer."""

    text: str
    offer: Offer
    expires_at: datetime

    def document(self) -> dict[str, Any]:
        """Return the quote as JSON-ready values."""
        offer = self.offer
        at = self.expires_at.astimezone(UTC).isoformat(timespec="microseconds")
        return {
            "object": "quote",
            "quote": self.text,
            "amount": offer.amount,
            "currency": offer.currency,
            "exponent": exponent_of(offer.currency),
            "buyer": {"id": offer.buyer_id, "role": offer.buyer_role},
            "kind": offer.kind,
            "items": [
                {"sku": one.sku, "quantity": one.quantity, "unit_amount": one.unit_amount}
                for one in offer.items
            ],
            "tax": offer.tax,
            "discounts": list(offer.discounts),
            "expires_at": at.removesuffix("+00:00") + "Z",
        }


@dataclass(frozen=True, slots=True)
class Signed:
    """What stands in a quote whose signature is right."""

    merchant: str
    amount: int
    currency: str
    kind: str
    buyer_mark: str
    items_mark: str
    expires_at: datetime


def total_of(items: Sequence[Line], tax: int = 0, discounts: Sequence[int] = ()) -> int | None:
    """Return what items come to in minor units: their sum, less all discounts, plus tax.

    ``None``: there are no items, so that nothing is known of the sum.

    Raises:
        InvalidField: ``items_too_many``, ``item_quantity_out_of_range``, ``item_amount_negative``,
            ``amount_too_large`` for a sum, ``discounts_too_many``, ``discount_negative``,
            ``tax_negative``, ``items_required`` for tax or a discount on nothing, or
            ``discounts_over_items``: together they take off more than there is.
    """
    if len(discounts) > DISCOUNTS_MAX:
        raise InvalidField("discounts", "discounts_too_many", f"At most {DISCOUNTS_MAX}.")
    for number, discount in enumerate(discounts):
        _check_whole(discount, f"discounts[{number}]", "discount_negative")
    _check_whole(tax, "tax", "tax_negative")
    if not items:
        if tax or discounts:
            raise InvalidField("items", "items_required", "Tax and discounts are those of items.")
        return None
    if len(items) > ITEMS_MAX:
        raise InvalidField("items", "items_too_many", f"At most {ITEMS_MAX} items.")
    total = sum(_line_total(one, f"items[{number}]") for number, one in enumerate(items))
    if sum(discounts) > total:
        raise InvalidField(
            "discounts", "discounts_over_items", f"The items come to {total}, and no less than 0."
        )
    total += tax - sum(discounts)
    if total > AMOUNT_MAX:
        raise InvalidField("items", "amount_too_large", f"Together at most {AMOUNT_MAX}.")
    return total


def _line_total(line: Line, name: str) -> int:
    check_text(line.sku, f"{name}.sku", SKU_CHARACTERS_MAX)
    if type(line.quantity) is not int or not 1 <= line.quantity <= QUANTITY_MAX:
        raise InvalidField(
            f"{name}.quantity", "item_quantity_out_of_range", f"From 1 to {QUANTITY_MAX}."
        )
    _check_whole(line.unit_amount, f"{name}.unit_amount", "item_amount_negative")
    total = line.quantity * line.unit_amount
    if total > AMOUNT_MAX:
        raise InvalidField(name, "amount_too_large", f"A line comes to at most {AMOUNT_MAX}.")
    return total


def _check_whole(value: int, name: str, negative: str) -> None:
    if type(value) is not int:
        raise InvalidField(name, "amount_not_integer", "This is an integer in minor units.")
    if value < 0:
        raise InvalidField(name, negative, "This is 0 or more.")
    if value > AMOUNT_MAX:
        raise InvalidField(name, "amount_too_large", f"At most {AMOUNT_MAX} in minor units.")


def sign_quote(
    offer: Offer, merchant_id: UUID, now: datetime, secret: bytes, expires_in_s: int
) -> Quote:
    """Sign an offer.

    Args:
        offer: What it is for.
        merchant_id: Whose; no other merchant can use it.
        now: The present instant, by the database's clock.
        secret: At least 32 bytes.
        expires_in_s: For how many seconds it holds, at most a day.

    Raises:
        InvalidField: ``quote_expiry_out_of_range``.
    """
    if type(expires_in_s) is not int or not 1 <= expires_in_s <= EXPIRY_S_MAX:
        raise InvalidField(
            "expires_in_s", "quote_expiry_out_of_range", f"From 1 to {EXPIRY_S_MAX} seconds."
        )
    ends = int(now.timestamp()) + expires_in_s
    payload = {
        "a": offer.amount,
        "b": _buyer_mark(merchant_id, offer.buyer_role, offer.buyer_id),
        "c": offer.currency,
        "e": ends,
        "i": _items_mark(offer.items),
        "k": offer.kind,
        "m": _merchant_mark(merchant_id),
    }
    encoded = _encode(json.dumps(payload, separators=(",", ":"), sort_keys=True).encode())
    head = f"{PREFIX}.{encoded}"
    text = f"{head}.{_encode(_mac(secret, head))}"
    return Quote(text, offer, datetime.fromtimestamp(ends, UTC))


def read_quote(text: str, secrets: Sequence[bytes]) -> Signed:
    """Return what stands in a quote, once one of the secrets proves that we signed it.

    Raises:
        InvalidField: ``quote_malformed`` or ``quote_signature_wrong``.
    """
    parts = text.split(".") if len(text) <= CHARACTERS_MAX and text.isascii() else []
    if len(parts) != 3 or parts[0] != PREFIX:
        raise _refused("quote_malformed", "This is no quote of ours.")
    payload, signature = _decode(parts[1]), _decode(parts[2])
    if not payload or not signature:
        raise _refused("quote_malformed", "This is no quote of ours.")
    head = f"{PREFIX}.{parts[1]}"
    # Each is tried, so that the time says nothing of which one signed.
    proven = [hmac.compare_digest(_mac(secret, head), signature) for secret in secrets]
    if not any(proven):
        raise _refused("quote_signature_wrong", "This quote was not signed here, or was changed.")
    fields = json.loads(payload)
    if {name: type(value) for name, value in fields.items()} != _FIELDS:
        raise _refused("quote_malformed", "This quote is of another form.")
    return Signed(
        merchant=fields["m"],
        amount=fields["a"],
        currency=fields["c"],
        kind=fields["k"],
        buyer_mark=fields["b"],
        items_mark=fields["i"],
        expires_at=datetime.fromtimestamp(fields["e"], UTC),
    )


def check_quote(
    text: str, asked: Asked, merchant_id: UUID, now: datetime, secrets: Sequence[bytes]
) -> None:
    """Return if a purchase is what its quote says, to the minor unit.

    Raises:
        InvalidField: ``quote_malformed``, ``quote_signature_wrong``, ``quote_of_another_merchant``,
            ``quote_expired``, ``quote_currency_differs``, ``quote_amount_differs``,
            ``quote_kind_differs``, ``quote_buyer_differs`` or ``quote_items_differ``. Of a right
            quote of this merchant the error's data say what was quoted.
    """
    signed = read_quote(text, secrets)
    if signed.merchant != _merchant_mark(merchant_id):
        raise _refused("quote_of_another_merchant", "This quote is not one of this merchant's.")
    if now >= signed.expires_at:
        raise _refused("quote_expired", "This quote has ended; ask for a new one.", signed)
    if asked.currency != signed.currency:
        raise _refused(
            "quote_currency_differs", f"The quote is in {signed.currency}.", signed, "currency"
        )
    if asked.amount != signed.amount:
        quoted = Money(signed.amount, signed.currency)
        raise _refused("quote_amount_differs", f"The quote is for {quoted}.", signed, "amount")
    if asked.kind != signed.kind:
        raise _refused("quote_kind_differs", f"The quote is for {signed.kind}.", signed, "kind")
    buyer = _buyer_mark(merchant_id, asked.buyer_role, asked.buyer_id)
    if not hmac.compare_digest(buyer, signed.buyer_mark):
        raise _refused("quote_buyer_differs", "The quote is for another buyer.", signed, "buyer")
    if _items_mark(asked.items) != signed.items_mark:
        raise _refused("quote_items_differ", "The quote is for other items.", signed, "items")


def _refused(
    code: str, message: str, signed: Signed | None = None, field: str = "quote"
) -> InvalidField:
    error = InvalidField(field, code, message)
    if signed is not None:
        error.data |= {"quoted_amount": signed.amount, "quoted_currency": signed.currency}
    return error


def _mac(secret: bytes, head: str) -> bytes:
    return hmac.digest(secret, head.encode(), "sha256")


def _merchant_mark(merchant_id: UUID) -> str:
    return _encode(merchant_id.bytes)


def _buyer_mark(merchant_id: UUID, role: str, buyer_id: str) -> str:
    """Return a mark of the buyer, so that nobody reads an id out of a quote."""
    named = merchant_id.bytes + f"{role}\n{buyer_id}".encode()
    return _encode(hashlib.sha256(named).digest()[:_MARK_BYTES])


def _items_mark(items: Sequence[Line]) -> str:
    """Return a mark of the items, the same in whichever order they stand; empty: there are none."""
    if not items:
        return ""
    lines = sorted([one.sku, one.quantity, one.unit_amount] for one in items)
    return _encode(hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).digest())


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    """Return what is encoded; ``None`` unless that is its one spelling."""
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if _encode(value) == text else None
