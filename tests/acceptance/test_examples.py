"""The examples run, as programs of their own, and do what they are there to show."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
import textwrap
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx
import pytest

from paykeel.cli.demo.process import free_port
from paykeel.gateways.conformance import Behaviour, run_checks
from paykeel.gateways.placeholder import PlaceholderGateway
from tests.acceptance.cli import environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    import asyncpg

    from paykeel import Paykeel
    from paykeel.gateways.port import DeclineReason
    from paykeel.merchants import Merchant
    from tests.servers import Urls

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
GUIDE = ROOT / "docs" / "how-to" / "embed-in-fastapi.md"
WAIT_S = 20


def variables(urls: Urls, **changes: str) -> dict[str, str]:
    return {**environment(urls), "PYTHONPATH": str(ROOT / "src"), **changes}


# ----------------------------------------------------------------------------- the own gateway


def test_the_own_gateway_runs(urls: Urls) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "own_gateway.py")],
        env=variables(urls),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "acc_17: pending -> succeeded",
        "acc_account_empty: pending -> failed insufficient_funds",
        "acc_cut: pending -> processing -> succeeded",
        "The bank booked 2 movements.",
    ]
    assert done.stderr == ""


def example(name: str) -> Any:
    """Load an example as a module, without running it."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class BankBench:
    """Tells the conformance kit how to script the example's bank, and counts what it booked."""

    deadline_ms = 500
    currencies = ("JPY", "EUR", "KWD")
    dated = False
    accounts: Mapping[Behaviour, str] = {
        Behaviour.SUCCEEDS: "acc_17",
        Behaviour.LOST_RESPONSE: "acc_cut",
        Behaviour.TIMEOUT_AFTER: "acc_silent",
        Behaviour.SERVER_ERROR_AFTER: "acc_ill",
        Behaviour.WRONG_AMOUNT: "acc_generous",
    }

    def __init__(self, bank: Any, reasons: Mapping[str, DeclineReason]) -> None:
        self.bank = bank
        self.words = {reason: word for word, reason in reasons.items()}

    async def script(self, behaviour: Behaviour) -> str | None:
        return self.accounts.get(behaviour)

    async def script_decline(self, reason: DeclineReason) -> str | None:
        word = self.words.get(reason, "")
        return f"acc_{word}" if word.startswith("account_") else None

    async def script_follow_up(
        self, kind: Literal["capture", "void", "refund"], behaviour: Behaviour
    ) -> str | None:
        return None

    async def movements(self, reference: str) -> int:
        moved: int = self.bank.movements[reference]
        return moved

    async def act(self, reference: str, result: str) -> bool:
        return False

    async def webhooks(self, reference: str) -> Sequence[tuple[Mapping[str, str], bytes]] | None:
        return None

    def sign(self, body: bytes, at_s: int) -> Mapping[str, str]:
        return {}


async def test_the_own_gateway_passes_the_kit() -> None:
    module = example("own_gateway")
    bank = module.FakeBank()
    async with bank.serving() as url:
        gateway = module.BankGateway(url)
        report = await run_checks(gateway, BankBench(bank, module.REASONS))
        await gateway.close()

    assert report.failed == {}
    assert {
        "repeats_move_money_once",
        "concurrent_repeats_move_money_once",
        "other_content_is_not_answered",
        "lost_response_is_found",
        "timeout_is_unknown",
        "server_error_is_unknown",
        "lookup_of_nothing_is_not_found",
        "echo_is_the_gateways",
        "declines_are_mapped",
        "refunds_no_more_than_captured",
        "refunds_move_money_once",
    } <= set(report.passed)


# ----------------------------------------------------------------------------- the embedded shop


@dataclass
class Shop:
    """The example, running, and what can be asked about it from outside."""

    http: httpx.AsyncClient
    paykeel: Paykeel
    merchant: Merchant
    owner: asyncpg.Connection

    async def order(self, amount: int = 1_250) -> int:
        document = {"buyer_id": "agent-7", "amount": amount, "currency": "EUR"}
        answer = await self.http.post("/orders", json=document)
        assert answer.status_code == 201
        number: int = answer.json()["order_id"]
        return number

    async def purchase(self, order: int, method: str = "pm_ok") -> httpx.Response:
        document = {"payment_method": method}
        return await self.http.post(f"/orders/{order}/purchase", json=document)

    async def read(self, order: int) -> Any:
        return (await self.http.get(f"/orders/{order}")).json()

    async def withdraw(self, order: int, status: str = "withdrawn") -> None:
        await self.owner.execute(
            "UPDATE shop.orders SET status = $2 WHERE order_id = $1", order, status
        )

    async def payments(self, order: int) -> list[Any]:
        page = await self.paykeel.payments.list(merchant_id=self.merchant.merchant_id)
        return [payment for payment in page.payments if payment.reference == str(order)]

    async def movements(self, order: int) -> int:
        gateway = await self.paykeel.gateways.by_name("placeholder")
        assert isinstance(gateway, PlaceholderGateway)
        (payment,) = await self.payments(order)
        return await gateway.movements(payment_id=str(payment.payment_id))


@asynccontextmanager
async def serving(urls: Urls, port: int) -> AsyncIterator[None]:
    """Run the example as it is run by hand, and stop it in order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        str(EXAMPLES / "embedded_app.py"),
        env=variables(urls, SHOP_PORT=str(port)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    said = asyncio.create_task(process.communicate())
    try:
        yield
    finally:
        process.terminate()
        _, errors = await asyncio.wait_for(said, WAIT_S)
    assert b"Application shutdown complete." in errors, errors.decode()


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await holds():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.05)


@pytest.fixture
async def shop(
    urls: Urls, paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection
) -> AsyncIterator[Shop]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    async with (
        serving(urls, port),
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=10) as http,
    ):

        async def answers() -> bool:
            try:
                return (await http.get("/pay/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(answers)
        yield Shop(http, paykeel, merchant, owner)


async def test_an_order_is_paid_with_its_payment(shop: Shop) -> None:
    order = await shop.order()

    answer = await shop.purchase(order)
    clicked_twice = await shop.purchase(order)

    assert answer.status_code == 200
    payment = answer.json()["payment"]
    assert payment["status"] == "succeeded"
    assert answer.json()["order"]["status"] == "paid"
    assert answer.json()["order"]["payment_id"] == payment["id"]
    assert clicked_twice.json() == answer.json()
    assert await shop.movements(order) == 1


async def test_a_declined_order_stays_open(shop: Shop) -> None:
    order = await shop.order()

    answer = await shop.purchase(order, "pm_insufficient_funds")
    other_card = await shop.purchase(order, "pm_ok")

    assert answer.json()["payment"]["failure"]["reason"] == "insufficient_funds"
    assert answer.json()["order"]["status"] == "open"
    assert other_card.status_code == 422
    assert (await shop.read(order))["status"] == "open"


async def test_a_lost_answer_is_recovered_with_the_order(shop: Shop) -> None:
    order = await shop.order()

    answer = await shop.purchase(order, "pm_lost_response")
    assert answer.json()["payment"]["status"] == "processing"
    assert answer.json()["order"]["status"] == "open"

    async def paid() -> bool:
        return bool((await shop.read(order))["status"] == "paid")

    await until(paid)
    (payment,) = await shop.payments(order)
    assert payment.status == "succeeded"
    assert await shop.movements(order) == 1


async def test_neither_is_kept_when_the_order_cannot_be_paid(shop: Shop) -> None:
    order = await shop.order()
    await shop.withdraw(order)

    answer = await shop.purchase(order)

    assert answer.status_code == 503
    (payment,) = await shop.payments(order)
    assert payment.status == "pending"
    assert payment.amount_captured == 0
    assert (await shop.read(order))["status"] == "withdrawn"

    await shop.withdraw(order, "open")

    async def both() -> bool:
        (payment,) = await shop.payments(order)
        paid = (await shop.read(order))["status"] == "paid"
        assert paid or payment.status != "succeeded"
        return bool(paid and payment.status == "succeeded")

    await until(both)
    assert await shop.movements(order) == 1


async def test_the_api_is_mounted_under_pay(shop: Shop) -> None:
    scopes = ["purchases:write", "payments:read"]
    _, secret = await shop.paykeel.keys.create(shop.merchant.merchant_id, "till", scopes)
    order = await shop.order(990)
    document = {
        "amount": 990,
        "currency": "EUR",
        "buyer": {"id": "operator-3", "role": "operator"},
        "payment_method": "pm_ok",
        "reference": str(order),
    }
    authorization = {"Authorization": f"Bearer {secret}"}
    headers = {**authorization, "Idempotency-Key": "till-1"}

    first = await shop.http.post("/pay/v1/purchases", json=document, headers=headers)
    again = await shop.http.post("/pay/v1/purchases", json=document, headers=headers)
    await shop.purchase(await shop.order())
    page = await shop.http.get("/pay/v1/payments", params={"limit": 1}, headers=authorization)
    following = await shop.http.get(page.links["next"]["url"], headers=authorization)

    assert first.status_code == 201
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert (await shop.read(order))["payment_id"] == first.json()["id"]
    assert following.json()["data"] == [first.json() | {"timeline": []}]
    assert (await shop.http.get("/pay/v1/nothing")).json()["code"] == "route_not_found"
    assert (await shop.http.get("/pay/v1/openapi.json")).json()["openapi"] == "3.1.0"


def test_the_guide_quotes_the_example() -> None:
    code = (EXAMPLES / "embedded_app.py").read_text(encoding="utf-8")
    quoted = re.findall(
        r"^```python\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )

    assert len(quoted) >= 3
    for block in quoted:
        found = any(textwrap.indent(block, " " * depth) in code for depth in (0, 4, 8))
        assert found, f"not in the example:\n{block}"


def test_every_example_is_run_by_a_test() -> None:
    told = {path.name for path in EXAMPLES.iterdir() if path.suffix == ".py"}
    tests = "".join(
        Path(folder, name).read_text(encoding="utf-8")
        for folder, _, names in os.walk(ROOT / "tests")
        for name in names
        if name.endswith(".py")
    )

    assert [name for name in sorted(told) if name.removesuffix(".py") not in tests] == []
