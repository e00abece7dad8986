"""The service as a process of its own: started, killed, started again, and stopped at the end."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

import httpx

from paykeel.cli.demo.steps import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY_S_MAX = 60.0
STOP_S_MAX = 20.0
_POLL_S = 0.05
_TAIL_LINES = 20


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """``paykeel serve`` on a loopback port."""

    def __init__(self, port: int, log_path: Path, environment: Mapping[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-P", "-m", "paykeel", "serve", "--port", str(port)]
        self._environment = {**os.environ, **environment}
        self._log_path = log_path
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; :meth:`ready` waits until it answers."""
        self._log = self._log_path.open("ab")
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=self._environment,
            # A Ctrl-C at the terminal is ours to handle; it is stopped in order afterwards.
            start_new_session=True,
        )

    async def ready(self) -> None:
        """Wait until it answers.

        Raises:
            DemoFailed: It ended, or did not answer in time; the message has the end of its log.
        """
        give_up = time.monotonic() + READY_S_MAX
        async with httpx.AsyncClient(base_url=self.url, timeout=2, trust_env=False) as client:
            while time.monotonic() < give_up:
                if self._process is not None and self._process.poll() is not None:
                    raise DemoFailed(f"The service ended by itself:\n{self.log_tail()}")
                try:
                    if (await client.get("/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(_POLL_S)
        raise DemoFailed(f"The service was not ready in time:\n{self.log_tail()}")

    def kill(self) -> None:
        """Kill it with SIGKILL: it has no chance to finish or write anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def stop(self) -> None:
        """Stop it in order, and kill it only if it does not end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()

    def log_tail(self) -> str:
        """Return the end of what it logged."""
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _forget(self) -> None:
        self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
