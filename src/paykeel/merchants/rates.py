"""Reference rates: what one unit of a currency is worth in the merchant's reference currency.

A file of rates is CSV in UTF-8 with a header, the columns ``currency``, ``effective_on`` and
``rate`` in any order; lines that begin with ``#`` are comments. It is read line by line, so its
size does not matter; a line that is wrong is a :class:`RateReject`, and the others are taken. Rates
that are known already change nothing, so a file may be imported again.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import IO, TYPE_CHECKING

from paykeel.cardnumbers import holds_card_number
from paykeel.errors import InvalidField, InvalidInput
from paykeel.money import exponent_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

COLUMNS = ("currency", "effective_on", "rate")
#: Above any that exists, and small enough to be multiplied safely.
RATE_MAX = 10_000_000
PLACES_MAX = 12
LINE_BYTES_MAX = 1_024
#: One file.
ROWS_MAX = 200_000
#: So many rejects are told; more are counted.
REJECTS_MAX = 1_000
BATCH_ROWS = 500
FIRST_DAY = date(2000, 1, 1)
AHEAD_DAYS_MAX = 366

_RATE = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,40}))?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class StoredRate:
    """A rate as it is stored. It holds from its day on, until a later one."""

    currency: str
    effective_on: date
    rate: Decimal
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewRate:
    """A rate that was checked."""

    currency: str
    effective_on: date
    rate: Decimal


@dataclass(frozen=True, slots=True)
class RateReject:
    """A line of a file that is no rate: where, in which column, and why."""

    line: int
    field: str
    code: str
    reason: str


@dataclass(slots=True)
class RatesImport:
    """What an import did."""

    added: int = 0
    #: They were known already.
    unchanged: int = 0
    rejected: int = 0
    #: The first of them.
    rejects: list[RateReject] = field(default_factory=list)

    def reject(self, reject: RateReject) -> None:
        """Count a line that is no rate, and keep it if there is room."""
        self.rejected += 1
        if len(self.rejects) < REJECTS_MAX:
            self.rejects.append(reject)


def check_rate(value: object, name: str = "rate") -> Decimal:
    """Read a rate exactly: digits with a point, as text or as a ``Decimal``.

    Raises:
        InvalidField: ``rate_malformed``, ``rate_wrong_precision`` or ``rate_out_of_range``.

    >>> check_rate("0.0058")
    Decimal('0.0058')
    """
    if isinstance(value, Decimal):
        text = format(value, "f") if value.is_finite() and abs(value.adjusted()) < 40 else ""
    else:
        text = value.strip() if isinstance(value, str) else ""
    match = _RATE.fullmatch(text)
    if match is None:
        raise InvalidField(name, "rate_malformed", "Write a rate in digits, for example 0.9215.")
    if len((match[2] or "").rstrip("0")) > PLACES_MAX:
        raise InvalidField(name, "rate_wrong_precision", f"At most {PLACES_MAX} decimal places.")
    rate = Decimal(text)
    if not 0 < rate <= RATE_MAX:
        raise InvalidField(
            name, "rate_out_of_range", f"A rate is more than 0 and at most {RATE_MAX}."
        )
    return rate


def check_day(value: object, today: date, name: str = "effective_on") -> date:
    """Read a day, written as 2026-11-23.

    Raises:
        InvalidField: ``day_malformed`` or ``day_out_of_range``.
    """
    day = value if type(value) is date else None
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        try:
            day = date.fromisoformat(value.strip())
        except ValueError:
            day = None
    if day is None:
        raise InvalidField(name, "day_malformed", "Write a day as 2026-11-23.")
    last = today + timedelta(days=AHEAD_DAYS_MAX)
    if not FIRST_DAY <= day <= last:
        raise InvalidField(name, "day_out_of_range", f"From {FIRST_DAY} to {last}.")
    return day


def check_new_rate(
    currency: object, effective_on: object, rate: object, reference_currency: str, today: date
) -> NewRate:
    """Return a rate if all of it is right.

    Raises:
        InvalidField: One part is wrong, or ``rate_of_reference``: it is the reference itself.
    """
    exponent_of(currency)
    if currency == reference_currency:
        raise InvalidField(
            "currency",
            "rate_of_reference",
            f"{reference_currency} is the reference currency itself, and needs no rate.",
        )
    return NewRate(str(currency), check_day(effective_on, today), check_rate(rate))


def read_rates(
    stream: IO[bytes], reference_currency: str, today: date
) -> Iterator[NewRate | RateReject]:
    """Give every rate of a file, and a reject for every line that is none.

    Raises:
        InvalidInput: ``rates_header_malformed`` or ``rates_too_many``.
    """
    lines = _lines(stream)
    columns = _header(next(lines, (1, b"")))
    seen: set[tuple[str, date]] = set()
    for count, (number, line) in enumerate(lines):
        if count >= ROWS_MAX:
            raise InvalidInput(f"A file has at most {ROWS_MAX} rates.", code="rates_too_many")
        try:
            rate = _rate(columns, _cells(line), reference_currency, today)
            _refuse_repeated(rate, seen)
        except InvalidField as error:
            yield RateReject(number, error.field, error.code, error.message)
        else:
            yield rate


def _rate(
    columns: Sequence[str], cells: Sequence[str], reference_currency: str, today: date
) -> NewRate:
    if len(cells) != len(columns):
        raise InvalidField("", "columns_mismatch", f"A line has {len(columns)} columns.")
    named = dict(zip(columns, cells, strict=True))
    return check_new_rate(
        named["currency"], named["effective_on"], named["rate"], reference_currency, today
    )


def _refuse_repeated(rate: NewRate, seen: set[tuple[str, date]]) -> None:
    key = (rate.currency, rate.effective_on)
    if key in seen:
        raise InvalidField("effective_on", "rate_repeated", "An earlier line has this day, too.")
    seen.add(key)


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give the lines that are neither empty nor comments, with their numbers.

    One that is longer than is allowed is given cut off, and by its length it is known.
    """
    number = 0
    while line := stream.readline(LINE_BYTES_MAX):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        rest = line
        while len(rest) == LINE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = stream.readline(LINE_BYTES_MAX)
        if line.strip() and not line.startswith(b"#"):
            yield number, line


def _cells(line: bytes) -> list[str]:
    if len(line) == LINE_BYTES_MAX:
        raise InvalidField("", "line_too_long", f"A line has less than {LINE_BYTES_MAX} bytes.")
    try:
        rows = list(csv.reader([line.decode().rstrip("\r\n")], strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidField("", "csv_malformed", "This line is not CSV in UTF-8.") from error
    return [cell.strip() for cell in rows[0]] if rows else []


def _header(first: tuple[int, bytes]) -> Sequence[str]:
    try:
        columns = _cells(first[1])
    except InvalidField:
        columns = []
    if sorted(columns) != sorted(COLUMNS):
        shown = [name[:40] for name in columns if name.isprintable()][:5]
        told = ", ".join(name for name in shown if not holds_card_number(name))
        raise InvalidInput(
            f"The first line has to name the columns {', '.join(COLUMNS)}"
            f"{f', and names {told}' if told else ''}.",
            code="rates_header_malformed",
        )
    return columns
