"""Fifty at once with one key, against two processes: one movement, and one answer for all."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.crash.checks import charges_by_amount, check_books, payments_of

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.crash.conftest import StartServer
    from tests.servers import Urls

pytestmark = pytest.mark.crash

KEYS = 20
DUPLICATES = 50
#: In turn; a slow one is still on its way while all its duplicates wait for it.
METHODS = ("pm_ok", "pm_ok", "pm_slow_300", "pm_insufficient_funds", "pm_expired_card")


def document(number: int) -> dict[str, object]:
    return {
        "amount": 1_000 + number,
        "currency": "EUR",
        "buyer": {"id": f"agent-{number}", "role": "agent"},
        "payment_method": METHODS[number % len(METHODS)],
        "metadata": {"z": "last", "a": "first"},
    }


async def test_fifty_duplicates_of_twenty_keys_move_money_once_each(
    paykeel: Paykeel,
    merchant: Merchant,
    admin: asyncpg.Connection,
    urls: Urls,
    start_server: StartServer,
) -> None:
    _, secret = await paykeel.keys.create(merchant.merchant_id, "shop", ["purchases:write"])
    servers = await asyncio.gather(start_server(), start_server())
    await asyncio.gather(*(server.ready() for server in servers))
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {secret}"}
    clients = [
        httpx.AsyncClient(
            base_url=server.url, headers=headers, limits=limits, timeout=60, trust_env=False
        )
        for server in servers
    ]

    async def send(number: int, copy: int) -> httpx.Response:
        return await clients[copy % 2].post(
            "/v1/purchases", json=document(number), headers={"Idempotency-Key": f"order-{number}"}
        )

    try:
        calls = [send(number, copy) for copy in range(DUPLICATES) for number in range(KEYS)]
        responses = await asyncio.gather(*calls)
    finally:
        for client in clients:
            await client.aclose()

    for number in range(KEYS):
        answers = responses[number::KEYS]
        assert len(answers) == DUPLICATES
        declined = METHODS[number % len(METHODS)] in {"pm_insufficient_funds", "pm_expired_card"}
        assert {answer.status_code for answer in answers} == {402 if declined else 201}
        assert len({answer.content for answer in answers}) == 1
        replayed = Counter(answer.headers.get("Idempotent-Replayed") for answer in answers)
        assert replayed == {"true": DUPLICATES - 1, None: 1}
        body = json.loads(answers[0].content)
        assert (body["payment"] if declined else body)["amount"] == 1_000 + number

    charges = await charges_by_amount(admin)
    good = [n for n in range(KEYS) if METHODS[n % len(METHODS)] in {"pm_ok", "pm_slow_300"}]
    assert charges == {1_000 + number: 1 for number in good}
    assert len(await payments_of(paykeel, merchant.merchant_id)) == KEYS
    await check_books(paykeel, merchant.merchant_id, urls.app)
