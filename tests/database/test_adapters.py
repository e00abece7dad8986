"""An adapter is somebody else's code: whatever it does or says, a payment finds its place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Gateways, Paykeel
from paykeel.gateways.port import (
    Declined,
    DeclineReason,
    NextAction,
    NotSent,
    Pending,
    RequiresAction,
    Succeeded,
    Unknown,
)
from paykeel.money import Money
from tests.conftest import settings_for
from tests.database.gateways import Told
from tests.database.helpers import again, attempts_of, audited, buy, recover

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from paykeel.gateways.port import Outcome
    from tests.servers import Urls

EUR = Money(1_250, "EUR")
LONG = "x" * 10_000
ODD = "a\x00b\ud800c"


@pytest.fixture
async def told(urls: Urls) -> AsyncIterator[tuple[Paykeel, Told]]:
    gateway = Told()
    settings = settings_for(urls, gateway_ms_max=250)
    async with Paykeel.open(settings, gateways=Gateways.of(test=gateway)) as paykeel:
        yield paykeel, gateway


SAID: list[tuple[Outcome, str]] = [
    (Declined(DeclineReason.CARD_DECLINED, LONG, LONG), "failed"),
    (Declined(DeclineReason.CARD_DECLINED, ODD, ODD), "failed"),
    (Declined(DeclineReason.CARD_DECLINED, "", ""), "failed"),
    (Succeeded(EUR, LONG), "succeeded"),
    (Succeeded(EUR, ODD), "succeeded"),
    (NotSent(LONG), "failed"),
    (NotSent(ODD), "failed"),
    (Unknown(LONG), "processing"),
    (Unknown(ODD), "processing"),
    (Pending(LONG), "processing"),
    (RequiresAction(NextAction("redirect", "https://g.example/", {ODD: ODD})), "requires_action"),
]
NO_ANSWERS: list[Any] = [
    ConnectionResetError("gone"),
    TimeoutError("slow"),
    KeyError("a bug"),
    ValueError(LONG),
    None,
    "succeeded",
    {"status": "succeeded"},
    Succeeded,
]


async def test_what_an_adapter_says_is_cut_to_what_can_be_stored(
    told: tuple[Paykeel, Told],
) -> None:
    paykeel, gateway = told
    merchant = await paykeel.merchants.create("Harbour Market")
    for number, (outcome, status) in enumerate(SAID):
        gateway.will("charge", outcome)
        payment = await buy(paykeel, merchant, f"order-{number}")
        assert payment.status == status, outcome
        assert await again(paykeel, payment) == payment
        if payment.failure_code is not None:
            assert 1 <= len(payment.failure_code) <= 100
    await audited(paykeel)


async def test_what_is_no_answer_is_unknown_and_recovered(
    told: tuple[Paykeel, Told], admin: asyncpg.Connection
) -> None:
    paykeel, gateway = told
    merchant = await paykeel.merchants.create("Harbour Market")
    for number, answer in enumerate(NO_ANSWERS):
        gateway.asked.clear()
        gateway.will("charge", answer)
        payment = await buy(paykeel, merchant, f"order-{number}")
        # A look-up that could not be made says nothing of the charge either.
        for silence in (answer, answer, NotSent("connection_refused")):
            assert (await again(paykeel, payment)).status == "processing", answer
            gateway.will("lookup", silence)
            await recover(paykeel, admin)
        assert (await again(paykeel, payment)).status == "processing", answer
        gateway.will("lookup", Succeeded(EUR))
        await recover(paykeel, admin)
        assert (await again(paykeel, payment)).status == "succeeded"
        assert [verb for verb, _ in gateway.asked].count("charge") == 1
        assert len({reference for _, reference in gateway.asked}) == 1
    await audited(paykeel)


class Hangs(Told):
    """Never answers a charge."""

    async def charge(self, request: Any, deadline_ms: int) -> Any:
        self.asked.append(("charge", request.reference))
        await asyncio.Event().wait()


async def test_a_gateway_that_hangs_is_given_up_at_the_deadline(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    gateway = Hangs(processing_ms_max=1)
    settings = settings_for(urls, gateway_ms_max=100, pool_size=2)
    async with Paykeel.open(settings, gateways=Gateways.of(test=gateway)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        async with asyncio.timeout(2):
            # Far more than there are connections: none is held while the gateway is asked.
            payments = await asyncio.gather(
                *(buy(paykeel, merchant, f"order-{n}") for n in range(30))
            )
        assert {payment.status for payment in payments} == {"processing"}
        (attempt,) = await attempts_of(admin, payments[0])
        assert attempt["outcome"] == "unknown: timeout"
        await audited(paykeel)


async def test_no_transaction_is_open_while_a_gateway_is_asked(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    seen: list[int] = []

    class Looks(Told):
        async def charge(self, request: Any, deadline_ms: int) -> Any:
            seen.append(
                await admin.fetchval(
                    """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                        AND (state <> 'idle' OR backend_xid IS NOT NULL)
                        AND backend_type = 'client backend'
                    """
                )
            )
            return Succeeded(EUR)

    gateways = Gateways.of(test=Looks())
    async with Paykeel.open(settings_for(urls), gateways=gateways) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        for number in range(3):
            await buy(paykeel, merchant, f"order-{number}")
    assert seen == [0, 0, 0]
