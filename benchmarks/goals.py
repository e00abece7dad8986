"""What is to be reached: each goal as a ratio of two lines of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import velocity
from benchmarks.growth import CALLERS, CLIENTS, Sizes, label
from benchmarks.measuring import ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.measuring import Figure, Line
    from benchmarks.velocity import Past


@dataclass(frozen=True, slots=True)
class Goal:
    """One line divided by another, which must be at least or at most ``reach``."""

    what: str
    over: str
    under: str
    figure: Figure
    reach: float
    at_least: bool
    #: Reported beside the goals, and not one of them.
    informative: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was found."""

    what: str
    found: float
    reach: float
    at_least: bool
    informative: bool

    @property
    def reached(self) -> bool:
        """Whether the ratio is within its reach."""
        return self.found >= self.reach if self.at_least else self.found <= self.reach


def goals(sizes: Sizes, past: Past, processes: tuple[int, ...]) -> list[Goal]:
    """Return every goal, and the ratios that are told beside them."""
    found = [
        Goal(
            "in process at 64 callers, of the floor at 16 clients",
            "in process/instant gateway/64", "floor/pgbench/16", "rate", 1.5, at_least=True,
        ),
        Goal(
            "p50 of one caller in process, of the floor's at one client",
            "in process/instant gateway/1", "floor/pgbench/1", "p50_ms", 3.0, at_least=False,
        ),
    ]  # fmt: skip
    found += [
        Goal(
            f"HTTP at 64, of a request that does nothing ({_processes(number)})",
            f"http/purchase, {_processes(number)}/64",
            f"http/no-op, {_processes(number)}/64",
            "rate", 0.4, at_least=True,
        )
        for number in processes
    ]  # fmt: skip
    found += [
        Goal(
            f"{what} at {callers}: with {sizes.small:,} payments, of {sizes.large:,}",
            f"growth/{label(what, sizes.small)}/{callers}",
            f"growth/{label(what, sizes.large)}/{callers}",
            "rate", 1.3, at_least=False, informative=what == "floor",
        )
        for what, callers in (("in process", CALLERS), ("floor", CLIENTS))
    ]  # fmt: skip
    found += [
        Goal(
            f"default rules at 64, {what}: with {past.small:,} before, of {past.large:,}",
            f"fraud/{velocity.label(what, past.small)}/64",
            f"fraud/{velocity.label(what, past.large)}/64",
            "rate", 1.3, at_least=False, informative=what != "spread keys",
        )
        for what in ("spread keys", "one hot address")
    ]  # fmt: skip
    found += [
        Goal(
            "counting the payments of a month, of its summary",
            "metrics/counting the payments/1", "metrics/summary of 30 days/1", "p50_ms", 1.0,
            at_least=True, informative=True,
        ),
        Goal(
            "purchases at 64 with durations measured, of those without",
            "metrics/purchases, durations measured/64",
            "metrics/purchases, durations not measured/64", "rate", 0.95, at_least=True,
        ),
    ]  # fmt: skip
    return found


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def judge(goals: list[Goal], lines: Mapping[str, Line]) -> list[Verdict]:
    """Compare what was measured with the goals; what was not measured is left out."""
    return [
        Verdict(goal.what, found, goal.reach, goal.at_least, goal.informative)
        for goal in goals
        if (found := ratio(lines, goal.over, goal.under, goal.figure)) is not None
    ]
