"""The judge: a compiled ruleset and what is known of a purchase make a judgement. Pure.

A ruleset is compiled once and judges any number of purchases. The same ruleset and attributes
always give the same judgement, which is what lets every logged decision be replayed.

- The block list blocks, whatever the rules say; rules are asked all the same, for the log.
- Of the rules that match, the strongest action counts: block, review, challenge, allow.
- A rule or list that allows lifts the rules that are ``overridable``, their scores too.
- Without a rate for the purchase's currency a person looks at it, whatever the rules are.
- A rule whose attribute is missing does not match. One that fails, or whose attribute was capped,
  does not match either, and the ruleset's ``on_failure`` is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from paykeel.errors import RulesetRefused
from paykeel.fraud.catalogue import CAPPED, KNOWN, Given, Type, Unknown, attributes_of, checked
from paykeel.fraud.engine import Failed, Missing
from paykeel.fraud.ruleset import Action, Mistake, Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from paykeel.fraud.engine import Answer, ExpressionEngine, Program, Scope
    from paykeel.fraud.ruleset import Quarantine, Rule, Ruleset, Value, Velocity

SCORE_MAX = 100
#: Reasons that are not a rule's; no rule may use them.
ON_BLOCK_LIST = "on_block_list"
ON_ALLOW_LIST = "on_allow_list"
ON_WATCH_LIST = "on_watch_list"
SCORE_OVER_THRESHOLD = "score_over_threshold"
NOT_JUDGED = "not_judged"
RATE_MISSING = "rate_missing"
OWN_REASONS = frozenset(
    {
        ON_BLOCK_LIST,
        ON_ALLOW_LIST,
        ON_WATCH_LIST,
        SCORE_OVER_THRESHOLD,
        NOT_JUDGED,
        RATE_MISSING,
    }
)

Attributes: TypeAlias = "Mapping[str, Given]"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule said.

    ``outcome`` is ``matched``, ``not``, ``missing:<attribute>``, ``capped:<attribute>`` or
    ``error:<text>``.
    """

    rule: str
    version: int
    mode: Mode
    action: Action
    score: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A key of the purchase that goes on the block list, and the rule that puts it there."""

    key: str
    for_s: int
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is to be done with a purchase, and all that led to it."""

    action: Action
    #: 0 to 100: the sum over live rules that matched and were not lifted.
    score: int
    reasons: tuple[str, ...]
    #: Of live rules, in the order of priority and key; of shadow rules apart.
    results: tuple[RuleResult, ...]
    shadow: tuple[RuleResult, ...]
    #: Keys of rules that matched, and that something which allows has lifted.
    lifted: tuple[str, ...]
    #: ``on_failure`` was applied: something could not be judged.
    failed: bool
    quarantines: tuple[Quarantined, ...]
    ruleset: str
    ruleset_version: int
    engine: str


@dataclass(frozen=True, slots=True)
class Needs:
    """What expressions ask for: which attributes are read, and which are made here."""

    #: To be read, with their types.
    read: tuple[tuple[str, Type], ...]
    #: ``<name>_known`` and its name.
    known: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, int], ...]
    hour: bool
    weekday: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """A rule with its program, and its two usual results made beforehand."""

    rule: Rule
    program: Program
    matched: RuleResult
    unmatched: RuleResult


@dataclass(frozen=True, slots=True)
class CompiledRuleset:
    """A ruleset that is ready to judge; `compile_ruleset` makes it."""

    ruleset: Ruleset
    engine: str
    #: Every attribute that live and shadow rules name: what else there is need not be looked up.
    references: frozenset[str]
    #: What has to be read of earlier purchases: the velocities among these, by attribute.
    velocities: Mapping[str, Velocity]
    needs: Needs
    scope: Scope
    live: tuple[_Step, ...]
    shadow: tuple[_Step, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """Values as the engine takes them, and what is known of those that it was not given."""

    values: Any
    #: Attributes that hit their cap, and those whose value was of another type.
    capped: frozenset[str]
    unfit: frozenset[str]


def compile_ruleset(ruleset: Ruleset, engine: ExpressionEngine) -> CompiledRuleset:
    """Compile every rule that is not off, in the order in which they are asked.

    Raises:
        RulesetRefused: An expression does not compile: the ruleset was not checked, or by another
            release of the engine.
    """
    types = attributes_of(ruleset)
    scope = engine.scope(types)
    steps, mistakes = [], []
    for place, rule in enumerate(ruleset.rules):
        if rule.mode is Mode.OFF:
            continue
        program = scope.compile(rule.when)
        if isinstance(program, tuple):
            mistakes += [
                Mistake(one.code, f"rules[{place}].when", one.message, one.line, one.column)
                for one in program
            ]
            continue
        steps.append(_Step(rule, program, _result(rule, "matched"), _result(rule, "not")))
    if mistakes:
        raise RulesetRefused(mistakes=[mistake.document() for mistake in mistakes])
    steps.sort(key=lambda step: (step.rule.priority, step.rule.key))
    names = frozenset[str]().union(*(step.program.references for step in steps))
    return CompiledRuleset(
        ruleset=ruleset,
        engine=f"{engine.name} {engine.version}",
        references=names,
        velocities={
            velocity.attribute: velocity
            for velocity in ruleset.velocities
            if not names.isdisjoint({velocity.attribute, velocity.attribute + KNOWN})
        },
        needs=needs_of(names, types, ruleset.limits),
        scope=scope,
        live=tuple(step for step in steps if step.rule.mode is Mode.LIVE),
        shadow=tuple(step for step in steps if step.rule.mode is Mode.SHADOW),
    )


def needs_of(names: Iterable[str], types: Mapping[str, Type], limits: Mapping[str, int]) -> Needs:
    """Sort the attributes that expressions name by where their values come from."""
    read, known, constants = {}, [], []
    for name in sorted(names):
        asked = name.removesuffix(KNOWN)
        if asked != name and asked in types:
            known.append((name, asked))
            read[asked] = types[asked]
        elif name.startswith("limit."):
            constants.append((name, limits[name.removeprefix("limit.")]))
        else:
            read[name] = types[name]
    return Needs(
        tuple(read.items()),
        tuple(known),
        tuple(constants),
        hour="time.hour" in read,
        weekday="time.weekday" in read,
    )


def bind(needs: Needs, scope: Scope, attributes: Attributes) -> Bound:
    """Check the values that are asked for, and prepare them for the engine."""
    values: dict[str, Value] = dict(needs.limits)
    capped: set[str] = set()
    unfit: set[str] = set()
    for name, type_ in needs.read:
        value = attributes.get(name)
        if value is None:
            continue
        if isinstance(value, Unknown):
            (capped if value is CAPPED else unfit).add(name)
            continue
        fit = checked(value, type_)
        if fit is None:
            unfit.add(name)
        else:
            values[name] = fit
    if needs.hour or needs.weekday:
        _add_time(needs, attributes, values)
    for name, asked in needs.known:
        # Nothing may hide behind "not known" that could have been.
        if asked in capped:
            capped.add(name)
        elif asked in unfit:
            unfit.add(name)
        else:
            values[name] = asked in values
    return Bound(scope.bind(values), frozenset(capped), frozenset(unfit))


def _add_time(needs: Needs, attributes: Attributes, values: dict[str, Value]) -> None:
    """Add the hour and the weekday of ``now``, unless they were given."""
    now = attributes.get("now")
    if not isinstance(now, datetime) or now.utcoffset() is None:
        return
    now = now.astimezone(UTC)
    if needs.hour:
        values.setdefault("time.hour", now.hour)
    if needs.weekday:
        values.setdefault("time.weekday", now.isoweekday())


def outcome_of(answer: Answer, bound: Bound) -> str:
    """Return an answer in the words of `RuleResult`."""
    match answer:
        case bool():
            return "matched" if answer else "not"
        case Missing(attribute) if attribute in bound.capped:
            return f"capped:{attribute.removesuffix(KNOWN)}"
        case Missing(attribute) if attribute in bound.unfit:
            return f"error:{attribute.removesuffix(KNOWN)} is of another type"
        case Missing(attribute):
            return f"missing:{attribute}"
        case Failed(text):
            return f"error:{text}"


def judge(compiled: CompiledRuleset, attributes: Attributes) -> Judgement:
    """Judge one purchase. Attributes that no rule names are not looked at, but for the lists.

    >>> from paykeel.fraud.engine import CelEngine
    >>> from paykeel.fraud.rules import read_ruleset
    >>> ruleset = read_ruleset({"ruleset": "small", "rules": [{"key": "dear", "mode": "live",
    ...     "when": "payment.amount_ref > 50000", "action": "review", "reason": "dear"}]})
    >>> compiled = compile_ruleset(ruleset, CelEngine())
    >>> lists = {"list.block": False, "list.allow": False, "list.watch": False}
    >>> judge(compiled, {**lists, "payment.amount_ref": 50_001}).action
    <Action.REVIEW: 'review'>
    >>> judge(compiled, lists).results[0].outcome
    'missing:payment.amount_ref'
    """
    bound = bind(compiled.needs, compiled.scope, attributes)
    results, matched, failed = _ask(compiled.live, bound)
    shadow = _ask(compiled.shadow, bound)[0]
    listed = [attributes.get(f"list.{name}") for name in ("block", "allow", "watch")]
    on_block_list, on_allow_list, on_watch_list = (on_it is True for on_it in listed)

    allowed = on_allow_list or any(rule.action is Action.ALLOW for rule in matched)
    lifted: list[Rule] = []
    counted: list[Rule] = []
    for rule in matched:
        is_lifted = allowed and rule.overridable and rule.action is not Action.ALLOW
        (lifted if is_lifted else counted).append(rule)
    # A rule that would have been lifted need not be known.
    not_judged = any(not (allowed and rule.overridable) for rule in failed)
    not_judged = not_judged or not all(isinstance(on_it, bool) for on_it in listed)

    score = min(SCORE_MAX, sum(rule.score for rule in counted))
    by_score = _by_score(compiled.ruleset, score)
    actions = [by_score, *(rule.action for rule in counted)]
    if on_block_list:
        actions.append(Action.BLOCK)
    if not_judged:
        actions.append(compiled.ruleset.on_failure)
    # What it is worth could have been known: whatever the rules are, and whatever allows.
    rate_missing = attributes.get("payment.amount_ref") is CAPPED
    if rate_missing:
        actions.append(Action.REVIEW)
    reasons = {
        ON_BLOCK_LIST: on_block_list,
        ON_ALLOW_LIST: on_allow_list,
        ON_WATCH_LIST: on_watch_list,
        **{rule.reason: True for rule in counted},
        SCORE_OVER_THRESHOLD: by_score is not Action.ALLOW,
        NOT_JUDGED: not_judged,
        RATE_MISSING: rate_missing,
    }
    return Judgement(
        action=max(actions, key=_strength),
        score=score,
        reasons=tuple(reason for reason, given in reasons.items() if given),
        results=results,
        shadow=shadow,
        lifted=tuple(rule.key for rule in lifted),
        failed=not_judged,
        quarantines=tuple(
            _quarantined(rule, rule.quarantine) for rule in counted if rule.quarantine is not None
        ),
        ruleset=compiled.ruleset.name,
        ruleset_version=compiled.ruleset.version,
        engine=compiled.engine,
    )


def _ask(
    steps: tuple[_Step, ...], bound: Bound
) -> tuple[tuple[RuleResult, ...], list[Rule], list[Rule]]:
    """Ask every rule; return all results, the rules that matched and those that failed."""
    results, matched, failed = [], [], []
    values = bound.values
    for step in steps:
        answer = step.program.evaluate(values)
        if answer is True:
            results.append(step.matched)
            matched.append(step.rule)
        elif answer is False:
            results.append(step.unmatched)
        else:
            outcome = outcome_of(answer, bound)
            results.append(_result(step.rule, outcome))
            if not outcome.startswith("missing:"):
                failed.append(step.rule)
    return tuple(results), matched, failed


def _by_score(ruleset: Ruleset, score: int) -> Action:
    """Return what the score alone asks for."""
    at = ruleset.thresholds
    if at.block is not None and score >= at.block:
        return Action.BLOCK
    if at.review is not None and score >= at.review:
        return Action.REVIEW
    return Action.ALLOW


def _strength(action: Action) -> int:
    return action.strength


def _result(rule: Rule, outcome: str) -> RuleResult:
    return RuleResult(rule.key, rule.version, rule.mode, rule.action, rule.score, outcome)


def _quarantined(rule: Rule, quarantine: Quarantine) -> Quarantined:
    return Quarantined(quarantine.key, quarantine.for_s, rule.key, rule.reason)


__all__ = [
    "CAPPED",
    "OWN_REASONS",
    "SCORE_MAX",
    "Attributes",
    "Bound",
    "CompiledRuleset",
    "Judgement",
    "Needs",
    "Quarantined",
    "RuleResult",
    "bind",
    "compile_ruleset",
    "judge",
    "needs_of",
    "outcome_of",
]
