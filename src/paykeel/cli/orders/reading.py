"""Reads a file of orders from end to end in constant memory: CSV, or NDJSON.

A row of a CSV file has the columns of :data:`COLUMNS`. A line of an NDJSON file is the document of
``POST /v1/purchases``. What cannot be read is a :class:`Reject` with its line, and reading goes on
behind it; only a header that cannot be understood stops it, before anything is sent.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from paykeel.cardnumbers import holds_card_number
from paykeel.cli.orders.model import Order, Reject, key_for, request_from_cells, shown
from paykeel.errors import InvalidField, InvalidInput
from paykeel.payments.metadata import METADATA_ENTRIES_MAX, METADATA_KEY_CHARACTERS_MAX
from paykeel.payments.model import (
    PurchaseRequest,
)
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: More than the longest order in any encoding of its text.
LINE_BYTES_MAX = 256 * 1024
KEY_CHARACTERS_MAX = 128
REQUIRED = ("currency", "buyer_id", "buyer_role", "payment_method")
AMOUNTS = ("amount", "amount_minor")
COLUMNS = (
    "reference",
    *AMOUNTS,
    *REQUIRED,
    "description",
    "capture_method",
    "kind",
    "jurisdiction",
    "channel",
    "payment_method_type",
)
#: What an NDJSON line may hold beside a key of another name.
DOCUMENT_FIELDS = frozenset(
    {"reference", "amount", "currency", "buyer", "payment_method", "description", "metadata",
     "capture_method", "kind", "channel", "payment_method_type"}
)  # fmt: skip
_METADATA = "metadata."
#: What the API calls a field, and its column.
_COLUMN_OF = {
    "buyer.id": "buyer_id",
    "buyer.role": "buyer_role",
    "buyer.jurisdiction": "jurisdiction",
}
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class LineTooLong(Exception):
    """A line of the file has more bytes than any order needs."""


class Lines:
    """The lines of a file as text, their ends kept, one at a time and bounded.

    A byte that is no UTF-8 becomes a lone surrogate, to be found where it stands.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        #: The number of the line that was read last; the first is 1.
        self.number = 0
        #: How many bytes have been read, for showing progress.
        self.bytes_read = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(LINE_BYTES_MAX)
        if not line:
            raise StopIteration
        self.number += 1
        self.bytes_read += len(line)
        if self.number == 1:
            if line.startswith(_UTF16):
                raise InvalidInput(
                    "The file is UTF-16. Save it as UTF-8, and run it again.",
                    code="encoding_unsupported",
                )
            line = line.removeprefix(_BOM)
        if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = self._stream.readline(LINE_BYTES_MAX)
                self.bytes_read += len(line)
            raise LineTooLong
        return line.decode(errors="surrogateescape")


def read_orders(
    lines: Lines, file_format: str, key_column: str | None = None
) -> Iterator[Order | Reject]:
    """Give every order of a file, and a reject for every line that is none.

    Args:
        lines: The file.
        file_format: ``csv`` or ``ndjson``.
        key_column: The column, or the field, whose value names the order; ``reference`` otherwise.

    Raises:
        InvalidInput: The header of a CSV file is missing or cannot be understood. It is raised by
            the call itself, not while the orders are gone through.
    """
    if file_format == "ndjson":
        return _read_documents(lines, key_column or "reference")
    reader = csv.reader(lines, strict=True)
    return _read_rows(lines, reader, read_header(_first_row(reader), key_column))


def _first_row(reader: Iterator[list[str]]) -> list[str]:
    """Return the first row that is not empty."""
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                return row
    except (csv.Error, LineTooLong) as error:
        raise InvalidInput("The header cannot be read as CSV.", code="header_malformed") from error
    raise InvalidInput("The file is empty: a header is required.", code="header_missing")


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands in which column."""

    columns: tuple[str, ...]
    #: The column whose value names the order.
    key: str


def read_header(cells: list[str], key_column: str | None = None) -> Layout:
    """Understand the header of a CSV file, or say what is wrong with it.

    Raises:
        InvalidInput: ``column_unknown``, ``column_repeated`` or ``column_missing``.

    >>> read_header(["id", "amount", *REQUIRED], "id").key
    'id'
    """
    columns = tuple(cell.strip() for cell in cells)
    key = key_column or "reference"
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        raise InvalidInput("Separate the columns by commas.", code="header_malformed")
    for name in columns:
        if name not in COLUMNS and name != key and not _is_metadata(name):
            raise InvalidInput(
                f"The column {shown(name)!r} is unknown. Known are {', '.join(COLUMNS)} and "
                f"metadata.<name>{'' if key_column else '; --key-column names another key'}.",
                code="column_unknown",
            )
        if columns.count(name) > 1:
            raise InvalidInput(f"The column {name!r} is there twice.", code="column_repeated")
    missing = [name for name in (key, *REQUIRED) if name not in columns]
    if missing:
        raise InvalidInput(f"Missing: {', '.join(missing)}.", code="column_missing")
    if sum(name in columns for name in AMOUNTS) != 1:
        raise InvalidInput(
            "Exactly one of the columns amount (12.50) and amount_minor (1250) is needed.",
            code="column_missing",
        )
    if sum(name.startswith(_METADATA) for name in columns) > METADATA_ENTRIES_MAX:
        raise InvalidInput(
            f"At most {METADATA_ENTRIES_MAX} columns of metadata.", code="metadata_too_many"
        )
    return Layout(columns, key)


def _is_metadata(name: str) -> bool:
    """Say whether a column holds metadata, and its name can be shown and stored."""
    entry = name.removeprefix(_METADATA)
    return (
        entry != name
        and 1 <= len(entry) <= METADATA_KEY_CHARACTERS_MAX
        and entry.isprintable()
        and not holds_card_number(name)
    )


def _read_rows(
    lines: Lines, reader: Iterator[list[str]], layout: Layout
) -> Iterator[Order | Reject]:
    while True:
        # A quoted cell may go over several lines; what counts is where the row begins.
        start = lines.number + 1
        try:
            row = next(reader, None)
        except (csv.Error, LineTooLong) as error:
            yield _unreadable(start, lines.number, error)
            continue
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield _from_row(start, row, layout)


def _unreadable(start: int, end: int, error: Exception) -> Reject:
    """Say which lines were skipped since they cannot be taken apart."""
    if isinstance(error, LineTooLong):
        code, reason = "line_too_long", f"A line has at most {LINE_BYTES_MAX} bytes."
    elif end > start:
        code = "csv_malformed"
        reason = f"A quote that line {start} opens is not closed well; skipped up to line {end}."
    else:
        code, reason = "csv_malformed", "The quotes or line ends of this line are not CSV."
    return Reject(start, "", "", code, reason)


def _from_row(line: int, row: list[str], layout: Layout) -> Order | Reject:
    """Check one row of a CSV file."""
    cells = dict(zip(layout.columns, row, strict=False))
    name = cells.get(layout.key, "").strip()
    if len(row) != len(layout.columns):
        reason = f"The header has {len(layout.columns)} columns, this line has {len(row)}."
        return Reject(line, shown(name), "", "columns_mismatch", reason)
    for column, cell in cells.items():
        if not _is_storable(cell):
            return _not_text(line, name, column)
    return _checked(line, name, layout.key, lambda: request_from_cells(cells))


def _read_documents(lines: Lines, key: str) -> Iterator[Order | Reject]:
    while True:
        try:
            text = next(lines, None)
        except LineTooLong as error:
            yield _unreadable(lines.number, lines.number, error)
            continue
        if text is None:
            return
        if text.strip():
            yield _from_document(lines.number, text, key)


def _from_document(line: int, text: str, key: str) -> Order | Reject:
    """Check one line of an NDJSON file."""
    if not _is_storable(text):
        return _not_text(line, "", "")
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError:
        return Reject(line, "", "", "json_malformed", "This is nested too deeply.")
    except _Repeated:
        return Reject(line, "", "", "json_field_repeated", "A field is there twice.")
    except ValueError:
        return Reject(line, "", "", "json_malformed", "This line is not one JSON object.")
    if not isinstance(document, dict):
        return Reject(line, "", "", "json_malformed", "This line is not one JSON object.")
    named = document.get(key)
    if key not in DOCUMENT_FIELDS:
        document.pop(key, None)
    if not isinstance(named, str | None):
        return Reject(line, "", key, "text_required", "This must be text.")
    if isinstance(document.get("reference"), str):
        # As in a table: the same order gets the same key, in whichever format it comes.
        document["reference"] = document["reference"].strip()
    name = (named or "").strip()
    return _checked(line, name, key, lambda: PurchaseRequest.from_document(document))


class _Repeated(Exception):
    """A field stands in an object twice; readers differ in which of the two they take."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Repeated
    return made


def _refuse_constant(_name: str) -> None:
    message = "NaN and Infinity are not JSON"
    raise ValueError(message)


def _checked(
    line: int, name: str, key_field: str, compose: Callable[[], PurchaseRequest]
) -> Order | Reject:
    """Check the name of an order and its request; the first fault is the one that is told."""
    try:
        _require(name, key_field)
        check_text(name, key_field, KEY_CHARACTERS_MAX)
        request = compose()
    except InvalidField as error:
        field = _COLUMN_OF.get(error.field, error.field) if error.field else key_field
        return Reject(line, shown(name), shown(field), error.code, error.message)
    return Order(line, name, key_for(name), request)


def _require(name: str, key_field: str) -> None:
    if not name:
        raise InvalidField(key_field, "field_required", "Without it a repeat is not known.")


def _is_storable(text: str) -> bool:
    """Say whether text is free of NUL and of bytes that were no UTF-8."""
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and not any("\udc80" <= character <= "\udcff" for character in text)


def _not_text(line: int, name: str, field: str) -> Reject:
    return Reject(
        line, shown(name), shown(field), "encoding_invalid", "This is not UTF-8 text without NUL."
    )
