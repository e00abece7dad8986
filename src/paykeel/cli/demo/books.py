"""What the demonstration compares at the end: our payments with the gateway's books."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.money import Money
from paykeel.payments.listing import PaymentFilter
from paykeel.payments.states import Status

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.core import Core
    from paykeel.payments.model import Payment

PAGE = 100
LOOKS_AT_ONCE = 32
#: Where the gateway's word, and not a buyer, is being waited for.
UNSETTLED = (Status.PENDING, Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class Line:
    """One currency: what the gateway's books say, and what ours say, in minor units."""

    currency: str
    captured_there: int
    captured_here: int
    reserved_there: int
    reserved_here: int

    @property
    def agrees(self) -> bool:
        """Whether both say the same, to the minor unit."""
        return (
            self.captured_there == self.captured_here and self.reserved_there == self.reserved_here
        )

    def document(self) -> dict[str, object]:
        """Return it as JSON-ready values."""
        return {
            "currency": self.currency,
            "captured_at_gateway": self.captured_there,
            "captured_here": self.captured_here,
            "reserved_at_gateway": self.reserved_there,
            "reserved_here": self.reserved_here,
            "agrees": self.agrees,
        }

    def money(self, minor: int) -> str:
        """Write an amount of this currency in major units."""
        return Money(minor, self.currency).major


async def all_payments(
    core: Core, merchant_id: UUID, status: Status | None = None
) -> list[Payment]:
    """Return a merchant's payments, page by page."""
    found: list[Payment] = []
    cursor: str | None = None
    while True:
        page = await core.payments.list(
            merchant_id=merchant_id,
            filters=PaymentFilter(status=None if status is None else str(status)),
            cursor=cursor,
            rows_max=PAGE,
        )
        found += page.payments
        cursor = page.next_cursor
        if cursor is None:
            return found


async def unsettled(core: Core, merchant_id: UUID) -> list[Payment]:
    """Return the payments whose end the gateway still owes us."""
    found: list[Payment] = []
    for status in UNSETTLED:
        found += await all_payments(core, merchant_id, status)
    return found


async def recovered(core: Core, merchant_id: UUID, payments: list[Payment]) -> set[UUID]:
    """Return those of the payments that recovery, and not their own request, brought on."""
    few = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def by_recovery(payment_id: UUID) -> bool:
        async with few:
            payment = await core.payments.get(payment_id, merchant_id=merchant_id)
        return any(event.actor == "recovery" for event in payment.timeline)

    ids = [payment.payment_id for payment in payments]
    answers = await asyncio.gather(*map(by_recovery, ids))
    return {payment_id for payment_id, answer in zip(ids, answers, strict=True) if answer}


def gateway_of(core: Core) -> PlaceholderGateway:
    """Return the gateway that the demonstration runs against."""
    gateway = core.gateways.for_mode("test")
    if not isinstance(gateway, PlaceholderGateway):
        message = "the demonstration counts in the placeholder's books"
        raise TypeError(message)
    return gateway


async def compare(
    gateway: PlaceholderGateway, merchant_id: UUID, payments: list[Payment]
) -> list[Line]:
    """Lay the gateway's books beside ours, currency by currency."""
    there: Counter[tuple[str, str]] = Counter()
    for total in await gateway.books(str(merchant_id)):
        there[total.currency, total.kind] = total.amount
    captured: Counter[str] = Counter()
    reserved: Counter[str] = Counter()
    for payment in payments:
        captured[payment.currency] += payment.amount_captured - payment.amount_refunded
        if payment.status is Status.AUTHORIZED:
            reserved[payment.currency] += payment.amount_authorized - payment.amount_captured
    currencies = {currency for currency, _ in there} | {
        one for one, sum_ in captured.items() if sum_
    }
    return [
        Line(
            currency=currency,
            captured_there=there[currency, "charge"]
            + there[currency, "capture"]
            - there[currency, "refund"],
            captured_here=captured[currency],
            reserved_there=there[currency, "reservation"]
            - there[currency, "capture"]
            - there[currency, "release"],
            reserved_here=reserved[currency],
        )
        for currency in sorted(currencies)
    ]
