"""Embedded Metric Format: lines of JSON on standard output, from which CloudWatch Logs counts.

For machines whose agent already sends what a process prints. What is logged goes to standard error,
so that these lines are alone. Durations are written out one by one, at most 100 a line, because
readers of the format ignore what is beyond that without a word.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from concurrent.futures import Future
from itertools import groupby
from threading import Thread
from typing import TYPE_CHECKING, Any

from paykeel.metrics.catalogue import CATALOGUE, CLOUDWATCH_UNITS, Kind, cloudwatch_name
from paykeel.metrics.sinks.datums import representative_us
from paykeel.metrics.sinks.port import REASON_CHARACTERS_MAX, Delivered, Later, Seen, Unsure
from paykeel.metrics.sinks.validate import AGE_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta
    from typing import TextIO

    from paykeel.metrics.sinks.datums import Datum
    from paykeel.metrics.sinks.dimensions import DimensionSet
    from paykeel.metrics.sinks.port import Delivery, Probe

METRICS_MAX = 100
VALUES_MAX = 100
BATCH_DATUMS_MAX = 1_000


class Emf:
    """Writes batches as lines."""

    name = "emf"
    #: Nobody can ask a stream what has been read from it.
    reads_back = False
    age_max: timedelta | None = AGE_MAX

    def __init__(self, *, namespace: str, timeout_ms: int, stream: TextIO | None = None) -> None:
        """Take the namespace, and where to write; standard output unless told otherwise."""
        self._namespace = namespace
        self._timeout_ms = timeout_ms
        self._stream = stream
        self._writer: Thread | None = None

    def sets(self, asked: Sequence[DimensionSet]) -> tuple[DimensionSet, ...]:
        """Return all: CloudWatch adds nothing up over dimensions."""
        return tuple(asked)

    def pack(self, datums: Sequence[Datum]) -> list[list[Datum]]:
        """Part datums into batches of bounded size."""
        return parts_of(datums, BATCH_DATUMS_MAX)

    async def send(self, datums: Sequence[Datum], now: datetime) -> Delivery:
        """Write one batch in one piece, unless nobody reads what was written before.

        The thread is a daemon, which the end of the process does not wait for: whoever stopped
        reading may never go on.
        """
        del now
        if self._writer is not None and self._writer.is_alive():
            return Later("nobody reads standard output")
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        self._writer = Thread(target=self._write, args=(datums, done), daemon=True)
        self._writer.start()
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                await asyncio.wrap_future(done)
        except (OSError, ValueError) as error:  # Being out of time is among them.
            return Unsure(f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX])
        return Delivered()

    async def was_received(self, probe: Probe, sent_at: datetime) -> Seen:
        """Say that nobody knows."""
        del probe, sent_at
        return Seen.UNREADABLE

    async def close(self) -> None:
        """Leave the stream open: it is not ours."""

    def _write(self, datums: Sequence[Datum], done: Future[None]) -> None:
        try:
            text = "".join(f"{json.dumps(line)}\n" for line in lines(self._namespace, datums))
            _write_through(self._stream or sys.stdout, text)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it was
            done.set_exception(error)
        else:
            done.set_result(None)


def _write_through(stream: TextIO, text: str) -> None:
    """Write past the stream's own buffer: the end of the process would wait for the lock of that.

    A stream that is no file, as in a test, is written to as it is.
    """
    try:
        number = stream.fileno()
    except io.UnsupportedOperation:
        stream.write(text)
        return
    data = text.encode()
    while data:
        data = data[os.write(number, data) :]


def parts_of(datums: Sequence[Datum], datums_max: int) -> list[list[Datum]]:
    """Part datums into lists of at most so many."""
    starts = range(0, len(datums), datums_max)
    return [list(datums[start : start + datums_max]) for start in starts]


def lines(namespace: str, datums: Sequence[Datum]) -> Iterator[dict[str, Any]]:
    """Yield the documents of some datums: one for each minute and set of labels, if that is enough.

    A metric is in a line once; of a histogram with many durations, the rest is in further lines.
    """
    for _, group in groupby(
        sorted(datums, key=lambda one: (one.minute, one.labels)),
        key=lambda one: (one.minute, one.labels),
    ):
        # A minute's first part and what came late to it may be in one batch.
        waiting = [(datum, part) for datum in group for part in _values_of(datum)]
        while waiting:
            line: dict[str, tuple[Datum, Any]] = {}
            rest = []
            for datum, part in waiting:
                if datum.metric in line or len(line) == METRICS_MAX:
                    rest.append((datum, part))
                else:
                    line[datum.metric] = (datum, part)
            yield _line(namespace, line)
            waiting = rest


def _values_of(datum: Datum) -> list[Any]:
    if datum.kind is not Kind.HISTOGRAM:
        return [datum.value]
    single = [representative_us(place) for place, count in datum.places for _ in range(count)]
    return [single[start : start + VALUES_MAX] for start in range(0, len(single), VALUES_MAX)]


def _line(namespace: str, values: dict[str, tuple[Datum, Any]]) -> dict[str, Any]:
    datum = next(datum for datum, _ in values.values())
    labels = {cloudwatch_name(name): value for name, value in datum.labels}
    return {
        "_aws": {
            "Timestamp": int(datum.minute.timestamp()) * 1000,
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [list(labels)],
                    "Metrics": [
                        {
                            "Name": cloudwatch_name(name),
                            "Unit": CLOUDWATCH_UNITS[CATALOGUE[name].unit],
                            "StorageResolution": 60,
                        }
                        for name in values
                    ],
                }
            ],
        },
        **labels,
        **{cloudwatch_name(name): value for name, (_, value) in values.items()},
    }
