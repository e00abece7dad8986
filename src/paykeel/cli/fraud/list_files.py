"""Reads a file of values for a list from end to end in constant memory: CSV, or NDJSON.

What cannot be read is a `Reject` with its line and field, and reading goes on behind it; only a
header that cannot be understood stops it, before anything is stored. A reject never says a value.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paykeel.cli.orders.reading import LineTooLong
from paykeel.errors import InvalidField, InvalidInput
from paykeel.fraud.lists import Entry, read_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from paykeel.cli.orders.reading import Lines

COLUMNS = ("kind", "value", "reason", "expires_at")
REQUIRED = ("kind", "value")


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that is not on the list, and why."""

    line: int
    field: str
    code: str
    reason: str

    def document(self) -> dict[str, int | str]:
        """Return it as values for JSON."""
        return {
            "line": self.line,
            "field": self.field,
            "code": self.code,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Filling:
    """What a line that does not say it is given."""

    now: datetime
    reason: str | None = None


def read_entries(lines: Lines, file_format: str, filling: Filling) -> Iterator[Entry | Reject]:
    """Give every entry of a file, and a reject for every line that is none.

    Raises:
        InvalidInput: The header of a CSV file is missing or not understood; by the call itself.
    """
    if file_format == "ndjson":
        return _read_documents(lines, filling)
    reader = csv.reader(lines, strict=True)
    return _read_rows(lines, reader, _read_header(reader), filling)


def _read_header(reader: Iterator[list[str]]) -> tuple[str, ...]:
    known = ", ".join(COLUMNS)
    try:
        cells = next((row for row in reader if any(cell.strip() for cell in row)), None)
    except (csv.Error, LineTooLong) as error:
        raise InvalidInput("The header cannot be read as CSV.", code="header_malformed") from error
    if cells is None:
        raise InvalidInput(f"The first line names the columns: {known}.", code="header_missing")
    columns = tuple(cell.strip() for cell in cells)
    if not set(columns) <= set(COLUMNS) or len(set(columns)) != len(columns):
        raise InvalidInput(f"The columns are {known}, each once.", code="column_unknown")
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise InvalidInput(f"Missing: {', '.join(missing)}.", code="column_missing")
    return columns


def _read_rows(
    lines: Lines, reader: Iterator[list[str]], columns: tuple[str, ...], filling: Filling
) -> Iterator[Entry | Reject]:
    while True:
        # A quoted cell may go over several lines; what counts is where the row begins.
        start = lines.number + 1
        try:
            row = next(reader, None)
        except csv.Error:
            yield Reject(start, "", "csv_malformed", "The quotes of this line are not CSV.")
            continue
        except LineTooLong:
            yield Reject(start, "", "line_too_long", "This line is far too long.")
            continue
        if row is None:
            return
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(columns):
            reason = f"The header has {len(columns)} columns, this line has {len(row)}."
            yield Reject(start, "", "columns_mismatch", reason)
            continue
        cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
        yield _checked(start, cells, filling)


def _read_documents(lines: Lines, filling: Filling) -> Iterator[Entry | Reject]:
    while True:
        try:
            text = next(lines, None)
        except LineTooLong:
            yield Reject(lines.number, "", "line_too_long", "This line is far too long.")
            continue
        if text is None:
            return
        if not text.strip():
            continue
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            yield _checked(lines.number, document, filling)
        else:
            yield Reject(lines.number, "", "json_malformed", "This line is not one JSON object.")


def _checked(line: int, given: Mapping[str, Any], filling: Filling) -> Entry | Reject:
    """Check one entry; the first fault is the one that is told."""
    whole = dict(given)
    if filling.reason is not None and not whole.get("reason"):
        whole["reason"] = filling.reason
    try:
        return read_entry(whole, filling.now)
    except InvalidField as error:
        return Reject(line, error.field, error.code, error.message)
