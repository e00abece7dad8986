"""Money of several currencies in one, by dated rates. Pure; exact until one rounding.

An amount is worth what its currency was worth on the day (UTC) on which it moved: the newest rate
that was in force then. Between two days with a new rate it is the same one, so a period is cut
there and nowhere else. Where there is no rate yet nothing is guessed: what was moved on those days
is listed by itself.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from paykeel.metrics.asking import instant
from paykeel.metrics.figures import Takings, takings
from paykeel.metrics.formulas import compared
from paykeel.money import divide_half_even, exponent_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from paykeel.metrics.periods import Period
    from paykeel.metrics.reading import Counted

#: A period that is told in the reference currency, the one before it not counted.
REFERENCE_DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class DatedRate:
    """What one major unit of a currency is worth in the reference currency, from a day on."""

    currency: str
    effective_on: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of a merchant, by currency and the earliest day first."""

    reference_currency: str
    dated: Mapping[str, Sequence[DatedRate]]

    def on(self, currency: str, day: date) -> Fraction | None:
        """Return what one minor unit is worth in minor units on a day; ``None``: unknown."""
        if currency == self.reference_currency:
            return Fraction(1)
        held = [one for one in self.dated.get(currency, ()) if one.effective_on <= day]
        if not held:
            return None
        places = exponent_of(self.reference_currency) - exponent_of(currency)
        return Fraction(held[-1].rate) * Fraction(10) ** places

    def cuts(self, period: Period) -> list[datetime]:
        """Return where a period is cut so that each piece has one rate of each currency."""
        days = {one.effective_on for rates in self.dated.values() for one in rates}
        starts = {datetime.combine(day, time(), UTC) for day in days}
        inside = {at for at in starts if period.since < at < period.until}
        return sorted({period.since, *inside, period.until})


def round_half_even(value: Fraction) -> int:
    """Round what is not negative; what lies halfway goes to the even neighbour.

    >>> [round_half_even(Fraction(value, 2)) for value in (1, 3, 5)]
    [0, 2, 2]
    """
    return divide_half_even(value.numerator, value.denominator)


def converted(
    rates: Rates, cuts: Sequence[datetime], pieces: Sequence[Sequence[Counted]]
) -> tuple[Takings, list[dict[str, Any]]]:
    """Return what the pieces are worth together, and what of them has no rate.

    Each currency is rounded once for what came in and once for what went back.
    """
    gross: dict[str, Fraction] = defaultdict(Fraction)
    refunds: dict[str, Fraction] = defaultdict(Fraction)
    without: dict[str, list[tuple[datetime, datetime, Takings]]] = defaultdict(list)
    for place, piece in enumerate(pieces):
        for currency, money in takings(piece).items():
            rate = rates.on(currency, cuts[place].date())
            if rate is None:
                without[currency].append((cuts[place], cuts[place + 1], money))
            else:
                gross[currency] += money.gross * rate
                refunds[currency] += money.refunds * rate
    whole = Takings(
        sum(round_half_even(value) for value in gross.values()),
        sum(round_half_even(value) for value in refunds.values()),
    )
    return whole, [_without(currency, spans) for currency, spans in sorted(without.items())]


def _without(currency: str, spans: Sequence[tuple[datetime, datetime, Takings]]) -> dict[str, Any]:
    """Tell of money without a rate: rates only ever begin, so its days are in one piece."""
    money = Takings(
        sum(money.gross for _, _, money in spans), sum(money.refunds for _, _, money in spans)
    )
    return {
        "currency": currency,
        "exponent": exponent_of(currency),
        "since": instant(spans[0][0]),
        "until": instant(spans[-1][1]),
        **money.document(),
    }


def in_reference(
    rates: Rates,
    cuts: Sequence[datetime],
    pieces: Sequence[Sequence[Counted]],
    since: datetime,
) -> dict[str, Any]:
    """Return a period's money in the reference currency, beside that of the period before.

    Args:
        rates: The merchant's.
        cuts: Where the pieces of both periods begin, and last where the later one ends.
        pieces: The rows between them.
        since: Where the later one begins: one of the cuts.
    """
    middle = list(cuts).index(since)
    past, past_without = converted(rates, cuts[: middle + 1], pieces[:middle])
    now, without = converted(rates, cuts[middle:], pieces[middle:])
    present = now.document()
    return {
        "currency": rates.reference_currency,
        "exponent": exponent_of(rates.reference_currency),
        **present,
        "before": {name: compared(present[name], value) for name, value in past.document().items()},
        "not_converted": without,
        "not_converted_before": past_without,
    }
