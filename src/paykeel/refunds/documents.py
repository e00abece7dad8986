"""Refunds and quotes as JSON-ready values, for the API and the command line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.payments.encoding import in_order, instant
from paykeel.payments.refund_answers import failure_document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from paykeel.payments.model import Payment
    from paykeel.refunds.facts import RefundQuote
    from paykeel.refunds.model import Refund, RefundDecision


def quote_document(payment_id: UUID, reason: str, quoted: RefundQuote) -> dict[str, Any]:
    """Return what a payment's policy gives."""
    return {
        "object": "refund_quote",
        "payment_id": str(payment_id),
        "reason": str(reason),
        **quoted.document(),
        "as_of": instant(quoted.as_of),
        "next_boundary": _when(quoted.next_boundary),
    }


def listed_document(refund: Refund) -> dict[str, Any]:
    """Return a refund as it stands in a list: without the amounts of its payment."""
    return {
        "object": "refund",
        **refund.told(),
        "status": str(refund.status),
        "failure": None if refund.failure is None else failure_document(*refund.failure),
        "approved_by": refund.approved_by,
        "gateway_id": refund.gateway_id,
        "settled_amount": refund.settled_amount,
        "updated_at": instant(refund.updated_at),
        "finished_at": _when(refund.finished_at),
    }


def details_document(
    refund: Refund, payment: Payment, decisions: Iterable[RefundDecision]
) -> dict[str, Any]:
    """Return a refund with its payment's amounts, and with what people decided about it."""
    return {
        **refund.document(payment),
        "decisions": [decision_document(one) for one in decisions],
    }


def decision_document(decision: RefundDecision) -> dict[str, Any]:
    """Return what somebody decided, and by which figures."""
    return {
        "object": "refund_decision",
        "sequence": decision.sequence,
        "kind": decision.kind,
        "from_status": decision.from_status,
        "status": decision.to_status,
        "actor": decision.actor,
        "because": decision.because,
        "as_of": _when(decision.as_of),
        "facts": None if decision.facts is None else in_order(decision.facts),
        "trace": decision.trace,
        "breakdown": decision.breakdown and [in_order(line) for line in decision.breakdown],
        "at": instant(decision.decided_at),
    }


def _when(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
