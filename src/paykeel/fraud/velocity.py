"""Velocity: what has happened under a key within a trailing window, counted exactly.

Pure: which windows a ruleset needs for a purchase, what the database read of each, and how each
purchase of a batch counts for the next. Reading is a statement, after the locks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paykeel.fraud.catalogue import CAPPED
from paykeel.fraud.ruleset import Aggregate, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from paykeel.fraud.catalogue import Given
    from paykeel.fraud.ruleset import Velocity

#: How many rows a read of distinct values visits: the cap is how many values it can tell apart.
DISTINCT_ROWS_MAX = 1_000
#: What stands for no cap, which is allowed for short windows and for keys of one person.
ROWS_MAX = 1_000_000

_ROWS = frozenset({Aggregate.SUM, Aggregate.AVERAGE, Aggregate.MAXIMUM})


@dataclass(frozen=True, slots=True)
class Window:
    """One read: the newest (or the oldest) rows of a key and outcome, within so many seconds."""

    key: int
    outcome: str
    window_s: int
    rows_max: int
    #: For distinct values: the kind whose keys are told apart.
    of: str | None = None
    oldest: bool = False


@dataclass(slots=True)
class Tally:
    """What a window holds, as it was read, and what this batch has added since."""

    count: int = 0
    #: In minor units of the reference currency.
    total: int = 0
    highest: int | None = None
    #: Rows whose amount in the reference currency is not known.
    unknown: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    others: set[int] = field(default_factory=set)

    def add(self, at: datetime, amount_ref: int | None, other: int | None) -> None:
        """Count one more purchase."""
        self.count += 1
        if amount_ref is None:
            self.unknown += 1
        else:
            self.total += amount_ref
            self.highest = amount_ref if self.highest is None else max(self.highest, amount_ref)
        self.first_at = at if self.first_at is None else self.first_at
        self.last_at = at
        if other is not None:
            self.others.add(other)


@dataclass(slots=True)
class Tallies:
    """What was read for a batch of purchases, window by window, and what the batch has added."""

    by_window: dict[Window, Tally] = field(default_factory=dict)
    by_key: dict[int, list[tuple[Window, Tally]]] = field(default_factory=dict)

    def put(self, window: Window, tally: Tally) -> None:
        """Add what was read of a window."""
        self.by_window[window] = tally
        self.by_key.setdefault(window.key, []).append((window, tally))

    def count(self, keys: Mapping[str, int], amount_ref: int | None, at: datetime) -> None:
        """Let a purchase of this batch count for the next, as its rows will for later batches."""
        for key in keys.values():
            for window, tally in self.by_key.get(key, ()):
                if window.outcome == Outcome.ATTEMPTED:
                    other = None if window.of is None else keys.get(window.of)
                    tally.add(at, amount_ref, other)


def window_of(velocity: Velocity, keys: Mapping[str, int]) -> Window | None:
    """Return what has to be read for a velocity; ``None``: the purchase has no such key."""
    key = keys.get(velocity.key)
    if key is None:
        return None
    cap = velocity.cap
    match velocity.aggregate:
        case Aggregate.DISTINCT:
            rows_max = max(DISTINCT_ROWS_MAX, cap or 0)
        case Aggregate.SECONDS_SINCE_FIRST | Aggregate.SECONDS_SINCE_LAST:
            rows_max = 1
        case aggregate:
            # One more than the cap tells whether there was more.
            rows_max = ROWS_MAX if cap is None else cap + (aggregate in _ROWS)
    return Window(
        key,
        str(velocity.outcome),
        velocity.window_s,
        rows_max,
        velocity.of,
        oldest=velocity.aggregate is Aggregate.SECONDS_SINCE_FIRST,
    )


def value_of(velocity: Velocity, tally: Tally, at: datetime) -> Given:
    """Return the attribute's value, ``CAPPED`` where it cannot be told exactly, or ``None``."""
    cap = velocity.cap
    over = cap is not None and tally.count > cap
    match velocity.aggregate:
        case Aggregate.COUNT:
            return tally.count if cap is None else min(tally.count, cap)
        case Aggregate.DISTINCT:
            seen = len(tally.others)
            if cap is not None and seen >= cap:
                return cap
            return CAPPED if tally.count >= max(DISTINCT_ROWS_MAX, cap or 0) else seen
        case Aggregate.SUM:
            return CAPPED if over or tally.unknown else tally.total
        case Aggregate.MAXIMUM:
            return CAPPED if over or tally.unknown else tally.highest
        case Aggregate.AVERAGE:
            if over or tally.unknown:
                return CAPPED
            return tally.total / tally.count if tally.count else None
        case Aggregate.SECONDS_SINCE_FIRST:
            return None if tally.first_at is None else _seconds(at, tally.first_at)
        case Aggregate.SECONDS_SINCE_LAST:
            return None if tally.last_at is None else _seconds(at, tally.last_at)


def _seconds(later: datetime, earlier: datetime) -> int:
    """Return whole seconds between two instants, rounded down."""
    return max(0, int((later - earlier).total_seconds()))
