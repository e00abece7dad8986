"""Texts that come from outside: what can be stored, and is no card number."""

from __future__ import annotations

from paykeel.cardnumbers import refuse_card_numbers
from paykeel.errors import InvalidField


def check_text(value: object, name: str, characters_max: int) -> str:
    """Return ``value`` if it is text that can be stored: not empty, not too long, no NUL.

    Raises:
        InvalidField: ``text_required``, ``text_empty``, ``text_too_long``, ``text_not_storable``,
            or ``card_number_refused``.
    """
    if not isinstance(value, str):
        raise InvalidField(name, "text_required", "This must be text.")
    if not value.strip():
        raise InvalidField(name, "text_empty", "This must not be empty.")
    if len(value) > characters_max:
        raise InvalidField(name, "text_too_long", f"At most {characters_max} characters.")
    if not value.isascii() or "\x00" in value:
        check_storable(value, name)
    refuse_card_numbers(value, name)
    return value


def check_storable(value: str, name: str) -> None:
    """Refuse what PostgreSQL cannot hold as text: NUL and halves of surrogate pairs."""
    try:
        value.encode()
    except UnicodeEncodeError:
        storable = False
    else:
        storable = "\x00" not in value
    if not storable:
        raise InvalidField(name, "text_not_storable", "NUL and lone surrogates are not allowed.")
