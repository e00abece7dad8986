"""What OpenAPI says of the routes of reviews, with an example of each document."""

from __future__ import annotations

from paykeel.api import examples
from paykeel.api.describing import Document, answer, operation, parameter, query
from paykeel.api.queries import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from paykeel.payments.review_queue import OPERATOR_CHARACTERS_MAX, REASON_CHARACTERS_MAX

_AT = "2026-11-23T09:30:00.000000Z"
_REVIEW: Document = {
    "object": "fraud_review",
    "payment_id": "01a1f3c5-7a30-7d2a-8c4b-5f6e7d8c9b0a",
    "status": "open",
    "reasons": ["new_buyer_large_amount"],
    "approvals_needed": 2,
    "approvals": 0,
    "assignee": "Ada Lindqvist",
    "due_at": "2026-11-24T09:30:00.000000Z",
    "created_at": _AT,
    "decided_at": None,
    "payment_status": "in_review",
    "amount": 125000,
    "currency": "EUR",
    "buyer": {"id": "agent-7", "role": "agent"},
    "reference": "order-17",
}
_NOTE: Document = {
    "object": "fraud_review_note",
    "id": "01a1f3c5-7a31-7d2a-8c4b-5f6e7d8c9b0a",
    "action": "note",
    "author": "Ada Lindqvist",
    "text": "Called the buyer back at the number in the contract.",
    "created_at": _AT,
}
_APPROVED: Document = {
    **_REVIEW,
    "status": "approved",
    "approvals": 2,
    "decided_at": _AT,
    "payment_status": "succeeded",
    "payment": examples.PAYMENTS["succeeded"],
    "decision": {
        "decision": "review",
        "score": 60,
        "reasons": ["new_buyer_large_amount"],
        "facts": {"payment.amount_ref": 125000, "profile.buyer.attempts": 0},
        "rules": [
            {
                "rule": "new_buyer_large_amount",
                "version": 1,
                "mode": "live",
                "action": "review",
                "score": 60,
                "outcome": "matched",
            }
        ],
        "ruleset": "harbour_market",
        "ruleset_version": 1,
        "created_at": _AT,
    },
    "notes": [_NOTE, {**_NOTE, "action": "approve", "text": ""}],
}
ASSIGNMENTS: Document = {
    "to_ben": {"operator": "Ada Lindqvist", "assignee": "Ben Okafor"},
    "to_nobody": {"operator": "Ada Lindqvist", "assignee": None},
}
NOTES: Document = {"called": {"operator": "Ada Lindqvist", "text": "Called the buyer back."}}
APPROVALS: Document = {
    "plain": {"operator": "Ada Lindqvist"},
    "with_a_note": {"operator": "Ada Lindqvist", "note": "A buyer of many years."},
}
REJECTIONS: Document = {
    "fraud": {"operator": "Ada Lindqvist", "note": "The card was stolen.", "label": "fraud"}
}
_PAYMENT_ID = parameter(
    "payment_id", "path", "The payment's id.", {"type": "string", "format": "uuid"}, required=True
)
_LISTING = [
    query(
        "assignee", "Only what this person looks at.", minLength=1,
        maxLength=OPERATOR_CHARACTERS_MAX,
    ),
    query(
        "reason", "Only what is held for this reason.", minLength=1,
        maxLength=REASON_CHARACTERS_MAX,
    ),
    query("cursor", "`next_cursor` of the page before.", pattern="^[0-9a-f]{48}$"),
    query(
        "limit", "How many.", type="integer", minimum=1, maximum=PAGE_ROWS_MAX,
        default=PAGE_ROWS_DEFAULT,
    ),
]  # fmt: skip


_PAGE: Document = {"page": {"object": "list", "data": [_REVIEW], "next_cursor": None}}
_DECIDED: Document = {
    "200": answer("It is written; the payment says how it stands.", "FraudReviewDetails", {
        "approved": _APPROVED,
    })
}  # fmt: skip

LIST = operation({"200": answer("A page.", "FraudReviewList", _PAGE)}, _LISTING)
GET = operation(
    {"200": answer("The review.", "FraudReviewDetails", {"approved": _APPROVED})},
    [_PAYMENT_ID],
    404,
)
ASSIGN = operation(
    {"200": answer("It is assigned.", "FraudReview", {"open": _REVIEW})},
    [_PAYMENT_ID],
    404,
    body=("FraudReviewAssignment", ASSIGNMENTS),
)
NOTE = operation(
    {"201": answer("It is noted.", "FraudReviewNote", {"note": _NOTE})},
    [_PAYMENT_ID],
    404,
    body=("FraudReviewNoteRequest", NOTES),
)
APPROVE = operation(_DECIDED, [_PAYMENT_ID], 404, body=("FraudReviewApproval", APPROVALS))
REJECT = operation(_DECIDED, [_PAYMENT_ID], 404, body=("FraudReviewRejection", REJECTIONS))
