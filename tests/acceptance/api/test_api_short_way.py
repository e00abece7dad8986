"""Purchases go past the framework, and nobody can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from paykeel.api import build_app
from tests.acceptance.api.kit import Api, purchase

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Counting:
    """A layer that an application adds."""

    seen = 0

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        Counting.seen += 1
        await self._app(scope, receive, send)


async def buy(app: ASGIApp, api: Api, path: str, key: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        headers = api.headers(key)
        return await client.post(path, json=purchase(), headers=headers)


async def test_both_ways_give_the_same_answer(api: Api) -> None:
    short = build_app(api.paykeel)
    long = build_app(api.paykeel)
    long.short = {}  # type: ignore[attr-defined]
    first = await buy(short, api, "/v1/purchases", "order-1")
    second = await buy(long, api, "/v1/purchases", "order-1")
    assert (first.status_code, first.content) == (201, second.content)
    assert second.headers["idempotent-replayed"] == "true"
    assert set(first.headers) == set(second.headers) - {"idempotent-replayed"}
    for path, key in (("/v1/purchases", " "), ("/v1/purchases?card=4242424242424242", "order-2")):
        wrong = [await buy(app, api, path, key) for app in (short, long)]
        assert wrong[0].json() | {"request_id": ""} == wrong[1].json() | {"request_id": ""}


async def test_a_layer_that_an_application_adds_sees_purchases(api: Api) -> None:
    app = build_app(api.paykeel)
    app.add_middleware(Counting)
    assert (await buy(app, api, "/v1/purchases", "order-1")).status_code == 201
    assert Counting.seen == 1


async def test_mounted_it_is_the_same(api: Api) -> None:
    app = Starlette(routes=[Mount("/pay", build_app(api.paykeel))])
    assert (await buy(app, api, "/pay/v1/purchases", "order-1")).status_code == 201
