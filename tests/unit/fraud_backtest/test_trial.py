"""What a backtest counts, on a past small enough to count by hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from paykeel.fraud.engine import CelEngine
from paykeel.fraud.judge import compile_ruleset, judge
from paykeel.fraud.rules import read_ruleset
from paykeel.fraud.trial import OVERLAPS_MAX, Case, Category, Trial, category_of

ENGINE = CelEngine()
LISTS = {"list.block": False, "list.allow": False, "list.watch": False}


def rule(key: str, when: str, action: str, **changes: Any) -> dict[str, Any]:
    return {"key": key, "when": when, "action": action, "mode": "live", "reason": key, **changes}


RULESET = read_ruleset(
    {
        "ruleset": "tried",
        "rules": [
            rule("dear", "payment.amount_ref > 1000", "block"),
            rule("dearest", "payment.amount_ref > 5000", "review"),
            rule("abroad", "card.country != 'NL'", "review", mode="shadow"),
        ],
    },
    ENGINE,
)
COMPILED = compile_ruleset(RULESET, ENGINE)


def tried(*cases: tuple[int, dict[str, Any]], examples_max: int = 5) -> dict[str, Any]:
    trial = Trial(RULESET, examples_max=examples_max)
    for number, (amount, changes) in enumerate(cases):
        values: dict[str, Any] = {
            "payment_id": UUID(int=number),
            "decided": "allow",
            "category": Category.SUCCEEDED,
            "label": None,
            "amount": amount,
            "currency": "EUR",
            "amount_ref": amount,
            **changes,
        }
        attributes = {**LISTS, "payment.amount_ref": amount}
        trial.add(Case(**values), judge(COMPILED, attributes))
    return trial.document()


FRAUD = {"label": "fraud", "category": Category.DISPUTED}


def test_precision_recall_and_good_amounts() -> None:
    found = tried(
        (2_000, FRAUD), (100, FRAUD), (3_000, {}), (4_000, {"label": "genuine"}), (50, {}),
        (9_000, {"category": Category.DECLINED}), (2_500, {"currency": "SEK", "amount_ref": None}),
    )  # fmt: skip
    assert found["decisions"] == 7
    assert found["labels"] == {"fraud": 2, "genuine": 1, "unlabelled": 4}
    block = found["at_least"]["block"]
    assert (block["frauds"], block["good"], block["genuine"]) == (1, 3, 1)
    assert (block["precision"], block["precision_labelled"], block["recall"]) == (0.25, 0.5, 0.5)
    assert found["good"]["block"] == {
        "purchases": 3,
        "amount_by_currency": {"EUR": 7_000, "SEK": 2_500},
        "amount_ref": 7_000,
        "without_amount_ref": 1,
    }
    assert found["fraud"]["block"]["amount_ref"] == 2_000
    assert found["categories"]["declined"]["block"] == 1
    assert found["categories"]["succeeded"] == {"block": 3, "review": 0, "challenge": 0, "allow": 1}


def test_rules_overlap_and_what_they_could_not_answer() -> None:
    dear, dearest, abroad = tried((2_000, FRAUD), (6_000, {}), (6_001, {}))["rules"]
    assert (dear["matched"], dear["alone"], dearest["matched"], dearest["alone"]) == (3, 1, 2, 0)
    assert dear["categories"]["disputed"] == 1
    assert dear["good_purchases"]["amount_ref"] == 12_001
    assert abroad["unanswered"] == {"missing:card.country": 3}
    assert abroad["mode"] == "shadow"
    found = tried((2_000, {}), (6_000, {}), (6_001, {}))
    assert found["overlap"] == [{"rules": ["dear", "dearest"], "purchases": 2}]
    assert len(found["overlap"]) <= OVERLAPS_MAX


def test_differences_name_examples_and_no_more_than_asked_for() -> None:
    found = tried(*[(2_000, {})] * 4, (10, {"decided": "block"}), examples_max=2)
    assert found["decided"]["allow"]["block"] == 4
    allowed, blocked = found["changes"]
    assert (allowed["decided"], allowed["would"], allowed["purchases"]) == ("allow", "block", 4)
    assert allowed["examples"] == [str(UUID(int=0)), str(UUID(int=1))]
    assert (blocked["would"], blocked["examples"]) == ("allow", [str(UUID(int=4))])
    assert found["rules"][0]["examples"] == allowed["examples"]


def test_nothing_is_a_share_of_nothing() -> None:
    assert tried()["at_least"]["block"]["precision"] is None


@pytest.mark.parametrize(
    ("changes", "category"),
    [
        ({"decided": "block", "status": "blocked", "label": "fraud"}, Category.BLOCKED),
        ({"status": "blocked", "decided": "review"}, Category.BLOCKED),
        ({"label": "fraud", "refunded": 5}, Category.DISPUTED),
        ({"label": "fraud", "status": "failed", "captured": 0}, Category.DISPUTED),
        ({"refunded": 5, "label": "genuine"}, Category.REFUNDED),
        ({"status": "failed", "captured": 0}, Category.DECLINED),
        ({}, Category.SUCCEEDED),
        ({"status": "authorized", "captured": 0}, Category.SUCCEEDED),
        ({"status": "canceled", "captured": 0}, Category.OPEN),
        ({"status": "in_review", "captured": 0, "decided": "review"}, Category.OPEN),
    ],
)
def test_what_became_of_a_purchase(changes: dict[str, Any], category: Category) -> None:
    values: dict[str, Any] = {
        "decided": "allow",
        "status": "succeeded",
        "label": None,
        "captured": 10,
        "refunded": 0,
    }
    assert category_of(**{**values, **changes}) is category
