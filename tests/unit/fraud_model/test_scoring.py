"""The benchmark's figures, against slow definitions and against scikit-learn."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from benchmarks.fraud.scoring import Scored, auc, average_precision, card_precision, quality


def sample(seed: int, levels: int) -> tuple[Scored, np.ndarray]:
    draw = np.random.default_rng(seed)
    count = 400
    tested = Scored(
        np.sort(draw.integers(0, 4, count)), draw.integers(0, 60, count), draw.random(count) < 0.2
    )
    return tested, draw.integers(0, levels, count) / levels + 0.2 * tested.fraud


@pytest.mark.parametrize("levels", [2, 7, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_auc_and_average_precision_are_those_of_scikit_learn(seed: int, levels: int) -> None:
    metrics = import_module("sklearn.metrics")
    tested, scores = sample(seed, levels)
    assert auc(tested.fraud, scores) == pytest.approx(metrics.roc_auc_score(tested.fraud, scores))
    expected = metrics.average_precision_score(tested.fraud, scores)
    assert average_precision(tested.fraud, scores) == pytest.approx(expected)


def slow_card_precision(tested: Scored, scores: np.ndarray, cards: int) -> float:
    found: set[int] = set()
    precisions = []
    for day in sorted(set(tested.day.tolist())):
        best: dict[int, float] = {}
        bad: set[int] = set()
        for place in np.flatnonzero(tested.day == day).tolist():
            card = int(tested.card[place])
            if card in found:
                continue
            best[card] = max(best.get(card, -1.0), float(scores[place]))
            if tested.fraud[place]:
                bad.add(card)
        top = set(sorted(best, key=lambda card: -best[card])[:cards])
        precisions.append(len(top & bad) / cards)
        found |= top & bad
    return sum(precisions) / len(precisions)


@pytest.mark.parametrize("seed", range(5))
def test_card_precision_is_that_of_its_definition(seed: int) -> None:
    tested, _ = sample(seed, 2)
    # No two scores are equal, since equal ones are ordered by lot.
    scores = np.random.default_rng(seed).permutation(len(tested.day)) / len(tested.day)
    assert card_precision(tested, scores, 10) == pytest.approx(
        slow_card_precision(tested, scores, 10)
    )


def test_the_truth_as_a_score_is_perfect_and_its_opposite_is_not() -> None:
    tested, _ = sample(3, 2)
    best = quality(tested, tested.fraud.astype(np.float64))
    assert (best.auc, best.average_precision) == (1.0, 1.0)
    assert quality(tested, -tested.fraud.astype(np.float64)).auc == 0.0
