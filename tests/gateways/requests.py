"""Requests as the core would make them."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping

from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.gateways.port import ChargeRequest, FollowUpRequest
from paykeel.money import Money

DEADLINE_MS = 5_000

OpenGateway = Callable[..., Awaitable[PlaceholderGateway]]


def charge_of(
    payment_method: str,
    *,
    minor: int = 1_000,
    currency: str = "EUR",
    capture: bool = True,
    merchant_id: str = "merchant",
    payment_id: str | None = None,
) -> ChargeRequest:
    return ChargeRequest(
        reference=secrets.token_hex(32),
        amount=Money(minor, currency),
        payment_method=payment_method,
        capture=capture,
        buyer_id="buyer",
        description=None,
        merchant_id=merchant_id,
        idempotency_key=f"order-{secrets.token_hex(8)}",
        payment_id=payment_id or secrets.token_hex(8),
    )


def after(
    charge: ChargeRequest,
    minor: int | None = None,
    *,
    final: bool = True,
    currency: str | None = None,
    data: Mapping[str, str] | None = None,
) -> FollowUpRequest:
    return FollowUpRequest(
        reference=secrets.token_hex(32),
        charge_reference=charge.reference,
        amount=Money(
            charge.amount.minor if minor is None else minor, currency or charge.amount.currency
        ),
        final=final,
        data=data or {},
    )
