"""The service that is measured: Paykeel's own application, and beside it a route that does nothing.

``python -m benchmarks.app PORT PROCESSES`` serves it as ``paykeel serve`` would, on any number of
processes. ``BENCH_GATEWAY`` is ``instant`` or ``placeholder``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI, Request, Response

from benchmarks.place import open_core
from paykeel import server
from paykeel.api import build_app
from paykeel.api.wire import BoundedProtocol
from paykeel.settings import Settings
from paykeel.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.core import Core

NOOP_PATH = "/noop"


def create_app() -> FastAPI:
    """Make the application of one process."""
    app = server.create_app() if os.environ["BENCH_GATEWAY"] == "placeholder" else _instant_app()
    body = b'{"pid":%d}' % os.getpid()

    async def noop(request: Request) -> Response:
        await request.body()
        return Response(body, media_type="application/json")

    app.add_api_route(NOOP_PATH, noop, methods=["POST"], response_model=None)
    # Routes are tried one after another: it stands first, so that it costs as little as it can.
    app.router.routes.insert(0, app.router.routes.pop())
    return app


def _instant_app() -> FastAPI:
    """Do as ``paykeel.server`` does, but with the gateway that answers at once."""
    settings = Settings()
    server.set_up_process(settings)
    opened: list[Core] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with open_core(settings) as core:
            worker = asyncio.create_task(Worker(core).run())
            opened.append(core)
            try:
                yield
            finally:
                opened.clear()
                worker.cancel()
                with suppress(asyncio.CancelledError):
                    await worker

    return build_app(
        lambda: opened[0] if opened else None,
        settings=settings,
        lifespan=lifespan,
        access_log=True,
    )


def main(port: int, processes: int) -> None:
    """Serve until SIGTERM, with the options of ``paykeel serve``."""
    uvicorn.run(
        "benchmarks.app:create_app",
        factory=True,
        workers=processes,
        host="127.0.0.1",
        port=port,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=server.KEEP_ALIVE_S,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
