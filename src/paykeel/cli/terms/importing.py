"""``terms import``: acceptances that another system has collected."""

from __future__ import annotations

import csv
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

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
from paykeel.cli.fraud.periods import CountBar
from paykeel.cli.orders.running import as_text
from paykeel.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.terms.importing import ImportReject, ImportReport

STDIN = "-"
REJECTS_SHOWN_MAX = 20
REJECT_COLUMNS = ("line", "field", "code", "reason")


async def import_(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    source: Annotated[str, Parameter(name="--from")],
    rejects: Path | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Import acceptances from a CSV file; what is there already is not added again.

    They are marked as imported for good: Paykeel did not see the text being shown.

    Args:
        file: CSV with buyer_id, buyer_role, document, version, locale, accepted_at, and if you have
            them ref, ip and user_agent; - is stdin.
        source: Your name for the system that it comes from, always the same.
        rejects: Write the lines that were not taken, and why, to this CSV file.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    with ExitStack() as stack:
        stream, size = _opened(stack, file)
        on_reject = None if rejects is None else _reject_file(stack, rejects, file)
        async with open_core() as core:
            owner = await choose_merchant(core, merchant)
            with CountBar(out.side, "acceptances") as bar:
                done = await core.terms.acceptances.import_file(
                    owner.merchant_id,
                    stream,
                    source=source,
                    on_reject=on_reject,
                    on_progress=lambda report, read: bar.advance(read, size, report.lines),
                )
    out.document(_values(done))
    _show(out, done, rejects)
    return FOUND if done.rejected else OK


def _show(out: Output, done: ImportReport, rejects: Path | None) -> None:
    shown = sorted(done.rejects, key=lambda one: one.line)[:REJECTS_SHOWN_MAX]
    if shown:
        out.table(
            REJECT_COLUMNS,
            [(one.line, one.field, one.code, one.reason) for one in shown],
            title="Rejected",
            right=("line",),
            prose=("reason",),
        )
        if rejects is not None:
            out.line(f"All {done.rejected:,} rejects are in {rejects}.")
        elif done.rejected > len(shown):
            hidden = done.rejected - len(shown)
            out.line(f"… and {hidden:,} more; --rejects FILE writes them all.")
    out.line(
        f"{done.lines:,} lines: {done.added:,} acceptances added, {done.repeated:,} were there "
        f"already, {done.rejected:,} rejected."
    )


def _values(done: ImportReport) -> dict[str, Any]:
    return {
        "lines": done.lines,
        "added": done.added,
        "repeated": done.repeated,
        "rejected": done.rejected,
        "rejects": [asdict(one) for one in done.rejects],
    }


def _opened(stack: ExitStack, file: str) -> tuple[IO[bytes], int | None]:
    """Open what is read, and say how large it is, if that can be known."""
    if file == STDIN:
        return sys.stdin.buffer, None
    path = Path(file)
    try:
        stream = stack.enter_context(path.open("rb"))
        return stream, path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise InvalidInput(f"{file}: {error.strerror}.", code="file_unreadable") from error


def _reject_file(stack: ExitStack, path: Path, file: str) -> Callable[[ImportReject], None]:
    """Open the file for rejects; an earlier run's is written over."""
    if file != STDIN and path.exists() and path.samefile(file):
        raise InvalidInput("The rejects would overwrite the acceptances.", code="usage")
    try:
        stream = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}.", code="file_unwritable") from error
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(REJECT_COLUMNS)

    def write(reject: ImportReject) -> None:
        # Line by line, so that a run that is killed leaves them.
        cells = (reject.line, reject.field, reject.code, reject.reason)
        writer.writerow([as_text(cell) for cell in cells])
        stream.flush()

    return write
