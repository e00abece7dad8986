"""The books: they outlive the process, count every movement, and hold under concurrency."""

from __future__ import annotations

import asyncio
import secrets

import asyncpg
import pytest

from paykeel.errors import Misconfigured
from paykeel.gateways.placeholder import (
    BookTotal,
    DoubleCharge,
    PaymentBooks,
    PlaceholderGateway,
    install,
    open_gateway,
)
from paykeel.gateways.placeholder.books import QUERIES
from paykeel.gateways.port import ActionGateway, Gateway, NotSent, Succeeded, Unknown
from paykeel.settings import Settings
from tests.gateways.requests import DEADLINE_MS, OpenGateway, after, charge_of
from tests.servers import Urls


async def test_it_is_a_gateway(books_url: str) -> None:
    gateway: Gateway = await open_gateway(Settings(), books_url)
    try:
        assert gateway.name == "placeholder"
        assert isinstance(gateway, ActionGateway)
        assert not gateway.capabilities.live
    finally:
        await gateway.close()


async def test_the_books_outlive_the_process(open_placeholder: OpenGateway) -> None:
    first = await open_placeholder()
    request = charge_of("pm_ok")
    outcome = await first.charge(request, DEADLINE_MS)
    (webhook,) = await first.webhooks(request.reference)
    await first.close()

    second = await open_placeholder()
    assert await second.charge(request, DEADLINE_MS) == outcome
    assert await second.lookup(request.reference, DEADLINE_MS) == outcome
    assert await second.movements(reference=request.reference) == 1
    # The secret is in the books too, so what the first one signed is still believed.
    assert second.parse_webhook(*webhook).reference == request.reference


async def test_two_processes_charge_once(open_placeholder: OpenGateway) -> None:
    gateways = [await open_placeholder() for _ in range(3)]
    requests = [charge_of("pm_ok") for _ in range(40)]

    outcomes = await asyncio.gather(
        *(
            gateway.charge(request, DEADLINE_MS)
            for _ in range(5)
            for request in requests
            for gateway in gateways
        )
    )

    assert all(isinstance(outcome, Succeeded) for outcome in outcomes)
    for request in requests:
        assert await gateways[0].movements(reference=request.reference) == 1
        assert await gateways[0].calls(request.reference) == 15


async def test_a_gateway_without_memory_for_keys_charges_twice(
    open_placeholder: OpenGateway, merchant_id: str
) -> None:
    gateway = await open_placeholder(honour_keys=False)
    request = charge_of("pm_lost_response", merchant_id=merchant_id)

    with pytest.raises(ConnectionResetError):
        await gateway.charge(request, DEADLINE_MS)
    assert isinstance(await gateway.charge(request, DEADLINE_MS), Succeeded)

    assert await gateway.movements(reference=request.reference) == 2
    assert await gateway.double_charged(merchant_id) == [DoubleCharge(request.payment_id, 2, 0)]


async def test_two_references_for_one_payment_are_seen(
    gateway: PlaceholderGateway, merchant_id: str
) -> None:
    for capture in (True, False):
        request = charge_of("pm_ok", merchant_id=merchant_id, payment_id="order-1", capture=capture)
        await gateway.charge(request, DEADLINE_MS)

    assert await gateway.double_charged(merchant_id) == [DoubleCharge("order-1", 1, 1)]
    assert await gateway.movements(payment_id="order-1", merchant_id=merchant_id) == 2


async def test_lookup_can_be_out_of_order(open_placeholder: OpenGateway) -> None:
    gateway = await open_placeholder(lookup_works=False)
    request = charge_of("pm_ok")
    await gateway.charge(request, DEADLINE_MS)

    assert await gateway.lookup(request.reference, DEADLINE_MS) == Unknown("lookup_unavailable")


async def test_latency_is_kept_and_so_is_the_deadline(open_placeholder: OpenGateway) -> None:
    gateway = await open_placeholder(latency_ms=200)
    loop = asyncio.get_running_loop()

    started = loop.time()
    assert isinstance(await gateway.charge(charge_of("pm_ok"), DEADLINE_MS), Succeeded)
    assert loop.time() - started >= 0.2

    request = charge_of("pm_ok")
    started = loop.time()
    assert await gateway.charge(request, 50) == Unknown("timeout")
    assert loop.time() - started < 0.19
    assert await gateway.movements(reference=request.reference) == 1


async def test_totals_pages_and_counts(gateway: PlaceholderGateway, merchant_id: str) -> None:
    charges = [
        charge_of("pm_ok", minor=100 + n, merchant_id=merchant_id, payment_id=f"p{n}")
        for n in range(5)
    ]
    await asyncio.gather(*(gateway.charge(charge, DEADLINE_MS) for charge in charges))
    await gateway.refund(after(charges[1], 60), DEADLINE_MS)
    yen = charge_of("pm_ok", currency="JPY", capture=False, merchant_id=merchant_id, payment_id="q")
    await gateway.charge(yen, DEADLINE_MS)
    await gateway.capture(after(yen, 10, final=False), DEADLINE_MS)

    assert await gateway.books(merchant_id) == [
        BookTotal("EUR", "charge", 5, 510),
        BookTotal("EUR", "refund", 1, 60),
        BookTotal("JPY", "capture", 1, 10),
        BookTotal("JPY", "reservation", 1, 1_000),
    ]
    expected = [
        PaymentBooks("p0", "EUR", 100, 0, 1),
        PaymentBooks("p1", "EUR", 41, 0, 1),
        PaymentBooks("p2", "EUR", 102, 0, 1),
        PaymentBooks("p3", "EUR", 103, 0, 1),
        PaymentBooks("p4", "EUR", 104, 0, 1),
        PaymentBooks("q", "JPY", 10, 990, 1),
    ]
    for page_rows in (1, 2, 3, 1_000):
        pages = gateway.payments(merchant_id, page_rows=page_rows)
        assert [payment async for payment in pages] == expected
    assert await gateway.movements(merchant_id=merchant_id) == 8
    assert await gateway.movements(merchant_id=merchant_id, kind="refund") == 1
    assert await gateway.movements(reference=secrets.token_hex(32)) == 0
    assert await gateway.double_charged(merchant_id) == []


async def test_nothing_is_sent_without_a_connection(open_placeholder: OpenGateway) -> None:
    gateway = await open_placeholder()
    await gateway.close()

    assert isinstance(await gateway.charge(charge_of("pm_ok"), DEADLINE_MS), NotSent)
    assert isinstance(await gateway.refund(after(charge_of("pm_ok")), DEADLINE_MS), NotSent)
    # Of the operation itself, that says nothing.
    assert isinstance(await gateway.lookup("0" * 64, DEADLINE_MS), Unknown)


async def test_connections_that_break_lose_no_money(
    books_url: str, open_placeholder: OpenGateway, merchant_id: str
) -> None:
    gateway = await open_placeholder()
    requests = [charge_of("pm_ok", merchant_id=merchant_id) for _ in range(600)]
    administrator = await asyncpg.connect(books_url)

    async def cut() -> None:
        for _ in range(5):
            await administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'placeholder-gateway' AND datname = current_database()"
            )
            await asyncio.sleep(0.01)

    try:
        first, _ = await asyncio.gather(
            asyncio.gather(*(gateway.charge(request, DEADLINE_MS) for request in requests)), cut()
        )
    finally:
        await administrator.close()
    second = await asyncio.gather(*(gateway.charge(request, DEADLINE_MS) for request in requests))

    assert {type(outcome) for outcome in first} <= {Succeeded, Unknown, NotSent}
    assert all(isinstance(outcome, Succeeded) for outcome in second)
    assert await gateway.movements(merchant_id=merchant_id) == len(requests)
    assert await gateway.double_charged(merchant_id) == []


async def test_books_must_be_installed(urls: Urls, owner: asyncpg.Connection) -> None:
    await owner.execute("DROP SCHEMA placeholder_gateway CASCADE")
    with pytest.raises(Misconfigured, match="paykeel migrate"):
        await PlaceholderGateway.open(urls.app)

    await install(owner)
    gateway = await PlaceholderGateway.open(urls.app)
    request = charge_of("pm_ok")
    await gateway.charge(request, DEADLINE_MS)
    # A second time nothing changes: what is in the books stays there.
    await install(owner)
    assert await gateway.movements(reference=request.reference) == 1
    await gateway.close()


async def test_the_application_cannot_rewrite_the_schema(books_url: str) -> None:
    connection = await asyncpg.connect(books_url)
    try:
        for statement in (
            "DELETE FROM placeholder_gateway.movements",
            "DROP TABLE placeholder_gateway.operations",
            "CREATE TABLE placeholder_gateway.more (a integer)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_every_statement_can_be_prepared(books_url: str) -> None:
    connection = await asyncpg.connect(books_url)
    try:
        for statement in QUERIES.values():
            await connection.prepare(statement.text)
            assert "no row" in statement.about.lower() or "one row" in statement.about.lower()
    finally:
        await connection.close()
