"""Runs and what they come to: percentiles of one, medians of several, ratios of pairs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence


Figure = Literal["rate", "p50_ms"]


@dataclass(frozen=True, slots=True)
class Window:
    """How long a run warms up, which nobody counts, and how long it is measured; in seconds."""

    warm_s: float
    measured_s: float

    @property
    def whole_s(self) -> float:
        """Both together."""
        return self.warm_s + self.measured_s


@dataclass(frozen=True, slots=True)
class Run:
    """One run: how many a second, and how long one took, in milliseconds."""

    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: int

    @classmethod
    def of(cls, latencies_s: Sequence[float], seconds: float) -> Self:
        """Sum up the latencies of what ended within ``seconds``.

        >>> Run.of([0.001, 0.002, 0.003], 1.5)
        Run(rate=2.0, p50_ms=2.0, p95_ms=3.0, p99_ms=3.0, count=3)
        """
        if not latencies_s:
            message = "nothing ended within the time that was measured"
            raise ValueError(message)
        ordered = sorted(latencies_s)

        def at(share: float) -> float:
            return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

        return cls(len(ordered) / seconds, at(0.50), at(0.95), at(0.99), len(ordered))

    @classmethod
    def middle(cls, runs: Sequence[Self]) -> Self:
        """Return the median of each figure; ``count`` is the sum."""
        return cls(
            median(run.rate for run in runs),
            median(run.p50_ms for run in runs),
            median(run.p95_ms for run in runs),
            median(run.p99_ms for run in runs),
            sum(run.count for run in runs),
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """Something to measure: one line of the report."""

    group: str
    what: str
    callers: int
    run: Callable[[], Awaitable[Run]]

    @property
    def key(self) -> str:
        """What the line is known by: ``floor/pgbench/16``."""
        return f"{self.group}/{self.what}/{self.callers}"


@dataclass(frozen=True, slots=True)
class Line:
    """A cell after its runs, in the order of the rounds."""

    group: str
    what: str
    callers: int
    runs: tuple[Run, ...]

    @property
    def middle(self) -> Run:
        """The medians over the rounds."""
        return Run.middle(self.runs)


Lines = dict[str, Line]


async def measure(
    cells: Sequence[Cell], rounds: int, before: Callable[[], Awaitable[None]]
) -> Lines:
    """Run every cell once a round, each second round backwards, so that a drift cancels out."""
    runs: dict[str, list[Run]] = {cell.key: [] for cell in cells}
    for turn in range(rounds):
        for cell in cells if turn % 2 == 0 else reversed(cells):
            await before()
            run = await cell.run()
            runs[cell.key].append(run)
            tell(
                f"round {turn + 1} of {rounds}  {cell.group}: {cell.what}, {cell.callers} at once: "
                f"{run.rate:,.0f}/s, p50 {run.p50_ms:.2f} ms"
            )
    return {
        cell.key: Line(cell.group, cell.what, cell.callers, tuple(runs[cell.key])) for cell in cells
    }


def ratio(
    lines: Mapping[str, Line], over: str, under: str, figure: Figure = "rate"
) -> float | None:
    """Return the median of the rounds' ratios, or nothing where one of the two was not measured."""
    if over not in lines or under not in lines:
        return None
    pairs = zip(lines[over].runs, lines[under].runs, strict=True)
    if figure == "rate":
        return median(a.rate / b.rate for a, b in pairs)
    return median(a.p50_ms / b.p50_ms for a, b in pairs)


def tell(text: str) -> None:
    """Say on standard error how far it is."""
    print(text, file=sys.stderr, flush=True)
