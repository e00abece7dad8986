"""What a ruleset would change, compared with the one before: rule by rule, name by name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from paykeel.fraud.ruleset import Ruleset


class Change(StrEnum):
    """What becomes of one part of a ruleset."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What becomes of one rule; version 0 is the built-in ruleset's, None is none."""

    key: str
    change: Change
    version_from: int | None
    version_to: int | None
    #: Of a rule that changed: which of its fields differ.
    fields: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "rule": self.key,
            "change": self.change.value,
            "version_from": self.version_from,
            "version_to": self.version_to,
            "fields": list(self.fields),
        }


@dataclass(frozen=True, slots=True)
class PartChange:
    """A velocity, limit, list, threshold or policy that is new, changed or removed."""

    #: ``velocities``, ``limits``, ``lists``, ``thresholds`` or ``on_failure``.
    part: str
    name: str
    change: Change
    before: Any
    after: Any

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "part": self.part,
            "name": self.name,
            "change": self.change.value,
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What storing a ruleset would do; it says nothing of what is live."""

    ruleset: str
    sha256: str
    #: The version that it is compared with: the newest stored one, 0 for the built-in one, or None.
    version_from: int | None
    #: The number under which it is stored, or will be.
    version_to: int
    #: False: exactly this is stored already, under ``version_to``.
    is_new: bool
    rules: tuple[RuleChange, ...]
    #: Of everything beside the rules only what differs.
    parts: tuple[PartChange, ...]
    warnings: tuple[Mapping[str, Any], ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "object": "fraud_ruleset_plan",
            "ruleset": self.ruleset,
            "sha256": self.sha256,
            "version_from": self.version_from,
            "version_to": self.version_to,
            "is_new": self.is_new,
            "rules": [rule.document() for rule in self.rules],
            "parts": [part.document() for part in self.parts],
            "warnings": [dict(warning) for warning in self.warnings],
        }


def rule_changes(
    before: Ruleset | None, after: Ruleset, numbers: Mapping[str, int]
) -> tuple[RuleChange, ...]:
    """Compare the rules of two rulesets, in the order of the new one; removed ones come last.

    ``numbers`` are the versions under which the new rules are stored, or will be.
    """
    old = {} if before is None else {rule.key: rule for rule in before.rules}
    changes = []
    for rule in after.rules:
        was = old.get(rule.key)
        to = numbers[rule.key]
        if was is None:
            changes.append(RuleChange(rule.key, Change.NEW, None, to))
            continue
        fields = _different(was.document(), rule.document())
        change = Change.CHANGED if fields else Change.SAME
        changes.append(RuleChange(rule.key, change, was.version, to, fields))
    kept = {rule.key for rule in after.rules}
    for key, rule in old.items():
        if key not in kept:
            changes.append(RuleChange(key, Change.REMOVED, rule.version, None))
    return tuple(changes)


def part_changes(before: Ruleset | None, after: Ruleset) -> tuple[PartChange, ...]:
    """Compare everything but the rules; what is the same is left out.

    >>> from paykeel.fraud.rules import read_ruleset
    >>> one = read_ruleset({"ruleset": "a", "rules": [], "limits": {"daily": 5}})
    >>> two = read_ruleset({"ruleset": "a", "rules": [], "limits": {"daily": 6}})
    >>> [(change.part, change.name, change.after) for change in part_changes(one, two)]
    [('limits', 'daily', 6)]
    """
    new = after.document()
    old: dict[str, Any] = {} if before is None else before.document()
    changes: list[PartChange] = []
    for part in ("velocities", "limits", "lists", "thresholds"):
        changes += _compare(part, _named(old.get(part, ())), _named(new[part]))
    was = {} if before is None else {"": old["on_failure"]}
    changes += _compare("on_failure", was, {"": new["on_failure"]})
    return tuple(changes)


def _named(part: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    """Return a part by names; a list's name is all that it says."""
    return dict(part) if isinstance(part, dict) else dict.fromkeys(part, True)


def _compare(
    part: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterable[PartChange]:
    for name in sorted(before.keys() | after.keys()):
        was, to = before.get(name), after.get(name)
        if name not in before:
            yield PartChange(part, name, Change.NEW, None, to)
        elif name not in after:
            yield PartChange(part, name, Change.REMOVED, was, None)
        elif was != to:
            yield PartChange(part, name, Change.CHANGED, was, to)


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in after if before.get(name) != after[name])
