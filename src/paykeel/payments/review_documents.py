"""Reviews as JSON-ready values, for the API and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.payments.encoding import in_order, instant

if TYPE_CHECKING:
    from paykeel.payments.review_queue import Note, Review, ReviewDetails


def review_document(review: Review) -> dict[str, Any]:
    """Return a review as it stands in the queue."""
    return {
        "object": "fraud_review",
        "payment_id": str(review.payment_id),
        "status": review.status,
        "reasons": list(review.reasons),
        "approvals_needed": review.approvals_needed,
        "approvals": review.approvals,
        "assignee": review.assignee,
        "due_at": instant(review.due_at),
        "created_at": instant(review.created_at),
        "decided_at": None if review.decided_at is None else instant(review.decided_at),
        "payment_status": review.payment_status,
        "amount": review.amount,
        "currency": review.currency,
        "buyer": {"id": review.buyer_id, "role": review.buyer_role},
        "reference": review.reference,
    }


def note_document(note: Note) -> dict[str, Any]:
    """Return what somebody did or said."""
    return {
        "object": "fraud_review_note",
        "id": str(note.note_id),
        "action": note.action,
        "author": note.author,
        "text": note.body,
        "created_at": instant(note.created_at),
    }


def details_document(details: ReviewDetails) -> dict[str, Any]:
    """Return a review with its payment, the decision that held it, and its notes."""
    decision = details.decision
    return {
        **review_document(details.review),
        "payment": details.payment.document(),
        "decision": {
            "decision": decision.decision,
            "score": decision.score,
            "reasons": list(decision.reasons),
            "facts": in_order(decision.facts),
            "rules": list(decision.rules),
            "ruleset": decision.ruleset,
            "ruleset_version": decision.ruleset_version,
            "created_at": instant(decision.created_at),
        },
        "notes": [note_document(note) for note in details.notes],
    }
