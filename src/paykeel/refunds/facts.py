"""What a quote is made from, and what it says. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from paykeel.errors import InvalidField
from paykeel.money import Money
from paykeel.refunds.policy import Component, RefundReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


#: Instants lie within these years, so that every boundary of a policy can be written, too.
YEAR_MIN, YEAR_MAX = 1900, 9_000


def check_instant(instant: datetime, name: str) -> None:
    """Refuse an instant without a time zone, or far from any payment.

    Raises:
        InvalidField: ``refund_facts_time``.
    """
    if instant.utcoffset() is None or not YEAR_MIN <= instant.year <= YEAR_MAX:
        message = f"An instant names its time zone, and lies in {YEAR_MIN} to {YEAR_MAX}."
        raise InvalidField(name, "refund_facts_time", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFacts:
    """What is known of a payment; amounts in minor units, instants aware. ``None`` is not known.

    Raises:
        InvalidField: ``refund_facts_negative``, ``refund_facts_components`` (unknown, or they do
            not add up to what was captured), ``refund_facts_units`` (they cost more than the fare)
            or ``refund_facts_time`` (no time zone, or too far away).
    """

    currency: str
    #: The currency's decimal places.
    exponent: int
    captured: int
    #: What went back, or is on its way, by the policy or not.
    refunded: int = 0
    refunds_count: int = 0
    #: What is disputed, and may have to be paid back by that way.
    disputed: int = 0
    purchased_at: datetime
    captured_at: datetime
    #: What has not been delivered is delivered now at the earliest: a later instant counts as now.
    delivered_at: datetime | None = None
    service_at: datetime | None = None
    no_show: bool | None = None
    reason: RefundReason = RefundReason.REQUESTED_BY_BUYER
    #: Adds up to what was captured; empty: all of it is fare.
    components: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    #: What the fare is counted in, such as nights: how many, and the price of each.
    units: tuple[int, int] | None = None
    jurisdiction: str | None = None
    #: What went back of each component, as it was written down then; the rest of ``refunded`` is
    #: not known by component.
    given: Mapping[Component, int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse what no payment can be."""
        counted = (self.captured, self.refunded, self.refunds_count, self.disputed)
        parts = (*self.components.values(), *self.given.values())
        if min((*counted, *(self.units or ()), *parts)) < 0:
            raise InvalidField("facts", "refund_facts_negative", "No amount is less than zero.")
        unknown = self.components.keys() - set(Component)
        if unknown or (self.components and sum(self.components.values()) != self.captured):
            raise InvalidField(
                "facts.components",
                "refund_facts_components",
                f"They are {', '.join(Component)}, and add up to what was captured.",
            )
        count, price = self.units or (0, 0)
        fare = self.captured_of(Component.FARE)
        if count * price > fare:
            # Units that cost more than was paid for them would keep more than the policy says.
            raise InvalidField(
                "facts.units",
                "refund_facts_units",
                f"{count} at {Money(price, self.currency)} come to more than the fare, "
                f"{Money(fare, self.currency)}: tell the price of a unit as it stands in the fare.",
            )
        for name in ("purchased_at", "captured_at", "delivered_at", "service_at"):
            instant: datetime | None = getattr(self, name)
            if instant is not None:
                check_instant(instant, name)

    def captured_of(self, component: Component) -> int:
        """Return how much of what was captured was for this component."""
        if not self.components:
            return self.captured if component is Component.FARE else 0
        return self.components.get(component, 0)

    @property
    def room(self) -> int:
        """What could go back at all: captured, less refunded and disputed."""
        return max(0, self.captured - self.refunded - self.disputed)


class QuoteOutcome(StrEnum):
    """What a quote says."""

    REFUNDABLE = "refundable"
    DENIED = "denied"
    #: A person has to decide, because a fact is missing; the amount is what is sure without it.
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step to the answer: a stable code, a sentence, and what was counted with."""

    code: str
    text: str
    numbers: Mapping[str, int | str]

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {"code": self.code, "text": self.text, "numbers": dict(self.numbers)}


@dataclass(frozen=True, slots=True)
class BreakdownLine:
    """One component, in minor units."""

    component: Component
    captured: int
    #: Of the cumulative total.
    total: int
    #: Of this refund.
    this: int

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "component": self.component.value,
            "captured": self.captured,
            "total": self.total,
            "this": self.this,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundQuote:
    """What can go back now, in minor units, and why."""

    #: Refundable now.
    amount: int
    #: Refundable in all, with what went back before.
    total: int
    currency: str
    breakdown: tuple[BreakdownLine, ...]
    outcome: QuoteOutcome
    #: ``no_policy``, ``tier``, ``otherwise``, ``exception`` or ``statutory_floor`` where something
    #: is refundable; else ``nothing_left``, ``disputed``, ``gives_nothing``, ``already_refunded``,
    #: ``max_refunds_reached``, ``below_minimum``, ``fact_missing`` or ``currency_mismatch``.
    code: str
    #: Whether somebody has to approve exactly this amount.
    approval: bool
    #: The first instant at which the answer is another one, if nothing but time goes on.
    next_boundary: datetime | None
    trace: tuple[TraceStep, ...]
    as_of: datetime
    #: What had gone back before, or was on its way; in minor units.
    refunded: int = 0
    #: ``total`` by component, in their order.
    totals: tuple[int, ...] = ()

    def trace_document(self) -> list[dict[str, Any]]:
        """Return the trace as values for JSON."""
        return [step.document() for step in self.trace]

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "amount": self.amount,
            "total": self.total,
            "currency": self.currency,
            "breakdown": [line.document() for line in self.breakdown],
            "outcome": self.outcome.value,
            "code": self.code,
            "approval": self.approval,
            "next_boundary": self.next_boundary and self.next_boundary.isoformat(),
            "as_of": self.as_of.isoformat(),
            "trace": self.trace_document(),
        }
