"""What a policy gives for one state of the facts, and every state that what is missing allows.

A fact that is missing could be anything, so each thing that it could be is tried: one point of
each cell of its clock, both answers to whether the buyer stayed away, each jurisdiction that a
floor names and one that none does (of a country that is told, each part that a floor names), and
the least and the most that units can keep. What comes out the same in all these worlds does not
depend on the fact. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING

from paykeel.refunds.clocks import MICROSECONDS, Clock, grid_of, holds
from paykeel.refunds.policy import ANY, WHOLE_BPS, Component, Refundable, is_in
from paykeel.refunds.rounding import Rounding, largest_remainder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from paykeel.refunds.clocks import Grid, Point
    from paykeel.refunds.facts import RefundFacts
    from paykeel.refunds.policy import Given, RefundPolicy, StatutoryFloor, Tier

#: A place that no floor names.
_ELSEWHERE = ""


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What goes back in all, by component in their order; ``code`` and ``name`` say by what."""

    shares: tuple[int, ...]
    code: str
    name: str
    given: Given | None = None
    #: In minor units, before rounding: what the merchant keeps of it by fee and by units.
    fee: int = 0
    kept: int = 0

    @property
    def total(self) -> int:
        """The sum of the shares."""
        return sum(self.shares)


@dataclass(frozen=True, slots=True)
class World:
    """One state of what is missing, by the names of the facts, and what is given then."""

    supposed: tuple[tuple[str, object], ...]
    #: By the merchant's own rules.
    own: Entitlement
    #: By the statutory floors.
    floor: Entitlement


def shown(facts: RefundFacts, as_of: datetime) -> dict[Clock, int]:
    """Return what the clocks show, in microseconds; a clock without its instant is left out."""
    starts = {
        Clock.SINCE_PURCHASE: facts.purchased_at,
        Clock.SINCE_CAPTURE: facts.captured_at,
        Clock.SINCE_DELIVERY: facts.delivered_at,
    }
    tick = timedelta(microseconds=1)
    clocks = {
        clock: max(0, (as_of - start) // tick)
        for clock, start in starts.items()
        if start is not None
    }
    if facts.service_at is not None:
        clocks[Clock.BEFORE_SERVICE] = (facts.service_at - as_of) // tick
    return clocks


def worlds(policy: RefundPolicy, facts: RefundFacts, as_of: datetime) -> Iterator[World]:
    """Give what the policy says for each state of what is missing; one world if nothing is."""
    floors = [floor for floor in policy.statutory_floor if facts.reason in floor.reasons]
    asked = policy.tiers
    grid = grid_of([*(tier.when for tier in asked), *(floor.when for floor in floors)])
    known = shown(facts, as_of)
    places = _places(facts, floors)
    units = _units(facts, asked, policy.otherwise)
    # The same tier gives the same in many worlds, and is counted once.
    found: dict[tuple[int | None, tuple[int, int]], Entitlement] = {}
    no_show = facts.no_show
    if known.get(Clock.BEFORE_SERVICE, -1) >= 0:
        no_show = False  # Nobody has stayed away from what has not begun, whatever is told.
    for point in grid.points(known, no_show=no_show):
        if _is_before_purchase(grid, known, point) or _is_away_too_soon(grid, point):
            continue
        at = _tier_at(asked, point)
        for place, counted in product(places, units):
            own = found.get((at, counted))
            if own is None:
                own = _own(policy, facts, asked[at] if at is not None else None, counted)
                found[at, counted] = own
            supposed: list[tuple[str, object]] = [
                (clock.value, value) for clock, value in point.clocks.items() if clock not in known
            ]
            if no_show is None and grid.asks_no_show:
                supposed.append(("no_show", point.no_show))
            if len(places) > 1:
                supposed.append(("jurisdiction", place))
            if len(units) > 1:
                supposed.append(("units", counted))
            yield World(tuple(supposed), own, _floor(facts, floors, place, point))


def _is_before_purchase(grid: Grid, known: Mapping[Clock, int], point: Point) -> bool:
    """Say whether a delivery is supposed that would have come before the purchase."""
    shown_there = point.clocks.get(Clock.SINCE_DELIVERY)
    if shown_there is None or Clock.SINCE_DELIVERY in known:
        return False
    # The first cell reaches down to a delivery at this moment; each other begins where it stands.
    first = (grid.cuts[Clock.SINCE_DELIVERY][0] - 1) * MICROSECONDS
    return shown_there != first and shown_there > known[Clock.SINCE_PURCHASE]


def _is_away_too_soon(grid: Grid, point: Point) -> bool:
    """Say whether somebody is supposed to have stayed away from what has not begun."""
    before = point.clocks.get(Clock.BEFORE_SERVICE)
    if not point.no_show or before is None:
        return False
    # The first cell reaches down to a service long past; each other begins where it stands.
    return before >= 0 and before != (grid.cuts[Clock.BEFORE_SERVICE][0] - 1) * MICROSECONDS


def _units(
    facts: RefundFacts, tiers: Sequence[Tier], otherwise: Given | None
) -> Sequence[tuple[int, int]]:
    """Return the units to try: none of the fare and all of it can be kept, if any is."""
    if facts.units is not None:
        return (facts.units,)
    keeps = any(tier.give.units_kept for tier in tiers)
    keeps = keeps or (otherwise is not None and otherwise.units_kept > 0)
    return ((1, 0), (1, facts.captured_of(Component.FARE))) if keeps else ((1, 0),)


def _places(facts: RefundFacts, floors: Sequence[StatutoryFloor]) -> Sequence[str]:
    """Return the jurisdictions to try.

    What is told is one of them, and each of its parts that a floor names: whoever says Germany has
    not said whether it was in Bavaria.
    """
    told = facts.jurisdiction
    named = {place for floor in floors for place in floor.jurisdictions} - {ANY}
    if told is None:
        return (_ELSEWHERE, *sorted(named))
    return (told, *sorted(place for place in named - {told} if is_in(place, told)))


def _tier_at(tiers: Sequence[Tier], point: Point) -> int | None:
    """Return which tier holds; at most one does, which was checked when the policy was read."""
    return next((at for at, tier in enumerate(tiers) if holds(tier.when, point)), None)


def _own(
    policy: RefundPolicy, facts: RefundFacts, tier: Tier | None, units: tuple[int, int]
) -> Entitlement:
    """Return what the merchant's own rules give in a tier, or in none."""
    exception = policy.exceptions.get(facts.reason)
    if exception and exception.bypass_tiers:
        raw = [facts.captured_of(component) * exception.percent_bps for component in Component]
        shares = largest_remainder(raw, WHOLE_BPS, policy.rounding)
        return Entitlement(shares, "exception", facts.reason)
    given = tier.give if tier else policy.otherwise
    if given is None:
        raise RuntimeError("a policy that was checked has a tier for every time, or an otherwise")
    percent = exception.percent_bps if exception else given.percent_bps
    ruled: list[int] = []
    own: list[int] = []
    base = kept = 0
    count, price = units
    for component in Component:
        captured = facts.captured_of(component)
        rule = policy.components.get(component)
        if rule and rule.refundable is not Refundable.INHERIT:
            ruled.append(0)
            own.append(captured * rule.percent_bps if rule.refundable is Refundable.YES else 0)
            continue
        base += captured
        if component is Component.FARE:
            kept = min(captured, min(given.units_kept, count) * price)
            captured -= kept
        ruled.append(captured * percent)
        own.append(0)
    # In ten-thousandths of a minor unit, so that nothing is rounded before the end.
    fee = given.fee * WHOLE_BPS
    if given.fee_cap_bps is not None:
        fee = min(fee, given.fee_cap_bps * base)
    before = sum(ruled)
    fee = min(fee, before)
    # The fee is taken from each part that the tier rules over, in proportion to what it gives.
    scale = before or 1
    exact = [part * (before - fee) + other * scale for part, other in zip(ruled, own, strict=True)]
    shares = largest_remainder(exact, WHOLE_BPS * scale, policy.rounding)
    code = "exception" if exception else "tier" if tier else "otherwise"
    name = facts.reason.value if exception else tier.name if tier else "otherwise"
    return Entitlement(shares, code, name, given, fee // WHOLE_BPS, kept)


def _floor(
    facts: RefundFacts, floors: Sequence[StatutoryFloor], place: str, point: Point
) -> Entitlement:
    """Return the most that a law gives here; rounded up, because it is the least that is due."""
    best = Entitlement((0,) * len(Component), "statutory_floor", "")
    for floor in floors:
        within = any(here == ANY or is_in(place, here) for here in floor.jurisdictions)
        if not within or not holds(floor.when, point):
            continue
        raw = [
            facts.captured_of(component) * floor.percent_bps if component in floor.components else 0
            for component in Component
        ]
        shares = largest_remainder(raw, WHOLE_BPS, Rounding.UP)
        if sum(shares) > best.total:
            best = Entitlement(shares, "statutory_floor", floor.name)
    return best
