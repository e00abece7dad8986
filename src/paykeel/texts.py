"""Texts that come from outside: what can be stored, and is no card number."""

from __future__ import annotations

import unicodedata

from paykeel.cardnumbers import refuse_card_numbers
from paykeel.errors import InvalidField

PERSON_CHARACTERS_MAX = 100


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


def check_trimmed(value: object, name: str, characters_max: int) -> str:
    """Return a text by which something is recognised: nothing before or after it, nothing unseen.

    Raises:
        InvalidField: ``text_not_trimmed``, or as :func:`check_text`.
    """
    text = check_text(value, name, characters_max)
    if text != text.strip() or not text.isprintable():
        raise InvalidField(
            name, "text_not_trimmed", "No white space at either end, and nothing invisible."
        )
    return text


def check_person(value: object, name: str) -> str:
    """Return a person's name in one spelling, of 100 characters at most.

    Full-width letters are plain ones, accents are part of their letter, white space is one space,
    and nothing invisible is left.

    Raises:
        InvalidField: As :func:`check_text`.

    >>> check_person("  \uff21da\u200b   Lindqvist ", "operator")
    'Ada Lindqvist'
    """
    text = unicodedata.normalize("NFKC", check_text(value, name, PERSON_CHARACTERS_MAX))
    seen = "".join(one for one in text if not _is_invisible(one))
    return check_text(" ".join(seen.split()), name, PERSON_CHARACTERS_MAX)


def _is_invisible(one: str) -> bool:
    """Say whether a character shows nothing, so that two spellings of a name look alike."""
    category = unicodedata.category(one)
    # Controls but white space, which becomes one space; formats; what nobody has assigned.
    return (
        category in {"Cf", "Cn", "Co"}
        or (category == "Cc" and not one.isspace())
        or (one in _SHOWING_NOTHING or one in _VARIATIONS)
    )


#: Joiners, fillers and blanks that Unicode puts among letters, marks and symbols.
_SHOWING_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_VARIATIONS = frozenset(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def is_same_person(one: str, other: str) -> bool:
    """Say whether two names that were checked are one person's.

    >>> is_same_person("Ada", "ADA"), is_same_person("stra\u00dfe", "STRASSE")
    (True, True)
    """
    return one.casefold() == other.casefold()


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
