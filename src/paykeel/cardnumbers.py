"""Card numbers never enter: this recognises them in text, before it is stored or logged.

A card number is 13 to 19 digits, perhaps in groups, that begin as issuers' numbers do and pass the
Luhn check. Order and telephone numbers, timestamps, IBANs and UUIDs are let through. The check is
for accidents; it does not undo somebody's deliberate disguise.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from paykeel.errors import CardNumberRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Json = str | int | float | bool | None | Mapping[str, "Json"] | Sequence["Json"]

_DIGITS_MIN, _DIGITS_MAX = 13, 19

#: Digits, in groups that single separators hold together: 4242 4242 4242 4242, 4242-4242-….
_RUN = re.compile(r"[0-9](?:[ \-./_,:\u00a0]{0,2}[0-9]){12,}")
_DASH = re.compile("[\u2010-\u2015\u2212]")
_GROUP = re.compile(r"[0-9]+")
#: What is left alone: a UUID with at least one letter in it.
_UUID = re.compile(
    r"(?=[0-9-]{0,35}[A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
)
#: And long words in which letters and digits alternate, such as hashes, tokens and ULIDs. A word
#: that merely has a number at its end or in its middle (cardnumber4242…) is none.
_LONG_WORD = re.compile(
    r"(?<![0-9A-Za-z])(?=(?:[0-9]*[A-Za-z]){6})(?=(?:[A-Za-z]*[0-9]+(?=[A-Za-z])){2}[A-Za-z]*[0-9])"
    r"[0-9A-Za-z]{24,}"
)
#: A telephone number with its country: a plus and at most 15 digits (ITU-T E.164).
_PHONE = re.compile(r"\+[0-9](?:[ \-./()]{0,2}[0-9]){6,14}(?![ \-./_,:]{0,2}[0-9])")
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}"
    r"(?:[0-9A-Z]{11,30}|(?: [0-9A-Z]{4}){2,7}(?: [0-9A-Z]{1,3})?)(?![0-9A-Za-z])"
)


def _is_iban(word: str) -> bool:
    """Say whether the check digits of an IBAN hold (ISO 7064, modulo 97)."""
    plain = word.replace(" ", "")
    rearranged = plain[4:] + plain[:4]
    return int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


def _begins_as_issued(digits: str) -> bool:
    """Say whether an issuer's number can begin and be as long as this.

    2: Mir 2200-2204 and Mastercard 2221-2720, of 16 or more. 3 to 6: travel, Visa, Mastercard,
    Discover, Maestro, UnionPay. 81 and 82: UnionPay, RuPay. 9792: Troy. 1: UATP, of 15.
    """
    first, four, length = digits[0], int(digits[:4]), len(digits)
    if first == "2":
        return length >= 16 and (2200 <= four <= 2204 or 2221 <= four <= 2720)
    if first in "3456":
        return first != "3" or length >= 14
    if first == "1":
        return length == 15
    return digits[:2] in {"81", "82"} or digits[:4] == "9792"


def passes_luhn(digits: str) -> bool:
    """Say whether the last digit is the check digit of the others (ISO/IEC 7812-1).

    >>> passes_luhn("4242424242424242"), passes_luhn("4242424242424241")
    (True, False)
    """
    total = 0
    for position, character in enumerate(reversed(digits)):
        digit = ord(character) - 48
        if position % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0


def _holds_in_run(run: str) -> bool:
    """Say whether any row of whole groups in a run of digits is a card number."""
    groups = _GROUP.findall(run)
    for start in range(len(groups)):
        digits = ""
        for group in groups[start:]:
            digits += group
            if len(digits) > _DIGITS_MAX:
                break
            if len(digits) >= _DIGITS_MIN and _begins_as_issued(digits) and passes_luhn(digits):
                return True
    return False


def holds_card_number(text: str) -> bool:
    """Say whether ``text`` holds what looks like a card number.

    >>> holds_card_number("pay with 4242-4242 4242 4242 please")
    True
    >>> holds_card_number("order 2026112300001234 of 1763856000000")
    False
    """
    if len(text) < _DIGITS_MIN:
        return False
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(
            str(unicodedata.digit(character)) if character.isdigit() else character
            for character in text
            if unicodedata.category(character) != "Cf"
        )
        # The dashes that text editors put in the place of a hyphen.
        text = _DASH.sub("-", text)
    if _RUN.search(text) is None:
        return False
    text = _UUID.sub("x", text)
    text = _IBAN.sub(lambda match: "x" if _is_iban(match[0]) else match[0], text)
    text = _LONG_WORD.sub("x", text)
    text = _PHONE.sub("x", text)
    return any(_holds_in_run(match[0]) for match in _RUN.finditer(text))


def refuse_card_numbers(value: Json, field: str) -> None:
    """Go through a value, nested or not, and refuse it when a card number stands anywhere in it.

    Raises:
        CardNumberRefused: It names the field, never the value.
    """
    match value:
        case bool() | None:
            return
        case str():
            if len(value) >= _DIGITS_MIN and holds_card_number(value):
                raise CardNumberRefused(field)
        case int():
            # Longer ones are none, and writing them out could take long.
            if abs(value) < 10**_DIGITS_MAX and holds_card_number(str(value)):
                raise CardNumberRefused(field)
        case float():
            if holds_card_number(f"{value:.0f}"):
                raise CardNumberRefused(field)
        case dict():
            for key, item in value.items():
                # The name of an entry may be the number itself, so it is not repeated.
                refuse_card_numbers(key, field)
                safe = key if len(key) <= 64 else "…"
                refuse_card_numbers(item, f"{field}.{safe}" if field else safe)
        case _:
            for item in value:
                refuse_card_numbers(item, field)
