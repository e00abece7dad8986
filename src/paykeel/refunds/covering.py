"""Checks that exactly one tier holds at every time. Pure.

It is exact: the boundaries of all conditions cut the space of clocks into cells, and each cell is
tried. The clocks are taken as independent of one another, so a policy also says what holds at
times that cannot be, such as a capture long before the purchase; `otherwise` is good for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.fraud.ruleset import duration_text
from paykeel.refunds.clocks import MICROSECONDS, grid_of, holds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.fraud.reading import Reading
    from paykeel.refunds.clocks import Grid, Point
    from paykeel.refunds.policy import StatutoryFloor, Tier

#: Of tiers and statutory floors together.
CELLS_MAX = 4_096
#: What one quote may have to look at when nothing is known: each cell, in each place that a floor
#: names and in none, with the least and the most that units can keep.
WORLDS_MAX = 8_192


def check_cover(
    reading: Reading,
    tiers: Sequence[Tier],
    floors: Sequence[StatutoryFloor],
    *,
    has_otherwise: bool,
) -> None:
    """Note every gap, every two tiers that overlap, and whatever can never hold."""
    size = grid_of([*(tier.when for tier in tiers), *(floor.when for floor in floors)]).size
    if size > CELLS_MAX:
        message = f"At most {CELLS_MAX:,} cells; the boundaries make {size:,}."
        reading.refuse("too_many_cells", "tiers", message)
        return
    places = len({place for floor in floors for place in floor.jurisdictions}) + 1
    seen = size * places * (2 if any(tier.give.units_kept for tier in tiers) else 1)
    if seen > WORLDS_MAX:
        message = (
            f"A quote looks at no more than {WORLDS_MAX:,} cases: cells times places of statutory "
            f"floors, twice where units are kept; these are {seen:,}."
        )
        reading.refuse("too_many_cases", "statutory_floor" if places > 1 else "tiers", message)
        return
    grid = grid_of([tier.when for tier in tiers])
    gap: Point | None = None
    overlaps: dict[tuple[int, int], Point] = {}
    reached: set[int] = set()
    for point in grid.points():
        here = [place for place, tier in enumerate(tiers) if holds(tier.when, point)]
        reached.update(here)
        if not here and gap is None:
            gap = point
        for other in here[1:]:
            overlaps.setdefault((here[0], other), point)
    for place in range(len(tiers)):
        if place not in reached:
            _never(reading, f"tiers[{place}].when")
    for (one, other), point in overlaps.items():
        message = f"tiers[{one}] holds at the same time: {_told(grid, point)}."
        reading.refuse("tier_overlap", f"tiers[{other}].when", message)
    if gap is None and has_otherwise:
        _never(reading, "otherwise")
    if gap is not None and not has_otherwise:
        message = f"No tier holds, and there is no otherwise: {_told(grid, gap)}."
        reading.refuse("tier_gap", "tiers", message)
    for place, floor in enumerate(floors):
        if not any(holds(floor.when, point) for point in grid_of([floor.when]).points()):
            _never(reading, f"statutory_floor[{place}].when")


def _never(reading: Reading, path: str) -> None:
    reading.refuse("tier_unreachable", path, "There is no time at which this holds.")


def _told(grid: Grid, point: Point) -> str:
    """Return a point in words, as an example."""
    said = [f"{clock} {duration_text(point.clocks[clock] // MICROSECONDS)}" for clock in grid.cuts]
    if grid.asks_no_show:
        said.append(f"no_show {str(point.no_show).lower()}")
    return ", ".join(said) or "always"
