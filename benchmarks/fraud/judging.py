"""The fitted rules as a ruleset of Paykeel: read, compiled, and asked one payment at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fraud.rules_model import document
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.judge import compile_ruleset, judge
from paykeel.fraud.rules import read_ruleset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fraud.features import Table
    from benchmarks.fraud.rules_model import FittedRule
    from benchmarks.fraud.simulation import Floats
    from paykeel.fraud.judge import Judgement

ON_NO_LIST = {"list.block": False, "list.allow": False, "list.watch": False}


def judged(rules: Sequence[FittedRule], table: Table) -> list[Judgement]:
    """Judge every payment of the table by the rules, as the purchase flow would."""
    engine = CelEngine()
    compiled = compile_ruleset(read_ruleset(document(rules), engine), engine)
    columns = {name: column.tolist() for name, column in table.items()}
    return [
        judge(compiled, {**ON_NO_LIST, **dict(zip(columns, values, strict=True))})
        for values in zip(*columns.values(), strict=True)
    ]


def scores_of(judgements: Sequence[Judgement]) -> Floats:
    """Return the scores; no payment may have gone unjudged."""
    assert not any(judgement.failed for judgement in judgements)
    return np.array([judgement.score for judgement in judgements], dtype=np.float64)
