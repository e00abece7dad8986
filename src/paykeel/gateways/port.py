"""The gateway port: what Paykeel asks of whoever moves the money.

An adapter is given values and gives values back. It never sees the database, the screens or a
payment's state. Six verbs, one closed union of outcomes, and one rule above all: an adapter that
does not *know* what happened says ``Unknown``. Silence is not failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from paykeel.money import Money


class DeclineReason(StrEnum):
    """Why a gateway said no: one closed list for all gateways."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    CARD_DECLINED = "card_declined"
    EXPIRED_CARD = "expired_card"
    INCORRECT_CVC = "incorrect_cvc"
    INCORRECT_NUMBER = "incorrect_number"
    LOST_OR_STOLEN_CARD = "lost_or_stolen_card"
    CARD_NOT_SUPPORTED = "card_not_supported"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"
    AUTHENTICATION_FAILED = "authentication_failed"
    AUTHENTICATION_ABANDONED = "authentication_abandoned"
    FRAUD_SUSPECTED = "fraud_suspected"
    LIMIT_EXCEEDED = "limit_exceeded"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    INVALID_REQUEST = "invalid_request"
    GATEWAY_UNAVAILABLE = "gateway_unavailable"
    PROCESSING_ERROR = "processing_error"
    OTHER = "other"


class Mender(StrEnum):
    """Who can do something about a failure."""

    BUYER = "buyer"
    ISSUER = "issuer"
    MERCHANT = "merchant"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class ReasonFacts:
    """Who can mend a failure, and whether trying again, as a new purchase, can help."""

    mender: Mender
    retry_can_help: bool


REASONS: Mapping[DeclineReason, ReasonFacts] = {
    DeclineReason.INSUFFICIENT_FUNDS: ReasonFacts(Mender.BUYER, retry_can_help=True),
    DeclineReason.CARD_DECLINED: ReasonFacts(Mender.ISSUER, retry_can_help=True),
    DeclineReason.EXPIRED_CARD: ReasonFacts(Mender.BUYER, retry_can_help=False),
    DeclineReason.INCORRECT_CVC: ReasonFacts(Mender.BUYER, retry_can_help=True),
    DeclineReason.INCORRECT_NUMBER: ReasonFacts(Mender.BUYER, retry_can_help=True),
    DeclineReason.LOST_OR_STOLEN_CARD: ReasonFacts(Mender.BUYER, retry_can_help=False),
    DeclineReason.CARD_NOT_SUPPORTED: ReasonFacts(Mender.BUYER, retry_can_help=False),
    DeclineReason.CURRENCY_NOT_SUPPORTED: ReasonFacts(Mender.MERCHANT, retry_can_help=False),
    DeclineReason.AUTHENTICATION_FAILED: ReasonFacts(Mender.BUYER, retry_can_help=True),
    DeclineReason.AUTHENTICATION_ABANDONED: ReasonFacts(Mender.BUYER, retry_can_help=True),
    DeclineReason.FRAUD_SUSPECTED: ReasonFacts(Mender.ISSUER, retry_can_help=False),
    DeclineReason.LIMIT_EXCEEDED: ReasonFacts(Mender.BUYER, retry_can_help=True),
    DeclineReason.AUTHORIZATION_EXPIRED: ReasonFacts(Mender.MERCHANT, retry_can_help=False),
    DeclineReason.INVALID_REQUEST: ReasonFacts(Mender.MERCHANT, retry_can_help=False),
    DeclineReason.GATEWAY_UNAVAILABLE: ReasonFacts(Mender.GATEWAY, retry_can_help=True),
    DeclineReason.PROCESSING_ERROR: ReasonFacts(Mender.GATEWAY, retry_can_help=True),
    DeclineReason.OTHER: ReasonFacts(Mender.GATEWAY, retry_can_help=False),
}


@dataclass(frozen=True, slots=True)
class NextAction:
    """What the buyer has to do before the gateway goes on."""

    #: ``redirect``: send the buyer to ``url``. ``display``: show ``data`` to the buyer.
    kind: str
    url: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The money has moved: ``amount`` is what the gateway says it moved in this operation."""

    amount: Money
    gateway_id: str | None = None


@dataclass(frozen=True, slots=True)
class Authorized:
    """The money is reserved: ``amount`` is what the gateway says it holds."""

    amount: Money
    gateway_id: str | None = None
    #: When the reservation lapses, if the gateway says so.
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequiresAction:
    """The buyer must do a step; nothing has moved."""

    next_action: NextAction
    gateway_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The gateway has it and will know later; ask again or wait for its notice."""

    gateway_id: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """The gateway said no, finally: nothing has moved and nothing will."""

    reason: DeclineReason
    #: The gateway's own word, at most 100 characters, kept for people.
    code: str | None = None
    gateway_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request certainly never reached the gateway (no connection could be made)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows: a timeout, a lost answer, a 5xx, garbage."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """Only from ``lookup``: the gateway has never heard of this reference, so far."""


Outcome = Succeeded | Authorized | RequiresAction | Pending | Declined | NotSent | Unknown
#: A look-up that could not be made says nothing of what it looked for, so it is never ``NotSent``.
LookupOutcome = Succeeded | Authorized | RequiresAction | Pending | Declined | Unknown | NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """Charge a payment method, or reserve the amount when ``capture`` is false."""

    #: Our reference there, and the idempotency key: 64 hexadecimal characters.
    reference: str
    amount: Money
    payment_method: str
    capture: bool
    buyer_id: str
    description: str | None
    #: By these two a payment is found again, in the gateway's screens and from its webhooks. They
    #: are the same in every repetition of the request, as all above are.
    merchant_id: str
    idempotency_key: str
    #: Whether the buyer must authenticate first (3-D Secure or the like): ``RequiresAction``. The
    #: same in every repetition.
    authenticate: bool = False
    #: Ours, for people. It differs if the database ever forgets a payment that it had acknowledged,
    #: so an adapter must not send it where the gateway compares repeated requests.
    payment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpRequest:
    """Capture, void, refund or complete what ``charge_reference`` names."""

    #: Our reference of this operation, and its idempotency key.
    reference: str
    #: Our reference of the charge that it follows.
    charge_reference: str
    amount: Money
    #: With a capture: nothing more will be captured, the rest may be released.
    final: bool = True
    #: With the completion of an action: what the buyer's step gave back.
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a gateway's webhook says, after its signature was verified."""

    #: The gateway's id of the message, the same in every redelivery.
    message_id: str
    #: Our reference, as given to the operation that this is about.
    reference: str
    outcome: Outcome
    #: Our reference of the charge that somebody refunded in the gateway's own screens, if it is
    #: about that; ``reference`` is then the gateway's id of that refund.
    refund_of: str | None = None
    #: Ours, when the gateway gives back what it was told with the charge. They only help to find
    #: the payment; the reference is what must agree.
    merchant_id: str | None = None
    idempotency_key: str | None = None
    payment_id: str | None = None


class BadNotice(Exception):
    """A webhook is not the gateway's, is stale, or cannot be read; nothing may be done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a gateway can do and promises. All times are in milliseconds."""

    #: Whether real money moves. A test merchant never reaches a gateway for which this is true,
    #: and a live merchant never reaches one for which it is false.
    live: bool
    manual_capture: bool = True
    partial_capture: bool = True
    multiple_captures: bool = True
    #: Whether ``ChargeRequest.authenticate`` is understood; if not, a person reviews the purchase.
    authentication: bool = False
    #: A charge that the gateway took in shows in ``lookup`` within this time at the latest.
    #: Before it has passed, "not found" proves nothing.
    processing_ms_max: int = 60_000
    #: For how long the gateway remembers an idempotency key. The sweep sends nothing again later.
    key_retention_ms: int = 24 * 3_600_000
    #: For how long a reservation holds.
    authorization_ms_max: int = 7 * 24 * 3_600_000
    #: For how long a buyer may take for a required action.
    action_ms_max: int = 3_600_000


class Gateway(Protocol):
    """Whoever moves the money. Every method may be called again with the same ``reference``.

    ``deadline_ms`` is the time within which the caller wants an answer; an adapter that has none
    by then returns ``Unknown``. The caller enforces it too, and takes an exception for ``Unknown``.
    """

    @property
    def name(self) -> str:
        """The name under which it is registered, stored with each payment."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do and promises."""
        ...

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        """Charge or reserve; at most once for each ``request.reference``."""
        ...

    async def capture(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Take ``request.amount`` of what is reserved; at most once for each reference."""
        ...

    async def void(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Release what is reserved or stop what is waiting; ``Succeeded`` with the amount released.

        A void of something that was captured in full is ``Declined``.
        """
        ...

    async def refund(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Give back ``request.amount`` of what was captured; at most once for each reference."""
        ...

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        """Say how the operation with our ``reference`` stands now, without changing anything."""
        ...

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Verify and read a webhook; header names are in lower case.

        Raises:
            BadNotice: The signature, the time or the content is wrong.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class ActionGateway(Protocol):
    """The small extra of gateways that need the result of the buyer's step handed to them.

    Others learn it from the buyer directly; Paykeel then asks them by ``lookup``.
    """

    async def complete(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Go on with ``request.charge_reference`` after the buyer's step."""
        ...
