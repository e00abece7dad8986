"""A stand-in for CloudWatch, as a process of its own on a loopback port; and clients of it.

It keeps what it is sent in memory and enforces none of the documented limits, so a test that needs
those asks Paykeel's own checks. What it holds is gone after `reset` and after `stop`.

Use the fixtures by importing them where they are needed::

    from tests.cloudwatch_server import cloudwatch, cloudwatch_server
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-central-1"
ACCESS_KEY = "testing"
SECRET_KEY = "testing"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0
_RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:(\d+))")


class CloudWatchServer:
    """One server process; `start` after `stop` takes the same port again."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it answers, as an ``endpoint_url``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process of Paykeel needs in its environment to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_CLOUDWATCH": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it and wait until it says on which port it answers."""
        assert self._process is None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", "moto.server", "-p", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_follow, args=(self._process, lines), daemon=True).start()
        self.port = _port_told(lines)

    def stop(self) -> None:
        """End it; what it held is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def reset(self) -> None:
        """Forget everything that it was sent."""
        httpx.post(f"{self.url}/moto-api/reset", timeout=STOP_SECONDS_MAX).raise_for_status()

    def client(self, **config: Any) -> Any:
        """Return a client that does not try again by itself, unless ``config`` says otherwise."""
        return boto3.client(
            "cloudwatch",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                **{
                    "connect_timeout": 2,
                    "read_timeout": 10,
                    "retries": {"total_max_attempts": 1, "mode": "standard"},
                    **config,
                }
            ),
        )


def _follow(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    """Read whatever it prints until it ends, so that it never waits for a reader."""
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            lines.put(line)
    lines.put(None)


def _port_told(lines: queue.Queue[str | None]) -> int:
    end = time.monotonic() + START_SECONDS_MAX
    seen: list[str] = []
    while True:
        line = lines.get(timeout=max(0.1, end - time.monotonic()))
        assert line is not None, f"The stand-in did not start: {''.join(seen)}"
        seen.append(line)
        found = _RUNNING.search(line)
        if found is not None:
            return int(found[2])


@pytest.fixture(scope="session")
def cloudwatch_server() -> Iterator[CloudWatchServer]:
    """A running server, for all tests of this process."""
    server = CloudWatchServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def cloudwatch(cloudwatch_server: CloudWatchServer) -> Any:
    """A client of a server that holds nothing yet."""
    cloudwatch_server.reset()
    return cloudwatch_server.client()
