"""The service as a process of its own, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from paykeel import Paykeel
from paykeel.api import wire
from tests.acceptance.api.kit import ALL_SCOPES, CARD, purchase
from tests.conftest import settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.servers import Urls

LISTENS = re.compile(r"http://127\.0\.0\.1:([0-9]+)")


@dataclass
class Service:
    """A running `python -m paykeel.server`."""

    process: asyncio.subprocess.Process
    port: int
    secret: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}", "Idempotency-Key": key}

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def serving(urls: Urls, folder: Path, **environment: str) -> AsyncIterator[Service]:
    settings = settings_for(urls)
    async with Paykeel.open(settings) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        _, secret = await paykeel.keys.create(merchant.merchant_id, "k", ALL_SCOPES)
    written = folder / "server.log"
    given = {
        **{name: value for name, value in os.environ.items() if name[:8] != "PAYKEEL_"},
        "PAYKEEL_DATABASE_URL": urls.app,
        "PAYKEEL_PORT": "0",
        "PAYKEEL_RECOVERY_INTERVAL_MS": "50",
        **environment,
    }
    with written.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "paykeel.server", env=given, stdout=stream, stderr=stream
        )
    service = Service(process, 0, secret, written)
    try:
        until = time.monotonic() + 30
        while service.port == 0:
            found = LISTENS.search(written.read_text())
            service.port = int(found[1]) if found else 0
            assert process.returncode is None, written.read_text()
            assert time.monotonic() < until, written.read_text()
            await asyncio.sleep(0.05)
        yield service
    finally:
        await service.stop()


def head(service: Service, *lines: str, path: str = "/v1/purchases") -> bytes:
    return "\r\n".join(
        [
            f"POST {path} HTTP/1.1",
            "Host: api.test",
            "Content-Type: application/json",
            f"Authorization: Bearer {service.secret}",
            "Idempotency-Key: raw",
            *lines,
            "",
            "",
        ]
    ).encode()


async def status_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the status of an answer, and the whole of what came until the connection closed."""
    whole = await asyncio.wait_for(reader.read(), 15)
    return int(whole.split(b" ", 2)[1]), whole


async def test_what_is_in_flight_is_finished_before_it_stops(urls: Urls, tmp_path: Path) -> None:
    async with serving(urls, tmp_path) as service, httpx.AsyncClient(timeout=20) as http:
        document = purchase(payment_method="pm_slow_1500")
        asked = asyncio.create_task(
            http.post(f"{service.url}/v1/purchases", json=document, headers=service.headers("slow"))
        )
        await asyncio.sleep(0.6)
        service.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        with pytest.raises(httpx.ConnectError):
            await httpx.AsyncClient().get(f"{service.url}/livez")
        answer = await asked
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "succeeded"
        assert await service.stop() in {0, -signal.SIGTERM}
    assert "exceeded" not in service.log.read_text()


async def test_the_drain_has_an_end(urls: Urls, tmp_path: Path) -> None:
    async with (
        serving(urls, tmp_path, PAYKEEL_DRAIN_MS_MAX="1000") as service,
        httpx.AsyncClient(timeout=20) as http,
    ):
        document = purchase(payment_method="pm_slow_15000")
        asked = asyncio.create_task(
            http.post(f"{service.url}/v1/purchases", json=document, headers=service.headers("slow"))
        )
        await asyncio.sleep(0.6)
        started = time.monotonic()
        await service.stop()
        assert time.monotonic() - started < 8
        with suppress(httpx.HTTPError):
            assert (await asked).status_code >= 500
    async with Paykeel.open(settings_for(urls)) as paykeel:
        (merchant,) = await paykeel.merchants.list()
        page = await paykeel.payments.list(merchant_id=merchant.merchant_id)
        # Watched, not lost: the attempt is the recovery's task.
        assert [str(payment.status) for payment in page.payments] == ["pending"]


async def test_sizes_and_times_hold_on_the_wire(urls: Urls, tmp_path: Path) -> None:
    async with serving(urls, tmp_path, PAYKEEL_BODY_MS_MAX="800") as service:
        body = json.dumps(purchase()).encode()

        reader, writer = await service.connect()
        writer.write(head(service, "Content-Length: 100000000") + body)
        status, whole = await status_of(reader)
        assert (status, b"body_too_large" in whole) == (413, True)
        writer.close()

        reader, writer = await service.connect()
        writer.write(head(service, "Transfer-Encoding: chunked"))
        for _ in range(65):
            writer.write(b"400\r\n" + b" " * 1_024 + b"\r\n")
        status, whole = await status_of(reader)
        assert (status, b"body_too_large" in whole) == (413, True)
        writer.close()

        reader, writer = await service.connect()
        writer.write(head(service, f"Content-Length: {len(body)}") + body[:10])
        started = time.monotonic()
        status, whole = await status_of(reader)
        assert (status, b"request_timeout" in whole) == (408, True)
        assert 0.5 < time.monotonic() - started < 5
        writer.close()

        reader, writer = await service.connect()
        writer.write(head(service, "X-Large: " + "x" * 10_000))
        status, whole = await status_of(reader)
        assert (status, b"headers_too_large" in whole) == (431, True)
        writer.close()


async def test_a_head_that_never_ends_is_cut_off(urls: Urls, tmp_path: Path) -> None:
    async with serving(urls, tmp_path) as service:
        reader, writer = await service.connect()
        writer.write(b"GET /livez HTTP/1.1\r\nX-Endless: ")
        # Little more than is allowed, since a write to a closed connection hides its last words.
        writer.write(b"x" * (wire.HEAD_BYTES_MAX - 1_000))
        await asyncio.sleep(0.2)
        writer.write(b"x" * 1_001)
        status, _ = await status_of(reader)
        assert status == 431
        writer.close()

        # Two requests on one connection, each in two pieces, are served all the same.
        reader, writer = await service.connect()
        for _ in range(2):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: a")
            await asyncio.sleep(0.05)
            writer.write(b"\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readexactly(len('{"status":"ok"}'))
        writer.close()


@pytest.mark.slow
async def test_a_head_that_takes_too_long_is_cut_off(urls: Urls, tmp_path: Path) -> None:
    async with serving(urls, tmp_path) as service:
        reader, writer = await service.connect()
        writer.write(b"GET /livez HTTP/1.1\r\n")
        started = time.monotonic()
        status, _ = await status_of(reader)
        assert status == 408
        assert time.monotonic() - started < wire.HEAD_S_MAX + 4
        writer.close()


async def test_it_recovers_logs_and_tells_no_secret(urls: Urls, tmp_path: Path) -> None:
    async with (
        serving(urls, tmp_path, PAYKEEL_GATEWAY_MS_MAX="300", PAYKEEL_RECOVERY_GRACE_MS="1000",
                PAYKEEL_RECOVERY_BACKOFF_MS_MIN="50") as service,
        httpx.AsyncClient(timeout=20, base_url=service.url) as http,
    ):  # fmt: skip
        document = purchase(payment_method="pm_timeout_then_succeeded")
        answer = await http.post("/v1/purchases", json=document, headers=service.headers("one"))
        assert answer.status_code == 202
        await http.get(f"/v1/payments/{CARD}", headers=service.headers("two"))
        address = f"/v1/payments/{answer.json()['id']}"
        until = time.monotonic() + 20
        while True:
            payment = (await http.get(address, headers=service.headers(""))).json()
            if payment["status"] == "succeeded" or time.monotonic() > until:
                break
            await asyncio.sleep(0.1)
        assert payment["status"] == "succeeded"
        again = await http.post("/v1/purchases", json=document, headers=service.headers("one"))
        assert (again.status_code, again.json()["status"]) == (201, "succeeded")
    written = service.log.read_text()
    assert service.secret[26:] not in written
    assert CARD not in written
    assert all(json.loads(line)["level"] for line in written.splitlines())
    assert '"path": "/v1/purchases"' in written
