"""One run over a file of orders. Read it from top to bottom."""

from __future__ import annotations

import asyncio
import csv
import json
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from paykeel.cli.orders.counting import Tally, Turns
from paykeel.cli.orders.model import Order, Reject
from paykeel.cli.orders.sending import LineRefused, Patience, Sender
from paykeel.errors import IdempotencyInFlight, PaykeelError

if TYPE_CHECKING:
    from collections.abc import Iterator

REJECT_COLUMNS = ("line", "reference", "field", "code", "reason")
#: A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


class Rejects(Protocol):
    """Where rejects are written as they are found."""

    def write(self, reject: Reject) -> None:
        """Write one."""
        ...


class RejectFile:
    """Writes rejects as CSV or NDJSON, line by line, so that a run that is killed leaves them."""

    def __init__(self, stream: IO[str], file_format: str) -> None:
        self._stream = stream
        self._rows = None
        if file_format == "csv":
            self._rows = csv.DictWriter(stream, REJECT_COLUMNS, lineterminator="\n")
            self._rows.writeheader()

    def write(self, reject: Reject) -> None:
        """Write one."""
        if self._rows is not None:
            self._rows.writerow({name: as_text(cell) for name, cell in reject.document().items()})
        else:
            self._stream.write(json.dumps(reject.document(), ensure_ascii=False) + "\n")
        self._stream.flush()


def as_text(cell: int | str) -> int | str:
    """Return a cell that no spreadsheet computes: what looks like a formula gets a ``'`` before it.

    >>> as_text("=1+1"), as_text("A-1")
    ("'=1+1", 'A-1')
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_BEGINNINGS) else cell


class Progress(Protocol):
    """Whoever wants to see how far a run is."""

    def advance(self, tally: Tally) -> None:
        """Look at it; called after each line."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run works with."""

    orders: Iterator[Order | Reject]
    sender: Sender
    patience: Patience
    rejects: Rejects | None
    progress: Progress | None
    #: How many orders may be on their way at once: all of a file that is in memory.
    concurrency: int


async def run_orders(run: Run) -> tuple[Tally, PaykeelError | None]:
    """Run every order once; return what became of them, and what ended the run early, if anything.

    It ends early when ``run.patience.stop`` is set, or when no order has a chance any more. What is
    on its way is waited for. Running the file again is then safe, and finishes it.
    """
    tally, turns = Tally(), Turns()
    stop = run.patience.stop
    fatal: list[PaykeelError] = []
    started = time.monotonic()

    def reject(reject: Reject) -> None:
        tally.reject(reject)
        if run.rejects is not None:
            run.rejects.write(reject)

    async def lane() -> None:
        # All lanes draw from the same lines. Drawing does not wait, so no two get the same one.
        for line in run.orders:
            tally.lines += 1
            if isinstance(line, Reject):
                reject(line)
            else:
                before, own = turns.take(line)
                try:
                    if before is not None:
                        await before.wait()
                    tally.count(await run.patience.send(run.sender, line))
                except LineRefused as error:
                    reject(_refused(line, error))
                except PaykeelError as error:
                    tally.unanswered += 1
                    if error.code == IdempotencyInFlight.code:
                        # Another process has it in hand; that says nothing of the other orders.
                        reject(Reject(line.line, line.reference, "", error.code, error.message))
                    elif not stop.is_set():
                        fatal.append(error)
                        stop.set()
                finally:
                    turns.end(line, own)
            tally.seconds = time.monotonic() - started
            if run.progress is not None:
                run.progress.advance(tally)
            if stop.is_set():
                return
            # Lines that are all wrong would otherwise never let go of the loop.
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(run.concurrency):
            group.create_task(lane())
    tally.seconds = time.monotonic() - started
    error = fatal[0] if fatal else None
    tally.stopped = error.code if error else "interrupted" if stop.is_set() else None
    return tally, error


def _refused(order: Order, error: LineRefused) -> Reject:
    return Reject(order.line, order.reference, error.field, error.code, error.reason)
