"""Shows a payment to people, from the document that the API gives too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.money import Money

if TYPE_CHECKING:
    from paykeel.cli.context import Output


def show_payment(out: Output, document: dict[str, Any]) -> None:
    """Show a payment from its document."""
    out.document(document)
    currency, failure, action = document["currency"], document["failure"], document["next_action"]

    def money(name: str) -> Money | None:
        return Money(document[name], currency) if document[name] else None

    def optional(name: str) -> Money | None:
        return Money(document[name], currency) if name in document else None

    policy = document.get("refund_policy")
    facts = {
        "payment": document["id"],
        "status": document["display_status"],
        "amount": Money(document["amount"], currency),
        "authorized": money("amount_authorized"),
        "captured": money("amount_captured"),
        "refunded": money("amount_refunded"),
        "refunds on their way": optional("amount_refund_reserved"),
        "disputed": optional("amount_disputed"),
        "refund policy": policy and f"{policy['key']} {policy['version']}",
        "came late": money("amount_late"),
        "buyer": f"{document['buyer']['id']} ({document['buyer']['role']})",
        "reference": document["reference"],
        "description": document["description"],
        "method": document["payment_method"],
        "gateway": document["gateway"],
        "failure": failure and failure["reason"],
        "can be mended by": failure and failure["mender"],
        "next action": action and f"{action['kind']} {action['url'] or ''}",
        "created": document["created_at"],
        "finished": document["finished_at"],
    }
    out.facts({name: value for name, value in facts.items() if value is not None})
