"""``payments capture``, ``cancel``, ``stuck`` and ``resolve``: what a person does to a payment."""

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
from paykeel.cli.showing import show_payment
from paykeel.clock import new_id
from paykeel.money import Money, parse_major

if TYPE_CHECKING:
    from paykeel.idempotency import Answer
    from paykeel.payments.resolve import Stuck


async def capture(
    payment: UUID,
    /,
    *,
    amount: str | None = None,
    not_final: Flag = False,
    idempotency_key: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Take what is reserved, all of it or a part.

    Args:
        payment: Its id.
        amount: How much, in major units; all that is left otherwise.
        not_final: More may be captured later; otherwise the rest is released.
        idempotency_key: Repeat an earlier call without doing it twice.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        minor = None
        if amount is not None:
            found = await core.payments.get(payment, merchant_id=owner.merchant_id)
            minor = parse_major(amount, found.currency).minor
        answer = await core.payments.answer_capture(
            payment,
            merchant_id=owner.merchant_id,
            idempotency_key=chosen_key(out, idempotency_key),
            amount=minor,
            final=not not_final,
        )
    return _show_answer(out, answer)


async def cancel(
    payment: UUID,
    /,
    *,
    idempotency_key: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Call off a payment that is not captured, and release what is reserved.

    Args:
        payment: Its id.
        idempotency_key: Repeat an earlier call without doing it twice.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        answer = await core.payments.answer_cancel(
            payment,
            merchant_id=owner.merchant_id,
            idempotency_key=chosen_key(out, idempotency_key),
        )
    return _show_answer(out, answer)


async def stuck(
    *,
    tries: Annotated[int, Parameter(validator=Number(gte=0, lte=1_000_000))] = 1,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=1_000))] = 100,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List what is still unknown, for how long and why; `resolve` settles it.

    Args:
        tries: Only what recovery has looked at so many times in vain.
        limit: How many at most.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.payments.stuck(
            merchant_id=owner.merchant_id, tries_min=tries, rows_max=limit
        )
    out.document({"stuck": [_stuck(one) for one in found]})
    out.table(
        ("payment", "attempt", "status", "amount", "what", "for", "looks", "heard", "reference"),
        [
            (
                one.payment_id,
                one.attempt_no,
                one.status,
                Money(one.attempt_amount or one.amount, one.currency),
                one.operation,
                _duration(one.age_ms),
                one.recover_count,
                one.outcome,
                one.reference,
            )
            for one in found
        ],
        right=("attempt", "amount", "looks"),
    )


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class AboutRefund:
    """Which refund is meant, and what really went back."""

    attempt: Annotated[int | None, Parameter(validator=Number(gte=1, lte=32_767))] = None
    """Which attempt, where several refunds of the payment are unknown."""

    amount: str | None = None
    """What the gateway gave back, in major units, where it is not what was asked for."""


ONLY_ONE = AboutRefund()


async def resolve(
    payment: UUID,
    decision: str,
    /,
    *,
    operator: str,
    evidence: str,
    reason: str | None = None,
    about: AboutRefund = ONLY_ONE,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Settle what the gateway left unknown, on your word; history keeps your name and evidence.

    Args:
        payment: Its id, from `paykeel payments stuck`.
        decision: succeeded, failed, accept_late or refund_late.
        operator: Who decides.
        evidence: What you saw, for example in the gateway's own screens.
        reason: With failed: why, for example card_declined.
        about: Of refunds.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        minor = None
        if about.amount is not None:
            stands = await core.payments.get(payment, merchant_id=owner.merchant_id)
            minor = parse_major(about.amount, stands.currency).minor
        found = await core.payments.resolve(
            payment,
            merchant_id=owner.merchant_id,
            decision=decision,
            operator=operator,
            evidence=evidence,
            reason=reason,
            attempt_no=about.attempt,
            amount=minor,
        )
    show_payment(out, found.document())


def chosen_key(out: Output, given: str | None) -> str:
    """Return the key to use, and show it, since a repetition needs it."""
    key = given or f"cli:{new_id()}"
    out.side.print(f"Idempotency key: {key}", markup=False, style="dim")
    return key


def _show_answer(out: Output, answer: Answer) -> int:
    """Show what an operation came to; exit code 5 when the gateway refused it."""
    document = json.loads(answer.body)
    refused = answer.status >= 400
    if refused:
        out.document(document)
        out.side.print(f"paykeel: {document['code']}: {document['title']}.", markup=False)
        out.side.print(str(document.get("detail", "")), markup=False)
        return REFUSED
    show_payment(out, document)
    return OK


def _stuck(one: Stuck) -> dict[str, Any]:
    return {
        "payment_id": str(one.payment_id),
        "status": one.status,
        "amount": one.amount,
        "currency": one.currency,
        "amount_late": one.amount_late,
        "reference": one.reference,
        "gateway": one.gateway,
        "attempt": one.attempt_no,
        "attempt_amount": one.attempt_amount,
        "refund_id": None if one.refund_id is None else str(one.refund_id),
        "operation": one.operation,
        "state": one.state,
        "outcome": one.outcome,
        "looks": one.recover_count,
        "next_look_at": None if one.recover_at is None else one.recover_at.isoformat(),
        "age_ms": one.age_ms,
    }


def _duration(ms: int) -> str:
    """Write a time for people.

    >>> _duration(90_000), _duration(7_300_000)
    ('1 min 30 s', '2 h 1 min')
    """
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
