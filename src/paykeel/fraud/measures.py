"""How well a score orders frauds before good purchases: the two usual measures. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def area_under_curve(scores: Sequence[float], frauds: Sequence[bool]) -> float | None:
    """Return the chance that a fraud has a higher score than a good purchase; a tie counts half.

    None: there are no frauds, or nothing else.

    >>> area_under_curve([9, 1, 5, 5], [True, False, True, False])
    0.875
    """
    positives = sum(frauds)
    negatives = len(frauds) - positives
    if not positives or not negatives:
        return None
    below = won = 0.0
    for _, tied in groupby(sorted(zip(scores, frauds, strict=True)), key=lambda pair: pair[0]):
        group = [fraud for _, fraud in tied]
        hits = sum(group)
        misses = len(group) - hits
        won += hits * (below + misses / 2)
        below += misses
    return won / (positives * negatives)


def average_precision(scores: Sequence[float], frauds: Sequence[bool]) -> float | None:
    """Return the mean precision over all recalls; guessing has the share of frauds.

    None: there are no frauds.

    >>> average_precision([9, 5, 1], [True, False, True])
    0.8333333333333333
    """
    positives = sum(frauds)
    if not positives:
        return None
    ordered = sorted(zip(scores, frauds, strict=True), key=lambda pair: -pair[0])
    seen = hits = 0
    total = 0.0
    for _, tied in groupby(ordered, key=lambda pair: pair[0]):
        group = [fraud for _, fraud in tied]
        seen += len(group)
        hits += sum(group)
        total += sum(group) * hits / seen
    return total / positives
