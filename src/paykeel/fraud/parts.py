"""Reads the parts of a ruleset's document: lists, limits, velocities, thresholds and rules.

Each function notes what is wrong and returns something in any case, so that one mistake does not
hide the next.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from paykeel.fraud.catalogue import (
    BUILT_IN_LISTS,
    FIXED_KINDS,
    INT_MAX,
    KNOWN,
    from_json,
    is_shared,
)
from paykeel.fraud.judge import OWN_REASONS, SCORE_MAX
from paykeel.fraud.reading import join
from paykeel.fraud.ruleset import (
    Action,
    Aggregate,
    Mode,
    Outcome,
    Quarantine,
    Rule,
    RuleTest,
    Thresholds,
    Velocity,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.fraud.catalogue import Type
    from paykeel.fraud.reading import Reading
    from paykeel.fraud.ruleset import Value

RULES_MAX = 100
VELOCITIES_MAX = 40
LISTS_MAX = 20
LIMITS_MAX = 100
TESTS_MAX = 20
PRIORITY_MAX = 1_000
PRIORITY_DEFAULT = 100
MESSAGE_CHARACTERS_MAX = 200
WINDOW_S_MAX = 30 * 86_400
QUARANTINE_S_MAX = 30 * 86_400
CAP_MAX = 10_000
#: For counts, which are exact up to their cap; and for what is exact only when every row was read.
CAP_DEFAULT, CAP_DEFAULT_WHOLE = 100, 1_000
#: The longest window in which every row of a shared key may be read.
UNCAPPED_SHARED_S_MAX = 86_400

_CUSTOM_KIND = re.compile(r"custom\.[a-z][a-z0-9_]{0,31}", re.ASCII)
_UNCAPPED = frozenset({Aggregate.SUM, Aggregate.AVERAGE, Aggregate.MAXIMUM})


def read_lists(reading: Reading, value: object) -> tuple[str, ...]:
    """Read the lists that rules may name."""
    found: list[str] = []
    for place, item in enumerate(reading.items(value, "lists", LISTS_MAX)):
        path = f"lists[{place}]"
        name = reading.name(item, path)
        if name in BUILT_IN_LISTS or name in found:
            reading.refuse("name_repeated", path, f"The list {name} is there already.")
        elif name:
            found.append(name)
    return tuple(sorted(found))


def read_limits(reading: Reading, value: object) -> Mapping[str, int]:
    """Read the constants that rules may name."""
    entries = reading.entries(value, "limits", LIMITS_MAX)
    return MappingProxyType(
        {
            name: reading.integer(entries[name], f"limits.{name}", 0, INT_MAX)
            for name in sorted(entries)
        }
    )


def read_thresholds(reading: Reading, value: object) -> Thresholds:
    """Read from which score on a purchase is reviewed or blocked."""
    if value is None:
        return Thresholds()
    fields = reading.fields(value, "thresholds", (), ("review", "block"))
    at = {
        name: reading.integer(fields[name], f"thresholds.{name}", 1, SCORE_MAX)
        for name in ("review", "block")
        if name in fields
    }
    if len(at) == 2 and at["review"] >= at["block"]:
        reading.refuse("out_of_range", "thresholds", "A review comes before a block.")
    return Thresholds(**at)


def read_velocities(reading: Reading, value: object) -> tuple[Velocity, ...]:
    """Read what is counted of earlier purchases."""
    entries = reading.entries(value, "velocities", VELOCITIES_MAX)
    return tuple(_velocity(reading, name, entries[name]) for name in sorted(entries))


def _velocity(reading: Reading, name: str, value: object) -> Velocity:
    path = f"velocities.{name}"
    required = ("key", "aggregate", "outcome", "window")
    fields = reading.fields(value, path, required, ("of", "cap"))
    key = _kind(reading, fields.get("key", "buyer"), f"{path}.key")
    aggregate = reading.choice(
        fields.get("aggregate", Aggregate.COUNT.value), f"{path}.aggregate", Aggregate
    )
    outcome = reading.choice(
        fields.get("outcome", Outcome.ATTEMPTED.value), f"{path}.outcome", Outcome
    )
    aggregate = aggregate or Aggregate.COUNT
    window_s = reading.duration(fields.get("window", "1s"), f"{path}.window", WINDOW_S_MAX)
    of: str | None = None
    if aggregate is Aggregate.DISTINCT:
        if "of" not in fields:
            reading.refuse("field_required", f"{path}.of", "Distinct of which kind of key?")
        else:
            of = _kind(reading, fields["of"], f"{path}.of")
            if of == key:
                reading.refuse("choice_unknown", f"{path}.of", "It is of another kind of key.")
    elif "of" in fields:
        reading.refuse("field_unknown", f"{path}.of", "Only distinct is of something.")
    return Velocity(
        name=name,
        key=key,
        aggregate=aggregate,
        outcome=outcome or Outcome.ATTEMPTED,
        window_s=window_s,
        cap=_cap(reading, fields, f"{path}.cap", key, aggregate, window_s),
        of=of,
    )


def _kind(reading: Reading, value: object, path: str) -> str:
    """Read a kind of key: one of the fixed ones, or ``custom.<name>``."""
    if isinstance(value, str) and (value in FIXED_KINDS or _CUSTOM_KIND.fullmatch(value)):
        return value
    message = f"It is one of {', '.join(FIXED_KINDS)} or custom.<name>."
    reading.refuse("choice_unknown", path, message)
    return FIXED_KINDS[0]


def _cap(
    reading: Reading,
    fields: Mapping[str, Any],
    path: str,
    key: str,
    aggregate: Aggregate,
    window_s: int,
) -> int | None:
    """Read how many rows one read may visit; None is all of them, where that is bounded."""
    if fields.get("cap") == "none":
        if aggregate not in _UNCAPPED:
            message = f"A {aggregate} is capped: all that a rule needs is whether it is reached."
            reading.refuse("cap_required", path, message)
        elif is_shared(key) and window_s > UNCAPPED_SHARED_S_MAX:
            message = (
                f"Many people share one {key}, so that days of its rows could be too many to read "
                "while a buyer waits. Without a cap, at most 24h of a shared key is read."
            )
            reading.refuse("cap_required", path, message)
        return None
    whole = not aggregate.saturates
    default = CAP_DEFAULT_WHOLE if whole else CAP_DEFAULT
    # A cap that is wrong is said to be so once, and not again of every rule that compares with it.
    return reading.integer(fields.get("cap", default), path, 1, CAP_MAX, otherwise=CAP_MAX)


def read_rules(reading: Reading, value: object, types: Mapping[str, Type]) -> tuple[Rule, ...]:
    """Read the rules; their expressions are checked elsewhere."""
    rules: list[Rule] = []
    keys: dict[str, int] = {}
    for place, item in enumerate(reading.items(value, "rules", RULES_MAX)):
        rule = _rule(reading, item, f"rules[{place}]", types)
        if rule.key in keys:
            message = f"rules[{keys[rule.key]}] has this key."
            reading.refuse("name_repeated", f"rules[{place}].key", message)
        elif rule.key:
            keys[rule.key] = place
        rules.append(rule)
    return tuple(rules)


def _rule(reading: Reading, value: object, path: str, types: Mapping[str, Type]) -> Rule:
    required = ("key", "when", "action", "mode", "reason")
    optional = ("score", "priority", "overridable", "quarantine", "message", "tests")
    fields = reading.fields(value, path, required, optional)
    action = reading.choice(fields.get("action", "review"), f"{path}.action", Action)
    action = action or Action.REVIEW
    score = reading.integer(fields.get("score", 0), f"{path}.score", 0, SCORE_MAX)
    if action is Action.ALLOW and score:
        reading.refuse("out_of_range", f"{path}.score", "A rule that allows has no score.")
    reason = reading.name(fields["reason"], f"{path}.reason") if "reason" in fields else ""
    if reason in OWN_REASONS:
        reading.refuse("name_reserved", f"{path}.reason", f"{reason} has a meaning of its own.")
    when = fields.get("when", "true")
    if not isinstance(when, str):
        reading.refuse("text_required", f"{path}.when", "An expression is text.")
    message = fields.get("message")
    if message is not None and message != "":
        message = reading.text(message, f"{path}.message", MESSAGE_CHARACTERS_MAX)
    return Rule(
        key=reading.name(fields["key"], f"{path}.key") if "key" in fields else "",
        when=when.strip() if isinstance(when, str) else "true",
        action=action,
        mode=reading.choice(fields.get("mode", "off"), f"{path}.mode", Mode) or Mode.OFF,
        reason=reason,
        score=score,
        priority=reading.integer(
            fields.get("priority", PRIORITY_DEFAULT), f"{path}.priority", 0, PRIORITY_MAX
        ),
        overridable=reading.boolean(fields.get("overridable", False), f"{path}.overridable"),
        quarantine=_quarantine(reading, fields.get("quarantine"), f"{path}.quarantine", action),
        message=message or "",
        tests=_tests(reading, fields.get("tests"), f"{path}.tests", types),
    )


def _quarantine(reading: Reading, value: object, path: str, action: Action) -> Quarantine | None:
    if value is None:
        return None
    fields = reading.fields(value, path, ("key", "for"))
    if action is Action.ALLOW:
        reading.refuse("field_unknown", path, "A rule that allows blocks nothing.")
    return Quarantine(
        _kind(reading, fields.get("key", "buyer"), f"{path}.key"),
        reading.duration(fields.get("for", "1s"), f"{path}.for", QUARANTINE_S_MAX),
    )


def _tests(
    reading: Reading, value: object, path: str, types: Mapping[str, Type]
) -> tuple[RuleTest, ...]:
    """Read the examples of a rule."""
    tests = []
    for place, item in enumerate(reading.items(value, path, TESTS_MAX)):
        inner = f"{path}[{place}]"
        mistakes = len(reading.mistakes)
        fields = reading.fields(item, inner, ("given", "expect"))
        expect = fields.get("expect", False)
        if not isinstance(expect, bool) and expect != "missing":
            reading.refuse("choice_unknown", f"{inner}.expect", "It is true, false or missing.")
        given = _given(reading, fields.get("given", {}), f"{inner}.given", types)
        if len(reading.mistakes) == mistakes:
            tests.append(RuleTest(given, expect if isinstance(expect, bool) else None))
    return tuple(tests)


def _given(
    reading: Reading, value: object, path: str, types: Mapping[str, Type]
) -> Mapping[str, Value]:
    """Read the attributes that a test sets; those that follow from others are not set."""
    given: dict[str, Value] = {}
    if not isinstance(value, dict):
        reading.refuse("object_required", path, "An object is needed here.")
        return given
    for name in sorted(value, key=str):
        inner = join(path, name)
        follows = str(name).startswith("limit.") or (
            str(name).endswith(KNOWN) and str(name).removesuffix(KNOWN) in types
        )
        if name not in types or follows:
            why = "follows from the others" if follows else "is no attribute"
            reading.refuse("given_unknown", inner, f"{str(name)[:64]} {why}.")
            continue
        fit = from_json(value[name], types[name])
        if fit is None:
            reading.refuse("given_type", inner, f"This is no {types[name]}.")
        else:
            given[name] = fit
    return MappingProxyType(given)
