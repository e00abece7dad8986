"""The benchmark measures what it says: every part runs, small and short; no time is asserted."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.floor import read_log
from benchmarks.goals import goals, judge
from benchmarks.growth import Sizes, label
from benchmarks.load import Job, requests
from benchmarks.measuring import Line, Run, Window, ratio
from benchmarks.suite import PARTS, Plan, parts_of, run
from benchmarks.velocity import Past

if TYPE_CHECKING:
    from pathlib import Path

SIZES = Sizes(small=100, large=300)
PAST = Past(small=100, large=300)


@pytest.mark.slow
async def test_every_part_of_the_benchmark_runs(tmp_path: Path) -> None:
    plan = Plan(
        parts=frozenset(PARTS),
        # Long enough for a purchase to end on a machine that does other things as well.
        window=Window(warm_s=0.2, measured_s=1.0),
        long_window=Window(warm_s=0.2, measured_s=1.0),
        rounds=1,
        sizes=SIZES,
        past=PAST,
        metered=300,
        clients=(2,),
        callers=(2,),
        connections=(2,),
        processes=(1,),
    )
    machine, lines = await run(plan, None)
    assert [key for key in lines if not key.startswith(("growth/", "fraud/", "metrics/"))] == [
        "floor/pgbench/2",
        "in process/instant gateway/2",
        "in process/placeholder/2",
        "in process/instant gateway, 8 merchants/64",
        "http/no-op, 1 process/2",
        "http/purchase, 1 process/2",
        "http/purchase, 1 process, placeholder/2",
    ]
    assert {line.what for line in lines.values() if line.group == "growth"} == {
        label(what, rows) for what in ("floor", "in process") for rows in (100, 300)
    }
    assert all(line.middle.count > 0 for line in lines.values())
    assert machine.fsync_ms > 0
    verdicts = judge(goals(SIZES, PAST, (1,)), lines)
    assert [verdict.reach for verdict in verdicts] == [1.3, 1.3, 1.3, 1.3, 1.0, 0.95]
    file = tmp_path / "bench.json"
    report.write(file, report.document(machine, plan.window, lines, verdicts))
    assert len(json.loads(file.read_text())["lines"]) == len(lines)
    said = StringIO()
    report.show(machine, lines, verdicts, Console(file=said, width=120))
    assert machine.cpu in said.getvalue()


def lines_of(**rates: tuple[float, ...]) -> dict[str, Line]:
    return {
        name: Line("group", name, 1, tuple(Run(rate, 1 / rate, 0, 0, 1) for rate in found))
        for name, found in rates.items()
    }


def test_a_ratio_is_the_median_of_the_rounds_and_not_of_the_figures() -> None:
    lines = lines_of(a=(10.0, 20.0, 300.0), b=(5.0, 20.0, 100.0))
    assert ratio(lines, "a", "b") == 2
    assert ratio(lines, "a", "b", "p50_ms") == 0.5
    assert ratio(lines, "a", "c") is None


@pytest.mark.parametrize(("rate", "reached"), [(1.5, True), (1.4, False)])
def test_a_goal_is_reached_or_not(rate: float, *, reached: bool) -> None:
    found = lines_of(**{"in process/instant gateway/64": (rate,), "floor/pgbench/16": (1.0,)})
    (verdict,) = judge(goals(SIZES, PAST, (1, 2)), found)
    assert (verdict.found, verdict.reached) == (rate, reached)


def test_pgbench_is_counted_in_the_window_alone() -> None:
    lines = [f"0 {n} 500000 0 {100 + n} 0" for n in range(10)]
    # It began at 99.5; two seconds of warming up end at 101.5.
    counted = read_log(lines, Window(2.0, 4.0))
    assert (counted.count, counted.rate, counted.p50_ms) == (4, 1.0, 500.0)


def test_a_request_of_the_load_generator_is_whole() -> None:
    job = Job(1, "/noop", {"x-a": "b"}, ['{"ä":1}'], 1, 0.1, 0.1, 200)
    head, body = requests(job)[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /noop HTTP/1.1\r\n")
    assert f"content-length: {len(body)}".encode() in head.split(b"\r\n")


def test_parts_are_named() -> None:
    assert parts_of("") == frozenset(PARTS)
    with pytest.raises(ValueError, match="no part hhtp"):
        parts_of("hhtp")
