"""What the tests of this folder do again and again."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from paykeel import Gateways, Paykeel
from paykeel.gateways.placeholder import PlaceholderGateway, PlaceholderOptions
from paykeel.payments.steps import gateway_reference
from tests.conftest import order, settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from uuid import UUID

    import asyncpg

    from paykeel import Payment
    from paykeel.idempotency import Answer
    from paykeel.merchants import Merchant
    from tests.servers import Urls

#: More sweeps than anything here needs.
SWEEPS_MAX = 20


async def buy(
    paykeel: Paykeel, merchant: Merchant, key: str = "order-17", **changes: Any
) -> Payment:
    """Purchase, as the library gives it."""
    return await paykeel.payments.purchase(
        order(**changes), merchant_id=merchant.merchant_id, idempotency_key=key
    )


async def ask(
    paykeel: Paykeel, merchant: Merchant, key: str = "order-17", **changes: Any
) -> Answer:
    """Purchase, as the API answers it."""
    return await paykeel.payments.answer_purchase(
        order(**changes), merchant_id=merchant.merchant_id, idempotency_key=key
    )


async def reserve(
    paykeel: Paykeel, merchant: Merchant, key: str = "order-17", **changes: Any
) -> Payment:
    """Purchase with manual capture."""
    return await buy(paykeel, merchant, key, **({"capture_method": "manual"} | changes))


async def again(paykeel: Paykeel, payment: Payment) -> Payment:
    """Read a payment as it stands now."""
    return await paykeel.payments.get(payment.payment_id, merchant_id=payment.merchant_id)


def body(answer: Answer) -> dict[str, Any]:
    """Read an answer, and the payment out of a problem."""
    document = json.loads(answer.body)
    payment: dict[str, Any] = document.get("payment", document)
    return payment


def placeholder_of(paykeel: Paykeel) -> PlaceholderGateway:
    """Return the placeholder that serves merchants in test mode."""
    gateway = paykeel.gateways.for_mode("test")
    assert isinstance(gateway, PlaceholderGateway)
    return gateway


async def moved(paykeel: Paykeel, payment: Payment, kind: str | None = None) -> int:
    """Count what the gateway really moved for a payment."""
    return await placeholder_of(paykeel).movements(payment_id=str(payment.payment_id), kind=kind)


def reference_of(payment: Payment) -> str:
    """Return our reference of the charge at the gateway."""
    return gateway_reference(payment.merchant_id, payment.idempotency_key).hex()


async def age(admin: asyncpg.Connection, ms: int) -> None:
    """Let time pass for every attempt: it is older, and its time to be looked at has come."""
    await admin.execute(
        """
        UPDATE payment_attempts
        SET created_at = created_at - make_interval(secs => $1::bigint / 1000.0),
            recover_at = CASE WHEN state <> 'done' THEN now() - interval '1 ms' END
        """,
        ms,
    )


async def recover(paykeel: Paykeel, admin: asyncpg.Connection, ms: int = 10_000) -> int:
    """Let time pass and sweep once; return how many attempts were looked at."""
    await age(admin, ms)
    return await paykeel.payments.sweep()


async def let_lapse(admin: asyncpg.Connection) -> None:
    """Let the time of every reservation at the placeholder be over."""
    await admin.execute(
        """
        UPDATE placeholder_gateway.operations SET settles_at = now() - interval '1 s'
        WHERE later IS NOT NULL
        """
    )


async def attempts_of(admin: asyncpg.Connection, payment: Payment) -> list[dict[str, Any]]:
    """Return the rows of a payment's attempts, in order."""
    rows = await admin.fetch(
        """
        SELECT attempt_no, operation, state, outcome, amount, recover_at, recover_count
        FROM payment_attempts WHERE payment_id = $1 ORDER BY attempt_no
        """,
        payment.payment_id,
    )
    return [dict(row) for row in rows]


async def topics_of(admin: asyncpg.Connection, payment: Payment) -> list[str]:
    """Return the topics of a payment's messages, in order."""
    rows = await admin.fetch(
        "SELECT topic FROM outbox WHERE payment_id = $1 ORDER BY message_id", payment.payment_id
    )
    return [row["topic"] for row in rows]


async def audited(paykeel: Paykeel, merchant_id: UUID | None = None) -> None:
    """Find no difference between history and present."""
    report = await paykeel.auditor.audit(merchant_id)
    assert report.differences == ()


@asynccontextmanager
async def opened(
    urls: Urls,
    *,
    changes: Mapping[str, object] | None = None,
    core: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Paykeel]:
    """Open a Paykeel with a placeholder of its own, with other settings, parts and options."""
    gateway = await PlaceholderGateway.open(urls.app, PlaceholderOptions(**options))
    try:
        async with Paykeel.open(
            settings_for(urls, **(changes or {})),
            gateways=Gateways.of(test=gateway),
            **(core or {}),
        ) as paykeel:
            yield paykeel
    finally:
        await gateway.close()
