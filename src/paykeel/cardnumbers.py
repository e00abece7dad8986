"""Card numbers never enter: this recognises them in text, before it is stored or logged.

A card number is 13 to 19 digits that begin and are as long as an issuer's, and pass the Luhn
check. They stand without a gap, or in the groups in which cards are printed and spreadsheets show
them, with the same separator between all groups. Dates, coordinates, lists with commas, telephone
numbers, EANs, IBANs and UUIDs are let through. The check is for accidents; it does not undo
somebody's deliberate disguise.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import unquote

from paykeel.errors import CardNumberRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Json = str | int | float | bool | None | Mapping[str, "Json"] | Sequence["Json"]

_DIGITS_MIN, _DIGITS_MAX = 13, 19
#: A float has at most so many significant digits when it is written out.
_FLOAT_DIGITS_MAX = 17

#: Most texts hold nothing like it, and nothing more is asked of them.
_SUSPECT = re.compile(r"[0-9](?:[^0-9]{0,3}[0-9]){12}")
#: Digits, and what joins them to the next. No comma, semicolon, colon or slash: these make lists,
#: times and dates.
_GROUP = re.compile(r"([0-9]+)(?:([\s\-._|*\u00b7]{1,3})(?=[0-9]))?")
_DASH = re.compile("[\u2010-\u2015\u2212\u2043]")
_DOT = re.compile("[\u2022\u2027\u2219\u22c5\u25cf\u30fb\u2217]")
#: Marks that change how the digit before them is drawn: a digit on a key cap is a digit.
_UNSEEN = frozenset({"Cf", "Mn", "Me"})

#: By how it begins, how long a number of an issuer is. The longest beginning decides.
#: 6 is Maestro, and in it Discover, UnionPay and RuPay. 35 of 15 digits is a telephone's IMEI.
_LENGTHS: dict[str, frozenset[int]] = {
    "4": frozenset({13, 16, 19}),  # Visa
    **{str(first): frozenset({16}) for first in range(51, 56)},  # Mastercard
    **{str(first): frozenset({16}) for first in range(2221, 2721)},  # Mastercard
    **{first: frozenset({15}) for first in ("34", "37")},  # American Express
    **{first: frozenset({14, 16, 17, 18, 19}) for first in ("30", "36", "38", "39")},  # Diners
    **{str(first): frozenset({16, 17, 18, 19}) for first in range(3528, 3590)},  # JCB
    **{first: frozenset(range(13, 20)) for first in ("50", "56", "57", "58", "6")},  # Maestro
    **{str(first): frozenset({16, 17, 18, 19}) for first in range(2200, 2205)},  # Mir
    "81": frozenset({16, 17, 18, 19}),  # UnionPay
    "82": frozenset({16}),  # RuPay
    "9792": frozenset({16}),  # Troy
}

#: The sizes of groups, a character each: fours and what is left, as American Express, Diners and
#: UnionPay print theirs ("=" is 13).
_SHAPES = ("4441", "4442", "4443", "4444", "44441", "44442", "44443", "465", "464", "6=")
_ONES = re.compile("1{13,}")

#: An expiry date, month or year first, and perhaps a CVV, glued to the number.
_TAIL = re.compile(
    r"(?:(?:0[1-9]|1[0-2])(?:20)?[2-4][0-9]|[2-4][0-9](?:0[1-9]|1[0-2]))(?:[0-9]{3,4})?"
)
_TAIL_MIN, _TAIL_MAX = 4, 10

#: What is left alone: a UUID with at least one letter in it.
_UUID = re.compile(
    r"(?=[0-9-]{0,35}[A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
)
#: Hashes in hexadecimal, with at least one letter.
_HASH = re.compile(r"(?<![0-9A-Za-z])(?=[0-9]{0,63}[A-Fa-f])(?:[0-9A-Fa-f]{8}){4,8}(?![0-9A-Za-z])")
#: And long words in which letters and digits alternate, such as tokens and ULIDs. A word that
#: merely has a number at its end or in its middle (cardnumber4242…) is none.
_LONG_WORD = re.compile(
    r"(?<![0-9A-Za-z])(?=(?:[0-9]*[A-Za-z]){6})(?=(?:[A-Za-z]*[0-9]+(?=[A-Za-z])){2}[A-Za-z]*[0-9])"
    r"[0-9A-Za-z]{24,}"
)
#: A telephone number with its country: a plus and at most 14 digits. ITU-T E.164 allows 15, but
#: nobody has such a number, and American Express's have 15.
_PHONE = re.compile(
    r"\+(?:[0-9]{13,14}(?![0-9])|[0-9](?:[ \-./()]{0,2}[0-9]){6,13}(?![ \-./()]{0,2}[0-9]))"
)
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}"
    r"(?:[0-9A-Za-z]{11,30}|(?:[ -][0-9A-Za-z]{4}){2,7}(?:[ -][0-9A-Za-z]{1,3})?)(?![0-9A-Za-z])"
)
_GAP = re.compile("[ -]")
#: A space, as a form writes it. Elsewhere a plus begins a telephone number.
_FORM_SPACE = re.compile(r"(?<=[0-9])\+(?=[0-9])")
#: An address may carry another one, which is encoded once more.
_ENCODED_MAX = 4


def _without_iban(found: re.Match[str]) -> str:
    """Return what follows the IBAN in text that begins like one; all of it when there is none.

    The check digits decide (ISO 7064, modulo 97). Groups that are not of the IBAN may follow it.
    """
    words = _GAP.split(found[0])
    for end in range(len(words), 0, -1):
        plain = "".join(words[:end])
        if len(plain) < 15:
            break
        rearranged = plain[4:] + plain[:4]
        if int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1:
            return " ".join(("x", *words[end:]))
    return found[0]


def _begins_as_issued(digits: str) -> bool:
    """Say whether an issuer's number can begin and be as long as this."""
    for size in (4, 2, 1):
        lengths = _LENGTHS.get(digits[:size])
        if lengths is not None:
            return len(digits) in lengths
    return False


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


def _is_ean(digits: str) -> bool:
    """Say whether 13 digits are an article's number or an ISBN, by GS1's check digit."""
    total = sum(map(int, digits[::2])) + 3 * sum(map(int, digits[1::2]))
    return len(digits) == 13 and total % 10 == 0


def _is_number(digits: str) -> bool:
    return _begins_as_issued(digits) and passes_luhn(digits)


def _unbroken_is_number(digits: str) -> bool:
    """Say whether digits without a gap are a card number, perhaps with what is printed beside it.

    A number with an expiry date glued to it is refused: it takes a date to match, so of other
    numbers that begin like a card's about one in a hundred does. A security code alone could be any
    digits. It is looked for only where the length tells that it is one: 19 digits that begin like
    Mastercard's 16 or American Express's 15. Behind a Visa it would double what is refused in vain.
    """
    length = len(digits)
    if length <= _DIGITS_MAX:
        if length < _DIGITS_MIN:
            return False
        if _is_number(digits):
            return not _is_ean(digits)
        if length < _DIGITS_MAX:
            return False
        # A first part of 15 is only ever of American Express where the whole cannot be a number.
        return not _begins_as_issued(digits) and any(_is_number(digits[:end]) for end in (15, 16))
    return any(
        _TAIL.fullmatch(digits, end) is not None and _is_number(digits[:end])
        for end in range(max(_DIGITS_MIN + 1, length - _TAIL_MAX), _DIGITS_MAX + 1)
        if length - end >= _TAIL_MIN
    )


def _row_holds_number(groups: list[str]) -> bool:
    """Say whether neighbours in a row of groups with one separator are a card number together."""
    if len(groups) < 2:
        return False
    sizes = "".join(chr(48 + min(len(group), 20)) for group in groups)
    for start in range(len(groups)):
        for shape in _SHAPES:
            if sizes.startswith(shape, start) and _is_number(
                "".join(groups[start : start + len(shape)])
            ):
                return True
    # Digits one by one: they must all be of the number, or any long list of digits would hold one.
    return "1" * _DIGITS_MIN in sizes and any(
        _unbroken_is_number("".join(groups[ones.start() : ones.end()]))
        for ones in _ONES.finditer(sizes)
    )


def _plain(text: str) -> str:
    """Return a text with the digits, spaces, dashes and dots of ASCII in the place of others."""
    text = "".join(
        str(unicodedata.digit(character)) if character.isdigit() else character
        for character in unicodedata.normalize("NFKC", text)
        if unicodedata.category(character) not in _UNSEEN
    )
    return _DOT.sub("\u00b7", _DASH.sub("-", text))


def holds_card_number(text: str) -> bool:
    """Say whether ``text`` holds what looks like a card number.

    >>> holds_card_number("pay with 4242-4242-4242-4242 please")
    True
    >>> holds_card_number("order 2026112300001234 of 1763856000000, 4242, 4242, 4242, 4242")
    False
    """
    if len(text) < _DIGITS_MIN:
        return False
    if not text.isascii():
        text = _plain(text)
    if _SUSPECT.search(text) is None:
        return False
    text = _UUID.sub("x", text)
    text = _IBAN.sub(_without_iban, text)
    text = _HASH.sub("x", text)
    text = _LONG_WORD.sub("x", text)
    text = _PHONE.sub("x", text)
    row: list[str] = []
    joined_by: str | None = None
    fraction_of: str | None = None
    for found in _GROUP.finditer(text):
        digits, separator = found[1], found[2]
        is_fraction = fraction_of is not None and (
            fraction_of == "0" or len(fraction_of) + len(digits) <= _FLOAT_DIGITS_MAX
        )
        if not is_fraction and _unbroken_is_number(digits):
            return True
        row.append(digits)
        # However many spaces, and of which kind: a line that was broken is still one number.
        # And a hyphen here, a space there, as hands write it.
        joint = None if separator is None else "".join(separator.split()).replace("-", "")
        if joint is None or (joint != joined_by and len(row) > 1):
            if _row_holds_number(row):
                return True
            row = [] if joint is None else [digits]
        joined_by = joint
        fraction_of = digits if separator == "." else None
    return False


def address_as_read(address: str) -> str:
    """Return an address as its host reads it: without percent signs, however often encoded.

    >>> address_as_read("/pay?card=4242%204242&next=%2Fa%253Fcard%3D4242%25204242&b=4242+4242")
    '/pay?card=4242 4242&next=/a?card=4242 4242&b=4242 4242'
    """
    for _ in range(_ENCODED_MAX):
        before, address = address, unquote(address)
        if address == before:
            break
    return _FORM_SPACE.sub(" ", address)


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
