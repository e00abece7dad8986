"""Refunds as values: what is asked for, and a refund as it stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from paykeel.errors import InvalidField
from paykeel.money import check_amount
from paykeel.payments.encoding import instant
from paykeel.payments.refund_answers import refund_document
from paykeel.payments.refunding import RefundStatus
from paykeel.refunds.facts import check_instant
from paykeel.refunds.policy import RefundReason
from paykeel.terms.scopes import check_jurisdiction
from paykeel.texts import check_person, check_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from paykeel.payments.model import Payment

OVERRIDE_CHARACTERS_MAX = 500
BECAUSE_CHARACTERS_MAX = 500
#: Who began a refund: the merchant, or somebody in the gateway's own screens.
ORIGINS = ("merchant", "gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFacts:
    """What only the merchant knows of a purchase; a policy may ask for it."""

    delivered_at: datetime | None = None
    service_at: datetime | None = None
    no_show: bool | None = None
    #: Minor units of each component; they add up to what was captured. Empty: all is fare.
    components: Mapping[str, int] = field(default_factory=dict)
    #: How many units were bought (nights, say), and the price of each in minor units.
    units: tuple[int, int] | None = None
    #: ISO 3166, for a statutory floor.
    jurisdiction: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be; the rest is looked at beside the payment.

        Raises:
            InvalidField: ``refund_facts_time`` or ``jurisdiction_malformed``.
        """
        for name, at in (("delivered_at", self.delivered_at), ("service_at", self.service_at)):
            if at is not None:
                check_instant(at, f"facts.{name}")
        if self.jurisdiction is not None:
            check_jurisdiction(self.jurisdiction, "facts.jurisdiction")

    def document(self) -> dict[str, Any]:
        """Return the facts in one spelling; what was not given is left out."""
        told: dict[str, Any] = {
            name: instant(at)
            for name, at in (("delivered_at", self.delivered_at), ("service_at", self.service_at))
            if at is not None
        }
        if self.no_show is not None:
            told["no_show"] = self.no_show
        if self.components:
            told["components"] = {str(one): self.components[one] for one in sorted(self.components)}
        if self.units is not None:
            told["units"] = {"count": self.units[0], "price": self.units[1]}
        if self.jurisdiction is not None:
            told["jurisdiction"] = self.jurisdiction
        return told


NO_FACTS = GivenFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What somebody asks to be given back, checked.

    Raises on creation:
        InvalidField: One field is wrong; ``code`` says how.
    """

    #: Who asks, at most 100 characters; history keeps the name.
    requested_by: str
    #: One of ``RefundReason``.
    reason: str = RefundReason.REQUESTED_BY_BUYER
    #: In minor units; ``None``: what the policy gives.
    amount: int | None = None
    #: Why the policy is not to decide; then somebody has to approve.
    override_reason: str | None = None
    #: What the caller believes was asked for and given back so far, in minor units: when it is
    #: not so, nothing is done.
    expected_refunded_amount: int | None = None
    facts: GivenFacts = NO_FACTS

    def __post_init__(self) -> None:
        """Check every field."""
        # In one spelling, so that nobody approves their own refund under another one.
        object.__setattr__(self, "requested_by", check_person(self.requested_by, "requested_by"))
        if self.reason not in tuple(RefundReason):
            raise InvalidField(
                "reason", "choice_unknown", f"Use one of: {', '.join(RefundReason)}."
            )
        if self.amount is not None:
            check_amount(self.amount)
        if self.override_reason is not None:
            check_text(self.override_reason, "override_reason", OVERRIDE_CHARACTERS_MAX)
        expected = self.expected_refunded_amount
        if expected is not None and (type(expected) is not int or expected < 0):
            raise InvalidField(
                "expected_refunded_amount", "amount_malformed", "Whole minor units, 0 or more."
            )

    def document(self) -> dict[str, Any]:
        """Return the request in one spelling, for its fingerprint."""
        return {
            "amount": self.amount,
            "expected_refunded_amount": self.expected_refunded_amount,
            "facts": self.facts.document(),
            "override_reason": self.override_reason,
            "reason": str(self.reason),
            "requested_by": self.requested_by,
        }


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it stands: the row of ``refunds``, column for column."""

    merchant_id: UUID
    refund_id: UUID
    payment_id: UUID
    status: RefundStatus
    #: In minor units of ``currency``.
    amount: int
    currency: str
    reason: str
    #: ``merchant``, or ``gateway``: somebody gave it back in the gateway's own screens.
    origin: str
    idempotency_key: str | None
    requested_by: str
    #: What the policy gave at that moment; ``None``: it said nothing.
    quoted_amount: int | None
    policy_sha256: bytes | None
    override_reason: str | None
    four_eyes: bool
    approved_by: str | None
    gateway_id: str | None
    failure_reason: str | None
    failure_code: str | None
    #: What was given back, where that is another amount than was asked for.
    settled_amount: int | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    def told(self) -> dict[str, Any]:
        """Return what never changes of it, as its caller and its attempt are told."""
        sha256 = self.policy_sha256
        return {
            "id": str(self.refund_id),
            "payment_id": str(self.payment_id),
            "amount": self.amount,
            "currency": self.currency,
            "reason": self.reason,
            "origin": self.origin,
            "requested_by": self.requested_by,
            "quoted_amount": self.quoted_amount,
            "policy_sha256": None if sha256 is None else sha256.hex(),
            "override_reason": self.override_reason,
            "created_at": instant(self.created_at),
        }

    @property
    def failure(self) -> tuple[str, str | None] | None:
        """Why the gateway refused it, and the gateway's own code."""
        return None if self.failure_reason is None else (self.failure_reason, self.failure_code)

    def document(self, payment: Payment) -> dict[str, Any]:
        """Return it as JSON-ready values, with the amounts of its payment."""
        return {
            **refund_document(payment, self.told(), self.status, self.failure),
            "approved_by": self.approved_by,
            "gateway_id": self.gateway_id,
            "settled_amount": self.settled_amount,
            "updated_at": instant(self.updated_at),
            "finished_at": None if self.finished_at is None else instant(self.finished_at),
        }


REFUND_COLUMNS = tuple(f.name for f in fields(Refund))


def refund_from_row(row: Any) -> Refund:
    """Make a refund of a row."""
    return Refund(**{**row, "status": RefundStatus(row["status"])})


@dataclass(frozen=True, slots=True)
class RefundDecision:
    """What somebody decided about a refund, and by which figures."""

    sequence: int
    #: ``requested``, ``approved``, ``rejected``, ``canceled`` or ``noticed``.
    kind: str
    from_status: str
    to_status: str
    actor: str
    because: str | None
    #: When the policy was asked, with which facts, and how it reckoned.
    as_of: datetime | None
    facts: Mapping[str, Any] | None
    trace: list[Any] | None
    #: What each component got of the amount.
    breakdown: list[Any] | None
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFilter:
    """What to look for; ``None`` lets everything through."""

    payment_id: UUID | None = None
    status: str | None = None
    reason: str | None = None
    origin: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no refund has.

        Raises:
            InvalidField: ``choice_unknown``.
        """
        for name, choices in (
            ("status", tuple(RefundStatus)),
            ("reason", tuple(RefundReason)),
            ("origin", ORIGINS),
        ):
            value = getattr(self, name)
            if value is not None and value not in choices:
                raise InvalidField(name, "choice_unknown", f"Use one of: {', '.join(choices)}.")


@dataclass(frozen=True, slots=True)
class RefundPage:
    """Some refunds, newest first, and where the next page begins."""

    refunds: tuple[Refund, ...]
    #: ``None``: there are no more.
    next_cursor: str | None
