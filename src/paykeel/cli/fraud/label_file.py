"""Reads a file of labels from end to end in constant memory: CSV, or NDJSON.

Both have the fields of :data:`COLUMNS`. What cannot be read is a reject with its line, and reading
goes on behind it; only a header that cannot be understood stops it, before anything is stored.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.cli.orders.model import Reject, shown
from paykeel.cli.orders.reading import LINE_BYTES_MAX, LineTooLong
from paykeel.errors import InvalidField, InvalidInput
from paykeel.fraud.labels import NewLabel, read_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from paykeel.cli.orders.reading import Lines

COLUMNS = ("payment_id", "reference", "label", "source", "known_at")
REQUIRED = ("label", "source")


def read_labels(lines: Lines, file_format: str) -> Iterator[tuple[int, NewLabel, str] | Reject]:
    """Give every label of a file with its line and its payment's name, and every reject.

    Raises:
        InvalidInput: The header of a CSV file is missing or cannot be understood. It is raised by
            the call itself.
    """
    if file_format == "ndjson":
        return _read_documents(lines)
    reader = csv.reader(lines, strict=True)
    return _read_rows(lines, reader, _read_header(reader))


def _read_header(reader: Iterator[list[str]]) -> tuple[str, ...]:
    try:
        cells = next((row for row in reader if any(cell.strip() for cell in row)), None)
    except (csv.Error, LineTooLong) as error:
        raise InvalidInput("The header cannot be read as CSV.", code="header_malformed") from error
    if cells is None:
        raise InvalidInput("The file is empty: a header is required.", code="header_missing")
    columns = tuple(cell.strip() for cell in cells)
    for name in columns:
        if name not in COLUMNS:
            raise InvalidInput(
                f"The column {shown(name)!r} is unknown. Known are {', '.join(COLUMNS)}.",
                code="column_unknown",
            )
        if columns.count(name) > 1:
            raise InvalidInput(f"The column {name!r} is there twice.", code="column_repeated")
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise InvalidInput(f"Missing: {', '.join(missing)}.", code="column_missing")
    if not {"payment_id", "reference"} & set(columns):
        raise InvalidInput("Missing: payment_id or reference.", code="column_missing")
    return columns


def _read_rows(
    lines: Lines, reader: Iterator[list[str]], columns: tuple[str, ...]
) -> Iterator[tuple[int, NewLabel, str] | Reject]:
    while True:
        # A quoted cell may go over several lines; what counts is where the row begins.
        start = lines.number + 1
        try:
            row = next(reader, None)
        except (csv.Error, LineTooLong) as error:
            yield _unreadable(start, error)
            continue
        if row is None:
            return
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(columns):
            reason = f"The header has {len(columns)} columns, this line has {len(row)}."
            yield Reject(start, "", "", "columns_mismatch", reason)
            continue
        cells = zip(columns, (cell.strip() for cell in row), strict=True)
        yield _checked(start, {name: cell for name, cell in cells if cell})


def _read_documents(lines: Lines) -> Iterator[tuple[int, NewLabel, str] | Reject]:
    while True:
        try:
            text = next(lines, None)
        except LineTooLong as error:
            yield _unreadable(lines.number, error)
            continue
        if text is None:
            return
        if not text.strip():
            continue
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            yield Reject(
                lines.number, "", "", "json_malformed", "This line is not one JSON object."
            )
            continue
        yield _checked(lines.number, document)


def _checked(line: int, given: Mapping[str, Any]) -> tuple[int, NewLabel, str] | Reject:
    """Check one line; the first fault is the one that is told."""
    name = given.get("reference") or given.get("payment_id") or ""
    name = name if isinstance(name, str) else ""
    try:
        return line, label_of(given), name
    except InvalidField as error:
        return Reject(line, shown(name), shown(error.field), error.code, error.message)


def label_of(given: Mapping[str, Any]) -> NewLabel:
    """Read a label from texts by the names of :data:`COLUMNS`.

    Raises:
        InvalidField: One is missing, unknown or wrong.
    """
    for name, value in given.items():
        if name not in COLUMNS:
            raise InvalidField(str(name)[:64], "field_unknown", f"Known are {', '.join(COLUMNS)}.")
        if value is not None and not isinstance(value, str):
            raise InvalidField(name, "text_required", "This must be text.")
        if value is not None and any("\udc80" <= letter <= "\udcff" for letter in value):
            raise InvalidField(name, "encoding_invalid", "This is not UTF-8 text.")
    for name in REQUIRED:
        if not given.get(name):
            raise InvalidField(name, "field_required", f"The field {name} is missing.")
    payment_id, known_at = given.get("payment_id"), given.get("known_at")
    return NewLabel(
        label=given["label"],
        source=given["source"],
        payment_id=None if payment_id is None else _id(payment_id),
        # Where both are given, the id says it all.
        reference=given.get("reference") if payment_id is None else None,
        known_at=None if known_at is None else read_instant(known_at, "known_at"),
    )


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidField("payment_id", "payment_unknown", "This is no payment's id.") from None


def _unreadable(line: int, error: Exception) -> Reject:
    if isinstance(error, LineTooLong):
        return Reject(line, "", "", "line_too_long", f"A line has at most {LINE_BYTES_MAX} bytes.")
    return Reject(
        line, "", "", "csv_malformed", "The quotes or line ends of this line are not CSV."
    )
