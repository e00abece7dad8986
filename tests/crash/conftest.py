"""Processes that share one database, and what they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from tests.crash.driver import GRANT, TABLE
from tests.crash.plan import Plan
from tests.crash.processes import Driver, Server
from tests.servers import Urls

StartDriver = Callable[..., Awaitable[Driver]]
StartServer = Callable[..., Awaitable[Server]]

#: Deadlines that suit a test; the gateway promises to show what it took in within 300 ms.
SETTINGS: dict[str, Any] = {
    "gateway_ms_max": 1_000,
    "recovery_grace_ms": 200,
    "recovery_interval_ms": 50,
    "recovery_backoff_ms_min": 50,
    "recovery_backoff_ms_max": 500,
    "log_level": "CRITICAL",
    "pool_size": 4,
    "fraud_default_ruleset": "none",
}
OPTIONS = {"processing_ms_max": 300}


@pytest.fixture
async def start_driver(urls: Urls) -> AsyncIterator[StartDriver]:
    """Return a function that starts a driver; what still runs at the end is stopped."""
    started: list[Driver] = []

    async def start(
        settings: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        **plan: Any,
    ) -> Driver:
        own = {"database_url": urls.app, **SETTINGS, **(settings or {})}
        driver = await Driver.start(
            Plan(settings=own, options={**OPTIONS, **(options or {})}, **plan)
        )
        started.append(driver)
        return driver

    yield start
    for driver in started:
        await driver.close()


@pytest.fixture
async def start_server(urls: Urls) -> AsyncIterator[StartServer]:
    """Return a function that starts the HTTP service; all are stopped at the end."""
    started: list[Server] = []

    async def start(**changes: Any) -> Server:
        server = await Server.start({"database_url": urls.app, **SETTINGS, **changes})
        started.append(server)
        return server

    yield start
    for server in started:
        await server.close()


@pytest.fixture
async def shop_orders(admin: asyncpg.Connection) -> None:
    """The application's own table, which its completion hook writes."""
    await admin.execute(TABLE)
    await admin.execute(GRANT)
