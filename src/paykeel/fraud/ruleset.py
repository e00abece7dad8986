"""A ruleset as frozen values: what a risk person wrote, after it was checked.

`paykeel.fraud.rules` makes these from a document, and nothing else should: a ruleset that was
built by hand has not been checked. A document and these values say the same, both ways, and the
canonical form of the document is what is hashed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What an attribute can hold; a double is never an amount.
Value: TypeAlias = bool | int | float | str | datetime


class Action(StrEnum):
    """What a rule asks for, and what is done: the strongest comes first."""

    BLOCK = "block"
    REVIEW = "review"
    CHALLENGE = "challenge"
    ALLOW = "allow"

    @property
    def strength(self) -> int:
        """Return a number that is larger for what wins."""
        return _STRENGTH[self]


_STRENGTH = {Action.ALLOW: 0, Action.CHALLENGE: 1, Action.REVIEW: 2, Action.BLOCK: 3}


class Mode(StrEnum):
    """Whether a rule is asked, and whether its answer acts."""

    OFF = "off"
    SHADOW = "shadow"
    LIVE = "live"


class Outcome(StrEnum):
    """Which of the earlier purchases a velocity looks at."""

    ATTEMPTED = "attempted"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


class Aggregate(StrEnum):
    """What a velocity makes of the earlier purchases that it finds."""

    COUNT = "count"
    SUM = "sum"
    DISTINCT = "distinct"
    AVERAGE = "average"
    MAXIMUM = "maximum"
    SECONDS_SINCE_FIRST = "seconds_since_first"
    SECONDS_SINCE_LAST = "seconds_since_last"

    @property
    def saturates(self) -> bool:
        """Say whether reaching the cap is an answer: the highest that can be seen."""
        return self in {Aggregate.COUNT, Aggregate.DISTINCT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Velocity:
    """One number made of earlier purchases with the same key, in a trailing window.

    Sums, averages and maxima are in minor units of the merchant's reference currency. ``cap`` is
    how many rows one read may visit; None is every row of the window.
    """

    name: str
    key: str
    aggregate: Aggregate
    outcome: Outcome
    window_s: int
    cap: int | None
    of: str | None = None

    @property
    def attribute(self) -> str:
        """Return the name by which rules know it."""
        return f"velocity.{self.name}"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The purchase's key of this kind goes on the block list for so long."""

    key: str
    for_s: int


@dataclass(frozen=True, slots=True)
class RuleTest:
    """An example that is run whenever the rule is read; ``expect`` None is "missing"."""

    given: Mapping[str, Value]
    expect: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. ``version`` is 0 until it is stored, and is no part of what is hashed."""

    key: str
    when: str
    action: Action
    mode: Mode
    reason: str
    score: int
    priority: int
    overridable: bool
    quarantine: Quarantine | None
    message: str
    tests: tuple[RuleTest, ...]
    version: int = 0

    def document(self) -> dict[str, Any]:
        """Return the rule as values for JSON, every default written out."""
        quarantine = self.quarantine
        return {
            "key": self.key,
            "when": self.when,
            "action": self.action.value,
            "mode": self.mode.value,
            "reason": self.reason,
            "score": self.score,
            "priority": self.priority,
            "overridable": self.overridable,
            "quarantine": quarantine
            and {"key": quarantine.key, "for": duration_text(quarantine.for_s)},
            "message": self.message,
            "tests": [
                {
                    "given": {name: plain(value) for name, value in test.given.items()},
                    "expect": "missing" if test.expect is None else test.expect,
                }
                for test in self.tests
            ],
        }

    @property
    def sha256(self) -> str:
        """Return the hash of the canonical document, in hexadecimal."""
        return sha256_of(self.document())


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score on a purchase is reviewed or blocked; None is never."""

    review: int | None = None
    block: int | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, or doubtful, at one place of a document.

    ``path`` is like ``rules[3].when``. ``line`` and ``column`` count from 1 inside the expression,
    or inside the YAML text where that cannot be read; elsewhere they are None.
    """

    code: str
    path: str
    message: str
    line: int | None = None
    column: int | None = None

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "code": self.code,
            "path": self.path,
            "message": self.message,
            "line": self.line,
            "column": self.column,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """Rules, and all that they name. ``version`` is 0 until it is stored."""

    name: str
    on_failure: Action
    thresholds: Thresholds
    #: Declared ones; the lists block, allow and watch always exist besides.
    lists: tuple[str, ...]
    limits: Mapping[str, int]
    #: In the order of their names.
    velocities: tuple[Velocity, ...]
    #: In the order of the document; they are asked in the order of priority and key.
    rules: tuple[Rule, ...]
    version: int = 0
    #: What is allowed and yet doubtful, such as a velocity that no rule uses.
    warnings: tuple[Mistake, ...] = field(default=(), compare=False)

    def document(self) -> dict[str, Any]:
        """Return the ruleset as values for JSON; reading them again gives an equal ruleset."""
        thresholds = {"review": self.thresholds.review, "block": self.thresholds.block}
        return {
            "ruleset": self.name,
            "on_failure": self.on_failure.value,
            "thresholds": {name: at for name, at in thresholds.items() if at is not None},
            "lists": list(self.lists),
            "limits": dict(self.limits),
            "velocities": {
                velocity.name: {
                    "key": velocity.key,
                    "aggregate": velocity.aggregate.value,
                    "outcome": velocity.outcome.value,
                    "window": duration_text(velocity.window_s),
                    "cap": "none" if velocity.cap is None else velocity.cap,
                    **({} if velocity.of is None else {"of": velocity.of}),
                }
                for velocity in self.velocities
            },
            "rules": [rule.document() for rule in self.rules],
        }

    @property
    def sha256(self) -> str:
        """Return the hash of the canonical document, in hexadecimal."""
        return sha256_of(self.document())

    def with_versions(self, version: int, rules: Mapping[str, int]) -> Ruleset:
        """Return the same ruleset with the numbers under which it and its rules are stored."""
        numbered = tuple(replace(rule, version=rules[rule.key]) for rule in self.rules)
        return replace(self, version=version, rules=numbered)


_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def duration_text(seconds: int) -> str:
    """Return a duration as a document says it, in the largest unit that fits.

    >>> duration_text(7_200), duration_text(90)
    ('2h', '90s')
    """
    unit = next(unit for unit, size in _UNITS.items() if seconds % size == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def plain(value: Value) -> bool | float | str:
    """Return a value as JSON can say it: an instant becomes text, all others stay."""
    return value.isoformat() if isinstance(value, datetime) else value


def canonical(document: Mapping[str, Any]) -> str:
    """Return the one way in which a document is written: sorted names, no spaces.

    >>> canonical({"b": 1, "a": "é"})
    '{"a":"é","b":1}'
    """
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def sha256_of(document: Mapping[str, Any]) -> str:
    """Return the hash of a document's canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()
