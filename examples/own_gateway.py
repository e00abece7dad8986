"""A gateway of one's own: an adapter for a small bank, and the bank to try it on.

The bank is a fake. It runs in this process, on a free port of this machine, and it misbehaves as
the account says: ``acc_cut`` books the payment and cuts the connection before it answers. Run it
from a checkout::

    python examples/own_gateway.py

The guide is docs/how-to/write-a-gateway.md.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from paykeel import Gateways, Money, Paykeel, PurchaseRequest, Settings
from paykeel.gateways.port import (
    BadNotice,
    Capabilities,
    ChargeRequest,
    Declined,
    DeclineReason,
    FollowUpRequest,
    LookupOutcome,
    NotFound,
    Notice,
    NotSent,
    Outcome,
    Succeeded,
    Unknown,
)

# ----------------------------------------------------------------------------- the adapter

#: The bank's words for no, and Paykeel's. What is not listed is OTHER, with the bank's word kept.
REASONS = {
    "account_empty": DeclineReason.INSUFFICIENT_FUNDS,
    "account_closed": DeclineReason.CARD_DECLINED,
    "charge_too_small": DeclineReason.INVALID_REQUEST,
}
RESERVES_NOTHING = Declined(DeclineReason.INVALID_REQUEST, "the_bank_reserves_nothing")


class BankGateway:
    """Says to the bank what Paykeel asks for, and to Paykeel what the bank answers."""

    name = "bank"
    capabilities = Capabilities(
        live=False, manual_capture=False, partial_capture=False, multiple_captures=False
    )

    def __init__(self, url: str) -> None:
        """Take the bank's address."""
        self._client = httpx.AsyncClient(base_url=url, trust_env=False)

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        """Take the money; our reference is a part of the address, so a repeat changes nothing."""
        if not request.capture:
            return RESERVES_NOTHING
        entry = {"account": request.payment_method, **_amount(request.amount)}
        return await self._put(request.reference, entry, deadline_ms)

    async def refund(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        """Give some of a charge back."""
        entry = {"charge": request.charge_reference, **_amount(request.amount)}
        return await self._put(request.reference, entry, deadline_ms)

    async def capture(self, _request: FollowUpRequest, _deadline_ms: int) -> Outcome:
        """Refuse: there is nothing to capture."""
        return RESERVES_NOTHING

    async def void(self, _request: FollowUpRequest, _deadline_ms: int) -> Outcome:
        """Refuse: there is nothing to release."""
        return RESERVES_NOTHING

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        """Ask by our reference alone."""
        match await self._send("GET", reference, None, deadline_ms):
            case NotSent(reason) | Unknown(reason):
                # It was the question that got lost; that says nothing of the payment.
                return Unknown(reason)
            case httpx.Response(status_code=404):
                return NotFound()
            case httpx.Response() as response:
                return _read(response)

    def parse_webhook(self, _headers: Mapping[str, str], _body: bytes) -> Notice:
        """Refuse: this bank sends none, so whatever comes is not from it."""
        raise BadNotice("the bank sends no webhooks")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _put(self, reference: str, entry: Mapping[str, Any], deadline_ms: int) -> Outcome:
        response = await self._send("PUT", reference, entry, deadline_ms)
        return _read(response) if isinstance(response, httpx.Response) else response

    async def _send(
        self, method: str, reference: str, entry: Mapping[str, Any] | None, deadline_ms: int
    ) -> httpx.Response | NotSent | Unknown:
        try:
            async with asyncio.timeout(deadline_ms / 1000):
                return await self._client.request(method, f"/entries/{reference}", json=entry)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return NotSent("no_connection")
        except (TimeoutError, httpx.HTTPError):
            return Unknown("no_answer")


def _amount(money: Money) -> dict[str, Any]:
    return {"amount": money.minor, "currency": money.currency}


def _read(response: httpx.Response) -> Succeeded | Declined | Unknown:
    """Read 200, booked, and 402, declined. Anything else does not say what happened."""
    try:
        document = response.json()
    except ValueError:
        document = None
    match response.status_code, document:
        case 200, {"amount": int(minor), "currency": str(currency)}:
            return Succeeded(Money(minor, currency))
        case 402, {"reason": str(word)}:
            return Declined(REASONS.get(word, DeclineReason.OTHER), word[:100])
        case _:
            return Unknown(f"http_{response.status_code}")


# ----------------------------------------------------------------------------- the bank


class FakeBank:
    """Books of entries by reference; the account says what goes wrong."""

    def __init__(self) -> None:
        """Begin with empty books."""
        self.entries: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.movements: Counter[str] = Counter()
        self.app = FastAPI()
        self.app.add_api_route("/entries/{reference}", self.put, methods=["PUT"])
        self.app.add_api_route("/entries/{reference}", self.get, methods=["GET"])

    async def put(self, request: Request, reference: str) -> Response:
        """Book an entry once; later calls with the same reference get the first one's answer."""
        entry = await request.json()
        if reference in self.entries:
            return (
                self._answer(reference) if self.entries[reference] == entry else Response("", 409)
            )
        self.entries[reference] = entry
        self.answers[reference] = self._book(reference, entry)
        match entry.get("account"):
            case "acc_cut":  # Promises a hundred bytes and sends none: the connection breaks.
                return Response(b"", headers={"content-length": "100"})
            case "acc_silent":
                await asyncio.sleep(30)
            case "acc_ill":
                return Response(b"", 500)
            case _:
                pass
        return self._answer(reference)

    async def get(self, reference: str) -> Response:
        """Say how an entry stands."""
        return self._answer(reference) if reference in self.answers else Response(b"", 404)

    def _book(self, reference: str, entry: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Move the money, or say why not."""
        amount, account = entry["amount"], entry.get("account", "")
        if account in {"acc_account_empty", "acc_account_closed"}:
            return 402, {"reason": account.removeprefix("acc_")}
        if "charge" in entry:
            status, charged = self.answers.get(entry["charge"], (404, {}))
            given = sum(
                self.entries[other]["amount"]
                for other in self.movements
                if self.entries[other].get("charge") == entry["charge"]
            )
            if status != httpx.codes.OK or amount > charged["amount"] - given:
                return 402, {"reason": "charge_too_small"}
        self.movements[reference] += 1
        surplus = 1 if account == "acc_generous" else 0
        return 200, {"amount": amount + surplus, "currency": entry["currency"]}

    def _answer(self, reference: str) -> Response:
        status, document = self.answers[reference]
        return JSONResponse(document, status)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve the bank on a free port of this machine; gives its address."""
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(self.app, lifespan="off", log_level="critical"))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.force_exit = server.should_exit = True
            await task


# ----------------------------------------------------------------------------- three purchases


async def main() -> None:
    """Buy three times, and let recovery find out what became of the one without an answer."""
    # Short waits, so that the recovery of a lost answer can be watched.
    settings = Settings(
        gateway_ms_max=2_000,
        recovery_grace_ms=100,
        recovery_interval_ms=100,
        recovery_backoff_ms_min=100,
        log_level="ERROR",
    )
    bank = FakeBank()
    async with bank.serving() as url:
        gateway = BankGateway(url)
        async with Paykeel.open(settings, gateways=Gateways.of(test=gateway)) as paykeel:
            worker = asyncio.create_task(paykeel.work())
            merchant = await paykeel.merchants.create("The corner shop")
            for account in ("acc_17", "acc_account_empty", "acc_cut"):
                await buy(paykeel, merchant.merchant_id, account)
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker
        await gateway.close()
    print(f"The bank booked {bank.movements.total()} movements.")


async def buy(paykeel: Paykeel, merchant_id: Any, account: str) -> None:
    """Buy once, wait for the end, and say how it went."""
    request = PurchaseRequest(
        amount=1_250,
        currency="EUR",
        buyer_id="agent-7",
        buyer_role="agent",
        payment_method=account,
    )
    payment = await paykeel.payments.purchase(
        request, merchant_id=merchant_id, idempotency_key=f"order-{account}"
    )
    async with asyncio.timeout(30):
        while payment.finished_at is None:
            await asyncio.sleep(0.05)
            payment = await paykeel.payments.get(payment.payment_id, merchant_id=merchant_id)
    steps = [event.to_status for event in payment.timeline]
    print(f"{account}: {' -> '.join(steps)} {payment.failure_reason or ''}".rstrip())


if __name__ == "__main__":
    asyncio.run(main())
