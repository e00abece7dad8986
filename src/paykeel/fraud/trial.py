"""What a ruleset would have done to the past, counted case by case in bounded memory. Pure.

What happened to a payment is one of the categories; what turned out is its label. A payment counts
as good when it is labelled genuine, or took money, was not given back and nobody complained; it
counts as fraud when its label says so. All others say nothing of a rule's worth.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from paykeel.fraud.ruleset import Action

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from paykeel.fraud.judge import Judgement, RuleResult
    from paykeel.fraud.ruleset import Ruleset

#: Pairs of rules that are listed, those that matched together most often first.
OVERLAPS_MAX = 200
EXAMPLES_MAX = 100


class Category(StrEnum):
    """What became of a purchase."""

    #: Labelled as fraud, and not blocked.
    DISPUTED = "disputed"
    REFUNDED = "refunded"
    DECLINED = "declined"
    SUCCEEDED = "succeeded"
    #: By the rules that were live then.
    BLOCKED = "blocked"
    #: It has not ended, or ended without an answer of the gateway.
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A past purchase. Amounts are in minor units; ``amount_ref`` of the reference currency."""

    payment_id: UUID
    #: What was decided then.
    decided: str
    category: Category
    #: ``fraud``, ``genuine``, or None: nobody said.
    label: str | None
    amount: int
    currency: str
    amount_ref: int | None

    @property
    def is_fraud(self) -> bool:
        """Whether it turned out to be fraud."""
        return self.label == "fraud"

    @property
    def is_good(self) -> bool:
        """Whether it turned out to be good, or nobody complained of a success."""
        return self.label == "genuine" or (
            self.label is None and self.category is Category.SUCCEEDED
        )


def category_of(
    *, decided: str, status: str, label: str | None, captured: int, refunded: int
) -> Category:
    """Return what became of a payment, from its amounts in minor units and its status.

    >>> category_of(decided="allow", status="succeeded", label=None, captured=500, refunded=0)
    <Category.SUCCEEDED: 'succeeded'>
    """
    if decided == Action.BLOCK or status == "blocked":
        return Category.BLOCKED
    if label == "fraud":
        return Category.DISPUTED
    if refunded > 0:
        return Category.REFUNDED
    if status == "failed":
        return Category.DECLINED
    if captured > 0 or status in {"succeeded", "authorized"}:
        return Category.SUCCEEDED
    return Category.OPEN


@dataclass(slots=True)
class Sums:
    """How many purchases, and what they cost."""

    purchases: int = 0
    by_currency: Counter[str] = field(default_factory=Counter)
    amount_ref: int = 0
    #: Purchases whose value in the reference currency is not known.
    without_ref: int = 0

    def add(self, case: Case) -> None:
        """Count one."""
        self.purchases += 1
        self.by_currency[case.currency] += case.amount
        if case.amount_ref is None:
            self.without_ref += 1
        else:
            self.amount_ref += case.amount_ref

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON, in minor units."""
        return {
            "purchases": self.purchases,
            "amount_by_currency": dict(sorted(self.by_currency.items())),
            "amount_ref": self.amount_ref,
            "without_amount_ref": self.without_ref,
        }


@dataclass(slots=True)
class Hits:
    """How well something told fraud from good purchases."""

    frauds: int = 0
    good: int = 0
    #: Of the good ones, those that a label says are.
    genuine: int = 0

    def add(self, case: Case) -> None:
        """Count one that was hit."""
        self.frauds += case.is_fraud
        self.good += case.is_good
        self.genuine += case.label == "genuine"

    def document(self, frauds_total: int) -> dict[str, Any]:
        """Return it as values for JSON; a share of nothing is None."""
        return {
            "frauds": self.frauds,
            "good": self.good,
            "genuine": self.genuine,
            "precision": share(self.frauds, self.frauds + self.good),
            "precision_labelled": share(self.frauds, self.frauds + self.genuine),
            "recall": share(self.frauds, frauds_total),
        }


def share(part: int, whole: int) -> float | None:
    """Return a share with four places.

    >>> share(1, 3), share(0, 0)
    (0.3333, None)
    """
    return round(part / whole, 4) if whole else None


@dataclass(slots=True)
class RuleTrial:
    """What one rule would have done."""

    matched: int = 0
    #: No other rule of those that act matched.
    alone: int = 0
    lifted: int = 0
    hits: Hits = field(default_factory=Hits)
    categories: Counter[str] = field(default_factory=Counter)
    good: Sums = field(default_factory=Sums)
    #: Why it did not answer, such as ``missing:card.country``, and how often.
    unanswered: Counter[str] = field(default_factory=Counter)
    examples: list[UUID] = field(default_factory=list)


class Trial:
    """Counts what a ruleset says of the past."""

    def __init__(self, ruleset: Ruleset, *, examples_max: int) -> None:
        """Take the ruleset, and how many payments are listed for each rule and difference."""
        self._ruleset = ruleset
        self._examples_max = examples_max
        self.decisions = 0
        self.frauds = 0
        self.genuine = 0
        self.failed = 0
        self._categories: dict[str, Counter[str]] = {category: Counter() for category in Category}
        self._decided: dict[str, Counter[str]] = {}
        self._levels = {level: Hits() for level in (Action.BLOCK, Action.REVIEW, Action.CHALLENGE)}
        self._good = {action: Sums() for action in Action}
        self._fraud = {action: Sums() for action in Action}
        self._rules: dict[str, RuleTrial] = {}
        self._overlaps: Counter[tuple[str, str]] = Counter()
        self._changes: dict[tuple[str, str], list[UUID]] = {}

    def add(self, case: Case, judgement: Judgement) -> None:
        """Count one decision."""
        action = judgement.action
        self.decisions += 1
        self.frauds += case.is_fraud
        self.genuine += case.label == "genuine"
        self.failed += judgement.failed
        self._categories[case.category][action.value] += 1
        self._decided.setdefault(case.decided, Counter())[action.value] += 1
        if case.decided != action.value:
            examples = self._changes.setdefault((case.decided, action.value), [])
            if len(examples) < self._examples_max:
                examples.append(case.payment_id)
        if case.is_good:
            self._good[action].add(case)
        elif case.is_fraud:
            self._fraud[action].add(case)
        for level, hits in self._levels.items():
            if action.strength >= level.strength:
                hits.add(case)
        matched = self._ask(case, judgement.results)
        self._ask(case, judgement.shadow)
        for key in judgement.lifted:
            self._rules[key].lifted += 1
        if len(matched) == 1:
            self._rules[matched[0]].alone += 1
        elif matched:
            matched.sort()
            for place, one in enumerate(matched):
                for other in matched[place + 1 :]:
                    self._overlaps[one, other] += 1

    def _ask(self, case: Case, results: tuple[RuleResult, ...]) -> list[str]:
        """Count what each rule said; return those that matched."""
        matched = []
        for result in results:
            outcome = result.outcome
            if outcome == "not":
                continue
            rule = self._rules.get(result.rule)
            if rule is None:
                rule = self._rules.setdefault(result.rule, RuleTrial())
            if outcome != "matched":
                rule.unanswered[outcome] += 1
                continue
            matched.append(result.rule)
            rule.matched += 1
            rule.hits.add(case)
            rule.categories[case.category.value] += 1
            if case.is_good:
                rule.good.add(case)
            if len(rule.examples) < self._examples_max:
                rule.examples.append(case.payment_id)
        return matched

    def document(self) -> dict[str, Any]:
        """Return all of it as values for JSON; amounts are in minor units."""
        return {
            "decisions": self.decisions,
            "labels": {
                "fraud": self.frauds,
                "genuine": self.genuine,
                "unlabelled": self.decisions - self.frauds - self.genuine,
            },
            "not_judged": self.failed,
            "categories": {
                category: _actions(counts) for category, counts in self._categories.items()
            },
            "decided": {
                decided: _actions(counts) for decided, counts in sorted(self._decided.items())
            },
            "changes": [
                {
                    "decided": decided,
                    "would": would,
                    "purchases": self._decided[decided][would],
                    "examples": [str(one) for one in examples],
                }
                for (decided, would), examples in sorted(self._changes.items())
            ],
            # Whatever is at least as strong counts.
            "at_least": {
                level.value: hits.document(self.frauds) for level, hits in self._levels.items()
            },
            "good": {action.value: sums.document() for action, sums in self._good.items()},
            "fraud": {action.value: sums.document() for action, sums in self._fraud.items()},
            "rules": [self._rule(rule.key) for rule in self._ruleset.rules],
            "overlap": [
                {"rules": list(pair), "purchases": count}
                for pair, count in sorted(
                    self._overlaps.items(), key=lambda item: (-item[1], item[0])
                )[:OVERLAPS_MAX]
            ],
        }

    def _rule(self, key: str) -> dict[str, Any]:
        rule = next(one for one in self._ruleset.rules if one.key == key)
        said = self._rules.get(key) or RuleTrial()
        return {
            "rule": key,
            "mode": rule.mode.value,
            "action": rule.action.value,
            "matched": said.matched,
            "alone": said.alone,
            "lifted": said.lifted,
            **said.hits.document(self.frauds),
            "categories": {name: said.categories[name] for name in Category},
            "good_purchases": said.good.document(),
            "unanswered": dict(sorted(said.unanswered.items())),
            "examples": [str(one) for one in said.examples],
        }


def _actions(counts: Mapping[str, int]) -> dict[str, int]:
    return {action.value: counts.get(action.value, 0) for action in Action}
