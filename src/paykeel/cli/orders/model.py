"""An order and a reject: what a line of a file comes to, before anything is sent. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.cardnumbers import holds_card_number
from paykeel.money import parse_major
from paykeel.payments.model import PurchaseRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What an order's key begins with, so that no other kind of key is ever met by accident.
KEY_PREFIX = "order:"
KEY_DIGEST_PREFIX = "order-sha256:"
SHOWN_CHARACTERS_MAX = 64

_VISIBLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Order:
    """A line that can be sent."""

    #: Where it begins in the file; the first line is 1.
    line: int
    reference: str
    #: The same for the same reference, in whatever file and on whatever line it stands.
    idempotency_key: str
    request: PurchaseRequest


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that was not bought, and why. It never holds a card number."""

    line: int
    reference: str
    field: str
    code: str
    reason: str

    def document(self) -> dict[str, int | str]:
        """Return it as JSON-ready values."""
        return {
            "line": self.line,
            "reference": self.reference,
            "field": self.field,
            "code": self.code,
            "reason": self.reason,
        }


def key_for(name: str) -> str:
    """Return the idempotency key of the order with this name.

    It is the name itself where that can stand in a header, and its SHA-256 otherwise.

    >>> key_for("A-1")
    'order:A-1'
    >>> key_for("Bestellung für März")
    'order-sha256:003f0f1c8b60515fb8fbcc83e4fe46fd1738da59439806f10c0ee2181e97002d'
    """
    if _VISIBLE.fullmatch(name):
        return KEY_PREFIX + name
    return KEY_DIGEST_PREFIX + hashlib.sha256(name.encode()).hexdigest()


def shown(text: str) -> str:
    """Return a name as it may be repeated on a screen or in a file.

    >>> shown("order 4242 4242 4242 4242")
    '(hidden: it holds a card number)'
    """
    if holds_card_number(text):
        return "(hidden: it holds a card number)"
    clean = "".join(character if character.isprintable() else "\ufffd" for character in text)
    if len(clean) > SHOWN_CHARACTERS_MAX:
        return clean[: SHOWN_CHARACTERS_MAX - 1] + "…"
    return clean


def request_from_cells(cells: Mapping[str, str]) -> PurchaseRequest:
    """Read one row of a table; a cell that is empty or blank counts as missing.

    Raises:
        InvalidField: A cell is missing or wrong; ``field`` is the API's name for it.
    """
    given = {name: cell.strip() for name, cell in cells.items() if cell.strip()}
    document: dict[str, object] = {
        "currency": given.get("currency"),
        "buyer": {
            "id": given.get("buyer_id"),
            "role": given.get("buyer_role"),
            "jurisdiction": given.get("jurisdiction"),
        },
        "payment_method": given.get("payment_method"),
        "reference": given.get("reference"),
        "capture_method": given.get("capture_method"),
        "kind": given.get("kind"),
        "channel": given.get("channel"),
        "payment_method_type": given.get("payment_method_type"),
        # Free text is taken as it stands, white space included.
        "description": cells["description"] if "description" in given else None,
        "metadata": {
            name.removeprefix("metadata."): cells[name]
            for name in given
            if name.startswith("metadata.")
        },
    }
    minor = given.get("amount_minor")
    if minor is not None:
        document["amount"] = int(minor) if _WHOLE.fullmatch(minor) else minor
    elif "amount" in given and "currency" in given:
        document["amount"] = parse_major(given["amount"], given["currency"]).minor
    else:
        document["amount"] = given.get("amount")
    return PurchaseRequest.from_document(document)
