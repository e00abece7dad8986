"""The form of a request: JSON, sizes, times, paths, and the form of every refusal."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI

from paykeel import Paykeel
from paykeel.errors import DatabaseUnavailable
from tests.acceptance.api.kit import Api, calling, problem_of, purchase
from tests.conftest import settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import Urls

DEEP = 32


def nested(depth: int, opening: str = '{"a":', closing: str = "}") -> bytes:
    return (opening * (depth - 1) + "{}" + closing * (depth - 1)).encode()


WRONG_BODIES = [
    (b"", "json_malformed"),
    (b"{", "json_malformed"),
    (b"amount=1", "json_malformed"),
    (b'{"a":1}{"b":2}', "json_malformed"),
    (b"{'a':1}", "json_malformed"),
    (b'\xef\xbb\xbf{"amount":1}', "json_malformed"),
    (b'{"a":"\xff"}', "json_malformed"),
    ('{"a":1}'.encode("utf-16"), "json_malformed"),
    (b'{"amount":' + b"9" * 5_000 + b"}", "json_malformed"),
    (b'{"amount":1,"amount":2}', "json_duplicate_key"),
    (b'{"buyer":{"id":"a","id":"b"}}', "json_duplicate_key"),
    (b'{"amount":NaN}', "json_not_finite"),
    (b'{"amount":-Infinity}', "json_not_finite"),
    (b"[]", "json_not_object"),
    (b"null", "json_not_object"),
    (b'"text"', "json_not_object"),
    (nested(DEEP + 1), "json_too_deep"),
    (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", "json_too_deep"),
    (b"[" * 30_000 + b"]" * 30_000, "json_too_deep"),
]


async def test_a_body_that_is_not_strictly_json_is_400(api: Api) -> None:
    for body, code in WRONG_BODIES:
        problem_of(await api.send(body), 400, code)


async def test_depth_and_brackets_in_texts_are_told_apart(api: Api) -> None:
    problem_of(await api.send(nested(DEEP)), 422, "field_unknown")
    assert (await api.buy(description="[" * 400 + "{" * 100)).status_code == 201


async def test_a_repeated_field_is_found_fast_among_many(api: Api) -> None:
    names = ",".join(f'"{number}":0' for number in range(6_000))
    answer = await api.send(f'{{{names},"5999":1}}'.encode())
    assert problem_of(answer, 400, "json_duplicate_key")["detail"].endswith("named twice.")


async def test_only_json_is_taken(api: Api) -> None:
    body = json.dumps(purchase()).encode()
    for media in (
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/json-seq",
        "multipart/form-data; boundary=x",
        "application/json, application/json",
    ):
        answer = await api.send(body, **{"Content-Type": media})
        problem_of(answer, 415, "content_type_unsupported")
    for media in ("application/json;charset=UTF-8", 'Application/JSON; charset="utf-8"'):
        assert (await api.send(body, **{"Content-Type": media})).status_code == 201


async def test_a_large_body_is_413_announced_or_not(api: Api) -> None:
    limit = api.paykeel.settings.body_bytes_max
    fits = json.dumps(purchase()).encode()
    assert (await api.send(fits + b" " * (limit - len(fits)))).status_code == 201
    answer = await api.send(fits + b" " * (limit - len(fits) + 1))
    problem_of(answer, 413, "body_too_large")
    assert answer.headers["connection"] == "close"

    async def unannounced() -> AsyncIterator[bytes]:
        yield fits
        for _ in range(limit // 1_024 + 1):
            yield b" " * 1_024

    headers = {**api.headers("chunked"), "Content-Type": "application/json"}
    answer = await api.http.post("/v1/purchases", content=unannounced(), headers=headers)
    problem_of(answer, 413, "body_too_large")


async def test_a_slow_body_is_408(urls: Urls) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for byte in json.dumps(purchase()).encode():
            yield bytes([byte])
            await asyncio.sleep(0.05)

    async with (
        Paykeel.open(settings_for(urls, body_ms_max=200)) as paykeel,
        calling(paykeel, access_log=False) as api,
    ):
        headers = {**api.headers("slow"), "Content-Type": "application/json"}
        answer = await api.http.post("/v1/purchases", content=trickle(), headers=headers)
        problem_of(answer, 408, "request_timeout")
        assert answer.headers["connection"] == "close"


async def test_large_heads_are_refused(api: Api) -> None:
    one = await api.http.get("/v1/payments", headers={**api.headers(), "X-Large": "x" * 9_000})
    problem_of(one, 431, "headers_too_large")
    many = {f"X-{number}": "x" * 1_000 for number in range(20)}
    problem_of(
        await api.http.get("/v1/payments", headers={**api.headers(), **many}),
        431,
        "headers_too_large",
    )
    problem_of(await api.read("/v1/payments", buyer_id="x" * 9_000), 414, "path_too_long")


async def test_paths_and_methods_that_are_none(api: Api) -> None:
    for path in ("/", "/v1", "/v1/", "/v1/purchases/", "/v2/purchases", "/docs"):
        problem_of(await api.read(path), 404, "route_not_found")
    for method, path, allowed in (
        ("GET", "/v1/purchases", "POST"),
        ("DELETE", "/v1/payments", "GET"),
        ("TRACE", "/v1/payments", "GET"),
        ("PUT", "/v1/purchases", "POST"),
        ("OPTIONS", "/v1/purchases", "POST"),
        ("BREW", "/v1/purchases", "POST"),
    ):
        answer = await api.http.request(method, path, headers=api.headers())
        problem_of(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allowed


async def test_a_sane_request_id_is_kept_and_any_other_replaced(api: Api) -> None:
    for given, kept in (
        ("checkout-7f3a", True),
        ("a" * 100, True),
        ("short", False),
        ("a" * 101, False),
        ("with space in it", False),
        ("-leading-dash", False),
        ("quote\"and'more", False),
    ):
        answer = await api.http.get("/livez", headers={"X-Request-Id": given})
        assert (answer.headers["x-request-id"] == given) is kept, given
    made = {(await api.http.get("/livez")).headers["x-request-id"] for _ in range(20)}
    assert len(made) == 20


async def test_answers_are_not_to_be_cached(api: Api) -> None:
    answer = await api.buy()
    assert answer.headers["cache-control"] == "no-store"


async def test_an_accident_is_500_and_says_nothing_of_itself(api: Api, logged: io.StringIO) -> None:
    async def accident() -> None:
        raise RuntimeError("SELECT secret FROM host-17 at /srv/paykeel")

    api.app.add_api_route("/v1/accident", accident, methods=["GET"])
    answer = await api.read("/v1/accident")
    problem = problem_of(answer, 500, "internal_error")
    assert set(problem) == {"type", "title", "status", "code", "detail", "request_id"}
    for word in ("SELECT", "host-17", "srv", "RuntimeError", "Traceback"):
        assert word not in answer.text
    assert "RuntimeError" in logged.getvalue()
    assert problem["request_id"] in logged.getvalue()


@pytest.mark.parametrize("fault", ["lost", "raised"])
async def test_without_the_database_it_is_503_and_the_key_stays_free(
    api: Api, fault: str, logged: io.StringIO
) -> None:
    if fault == "lost":
        await api.paykeel.database.close()
        answer = await api.buy()
    else:

        async def unavailable() -> None:
            raise DatabaseUnavailable("no route to host-17:5432 as paykeel_app")

        api.app.add_api_route("/v1/unavailable", unavailable, methods=["GET"])
        answer = await api.read("/v1/unavailable")
        assert "host-17" in logged.getvalue()
    problem = problem_of(answer, 503, "database_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert set(problem) == {"type", "title", "status", "code", "detail", "request_id"}
    assert "host" not in answer.text


async def test_health_tells_what_is_missing(api: Api) -> None:
    assert (await api.http.get("/livez")).json() == {"status": "ok"}
    ready = await api.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ok",
        "checks": {
            "database": "ok",
            "migrations": "ok",
            "gateway_test": "ok",
            "gateway_live": "gateway_not_configured",
        },
    }


async def test_health_without_the_database(api: Api) -> None:
    await api.paykeel.database.close()
    ready = await api.http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"] == "database_unavailable"
    assert (await api.http.get("/livez")).status_code == 200


async def test_health_without_a_gateway(urls: Urls) -> None:
    async with (
        Paykeel.open(settings_for(urls, gateway_test="")) as paykeel,
        calling(paykeel, access_log=False) as api,
    ):
        ready = await api.http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["gateway_test"] == "gateway_not_configured"


async def test_it_works_mounted_in_somebodys_application(paykeel: Paykeel) -> None:
    host = FastAPI()
    async with calling(paykeel, access_log=False) as api:
        host.mount("/pay", paykeel.asgi())
        transport = httpx.ASGITransport(app=host)
        async with httpx.AsyncClient(transport=transport, base_url="http://host.test") as http:
            mounted = Api(paykeel, host, http, api.merchant_id, api.secret)
            made = await mounted.post("/pay/v1/purchases", purchase())
            assert made.status_code == 201
            await mounted.post("/pay/v1/purchases", purchase())
            page = await mounted.read("/pay/v1/payments?limit=1")
            address = page.headers["link"].split(">")[0].removeprefix("<")
            assert address.startswith("/pay/v1/payments?limit=1&cursor=")
            assert (await mounted.read(address)).json()["data"][0]["id"] == made.json()["id"]
            problem_of(await mounted.read("/pay/v1/nothing"), 404, "route_not_found")
            assert (await mounted.read("/pay/readyz")).status_code == 200
