"""Refunds of which the gateway tells by itself, as the tests tell of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from paykeel import Gateways, Paykeel
from paykeel.gateways.port import Outcome, Succeeded
from paykeel.money import Money
from tests.conftest import settings_for
from tests.database.gateways import Told
from tests.database.helpers import buy
from tests.database.refunding import (
    AMOUNT,
    OTHER_EYES,
    outside_notice,
    refunds_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel import Payment
    from paykeel.refunds.noticed import RefundNotice
    from tests.servers import Urls

GIVEN = Succeeded(Money(500, "EUR"), "re_1")
UNNAMED = Succeeded(Money(500, "EUR"))
BECAUSE = "Seen in the gateway's own screens"


@asynccontextmanager
async def dark(urls: Urls, *answers: Outcome) -> AsyncIterator[tuple[Paykeel, Payment, Told]]:
    """A purchase at a gateway that answers refunds with what it is told to, silence otherwise."""
    gateway = Told()
    gateway.will("charge", Succeeded(Money(AMOUNT, "EUR")))
    gateway.will("refund", *answers)
    settings = settings_for(urls)
    async with Paykeel.open(settings, gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        yield paykeel, await buy(paykeel, merchant), gateway


async def tell(paykeel: Paykeel, payment: Payment, name: str = "re_1", amount: int = 500) -> None:
    """Let the gateway tell of a refund by itself."""
    await refunds_of(paykeel).take_notice(outside_notice(payment, name, amount))


async def notices(paykeel: Paykeel, payment: Payment, status: str | None = None) -> list[Any]:
    """What is stored of what the gateway told, as far as most tests care."""
    found = await refunds_of(paykeel).notices(merchant_id=payment.merchant_id, status=status)
    return [(one.gateway_id, str(one.status), one.waits_for) for one in found]


async def book(paykeel: Paykeel, payment: Payment, name: str = "re_1") -> RefundNotice:
    return await refunds_of(paykeel).book_notice(
        payment.payment_id, name, merchant_id=payment.merchant_id, operator=OTHER_EYES,
        because=BECAUSE,
    )  # fmt: skip


async def dismiss(paykeel: Paykeel, payment: Payment, name: str = "re_1") -> RefundNotice:
    return await refunds_of(paykeel).dismiss_notice(
        payment.payment_id, name, merchant_id=payment.merchant_id, operator=OTHER_EYES,
        because=BECAUSE,
    )  # fmt: skip
