"""Every rule is asked, block wins, and what does not answer blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.fraud import FraudPreventionService, Purchase, Rule, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

PURCHASE = Purchase(
    merchant_id=UUID(int=1),
    amount=1_250,
    currency="EUR",
    buyer_id="agent-7",
    buyer_role="agent",
    reference=None,
    metadata={},
)


def allow(_: Purchase) -> Verdict:
    return Verdict.ALLOW


def block(_: Purchase) -> Verdict:
    return Verdict.BLOCK


def fail(_: Purchase) -> Verdict:
    raise LookupError("4242 4242 4242 4242 is on the list")


def verdict(*judges: Callable[[Purchase], Any]) -> Verdict:
    rules = [Rule(f"rule_{place}", judge) for place, judge in enumerate(judges)]
    return FraudPreventionService(rules).judge(PURCHASE).verdict


@pytest.mark.parametrize(
    ("judges", "expected"),
    [
        ((), Verdict.ALLOW),
        ((allow,), Verdict.ALLOW),
        ((allow, allow), Verdict.ALLOW),
        ((block,), Verdict.BLOCK),
        ((block, allow), Verdict.BLOCK),
        ((allow, block), Verdict.BLOCK),
        ((fail, allow), Verdict.BLOCK),
        ((allow, fail), Verdict.BLOCK),
    ],
)
def test_block_wins(judges: tuple[Callable[[Purchase], Any], ...], expected: Verdict) -> None:
    assert verdict(*judges) is expected


@pytest.mark.parametrize("said", [None, True, "yes", "", 0, "block", object(), Verdict])
def test_what_is_no_verdict_blocks(said: object) -> None:
    assert verdict(lambda _: said) is Verdict.BLOCK


def test_the_decision_names_every_rule_and_the_facts() -> None:
    rules = [Rule("fine", allow), Rule("broken", fail), Rule("hard", block), Rule("last", allow)]
    decision = FraudPreventionService(rules).judge(PURCHASE)
    assert decision.rules == (
        {"rule": "fine", "result": "allow"},
        # The kind of error only: its text may hold anything.
        {"rule": "broken", "result": "error: LookupError"},
        {"rule": "hard", "result": "block"},
        {"rule": "last", "result": "allow"},
    )
    assert decision.facts == {"amount": 1_250, "currency": "EUR", "buyer_role": "agent"}


def test_rules_that_are_added_later_do_not_count() -> None:
    rules = [Rule("fine", allow)]
    service = FraudPreventionService(rules)
    rules.append(Rule("late", block))
    assert service.judge(PURCHASE).verdict is Verdict.ALLOW
