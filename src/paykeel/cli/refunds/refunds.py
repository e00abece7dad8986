"""``refunds quote``, ``request``, ``list`` and ``show``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    OK,
    REFUSED,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.limits import login
from paykeel.cli.operations import chosen_key
from paykeel.cli.refunds.facts import NOTHING_KNOWN, FactOptions, read_amount, read_facts
from paykeel.cli.refunds.showing import show_decisions, show_quote, show_refund
from paykeel.cli.refunds.typed import typed
from paykeel.cli.terms.moments import read_ahead
from paykeel.cli.terms.options import asked, check_askable
from paykeel.money import Money, parse_major
from paykeel.refunds.documents import details_document, listed_document, quote_document
from paykeel.refunds.model import RefundFilter, RefundRequest
from paykeel.refunds.policy import RefundReason

if TYPE_CHECKING:
    from datetime import datetime

    from paykeel.idempotency import Answer
    from paykeel.payments.model import Payment
    from paykeel.refunds.facts import RefundQuote
    from paykeel.refunds.model import Refund

PAGE = 100


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """What is to be given back, and why."""

    amount: str | None = None
    """How much, in major units; what the policy gives when left out."""

    reason: str = str(RefundReason.REQUESTED_BY_BUYER)
    """requested_by_buyer, duplicate, fraud, provider_fault, force_majeure, …"""

    override: str | None = None
    """Why the policy is not to decide; somebody else approves it, if the policy asks anybody."""

    by: Annotated[str | None, Parameter(show_default=False)] = None
    """Who asks; the user of this terminal when left out."""

    expected: str | None = None
    """What was asked for and given back so far, in major units; otherwise nothing is done."""

    idempotency_key: str | None = None
    """Repeat an earlier call without giving it back twice."""


PLAIN = RequestOptions()


@typed
async def quote(
    payment: UUID,
    /,
    *,
    reason: str = str(RefundReason.REQUESTED_BY_BUYER),
    as_of: str | None = None,
    facts: FactOptions = NOTHING_KNOWN,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Show what a payment's policy gives back, and how it is reckoned; nothing is done.

    Args:
        payment: Its id.
        reason: requested_by_buyer, duplicate, fraud, provider_fault, force_majeure, …
        as_of: When: an instant, or how long from now: 10d. Now, if left out.
        facts: What the policy may want to know.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.payments.get(payment, merchant_id=owner.merchant_id)
        now: datetime = core.database.now()
        quoted = await core.refunds.quote(
            payment,
            merchant_id=owner.merchant_id,
            reason=reason,
            facts=read_facts(facts, found, now),
            as_of=read_ahead(as_of, "--as-of", now),
        )
    out.document(quote_document(payment, reason, quoted))
    if not out.json:
        show_quote(out, found, quoted, trace=True)


@typed
async def request(
    payment: UUID,
    /,
    *,
    options: RequestOptions = PLAIN,
    facts: FactOptions = NOTHING_KNOWN,
    yes: Flag = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Give money back by the payment's policy, or ask somebody to approve it.

    Exit code 5: it was refused, by the policy, by you or by the gateway.

    Args:
        payment: Its id.
        options: What is to be given back.
        facts: What the policy may want to know.
        yes: Do not ask.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    check_askable(out, yes=yes)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.payments.get(payment, merchant_id=owner.merchant_id)
        wanted = _read_request(options, facts, found, core.database.now())
        if not yes:
            quoted = await core.refunds.quote(
                payment, merchant_id=owner.merchant_id, reason=wanted.reason, facts=wanted.facts
            )
            show_quote(out, found, quoted, trace=False)
            if not asked(out, _question(wanted, quoted)):
                out.line("Nothing was done.")
                return REFUSED
        answer = await core.refunds.answer_request(
            payment,
            wanted,
            merchant_id=owner.merchant_id,
            idempotency_key=chosen_key(out, options.idempotency_key),
            # Whoever has the database may approve, too.
            may_approve=True,
        )
    return _show_answer(out, answer)


@typed
async def list_(
    *,
    payment: UUID | None = None,
    status: str | None = None,
    reason: str | None = None,
    origin: str | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 50,
    cursor: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List refunds, newest first; those with the status requested wait for somebody.

    Args:
        payment: Only of this payment.
        status: Only these: requested, pending, succeeded, failed, rejected or canceled.
        reason: Only for this reason.
        origin: Only what began there: merchant, or gateway.
        limit: How many at most.
        cursor: Go on where an earlier list ended.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    filters = RefundFilter(payment_id=payment, status=status, reason=reason, origin=origin)
    found: list[Refund] = []
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        while len(found) < limit:
            page = await core.refunds.list(
                merchant_id=owner.merchant_id,
                filters=filters,
                cursor=cursor,
                rows_max=min(PAGE, limit - len(found)),
            )
            found += page.refunds
            cursor = page.next_cursor
            if cursor is None:
                break
    out.document({"refunds": [listed_document(one) for one in found], "next_cursor": cursor})
    out.table(
        ("refund", "status", "amount", "policy gave", "reason", "requested by", "at", "payment"),
        [
            (
                one.refund_id,
                one.status,
                Money(one.amount, one.currency),
                None if one.quoted_amount is None else Money(one.quoted_amount, one.currency),
                one.reason,
                one.requested_by,
                f"{one.created_at:%Y-%m-%d %H:%M}",
                one.payment_id,
            )
            for one in found
        ],
        right=("amount", "policy gave"),
    )
    if cursor is not None:
        out.line(f"There are more: --cursor {cursor}")


@typed
async def show(
    refund: UUID, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Show one refund: how it stands, who decided what about it, and by which figures.

    Args:
        refund: Its id.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.refunds.get(refund, merchant_id=owner.merchant_id)
        payment = await core.payments.get(found.payment_id, merchant_id=owner.merchant_id)
        decisions = await core.refunds.decisions(refund, merchant_id=owner.merchant_id)
    document = details_document(found, payment, decisions)
    out.document(document)
    if not out.json:
        show_refund(out, document)
        show_decisions(out, document["decisions"], document["currency"])


def _read_request(
    options: RequestOptions, facts: FactOptions, payment: Payment, now: datetime
) -> RefundRequest:
    expected = None
    if options.expected is not None:
        # Nothing so far is an answer, too, and no amount that could be charged.
        expected = read_amount(options.expected, payment.currency, "--expected")
    given = options.amount
    return RefundRequest(
        requested_by=options.by or login(),
        reason=options.reason,
        amount=None if given is None else parse_major(given, payment.currency, "--amount").minor,
        override_reason=options.override,
        expected_refunded_amount=expected,
        facts=read_facts(facts, payment, now),
    )


def _question(wanted: RefundRequest, quoted: RefundQuote) -> str:
    amount = Money(quoted.amount if wanted.amount is None else wanted.amount, quoted.currency)
    return f"Give back {amount}?"


def _show_answer(out: Output, answer: Answer) -> int:
    """Show what a request came to; exit code 5 when the gateway refused it."""
    document: dict[str, Any] = json.loads(answer.body)
    out.document(document)
    if "refund" in document:
        out.side.print(f"paykeel: {document['code']}: {document['detail']}", markup=False)
        show_refund(out, document["refund"])
        return REFUSED
    show_refund(out, document)
    if document["status"] == "requested":
        out.line("Somebody has to approve it: paykeel refunds approve " + document["id"])
    return OK
