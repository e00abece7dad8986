"""The bodies of refunds and disputes as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Id, Instant, Request
from paykeel.api.terms_documents import Jurisdiction, Person, Sha256
from paykeel.money import AMOUNT_MAX
from paykeel.payments.refunding import RefundStatus
from paykeel.refunds.disputes import DISPUTE_ENDINGS, DISPUTE_ID_CHARACTERS_MAX
from paykeel.refunds.facts import QuoteOutcome
from paykeel.refunds.model import BECAUSE_CHARACTERS_MAX, OVERRIDE_CHARACTERS_MAX
from paykeel.refunds.parsing import UNITS_MAX
from paykeel.refunds.policy import Component, RefundReason

Amount = Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX, description="In minor units.")]
Total = Annotated[int, Field(ge=0, description="In minor units.")]
Part = Annotated[int, Field(strict=True, ge=0, le=AMOUNT_MAX)]
Reason = Annotated[RefundReason, Field(description="Why money goes back.")]
Because = Annotated[str, Field(min_length=1, max_length=BECAUSE_CHARACTERS_MAX)]


class RefundUnits(Request):
    """What the fare is counted in, such as nights."""

    count: Annotated[int, Field(strict=True, ge=0, le=UNITS_MAX)]
    price: Annotated[Part, Field(description="Of each, in minor units.")]


class RefundFacts(Request):
    """What only the merchant knows of a purchase; a policy may ask for it."""

    delivered_at: Instant | None = None
    service_at: Annotated[Instant | None, Field(description="When the service begins.")] = None
    no_show: bool | None = None
    components: Annotated[
        dict[Component, Part] | None,
        Field(description="Minor units; they add up to what was captured. Left out: all is fare."),
    ] = None
    units: RefundUnits | None = None
    jurisdiction: Annotated[Jurisdiction | None, Field(description="For a statutory floor.")] = None


class RefundQuoteRequest(Request):
    """For which reason, knowing what, and as of when."""

    reason: Reason | None = RefundReason.REQUESTED_BY_BUYER
    facts: RefundFacts | None = None
    as_of: Annotated[Instant | None, Field(description="Now when left out.")] = None


class RefundRequest(Request):
    """What is to be given back, and who asks."""

    requested_by: Person
    reason: Reason | None = RefundReason.REQUESTED_BY_BUYER
    amount: Annotated[
        Amount | None, Field(description="In minor units; left out: what the policy gives.")
    ] = None
    override_reason: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=OVERRIDE_CHARACTERS_MAX,
            description="Why the policy is not to decide; then somebody else has to approve it, "
            "unless the policy's `approval` is `never` and the key has `refunds:approve`.",
        ),
    ] = None
    expected_refunded_amount: Annotated[
        Part | None,
        Field(
            description="What you believe was asked for and given back so far; otherwise nothing "
            "is done, and the answer is `refunded_amount_changed`."
        ),
    ] = None
    facts: RefundFacts | None = None


class RefundVerdict(Request):
    """Who decides about a refund, and why."""

    operator: Person
    because: Because | None = None


class DisputeOpening(Request):
    """A dispute that a buyer has opened."""

    dispute_id: Annotated[
        str,
        Field(
            min_length=1,
            max_length=DISPUTE_ID_CHARACTERS_MAX,
            description="The gateway's or the card network's own id.",
        ),
    ]
    operator: Person
    amount: Annotated[
        Amount | None, Field(description="All that is captured and not disputed when left out.")
    ] = None


class DisputeClosing(Request):
    """How a dispute ended."""

    operator: Person
    ending: Annotated[str, Field(json_schema_extra={"enum": list(DISPUTE_ENDINGS)})]


class DisputeReopening(Request):
    """What a bank took up again."""

    operator: Person
    amount: Annotated[Amount | None, Field(description="As much as before when left out.")] = None


class RefundBreakdownLine(Answer):
    """One component, in minor units."""

    component: Component
    captured: Total
    total: Annotated[Total, Field(description="Of all refunds together.")]
    this: Annotated[Total, Field(description="Of this refund.")]


class RefundTraceStep(Answer):
    """One step to the answer."""

    code: str
    text: str
    numbers: dict[str, Any]


class RefundQuote(Answer):
    """What a payment's policy gives back at an instant, and why."""

    object: Literal["refund_quote"]
    payment_id: Id
    reason: Reason
    amount: Annotated[Total, Field(description="What can be given back then, in minor units.")]
    total: Annotated[Total, Field(description="In all, with what went back before.")]
    currency: str
    breakdown: list[RefundBreakdownLine]
    outcome: Annotated[
        QuoteOutcome, Field(description="`ask`: a fact is missing, and a person decides.")
    ]
    code: Annotated[str, Field(description="Why, such as `tier` or `max_refunds_reached`.")]
    approval: Annotated[bool, Field(description="Whether somebody has to approve this amount.")]
    next_boundary: Annotated[
        Instant | None, Field(description="When the answer is another one, by time alone.")
    ]
    as_of: Instant
    trace: list[RefundTraceStep]


class RefundFailure(Answer):
    """Why the gateway refused a refund."""

    reason: str
    code: str | None
    mender: str | None
    retry_can_help: bool


class RefundedPayment(Answer):
    """The amounts of a refund's payment, in minor units."""

    id: Id
    display_status: str
    amount_captured: Total
    amount_refunded: Total
    amount_refund_reserved: Annotated[Total, Field(description="Asked for, or sent and not known.")]
    amount_disputed: Total
    amount_refundable: Annotated[Total, Field(description="What may still be asked for.")]


class Refund(Answer):
    """A refund as it stands."""

    object: Literal["refund"]
    id: Id
    payment_id: Id
    amount: Amount
    currency: str
    reason: str
    origin: Annotated[
        Literal["merchant", "gateway"],
        Field(description="`gateway`: somebody gave it back in the gateway's own screens."),
    ]
    requested_by: str
    quoted_amount: Annotated[Total | None, Field(description="What the policy gave then.")]
    policy_sha256: Annotated[Sha256 | None, Field(description="Null: no policy held.")]
    override_reason: str | None
    created_at: Instant
    settled_amount: Annotated[
        Amount | None,
        Field(description="What was given back, where a person found it to be another amount."),
    ] = None
    status: RefundStatus
    failure: RefundFailure | None
    updated_at: Instant


class AnsweredRefund(Refund):
    """A refund as its request is answered, with the amounts of its payment."""

    payment: RefundedPayment


class ListedRefund(Refund):
    """A refund with how it ended."""

    approved_by: str | None
    gateway_id: str | None
    finished_at: Instant | None


class RefundDecision(Answer):
    """What somebody decided about a refund; with a request, by which figures."""

    object: Literal["refund_decision"]
    sequence: int
    kind: Literal["requested", "approved", "rejected", "canceled", "noticed"]
    from_status: Annotated[str, Field(description="`new` before the first.")]
    status: RefundStatus
    actor: str
    because: str | None
    as_of: Annotated[Instant | None, Field(description="When the policy was asked.")]
    facts: Annotated[dict[str, Any] | None, Field(description="What was known then.")]
    trace: list[RefundTraceStep] | None
    breakdown: Annotated[
        list[RefundBreakdownLine] | None,
        Field(description="What each component got; `this` adds up to the refund's amount."),
    ]
    at: Instant


class RefundDetails(ListedRefund):
    """A refund, its payment's amounts, and every decision about it."""

    payment: RefundedPayment
    decisions: list[RefundDecision]


class RefundList(Answer):
    """A page of refunds, newest first."""

    object: Literal["list"]
    data: list[ListedRefund]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


class RefundDecline(Answer):
    """A refund that the gateway refused (RFC 9457)."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    title: str
    status: int
    code: Literal["refund_declined"]
    reason: str
    detail: str
    refund: AnsweredRefund


REFUND_REQUESTS: tuple[type[BaseModel], ...] = (
    RefundQuoteRequest, RefundRequest, RefundVerdict, DisputeOpening, DisputeClosing,
    DisputeReopening,
)  # fmt: skip
REFUND_ANSWERS: tuple[type[BaseModel], ...] = (
    RefundQuote, AnsweredRefund, RefundDetails, RefundList, RefundDecline,
)  # fmt: skip
