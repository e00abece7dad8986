"""``fraud labels``: what turned out afterwards, and when that became known."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from cyclopts import App, Parameter

from paykeel.cli.context import (
    DEFAULTS,
    FOUND,
    OK,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.fraud.label_file import read_labels
from paykeel.cli.fraud.periods import CountBar
from paykeel.cli.orders.counting import REJECTS_SHOWN_MAX
from paykeel.cli.orders.model import Reject, shown
from paykeel.cli.orders.reading import Lines
from paykeel.cli.orders.running import RejectFile
from paykeel.errors import InvalidInput
from paykeel.fraud.labels import BATCH_ROWS_MAX, FAULTS, NewLabel, read_instant

if TYPE_CHECKING:
    from paykeel.core import Core
    from paykeel.fraud.labels import FraudLabel

Format = Literal["csv", "ndjson"]
FORMATS: dict[str, Format] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
STDIN = "-"

app = App(name="labels", help="What turned out afterwards: fraud or genuine, and since when.")


@app.command
async def add(
    payment: UUID,
    label: str,
    /,
    *,
    source: str,
    author: str,
    known_at: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Say of one payment what it turned out to be; a repetition changes nothing.

    Args:
        payment: The payment's id.
        label: fraud or genuine.
        source: chargeback, early_warning, review or customer.
        author: Who says so.
        known_at: When it became known, like 2026-11-23T09:30:00Z; now when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    at = None if known_at is None else read_instant(known_at, "known_at")
    new = NewLabel(label=label, source=source, payment_id=payment, known_at=at)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found, added = await core.labels.add(new, merchant_id=owner.merchant_id, author=author)
    out.document({**found.document(), "added": added})
    out.facts(
        {
            "payment": found.payment_id,
            "label": found.label,
            "source": found.source,
            "known at": _instant(found),
            "added": "yes" if added else "no, it was there already",
        }
    )


@app.command
async def show(
    payment: UUID, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Show a payment's labels, in the order in which they became known.

    Args:
        payment: The payment's id.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.labels.list(payment, merchant_id=owner.merchant_id)
    out.document({"labels": [one.document() for one in found]})
    out.table(
        ("known at", "label", "source", "author"),
        [(_instant(one), one.label, one.source, one.created_by) for one in found],
    )


@dataclass(slots=True)
class _Import:
    """What became of a file's lines so far."""

    rejects: RejectFile | None
    lines: int = 0
    added: int = 0
    repeated: int = 0
    rejected: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    first: list[Reject] = field(default_factory=list)

    def reject(self, reject: Reject) -> None:
        """Count a line that was not taken."""
        self.rejected += 1
        self.codes[reject.code] += 1
        if len(self.first) < REJECTS_SHOWN_MAX:
            self.first.append(reject)
        if self.rejects is not None:
            self.rejects.write(reject)

    def document(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return {
            "lines": self.lines,
            "added": self.added,
            "repeated": self.repeated,
            "rejected": self.rejected,
            "rejects_by_code": dict(sorted(self.codes.items())),
            "first_rejects": [one.document() for one in self.first],
        }


@app.command(name="import")
async def import_(
    source: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    author: str,
    file_format: Annotated[Format | None, Parameter(name="--format")] = None,
    rejects: Path | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Import labels from a file; what is there already is not added again.

    A line names its payment by payment_id, or by reference: your own name for the order.

    Args:
        source: A CSV or NDJSON file with payment_id or reference, label, source, known_at; - reads
            stdin.
        author: Who says so.
        file_format: csv or ndjson, where the file's name does not say so.
        rejects: Write the lines that were not taken here, and why (.csv or .ndjson).
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    with ExitStack() as stack:
        form = file_format or _format_of(source)
        size = _size(source)
        stream = stack.enter_context(_opened(source))
        file = None if rejects is None else _reject_file(stack, rejects, source)
        lines = Lines(stream)
        found = read_labels(lines, form)
        done = _Import(file)
        async with open_core() as core:
            owner = await choose_merchant(core, merchant)
            with CountBar(out.side, "labels") as bar:
                batch: list[tuple[int, NewLabel, str]] = []
                for line in found:
                    done.lines += 1
                    if isinstance(line, Reject):
                        done.reject(line)
                    else:
                        batch.append(line)
                    if len(batch) >= BATCH_ROWS_MAX:
                        await _add(core, owner.merchant_id, author, batch, done)
                        batch = []
                    bar.advance(lines.bytes_read, size, done.lines)
                await _add(core, owner.merchant_id, author, batch, done)
    out.document(done.document())
    _show(out, done, rejects)
    return FOUND if done.rejected else OK


async def _add(
    core: Core,
    merchant_id: UUID,
    author: str,
    batch: list[tuple[int, NewLabel, str]],
    done: _Import,
) -> None:
    labels = [label for _, label, _ in batch]
    results = await core.labels.add_many(labels, merchant_id=merchant_id, author=author)
    for (line, _, name), result in zip(batch, results, strict=True):
        if result.code is not None:
            where, why = FAULTS[result.code]
            done.reject(Reject(line, shown(name), where, result.code, why))
        elif result.added:
            done.added += 1
        else:
            done.repeated += 1


def _show(out: Output, done: _Import, rejects: Path | None) -> None:
    if done.first:
        out.table(
            ("line", "payment", "field", "code", "reason"),
            [(one.line, one.reference, one.field, one.code, one.reason) for one in done.first],
            title="Rejected",
            right=("line",),
            prose=("field", "reason"),
        )
        hidden = done.rejected - len(done.first)
        if rejects is not None:
            out.line(f"All {done.rejected:,} rejects are in {rejects}.")
        elif hidden:
            out.line(f"… and {hidden:,} more; --rejects FILE writes them all.")
    out.line(
        f"{done.lines:,} lines: {done.added:,} labels added, {done.repeated:,} were there already, "
        f"{done.rejected:,} rejected."
    )


def _instant(label: FraudLabel) -> str:
    return f"{label.known_at:%Y-%m-%d %H:%M} UTC"


def _format_of(source: str) -> Format:
    suffix = Path(source).suffix.lower()
    if suffix not in FORMATS:
        raise InvalidInput(
            f"Say --format csv or ndjson, or name the file {', '.join(FORMATS)}.", code="usage"
        )
    return FORMATS[suffix]


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    """Open the file to read.

    Raises:
        InvalidInput: ``file_unreadable``.
    """
    if source == STDIN:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(source).open("rb"))
        except OSError as error:
            raise InvalidInput(f"{source}: {error.strerror}.", code="file_unreadable") from error
        yield stream


def _size(source: str) -> int | None:
    path = Path(source)
    return path.stat().st_size if source != STDIN and path.is_file() else None


def _reject_file(stack: ExitStack, path: Path, source: str) -> RejectFile:
    """Open the file for rejects; an earlier run's is written over."""
    file_format = _format_of(str(path))
    if source != STDIN and path.exists() and path.samefile(source):
        raise InvalidInput("The rejects would overwrite the labels.", code="usage")
    try:
        stream = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}.", code="file_unwritable") from error
    return RejectFile(stream, file_format)
