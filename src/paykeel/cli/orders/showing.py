"""Shows a run to people: a progress bar while it goes on, and what became of the lines."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from paykeel.cli.orders.counting import Count
from paykeel.money import Money
from paykeel.payments.answers import GOOD
from paykeel.payments.states import CONCLUDED

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from paykeel.cli.context import Output
    from paykeel.cli.orders.counting import Tally
    from paykeel.cli.orders.reading import Lines

_EVERY_S = 0.1


class Bar:
    """A progress bar by bytes, so that a file need not be counted before it is run."""

    def __init__(self, console: Console, lines: Lines, bytes_total: int | None) -> None:
        self._lines = lines
        self._next_s = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
            # Only where somebody watches; a log would be filled with it.
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("0 orders", total=bytes_total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def advance(self, tally: Tally) -> None:
        """Move on, ten times a second at most."""
        now = time.monotonic()
        if now < self._next_s:
            return
        self._next_s = now + _EVERY_S
        self._progress.update(
            self._task,
            completed=self._lines.bytes_read,
            description=f"{tally.answered:,} orders, {tally.rejected:,} rejected",
        )


def show_tally(out: Output, tally: Tally, rejects_path: str | None) -> None:
    """Print what became of the lines."""
    if tally.groups:
        _show_groups(out, tally)
    if tally.first_rejects:
        out.table(
            ("line", "reference", "field", "code", "reason"),
            [
                (one.line, one.reference, one.field, one.code, one.reason)
                for one in tally.first_rejects
            ],
            title="Rejected",
            right=("line",),
            prose=("field", "reason"),
        )
        hidden = tally.rejected - len(tally.first_rejects)
        if rejects_path is not None:
            out.line(f"All {tally.rejected:,} rejects are in {rejects_path}.")
        elif hidden:
            out.line(f"… and {hidden:,} more; --rejects FILE writes them all.")
    # Milliseconds, whole: a rate is for people.
    rate = tally.answered * 1000 // max(1, int(tally.seconds * 1000))
    out.line(
        f"{tally.lines:,} lines in {tally.seconds:.1f} s ({rate:,} orders a second): "
        f"{tally.answered:,} answered, {tally.rejected:,} rejected."
    )
    if tally.replayed:
        out.line(
            f"{tally.replayed:,} of the answers were replayed: those orders were bought before and "
            "not charged again."
        )
    if tally.resent:
        out.line(f"{tally.resent:,} orders were sent more than once, under the same key.")
    if tally.open:
        out.line(
            f"{tally.open:,} are still open: recovery (`paykeel serve` or `paykeel worker`) goes "
            "on with those that the gateway has, their buyers with those that require an action."
        )
    if tally.unanswered:
        out.line(f"{tally.unanswered:,} were sent and have no answer yet.")
    if tally.stopped:
        out.line(
            f"Stopped early ({tally.stopped}). Run the same file again: what was bought is "
            "replayed and not charged again, and the rest follows."
        )


def _show_groups(out: Output, tally: Tally) -> None:
    """Print counts by status and reason, and sums by currency."""
    counts: dict[tuple[str, str], Count] = {}
    sums: dict[str, Counter[str]] = {}
    for group, count in sorted(tally.groups.items()):
        total = counts.setdefault((group.status, group.reason), Count())
        total.new += count.new
        total.replayed += count.replayed
        by_kind = sums.setdefault(group.currency, Counter())
        by_kind[_kind(group.status)] += count.new_amount
        by_kind["replayed"] += count.replayed_amount
    out.table(
        ("status", "reason", "new", "replayed"),
        [
            (status, reason, count.new or "", count.replayed or "")
            for (status, reason), count in counts.items()
        ],
        right=("new", "replayed"),
    )
    kinds = ("bought", "open", "not bought", "replayed")
    out.table(
        ("", *kinds),
        [
            (currency, *(Money(kind[name], currency).major if kind[name] else "" for name in kinds))
            for currency, kind in sorted(sums.items())
        ],
        title="Amounts, new and replayed",
        right=kinds,
    )


def _kind(status: str) -> str:
    """Say under which heading the amounts of a status are added up."""
    if status not in CONCLUDED:
        return "open"
    return "bought" if status in GOOD else "not bought"
