"""``refunds dispute``: note that a buyer disputes a payment, and how that ended."""

from __future__ import annotations

from uuid import UUID

from cyclopts import App

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.refunds.typed import typed
from paykeel.cli.showing import show_payment
from paykeel.money import parse_major

app = App(name="dispute", help="Note disputes: what is disputed cannot be refunded.")


@app.command(name="open")
@typed
async def open_(
    payment: UUID,
    dispute: str,
    /,
    *,
    operator: str,
    amount: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Note that a buyer disputes a payment; noted again it changes nothing.

    Args:
        payment: Its id.
        dispute: The gateway's or the card network's own id of it.
        operator: Who notes it.
        amount: How much, in major units; all that is captured and not disputed when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.payments.get(payment, merchant_id=owner.merchant_id)
        noted = await core.refunds.open_dispute(
            payment,
            merchant_id=owner.merchant_id,
            dispute_id=dispute,
            operator=operator,
            amount=None
            if amount is None
            else parse_major(amount, found.currency, "--amount").minor,
        )
    show_payment(out, noted.document())


@app.command
@typed
async def close(
    payment: UUID,
    dispute: str,
    ending: str,
    /,
    *,
    operator: str,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Note how a dispute ended: what was won can be refunded again, what was lost is gone.

    Args:
        payment: Its id.
        dispute: The id under which it was opened.
        ending: won or lost; what was lost may still be won.
        operator: Who notes it.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        noted = await core.refunds.close_dispute(
            payment,
            merchant_id=owner.merchant_id,
            dispute_id=dispute,
            operator=operator,
            ending=ending,
        )
    show_payment(out, noted.document())


@app.command
async def reopen(
    payment: UUID,
    dispute: str,
    /,
    *,
    operator: str,
    amount: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Note that a bank took up again what was won: it cannot be refunded again.

    Args:
        payment: Its id.
        dispute: The id under which it was opened.
        operator: Who notes it.
        amount: How much, in major units; as much as before when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.payments.get(payment, merchant_id=owner.merchant_id)
        noted = await core.refunds.reopen_dispute(
            payment,
            merchant_id=owner.merchant_id,
            dispute_id=dispute,
            operator=operator,
            amount=None if amount is None else parse_major(amount, found.currency).minor,
        )
    show_payment(out, noted.document())
