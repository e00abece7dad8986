"""How the parts of a scope are written. Pure."""

from __future__ import annotations

import re

from paykeel.errors import InvalidField
from paykeel.terms.model import ANY, TermsScope
from paykeel.texts import check_text

_JURISDICTION = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ROLES = ("agent", "operator")


def check_jurisdiction(value: object, name: str = "jurisdiction") -> str:
    """Return a country or a part of one, as ISO 3166 writes it.

    Raises:
        InvalidField: ``jurisdiction_malformed``.

    >>> check_jurisdiction("DE-BY")
    'DE-BY'
    """
    if not isinstance(value, str) or _JURISDICTION.fullmatch(value) is None:
        raise InvalidField(
            name, "jurisdiction_malformed", "Write it as ISO 3166 does, such as DE or DE-BY."
        )
    return value


def check_channel(value: object, name: str = "channel") -> str:
    """Return the merchant's own word for where it sells, or for a product.

    Raises:
        InvalidField: ``name_malformed``, or it is no text or holds a card number.
    """
    text = check_text(value, name, 40)
    if _NAME.fullmatch(text) is None:
        raise InvalidField(
            name, "name_malformed", "It has a-z, 0-9 and _, and begins with a letter."
        )
    return text


def check_place(jurisdiction: object, channel: object, payment_method_type: object = None) -> None:
    """Check where a buyer is, where the merchant sells and how it is paid, as far as it is told.

    Raises:
        InvalidField: ``jurisdiction_malformed`` or ``name_malformed``.
    """
    if jurisdiction is not None:
        check_jurisdiction(jurisdiction, "buyer.jurisdiction")
    if channel is not None:
        check_channel(channel)
    if payment_method_type is not None:
        check_channel(payment_method_type, "payment_method_type")


def check_scope(scope: TermsScope) -> TermsScope:
    """Return a scope whose parts are each a star or well written.

    Raises:
        InvalidField: ``choice_unknown``, ``jurisdiction_malformed`` or ``name_malformed``.
    """
    if scope.buyer_role not in (ANY, *_ROLES):
        raise InvalidField("buyer_role", "choice_unknown", f"Use one of: {', '.join(_ROLES)}, *.")
    if scope.jurisdiction != ANY:
        check_jurisdiction(scope.jurisdiction)
    for name in ("product", "channel"):
        value = getattr(scope, name)
        if value != ANY:
            check_channel(value, name)
    return scope
