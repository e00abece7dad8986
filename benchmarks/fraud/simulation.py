"""The simulated card payments of the Fraud Detection Handbook, made anew from its description.

5,000 customers buy at those of 10,000 terminals that lie near them, over 183 days from
1 April 2018. Three kinds of fraud are laid over it: (1) every amount above 220; (2) terminals that
are bad for 28 days; (3) customers a third of whose payments, for 14 days, are five times as large
and made by somebody else. Every draw is seeded, so the counts are exact, and `PUBLISHED` has them.

Written from the prose of the handbook's description, not from its program. The legacy generators
of NumPy are used because their streams are what the published counts come from; NumPy promises
never to change them. Amounts are cents.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Booleans: TypeAlias = npt.NDArray[np.bool_]

DAY_S = 86_400
#: 1 April 2018 was a Sunday; Monday is 0.
FIRST_WEEKDAY = 6
SIDE = 100
RADIUS = 5
NOON_S, SPREAD_S = 43_200, 20_000
AMOUNT_HIGH_CENTS = 22_000
BAD_TERMINALS_A_DAY, BAD_TERMINAL_DAYS = 2, 28
BAD_CUSTOMERS_A_DAY, BAD_CUSTOMER_DAYS = 3, 14
BAD_SHARE, BAD_FACTOR = 3, 5


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated; the published counts belong to the defaults."""

    customers: int = 5_000
    terminals: int = 10_000
    days: int = 183


@dataclass(frozen=True, slots=True)
class Counts:
    """What can be compared with the published description."""

    purchases: int
    frauds: int
    #: How many frauds each scenario added when it was laid over those before it.
    added: tuple[int, int, int]
    #: How many belong to each scenario in the end; a later one takes over what it meets.
    final: tuple[int, int, int]


PUBLISHED = Counts(1_754_155, 14_681, (978, 9_099, 4_604), (973, 9_077, 4_631))


@dataclass(frozen=True, slots=True)
class Customer:
    """Where a customer lives, what they spend on average, and how often they buy."""

    number: int
    x: float
    y: float
    mean: float
    purchases_a_day: float


@dataclass(frozen=True, slots=True)
class Purchases:
    """All payments in the order of time, a column each."""

    #: Seconds since the start.
    second: Integers
    customer: Integers
    terminal: Integers
    amount_cents: Integers
    #: 0 for a good purchase, else the scenario of the fraud.
    scenario: Integers

    @property
    def day(self) -> Integers:
        """Return the day of each payment, 0 for the first."""
        return self.second // DAY_S

    @property
    def fraud(self) -> Booleans:
        """Return which payments are fraud."""
        return self.scenario > 0


def customers_of(size: Size) -> list[Customer]:
    """Draw the customers; the first ones are the same for every size."""
    draw = np.random.RandomState(0)
    found = []
    for number in range(size.customers):
        x, y = draw.uniform(0, SIDE), draw.uniform(0, SIDE)
        mean, rate = draw.uniform(5, 100), draw.uniform(0, 4)
        found.append(Customer(number, x, y, mean, rate))
    return found


def terminals_of(size: Size) -> Floats:
    """Draw the places of the terminals, x and y in a row each."""
    return np.random.RandomState(1).uniform(0, SIDE, (size.terminals, 2))


def near(customer: Customer, terminals: Floats) -> list[int]:
    """Return the terminals that a customer can reach."""
    squares = (terminals - np.array((customer.x, customer.y))) ** 2
    return [int(each) for each in np.flatnonzero(np.sqrt(squares.sum(axis=1)) < RADIUS)]


def purchases_of(
    customer: Customer, reach: list[int], days: int
) -> tuple[list[int], list[int], list[float]]:
    """Return what one customer buys: seconds, terminals and amounts, in the order drawn.

    A purchase whose time falls outside its day is dropped before its amount is drawn.
    """
    draw, pick = np.random.RandomState(customer.number), random.Random(customer.number)
    mean, deviation = customer.mean, customer.mean / 2
    seconds: list[int] = []
    terminals: list[int] = []
    amounts: list[float] = []
    for day in range(days):
        for _ in range(draw.poisson(customer.purchases_a_day)):
            second = int(draw.normal(NOON_S, SPREAD_S))
            if not 0 < second < DAY_S:
                continue
            amount = draw.normal(mean, deviation)
            if amount < 0:
                amount = draw.uniform(0, mean * 2)
            if reach:
                seconds.append(day * DAY_S + second)
                terminals.append(pick.choice(reach))
                amounts.append(amount)
    return seconds, terminals, amounts


def simulate(size: Size, advance: Callable[[], object] = lambda: None) -> tuple[Purchases, Counts]:
    """Make all payments and lay the frauds over them; ``advance`` is called for each customer."""
    terminals = terminals_of(size)
    seconds: list[int] = []
    customer_numbers: list[int] = []
    terminal_numbers: list[int] = []
    amounts: list[float] = []
    for customer in customers_of(size):
        made = purchases_of(customer, near(customer, terminals), size.days)
        seconds += made[0]
        customer_numbers += [customer.number] * len(made[0])
        terminal_numbers += made[1]
        amounts += made[2]
        advance()
    second = np.array(seconds, dtype=np.int64)
    order = np.argsort(second, kind="stable")
    cents = np.rint(np.round(np.array(amounts), 2) * 100).astype(np.int64)
    purchases = Purchases(
        second[order],
        np.array(customer_numbers, dtype=np.int64)[order],
        np.array(terminal_numbers, dtype=np.int64)[order],
        cents[order],
        np.zeros(len(order), dtype=np.int64),
    )
    return purchases, _lay_frauds(purchases, size)


def _lay_frauds(purchases: Purchases, size: Size) -> Counts:
    """Mark the frauds of the three scenarios, one after the other, and count them."""
    scenario, day = purchases.scenario, purchases.day
    totals = [0]
    scenario[purchases.amount_cents > AMOUNT_HIGH_CENTS] = 1
    totals.append(int(np.count_nonzero(scenario)))
    # The last day starts nothing new.
    for first in range(int(day[-1])):
        part = _days(day, first, BAD_TERMINAL_DAYS)
        bad = np.random.RandomState(first).choice(
            size.terminals, size=BAD_TERMINALS_A_DAY, replace=False
        )
        scenario[part][np.isin(purchases.terminal[part], bad)] = 2
    totals.append(int(np.count_nonzero(scenario)))
    for first in range(int(day[-1])):
        part = _days(day, first, BAD_CUSTOMER_DAYS)
        bad = np.random.RandomState(first).choice(
            size.customers, size=BAD_CUSTOMERS_A_DAY, replace=False
        )
        theirs = part.start + np.flatnonzero(np.isin(purchases.customer[part], bad))
        chosen = random.Random(first).sample(range(len(theirs)), len(theirs) // BAD_SHARE)
        purchases.amount_cents[theirs[chosen]] *= BAD_FACTOR
        scenario[theirs[chosen]] = 3
    totals.append(int(np.count_nonzero(scenario)))
    one, two, three = (after - before for before, after in pairwise(totals))
    final = np.bincount(scenario, minlength=4)
    return Counts(
        len(scenario), totals[-1], (one, two, three), (int(final[1]), int(final[2]), int(final[3]))
    )


def _days(day: Integers, first: int, count: int) -> slice:
    """Return where the payments of some days stand."""
    start, end = np.searchsorted(day, (first, first + count))
    return slice(int(start), int(end))
