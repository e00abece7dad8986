"""Runs the command line as a user does: a process of its own, told by its environment."""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers import Urls

COMMAND = [sys.executable, "-P", "-m", "paykeel"]
HEADER = "reference,amount,currency,buyer_id,buyer_role,payment_method,description\n"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(urls: Urls, **changes: str) -> dict[str, str]:
    """An environment that knows this database, with short deadlines, and nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYKEEL_")}
    return {
        **kept,
        "PAYKEEL_DATABASE_URL": urls.app,
        "PAYKEEL_MIGRATION_DATABASE_URL": urls.owner,
        "PAYKEEL_GATEWAY_MS_MAX": "1000",
        "PAYKEEL_RECOVERY_GRACE_MS": "300",
        "PAYKEEL_RECOVERY_INTERVAL_MS": "100",
        "PAYKEEL_RECOVERY_BACKOFF_MS_MIN": "100",
        "PAYKEEL_RECOVERY_BACKOFF_MS_MAX": "500",
        "PAYKEEL_DUPLICATE_WAIT_MS_MAX": "1000",
        "PAYKEEL_POOL_SIZE": "4",
        "PAYKEEL_LOG_LEVEL": "WARNING",
        "PAYKEEL_FRAUD_DEFAULT_RULESET": "none",
        **changes,
    }


class Warm:
    """Runs one command after another in forks of a process that has imported everything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="pk-cli-")
        self._parent: subprocess.Popen[str] | None = None
        atexit.register(self.close)

    def close(self) -> None:
        """End the process, which reads that there is nothing more to do."""
        if self._parent is not None:
            parent, self._parent = self._parent, None
            parent.communicate(timeout=30)
        self._folder.cleanup()

    def run(
        self, words: tuple[str, ...], variables: Mapping[str, str], given: bytes | None
    ) -> Done | None:
        """Run a command; nothing when another one is running, since it takes one at a time."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._run(words, variables, given)
        finally:
            self._lock.release()

    def _run(
        self, words: tuple[str, ...], variables: Mapping[str, str], given: bytes | None
    ) -> Done:
        place = Path(self._folder.name)
        files = {name: place / name for name in ("input", "output", "errors")}
        for path in files.values():
            path.write_bytes(b"")
        if given is not None:
            files["input"].write_bytes(given)
        told = {name: str(path) for name, path in files.items()}
        job = {"words": words, "environment": dict(variables), **told}
        code = int(self._ask(json.dumps(job)))
        return Done(code, files["output"].read_text(), files["errors"].read_text())

    def _ask(self, job: str) -> str:
        if self._parent is None:
            self._parent = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("warm.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert self._answer() == "ready"
        assert self._parent.stdin is not None
        self._parent.stdin.write(f"{job}\n")
        self._parent.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._parent is not None
        assert self._parent.stdout is not None
        ready, _, _ = select.select([self._parent.stdout], [], [], 90)
        assert ready, "the command took longer than 90 s"
        return self._parent.stdout.readline().strip()


_warm = Warm()


class Cli:
    """The command line on one database."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.environment = dict(variables)

    def __call__(self, *words: str, given: bytes | None = None, **changes: str) -> Done:
        variables = {**self.environment, **changes}
        # What an interpreter reads when it starts can only be told to one that does.
        asked = {name: value for name, value in variables.items() if name.startswith("PYTHON")}
        if asked.items() <= os.environ.items():
            warm = _warm.run(words, variables, given)
            if warm is not None:
                return warm
        done = subprocess.run(
            [*COMMAND, *words],
            env=variables,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=90,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    with httpx.Client(base_url=url, timeout=2, trust_env=False) as client:
        while time.monotonic() < give_up:
            assert process.poll() is None, process.communicate()
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise AssertionError("the service was not ready in time")


def order_lines(count: int, method: str = "pm_ok") -> Iterator[str]:
    for number in range(count):
        buyer = f"agent-{number % 9},agent"
        yield f"A-{number},{number + 1}.50,EUR,{buyer},{method},Listing {number}\n"


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop what a test started, however far it is."""
    if process.poll() is None:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
    process.communicate()
