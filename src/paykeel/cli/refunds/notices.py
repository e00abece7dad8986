"""``refunds notices``: refunds of which the gateway told, and what is to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from cyclopts import App, Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.terms.moments import told
from paykeel.refunds.noticed import NoticeStatus
from paykeel.refunds.service import NOTICES_MAX

if TYPE_CHECKING:
    from paykeel.refunds.noticed import RefundNotice

app = App(name="notices", help="Refunds that the gateway tells of by itself and are not booked.")


@app.command(name="list")
async def list_(
    *,
    every: Flag = False,
    payment: UUID | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=NOTICES_MAX))] = 100,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List what is not booked, and what to do about it, oldest first.

    Args:
        every: Also what was booked, is a refund of ours, or was dismissed.
        payment: Only of this payment.
        limit: How many at most.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.refunds.notices(
            merchant_id=owner.merchant_id,
            status=None if every else NoticeStatus.OPEN,
            payment_id=payment,
            rows_max=limit,
        )
    out.document({"notices": [one.document() for one in found]})
    out.table(
        ("payment", "gateway's id", "amount", "status", "told", "tries", "what to do"),
        [
            (
                one.payment_id,
                one.gateway_id,
                one.money,
                one.status,
                told(one.told_at),
                one.tries,
                one.what_to_do,
            )
            for one in found
        ],
        right=("amount", "tries"),
        prose=("what to do",),
    )


@app.command
async def book(
    payment: UUID,
    gateway_id: str,
    /,
    *,
    operator: str,
    because: str,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Book a refund that was made at the gateway, on your word that it is none of ours.

    Args:
        payment: Its id.
        gateway_id: The gateway's id of the refund, from `paykeel refunds notices list`.
        operator: Who decides.
        because: What you saw.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        done = await core.refunds.book_notice(
            payment,
            gateway_id,
            merchant_id=owner.merchant_id,
            operator=operator,
            because=because,
        )
    _show(out, done)


@app.command
async def dismiss(
    payment: UUID,
    gateway_id: str,
    /,
    *,
    operator: str,
    because: str,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Close a notice without booking anything: it was wrong, or it is booked in another way.

    Args:
        payment: Its id.
        gateway_id: The gateway's id of the refund, from `paykeel refunds notices list`.
        operator: Who decides.
        because: Why; history keeps it.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        done = await core.refunds.dismiss_notice(
            payment,
            gateway_id,
            merchant_id=owner.merchant_id,
            operator=operator,
            because=because,
        )
    _show(out, done)


def _show(out: Output, notice: RefundNotice) -> None:
    out.document(notice.document())
    facts = {
        "payment": notice.payment_id,
        "gateway's id": notice.gateway_id,
        "amount": notice.money,
        "status": notice.status,
        "refund": notice.refund_id,
        "dismissed by": notice.dismissed_by,
        "because": notice.dismissed_because,
    }
    out.facts({name: value for name, value in facts.items() if value is not None})
