"""What is known of a payment when it is made: the handbook's fifteen features, and velocities.

A label becomes known seven days after its payment, so whatever counts frauds looks at windows
that end seven days before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fraud.simulation import DAY_S, FIRST_WEEKDAY
from paykeel.fraud.model import Kind
from paykeel.fraud.training import Column

if TYPE_CHECKING:
    from benchmarks.fraud.simulation import Booleans, Floats, Integers, Purchases

DELAY_DAYS = 7
WINDOWS_DAYS = (1, 7, 30)
NIGHT_HOUR_MAX = 6
SATURDAY = 5

#: The handbook's features, under names that attributes can have.
COLUMNS = (
    Column("payment.amount_ref", Kind.INT),
    Column("handbook.weekend", Kind.BOOL),
    Column("handbook.night", Kind.BOOL),
    *(
        Column(f"handbook.{what}_{days}d", kind)
        for what, kind in (
            ("customer_count", Kind.INT),
            ("customer_average", Kind.DOUBLE),
            ("terminal_count", Kind.INT),
            ("terminal_risk", Kind.DOUBLE),
        )
        for days in WINDOWS_DAYS
    ),
)

Table = dict[str, "Integers | Floats | Booleans"]


@dataclass(frozen=True, slots=True)
class Trailing:
    """How many payments of the same group lie in each payment's window, and sums over them."""

    order: Integers
    start: Integers
    end: Integers

    @property
    def count(self) -> Integers:
        """Return how many payments each window holds."""
        return self._back(self.end - self.start)

    def total(self, values: Integers) -> Integers:
        """Return the sum of the values in each window."""
        sums = np.concatenate((np.zeros(1, np.int64), np.cumsum(values[self.order])))
        return self._back(sums[self.end] - sums[self.start])

    def _back(self, values: Integers) -> Integers:
        found = np.empty_like(values)
        found[self.order] = values
        return found


def trailing(group: Integers, second: Integers, window_days: int, lag_days: int = 0) -> Trailing:
    """Look from each payment at those of its group, ``lag`` before it and over ``window``.

    The window is open at its beginning and closed at its end. Without a lag it ends with the
    payment itself: later ones of the same second are not in it, and it is in its own.
    """
    # Longer than all times and windows together, so that no window reaches another group.
    span = int(second.max(initial=0)) + (window_days + lag_days + 1) * DAY_S
    order = np.argsort(group * span + second, kind="stable")
    base, at = group[order] * span, second[order]
    keys = base + at

    def after(seconds: Integers) -> Integers:
        return np.searchsorted(keys, base + np.maximum(seconds, -1), side="right").astype(np.int64)

    end = after(at - lag_days * DAY_S) if lag_days else np.arange(1, len(keys) + 1)
    return Trailing(order, after(at - (lag_days + window_days) * DAY_S), end)


def features_of(purchases: Purchases) -> Table:
    """Return the handbook's fifteen features, named as `COLUMNS` are."""
    day, second = purchases.day, purchases.second
    frauds = purchases.fraud.astype(np.int64)
    table: Table = {
        "payment.amount_ref": purchases.amount_cents,
        "handbook.weekend": (day + FIRST_WEEKDAY) % 7 >= SATURDAY,
        "handbook.night": second % DAY_S // 3600 <= NIGHT_HOUR_MAX,
    }
    for days in WINDOWS_DAYS:
        own = trailing(purchases.customer, second, days)
        table[f"handbook.customer_count_{days}d"] = own.count
        table[f"handbook.customer_average_{days}d"] = own.total(purchases.amount_cents) / own.count
        there = trailing(purchases.terminal, second, days, DELAY_DAYS)
        count = there.count
        table[f"handbook.terminal_count_{days}d"] = count
        table[f"handbook.terminal_risk_{days}d"] = there.total(frauds) / np.maximum(count, 1)
    return table


def velocities_of(purchases: Purchases) -> Table:
    """Return what Paykeel's rules see: integers, and the payment itself is never counted.

    Those of a terminal look at payments whose outcome is known, so at least seven days old.
    """
    second = purchases.second
    frauds = purchases.fraud.astype(np.int64)
    table: Table = {"payment.amount_ref": purchases.amount_cents}
    for days in (1, 30):
        own = trailing(purchases.customer, second, days)
        table[f"velocity.buyer_attempts_{days}d"] = own.count - 1
        table[f"velocity.buyer_sum_{days}d"] = (
            own.total(purchases.amount_cents) - purchases.amount_cents
        )
    for days in (7, 30):
        there = trailing(purchases.terminal, second, days, DELAY_DAYS)
        table[f"velocity.terminal_attempts_{days}d"] = there.count
        table[f"velocity.terminal_disputed_{days}d"] = there.total(frauds)
    return table
