"""The command: ``make bench``, or ``python -m benchmarks``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from benchmarks import report
from benchmarks.goals import goals, judge
from benchmarks.growth import Sizes
from benchmarks.measuring import Window
from benchmarks.suite import Plan, parts_of, run
from benchmarks.velocity import Past

#: At full load, Paykeel's configuration leaves about so long between two checkpoints.
CHECKPOINT_S = 60.0

app = App(name="benchmarks", version_flags=[])


@app.default
def bench(
    *,
    quick: bool = False,
    only: str = "",
    seconds: float | None = None,
    rounds: int | None = None,
    wait: float = 0.0,
    json: Annotated[Path | None, Parameter(name="--json")] = None,
    data_dir: Path | None = None,
) -> None:
    """Measure purchases a second, beside raw SQL and a request that does nothing.

    Args:
        quick: Short runs, and growth from 20 thousand to 200 thousand payments.
        only: Parts, with commas between: floor, inprocess, http, growth, fraud, metrics.
        seconds: How long each run is measured; 8, or 2 with --quick.
        rounds: How often each run is repeated, in turn with the others; 5, or 2 with --quick.
        wait: How many seconds, at most, to wait before each run for other programs to be quiet.
        json: Write everything into this file, too.
        data_dir: Where the server and its data are made, and removed afterwards.
    """
    # Told to end, it still stops the server and removes what may be many gigabytes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    measured_s = seconds or (2.0 if quick else 8.0)
    plan = Plan(
        parts=parts_of(only),
        window=Window(max(1.0, measured_s / 4), measured_s),
        long_window=Window(1.0, measured_s if quick else max(measured_s, CHECKPOINT_S)),
        rounds=rounds or (2 if quick else 5),
        sizes=Sizes(20_000, 200_000) if quick else Sizes(100_000, 3_000_000),
        past=Past(20_000, 200_000) if quick else Past(100_000, 10_000_000),
        metered=200_000 if quick else 10_000_000,
        wait_s=wait,
    )
    machine, lines = uvloop.run(run(plan, data_dir))
    verdicts = judge(goals(plan.sizes, plan.past, plan.processes), lines)
    report.show(machine, lines, verdicts, Console(file=sys.stdout))
    if json is not None:
        report.write(json, report.document(machine, plan.window, lines, verdicts))


if __name__ == "__main__":
    app()
