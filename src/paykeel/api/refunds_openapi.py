"""What OpenAPI says of the routes of refunds and disputes, with an example of each body."""

from __future__ import annotations

from typing import Any

from paykeel.api import examples
from paykeel.api.describing import Document, answer, content, operation, parameter, path, query
from paykeel.api.examples import problem
from paykeel.api.queries import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from paykeel.idempotency.service import KEY_CHARACTERS_MAX
from paykeel.payments.answers import PROBLEM
from paykeel.payments.refunding import RefundStatus
from paykeel.refunds.disputes import DISPUTE_ID_CHARACTERS_MAX
from paykeel.refunds.model import ORIGINS
from paykeel.refunds.policy import RefundReason

_AT = "2026-11-23T09:30:00.000000Z"
_PAYMENT = "01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0a"
_SHA256 = "7c" * 32
_TRACE: list[Document] = [
    {
        "code": "tier",
        "text": "The tier late holds.",
        "numbers": {"name": "late", "total": 625, "percent_bps": 5000, "fee": 0, "kept": 0},
    },
    {
        "code": "amount",
        "text": "The total less what went back; never more than captured less refunded and "
        "disputed.",
        "numbers": {
            "total": 625, "refunded": 0, "disputed": 0, "captured": 1250, "amount": 625,
        },
    },
]  # fmt: skip
_QUOTE: Document = {
    "object": "refund_quote",
    "payment_id": _PAYMENT,
    "reason": "requested_by_buyer",
    "amount": 625,
    "total": 625,
    "currency": "EUR",
    "breakdown": [{"component": "fare", "captured": 1250, "total": 625, "this": 625}],
    "outcome": "refundable",
    "code": "tier",
    "approval": False,
    "next_boundary": "2026-11-24T08:00:00.000000Z",
    "as_of": _AT,
    "trace": _TRACE,
}
_AMOUNTS: Document = {
    "id": _PAYMENT,
    "display_status": "partially_refunded",
    "amount_captured": 1250,
    "amount_refunded": 625,
    "amount_refund_reserved": 0,
    "amount_disputed": 0,
    "amount_refundable": 625,
}
_TOLD: Document = {
    "object": "refund",
    "id": "01a1f3c5-7a60-7d2a-8c4b-5f6e7d8c9b0a",
    "payment_id": _PAYMENT,
    "amount": 625,
    "currency": "EUR",
    "reason": "requested_by_buyer",
    "origin": "merchant",
    "requested_by": "Ada Lindqvist",
    "quoted_amount": 625,
    "policy_sha256": _SHA256,
    "override_reason": None,
    "created_at": _AT,
    "status": "succeeded",
    "failure": None,
    "updated_at": _AT,
}
_MADE: Document = {**_TOLD, "payment": _AMOUNTS}
_HELD: Document = {
    "amount": 1250,
    "override_reason": "The host canceled.",
    "status": "requested",
}
_RESERVED: Document = {
    "display_status": "succeeded",
    "amount_refunded": 0,
    "amount_refund_reserved": 1250,
    "amount_refundable": 0,
}
_WAITING: Document = {**_TOLD, **_HELD, "payment": {**_AMOUNTS, **_RESERVED}}
_FAILURE: Document = {
    "reason": "processing_error",
    "code": "96",
    "mender": "gateway",
    "retry_can_help": True,
}
_DECLINED: Document = {
    **{name: problem("refund_declined")[name] for name in ("type", "title", "status", "code")},
    "reason": "processing_error",
    "detail": "Processing error. Nothing was given back; try it again under a new key.",
    "refund": {
        **_TOLD,
        "status": "failed",
        "failure": _FAILURE,
        "payment": {
            **_AMOUNTS,
            "display_status": "succeeded",
            "amount_refunded": 0,
            "amount_refundable": 1250,
        },
    },
}
_LISTED: Document = {
    **_TOLD,
    "approved_by": None,
    "gateway_id": "ph_01a1f3c57a61",
    "finished_at": _AT,
}
_DECISION: Document = {
    "object": "refund_decision",
    "sequence": 1,
    "kind": "requested",
    "from_status": "new",
    "status": "requested",
    "actor": "Ada Lindqvist",
    "because": "The host canceled.",
    "as_of": _AT,
    "facts": {"service_at": "2026-11-25T08:00:00.000000Z"},
    "trace": _TRACE,
    "breakdown": [{"component": "fare", "captured": 1250, "total": 625, "this": 1250}],
    "at": _AT,
}
_APPROVED: Document = {
    **_LISTED,
    **_HELD,
    "status": "succeeded",
    "approved_by": "Ben Okafor",
    "payment": {
        **_AMOUNTS,
        "display_status": "refunded",
        "amount_refunded": 1250,
        "amount_refundable": 0,
    },
    "decisions": [
        _DECISION,
        {
            **_DECISION,
            "sequence": 2,
            "kind": "approved",
            "from_status": "requested",
            "status": "pending",
            "actor": "Ben Okafor",
            "because": None,
            "as_of": None,
            "facts": None,
            "trace": None,
            "breakdown": None,
        },
    ],
}

QUOTES: Document = {
    "as_it_is": {},
    "two_days_before": {
        "reason": "requested_by_buyer",
        "facts": {"service_at": "2027-01-05T08:00:00Z", "jurisdiction": "DE-BY"},
        "as_of": "2027-01-03T08:00:00Z",
    },
}
REQUESTS: Document = {
    "what_the_policy_gives": {"requested_by": "Ada Lindqvist"},
    "a_part": {
        "requested_by": "Ada Lindqvist",
        "amount": 500,
        "reason": "provider_fault",
        "expected_refunded_amount": 0,
        "facts": {
            "delivered_at": "2026-11-20T12:00:00Z",
            "components": {"fare": 1000, "tax": 250},
            "units": {"count": 2, "price": 500},
        },
    },
    "against_the_policy": {
        "requested_by": "Ada Lindqvist",
        "amount": 1250,
        "override_reason": "The host canceled.",
        "facts": {"service_at": "2026-11-25T08:00:00Z", "no_show": False},
    },
}
VERDICTS: Document = {
    "plain": {"operator": "Ben Okafor"},
    "with_a_reason": {"operator": "Ben Okafor", "because": "The host has confirmed it."},
}
OPENINGS: Document = {
    "all_of_it": {"dispute_id": "dp_17", "operator": "Ada Lindqvist"},
    "a_part": {"dispute_id": "dp_18", "amount": 250, "operator": "Ada Lindqvist"},
}
CLOSINGS: Document = {
    "won": {"ending": "won", "operator": "Ada Lindqvist"},
    "lost": {"ending": "lost", "operator": "Ada Lindqvist"},
}
REOPENINGS: Document = {
    "as_before": {"operator": "Ada Lindqvist"},
    "a_part": {"amount": 250, "operator": "Ada Lindqvist"},
}
_DISPUTED: Document = {
    **examples.PAYMENTS["succeeded"],
    "display_status": "disputed",
    "amount_disputed": 1250,
}

_KEY = parameter(
    "Idempotency-Key",
    "header",
    "A name of your own for this very refund: visible ASCII, bare or as a structured-field "
    "string. The same key with the same request is answered alike and gives nothing back again.",
    {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
    required=True,
    example="refund-17",
)
_PAYMENT_ID = path("payment_id", "The payment's id.", format="uuid")
_REFUND_ID = path("refund_id", "The refund's id.", format="uuid")
_DISPUTE_ID = path(
    "dispute_id",
    "The dispute's id, as it was told when it was opened.",
    minLength=1,
    maxLength=DISPUTE_ID_CHARACTERS_MAX,
)
_LISTING = [
    query("payment_id", "Only of this payment.", format="uuid"),
    query("status", "Only this status.", enum=[str(status) for status in RefundStatus]),
    query("reason", "Only for this reason.", enum=[str(reason) for reason in RefundReason]),
    query("origin", "Only what began there.", enum=list(ORIGINS)),
    query("cursor", "`next_cursor` of the page before.", pattern="^[0-9a-f]{32}$"),
    query(
        "limit", "How many.", type="integer", minimum=1, maximum=PAGE_ROWS_MAX,
        default=PAGE_ROWS_DEFAULT,
    ),
]  # fmt: skip
_REPLAYED = "`true` when this is the stored answer of an earlier request with the same key."


def _answers() -> dict[str, Any]:
    return {
        "201": answer("Given back.", "AnsweredRefund", {"succeeded": _MADE},
                      Idempotent_Replayed=_REPLAYED),
        "202": answer("It waits for a person, or its outcome is not known yet.", "AnsweredRefund",
                      {"requested": _WAITING}, Idempotent_Replayed=_REPLAYED),
        "402": {
            "description": "The gateway refused it; nothing is given back or reserved. Code: "
            "`refund_declined`.",
            "content": content("RefundDecline", {"declined": _DECLINED}, PROBLEM),
        },
    }  # fmt: skip


def _decided(about: str) -> Document:
    done = {"200": answer(about, "RefundDetails", {"approved": _APPROVED})}
    return operation(done, [_REFUND_ID], 404, body=("RefundVerdict", VERDICTS))


QUOTE = operation(
    {"200": answer("What the policy gives.", "RefundQuote", {"half": _QUOTE})},
    [_PAYMENT_ID],
    404,
    body=("RefundQuoteRequest", QUOTES),
)
QUOTE["requestBody"]["required"] = False
REQUEST = operation(_answers(), [_PAYMENT_ID, _KEY], 404, body=("RefundRequest", REQUESTS))
_PAGE: Document = {"object": "list", "data": [_LISTED], "next_cursor": None}
LIST = operation({"200": answer("A page.", "RefundList", {"page": _PAGE})}, _LISTING)
GET = operation(
    {"200": answer("The refund.", "RefundDetails", {"approved": _APPROVED})}, [_REFUND_ID], 404
)
APPROVE = _decided("It is approved and sent; `status` says what the gateway answered.")
REJECT = _decided("It is rejected; nothing is reserved any more.")
CANCEL = _decided("It is called off; nothing is reserved any more.")
OPEN_DISPUTE = operation(
    {"200": answer("It is noted.", "Payment", {"disputed": _DISPUTED})},
    [_PAYMENT_ID],
    404,
    body=("DisputeOpening", OPENINGS),
)
CLOSE_DISPUTE = operation(
    {"200": answer("It is noted.", "Payment", {"won": examples.PAYMENTS["succeeded"]})},
    [_PAYMENT_ID, _DISPUTE_ID],
    404,
    body=("DisputeClosing", CLOSINGS),
)
REOPEN_DISPUTE = operation(
    {"200": answer("It is noted.", "Payment", {"disputed": _DISPUTED})},
    [_PAYMENT_ID, _DISPUTE_ID],
    404,
    body=("DisputeReopening", REOPENINGS),
)
