"""The examples of the documentation. Tests send each request, and hold each answer to its model."""

from __future__ import annotations

from typing import Any

from paykeel.api.codes import CODES
from paykeel.payments.answers import PROBLEM_TYPE

Document = dict[str, Any]

_REQUEST_ID = "req_abcdefghijklmnopabcd"
_MERCHANT_ID = "01a1f3c5-7a00-7c3e-9f5d-6b1e2a3c4d5e"

PURCHASES: Document = {
    "agent": {
        "amount": 1250,
        "currency": "EUR",
        "buyer": {"id": "agent-7", "role": "agent"},
        "payment_method": "pm_ok",
        "reference": "order-17",
        "description": "Two crates of apples",
        "metadata": {"warehouse": "north"},
    },
    "with_signals": {
        "amount": 4500,
        "currency": "EUR",
        "buyer": {
            "id": "agent-9",
            "role": "agent",
            "email": "ann@example.org",
            "created_at": "2025-03-01T08:00:00Z",
            "jurisdiction": "DE",
        },
        "payment_method": "pm_ok",
        "card": {"fingerprint": "fp_71b2", "bin": "42424242", "country": "DE"},
        "client": {"ip": "203.0.113.9", "device_id": "d-55ab", "country": "DE"},
        "velocity_keys": {"warehouse": "north-2"},
        "channel": "web",
        "payment_method_type": "card",
    },
    "reserved_first": {
        "amount": 98_000,
        "currency": "JPY",
        "buyer": {"id": "operator-2", "role": "operator"},
        "payment_method": "pm_ok",
        "capture_method": "manual",
    },
}
QUOTE_REQUESTS: Document = {
    "with_items": {
        "amount": 1430,
        "currency": "EUR",
        "buyer": {"id": "agent-7", "role": "agent"},
        "items": [
            {"sku": "apples-crate", "quantity": 2, "unit_amount": 600},
            {"sku": "pallet", "quantity": 1, "unit_amount": 250},
        ],
        "tax": 130,
        "discounts": [150],
        "expires_in_s": 600,
    },
    "amount_only": {
        "amount": 98_000,
        "currency": "JPY",
        "buyer": {"id": "operator-2", "role": "operator"},
        "kind": "deposit",
    },
}
QUOTES: Document = {
    "signed": {
        "object": "quote",
        "quote": "pkq1.eyJhIjoxNDMwLCJiIjoi….Kx2v…",
        "amount": 1430,
        "currency": "EUR",
        "exponent": 2,
        "buyer": {"id": "agent-7", "role": "agent"},
        "kind": "purchase",
        "items": QUOTE_REQUESTS["with_items"]["items"],
        "tax": 130,
        "discounts": [150],
        "expires_at": "2026-11-23T09:40:00.000000Z",
    }
}
CAPTURES: Document = {"all": {}, "a_part": {"amount": 500, "final": False}}
ACTIONS: Document = {"authenticated": {"data": {"result": "authenticated"}}}


def _payment(number: int, **changes: Any) -> Document:
    made = "2026-11-23T09:30:00.000000Z"
    return {
        "object": "payment",
        "id": f"01a1f3c5-7a1{number}-7d2a-8c4b-5f6e7d8c9b0a",
        "merchant_id": _MERCHANT_ID,
        "status": "succeeded",
        "display_status": "succeeded",
        "amount": 1250,
        "currency": "EUR",
        "exponent": 2,
        "amount_authorized": 1250,
        "amount_captured": 1250,
        "amount_refunded": 0,
        "amount_late": 0,
        "capture_method": "automatic",
        "kind": "purchase",
        "buyer": {"id": "agent-7", "role": "agent"},
        "payment_method": "pm_ok",
        "reference": "order-17",
        "description": "Two crates of apples",
        "metadata": {"warehouse": "north"},
        "gateway": "placeholder",
        "failure": None,
        "next_action": None,
        "created_at": made,
        "updated_at": "2026-11-23T09:30:00.004000Z",
        "finished_at": "2026-11-23T09:30:00.004000Z",
        "timeline": [
            {
                "sequence": 1,
                "type": "payment.opened",
                "status": "pending",
                "amount": 1250,
                "at": made,
            }
        ],
        **changes,
    }


_NOTHING = {"amount_authorized": 0, "amount_captured": 0}

PAYMENTS: Document = {"succeeded": _payment(1)}
OPEN: Document = {
    "requires_action": _payment(
        2,
        status="requires_action",
        display_status="requires_action",
        next_action={"type": "redirect", "url": "https://bank.example/step"},
        finished_at=None,
        **_NOTHING,
    ),
    "processing": _payment(
        3, status="processing", display_status="processing", finished_at=None, **_NOTHING
    ),
}
LISTS: Document = {
    "page": {
        "object": "list",
        "data": [_payment(1, timeline=[])],
        "next_cursor": "01a1f3c57a117d2a8c4b5f6e7d8c9b0a",
    }
}
EVENTS: Document = {
    "page": {
        "object": "list",
        "data": [
            {
                "object": "event",
                "sequence": 1,
                "type": "payment.opened",
                "from_status": "new",
                "status": "pending",
                "amount": 1250,
                "authorized_delta": 0,
                "captured_delta": 0,
                "refunded_delta": 0,
                "reserved_delta": 0,
                "disputed_delta": 0,
                "late_delta": 0,
                "refund_id": None,
                "reason": None,
                "actor": "request",
                "at": "2026-11-23T09:30:00.000000Z",
            }
        ],
        "next_after": None,
    }
}
DECLINE: Document = {
    "type": f"{PROBLEM_TYPE}payment_declined",
    "title": "The payment was declined",
    "status": 402,
    "code": "payment_declined",
    "reason": "insufficient_funds",
    "detail": "Insufficient funds; the buyer can mend it, and a new purchase may succeed.",
    "payment": _payment(
        4,
        status="failed",
        display_status="failed",
        failure={
            "reason": "insufficient_funds",
            "code": "51",
            "mender": "buyer",
            "retry_can_help": True,
        },
        **_NOTHING,
    ),
}
READY: Document = {
    "status": "ok",
    "checks": {
        "database": "ok",
        "migrations": "ok",
        "gateway_test": "ok",
        "gateway_live": "gateway_not_configured",
    },
}
UNREADY: Document = {
    "status": "unavailable",
    "checks": {**READY["checks"], "migrations": "migration_pending"},
}


def problem(code: str) -> Document:
    """Return a problem as it looks with this code."""
    kind = CODES[code]
    return {
        "type": f"{PROBLEM_TYPE}{code}",
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": f"{kind.title}.",
        "request_id": _REQUEST_ID,
    }
