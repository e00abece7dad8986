"""Small rulesets for tests, and what is said of wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from paykeel.errors import RulesetRefused
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.judge import Judgement, compile_ruleset, judge
from paykeel.fraud.rules import read_ruleset

if TYPE_CHECKING:
    from collections.abc import Mapping

#: One for all tests: it keeps what it compiled, and nothing else.
ENGINE = CelEngine()
LISTS = {"list.block": False, "list.allow": False, "list.watch": False}


def rule(key: str = "dear", **changes: Any) -> dict[str, Any]:
    """A rule that reviews what costs more than 50.00."""
    return {
        "key": key,
        "when": "payment.amount_ref > 5000",
        "action": "review",
        "mode": "live",
        "reason": key,
        **changes,
    }


def document(*rules: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A ruleset of these rules."""
    return {"ruleset": "tested", "rules": list(rules or [rule()]), **changes}


def mistakes(wrong: object) -> list[tuple[str, str]]:
    """The code and the path of everything that is wrong with a document."""
    with pytest.raises(RulesetRefused) as refused:
        read_ruleset(wrong, ENGINE)
    assert refused.value.code == "ruleset_refused"
    return [(one["code"], one["path"]) for one in refused.value.data["mistakes"]]


def expression_mistake(when: str, **changes: Any) -> dict[str, Any]:
    """The one thing that is wrong with an expression."""
    with pytest.raises(RulesetRefused) as refused:
        read_ruleset(document(rule(when=when), **changes), ENGINE)
    (found,) = refused.value.data["mistakes"]
    assert found["path"] == "rules[0].when"
    assert isinstance(found, dict)
    return found


def judged(ruleset: Mapping[str, Any], attributes: Mapping[str, Any] | None = None) -> Judgement:
    """What a ruleset says of a purchase; on no list unless told otherwise."""
    compiled = compile_ruleset(read_ruleset(ruleset, ENGINE), ENGINE)
    return judge(compiled, {**LISTS, **(attributes or {})})
