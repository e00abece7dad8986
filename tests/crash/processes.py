"""Processes as a test sees them: drivers told by lines, and the HTTP service on a free port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

import paykeel
from tests.crash.plan import Plan, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

ROOT = Path(__file__).resolve().parents[2]
START_S_MAX = 30.0
CALL_S_MAX = 40.0
END_S_MAX = 15.0
DIED = Reply(error="died")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that shall find the same code as this one."""
    source = str(Path(paykeel.__file__).resolve().parents[1])
    paths = [source, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}


class Driver:
    """A driver process: call it, kill it, or see it die."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._last = 0
        self._ready: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[0] = self._ready
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, plan: Plan) -> Self:
        """Start one and wait until it can be told something."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crash.driver", plan.encode(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
            env=environment(), limit=1 << 22,
        )  # fmt: skip
        driver = cls(process)
        reply = await asyncio.wait_for(driver._ready, START_S_MAX)
        assert reply is not DIED, "the driver did not start"
        return driver

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._process.stdout.readline():
                document = json.loads(line)
                future = self._waiting.pop(document.pop("id"))
                if not future.done():
                    future.set_result(Reply(**document))
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_result(DIED)
            self._waiting.clear()

    async def call(self, do: str, **values: Any) -> Reply:
        """Have something done; a driver that dies meanwhile gives the reply ``DIED``."""
        if self._reading.done():
            return DIED
        self._last += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._last] = future
        assert self._process.stdin is not None
        line = json.dumps({"id": self._last, "do": do, **values}).encode() + b"\n"
        try:
            self._process.stdin.write(line)
            await self._process.stdin.drain()
        except ConnectionError:
            return DIED
        return await asyncio.wait_for(future, CALL_S_MAX)

    async def purchase(self, merchant_id: UUID, key: str, request: Mapping[str, Any]) -> Reply:
        """Purchase, with the document that an HTTP request would have."""
        return await self.call("purchase", merchant=str(merchant_id), key=key, request=request)

    async def follow(self, do: str, merchant_id: UUID, payment_id: UUID, key: str) -> Reply:
        """Capture all that is reserved, or cancel."""
        return await self.call(do, merchant=str(merchant_id), payment_id=str(payment_id), key=key)

    async def killed(self) -> bool:
        """Wait until it has ended; whether SIGKILL ended it."""
        code = await asyncio.wait_for(self._process.wait(), END_S_MAX)
        await self._reading
        return code == -signal.SIGKILL

    async def kill(self) -> None:
        """Kill it now."""
        if self._process.returncode is None:
            self._process.kill()
        await self.killed()

    async def close(self) -> None:
        """Let it end in order if it still runs, and kill it if it does not."""
        if self._process.returncode is None and self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_S_MAX)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``uvicorn paykeel.server:create_app --factory`` in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Start one; :meth:`ready` waits until it answers."""
        port = free_port()
        variables = {f"PAYKEEL_{name.upper()}": str(value) for name, value in settings.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "uvicorn", "paykeel.server:create_app", "--factory",
            "--port", str(port), "--log-level", "critical", "--backlog", "4096",
            cwd=ROOT, env=environment(PAYKEEL_SERVE_ACCESS_LOG="0", **variables),
        )  # fmt: skip
        return cls(process, port)

    async def ready(self) -> None:
        """Wait until it answers."""
        async with (
            asyncio.timeout(START_S_MAX),
            httpx.AsyncClient(base_url=self.url, trust_env=False) as client,
        ):
            while self._process.returncode is None:
                try:
                    if (await client.get("/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError("the service ended by itself")

    async def close(self) -> None:
        """Stop it in order, and kill it if it does not end."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), END_S_MAX)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
