"""A caller of the API: a merchant, its key, and an HTTP client on the real application."""

from __future__ import annotations

import itertools
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from paykeel import Paykeel
from paykeel.api import build_app
from paykeel.merchants.keys import Scope
from tests.rates import give_rates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from fastapi import FastAPI

CARD = "4242424242424242"
ALL_SCOPES = [str(scope) for scope in Scope]


def purchase(**changes: Any) -> dict[str, Any]:
    """The document of a plausible purchase; ``None`` takes a field out."""
    document: dict[str, Any] = {
        "amount": 1_250,
        "currency": "EUR",
        "buyer": {"id": "agent-7", "role": "agent"},
        "payment_method": "pm_ok",
        "reference": "order-17",
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


@dataclass
class Api:
    """Speaks for one merchant."""

    paykeel: Paykeel
    app: FastAPI
    http: httpx.AsyncClient
    merchant_id: UUID
    secret: str
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def headers(self, key: str | None = None, **more: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.secret}", **more}
        if key is not None:
            headers["Idempotency-Key"] = key
        return headers

    def new_key(self) -> str:
        return f"key-{next(self._numbers)}"

    async def post(self, path: str, document: object = None, key: str | None = None) -> Any:
        content = b"" if document is None else json.dumps(document).encode()
        headers = self.headers(key or self.new_key())
        if content:
            headers["Content-Type"] = "application/json"
        return await self.http.post(path, content=content, headers=headers)

    async def buy(self, key: str | None = None, **changes: Any) -> httpx.Response:
        answer: httpx.Response = await self.post("/v1/purchases", purchase(**changes), key)
        return answer

    async def send(self, body: bytes, **headers: str) -> httpx.Response:
        """Send a body as it is to the purchases."""
        sent = {"Content-Type": "application/json", **self.headers(self.new_key()), **headers}
        return await self.http.post("/v1/purchases", content=body, headers=sent)

    async def read(self, path: str, **parameters: str) -> httpx.Response:
        return await self.http.get(path, params=parameters or None, headers=self.headers())

    async def other(self, scopes: list[str] | None = None, *, same: bool = False) -> Api:
        """Speak for another merchant, or for the same one with other scopes."""
        merchant_id = self.merchant_id
        if not same:
            merchant_id = (await self.paykeel.merchants.create("Other")).merchant_id
        _, secret = await self.paykeel.keys.create(merchant_id, "k", scopes or ALL_SCOPES)
        return Api(self.paykeel, self.app, self.http, merchant_id, secret)


@asynccontextmanager
async def calling(
    paykeel: Paykeel, mode: str = "test", *, access_log: bool = True
) -> AsyncIterator[Api]:
    """Open the API of an open Paykeel to a new merchant with a key that may do everything."""
    app = build_app(paykeel, access_log=access_log)
    merchant = await paykeel.merchants.create("Harbour Market", mode)
    await give_rates(paykeel, merchant.merchant_id)
    _, secret = await paykeel.keys.create(merchant.merchant_id, "tests", ALL_SCOPES)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        yield Api(paykeel, app, http, merchant.merchant_id, secret)


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem that an answer is, after a look at its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["code"] == code, document
    assert document["type"] == f"https://paykeel.dev/problems/{code}"
    assert document["status"] == status
    assert document["title"]
    if "payment" not in document:
        assert document["detail"]
        assert document["request_id"] == answer.headers["x-request-id"]
    return document
