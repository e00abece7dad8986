"""``refunds approve``, ``reject`` and ``cancel``: what people decide about what waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.cli.context import (
    DEFAULTS,
    OK,
    REFUSED,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.refunds.showing import show_refund
from paykeel.cli.refunds.typed import typed
from paykeel.payments.refunding import RefundStatus

if TYPE_CHECKING:
    from paykeel.core import Core
    from paykeel.refunds.model import Refund


@typed
async def approve(
    refund: UUID,
    /,
    *,
    operator: str,
    because: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Approve a refund that waits for it, and send it. Exit code 5: the gateway refused it.

    Args:
        refund: Its id.
        operator: Who approves; what the policy does not give, nobody approves for themselves.
        because: Why.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        decided = await core.refunds.approve(
            refund, merchant_id=owner.merchant_id, operator=operator, because=because
        )
        await _show(out, core, decided)
    return REFUSED if decided.status is RefundStatus.FAILED else OK


@typed
async def reject(
    refund: UUID,
    /,
    *,
    operator: str,
    because: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Reject a refund that waits for approval; nothing is reserved any more.

    Args:
        refund: Its id.
        operator: Who rejects.
        because: Why.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        decided = await core.refunds.reject(
            refund, merchant_id=owner.merchant_id, operator=operator, because=because
        )
        await _show(out, core, decided)


@typed
async def cancel(
    refund: UUID,
    /,
    *,
    operator: str,
    because: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Call off a refund that waits for approval; one that was sent cannot be called back.

    Args:
        refund: Its id.
        operator: Who calls it off.
        because: Why.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        decided = await core.refunds.cancel(
            refund, merchant_id=owner.merchant_id, operator=operator, because=because
        )
        await _show(out, core, decided)


async def _show(out: Output, core: Core, refund: Refund) -> None:
    payment = await core.payments.get(refund.payment_id, merchant_id=refund.merchant_id)
    document = refund.document(payment)
    out.document(document)
    show_refund(out, document)
