"""Shows quotes and refunds to people, from the documents that the API gives too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.cli.terms.moments import told
from paykeel.money import Money
from paykeel.refunds.facts import QuoteOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from paykeel.cli.context import Output
    from paykeel.payments.model import Payment
    from paykeel.refunds.facts import RefundQuote

#: Which numbers of a step are amounts; the others are counts, shares and times.
_AMOUNTS = {"amount", "captured", "disputed", "fee", "kept", "refunded", "total"}


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
        _breakdown(out, [line.document() for line in quoted.breakdown], quoted.currency)
    if trace:
        _trace(out, [step.document() for step in quoted.trace], quoted.currency)


def show_refund(out: Output, refund: Mapping[str, Any]) -> None:
    """Show a refund from its document."""
    currency, payment, failure = refund["currency"], refund["payment"], refund["failure"]
    quoted, settled = refund["quoted_amount"], refund.get("settled_amount")
    facts = {
        "refund": refund["id"],
        "payment": refund["payment_id"],
        "status": refund["status"],
        "amount": Money(refund["amount"], currency),
        "given back": None if settled is None else Money(settled, currency),
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


def show_decisions(out: Output, decisions: Iterable[Mapping[str, Any]], currency: str) -> None:
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
            out.facts(dict(_known(one["facts"], currency)))
        if one["trace"]:
            _trace(out, one["trace"], currency)
        if one["breakdown"] and len(one["breakdown"]) > 1:
            _breakdown(out, one["breakdown"], currency)


def _breakdown(out: Output, lines: Iterable[Mapping[str, Any]], currency: str) -> None:
    """Show what of an amount is which component's."""
    figures = ("captured", "total", "this")
    out.table(
        ("component", "captured", "in all", "now"),
        [
            (line["component"], *(Money(line[name], currency).major for name in figures))
            for line in lines
        ],
        right=("captured", "in all", "now"),
    )


def _known(facts: Mapping[str, Any], currency: str) -> Iterator[tuple[str, Any]]:
    """Give what was known, its amounts in major units."""
    for name, value in facts.items():
        if name == "components":
            for component, minor in value.items():
                yield component, Money(minor, currency)
        elif name == "units":
            yield name, f"{value['count']} at {Money(value['price'], currency)}"
        else:
            yield name, value


def _figure(name: str, value: int | str, currency: str) -> str:
    """Write one number of a step: an amount in major units, anything else as it is."""
    if name in _AMOUNTS and isinstance(value, int):
        return f"{name} {Money(value, currency).major}"
    return f"{name} {value}"


def _trace(out: Output, steps: Iterable[Mapping[str, Any]], currency: str) -> None:
    out.table(
        ("step", "what it says", "figures"),
        [
            (
                step["code"],
                step["text"],
                ", ".join(
                    _figure(name, value, currency) for name, value in step["numbers"].items()
                ),
            )
            for step in steps
        ],
        title=f"How it was reckoned, amounts in {currency}",
        prose=("what it says", "figures"),
    )
