"""``fraud lists``: values that are known for good or bad."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

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
from paykeel.cli.fraud.list_files import Filling, Reject, read_entries
from paykeel.cli.orders.reading import Lines
from paykeel.errors import InvalidInput
from paykeel.fraud.lists import ENTRIES_MAX, read_entry

if TYPE_CHECKING:
    from paykeel.fraud.lists import Entry, ListItem

app = App(name="lists", help="Put values on lists, take them off, and show what is there.")

ROWS_DEFAULT = 20
REJECTS_SHOWN_MAX = 100
FORMATS: dict[str, Literal["csv", "ndjson"]] = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}


@dataclass(slots=True)
class Tally:
    """What became of the lines of a file."""

    stored: int = 0
    rejected: int = 0
    #: The first of them.
    rejects: list[Reject] = field(default_factory=list)

    def reject(self, reject: Reject) -> None:
        """Count a line that is not on the list."""
        self.rejected += 1
        if len(self.rejects) < REJECTS_SHOWN_MAX:
            self.rejects.append(reject)


@app.command
async def add(
    name: str,
    kind: str,
    value: str,
    /,
    *,
    reason: str,
    author: str,
    expires_at: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Put a value on a list, or write anew why it is there and until when.

    Args:
        name: `block`, `allow`, `watch`, or a list that a ruleset declares.
        kind: buyer, card, bin, email, email_domain, ip, ip_network, device or custom.<name>.
        value: It is stored as a hash, and shown nowhere again.
        reason: For whoever reads the list.
        author: Who does this.
        expires_at: Until when it counts, such as 2027-01-01T00:00:00Z; for good when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    given = {"kind": kind, "value": value, "reason": reason, "expires_at": expires_at}
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        entry = read_entry(given, core.database.now())
        items = await core.fraud_lists.add(owner.merchant_id, name, entry, author)
    out.document(items[0].document())
    out.line(f"On the list {name} as {items[0].item_id}.")


@app.command
async def remove(
    name: str,
    kind: str | None = None,
    value: str | None = None,
    /,
    *,
    item: Annotated[str | None, Parameter(name="--id")] = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Take a value off a list.

    Args:
        name: The list.
        kind: What kind of value it is.
        value: The value itself.
        item: The item's id from `show`, where the value is not known.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        if item is not None and kind is None:
            await core.fraud_lists.remove_item(owner.merchant_id, name, item)
        elif item is None and kind is not None and value is not None:
            await core.fraud_lists.remove(owner.merchant_id, name, kind, value)
        else:
            raise InvalidInput("Name a kind and a value, or --id.", code="usage")
    out.document({"list": name, "removed": True})
    out.line(f"Not on the list {name} any more.")


@app.command
async def show(
    name: str,
    /,
    *,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=1_000))] = ROWS_DEFAULT,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Show what is on a list now, newest first. Values are not kept, so none is shown.

    Args:
        name: The list.
        limit: How many.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        page = await core.fraud_lists.show(owner.merchant_id, name, rows_max=limit)
    out.document(
        {"items": [item.document() for item in page.items], "more": bool(page.next_cursor)}
    )
    _show_items(out, page.items)
    if page.next_cursor is not None:
        out.line("… and more; --limit shows more.")


@app.command
async def find(
    kind: str,
    value: str,
    /,
    *,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Say which lists a value is on; exit code 1 when it is on none.

    Args:
        kind: What kind of value it is.
        value: The value itself.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        items = await core.fraud_lists.find(owner.merchant_id, kind, value)
    out.document({"items": [item.document() for item in items]})
    if items:
        _show_items(out, items)
        return OK
    out.line("It is on no list.")
    return FOUND


@app.command(name="import")
async def import_(
    name: str,
    file: Path,
    /,
    *,
    author: str,
    reason: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Put every value of a file on a list; a second time changes nothing but dates.

    Args:
        name: The list.
        file: CSV with the columns kind, value, reason and expires_at, or NDJSON with these fields.
        author: Who does this.
        reason: For lines that give none.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    file_format = FORMATS.get(file.suffix.lower())
    if file_format is None:
        raise InvalidInput(f"Name the file {', '.join(FORMATS)}.", code="usage")
    tally = Tally()
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InvalidInput(f"{file}: {error.strerror}.", code="file_unreadable") from error
    with stream:
        lines, lines_bytes = Lines(stream), os.fstat(stream.fileno()).st_size
        async with open_core() as core:
            owner = await choose_merchant(core, merchant)
            await core.fraud_lists.check_list(owner.merchant_id, name)
            entries = read_entries(lines, file_format, Filling(core.database.now(), reason))
            with _progress(out, lines_bytes) as show_progress:
                for batch in _batches(entries, tally):
                    await core.fraud_lists.put(owner.merchant_id, name, batch, author)
                    tally.stored += len(batch)
                    show_progress(lines.bytes_read, tally)
    _show_tally(out, name, tally)
    return FOUND if tally.rejected else OK


def _batches(entries: Iterator[Entry | Reject], tally: Tally) -> Iterator[list[Entry]]:
    """Gather what is stored by one statement; count what is not stored."""
    batch: list[Entry] = []
    for one in entries:
        if isinstance(one, Reject):
            tally.reject(one)
            continue
        batch.append(one)
        if len(batch) == ENTRIES_MAX:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _progress(out: Output, bytes_total: int) -> Iterator[Callable[[int, Tally], None]]:
    """Show a bar by bytes, so that a file need not be counted before it is read."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=out.side,
        # Only where somebody watches; a log would be filled with it.
        disable=not out.side.is_terminal,
        transient=True,
    )
    with progress:
        task = progress.add_task("0 stored", total=bytes_total)

        def advance(bytes_read: int, tally: Tally) -> None:
            told = f"{tally.stored:,} stored, {tally.rejected:,} rejected"
            progress.update(task, completed=bytes_read, description=told)

        yield advance


def _show_items(out: Output, items: tuple[ListItem, ...]) -> None:
    out.table(
        ("item", "list", "kind", "reason", "by", "since", "until"),
        [
            (
                item.item_id,
                item.list,
                item.kind,
                item.reason,
                item.author,
                f"{item.created_at:%Y-%m-%d %H:%M} UTC",
                f"{item.expires_at:%Y-%m-%d %H:%M} UTC" if item.expires_at else "for good",
            )
            for item in items
        ],
        prose=("reason", "by"),
    )


def _show_tally(out: Output, name: str, tally: Tally) -> None:
    out.document(
        {
            "list": name,
            "stored": tally.stored,
            "rejected": tally.rejected,
            "rejects": [reject.document() for reject in tally.rejects],
        }
    )
    if tally.rejects:
        out.table(
            ("line", "field", "code", "reason"),
            [(one.line, one.field, one.code, one.reason) for one in tally.rejects],
            title="Rejected",
            right=("line",),
            prose=("reason",),
        )
        if tally.rejected > len(tally.rejects):
            out.line(f"… and {tally.rejected - len(tally.rejects):,} more.")
    out.line(f"{tally.stored:,} are on the list {name}, {tally.rejected:,} lines were rejected.")
