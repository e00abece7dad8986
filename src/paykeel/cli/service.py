"""``serve`` and ``worker``: the processes that stay."""

from __future__ import annotations

import asyncio
import os
import pkgutil
import signal
import socket
from contextlib import suppress
from typing import Annotated

import uvicorn
from cyclopts import Parameter
from cyclopts.validators import Number

from paykeel import log
from paykeel.cli.context import DEFAULTS, Common, Flag, Output
from paykeel.core import Core
from paykeel.errors import Misconfigured
from paykeel.gateways.registry import available
from paykeel.settings import Settings

APP = "paykeel.server:create_app"
#: The rooms above the core do not import each other, so a process of another room is started by its
#: name, as the server is.
WORKER = "paykeel.worker:Worker"
PROTOCOL = "paykeel.api.wire:BoundedProtocol"
KEEP_ALIVE_S = 15


def serve(
    *,
    host: str | None = None,
    port: Annotated[int | None, Parameter(validator=Number(gte=0, lte=65_535))] = None,
    workers: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 1,
    no_worker: Flag = False,
    common: Common = DEFAULTS,
) -> None:
    """Serve the HTTP API, and run recovery beside it.

    Args:
        host: Where to listen; PAYKEEL_HOST otherwise.
        port: Where to listen; PAYKEEL_PORT otherwise.
        workers: How many processes answer requests.
        no_worker: Leave recovery to `paykeel worker`.
        common: The options of every command.
    """
    settings = Settings()
    if no_worker:
        # The server reads the environment, in each of its processes.
        os.environ["PAYKEEL_SERVE_WORKER"] = "0"
    host, port = host or settings.host, settings.port if port is None else port
    _check(settings, host, port)
    out = Output(common)
    out.document({"host": host, "port": port, "workers": workers})
    out.side.print(f"Paykeel starts on http://{host}:{port}; Ctrl-C stops it.", markup=False)
    uvicorn.run(
        APP,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http=PROTOCOL,
        ws="none",
        lifespan="on",
        # Ours is configured by the application, in every process.
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=-(-settings.drain_ms_max // 1000),
    )


def _check(settings: Settings, host: str, port: int) -> None:
    """Find what can be found before anything starts, so that it can be said in one line.

    Raises:
        Misconfigured: The address cannot be listened at, or a gateway is not installed.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            # Another one may be bound, and listen only later.
            probe.listen()
    except OSError as error:
        raise Misconfigured(
            f"{host}:{port} cannot be listened at: {error.strerror}. "
            "Stop what uses it, or name another by --port or PAYKEEL_PORT.",
            code="address_unavailable",
        ) from error
    installed = sorted(available())
    for name in (settings.gateway_test, settings.gateway_live):
        if name and name not in installed:
            raise Misconfigured(
                f"There is no gateway named {name}; installed are: {', '.join(installed)}.",
                gateway=name,
            )


async def worker(*, common: Common = DEFAULTS) -> None:
    """Run recovery, purge and sealing without serving; several workers share the load.

    Args:
        common: The options of every command.
    """
    settings = Settings()
    log.set_up(settings.log_format, settings.log_level)
    kind = pkgutil.resolve_name(WORKER)
    out = Output(common)
    async with Core.open(settings) as core:
        out.document({"worker": "running"})
        out.side.print("The worker runs; Ctrl-C stops it.", markup=False)
        task = asyncio.create_task(kind(core).run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task
