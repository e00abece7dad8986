"""Shows quotes and refunds to people, from the documents that the API gives too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.cli.terms.moments import told
from paykeel.money import Money
from paykeel.refunds.facts import QuoteOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from paykeel.cli.context import Output
    from paykeel.payments.model import Payment
    from paykeel.refunds.facts import RefundQuote


def show_quote(out: Output, payment: Payment, quoted: RefundQuote, *, trace: bool) -> None:
    """Show what a payment's policy gives, and with ``trace`` how it came to that."""

    def money(minor: int) -> Money | None:
        return Money(minor, quoted.currency) if minor else None

    policy = "none held: all that is left may go back"
    if payment.refund_policy_key is not None:
        policy = f"{payment.refund_policy_key} {payment.refund_policy_version}"
    facts = {
        "payment": payment.payment_id,
        "policy": policy,
        "captured": Money(payment.amount_captured, quoted.currency),
        "given back": money(payment.amount_refunded),
        "on its way": money(payment.amount_refund_reserved),
        "disputed": money(payment.amount_disputed),
        "gives now": f"{Money(quoted.amount, quoted.currency)} ({quoted.code})",
        "in all": Money(quoted.total, quoted.currency),
        "needs approval": "yes" if quoted.approval else "no",
        "as of": told(quoted.as_of),
        "changes": told(quoted.next_boundary),
    }
    out.facts({name: value for name, value in facts.items() if value is not None})
    if quoted.outcome is QuoteOutcome.ASK:
        out.line("Something is not known that the policy asks for: a person has to decide.")
    if len(quoted.breakdown) > 1:
        out.table(
            ("component", "captured", "in all", "now"),
            [
                (
                    line.component,
                    *(
                        Money(one, quoted.currency).major
                        for one in (line.captured, line.total, line.this)
                    ),
                )
                for line in quoted.breakdown
            ],
            right=("captured", "in all", "now"),
        )
    if trace:
        _trace(out, [step.document() for step in quoted.trace])


def show_refund(out: Output, refund: Mapping[str, Any]) -> None:
    """Show a refund from its document."""
    currency, payment, failure = refund["currency"], refund["payment"], refund["failure"]
    quoted = refund["quoted_amount"]
    facts = {
        "refund": refund["id"],
        "payment": refund["payment_id"],
        "status": refund["status"],
        "amount": Money(refund["amount"], currency),
        "policy gave": None if quoted is None else Money(quoted, currency),
        "reason": refund["reason"],
        "made at": "the gateway" if refund["origin"] == "gateway" else None,
        "requested by": refund["requested_by"],
        "override": refund["override_reason"],
        "approved by": refund.get("approved_by"),
        "failure": failure and failure["reason"],
        "can be mended by": failure and failure["mender"],
        "created": refund["created_at"],
        "finished": refund.get("finished_at"),
        "still refundable": Money(payment["amount_refundable"], currency),
    }
    out.facts({name: value for name, value in facts.items() if value is not None})


def show_decisions(out: Output, decisions: Iterable[Mapping[str, Any]]) -> None:
    """Show who decided what, and by which figures."""
    every = list(decisions)
    out.table(
        ("at", "who", "did", "because"),
        [(one["at"], one["actor"], one["kind"], one["because"]) for one in every],
        prose=("because",),
    )
    for one in every:
        if one["facts"]:
            out.line("\nWhat was known:")
            out.facts(one["facts"])
        if one["trace"]:
            _trace(out, one["trace"])


def _trace(out: Output, steps: Iterable[Mapping[str, Any]]) -> None:
    out.table(
        ("step", "what it says", "figures"),
        [
            (
                step["code"],
                step["text"],
                ", ".join(f"{name} {value}" for name, value in step["numbers"].items()),
            )
            for step in steps
        ],
        title="How it was reckoned",
        prose=("what it says", "figures"),
    )
