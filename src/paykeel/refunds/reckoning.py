"""What a policy gives of a payment, and whether what somebody asks for stays within it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paykeel.errors import InvalidField, Refused
from paykeel.money import Money
from paykeel.payments.encoding import instant
from paykeel.payments.refunding import RefundStatus
from paykeel.payments.states import TERMINAL
from paykeel.refunds.facts import QuoteOutcome, RefundFacts
from paykeel.refunds.policy import ApprovalWhen, Component, RefundReason
from paykeel.refunds.quoting import needs_approval

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from paykeel.payments.model import Payment
    from paykeel.refunds.facts import RefundQuote
    from paykeel.refunds.model import GivenFacts, RefundRequest
    from paykeel.refunds.policy import RefundPolicy

#: Of one payment, whatever became of them.
REFUNDS_MAX = 200
#: A refund that counts: it was given back, or may be.
COUNTS = frozenset({RefundStatus.REQUESTED, RefundStatus.PENDING, RefundStatus.SUCCEEDED})


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a refund is opened."""

    #: In minor units.
    amount: int
    status: RefundStatus
    #: Whether somebody else than who asked has to approve it.
    four_eyes: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What was refunded and disputed of a payment so far, as its rows say."""

    #: All of its refunds, whatever became of them.
    refunds: int = 0
    #: Those that count.
    counted: int = 0
    #: What those gave back of each component, in minor units, where that was reckoned.
    given: Mapping[str, int] = field(default_factory=dict)
    #: What lost disputes took, in minor units.
    lost: int = 0


def facts_of(payment: Payment, standing: Standing, given: GivenFacts, reason: str) -> RefundFacts:
    """Return what is known of a payment, in the words of policies."""
    # What a lost dispute took has gone back, too, by another way.
    lost = standing.lost
    return RefundFacts(
        currency=payment.currency,
        exponent=payment.exponent,
        captured=payment.amount_captured,
        refunded=payment.amount_refunded
        + payment.amount_refund_reserved
        + payment.amount_refund_noticed
        + lost,
        refunds_count=standing.counted,
        disputed=payment.amount_disputed - lost,
        purchased_at=payment.created_at,
        captured_at=_captured_at(payment),
        delivered_at=given.delivered_at,
        service_at=given.service_at,
        no_show=given.no_show,
        reason=RefundReason(reason),
        components=given.components,
        units=given.units,
        jurisdiction=given.jurisdiction,
        given={Component(name): amount for name, amount in standing.given.items()},
    )


def _captured_at(payment: Payment) -> datetime:
    captured = (event.occurred_at for event in payment.timeline if event.captured_delta > 0)
    return next(captured, payment.created_at)


def check_refundable(payment: Payment) -> None:
    """Refuse what nothing can be given back of.

    Raises:
        Refused: ``payment_not_refundable``.
    """
    if payment.status not in TERMINAL or not payment.amount_captured:
        raise Refused(
            f"This payment is {payment.status}, and {_money(payment, payment.amount_captured)} of "
            "it is captured: there is nothing to refund. Cancel what is only reserved.",
            code="payment_not_refundable",
            status=str(payment.status),
        )


def check_room(standing: Standing) -> None:
    """Refuse one refund too many; what is made at the gateway is booked all the same.

    Raises:
        Refused: ``refunds_too_many``.
    """
    if standing.refunds >= REFUNDS_MAX:
        raise Refused(
            f"A payment has at most {REFUNDS_MAX} refunds, whatever became of them.",
            code="refunds_too_many",
        )


def terms_of(
    payment: Payment,
    policy: RefundPolicy | None,
    quoted: RefundQuote,
    request: RefundRequest,
    *,
    may_approve: bool = False,
) -> Terms:
    """Say which amount is given back, and whether somebody has to approve that.

    Args:
        payment: As it stands.
        policy: What held at the purchase.
        quoted: What it gives now.
        request: What is asked for.
        may_approve: Whether who asks may approve refunds.

    Raises:
        Refused: ``refunded_amount_changed``, ``refund_denied``, ``refund_outside_policy``,
            ``refund_below_minimum``.
        InvalidField: ``amount_over_refundable``, ``amount_required``.
    """
    taken = payment.amount_refunded + payment.amount_refund_reserved
    expected = request.expected_refunded_amount
    if expected is not None and expected != taken:
        raise Refused(
            f"{_money(payment, taken)} was asked for or given back so far, and not "
            f"{_money(payment, expected)}: look at the payment again.",
            code="refunded_amount_changed",
            amount_refunded=payment.amount_refunded,
            amount_refund_reserved=payment.amount_refund_reserved,
        )
    amount = request.amount if request.amount is not None else _by_policy(quoted, request)
    if amount > payment.refundable:
        raise InvalidField(
            "amount",
            "amount_over_refundable",
            f"At most {_money(payment, payment.refundable)} can be given back now.",
        )
    within = quoted.outcome is QuoteOutcome.REFUNDABLE and amount <= quoted.amount
    least = 0 if policy is None else policy.min_refund or 0
    if within and amount < min(least, quoted.amount) and request.override_reason is None:
        raise Refused(
            f"The policy makes no refund of less than {_money(payment, least)}.",
            code="refund_below_minimum",
            quoted_amount=quoted.amount,
        )
    within = within and amount >= min(least, quoted.amount)
    if not within and request.override_reason is None and quoted.outcome is not QuoteOutcome.ASK:
        raise Refused(
            f"The policy gives {_money(payment, quoted.amount)} now: ask for no more, or say why "
            "it is not to decide (override_reason); somebody may have to approve it then.",
            code="refund_outside_policy",
            quoted_amount=quoted.amount,
            quoted_code=quoted.code,
        )
    asks = needs_approval(policy, quoted, amount)
    if not within:
        asks = asks or not (may_approve and _asks_nobody(policy))
    status = RefundStatus.REQUESTED if asks else RefundStatus.PENDING
    # What a policy does not give is never one person's decision.
    four_eyes = asks and (not within or (policy is not None and policy.approval.four_eyes))
    return Terms(amount, status, four_eyes)


def _asks_nobody(policy: RefundPolicy | None) -> bool:
    """Say whether whoever may approve gives back more than the policy does without asking."""
    if policy is None:
        return False
    return policy.approval.when is ApprovalWhen.NEVER and not policy.approval.four_eyes


def _money(payment: Payment, minor: int) -> Money:
    return Money(minor, payment.currency)


def _by_policy(quoted: RefundQuote, request: RefundRequest) -> int:
    """Return what the policy gives, where the caller leaves the amount to it."""
    if quoted.outcome is QuoteOutcome.REFUNDABLE and quoted.amount > 0:
        return quoted.amount
    if quoted.outcome is QuoteOutcome.ASK or request.override_reason is not None:
        raise InvalidField(
            "amount", "amount_required", "The policy does not say how much; name the amount."
        )
    raise Refused(
        "The policy gives nothing back now.",
        code="refund_denied",
        quoted_code=quoted.code,
        next_boundary=None if quoted.next_boundary is None else instant(quoted.next_boundary),
    )
