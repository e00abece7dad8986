"""The floor: the same purchase in raw SQL, sent by PostgreSQL's own pgbench."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Cell, Run, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.place import Stand

#: What Paykeel sets for its own connections, so that both are planned alike.
SESSION = (
    "-c enable_seqscan=off -c enable_mergejoin=off -c random_page_cost=1.1"
    " -c plan_cache_mode=force_generic_plan -c jit=off"
)


def floor_cell(stand: Stand, clients: int, window: Window, what: str = "pgbench") -> Cell:
    """Return the line of so many clients."""
    return Cell("floor", what, clients, lambda: run_pgbench(stand, clients, window))


async def run_pgbench(stand: Stand, clients: int, window: Window) -> Run:
    """Buy by pgbench; the first seconds warm up the connections and are not counted."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1"]
        words += ["-T", str(math.ceil(window.whole_s)), "-l", "--log-prefix", f"{folder}/log"]
        words += ["-f", str(files("benchmarks").joinpath("floor.sql"))]
        given = {
            "merchant_id": str(stand.merchant_id),
            "gateway": stand.gateway,
            "body": stand.body,
            "payload": stand.payload,
        }
        for name, value in given.items():
            words += ["-D", f"{name}={value}"]
        process = await asyncio.create_subprocess_exec(
            str(stand.server.bin_dir / "pgbench"),
            *words,
            stand.app_url,
            env={**os.environ, "PGOPTIONS": SESSION},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode != 0 or b"number of failed transactions: 0 " not in said:
            message = f"pgbench failed: {said.decode(errors='replace')}"
            raise RuntimeError(message)
        lines = await asyncio.to_thread(_lines, Path(folder))
    return read_log(lines, window)


def _lines(folder: Path) -> list[str]:
    """Return what the log says; each of pgbench's threads writes a file."""
    return [line for log in folder.iterdir() for line in log.read_text().splitlines()]


def read_log(lines: Iterable[str], window: Window) -> Run:
    """Sum up a log of pgbench: client, number, microseconds, script, and the instant of the end.

    >>> read_log(["0 1 2000 0 10 500000", "0 2 4000 0 11 900000"], Window(1.0, 2.0)).p50_ms
    4.0
    """
    ends: list[tuple[float, float]] = []
    for line in lines:
        _, _, took_us, _, second, microsecond = line.split()[:6]
        ends.append((int(second) + int(microsecond) / 1e6, int(took_us) / 1e6))
    first = min(end - took for end, took in ends) + window.warm_s
    last = first + window.measured_s
    return Run.of([took for end, took in ends if first <= end < last], window.measured_s)
