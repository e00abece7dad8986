"""The documents of the API as pydantic models, from which OpenAPI is made, and for nothing else.

Requests are checked by ``PurchaseRequest`` and its kin. A test holds the two together: names,
limits and examples.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from paykeel.money import AMOUNT_MAX
from paykeel.payments.complete import DATA_ENTRIES_MAX, DATA_VALUE_CHARACTERS_MAX
from paykeel.payments.model import (
    BUYER_ID_CHARACTERS_MAX,
    DESCRIPTION_CHARACTERS_MAX,
    METADATA_ENTRIES_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
    PAYMENT_METHOD_CHARACTERS_MAX,
    REFERENCE_CHARACTERS_MAX,
    BuyerRole,
    CaptureMethod,
)
from paykeel.payments.states import Status

Amount = Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX, description="In minor units.")]
Total = Annotated[int, Field(ge=0, description="In minor units.")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217, in capitals.")]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Metadata = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=METADATA_VALUE_CHARACTERS_MAX)]],
    Field(max_length=METADATA_ENTRIES_MAX, description="Names have 1 to 40 characters."),
]
Data = Annotated[
    dict[
        str,
        Annotated[str, StringConstraints(min_length=1, max_length=DATA_VALUE_CHARACTERS_MAX)],
    ],
    Field(max_length=DATA_ENTRIES_MAX, description="What the buyer's step gave back."),
]


class _Request(BaseModel):
    """What is sent: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)


class _Answer(BaseModel):
    """What is answered: fields may be added, so readers ignore what they do not know."""

    model_config = ConfigDict(extra="allow", use_enum_values=True)


class Buyer(_Request):
    """Who buys."""

    id: Annotated[str, Field(min_length=1, max_length=BUYER_ID_CHARACTERS_MAX)]
    role: BuyerRole


class Purchase(_Request):
    """What a buyer wants to buy."""

    amount: Amount
    currency: Currency
    buyer: Buyer
    payment_method: Annotated[
        str,
        Field(
            min_length=1,
            max_length=PAYMENT_METHOD_CHARACTERS_MAX,
            pattern=r"^[\x21-\x7e]+$",
            description="The gateway's token; never a card number.",
        ),
    ]
    reference: Annotated[str, Field(min_length=1, max_length=REFERENCE_CHARACTERS_MAX)] | None = (
        None
    )
    description: (
        Annotated[str, Field(min_length=1, max_length=DESCRIPTION_CHARACTERS_MAX)] | None
    ) = None
    metadata: Metadata | None = None
    capture_method: CaptureMethod | None = CaptureMethod.AUTOMATIC


class Capture(_Request):
    """How much of what is reserved to take."""

    amount: Annotated[Amount | None, Field(description="Left out: all that is left.")] = None
    final: Annotated[bool | None, Field(description="False: more may follow.")] = True


class Cancel(_Request):
    """Nothing needs to be said."""


class Actions(_Request):
    """What the buyer's step gave back."""

    data: Data


class Failure(_Answer):
    """Why a payment failed."""

    reason: str
    code: str | None
    mender: Annotated[str | None, Field(description="Who can mend it.")]
    retry_can_help: bool


class TimelineEntry(_Answer):
    """One step of a payment's history, in short."""

    sequence: int
    type: str
    status: Status
    amount: int
    at: Instant


class Payment(_Answer):
    """A payment as it stands."""

    object: Literal["payment"]
    id: Id
    merchant_id: Id
    status: Status
    display_status: Annotated[
        str, Field(description="The status, or what the amounts say beyond it: refunded, …")
    ]
    amount: Total
    currency: Currency
    exponent: Annotated[int, Field(ge=0, le=4, description="The currency's decimal places.")]
    amount_authorized: Total
    amount_captured: Total
    amount_refunded: Total
    amount_late: Total
    capture_method: CaptureMethod
    buyer: Buyer
    payment_method: str
    reference: str | None
    description: str | None
    metadata: dict[str, str]
    gateway: str
    failure: Failure | None
    next_action: Annotated[dict[str, Any] | None, Field(description="What the buyer must do.")]
    created_at: Instant
    updated_at: Instant
    finished_at: Instant | None
    timeline: Annotated[list[TimelineEntry], Field(description="Empty in lists.")]


class Event(_Answer):
    """One thing that happened to a payment, and what it changed."""

    object: Literal["event"]
    sequence: int
    type: str
    from_status: Annotated[str, Field(description="`new` before the first event.")]
    status: Status
    amount: int
    authorized_delta: int
    captured_delta: int
    refunded_delta: int
    late_delta: int
    reason: str | None
    actor: Annotated[str, Field(description="`request`, `recovery`, `webhook` or an operator.")]
    at: Instant


class PaymentList(_Answer):
    """A page of payments, newest first."""

    object: Literal["list"]
    data: list[Payment]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


class EventList(_Answer):
    """A page of events, oldest first."""

    object: Literal["list"]
    data: list[Event]
    next_after: Annotated[int | None, Field(description="Null: there are no more for now.")]


class Problem(_Answer):
    """Why a request was not served (RFC 9457)."""

    type: Annotated[str, Field(json_schema_extra={"format": "uri"})]
    title: str
    status: int
    code: str
    detail: str | None = None
    request_id: str | None = None
    field: Annotated[str | None, Field(description="Which field is wrong.")] = None
    fields: Annotated[list[str] | None, Field(description="Which fields differ.")] = None


class Decline(Problem):
    """A purchase that ended without money, or a capture that was refused, with its payment."""

    reason: str | None = None
    payment: Payment


class Readiness(_Answer):
    """Whether purchases can be served, and the outcome of each check: `ok` or a code."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]


REQUESTS: tuple[type[BaseModel], ...] = (Purchase, Capture, Cancel, Actions)
ANSWERS: tuple[type[BaseModel], ...] = (
    Payment, Event, PaymentList, EventList, Problem, Decline, Readiness,
)  # fmt: skip
