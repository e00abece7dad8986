"""The report: tables for people, and a JSON file for whoever compares two runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import BUSY_PERCENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.goals import Verdict
    from benchmarks.machine import Machine
    from benchmarks.measuring import Line, Window


def show(
    machine: Machine, lines: Mapping[str, Line], verdicts: Sequence[Verdict], console: Console
) -> None:
    """Print the machine, the figures and what was reached."""
    console.print(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB, {machine.kernel}\n"
        f"PostgreSQL {machine.postgres}, {machine.python}, "
        f"one 8 KB write on the disk in {machine.fsync_ms:.2f} ms, "
        f"processors busy with other things {machine.busy_percent:.0f} %"
    )
    table = Table(
        "measured", "at once", "purchases/s", "p50 ms", "p95 ms", "p99 ms", "lowest to highest"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    group = None
    for line in lines.values():
        if group is not None and group != line.group:
            table.add_section()
        group, run = line.group, line.middle
        rates = [each.rate for each in line.runs]
        table.add_row(
            f"{line.group}: {line.what}",
            str(line.callers),
            f"{run.rate:,.0f}",
            *(f"{value:,.2f}" for value in (run.p50_ms, run.p95_ms, run.p99_ms)),
            f"{min(rates):,.0f} to {max(rates):,.0f}",
        )
    console.print(table)
    table = Table("ratio", "found", "reach", "reached")
    for verdict in verdicts:
        sign = "≥" if verdict.at_least else "≤"
        table.add_row(
            verdict.what,
            f"{verdict.found:.2f}",
            "" if verdict.informative else f"{sign} {verdict.reach:g}",
            "" if verdict.informative else _word(verdict),
        )
    console.print(table)
    if machine.busy_percent > BUSY_PERCENT:
        console.print(
            "Other programs were busy meanwhile: the figures are low and scatter, and the ratios "
            "are only as good as the medians of the rounds. Run it again on an idle machine, or "
            "with --wait 60."
        )


def _word(verdict: Verdict) -> str:
    return "[green]yes[/green]" if verdict.reached else "[red]no[/red]"


def document(
    machine: Machine, window: Window, lines: Mapping[str, Line], verdicts: Sequence[Verdict]
) -> dict[str, Any]:
    """Return everything as JSON-ready values, each round's figures included."""
    return {
        "machine": machine.document(),
        "window_s": asdict(window),
        "lines": [
            {
                "group": line.group,
                "what": line.what,
                "callers": line.callers,
                "median": asdict(line.middle),
                "rounds": [asdict(run) for run in line.runs],
            }
            for line in lines.values()
        ],
        "ratios": [
            {**asdict(verdict), "reached": None if verdict.informative else verdict.reached}
            for verdict in verdicts
        ],
    }


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write the JSON file."""
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
