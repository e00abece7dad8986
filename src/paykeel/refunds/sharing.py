"""What of a refund is which component's: from what goes back in all, and what went back. Pure.

A refund is shared out so that each component comes to its part of the total, however many refunds
it takes. What earlier refunds gave of each is what was written down with them, and not what they
would have given by today's totals: another tier, another reason or an exception may have shared
them out otherwise, and no component ever gives more than was captured of it. Where the gateway gave
back another amount than was asked for, what was written down is scaled to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.refunds.rounding import Rounding, largest_remainder, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def share(
    captured: Sequence[int], totals: Sequence[int], given: Sequence[int], before: int, amount: int
) -> tuple[int, ...]:
    """Share out a refund over components, in minor units; the parts add up to it.

    Args:
        captured: Of each component.
        totals: What goes back of each in all; never more than was captured of it.
        given: What went back of each, where that is known.
        before: What went back in all. What is unknown of it (it was made at the gateway, or a
            dispute was lost) counts as shared out as if by these totals.
        amount: Of this refund. What it has above the totals is taken from what is left of each.

    >>> share([80, 20], [40, 10], [], 0, 50), share([80, 20], [80, 20], [40, 10], 50, 25)
    ((40, 10), (20, 5))
    """
    # Nothing that was written down takes part beyond what went back in all.
    known = split(given or (0,) * len(captured), before)
    unknown = before - sum(known)
    assumed = _step(captured, totals, known, before, unknown)
    gone = [one + other for one, other in zip(known, assumed, strict=True)]
    return _step(captured, totals, gone, before + amount, amount)


def _step(
    captured: Sequence[int], totals: Sequence[int], gone: Sequence[int], until: int, amount: int
) -> tuple[int, ...]:
    """Share out an amount where most is missing of what each has once ``until`` is reached."""
    targets = _targets(captured, totals, until)
    missing = [max(0, target - had) for target, had in zip(targets, gone, strict=True)]
    return split(missing, min(amount, sum(missing)))


def _targets(captured: Sequence[int], totals: Sequence[int], until: int) -> list[int]:
    """Return what each component has when so much has gone back: its total, then all the rest."""
    whole = sum(totals)
    left = [one - total for one, total in zip(captured, totals, strict=True)]
    within = split(totals, min(until, whole))
    beyond = split(left, min(max(0, until - whole), sum(left)))
    return [one + other for one, other in zip(within, beyond, strict=True)]


def given_of(refunds: Iterable[tuple[int, Sequence[Mapping[str, Any]]]]) -> dict[str, int]:
    """Return what some refunds gave back of each component, in minor units.

    Args:
        refunds: Of each, in order, what it gave back, and the lines of its breakdown as they were
            written down when it was asked for.

    >>> given_of([(50, [{"component": "fare", "captured": 100, "this": 100}])])
    {'fare': 50}
    """
    gone: dict[str, int] = {}
    for amount, lines in refunds:
        names = [line["component"] for line in lines]
        left = [max(0, line["captured"] - gone.get(line["component"], 0)) for line in lines]
        parts = scaled([line["this"] for line in lines], left, amount)
        for name, part in zip(names, parts, strict=True):
            gone[name] = gone.get(name, 0) + part
    return gone


def scaled(parts: Sequence[int], left: Sequence[int], amount: int) -> tuple[int, ...]:
    """Scale the parts of a refund to another amount, of each component no more than is left.

    What one cannot give is shared out over what is left of the others.

    >>> scaled([80, 20], [100, 20], 50), scaled([80, 20], [150, 20], 150)
    ((40, 10), (130, 20))
    """
    whole = max(1, sum(parts))
    wanted = largest_remainder([part * amount for part in parts], whole, Rounding.DOWN)
    here = [min(want, most) for want, most in zip(wanted, left, strict=True)]
    rest = split([most - part for most, part in zip(left, here, strict=True)], amount - sum(here))
    return tuple(part + more for part, more in zip(here, rest, strict=True))
