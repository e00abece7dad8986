"""Payments and attempts as they may stand, built without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.gateways.port import (
    Authorized,
    Declined,
    DeclineReason,
    NextAction,
    NotSent,
    Pending,
    RequiresAction,
    Succeeded,
    Unknown,
)
from paykeel.money import Money
from paykeel.payments.model import Payment
from paykeel.payments.moves import Attempt, Waits
from paykeel.payments.states import TERMINAL, Status

if TYPE_CHECKING:
    from paykeel.gateways.port import Outcome

MERCHANT = UUID(int=1)
PAYMENT = UUID(int=2)
OPENED_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
AMOUNT = 1_000
WAITS = Waits(again_ms=1_000, action_ms=60_000, authorization_ms=600_000)
EUR = Money(AMOUNT, "EUR")
ACTION = NextAction("redirect", "https://gateway.example/step", {"b": "2", "a": "1"})
STEP = {"kind": "redirect", "url": "https://gateway.example/step", "data": {"a": "1", "b": "2"}}

OPERATIONS = ("charge", "complete", "capture", "void", "refund")
ATTEMPT_STATES = ("open", "waiting", "done")

#: Every kind of answer, good ones with the right amount and with wrong ones.
OUTCOMES: dict[str, Outcome] = {
    "succeeded": Succeeded(EUR, "g_1"),
    "succeeded with more": Succeeded(Money(AMOUNT + 1, "EUR"), "g_1"),
    "succeeded with less": Succeeded(Money(AMOUNT - 1, "EUR"), "g_1"),
    "succeeded in another currency": Succeeded(Money(AMOUNT, "USD"), "g_1"),
    "authorized": Authorized(EUR, "g_1"),
    "authorized with more": Authorized(Money(AMOUNT + 1, "EUR"), "g_1"),
    "requires action": RequiresAction(ACTION, "g_1"),
    "requires another action": RequiresAction(NextAction("display", None, {"code": "7"}), "g_1"),
    "pending": Pending("g_1"),
    "declined": Declined(DeclineReason.CARD_DECLINED, "05", "g_1"),
    "reservation lapsed": Declined(DeclineReason.AUTHORIZATION_EXPIRED, "lapsed", "g_1"),
    "not sent": NotSent("connection_refused"),
    "unknown": Unknown("timeout"),
}
#: What says nothing for certain.
SILENT = frozenset({"unknown", "pending"})


def payment(status: Status = Status.PENDING, **changes: Any) -> Payment:
    """A payment of 10.00 EUR that is consistent with its status."""
    reserved = status in {Status.AUTHORIZED, Status.SUCCEEDED}
    reason = {Status.FAILED: "card_declined", Status.BLOCKED: "blocked"}.get(status)
    made = Payment(
        merchant_id=MERCHANT,
        payment_id=PAYMENT,
        idempotency_key="order-17",
        status=status,
        version=3,
        amount=AMOUNT,
        currency="EUR",
        exponent=2,
        amount_authorized=AMOUNT if reserved else 0,
        amount_captured=AMOUNT if status is Status.SUCCEEDED else 0,
        amount_refunded=0,
        amount_late=0,
        capture_method="automatic",
        kind="purchase",
        buyer_id="agent-7",
        buyer_role="agent",
        payment_method="pm_ok",
        reference="order-17",
        description=None,
        metadata={},
        gateway="placeholder",
        gateway_id=None,
        failure_reason=reason,
        failure_code=None,
        next_action=STEP if status is Status.REQUIRES_ACTION else None,
        completion_hook=None,
        created_at=OPENED_AT,
        updated_at=OPENED_AT + timedelta(seconds=1),
        finished_at=OPENED_AT if status in TERMINAL else None,
    )
    return replace(made, **changes)


def attempt(operation: str = "charge", **changes: Any) -> Attempt:
    """An attempt over the whole amount, just opened."""
    made = Attempt(
        payment_id=PAYMENT,
        attempt_no=1 if operation == "charge" else 2,
        operation=operation,
        reference=b"\1" * 32,
        idempotency_key=None if operation in {"charge", "refund"} else f"{operation}-17",
        amount=AMOUNT,
        final=True,
        ends_in="canceled" if operation == "void" else None,
        data={},
        state="open",
        outcome=None,
        recover_at=None,
        recover_count=0,
        created_at=OPENED_AT,
        finished_at=None,
    )
    return replace(made, **changes)
