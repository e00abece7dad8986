"""The engine that judges, in C++, and another one, in Rust, agree on 20,000 random rules."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import cel
import pytest

from paykeel.fraud.engine import CelEngine, CelProgram, Missing
from tests.fraud.differential.grammar import VARIABLES, Grammar

PARTS = 10
RULES_PER_PART = 2_000


def nested(context: dict[str, Any]) -> dict[str, Any]:
    """Give dotted names as objects, which is how the other engine takes them."""
    found: dict[str, Any] = {}
    for name, value in context.items():
        *folders, last = name.split(".")
        inner = found
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[last] = value
    return found


def other_says(text: str, context: dict[str, Any]) -> bool | str:
    """Ask the other engine; all of its errors are one."""
    try:
        said = cel.compile(text).execute(nested(context))
    except (ValueError, RuntimeError, TypeError, ArithmeticError, KeyError):
        return "error"
    assert isinstance(said, bool)
    return said


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_two_engines_say_the_same(part: int) -> None:
    chance = random.Random(f"rules {part}")
    grammar, scope = Grammar(chance), CelEngine().scope(VARIABLES)
    disagreements: list[tuple[str, object, object, object]] = []
    said: Counter[str] = Counter()
    while said.total() < RULES_PER_PART:
        text, context = grammar.rule(), grammar.context()
        program = scope.compile(text)
        if isinstance(program, tuple):
            # Only for its size or depth; the grammar writes nothing that is wrong.
            assert program[0].code in {"expression_too_deep", "expression_too_many_tokens"}, text
            continue
        assert isinstance(program, CelProgram)
        answer = program.evaluate(scope.bind(context))
        ours = answer if isinstance(answer, bool) else "error"
        # What a judge binds is what the program is said to name.
        assert not isinstance(answer, Missing) or answer.attribute in program.references
        theirs = other_says(text, context)
        said[str(ours)] += 1
        if ours is not theirs and ours != theirs:
            disagreements.append((text, answer, theirs, context))
    assert disagreements[:3] == []
    # Were all of them errors, agreeing would be cheap.
    assert min(said.values()) > RULES_PER_PART // 10, said


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        ("size(buyer.id) == 1", True, False),
        ("now.getHours('Europe/Amsterdam') == 0", True, "error"),
        ("timestamp('2026-11-23T23:00:00-02:00').getHours() == 1", True, False),
        ("0.0 / 0.0 < 1.0", False, "error"),
    ],
)
def test_what_they_are_known_to_disagree_on(text: str, ours: object, theirs: object) -> None:
    """Whoever changes engines has to mend these; everybody else need not care."""
    grammar = Grammar(random.Random(1))
    context = {**grammar.context(), "buyer.id": "é", "now": grammar._value(VARIABLES["now"])}
    context["now"] = context["now"].replace(month=11, hour=23)
    scope = CelEngine().scope(VARIABLES)
    program = scope.compile(text)
    assert isinstance(program, CelProgram)
    assert program.evaluate(scope.bind(context)) == ours
    assert other_says(text, context) == theirs
