"""Money: integer minor units of an ISO 4217 currency.

No float comes near: an amount is a whole number of minor units (cents, yen, fils), and its
currency says how many decimal places that is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import iso4217

from paykeel.errors import InvalidField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from decimal import Decimal

#: The largest amount of one payment, in minor units: twelve digits, one less than the shortest
#: card number, and far below what a 64-bit sum can hold.
AMOUNT_MAX = 999_999_999_999

#: The largest amount in a reference currency; what is worth more has no value there, as without a
#: rate. It leaves a 64-bit column room for nine of them.
REFERENCE_MAX = 999_999_999_999_999_999

_DECIMAL = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,15}))?", re.ASCII)


@cache
def _table() -> tuple[Mapping[str, int], frozenset[str]]:
    """Return the tender currencies with their exponents, and the codes that are not tender."""
    tender: dict[str, int] = {}
    other: set[str] = set()
    for code, row in iso4217.raw_table.items():
        if not code:  # ISO lists a few territories that have no currency of their own.
            continue
        units = row["CcyMnrUnts"]
        if isinstance(units, str) and units.isdigit():
            tender[code] = int(units)
        else:
            other.add(code)
    return MappingProxyType(tender), frozenset(other)


def tender_currencies() -> Mapping[str, int]:
    """Return every currency that can be paid in, with its exponent (0, 2, 3 or 4).

    Source: the ISO 4217 table of the ``iso4217`` package.

    >>> tender_currencies()["JPY"], tender_currencies()["KWD"]
    (0, 3)
    """
    return _table()[0]


def exponent_of(currency: object, field: str = "currency") -> int:
    """Return how many decimal places ``currency`` has.

    Raises:
        InvalidField: ``currency_unknown``, or ``currency_not_tender`` (gold, test codes).
    """
    tender, other = _table()
    if not isinstance(currency, str) or currency not in tender:
        if isinstance(currency, str) and currency in other:
            raise InvalidField(
                field, "currency_not_tender", "This ISO 4217 code is no means of payment."
            )
        raise InvalidField(
            field, "currency_unknown", "Use an ISO 4217 code in capitals, for example EUR."
        )
    return tender[currency]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units with its currency.

    >>> Money(1250, "EUR").major, Money(1250, "JPY").major, Money(1250, "KWD").major
    ('12.50', '1250', '1.250')
    """

    minor: int
    currency: str

    @property
    def exponent(self) -> int:
        """How many decimal places the currency has."""
        return exponent_of(self.currency)

    @property
    def major(self) -> str:
        """The amount in major units, as a decimal string with all of its places."""
        exponent = self.exponent
        if exponent == 0:
            return str(self.minor)
        sign = "-" if self.minor < 0 else ""
        digits = str(abs(self.minor)).rjust(exponent + 1, "0")
        return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"

    def __str__(self) -> str:
        return f"{self.major} {self.currency}"


def check_amount(
    value: object, field: str = "amount", *, minimum: int = 1, maximum: int = AMOUNT_MAX
) -> int:
    """Return ``value`` if it is a whole number of minor units within the limits.

    Raises:
        InvalidField: ``amount_boolean``, ``amount_float``, ``amount_not_integer``, ``amount_zero``,
            ``amount_negative``, ``amount_too_small`` or ``amount_too_large``.

    >>> check_amount(1250)
    1250
    """
    if isinstance(value, bool):
        raise InvalidField(field, "amount_boolean", "An amount is an integer, not true or false.")
    if isinstance(value, float):
        raise InvalidField(
            field, "amount_float", "An amount is an integer in minor units, without a point."
        )
    if not isinstance(value, int):
        raise InvalidField(field, "amount_not_integer", "An amount is an integer in minor units.")
    if value == 0:
        raise InvalidField(field, "amount_zero", "An amount must be more than zero.")
    if value < 0:
        raise InvalidField(field, "amount_negative", "An amount must be more than zero.")
    if value > maximum:
        raise InvalidField(
            field, "amount_too_large", f"The most that is allowed is {maximum} in minor units."
        )
    if value < minimum:
        raise InvalidField(
            field, "amount_too_small", f"The least that is allowed is {minimum} in minor units."
        )
    return value


def parse_major(text: str, currency: str, field: str = "amount") -> Money:
    """Read a decimal string in major units, exactly; nothing is rounded.

    Raises:
        InvalidField: ``amount_not_decimal``, ``amount_wrong_precision`` (more places than the
            currency has), or what ``check_amount`` and ``exponent_of`` raise.

    >>> parse_major("12.5", "EUR")
    Money(minor=1250, currency='EUR')
    """
    exponent = exponent_of(currency)
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        raise InvalidField(
            field, "amount_not_decimal", "Write the amount in digits, for example 12.50."
        )
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > exponent:
        raise InvalidField(
            field, "amount_wrong_precision", f"{currency} has {exponent} decimal places."
        )
    minor = int(whole + fraction.ljust(exponent, "0"))
    minor = -minor if sign else minor
    if minor > AMOUNT_MAX:
        # Whoever writes major units is told of the bound in them, too.
        message = f"The most that is allowed is {Money(AMOUNT_MAX, currency)}."
        raise InvalidField(field, "amount_too_large", message)
    return Money(check_amount(minor, field), currency)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one major unit of a currency is worth in major units of another, from a day on."""

    effective_on: date
    rate: Decimal


def divide_half_even(numerator: int, denominator: int) -> int:
    """Divide whole numbers that are not negative; what lies halfway goes to the even neighbour.

    >>> [divide_half_even(value, 2) for value in (1, 3, 5)]
    [0, 2, 2]
    """
    whole, rest = divmod(numerator, denominator)
    odd_half = 2 * rest == denominator and whole % 2 == 1
    return whole + 1 if 2 * rest > denominator or odd_half else whole


def reference_amount(
    amount: int,
    currency: str,
    exponent: int,
    reference_currency: str,
    rates: Mapping[str, Sequence[Rate]],
    on: date,
) -> int | None:
    """Return what an amount is worth in the reference currency, in its minor units.

    It is exact until the last step, which rounds half to even. The newest rate that was in force
    on that day holds, however old it is.

    Args:
        amount: In minor units of ``currency``.
        currency: What is paid in.
        exponent: The decimal places of ``currency``.
        reference_currency: What amounts are compared in.
        rates: By currency, the newest day first.
        on: The day of the purchase, in UTC.

    Returns:
        ``None``: there is no rate for that day, or the value is beyond ``REFERENCE_MAX``. It is
        never taken for 0.

    >>> from datetime import date
    >>> from decimal import Decimal
    >>> rates = {"JPY": [Rate(date(2026, 11, 1), Decimal("0.0058"))]}
    >>> reference_amount(98_000, "JPY", 0, "EUR", rates, date(2026, 11, 23))
    56840
    """
    if currency == reference_currency:
        return amount
    for rate in rates.get(currency, ()):
        if rate.effective_on <= on:
            above, below = rate.rate.as_integer_ratio()
            value = divide_half_even(
                amount * above * 10 ** exponent_of(reference_currency), below * 10**exponent
            )
            return value if value <= REFERENCE_MAX else None
    return None
