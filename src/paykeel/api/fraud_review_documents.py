"""The documents of reviews as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Id, Instant, Request
from paykeel.payments.review import ReviewLabel
from paykeel.payments.review_queue import NOTE_CHARACTERS_MAX, OPERATOR_CHARACTERS_MAX

Operator = Annotated[
    str,
    Field(min_length=1, max_length=OPERATOR_CHARACTERS_MAX, description="Who does it, by name."),
]
Text = Annotated[str, Field(min_length=1, max_length=NOTE_CHARACTERS_MAX)]


class FraudReviewAssignment(Request):
    """Who is to look at a payment."""

    operator: Operator
    assignee: Annotated[
        str | None,
        Field(min_length=1, max_length=OPERATOR_CHARACTERS_MAX, description="Null: nobody."),
    ]


class FraudReviewNoteRequest(Request):
    """What somebody has to say."""

    operator: Operator
    text: Text


class FraudReviewApproval(Request):
    """Who approves a payment."""

    operator: Operator
    note: Text | None = None


class FraudReviewRejection(Request):
    """Who rejects a payment, why, and what it is taken for."""

    operator: Operator
    note: Text | None = None
    label: ReviewLabel | None = None


class FraudReviewBuyer(Answer):
    """Who buys."""

    id: str
    role: str


class FraudReview(Answer):
    """A payment that is, or was, held for a person."""

    object: Literal["fraud_review"]
    payment_id: Id
    status: Literal["open", "approved", "rejected", "expired", "canceled"]
    reasons: Annotated[list[str], Field(description="Reason codes of the rules that asked for it.")]
    approvals_needed: Annotated[int, Field(ge=1, le=2)]
    approvals: Annotated[int, Field(ge=0, le=2)]
    assignee: str | None
    due_at: Annotated[Instant, Field(description="When it expires, if nobody has decided.")]
    created_at: Instant
    decided_at: Instant | None
    payment_status: str
    amount: Annotated[int, Field(ge=1, description="In minor units.")]
    currency: str
    buyer: FraudReviewBuyer
    reference: str | None


class FraudReviewNote(Answer):
    """What somebody did or said about it."""

    object: Literal["fraud_review_note"]
    id: Id
    action: Literal["note", "assign", "approve", "reject", "expire"]
    author: str
    text: Annotated[str, Field(description="With `assign`: whom; empty: nobody.")]
    created_at: Instant


class FraudReviewDecision(Answer):
    """What fraud prevention saw when it held the payment, and what each rule said."""

    decision: str
    score: Annotated[int, Field(ge=0, le=100)]
    reasons: list[str]
    facts: dict[str, Any]
    rules: list[dict[str, Any]]
    ruleset: str | None
    ruleset_version: int | None
    created_at: Instant


class FraudReviewDetails(FraudReview):
    """A review with all that a person needs to decide."""

    payment: Annotated[dict[str, Any], Field(description="As `GET /v1/payments/{id}` gives it.")]
    decision: FraudReviewDecision
    notes: list[FraudReviewNote]


class FraudReviewList(Answer):
    """A page of what waits, the soonest due first."""

    object: Literal["list"]
    data: list[FraudReview]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


REVIEW_REQUESTS: tuple[type[BaseModel], ...] = (
    FraudReviewAssignment, FraudReviewNoteRequest, FraudReviewApproval, FraudReviewRejection,
)  # fmt: skip
REVIEW_ANSWERS: tuple[type[BaseModel], ...] = (
    FraudReview, FraudReviewNote, FraudReviewDetails, FraudReviewList,
)  # fmt: skip
