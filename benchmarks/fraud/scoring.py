"""How well scores tell fraud from the rest: AUC, average precision, card precision at 100."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.fraud.simulation import Booleans, Floats, Integers

CARDS_A_DAY = 100


@dataclass(frozen=True, slots=True)
class Quality:
    """The three figures of the handbook."""

    auc: float
    average_precision: float
    card_precision: float


@dataclass(frozen=True, slots=True)
class Scored:
    """The payments that are scored: day, card and truth of each."""

    day: Integers
    card: Integers
    fraud: Booleans


def quality(tested: Scored, scores: Floats) -> Quality:
    """Return all three figures for one score a payment."""
    return Quality(
        auc(tested.fraud, scores),
        average_precision(tested.fraud, scores),
        card_precision(tested, scores),
    )


def auc(fraud: Booleans, scores: Floats) -> float:
    """Return the chance that a fraud scores above a good payment; a tie counts half."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    # Equal scores share the mean of the ranks that they take up together.
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    frauds = int(fraud.sum())
    above = float(ranks[fraud].sum()) - frauds * (frauds + 1) / 2
    return above / (frauds * (len(fraud) - frauds))


def average_precision(fraud: Booleans, scores: Floats) -> float:
    """Return the precision at each distinct score, weighted by the recall that it adds."""
    _, place = np.unique(-scores, return_inverse=True)
    found = np.bincount(place, weights=fraud)
    precision = np.cumsum(found) / np.cumsum(np.bincount(place))
    return float((precision * found).sum() / found.sum())


def card_precision(tested: Scored, scores: Floats, cards: int = CARDS_A_DAY) -> float:
    """Return how many of the cards that would be looked at each day are defrauded, on average.

    A day's cards are those with the highest scores. One that is found leaves the days after it.
    Cards with equal scores are taken in an order drawn once, so that no card number matters.
    """
    lot = np.random.default_rng(0).permutation(int(tested.card.max()) + 1)
    gone = np.zeros(len(lot), dtype=np.bool_)
    precisions = []
    for day in np.unique(tested.day):
        here = (tested.day == day) & ~gone[tested.card]
        best = np.full(len(lot), -np.inf)
        np.maximum.at(best, tested.card[here], scores[here])
        bad = np.zeros(len(lot), dtype=np.bool_)
        bad[tested.card[here & tested.fraud]] = True
        top = np.lexsort((lot, -best))[:cards]
        precisions.append(np.count_nonzero(bad[top]) / cards)
        gone[top[bad[top]]] = True
    return float(np.mean(precisions))
