"""The HTTP service: ``uvicorn paykeel.server:create_app --factory``, or ``paykeel serve``.

Everything is read from the environment, since each of uvicorn's processes makes its own
application: ``PAYKEEL_…`` as in :class:`~paykeel.settings.Settings`, and two switches, on unless
they are ``0``: ``PAYKEEL_SERVE_WORKER`` (recovery beside the service) and
``PAYKEEL_SERVE_ACCESS_LOG`` (one line for each request).
"""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn

from paykeel import log
from paykeel.api import build_app
from paykeel.api.wire import BoundedProtocol
from paykeel.core import Core
from paykeel.errors import PaykeelError
from paykeel.settings import Settings
from paykeel.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEEP_ALIVE_S = 15
#: So many objects more must be made than are freed before Python looks for cycles among them. At
#: its own 700 it walks through all that is in flight every few purchases, an eighth of their time.
GC_OBJECTS = 20_000


def create_app() -> FastAPI:
    """Make the application of one process, from the environment."""
    settings = Settings()
    set_up_process(settings)
    return served_app(
        settings,
        with_worker=_on("PAYKEEL_SERVE_WORKER"),
        access_log=_on("PAYKEEL_SERVE_ACCESS_LOG"),
    )


def set_up_process(settings: Settings) -> None:
    """Set up what belongs to a whole process, and is ours alone in one that serves."""
    log.set_up(settings.log_format, settings.log_level)
    gc.set_threshold(GC_OBJECTS)


def served_app(settings: Settings, *, with_worker: bool, access_log: bool) -> FastAPI:
    """Make an application that opens the core when it starts and closes it when it ends."""
    opened: list[Core] = []
    faults: list[PaykeelError] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                core = await stack.enter_async_context(Core.open(settings))
            except PaykeelError as error:
                faults.append(error)
                raise
            worker = asyncio.create_task(Worker(core).run()) if with_worker else None
            opened.append(core)
            try:
                yield
            finally:
                # uvicorn comes here when no request is in flight any more, or after the drain.
                opened.clear()
                if worker is not None:
                    worker.cancel()
                    with suppress(asyncio.CancelledError):
                        await worker

    app = build_app(
        lambda: opened[0] if opened else None,
        settings=settings,
        lifespan=lifespan,
        access_log=access_log,
    )
    app.add_middleware(StartFault, faults=faults)
    return app


class StartFault:
    """Says in one line why the service does not start, where a traceback would be logged."""

    def __init__(self, app: ASGIApp, faults: list[PaykeelError]) -> None:
        """Take the application, and the list that its fault is put into."""
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, but for what is said of a start that failed."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and self._faults:
                fault = self._faults[-1]
                message["message"] = f"{fault.code}: {fault.message}"
            await send(message)

        await self._app(scope, receive, told)


def serve(
    settings: Settings | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    with_worker: bool = True,
    access_log: bool = True,
) -> None:
    """Serve in this process until SIGINT or SIGTERM, then finish what is in flight.

    Args:
        settings: Read from the environment when left out.
        host: Instead of the settings'.
        port: Instead of the settings'; 0 takes a free one and logs it.
        with_worker: Whether recovery runs beside the service.
        access_log: Whether each request writes a line.
    """
    settings = settings or Settings()
    set_up_process(settings)
    uvicorn.run(
        served_app(settings, with_worker=with_worker, access_log=access_log),
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
        loop="auto",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        # Ours stands already, and writes each request itself.
        log_config=None,
        access_log=False,
        server_header=False,
        # Nobody here asks for the caller's address.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=-(-settings.drain_ms_max // 1000),
    )


def _on(name: str) -> bool:
    return os.environ.get(name, "1") != "0"


if __name__ == "__main__":
    serve(with_worker=_on("PAYKEEL_SERVE_WORKER"), access_log=_on("PAYKEEL_SERVE_ACCESS_LOG"))
