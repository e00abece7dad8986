"""The clocks that tiers look at, and conditions over them. Pure.

A point is what all clocks show at one instant, with the fact whether the buyer stayed away. The
boundaries of all conditions cut the space of points into cells: within a cell no condition changes
its answer, so one point of each stands for all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Points are exact to what a database keeps of an instant.
MICROSECONDS = 1_000_000


class Clock(StrEnum):
    """What is measured; all but the last grow with time, and none of those is below zero."""

    SINCE_PURCHASE = "since_purchase"
    SINCE_CAPTURE = "since_capture"
    SINCE_DELIVERY = "since_delivery"
    #: Shrinks with time; negative once the service has begun.
    BEFORE_SERVICE = "before_service"


@dataclass(frozen=True, slots=True)
class Within:
    """The clock shows ``from_s`` or more, and less than ``to_s``; ``None`` is no bound."""

    clock: Clock
    from_s: int | None
    to_s: int | None


@dataclass(frozen=True, slots=True)
class NoShow:
    """The buyer stayed away, or did not."""

    value: bool


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Within | NoShow | Every | Either


@dataclass(frozen=True, slots=True)
class Point:
    """What the clocks show, in microseconds, and whether the buyer stayed away."""

    clocks: Mapping[Clock, int]
    no_show: bool


def holds(condition: Condition, point: Point) -> bool:
    """Say whether a condition holds at a point that has every clock which it names.

    >>> week = Within(Clock.BEFORE_SERVICE, 604_800, None)
    >>> holds(week, Point({Clock.BEFORE_SERVICE: 604_800 * MICROSECONDS}, no_show=False))
    True
    """
    match condition:
        case Within(clock, from_s, to_s):
            shown = point.clocks[clock]
            return (from_s is None or shown >= from_s * MICROSECONDS) and (
                to_s is None or shown < to_s * MICROSECONDS
            )
        case NoShow(value):
            return point.no_show is value
        case Every(parts):
            return all(holds(part, point) for part in parts)
        case Either(parts):
            return any(holds(part, point) for part in parts)


def leaves(condition: Condition) -> Iterator[Within | NoShow]:
    """Give the conditions that stand inside, without those that only join others."""
    match condition:
        case Every(parts) | Either(parts):
            for part in parts:
                yield from leaves(part)
        case _:
            yield condition


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells into which the boundaries of some conditions cut the space of points."""

    #: The boundaries of each clock that is named, in seconds, ascending.
    cuts: Mapping[Clock, tuple[int, ...]]
    asks_no_show: bool

    @property
    def size(self) -> int:
        """The number of cells."""
        cells = 2 if self.asks_no_show else 1
        for bounds in self.cuts.values():
            cells *= len(bounds) + 1
        return cells

    def points(
        self, known: Mapping[Clock, int] = MappingProxyType({}), *, no_show: bool | None = None
    ) -> Iterator[Point]:
        """Give one point of each cell; what is known is not varied."""
        axes = [
            [known[clock]] if clock in known else [shown * MICROSECONDS for shown in _each(bounds)]
            for clock, bounds in self.cuts.items()
        ]
        absent = [False, True] if no_show is None and self.asks_no_show else [bool(no_show)]
        for *shown, away in product(*axes, absent):
            yield Point(dict(zip(self.cuts, shown, strict=True)), no_show=bool(away))


def _each(bounds: tuple[int, ...]) -> Iterator[int]:
    """Give one second of each stretch between the bounds; a bound belongs to what follows it."""
    yield bounds[0] - 1
    yield from bounds


def grid_of(conditions: Iterable[Condition]) -> Grid:
    """Return the cells that these conditions make."""
    found: dict[Clock, set[int]] = {}
    asks_no_show = False
    for condition in conditions:
        for leaf in leaves(condition):
            if isinstance(leaf, NoShow):
                asks_no_show = True
            else:
                bounds = {bound for bound in (leaf.from_s, leaf.to_s) if bound is not None}
                found.setdefault(leaf.clock, set()).update(bounds)
    cuts = {clock: tuple(sorted(found[clock])) for clock in Clock if clock in found}
    return Grid(MappingProxyType(cuts), asks_no_show)
