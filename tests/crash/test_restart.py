"""The database crashes and is restarted under load, and everybody gets an answer all the same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest

from paykeel import Paykeel
from tests.conftest import settings_for
from tests.crash.checks import all_ended, charges_by_amount, check_books, eventually, payments_of

if TYPE_CHECKING:
    from uuid import UUID

    from tests.crash.conftest import StartServer
    from tests.servers import Databases, Urls

pytestmark = [pytest.mark.crash, pytest.mark.serial]

CALLERS = 16
METHODS = ("pm_ok", "pm_ok", "pm_lost_response", "pm_ok", "pm_card_declined", "pm_slow_100")
INSIST_S_MAX = 60


class Caller:
    """Buys one thing after the other, each until it has its answer, from either process."""

    def __init__(self, number: int, clients: list[httpx.AsyncClient]) -> None:
        self._number = number
        self._clients = clients
        self._bought = 0
        self.answers: dict[int, tuple[int, bytes]] = {}
        self.retries = 0
        self.unexpected: list[str] = []

    async def buy_until(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            amount = 1_000 + self._bought * CALLERS + self._number
            self._bought += 1
            self.answers[amount] = await self.insist(amount)

    async def insist(self, amount: int) -> tuple[int, bytes]:
        """Repeat a purchase under the same key, in either process, until it has its answer."""
        async with asyncio.timeout(INSIST_S_MAX):
            for turn in range(1_000_000):
                client = self._clients[(self._number + turn) % len(self._clients)]
                try:
                    response = await client.post(
                        "/v1/purchases",
                        headers={"Idempotency-Key": f"order-{amount}"},
                        json={
                            "amount": amount,
                            "currency": "EUR",
                            "buyer": {"id": "agent-1", "role": "agent"},
                            "payment_method": METHODS[amount % len(METHODS)],
                        },
                    )
                except httpx.TransportError as error:
                    self.unexpected.append(repr(error))
                else:
                    if response.status_code in {201, 402}:
                        return response.status_code, response.content
                    if response.status_code not in {202, 409, 503}:
                        self.unexpected.append(response.text)
                self.retries += 1
                await asyncio.sleep(0.1)
        raise AssertionError("unreachable")


async def test_a_database_restarted_under_load_loses_nothing(
    server: Databases, urls: Urls, start_server: StartServer
) -> None:
    embedded = server.server.embedded
    if embedded is None:
        pytest.skip("another's server is not ours to stop")
    merchant_id, secret = await prepare(urls)
    services = await asyncio.gather(start_server(), start_server())
    await asyncio.gather(*(service.ready() for service in services))
    clients = [
        httpx.AsyncClient(
            base_url=service.url,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=30,
            trust_env=False,
        )
        for service in services
    ]
    callers = [Caller(number, clients) for number in range(CALLERS)]
    enough = asyncio.Event()
    buying = [asyncio.create_task(caller.buy_until(enough)) for caller in callers]
    for mode in ("immediate", "fast"):
        await asyncio.sleep(1)
        # "immediate" is a crash: sessions are cut off, and the log is replayed at the start.
        await asyncio.to_thread(embedded.restart, mode)
    await asyncio.sleep(0.5)
    enough.set()
    await asyncio.gather(*buying)
    answers = {amount: said for caller in callers for amount, said in caller.answers.items()}
    again = await asyncio.gather(
        *(callers[amount % CALLERS].insist(amount) for amount in sorted(answers))
    )
    for client in clients:
        await client.aclose()

    repeated = sum(caller.retries for caller in callers)
    print(f"{len(answers)} purchases through two restarts, {repeated} repetitions")  # noqa: T201
    assert [fault for caller in callers for fault in caller.unexpected] == []
    assert len(answers) > CALLERS
    assert repeated > 0, "nobody noticed the restarts"
    assert again == [answers[amount] for amount in sorted(answers)]
    await check(urls, merchant_id, answers)


async def prepare(urls: Urls) -> tuple[UUID, str]:
    """Make a merchant with a key, through a Paykeel that is gone before the server is stopped."""
    async with Paykeel.open(settings_for(urls)) as core:
        merchant = await core.merchants.create("Harbour Market", "test")
        _, secret = await core.keys.create(merchant.merchant_id, "shop", ["purchases:write"])
        return merchant.merchant_id, secret


async def check(urls: Urls, merchant_id: UUID, answers: dict[int, tuple[int, bytes]]) -> None:
    """Check that every purchase has its true end, and that no money moved twice."""
    async with Paykeel.open(settings_for(urls)) as core:
        await eventually(lambda: all_ended(core, merchant_id))
        assert len(await payments_of(core, merchant_id)) == len(answers)
        admin = await asyncpg.connect(urls.admin)
        charges = await charges_by_amount(admin)
        await admin.close()
        assert charges == {amount: 1 for amount, (status, _) in answers.items() if status == 201}
        await check_books(core, merchant_id, urls.app)
