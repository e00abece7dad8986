"""A refund policy as frozen values, and the one form in which its document is hashed. Pure.

`paykeel.refunds.parsing` makes these from a document, and nothing else should: a policy that was
built by hand has not been checked. A document and these values say the same, both ways.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from paykeel.fraud.ruleset import duration_text
from paykeel.refunds.clocks import Condition, Either, Every, NoShow, Within
from paykeel.sealing.canonical import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.refunds.rounding import Rounding

#: Anybody: a part of a scope that is left open.
ANY = "*"
#: Basis points of the whole.
WHOLE_BPS = 10_000


class Component(StrEnum):
    """What an amount is made of, in the order in which equal remainders are served."""

    FARE = "fare"
    TAX = "tax"
    SERVICE_FEE = "service_fee"
    DEPOSIT = "deposit"
    ANCILLARY = "ancillary"


class Refundable(StrEnum):
    """Whether a component has a rule of its own."""

    YES = "yes"
    NO = "no"
    #: As the tier says.
    INHERIT = "inherit"


class RefundReason(StrEnum):
    """Why money goes back."""

    REQUESTED_BY_BUYER = "requested_by_buyer"
    DUPLICATE = "duplicate"
    FRAUD = "fraud"
    PROVIDER_FAULT = "provider_fault"
    FORCE_MAJEURE = "force_majeure"
    STATUTORY_WITHDRAWAL = "statutory_withdrawal"
    OTHER = "other"


class OnUnknown(StrEnum):
    """What is done when the answer depends on a fact that is missing."""

    DENY = "deny"
    ASK = "ask"


class ApprovalWhen(StrEnum):
    """Which refunds somebody has to approve."""

    NEVER = "never"
    ALWAYS = "always"
    #: What is more than an amount, or outside the policy.
    OVER_AMOUNT = "over_amount"
    #: What the policy does not give.
    OUTSIDE_POLICY = "outside_policy"


@dataclass(frozen=True, slots=True)
class PolicyScope:
    """For which purchases a policy is.

    >>> PolicyScope(jurisdiction="DE").covers(PolicyScope("agent", "ticket", "DE-BY"))
    True
    """

    #: ``agent``, ``operator``, or ``*``.
    buyer_role: str = ANY
    #: The kind of purchase, or ``*``.
    product: str = ANY
    #: ISO 3166-1 or 3166-2: ``DE``, ``DE-BY``, or ``*``.
    jurisdiction: str = ANY
    #: The merchant's own word for where it sells, or ``*``.
    channel: str = ANY
    #: The merchant's own word for a way of paying, or ``*``.
    payment_method: str = ANY

    @property
    def parts(self) -> tuple[str, str, str, str, str]:
        """Its five parts, in the order of its fields."""
        return (
            self.buyer_role,
            self.product,
            self.jurisdiction,
            self.channel,
            self.payment_method,
        )

    @property
    def weight(self) -> int:
        """How specific it is: one for each part that is named, one more for a subdivision."""
        return sum(part != ANY for part in self.parts) + ("-" in self.jurisdiction)

    def covers(self, context: PolicyScope) -> bool:
        """Say whether a policy of this scope is for this purchase.

        What the context leaves open is covered by a star alone.
        """
        return all(
            here in (ANY, there) or (place == 2 and is_in(there, here))
            for place, (here, there) in enumerate(zip(self.parts, context.parts, strict=True))
        )

    def meets(self, other: PolicyScope) -> bool:
        """Say whether there is a purchase that both are for."""
        return all(
            ANY in (here, there)
            or here == there
            or (place == 2 and (is_in(here, there) or is_in(there, here)))
            for place, (here, there) in enumerate(zip(self.parts, other.parts, strict=True))
        )

    def document(self) -> dict[str, str]:
        """Return it as values for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def is_in(place: str, jurisdiction: str) -> bool:
    """Say whether a place is the jurisdiction, or a part of it.

    >>> is_in("DE-BY", "DE"), is_in("DE", "DE-BY")
    (True, False)
    """
    return place == jurisdiction or place.startswith(f"{jurisdiction}-")


def scope_text(scope: PolicyScope) -> str:
    """Return a scope in words.

    >>> scope_text(PolicyScope(jurisdiction="DE", payment_method="card")), scope_text(PolicyScope())
    ('jurisdiction DE, payment method card', 'every purchase')
    """
    parts = zip(
        ("role", "product", "jurisdiction", "channel", "payment method"), scope.parts, strict=True
    )
    return ", ".join(f"{name} {part}" for name, part in parts if part != ANY) or "every purchase"


@dataclass(frozen=True, slots=True)
class Given:
    """What a tier gives back: a share of the price, less what the merchant keeps."""

    percent_bps: int
    #: In minor units of the policy's currency.
    fee: int = 0
    #: The fee is at most this share of what the tier rules over; ``None``: whatever that is.
    fee_cap_bps: int | None = None
    #: So many units (nights) of the fare are kept before the share is taken.
    units_kept: int = 0

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        cap = {} if self.fee_cap_bps is None else {"fee_cap_bps": self.fee_cap_bps}
        return {
            "percent_bps": self.percent_bps,
            "fee": self.fee,
            **cap,
            "units_kept": self.units_kept,
        }


@dataclass(frozen=True, slots=True)
class Tier:
    """When a condition holds, this is given."""

    name: str
    when: Condition
    give: Given


@dataclass(frozen=True, slots=True)
class ComponentRule:
    """A component's own rule; ``percent_bps`` is what ``yes`` gives, whatever the tier says."""

    refundable: Refundable
    percent_bps: int = WHOLE_BPS


@dataclass(frozen=True, slots=True)
class ReasonRule:
    """What a reason gives in the place of the tier's percent, or of all that the tiers say."""

    percent_bps: int
    bypass_tiers: bool


@dataclass(frozen=True, slots=True)
class StatutoryFloor:
    """The least that a law gives: a lower bound over the merchant's own rules, never another."""

    name: str
    jurisdictions: tuple[str, ...]
    reasons: tuple[RefundReason, ...]
    when: Condition
    percent_bps: int
    components: tuple[Component, ...]

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "name": self.name,
            "jurisdictions": list(self.jurisdictions),
            "reasons": [reason.value for reason in self.reasons],
            "when": condition_document(self.when),
            "percent_bps": self.percent_bps,
            "components": [component.value for component in self.components],
        }


@dataclass(frozen=True, slots=True)
class Approval:
    """Which refunds somebody has to approve, and whether it must be somebody else."""

    when: ApprovalWhen = ApprovalWhen.OUTSIDE_POLICY
    #: In minor units; only for ``over_amount``.
    over: int | None = None
    four_eyes: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        over = {} if self.over is None else {"over": self.over}
        return {"when": self.when.value, **over, "four_eyes": self.four_eyes}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPolicy:
    """What a merchant gives back, and when."""

    key: str
    title: str
    scope: PolicyScope
    #: ISO 4217; ``None``: the policy names no amount, and is for every currency.
    currency: str | None
    rounding: Rounding
    unknown: OnUnknown
    approval: Approval
    #: Of one payment; ``None``: any number.
    max_refunds: int | None
    #: In minor units; no refund is smaller. ``None``: any amount.
    min_refund: int | None
    tiers: tuple[Tier, ...]
    #: What is given where no tier is; ``None``: the tiers are everywhere.
    otherwise: Given | None
    components: Mapping[Component, ComponentRule]
    exceptions: Mapping[RefundReason, ReasonRule]
    statutory_floor: tuple[StatutoryFloor, ...]

    def document(self) -> dict[str, Any]:
        """Return the policy as values for JSON; reading them again gives an equal policy."""
        optional = {
            "currency": self.currency,
            "max_refunds": self.max_refunds,
            "min_refund": self.min_refund,
            "otherwise": self.otherwise and self.otherwise.document(),
        }
        return {
            "key": self.key,
            "title": self.title,
            "scope": self.scope.document(),
            "rounding": self.rounding.value,
            "unknown": self.unknown.value,
            "approval": self.approval.document(),
            "tiers": [
                {"name": tier.name, "when": condition_document(tier.when), **tier.give.document()}
                for tier in self.tiers
            ],
            "components": {
                component.value: {
                    "refundable": rule.refundable.value,
                    **({"percent_bps": rule.percent_bps} if _is_yes(rule) else {}),
                }
                for component, rule in self.components.items()
            },
            "exceptions": {
                reason.value: {"percent_bps": rule.percent_bps, "bypass_tiers": rule.bypass_tiers}
                for reason, rule in self.exceptions.items()
            },
            "statutory_floor": [floor.document() for floor in self.statutory_floor],
            **{name: value for name, value in optional.items() if value is not None},
        }


def _is_yes(rule: ComponentRule) -> bool:
    return rule.refundable is Refundable.YES


def condition_document(condition: Condition) -> dict[str, Any]:
    """Return a condition as values for JSON."""
    match condition:
        case Within(clock, from_s, to_s):
            bounds = {"from": from_s, "to": to_s}
            return {
                clock.value: {
                    name: duration_text(bound)
                    for name, bound in bounds.items()
                    if bound is not None
                }
            }
        case NoShow(value):
            return {"no_show": value}
        case Every(parts):
            return {"all": [condition_document(part) for part in parts]}
        case Either(parts):
            return {"any": [condition_document(part) for part in parts]}


def canonical(policy_document: Mapping[str, Any]) -> bytes:
    """Return the one way in which a document is written: sorted names, no spaces, UTF-8.

    Raises:
        TypeError: It holds what a policy never does, such as a number with a point.

    >>> canonical({"title": "é", "key": "a"}).decode()
    '{"key":"a","title":"é"}'
    """
    return write_json(dict(policy_document)).encode()


def policy_sha256(document: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of a document's canonical form; hash ``RefundPolicy.document()``.

    Two files that say the same hash differently where one leaves a default out; their policies do
    not.
    """
    return hashlib.sha256(canonical(document)).digest()
