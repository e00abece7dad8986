"""Checks a ruleset's expressions: they compile, ask for what can be seen, and pass their tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paykeel.fraud.catalogue import KNOWN
from paykeel.fraud.judge import bind, needs_of, outcome_of
from paykeel.fraud.lexing import Fault, comparisons, examine, fault_at, references, stands_alone
from paykeel.fraud.ruleset import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from paykeel.fraud.catalogue import Type
    from paykeel.fraud.engine import Program, Scope
    from paykeel.fraud.lexing import Reference, Token
    from paykeel.fraud.reading import Reading
    from paykeel.fraud.ruleset import Rule, Ruleset

_EXPECTED = {True: "matched", False: "not", None: "missing"}


def check_expressions(
    reading: Reading, ruleset: Ruleset, types: Mapping[str, Type], scope: Scope
) -> None:
    """Compile every rule, also those that are off, and run its tests."""
    used: set[str] = set()
    for place, rule in enumerate(ruleset.rules):
        path = f"rules[{place}]"
        program = scope.compile(rule.when)
        if isinstance(program, tuple):
            _refuse(reading, f"{path}.when", program)
            continue
        used |= {name.removesuffix(KNOWN) for name in program.references}
        _refuse(reading, f"{path}.when", tuple(unreachable(rule.when, ruleset)))
        _run_tests(reading, path, rule, program, needs_types=types, ruleset=ruleset, scope=scope)
        if not rule.tests and rule.mode is not Mode.OFF:
            reading.warn("rule_untested", path, f"The rule {rule.key} has no tests.")
    for kind, names in (
        ("velocity", [velocity.name for velocity in ruleset.velocities]),
        ("list", ruleset.lists),
        ("limit", ruleset.limits),
    ):
        plural = {"velocity": "velocities"}.get(kind, f"{kind}s")
        for name in names:
            if f"{kind}.{name}" not in used:
                message = f"No rule names {kind}.{name}."
                reading.warn(f"{kind}_unused", f"{plural}.{name}", message)


def _refuse(reading: Reading, path: str, faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        reading.refuse(fault.code, path, fault.message, fault.line, fault.column)


def _run_tests(
    reading: Reading,
    path: str,
    rule: Rule,
    program: Program,
    *,
    needs_types: Mapping[str, Type],
    ruleset: Ruleset,
    scope: Scope,
) -> None:
    """Ask the rule for each of its examples, and note where it answers otherwise."""
    needs = needs_of(program.references, needs_types, ruleset.limits)
    for place, test in enumerate(rule.tests):
        bound = bind(needs, scope, test.given)
        said = outcome_of(program.evaluate(bound.values), bound)
        expected = _EXPECTED[test.expect]
        if said.partition(":")[0] != expected:
            message = f"Expected {expected}, and the rule said {said}."
            reading.refuse("test_failed", f"{path}.tests[{place}]", message)


def unreachable(text: str, ruleset: Ruleset) -> Iterator[Fault]:
    """Give the comparisons of a capped count that come out the same whatever was counted.

    A count is never seen above its cap, and at the cap the true one may be higher. What is compared
    with is told from a number or a limit of the ruleset; of sums and products nothing is said.
    """
    tokens = examine(text)
    if isinstance(tokens, Fault):
        return
    caps = {
        velocity.attribute: velocity.cap
        for velocity in ruleset.velocities
        if velocity.aggregate.saturates and velocity.cap is not None
    }
    for found, sign, token, place in comparisons(tokens, references(tokens, caps)):
        number = _number(tokens, token, place, ruleset.limits)
        cap = caps[found.name]
        highest = {">=": cap, "<": cap, ">": cap - 1, "<=": cap - 1}.get(sign, cap - 1)
        if number is not None and number > highest:
            message = (
                f"{found.name} is never seen above its cap of {cap}, so this comparison "
                "cannot tell. Raise the cap or lower the number."
            )
            yield fault_at(text, found.at, "cap_too_low", message)


def _number(
    tokens: tuple[Token, ...], token: Token, place: int, limits: Mapping[str, int]
) -> int | None:
    """Return the integer that stands alone on one side of a comparison, if one does."""
    if token.kind == "number" and token.text.isdigit():
        alone = stands_alone(tokens, place, place)
        return int(token.text) if alone else None
    names = {f"limit.{name}": value for name, value in limits.items()}
    here: list[Reference] = [
        one for one in references(tokens, names) if place in {one.first, one.last}
    ]
    if here and stands_alone(tokens, here[0].first, here[0].last):
        return names[here[0].name]
    return None
