"""The documents of the API as pydantic models, from which OpenAPI is made, and for nothing else.

Requests are checked by ``PurchaseRequest`` and its kin. A test holds the two together: names,
limits and examples.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from paykeel.api.forms import Answer as _Answer
from paykeel.api.forms import Id, Instant
from paykeel.api.forms import Request as _Request
from paykeel.api.fraud_alert_documents import ALERT_ANSWERS, ALERT_REQUESTS
from paykeel.api.fraud_documents import FRAUD_ANSWERS, FRAUD_REQUESTS
from paykeel.api.fraud_label_documents import LABEL_ANSWERS, LABEL_REQUESTS
from paykeel.api.fraud_review_documents import REVIEW_ANSWERS, REVIEW_REQUESTS
from paykeel.api.metric_alert_documents import METRIC_ALERT_ANSWERS, METRIC_ALERT_REQUESTS
from paykeel.api.metrics_documents import METRICS_ANSWERS
from paykeel.api.refund_policies_documents import (
    REFUND_POLICY_ANSWERS,
    REFUND_POLICY_REQUESTS,
)
from paykeel.api.refunds_documents import REFUND_ANSWERS, REFUND_REQUESTS
from paykeel.api.terms_acceptance_documents import ACCEPTANCE_ANSWERS, ACCEPTANCE_REQUESTS
from paykeel.api.terms_documents import TERMS_ANSWERS, TERMS_REQUESTS, Jurisdiction, Word
from paykeel.fraud.quotes import (
    DISCOUNTS_MAX,
    EXPIRY_S_DEFAULT,
    EXPIRY_S_MAX,
    ITEMS_MAX,
    QUANTITY_MAX,
    SKU_CHARACTERS_MAX,
)
from paykeel.money import AMOUNT_MAX
from paykeel.payments.complete import DATA_ENTRIES_MAX, DATA_VALUE_CHARACTERS_MAX
from paykeel.payments.metadata import METADATA_ENTRIES_MAX, METADATA_VALUE_CHARACTERS_MAX
from paykeel.payments.model import (
    BUYER_ID_CHARACTERS_MAX,
    DESCRIPTION_CHARACTERS_MAX,
    KIND,
    PAYMENT_METHOD_CHARACTERS_MAX,
    REFERENCE_CHARACTERS_MAX,
    BuyerRole,
    CaptureMethod,
)
from paykeel.payments.signals import (
    EMAIL_CHARACTERS_MAX,
    QUOTE_CHARACTERS_MAX,
    TOKEN_CHARACTERS_MAX,
    VELOCITY_KEYS_MAX,
)
from paykeel.payments.states import Status

Amount = Annotated[int, Field(strict=True, ge=1, le=AMOUNT_MAX, description="In minor units.")]
Share = Annotated[int, Field(strict=True, ge=0, le=AMOUNT_MAX, description="In minor units.")]
Total = Annotated[int, Field(ge=0, description="In minor units.")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217, in capitals.")]
NAME_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"
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


class Buyer(_Request):
    """Who buys."""

    id: Annotated[str, Field(min_length=1, max_length=BUYER_ID_CHARACTERS_MAX)]
    role: BuyerRole


class PurchaseBuyer(Buyer):
    """Who buys, and what else is known of them; fraud prevention knows as much as it is told."""

    email: Annotated[str, Field(min_length=3, max_length=EMAIL_CHARACTERS_MAX)] | None = None
    created_at: Annotated[Instant | None, Field(description="Of the buyer's account.")] = None
    jurisdiction: Annotated[
        Jurisdiction | None, Field(description="Where the buyer is, by which terms can differ.")
    ] = None


Token = Annotated[str, Field(min_length=1, max_length=TOKEN_CHARACTERS_MAX)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 alpha-2.")]


class Card(_Request):
    """Which card, never its number."""

    fingerprint: Annotated[Token | None, Field(description="The gateway's name for it.")] = None
    bin: Annotated[str, Field(pattern=r"^[0-9]{6}([0-9]{2})?$")] | None = None
    country: Country | None = None


class Client(_Request):
    """From where the buyer buys; not the merchant's own server."""

    ip: Annotated[str, Field(max_length=45, description="IPv4 or IPv6.")] | None = None
    device_id: Token | None = None
    country: Country | None = None


class Item(_Request):
    """One line of what is bought."""

    sku: Annotated[str, Field(min_length=1, max_length=SKU_CHARACTERS_MAX)]
    quantity: Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX)]
    unit_amount: Share


class Purchase(_Request):
    """What a buyer wants to buy."""

    amount: Amount
    currency: Currency
    buyer: PurchaseBuyer
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
    kind: Annotated[
        str | None,
        Field(pattern=NAME_PATTERN, description="Your own word for what is bought."),
    ] = KIND
    quote: Annotated[
        str | None, Field(max_length=QUOTE_CHARACTERS_MAX, description="Of POST /v1/quotes.")
    ] = None
    items: Annotated[list[Item] | None, Field(max_length=ITEMS_MAX)] = None
    card: Card | None = None
    client: Client | None = None
    channel: Annotated[
        Word | None,
        Field(description="Your own word for where you sell, by which terms can differ."),
    ] = None
    payment_method_type: Annotated[
        Word | None,
        Field(
            description="Your own word for the way of paying, such as `card`, by which refund "
            "policies can differ."
        ),
    ] = None
    velocity_keys: Annotated[
        dict[Annotated[str, StringConstraints(pattern=NAME_PATTERN)], Token] | None,
        Field(
            max_length=VELOCITY_KEYS_MAX,
            description="What else purchases are counted under, by names of your own.",
        ),
    ] = None


class QuoteRequest(_Request):
    """What is to be quoted. With items: their sum, less all discounts, plus tax, is the amount."""

    amount: Amount
    currency: Currency
    buyer: Buyer
    kind: Annotated[str | None, Field(pattern=NAME_PATTERN)] = KIND
    items: Annotated[list[Item] | None, Field(max_length=ITEMS_MAX)] = None
    tax: Share | None = 0
    discounts: Annotated[list[Share] | None, Field(max_length=DISCOUNTS_MAX)] = None
    expires_in_s: Annotated[int | None, Field(strict=True, ge=1, le=EXPIRY_S_MAX)] = (
        EXPIRY_S_DEFAULT
    )


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


class PaymentPolicy(_Answer):
    """Which version of which refund policy held at the purchase, for good."""

    key: str
    version: int
    sha256: str


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
    kind: str
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
    warnings: Annotated[
        list[dict[str, Any]] | None,
        Field(description="Only where there are any: terms that have to be accepted before long."),
    ] = None
    amount_refund_reserved: Annotated[
        int | None, Field(ge=1, description="Only where there is: asked for, to be given back.")
    ] = None
    amount_disputed: Annotated[
        int | None, Field(ge=1, description="Only where there is: of disputes open or lost.")
    ] = None
    refund_policy: Annotated[
        PaymentPolicy | None,
        Field(description="Only where there is one: the refund policy that held at the purchase."),
    ] = None
    timeline: Annotated[list[TimelineEntry], Field(description="Empty in lists.")]


class Quote(_Answer):
    """A signed price, to which the purchase that carries it must be equal."""

    object: Literal["quote"]
    quote: Annotated[str, Field(description="Send it as the purchase's `quote`.")]
    amount: Amount
    currency: Currency
    exponent: Annotated[int, Field(ge=0, le=4, description="The currency's decimal places.")]
    buyer: Buyer
    kind: str
    items: list[Item]
    tax: Share
    discounts: list[Share]
    expires_at: Instant


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
    reserved_delta: Annotated[int, Field(description="Of what is asked for, to be given back.")]
    disputed_delta: int
    late_delta: int
    refund_id: Annotated[Id | None, Field(description="Which refund it is about.")]
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
    mistakes: Annotated[
        list[dict[str, Any]] | None,
        Field(description="Of a ruleset or policy: code, path, message."),
    ] = None
    missing: Annotated[
        list[dict[str, Any]] | None, Field(description="The terms that are to be accepted first.")
    ] = None
    presentation_url: Annotated[
        str | None, Field(description="Where to `POST` for what is to be shown.")
    ] = None
    version_ids: Annotated[
        list[Id] | None, Field(description="The versions that were shown and are stale.")
    ] = None
    refund_status: Annotated[str | None, Field(description="Where the refund stands.")] = None
    quoted_amount: Annotated[int | None, Field(description="What the policy gives now.")] = None
    quoted_code: Annotated[str | None, Field(description="And why.")] = None
    next_boundary: Annotated[Instant | None, Field(description="Until when.")] = None
    amount_refunded: Annotated[int | None, Field(description="In minor units.")] = None
    amount_refund_reserved: Annotated[int | None, Field(description="In minor units.")] = None


class Decline(Problem):
    """A purchase that ended without money, or a capture that was refused, with its payment."""

    reason: str | None = None
    payment: Payment


class Readiness(_Answer):
    """Whether purchases can be served, and the outcome of each check: `ok` or a code."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]


REQUESTS: tuple[type[BaseModel], ...] = (
    Purchase, QuoteRequest, Capture, Cancel, Actions, *FRAUD_REQUESTS, *LABEL_REQUESTS,
    *REVIEW_REQUESTS,
    *ALERT_REQUESTS, *TERMS_REQUESTS, *ACCEPTANCE_REQUESTS, *REFUND_POLICY_REQUESTS,
    *REFUND_REQUESTS, *METRIC_ALERT_REQUESTS,
)  # fmt: skip
ANSWERS: tuple[type[BaseModel], ...] = (
    Payment, Quote, Event, PaymentList, EventList, Problem, Decline, Readiness, *FRAUD_ANSWERS,
    *LABEL_ANSWERS, *REVIEW_ANSWERS, *ALERT_ANSWERS, *TERMS_ANSWERS,
    *ACCEPTANCE_ANSWERS, *REFUND_POLICY_ANSWERS, *REFUND_ANSWERS, *METRICS_ANSWERS,
    *METRIC_ALERT_ANSWERS,
)  # fmt: skip
