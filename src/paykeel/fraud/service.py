"""FraudPreventionService: judges a purchase by its rules; the log row commits with the payment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID


class Verdict(StrEnum):
    """What a rule can say of a purchase."""

    ALLOW = "allow"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What a rule may know of a purchase. The amount is in minor units of the currency."""

    merchant_id: UUID
    amount: int
    currency: str
    buyer_id: str
    buyer_role: str
    reference: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named, pure judgement: ``judge(purchase)`` says allow or block."""

    name: str
    judge: Callable[[Purchase], Verdict]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, by which rules, from which facts: the row of ``fraud_prevention_logs``."""

    verdict: Verdict
    rules: tuple[Mapping[str, str], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class FraudPreventionService:
    """Judges purchases by the rules it was given; block wins over allow.

    >>> from uuid import UUID
    >>> service = FraudPreventionService([Rule("no_large", lambda p: Verdict.BLOCK
    ...     if p.amount > 100_000 else Verdict.ALLOW)])
    >>> service.judge(Purchase(merchant_id=UUID(int=1), amount=100_001, currency="EUR",
    ...     buyer_id="a", buyer_role="agent", reference=None, metadata={})).verdict
    <Verdict.BLOCK: 'block'>
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        """Take the rules, in the order in which they are asked."""
        self._rules = tuple(rules)

    def judge(self, purchase: Purchase) -> Decision:
        """Ask every rule. A rule that fails to answer blocks: nothing unjudged is sent."""
        verdict = Verdict.ALLOW
        asked: list[Mapping[str, str]] = []
        for rule in self._rules:
            try:
                said = rule.judge(purchase)
            except Exception as error:  # noqa: BLE001 - a rule is the application's code
                said, result = Verdict.BLOCK, f"error: {type(error).__name__}"
            else:
                known = isinstance(said, Verdict)
                result = str(said) if known else f"no verdict: {type(said).__name__}"
            asked.append({"rule": rule.name, "result": result})
            if said is not Verdict.ALLOW:
                verdict = Verdict.BLOCK
        facts = {
            "amount": purchase.amount,
            "currency": purchase.currency,
            "buyer_role": purchase.buyer_role,
        }
        return Decision(verdict, tuple(asked), facts)
