"""One of two processes is killed in the middle of a purchase, at each step of the flow in turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.crash.checks import (
    all_ended,
    charges_by_amount,
    check_books,
    claimed,
    eventually,
    payments_of,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartDriver
    from tests.crash.plan import Reply
    from tests.crash.processes import Driver
    from tests.servers import Urls

pytestmark = pytest.mark.crash

VICTIM = "pm_ok_victim"
#: The purchases of each test, the victim's first; the others are under way when the process dies.
METHODS = (VICTIM, "pm_ok", "pm_insufficient_funds", "pm_slow_200", "pm_ok", "pm_5xx_after")
DUPLICATES = 4
BLOCKED = "SELECT pid FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"
TERMINATE = "SELECT pg_terminate_backend($1)"
#: Opening needs the first of these tables, and only settling the second.
OPENING = "LOCK TABLE fraud_prevention_logs IN SHARE ROW EXCLUSIVE MODE"
SETTLING = "LOCK TABLE outbox IN SHARE ROW EXCLUSIVE MODE"


def document(number: int) -> dict[str, Any]:
    return {
        "amount": 1_000 + number,
        "currency": "EUR",
        "buyer": {"id": f"operator-{number}", "role": "operator"},
        "payment_method": METHODS[number],
    }


async def insist(driver: Driver, merchant: Merchant, number: int) -> Reply:
    """Repeat one purchase until it has its answer, as a caller does that was promised one."""
    async with asyncio.timeout(30):
        while True:
            reply = await driver.purchase(merchant.merchant_id, f"order-{number}", document(number))
            if reply.final:
                return reply
            assert reply.status == 202 or reply.error == "idempotency_in_flight"
            await asyncio.sleep(0.05)


@dataclass
class Scene:
    """One of two processes is about to die; what follows is the same wherever it does."""

    core: Paykeel
    merchant: Merchant
    admin: asyncpg.Connection
    url: str

    async def repeat_elsewhere(self, other: Driver, numbers: range) -> dict[int, str]:
        """Let the other process have duplicates of every purchase; return the answers."""
        calls = [(n, insist(other, self.merchant, n)) for n in numbers for _ in range(DUPLICATES)]
        replies = await asyncio.gather(*(call for _, call in calls))
        said: dict[int, set[tuple[int | None, str]]] = {number: set() for number in numbers}
        for (number, _), reply in zip(calls, replies, strict=True):
            said[number].add((reply.status, reply.body))
        for number, answers in said.items():
            ((status, _),) = answers
            assert status == (402 if METHODS[number] == "pm_insufficient_funds" else 201)
        return {number: answers.pop()[1] for number, answers in said.items()}

    async def check(self, third: Driver, answers: dict[int, str]) -> None:
        """Check the end: one movement each, the same bytes ever after, and books that agree."""
        merchant_id = self.merchant.merchant_id
        await eventually(lambda: all_ended(self.core, merchant_id))
        for number, answer in answers.items():
            reply = await third.purchase(merchant_id, f"order-{number}", document(number))
            assert (reply.replayed, reply.body) == (True, answer)
        moved = {1_000 + n: 1 for n in answers if METHODS[n] != "pm_insufficient_funds"}
        assert await charges_by_amount(self.admin) == moved
        assert len(await payments_of(self.core, merchant_id)) == len(answers)
        await check_books(self.core, merchant_id, self.url)


@pytest.fixture
def scene(paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, urls: Urls) -> Scene:
    return Scene(paykeel, merchant, admin, urls.app)


@pytest.mark.parametrize("step", ["request", "charge:before", "charge:after", "hook", "answer"])
async def test_a_process_that_kills_itself_harms_nobody(
    step: str, scene: Scene, start_driver: StartDriver, shop_orders: None
) -> None:
    doomed, other = await asyncio.gather(
        start_driver(hook=True, dies_at=step, victim=VICTIM), start_driver(hook=True, worker=True)
    )
    numbers = range(len(METHODS))
    last = [
        asyncio.create_task(doomed.purchase(scene.merchant.merchant_id, f"order-{n}", document(n)))
        for n in numbers
    ]
    await claimed(scene.url, "order-0", last[0])
    # The duplicates arrive while the first is dying: they wait for it, in another process.
    answers = await scene.repeat_elsewhere(other, numbers)
    assert await doomed.killed()
    assert (await last[0]).error == "died"
    for number, call in enumerate(last):
        reply = await call
        # Whoever still heard something from it heard the same.
        assert not reply.final or reply.body == answers[number]

    third = await start_driver(hook=True)
    await scene.check(third, answers)
    # The application's own rows came with the payments, each of them once.
    orders = await scene.admin.fetch("SELECT payment_id FROM shop_orders")
    good = await payments_of(scene.core, scene.merchant.merchant_id, "succeeded")
    assert sorted(row["payment_id"] for row in orders) == sorted(p.payment_id for p in good)


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "rolled-back"])
@pytest.mark.parametrize("lock", [OPENING, SETTLING], ids=["opening", "settling"])
async def test_a_process_killed_while_its_statement_runs_harms_nobody(
    lock: str, scene: Scene, start_driver: StartDriver, *, committed: bool
) -> None:
    doomed, other = await asyncio.gather(start_driver(), start_driver(worker=True))
    async with scene.admin.transaction():
        await scene.admin.execute(lock)
        call = asyncio.create_task(
            doomed.purchase(scene.merchant.merchant_id, "order-0", document(0))
        )

        async def blocked() -> bool:
            return bool(await scene.admin.fetch(BLOCKED))

        await eventually(blocked)
        (session,) = await scene.admin.fetch(BLOCKED)
        await doomed.kill()
        # The server does not notice that nobody listens: it would commit all the same.
        if not committed:
            await scene.admin.fetch(TERMINATE, session["pid"])

            async def gone() -> bool:
                return not await scene.admin.fetch(BLOCKED)

            await eventually(gone)
    assert (await call).error == "died"
    answers = await scene.repeat_elsewhere(other, range(1))
    third = await start_driver()
    await scene.check(third, answers)
