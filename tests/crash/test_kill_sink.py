"""A worker is killed while it sends metrics; what CloudWatch holds in the end is what happened."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.core import Core
from tests.cloudwatch_server import CloudWatchServer, cloudwatch, cloudwatch_server
from tests.conftest import settings_for
from tests.crash.processes import environment
from tests.metric_sinks import (
    HoldingProxy,
    counted,
    minutes_ago,
    put_durations,
    put_minute,
    told_sums,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg

    from tests.servers import Urls

__all__ = ["cloudwatch", "cloudwatch_server"]

pytestmark = pytest.mark.crash
HOURS = 8
END_S_MAX = 60
WORKER = [sys.executable, "-P", "-m", "paykeel", "worker"]


@pytest.fixture
def proxy(cloudwatch_server: CloudWatchServer) -> Iterator[HoldingProxy]:
    """Stands between the worker and CloudWatch."""
    with HoldingProxy(cloudwatch_server.url).running() as running:
        yield running


def variables(urls: Urls, server: CloudWatchServer, proxy: HoldingProxy) -> dict[str, str]:
    """The environment of a worker that sends eight hours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYKEEL_")}
    return {
        **kept,
        **environment(),
        **server.environment,
        "AWS_ENDPOINT_URL_CLOUDWATCH": proxy.url,
        "PAYKEEL_DATABASE_URL": urls.app,
        "PAYKEEL_POOL_SIZE": "4",
        "PAYKEEL_LOG_LEVEL": "CRITICAL",
        "PAYKEEL_METRICS_SINKS": "cloudwatch",
        "PAYKEEL_METRICS_SINK_BACKFILL_MINUTES": str(HOURS * 60),
        "PAYKEEL_METRICS_SINK_INTERVAL_MS": "100",
        "PAYKEEL_METRICS_SINK_TIMEOUT_MS": "20000",
        "PAYKEEL_METRICS_SINK_READBACK_MS": "0",
    }


async def waiting(owner: asyncpg.Connection) -> tuple[int, int]:
    """How many batches wait, and how many minutes are not prepared."""
    row = await owner.fetchrow(
        "SELECT (SELECT count(*) FROM metric_sink_batches WHERE state <> 'sent') AS batches, "
        "coalesce((SELECT extract(epoch FROM now() - prepared_to)::int / 60 FROM metric_sinks), "
        "1000) AS minutes"
    )
    assert row is not None
    return row["batches"], row["minutes"]


def start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a worker."""
    return subprocess.Popen(WORKER, env=environment)


def kill_while_it_sends(environment: dict[str, str], proxy: HoldingProxy, held: str) -> None:
    """Start a worker, and kill it while a request or its answer is on the way."""
    proxy.hold = held
    process = start(environment)
    try:
        assert proxy.held.wait(END_S_MAX), "nothing was sent"
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
        proxy.let_go()


async def test_sums_are_equal_however_often_the_sender_is_killed(
    urls: Urls,
    owner: asyncpg.Connection,
    cloudwatch_server: CloudWatchServer,
    cloudwatch: Any,
    proxy: HoldingProxy,
) -> None:
    async with Core.open(settings_for(urls)) as core:
        merchant_id = (await core.merchants.create("Harbour Market", "live")).merchant_id
    for minute in range(5, HOURS * 60 - 30, 3):
        at = minutes_ago(minute)
        await put_minute(owner, merchant_id, at, count=minute, captured=minute * 101)
        await put_minute(owner, merchant_id, at, outcome="failed", reason="card_declined")
        await put_minute(owner, merchant_id, at, outcome="", count=minute + 1)
        await put_durations(owner, merchant_id, at, {80 + minute % 40: minute, 150: 2})
    given = variables(urls, cloudwatch_server, proxy)
    for held in ("request", "answer", "answer", "request", "answer"):
        await asyncio.to_thread(kill_while_it_sends, given, proxy, held)
        # The claim of whoever was killed runs out.
        await owner.execute(
            "UPDATE metric_sink_batches SET claimed_until = now() - '1 s'::interval"
            " WHERE claimed_until IS NOT NULL"
        )
    process = start(given)
    try:
        end = time.monotonic() + END_S_MAX
        while time.monotonic() < end:
            batches, minutes = await waiting(owner)
            if batches == 0 and minutes <= 4:
                break
            await asyncio.sleep(0.2)
    finally:
        process.terminate()
        process.wait(END_S_MAX)
    assert await waiting(owner) <= (0, 5)
    sums = await counted(owner)
    assert sums["amount_captured"] > 0
    found = told_sums(cloudwatch)
    assert {name: found[name] for name in sums} == sums
    row = await owner.fetchrow("SELECT batches_uncertain, datums_dropped FROM metric_sinks")
    assert row is not None
    assert row["datums_dropped"] == 0
