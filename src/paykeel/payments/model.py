"""What goes into a purchase and what comes out: frozen values and their checks, without I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.cardnumbers import refuse_card_numbers
from paykeel.errors import InvalidField
from paykeel.gateways.port import REASONS, DeclineReason
from paykeel.money import Money, check_amount, exponent_of
from paykeel.payments.encoding import in_order, instant
from paykeel.payments.metadata import check_metadata
from paykeel.payments.signals import (
    NAME,
    NO_SIGNALS,
    QUOTE_CHARACTERS_MAX,
    Item,
    Signals,
    read_items,
)
from paykeel.payments.states import TERMINAL, Status
from paykeel.terms.model import ANY, TermsScope
from paykeel.terms.scopes import check_place
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUYER_ID_CHARACTERS_MAX = 128
PAYMENT_METHOD_CHARACTERS_MAX = 255
REFERENCE_CHARACTERS_MAX = 128
DESCRIPTION_CHARACTERS_MAX = 500

#: What is bought unless the merchant says otherwise.
KIND = "purchase"
_SIGNALLING = frozenset({"card", "client", "velocity_keys"})
_BUYER_SIGNALS = frozenset({"email", "created_at"})
_TOKEN = re.compile(r"[\x21-\x7e]+")


class BuyerRole(StrEnum):
    """The two roles in which people buy."""

    AGENT = "agent"
    OPERATOR = "operator"


class CaptureMethod(StrEnum):
    """Whether the money is taken at once or reserved first."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


def _check_choice(value: object, name: str, choices: type[StrEnum]) -> str:
    """Return ``value`` if it is one of the choices; ``choice_unknown`` otherwise."""
    if not isinstance(value, str) or value not in choices.__members__.values():
        raise InvalidField(name, "choice_unknown", f"Use one of: {', '.join(choices)}.")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseRequest:
    """What a buyer wants to buy, checked.

    Raises on creation:
        InvalidField: One field is wrong; ``code`` says how.

    >>> PurchaseRequest(amount=1250, currency="EUR", buyer_id="agent-7", buyer_role="agent",
    ...                 payment_method="pm_ok").money.major
    '12.50'
    """

    #: In minor units of ``currency``.
    amount: int
    currency: str
    buyer_id: str
    #: ``agent`` or ``operator``.
    buyer_role: str
    #: The gateway's token; never a card number.
    payment_method: str
    #: The merchant's own name for the order.
    reference: str | None = None
    description: str | None = None
    #: At most 50 entries of at most 40 and 500 characters.
    metadata: Mapping[str, str] = field(default_factory=dict)
    #: ``automatic`` or ``manual``.
    capture_method: str = CaptureMethod.AUTOMATIC
    #: The merchant's own word for what is bought, by which limits can differ.
    kind: str = KIND
    #: A price that the server signed; amount, currency, buyer, kind and items must equal it.
    quote: str | None = None
    #: What is bought; at most 100 lines.
    items: tuple[Item, ...] = ()
    #: Who and what is behind it, as far as it is told.
    signals: Signals = NO_SIGNALS
    #: Where the buyer is (ISO 3166); the merchant's words for where it sells, and how it is paid.
    jurisdiction: str | None = None
    channel: str | None = None
    payment_method_type: str | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        exponent_of(self.currency)
        check_amount(self.amount)
        check_text(self.buyer_id, "buyer.id", BUYER_ID_CHARACTERS_MAX)
        _check_choice(self.buyer_role, "buyer.role", BuyerRole)
        check_text(self.payment_method, "payment_method", PAYMENT_METHOD_CHARACTERS_MAX)
        if _TOKEN.fullmatch(self.payment_method) is None:
            raise InvalidField(
                "payment_method", "token_malformed", "A token is visible ASCII without spaces."
            )
        if self.reference is not None:
            check_text(self.reference, "reference", REFERENCE_CHARACTERS_MAX)
        if self.description is not None:
            check_text(self.description, "description", DESCRIPTION_CHARACTERS_MAX)
        check_metadata(self.metadata)
        # A copy: what the caller does to theirs afterwards would not have been checked.
        object.__setattr__(self, "metadata", dict(self.metadata))
        _check_choice(self.capture_method, "capture_method", CaptureMethod)
        if self.kind != KIND and NAME.fullmatch(check_text(self.kind, "kind", 40)) is None:
            raise InvalidField(
                "kind", "name_malformed", "A kind has a-z, 0-9 and _, and begins with a letter."
            )
        if self.quote is not None:
            check_text(self.quote, "quote", QUOTE_CHARACTERS_MAX)
        check_place(self.jurisdiction, self.channel, self.payment_method_type)

    @property
    def terms_scope(self) -> TermsScope:
        """What decides which terms are for this purchase."""
        return TermsScope(self.buyer_role, self.jurisdiction or ANY, self.kind, self.channel or ANY)

    @property
    def money(self) -> Money:
        """The amount with its currency."""
        return Money(self.amount, self.currency)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> PurchaseRequest:
        """Read the JSON document of ``POST /v1/purchases``; an unknown field is refused.

        Raises:
            InvalidField: One field is missing, unknown or wrong.
        """
        known = {
            "amount", "currency", "buyer", "payment_method", "reference", "description",
            "metadata", "capture_method", "kind", "quote", "items", "card", "client",
            "velocity_keys", "channel", "payment_method_type",
        }  # fmt: skip
        refuse_unknown(document, known)
        for name in ("amount", "currency", "buyer", "payment_method"):
            if document.get(name) is None:
                raise InvalidField(name, "field_required", "This field is required.")
        if not isinstance(buyer := document["buyer"], dict):
            raise InvalidField("buyer", "object_required", "This must be an object.")
        refuse_unknown(buyer, {"id", "role", "email", "created_at", "jurisdiction"}, "buyer.")
        for name in ("id", "role"):
            if buyer.get(name) is None:
                raise InvalidField(f"buyer.{name}", "field_required", "This field is required.")
        metadata, method, kind = map(document.get, ("metadata", "capture_method", "kind"))
        tells = not _BUYER_SIGNALS.isdisjoint(buyer) or not _SIGNALLING.isdisjoint(document)
        return cls(
            amount=document["amount"],
            currency=document["currency"],
            buyer_id=buyer["id"],
            buyer_role=buyer["role"],
            payment_method=document["payment_method"],
            reference=document.get("reference"),
            description=document.get("description"),
            metadata={} if metadata is None else metadata,
            capture_method=CaptureMethod.AUTOMATIC if method is None else method,
            kind=KIND if kind is None else kind,
            quote=document.get("quote"),
            items=read_items(document.get("items")),
            signals=Signals.from_document(document) if tells else NO_SIGNALS,
            jurisdiction=buyer.get("jurisdiction"),
            channel=document.get("channel"),
            payment_method_type=document.get("payment_method_type"),
        )

    def document(self) -> dict[str, Any]:
        """Return the request in one spelling, with every default filled in.

        What came later stands in it only if given: a request's fingerprint stays what it was.
        """
        about_buyer, others = ({}, {}) if self.signals is NO_SIGNALS else self.signals.documents()
        if self.kind != KIND:
            others["kind"] = self.kind
        for name in ("quote", "channel", "payment_method_type"):
            if (value := getattr(self, name)) is not None:
                others[name] = value
        if self.items:
            others["items"] = [item.document() for item in self.items]
        if self.jurisdiction is not None:
            about_buyer["jurisdiction"] = self.jurisdiction
        return {
            **others,
            "amount": self.amount,
            "buyer": {"id": self.buyer_id, "role": str(self.buyer_role), **about_buyer},
            "capture_method": str(self.capture_method),
            "currency": self.currency,
            "description": self.description,
            "metadata": dict(self.metadata),
            "payment_method": self.payment_method,
            "reference": self.reference,
        }


def refuse_unknown(document: Mapping[str, Any], known: set[str], prefix: str = "") -> None:
    """Refuse a field that nobody would read; its name is repeated only if it is harmless."""
    for name in document:
        if name not in known:
            refuse_card_numbers(name, "request")
            shown = name if len(name) <= 64 and name.isprintable() else "…"
            raise InvalidField(
                f"{prefix}{shown}", "field_unknown", f"Known fields: {', '.join(sorted(known))}."
            )


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a payment."""

    sequence: int
    type: str
    from_status: str
    to_status: str
    amount: int
    authorized_delta: int
    captured_delta: int
    refunded_delta: int
    late_delta: int
    reason: str | None
    actor: str
    data: Mapping[str, Any]
    occurred_at: datetime
    reserved_delta: int = 0
    disputed_delta: int = 0
    #: Which refund it is about.
    refund_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it stands: the row of ``payments``, column for column, and its history."""

    merchant_id: UUID
    payment_id: UUID
    idempotency_key: str
    status: Status
    version: int
    amount: int
    currency: str
    exponent: int
    amount_authorized: int
    amount_captured: int
    amount_refunded: int
    amount_late: int
    capture_method: str
    kind: str
    buyer_id: str
    buyer_role: str
    payment_method: str
    reference: str | None
    description: str | None
    metadata: Mapping[str, str]
    gateway: str
    gateway_id: str | None
    failure_reason: str | None
    failure_code: str | None
    next_action: Mapping[str, Any] | None
    completion_hook: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    #: What whoever purchased should know, such as terms to accept before long.
    warnings: Sequence[Mapping[str, Any]] | None = None
    #: Asked for and not yet given back, or sent and not known; in minor units.
    amount_refund_reserved: int = 0
    #: Of disputes that are open or lost.
    amount_disputed: int = 0
    #: Given back at the gateway itself, as it tells, and not booked yet.
    amount_refund_noticed: int = 0
    #: The refund policy that held at the purchase, for good.
    refund_policy_key: str | None = None
    refund_policy_version: int | None = None
    refund_policy_sha256: bytes | None = None
    timeline: tuple[Event, ...] = ()

    @property
    def money(self) -> Money:
        """What was asked for."""
        return Money(self.amount, self.currency)

    @property
    def refundable(self) -> int:
        """What may still be asked for, in minor units: neither given back, asked for nor disputed.

        Nothing before the end: until then a reservation is released and not refunded.
        """
        out = self.amount_refunded + self.amount_refund_reserved + self.amount_refund_noticed
        left = self.amount_captured - out - self.amount_disputed
        return max(0, left) if self.status in TERMINAL else 0

    @property
    def display_status(self) -> str:
        """The status for people, read off the amounts where they say more."""
        if self.amount_late:
            return "late_money"
        if self.amount_disputed:
            return "disputed"
        if self.amount_refunded:
            whole = self.amount_refunded == self.amount_captured
            return "refunded" if whole else "partially_refunded"
        if self.status is Status.AUTHORIZED and self.amount_captured:
            return "partially_captured"
        return str(self.status)

    def document(self) -> dict[str, Any]:
        """Return the payment as JSON-ready values, for the API, the outbox and stored answers."""
        document: dict[str, Any] = {
            "object": "payment",
            "id": str(self.payment_id),
            "merchant_id": str(self.merchant_id),
            "status": str(self.status),
            "display_status": self.display_status,
            "amount": self.amount,
            "currency": self.currency,
            "exponent": self.exponent,
            "amount_authorized": self.amount_authorized,
            "amount_captured": self.amount_captured,
            "amount_refunded": self.amount_refunded,
            "amount_late": self.amount_late,
            "capture_method": str(self.capture_method),
            "kind": self.kind,
            "buyer": {"id": self.buyer_id, "role": str(self.buyer_role)},
            "payment_method": self.payment_method,
            "reference": self.reference,
            "description": self.description,
            # Sorted, since the database does not keep the order in which they came.
            "metadata": in_order(self.metadata),
            "gateway": self.gateway,
            "failure": self._failure(),
            "next_action": None if self.next_action is None else in_order(self.next_action),
            "created_at": instant(self.created_at),
            "updated_at": instant(self.updated_at),
            "finished_at": None if self.finished_at is None else instant(self.finished_at),
            "timeline": [
                {
                    "sequence": event.sequence,
                    "type": event.type,
                    "status": str(event.to_status),
                    "amount": event.amount,
                    "at": instant(event.occurred_at),
                }
                for event in self.timeline
            ],
        }
        if self.warnings is not None:
            document["warnings"] = [in_order(warning) for warning in self.warnings]
        # Only where there is something to say: most payments are never refunded.
        names = ("amount_refund_reserved", "amount_disputed")
        document |= {name: getattr(self, name) for name in names if getattr(self, name)}
        if self.refund_policy_sha256 is not None:
            document["refund_policy"] = {
                "key": self.refund_policy_key,
                "version": self.refund_policy_version,
                "sha256": self.refund_policy_sha256.hex(),
            }
        return document

    def _failure(self) -> dict[str, Any] | None:
        """Say why it failed, who can mend it and whether a new try can help.

        A block says no more than that, so that nobody learns the rules.
        """
        if self.failure_reason is None:
            return None
        if self.status is Status.BLOCKED:
            return {"reason": "blocked", "code": None, "mender": None, "retry_can_help": False}
        facts = REASONS[DeclineReason(self.failure_reason)]
        return {
            "reason": self.failure_reason,
            "code": self.failure_code,
            "mender": str(facts.mender),
            "retry_can_help": facts.retry_can_help,
        }


PAYMENT_COLUMNS = tuple(f.name for f in fields(Payment) if f.name != "timeline")
