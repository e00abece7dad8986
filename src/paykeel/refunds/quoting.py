"""What can go back now: one pure function, used by preview, execution, simulation and the worker.

Every answer is cumulative: what is refundable now is the rounded total, less what went back before.
So a total is rounded once, however many partial refunds it is paid in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from paykeel.refunds.clocks import Clock, grid_of
from paykeel.refunds.facts import (
    BreakdownLine,
    QuoteOutcome,
    RefundFacts,
    RefundQuote,
    TraceStep,
    check_instant,
)
from paykeel.refunds.policy import ApprovalWhen, Component, OnUnknown
from paykeel.refunds.sharing import share
from paykeel.refunds.worlds import Entitlement, World, shown, worlds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from paykeel.refunds.policy import RefundPolicy

__all__ = ["QuoteOutcome", "RefundFacts", "RefundQuote", "needs_approval", "quote"]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is refundable in one world, or for all of them."""

    amount: int
    outcome: QuoteOutcome
    code: str
    by: Entitlement
    steps: tuple[TraceStep, ...] = ()


def quote(policy: RefundPolicy | None, facts: RefundFacts, as_of: datetime) -> RefundQuote:
    """Return what can go back at an instant, and why.

    The same arguments always give the same answer. A policy in another currency than the payment's
    gives ``ask``: its amounts mean nothing there.

    Args:
        policy: What held at the purchase; ``None``: none did, and all that is left may go back.
        facts: What is known of the payment.
        as_of: An aware instant.

    Raises:
        InvalidField: ``refund_facts_time``: the instant has no time zone, or is too far away.
    """
    check_instant(as_of, "as_of")
    answer = _answer(policy, facts, as_of)
    steps = [*_clock_steps(policy, facts, as_of), *answer.steps, *_money_steps(facts, answer)]
    needs = _needs_approval(policy, answer.outcome, answer.amount, facts.refunded, answer.amount)
    return RefundQuote(
        amount=answer.amount,
        total=answer.by.total,
        currency=facts.currency,
        breakdown=_breakdown(facts, answer),
        outcome=answer.outcome,
        code=answer.code,
        approval=needs,
        next_boundary=_next_boundary(policy, facts, as_of, answer),
        trace=tuple(steps),
        as_of=as_of,
        refunded=facts.refunded,
        totals=answer.by.shares,
    )


def needs_approval(policy: RefundPolicy | None, quoted: RefundQuote, amount: int) -> bool:
    """Say whether somebody has to approve a refund of this amount.

    What a person was to be asked about always needs one. Without a policy, nothing else does.
    """
    return _needs_approval(policy, quoted.outcome, quoted.amount, quoted.refunded, amount)


def _needs_approval(
    policy: RefundPolicy | None, outcome: QuoteOutcome, quoted: int, refunded: int, amount: int
) -> bool:
    if outcome is QuoteOutcome.ASK:
        return True
    if policy is None or amount == 0:
        return False
    match policy.approval.when:
        case ApprovalWhen.NEVER:
            return False
        case ApprovalWhen.ALWAYS:
            return True
        case ApprovalWhen.OUTSIDE_POLICY:
            return amount > quoted
        case ApprovalWhen.OVER_AMOUNT:
            # Of all that goes back, so that nobody stays below it by asking in pieces.
            return amount > quoted or refunded + amount > (policy.approval.over or 0)


def _answer(policy: RefundPolicy | None, facts: RefundFacts, as_of: datetime) -> _Answer:
    """Return the answer, in whatever world we are."""
    if policy is None:
        every = tuple(facts.captured_of(component) for component in Component)
        outcome = QuoteOutcome.REFUNDABLE if facts.room else QuoteOutcome.DENIED
        code = "no_policy" if facts.room else _nothing_left(facts)
        return _Answer(facts.room, outcome, code, Entitlement(every, "no_policy", ""))
    if policy.currency not in (None, facts.currency):
        nothing = Entitlement((0,) * len(Component), "currency_mismatch", "")
        text = "The policy's amounts are in another currency; a person decides."
        step = TraceStep("currency_mismatch", text, {"policy": str(policy.currency)})
        return _Answer(0, QuoteOutcome.ASK, "currency_mismatch", nothing, (step,))
    answers: dict[World, _Answer] = {}
    memory: dict[tuple[Entitlement, Entitlement], _Answer] = {}
    for world in worlds(policy, facts, as_of):
        pair = world.own, world.floor
        if pair not in memory:
            memory[pair] = _in_world(policy, facts, *pair)
        answers[world] = memory[pair]
    least = min(answers.values(), key=lambda one: (one.amount, one.by.total))
    deciding = _deciding(answers)
    if not deciding:
        return least
    asks = policy.unknown is OnUnknown.ASK
    denied = QuoteOutcome.REFUNDABLE if least.amount else QuoteOutcome.DENIED
    names = ", ".join(deciding)
    text = f"The answer depends on what is not known: {names}. Sure is the least of all answers."
    step = TraceStep("fact_missing", text, {"facts": names, "unknown": policy.unknown.value})
    outcome = QuoteOutcome.ASK if asks else denied
    code = least.code if least.amount and not asks else "fact_missing"
    return _Answer(least.amount, outcome, code, least.by, (*least.steps, step))


def _deciding(answers: dict[World, _Answer]) -> Sequence[str]:
    """Return the missing facts on which the amount depends.

    A fact decides where two worlds that differ in nothing else have different answers.
    """
    if len({answer.amount for answer in answers.values()}) == 1:
        return ()
    names = dict.fromkeys(name for world in answers for name, _ in world.supposed)
    found = []
    for name in names:
        amounts: dict[object, set[int]] = {}
        for world, answer in answers.items():
            others = tuple(pair for pair in world.supposed if pair[0] != name)
            amounts.setdefault(others, set()).add(answer.amount)
        if any(len(different) > 1 for different in amounts.values()):
            found.append(name)
    return found


def _nothing_left(facts: RefundFacts) -> str:
    return "disputed" if facts.captured > facts.refunded else "nothing_left"


def _in_world(
    policy: RefundPolicy, facts: RefundFacts, own: Entitlement, floor: Entitlement
) -> _Answer:
    """Return the answer when every fact is known; the law is a lower bound over all own rules."""

    def due(by: Entitlement) -> int:
        return min(max(0, by.total - facts.refunded), facts.room)

    best = own if own.total >= floor.total else floor
    amount = due(best)
    steps = [_own_step(own)]
    if best is floor:
        text = f"The statutory floor {floor.name} gives more than the policy."
        steps.append(TraceStep("statutory_floor", text, {"total": floor.total}))
    limit = ""
    if best is own and amount:
        if policy.max_refunds is not None and facts.refunds_count >= policy.max_refunds:
            limit = "max_refunds_reached"
        elif amount < (policy.min_refund or 0):
            limit = "below_minimum"
    if limit:
        numbers = {"refunds_count": facts.refunds_count, "amount": amount}
        steps.append(TraceStep(limit, _LIMIT_TEXTS[limit], numbers))
        # What the law gives is due all the same.
        amount = due(floor)
        best = floor if amount else own
    if amount:
        return _Answer(amount, QuoteOutcome.REFUNDABLE, best.code, best, tuple(steps))
    code = limit
    if not facts.room:
        code = _nothing_left(facts)
    elif not code:
        code = "already_refunded" if best.total else "gives_nothing"
    return _Answer(0, QuoteOutcome.DENIED, code, best, tuple(steps))


_LIMIT_TEXTS = {
    "max_refunds_reached": "The payment has had as many refunds as the policy allows.",
    "below_minimum": "It would be less than the smallest refund that the policy makes.",
}


def _breakdown(facts: RefundFacts, answer: _Answer) -> tuple[BreakdownLine, ...]:
    """Share this refund out, so that all refunds together give each component its total."""
    return breakdown_of(facts, answer.by.shares, answer.amount)


def breakdown_of(
    facts: RefundFacts, totals: Sequence[int], amount: int
) -> tuple[BreakdownLine, ...]:
    """Share an amount out over the components, whose totals stand in their order."""
    captured = [facts.captured_of(component) for component in Component]
    given = [facts.given.get(component, 0) for component in Component]
    parts = share(captured, totals, given, facts.refunded, amount)
    return tuple(
        BreakdownLine(component, of, total, part)
        for component, of, total, part in zip(Component, captured, totals, parts, strict=True)
        if of
    )


def _next_boundary(
    policy: RefundPolicy | None, facts: RefundFacts, as_of: datetime, answer: _Answer
) -> datetime | None:
    """Return the first instant at which the amount or the outcome is another one."""
    if policy is None:
        return None
    for instant in sorted(set(_boundaries(policy, facts))):
        if instant > as_of:
            then = _answer(policy, facts, instant)
            if (then.amount, then.outcome) != (answer.amount, answer.outcome):
                return instant
    return None


def _boundaries(policy: RefundPolicy, facts: RefundFacts) -> Iterator[datetime]:
    """Give the instants at which a condition may change its answer."""
    starts = {
        Clock.SINCE_PURCHASE: facts.purchased_at,
        Clock.SINCE_CAPTURE: facts.captured_at,
        Clock.SINCE_DELIVERY: facts.delivered_at,
    }
    floors = policy.statutory_floor
    grid = grid_of([*(tier.when for tier in policy.tiers), *(floor.when for floor in floors)])
    if grid.asks_no_show and facts.service_at is not None:
        # Before it begins nobody has stayed away.
        yield facts.service_at + timedelta(microseconds=1)
    for clock, bounds in grid.cuts.items():
        for bound in bounds:
            if clock is not Clock.BEFORE_SERVICE:
                start = starts[clock]
                if start is not None:
                    yield start + timedelta(seconds=bound)
            elif facts.service_at is not None:
                # A bound still belongs to what was before it, for this clock counts down.
                yield facts.service_at - timedelta(seconds=bound) + timedelta(microseconds=1)


def _clock_steps(
    policy: RefundPolicy | None, facts: RefundFacts, as_of: datetime
) -> Iterator[TraceStep]:
    if policy is None:
        yield TraceStep("no_policy", "No policy held at the purchase: all that is left.", {})
        return
    seconds: dict[str, int | str] = {
        clock.value: value // 1_000_000 for clock, value in shown(facts, as_of).items()
    }
    yield TraceStep("clocks", "What the clocks show, in seconds.", seconds)


def _own_step(own: Entitlement) -> TraceStep:
    """Tell what the merchant's own rules give."""
    numbers: dict[str, int | str] = {"name": own.name, "total": own.total}
    if own.given is not None:
        numbers |= {"percent_bps": own.given.percent_bps, "fee": own.fee, "kept": own.kept}
    texts = {
        "tier": f"The tier {own.name} holds.",
        "otherwise": "No tier holds: what is given otherwise.",
        "exception": f"The reason {own.name} has a rule of its own.",
    }
    return TraceStep(own.code, texts[own.code], numbers)


def _money_steps(facts: RefundFacts, answer: _Answer) -> Iterator[TraceStep]:
    """Tell how the amount comes from the total."""
    numbers = {
        "total": answer.by.total,
        "refunded": facts.refunded,
        "disputed": facts.disputed,
        "captured": facts.captured,
        "amount": answer.amount,
    }
    text = "The total less what went back; never more than captured less refunded and disputed."
    yield TraceStep("amount", text, numbers)
