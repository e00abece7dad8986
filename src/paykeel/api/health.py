"""Health: ``/livez`` says that the process answers, ``/readyz`` that it can do its work."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI, Request, Response

from paykeel.api import openapi
from paykeel.db import migrate
from paykeel.errors import DatabaseUnavailable, GatewayNotConfigured, MigrationError, Unavailable
from paykeel.log import traceback_of
from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.core import Core

CHECK_MS_MAX = 2_000
#: Anybody may ask, so the database is asked at most this often.
FRESH_MS = 500

log = structlog.get_logger("paykeel.api")


class HealthRoutes:
    """The handlers of the two paths that need no key."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of
        self._asking = asyncio.Lock()
        self._checks: dict[str, str] = {}
        self._fresh_until = 0.0

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, handler, documented in (
            ("/livez", self.live, openapi.LIVE),
            ("/readyz", self.ready, openapi.READY),
        ):
            app.add_api_route(
                path,
                handler,
                methods=["GET"],
                response_model=None,
                openapi_extra=dict(documented),
                name=handler.__name__,
                operation_id=handler.__name__,
                response_class=Response,
                tags=["health"],
            )

    async def live(self, _request: Request) -> Response:
        """Say that the process answers; the database is not asked."""
        return Response(b'{"status":"ok"}', media_type=JSON)

    async def ready(self, _request: Request) -> Response:
        """Say whether purchases can be served, and what is missing."""
        async with self._asking:
            if time.monotonic() >= self._fresh_until:
                self._checks = await self._check()
                self._fresh_until = time.monotonic() + FRESH_MS / 1000
        checks = self._checks
        gateways = {checks["gateway_test"], checks["gateway_live"]}
        good = checks["database"] == checks["migrations"] == "ok" and "ok" in gateways
        document = {"status": "ok" if good else "unavailable", "checks": checks}
        return Response(encode(document), 200 if good else 503, media_type=JSON)

    async def _check(self) -> dict[str, str]:
        """Return each check with ``ok`` or the code of what is wrong, and no more: it is public."""
        try:
            core = self._core_of()
        except Unavailable:
            names = ("database", "migrations", "gateway_test", "gateway_live")
            return dict.fromkeys(names, "unavailable")
        database = migrations = "ok"
        try:
            async with asyncio.timeout(CHECK_MS_MAX / 1000), core.database.connection() as borrowed:
                await migrate.check(borrowed)
        except MigrationError as error:
            migrations = error.code
        except (DatabaseUnavailable, TimeoutError):
            database, migrations = "database_unavailable", "unavailable"
        except Exception as error:  # noqa: BLE001 - whatever it was, this process is not ready
            log.error("readiness.failed", exception=traceback_of(error))  # noqa: TRY400
            migrations = "unavailable"
        checks = {"database": database, "migrations": migrations}
        for mode in ("test", "live"):
            try:
                core.gateways.for_mode(mode)
            except GatewayNotConfigured as error:
                checks[f"gateway_{mode}"] = error.code
            else:
                checks[f"gateway_{mode}"] = "ok"
        return checks
