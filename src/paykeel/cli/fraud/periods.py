"""Periods on the command line: ``--since 30d``, or an instant; and a bar while one is read."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from paykeel.errors import InvalidField
from paykeel.fraud.backtest import PERIOD_DAYS_MAX, Period
from paykeel.fraud.labels import read_instant

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

_AGO = re.compile(r"([1-9][0-9]{0,7})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_EVERY_S = 0.1


def read_duration(text: str, name: str) -> timedelta:
    """Return a duration such as ``90s``, ``12h`` or ``30d``.

    Raises:
        InvalidField: ``duration_malformed`` or ``duration_too_long``.

    >>> read_duration("12h", "since")
    datetime.timedelta(seconds=43200)
    """
    found = _AGO.fullmatch(text)
    if found is None:
        raise InvalidField(
            name, "duration_malformed", "A duration is a number and s, m, h or d, such as 30d."
        )
    seconds = int(found[1]) * _SECONDS[found[2]]
    if seconds > PERIOD_DAYS_MAX * 86_400:
        raise InvalidField(name, "duration_too_long", f"At most {PERIOD_DAYS_MAX}d.")
    return timedelta(seconds=seconds)


def read_moment(text: str, name: str, now: datetime) -> datetime:
    """Return an instant, or how long ago: ``2026-11-01T00:00:00Z`` or ``30d``."""
    if _AGO.fullmatch(text):
        return now - read_duration(text, name)
    return read_instant(text, name)


def read_period(since: str, until: str | None, now: datetime) -> Period:
    """Return the period that ``--since`` and ``--until`` say; until now when left out."""
    end = now if until is None else read_moment(until, "until", now)
    return Period(since=read_moment(since, "since", now), until=end)


class CountBar:
    """A progress bar with how many a second, and how long it still takes."""

    def __init__(self, console: Console, noun: str) -> None:
        self._noun = noun
        self._next_s = 0.0
        self._began_s = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            # Only where somebody watches; a log would be filled with it.
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task(f"0 {noun}", total=None)

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

    def advance(self, done: int, total: int | None, shown: int | None = None) -> None:
        """Move on, ten times a second at most; ``shown`` is what is counted, if not ``done``."""
        now = time.monotonic()
        if now < self._next_s:
            return
        self._next_s = now + _EVERY_S
        count = done if shown is None else shown
        rate = count * 1_000 // max(1, int((now - self._began_s) * 1_000))
        self._progress.update(
            self._task,
            completed=done,
            total=total,
            description=f"{count:,} {self._noun}, {rate:,} a second",
        )
