"""Reads rulesets: a document becomes a checked `Ruleset`, or a list of everything wrong with it.

Pure: the document comes as YAML text or as the values that JSON has. Every expression is compiled,
and every rule's tests are run, before a ruleset is returned.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING

from paykeel.cardnumbers import refuse_card_numbers
from paykeel.errors import CardNumberRefused, RulesetRefused
from paykeel.fraud.catalogue import attributes_of
from paykeel.fraud.documents import read_yaml
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.expressions import check_expressions
from paykeel.fraud.parts import (
    read_limits,
    read_lists,
    read_rules,
    read_thresholds,
    read_velocities,
)
from paykeel.fraud.reading import Reading
from paykeel.fraud.ruleset import (
    Action,
    Aggregate,
    Mistake,
    Mode,
    Outcome,
    Quarantine,
    Rule,
    Ruleset,
    RuleTest,
    Thresholds,
    Velocity,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.fraud.engine import ExpressionEngine


def default_ruleset_text() -> str:
    """Return the YAML of the ruleset that every merchant begins with."""
    return files("paykeel.fraud").joinpath("default_rules.yaml").read_text(encoding="utf-8")


def read_ruleset_text(text: str, engine: ExpressionEngine | None = None) -> Ruleset:
    """Read a ruleset from YAML text, of which JSON is a part.

    Raises:
        RulesetRefused: ``data["mistakes"]`` lists each with code, path, message, line and column.
    """
    document = read_yaml(text)
    if isinstance(document, Mistake):
        raise refused([document])
    return read_ruleset(document, engine)


def read_ruleset(document: object, engine: ExpressionEngine | None = None) -> Ruleset:
    """Read a ruleset from the values of a document.

    Give the engine that will judge by it, so that what is compiled here is compiled once. The
    largest document that is allowed takes seconds: what comes from outside is read in a thread,
    with an engine of its own.

    Raises:
        RulesetRefused: ``data["mistakes"]`` lists each with code, path, message, line and column.
    """
    reading = Reading()
    try:
        refuse_card_numbers(document, "")  # type: ignore[arg-type]
    except CardNumberRefused as error:
        reading.refuse(error.code, error.field, error.message)
        raise refused(reading.mistakes) from None
    required = ("ruleset", "rules")
    optional = ("on_failure", "thresholds", "lists", "limits", "velocities")
    top = reading.fields(document, "", required, optional)
    frame = Ruleset(
        name=reading.name(top["ruleset"], "ruleset") if "ruleset" in top else "",
        on_failure=_on_failure(reading, top.get("on_failure", "review")),
        thresholds=read_thresholds(reading, top.get("thresholds")),
        lists=read_lists(reading, top.get("lists")),
        limits=read_limits(reading, top.get("limits")),
        velocities=read_velocities(reading, top.get("velocities")),
        rules=(),
    )
    types = attributes_of(frame)
    ruleset = replace(frame, rules=read_rules(reading, top.get("rules"), types))
    check_expressions(reading, ruleset, types, (engine or CelEngine()).scope(types))
    if reading.mistakes:
        raise refused(reading.mistakes)
    return replace(ruleset, warnings=tuple(reading.warnings))


def _on_failure(reading: Reading, value: object) -> Action:
    """Read what is done when something cannot be judged; a challenge mends nothing then."""
    action = reading.choice(value, "on_failure", Action)
    if action is Action.CHALLENGE:
        reading.refuse("choice_unknown", "on_failure", "It is one of block, review, allow.")
    return action or Action.REVIEW


def refused(mistakes: Sequence[Mistake]) -> RulesetRefused:
    """Return the error that lists the mistakes; its message tells of the first."""
    many = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    first = mistakes[0]
    where = f" at {first.path}" if first.path else ""
    return RulesetRefused(
        f"The ruleset has {many}; the first{where}: {first.message}",
        mistakes=[mistake.document() for mistake in mistakes],
    )


__all__ = [
    "Action",
    "Aggregate",
    "Mistake",
    "Mode",
    "Outcome",
    "Quarantine",
    "Rule",
    "RuleTest",
    "Ruleset",
    "Thresholds",
    "Velocity",
    "default_ruleset_text",
    "read_ruleset",
    "read_ruleset_text",
    "refused",
]
