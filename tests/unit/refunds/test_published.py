"""What published policies say, to the minor unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paykeel.fraud.documents import read_yaml
from paykeel.refunds.parsing import policy_of
from paykeel.refunds.policy import canonical, policy_sha256
from paykeel.refunds.quoting import needs_approval, quote
from tests.unit.refunds.policies import NAMES, NOW, example, facts

TABLE: Any = read_yaml((Path(__file__).parent / "cases" / "published.yaml").read_text())
CASES = [
    pytest.param(group["policy"], {**group["facts"], **case}, id=f"{group['policy']}-{place}")
    for group in TABLE
    for place, case in enumerate(group["cases"], 1)
]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_published_policy_is_kept_to_the_minor_unit(name: str, case: dict[str, Any]) -> None:
    policy = example(name)
    quoted = quote(policy, facts(**case), NOW)
    assert quoted.amount == case["amount"], quoted.trace
    expected = case.get("outcome", "refundable" if case["amount"] else "denied")
    assert quoted.outcome == expected, quoted.code
    assert quoted.code == case.get("code", quoted.code)
    assert quoted.approval is case.get("approval", expected == "ask")
    assert needs_approval(policy, quoted, quoted.amount) is quoted.approval
    assert sum(line.this for line in quoted.breakdown) == quoted.amount
    assert sum(line.total for line in quoted.breakdown) == quoted.total


def test_the_table_is_large_and_says_where_it_is_from() -> None:
    assert len(CASES) >= 60
    assert all(group["source"] and group["words"] for group in TABLE)
    assert {group["policy"] for group in TABLE} == set(NAMES)
    used = {case.values[1]["currency"] for case in CASES}  # type: ignore[index]
    assert {"JPY", "KWD", "EUR", "USD"} <= used


@pytest.mark.parametrize("name", NAMES)
def test_an_example_and_its_values_say_the_same(name: str) -> None:
    policy = example(name)
    assert policy.key == name
    assert policy_of(policy.document()) == policy
    again = policy_of(policy.document()).document()
    assert canonical(again) == canonical(policy.document())
    assert len(policy_sha256(again)) == 32
