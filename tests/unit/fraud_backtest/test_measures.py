"""The two measures agree with scikit-learn's, ties included."""

from __future__ import annotations

from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paykeel.fraud.measures import area_under_curve, average_precision

metrics = import_module("sklearn.metrics")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_they_are_the_usual_ones(rows: list[tuple[int, bool]]) -> None:
    scores, frauds = [float(score) for score, _ in rows], [fraud for _, fraud in rows]
    if 0 < sum(frauds) < len(frauds):
        assert area_under_curve(scores, frauds) == pytest.approx(
            metrics.roc_auc_score(frauds, scores)
        )
    if any(frauds):
        assert average_precision(scores, frauds) == pytest.approx(
            metrics.average_precision_score(frauds, scores)
        )


def test_without_both_kinds_there_is_no_measure() -> None:
    assert area_under_curve([1, 2], [True, True]) is None
    assert average_precision([1, 2], [False, False]) is None
