"""What is bought, and a gateway that says yes at once, since the floor has no gateway at all."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, NoReturn

from paykeel.gateways.port import (
    Capabilities,
    ChargeRequest,
    FollowUpRequest,
    LookupOutcome,
    NotFound,
    Outcome,
    Succeeded,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CURRENCIES = ("EUR", "USD", "GBP")
ROLES = ("agent", "operator")
#: Stands in every document until a purchase gets a reference of its own.
REFERENCE = "order-0000000000"


def order_number() -> str:
    """Return a reference of the same length. Order numbers grow, unlike keys, which are random."""
    return f"order-{time.time_ns() // 1_000_000 % 10**10:010}"


def documents(count: int) -> list[dict[str, Any]]:
    """Return requests as they come in over HTTP, of the kind that the floor writes, too."""
    chance = random.Random(count)
    return [
        {
            "amount": chance.randint(100, 50_000),
            "currency": chance.choice(CURRENCIES),
            "buyer": {"id": f"buyer-{chance.randint(1, 20_000)}", "role": chance.choice(ROLES)},
            "payment_method": "pm_ok",
            "reference": REFERENCE,
            "description": "Two nights, harbour view",
            "metadata": {"channel": "web", "cart": "c-20417"},
        }
        for _ in range(count)
    ]


class InstantGateway:
    """Answers every charge at once, and keeps nothing."""

    name = "instant"
    capabilities = Capabilities(live=False)

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        """Say that the money has moved."""
        del deadline_ms
        return Succeeded(request.amount, f"bench_{request.reference[:24]}")

    async def capture(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Refuse: nothing here asks for it."""
        raise NotImplementedError(request, deadline_ms)

    void = refund = complete = capture

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        """Know of nothing."""
        del reference, deadline_ms
        return NotFound()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> NoReturn:
        """Refuse: it sends none."""
        raise NotImplementedError(headers, body)

    async def close(self) -> None:
        """Have nothing to close."""
