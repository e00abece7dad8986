"""Over HTTP: purchases at a real server, against a request that does nothing at the same server."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.app import NOOP_PATH
from benchmarks.load import KEY_PLACE, Job
from benchmarks.measuring import Cell, Run, Window
from benchmarks.place import open_core
from benchmarks.purchases import documents
from paykeel.merchants.keys import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.place import Stand

START_S_MAX = 120.0
STOP_S_MAX = 40.0


@asynccontextmanager
async def open_service(stand: Stand, *, processes: int, gateway: str) -> AsyncIterator[int]:
    """Start the service and wait until each of its processes serves; give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PAYKEEL_DATABASE_URL": stand.app_url,
        "BENCH_GATEWAY": gateway,
        "PAYKEEL_FRAUD_DEFAULT_RULESET": stand.settings.fraud_default_ruleset,
    }
    with (stand.server.data_dir / f"service-{port}.log").open("w+") as said:
        words = [sys.executable, "-m", "benchmarks.app", str(port), str(processes)]
        service = await asyncio.create_subprocess_exec(*words, env=env, stdout=said, stderr=said)
        try:
            try:
                await asyncio.to_thread(_wait_for, port, processes)
            except TimeoutError:
                said.seek(0)
                sys.stderr.write(said.read()[-4_000:])
                raise
            yield port
        finally:
            service.terminate()
            await asyncio.wait_for(service.wait(), STOP_S_MAX)


def _wait_for(port: int, processes: int) -> None:
    """Ask until every process has answered once, each time over a new connection."""
    seen: set[int] = set()
    give_up = time.monotonic() + START_S_MAX
    while len(seen) < processes:
        if time.monotonic() > give_up:
            message = f"only {len(seen)} of {processes} processes serve"
            raise TimeoutError(message)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", NOOP_PATH, b"{}", {"content-type": "application/json"})
            seen.add(json.loads(connection.getresponse().read())["pid"])
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()


async def make_key(stand: Stand) -> str:
    """Return the secret of a new API key that may purchase."""
    async with open_core(stand.settings) as core:
        _, secret = await core.keys.create(stand.merchant_id, "bench", [Scope.PURCHASES_WRITE])
    return secret


def http_cell(
    port: int, secret: str, path: str, connections: int, window: Window, what: str
) -> Cell:
    """Return the line of so many connections."""
    job = Job(
        port=port,
        path=path,
        headers={"authorization": f"Bearer {secret}", "idempotency-key": KEY_PLACE.decode()},
        bodies=[json.dumps(document) for document in documents(500)],
        connections=connections,
        warm_s=window.warm_s,
        measured_s=window.measured_s,
        status=200 if path == NOOP_PATH else 201,
    )
    return Cell("http", what, connections, lambda: send(job))


async def send(job: Job) -> Run:
    """Let the load generator do a job in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.load",
        cwd=Path(__file__).parents[1],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate(json.dumps(asdict(job)).encode())
    if process.returncode != 0:
        message = "the load generator failed; see above"
        raise RuntimeError(message)
    return Run(**json.loads(said))
