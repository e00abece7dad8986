"""What must be true when all is over: counted in the gateway's own books, and in ours."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel import PaymentFilter, Status
from paykeel.gateways.placeholder import PlaceholderGateway

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from uuid import UUID

    from paykeel import Paykeel, Payment

END_S_MAX = 30.0
OPEN = (Status.PENDING, Status.PROCESSING)

#: What a movement in the gateway's books does to what was taken, and to what is held.
SIGNS = {
    "charge": (("taken", 1),),
    "reservation": (("held", 1),),
    "capture": (("taken", 1), ("held", -1)),
    "release": (("held", -1),),
    "refund": (("taken", -1),),
}

#: How often each amount was charged or reserved. Each key of a test has an amount of its own.
CHARGES = """
SELECT amount, count(*) AS charges
FROM placeholder_gateway.movements
WHERE kind IN ('charge', 'reservation')
GROUP BY amount
"""


async def eventually(
    asked: Callable[[], Coroutine[Any, Any, bool]], within_s: float = END_S_MAX
) -> None:
    """Wait until it is so, and fail when it does not become so."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + within_s
    while not await asked():
        assert loop.time() < give_up, "it did not become so in time"
        await asyncio.sleep(0.05)


async def claimed(url: str, key: str, call: asyncio.Task[Any]) -> None:
    """Wait until a call has claimed its key, or has come to nothing before that."""
    connection = await asyncpg.connect(url)

    async def known() -> bool:
        return call.done() or await connection.fetchval(
            "SELECT EXISTS (SELECT FROM payment_idempotency WHERE idempotency_key = $1)", key
        )

    try:
        await eventually(known)
    finally:
        await connection.close()


async def payments_of(core: Paykeel, merchant_id: UUID, status: str | None = None) -> list[Payment]:
    """Return a merchant's payments."""
    found: list[Payment] = []
    cursor = None
    while True:
        page = await core.payments.list(
            merchant_id=merchant_id, filters=PaymentFilter(status=status), cursor=cursor
        )
        found += page.payments
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


async def all_ended(core: Paykeel, merchant_id: UUID) -> bool:
    """Whether the gateway owes no answer any more."""
    for status in OPEN:
        if await payments_of(core, merchant_id, str(status)):
            return False
    return True


async def charges_by_amount(admin: asyncpg.Connection) -> Counter[int]:
    """Count in the gateway's books how often each amount was charged or reserved."""
    return Counter({row["amount"]: row["charges"] for row in await admin.fetch(CHARGES)})


async def check_books(core: Paykeel, merchant_id: UUID, url: str) -> None:
    """Check that history replays, and that both sides' books agree to the minor unit."""
    report = await core.auditor.audit(merchant_id)
    assert report.differences == ()
    gateway = await PlaceholderGateway.open(url)
    try:
        totals = await gateway.books(str(merchant_id))
    finally:
        await gateway.close()
    there: Counter[str] = Counter()
    for total in totals:
        for account, sign in SIGNS[total.kind]:
            there[f"{total.currency} {account}"] += sign * total.amount
    here: Counter[str] = Counter()
    for payment in await payments_of(core, merchant_id):
        taken = payment.amount_captured - payment.amount_refunded + payment.amount_late
        here[f"{payment.currency} taken"] += taken
        if payment.status is Status.AUTHORIZED:
            here[f"{payment.currency} held"] += payment.amount_authorized - payment.amount_captured
    assert +here == +there
