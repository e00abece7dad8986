"""Rounding by name, and sharing out whole units so that nothing is lost. Pure; integers only."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from collections.abc import Sequence


class Rounding(StrEnum):
    """What becomes of a part of a minor unit."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"
    UP = "up"


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Divide whole numbers that are not negative, and round as it is called.

    >>> [divide(5, 2, rounding) for rounding in Rounding]
    [3, 2, 2, 3]
    """
    whole, rest = divmod(numerator, denominator)
    match rounding:
        case Rounding.HALF_UP:
            up = 2 * rest >= denominator
        case Rounding.HALF_EVEN:
            up = 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
        case Rounding.DOWN:
            up = False
        case Rounding.UP:
            up = rest > 0
        case _:
            assert_never(rounding)
    return whole + up


def largest_remainder(
    numerators: Sequence[int], denominator: int, rounding: Rounding
) -> tuple[int, ...]:
    """Round the sum of some fractions once, and give each of them its whole part of that.

    What is left goes to the largest remainders; among equals, to the one that stands first. No
    share is more than its fraction rounded up.

    >>> largest_remainder([15_000, 15_000], 10_000, Rounding.HALF_UP)
    (2, 1)
    """
    shares = [numerator // denominator for numerator in numerators]
    left = divide(sum(numerators), denominator, rounding) - sum(shares)
    order = sorted(
        range(len(numerators)), key=lambda place: (-(numerators[place] % denominator), place)
    )
    for place in order[:left]:
        shares[place] += 1
    return tuple(shares)


def split(totals: Sequence[int], amount: int) -> tuple[int, ...]:
    """Share out the first ``amount`` units of some totals, about in proportion to them.

    Each unit goes where a total is largest for what it would then have had; among equals, to the
    one that stands first. So a larger amount never takes from a share, as largest remainders can:
    the shares of several partial refunds add up to the totals, in whatever steps they are made.

    >>> split([200, 100], 3), split([200, 100], 300)
    ((2, 1), (200, 100))
    """
    whole = sum(totals)
    if amount >= whole:
        return tuple(totals)
    # No share can be less than this in the end; at most one unit for each total is left to give.
    shares = [total * amount // whole for total in totals]
    for _ in range(amount - sum(shares)):
        best = 0
        for place, total in enumerate(totals):
            if total * (shares[best] + 1) > totals[best] * (shares[place] + 1):
                best = place
        shares[best] += 1
    return tuple(shares)
