"""The load generator: sends requests over connections that stay open, and times the answers.

It is as lean as Python can be, in a process of its own, so that it measures the server and not
itself: bytes that were put together before, one small protocol, no parsing beyond what tells where
an answer ends. ``python -m benchmarks.load`` reads a :class:`Job` as JSON and writes a ``Run``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import uvloop

from benchmarks.measuring import Run, Window
from benchmarks.purchases import REFERENCE, order_number

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Stand in a body and in the headers, and are replaced by the same number of characters.
KEY_PLACE = b"00000000-0000-0000-0000-000000000000"
REFERENCE_PLACE = REFERENCE.encode()
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Job:
    """What to send, and for how long."""

    port: int
    path: str
    headers: dict[str, str]
    bodies: list[str]
    connections: int
    warm_s: float
    measured_s: float
    #: What every answer must begin with, such as 201.
    status: int


def requests(job: Job) -> list[bytes]:
    """Return whole requests; each is used again and again with another key."""
    fields = {"host": "127.0.0.1", "content-type": "application/json", **job.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"POST {job.path} HTTP/1.1\r\n{lines}"
    return [
        f"{head}content-length: {len(body.encode())}\r\n\r\n{body}".encode() for body in job.bodies
    ]


class Caller(asyncio.Protocol):
    """One connection: sends a request, waits for the whole answer, and sends the next."""

    def __init__(
        self, sent: Sequence[bytes], number: int, status: int, times: list[tuple[float, float]]
    ) -> None:
        """Take what to send, where to begin, the status to expect and where to write the times."""
        self._sent = sent
        self._turn = number * 37
        self._expected = b"HTTP/1.1 %d " % status
        self._times = times
        self._answer = b""
        self._ends_at: int | None = None
        self._started = 0.0
        self.transport: asyncio.Transport | None = None
        self.fault: str | None = None

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Send the first request."""
        self.transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that there was more to come, unless this side closed it."""
        if self.transport is not None and self.fault is None:
            self.fault = f"the connection was lost: {exc}"

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; when it is whole, send the next request."""
        self._answer = answer = self._answer + data if self._answer else data
        if self._ends_at is None:
            head = answer.find(b"\r\n\r\n")
            if head < 0:
                return
            start = answer.find(_LENGTH) + len(_LENGTH)
            self._ends_at = head + 4 + int(answer[start : answer.find(b"\r\n", start)])
        if len(answer) < self._ends_at:
            return
        if not answer.startswith(self._expected):
            self.fault = answer[:2_000].decode(errors="replace")
            self.close()
            return
        now = perf_counter()
        self._times.append((now, now - self._started))
        self._send()

    def _send(self) -> None:
        self._answer, self._ends_at = b"", None
        self._turn += 1
        key = str(uuid.uuid4()).encode()
        request = self._sent[self._turn % len(self._sent)]
        reference = order_number().encode()
        request = request.replace(KEY_PLACE, key).replace(REFERENCE_PLACE, reference)
        if self.transport is not None:
            self._started = perf_counter()
            self.transport.write(request)

    def close(self) -> None:
        """Stop."""
        if self.transport is not None:
            transport, self.transport = self.transport, None
            transport.close()


async def run(job: Job) -> Run:
    """Send until the time is over, and sum up what was answered within the time measured."""
    window = Window(job.warm_s, job.measured_s)
    loop = asyncio.get_running_loop()
    times: list[tuple[float, float]] = []
    sent = requests(job)
    began = perf_counter()
    callers = [
        (
            await loop.create_connection(
                lambda number=number: Caller(sent, number, job.status, times),  # type: ignore[misc]
                "127.0.0.1",
                job.port,
            )
        )[1]
        for number in range(job.connections)
    ]
    await asyncio.sleep(window.whole_s)
    faults = [caller.fault for caller in callers if caller.fault is not None]
    for caller in callers:
        caller.close()
    if faults:
        message = f"{len(faults)} connections failed; the first: {faults[0]}"
        raise RuntimeError(message)
    first = began + window.warm_s
    last = first + window.measured_s
    return Run.of([took for end, took in times if first <= end < last], window.measured_s)


def main() -> None:
    """Read a job from standard input, do it, and write the run to standard output."""
    json.dump(asdict(uvloop.run(run(Job(**json.load(sys.stdin))))), sys.stdout)


if __name__ == "__main__":
    main()
