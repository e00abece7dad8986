"""Reads a file of past acceptances, line by line. It touches nothing but the stream it is given.

One line is one acceptance: a quoted cell does not go over several lines, so a stray quote spoils
its own line and no other.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from paykeel.cardnumbers import holds_card_number
from paykeel.errors import InvalidField, InvalidInput
from paykeel.terms.evidence_facts import (
    USER_AGENT_CHARACTERS_MAX,
    check_buyer_id,
    read_instant,
    spell_ip,
)
from paykeel.terms.locales import check_locale
from paykeel.terms.model import ANY
from paykeel.terms.scopes import check_channel, check_jurisdiction
from paykeel.texts import check_text, check_trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

REQUIRED = ("buyer_id", "buyer_role", "document", "version", "locale", "accepted_at")
#: The last three say which line of versions is meant, where several have this version.
OPTIONAL = ("ref", "ip", "user_agent", "jurisdiction", "product", "channel")
COLUMNS = REQUIRED + OPTIONAL
ROLES = ("agent", "operator", "unknown")
LINE_BYTES_MAX = 16_384
REF_CHARACTERS_MAX = 200

_BOM = b"\xef\xbb\xbf"
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}", re.ASCII)
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ImportReject:
    """A line of a file that was not taken: where, in which column, and why."""

    line: int
    field: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One acceptance of another system, checked."""

    line: int
    buyer_id: str
    buyer_role: str
    document: str
    version: str
    locale: str
    accepted_at: datetime
    #: What it is known by; made of all the rest where the file has none.
    ref: str
    ip: str | None
    user_agent: str | None
    #: ``None``: any.
    jurisdiction: str | None
    product: str | None
    channel: str | None


def read_past(stream: IO[bytes], now: datetime) -> Iterator[tuple[Past | ImportReject, int]]:
    """Give every acceptance of a file, and a reject for every line that is none.

    With each comes how many bytes have been read so far.

    Raises:
        InvalidInput: ``acceptances_header_malformed``; before anything is given.
    """
    lines = _lines(stream)
    columns = _header(next(lines, (1, b"", 0))[1])
    for number, line, bytes_read in lines:
        try:
            yield past_of(number, _named(columns, _cells(line)), now), bytes_read
        except InvalidField as error:
            yield ImportReject(number, error.field, error.code, error.message), bytes_read


def past_of(line: int, given: Mapping[str, str], now: datetime) -> Past:
    """Read one acceptance from cells by the names of :data:`COLUMNS`; the empty ones are left out.

    Raises:
        InvalidField: One is missing or wrong; the first of them is told.
    """
    for name in REQUIRED:
        if name not in given:
            raise InvalidField(name, "field_required", f"The column {name} is empty.")
    if given["buyer_role"] not in ROLES:
        raise InvalidField("buyer_role", "choice_unknown", f"Use one of: {', '.join(ROLES)}.")
    accepted_at = read_instant(given["accepted_at"], "accepted_at")
    if accepted_at > now:
        raise InvalidField("accepted_at", "instant_in_future", "This lies in the future.")
    product, channel = given.get("product"), given.get("channel")
    jurisdiction, ip, agent = given.get("jurisdiction"), given.get("ip"), given.get("user_agent")
    return Past(
        line=line,
        buyer_id=check_buyer_id(given["buyer_id"]),
        buyer_role=given["buyer_role"],
        document=_matching(given["document"], "document", _KEY),
        version=_matching(given["version"], "version", _VERSION),
        locale=check_locale(given["locale"]),
        accepted_at=accepted_at,
        ref=_ref(given),
        ip=None if ip is None else spell_ip(ip),
        user_agent=None
        if agent is None
        else check_text(agent, "user_agent", USER_AGENT_CHARACTERS_MAX),
        jurisdiction=jurisdiction
        if jurisdiction in (None, ANY)
        else check_jurisdiction(jurisdiction),
        product=product if product in (None, ANY) else check_channel(product, "product"),
        channel=channel if channel in (None, ANY) else check_channel(channel, "channel"),
    )


def _matching(value: str, name: str, pattern: re.Pattern[str]) -> str:
    if pattern.fullmatch(value) is None:
        raise InvalidField(name, "name_malformed", f"This is no {name}.")
    return value


def _ref(given: Mapping[str, str]) -> str:
    """Return what a line is known by."""
    if "ref" in given:
        return check_trimmed(given["ref"], "ref", REF_CHARACTERS_MAX)
    # The address and the user agent may be erased, and are not told by this either.
    told = [given.get(name) for name in COLUMNS if name not in ("ref", "ip", "user_agent")]
    return f"line:{hashlib.sha256(json.dumps(told).encode()).hexdigest()}"


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes, int]]:
    """Give the lines that are not empty, with their numbers and how many bytes were read.

    One that is longer than is allowed is given cut off, and by its length it is known.
    """
    number = bytes_read = 0
    while line := stream.readline(LINE_BYTES_MAX):
        number += 1
        bytes_read += len(line)
        if number == 1:
            line = line.removeprefix(_BOM)
        rest = line
        while len(rest) == LINE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = stream.readline(LINE_BYTES_MAX)
            bytes_read += len(rest)
        if line.strip():
            yield number, line, bytes_read


def _cells(line: bytes) -> list[str]:
    if len(line) >= LINE_BYTES_MAX:
        raise InvalidField("", "line_too_long", f"A line has less than {LINE_BYTES_MAX} bytes.")
    try:
        rows = list(csv.reader([line.decode().rstrip("\r\n")], strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidField("", "csv_malformed", "This line is not CSV in UTF-8.") from error
    return [cell.strip() for cell in rows[0]] if rows else []


def _named(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(columns):
        raise InvalidField(
            "",
            "columns_mismatch",
            f"The header has {len(columns)} columns, this line has {len(cells)}.",
        )
    return {name: cell for name, cell in zip(columns, cells, strict=True) if cell}


def _header(line: bytes) -> list[str]:
    try:
        columns = _cells(line)
    except InvalidField:
        columns = []
    faults = [
        *(f"{name} is missing" for name in REQUIRED if name not in columns),
        *(f"{_shown(name)} is not known" for name in columns if name not in COLUMNS),
        *(f"{name} is there twice" for name in COLUMNS if columns.count(name) > 1),
    ]
    if faults:
        raise InvalidInput(
            f"The first line names the columns: {'; '.join(faults[:5])}. Known are"
            f" {', '.join(COLUMNS)}.",
            code="acceptances_header_malformed",
        )
    return columns


def _shown(name: str) -> str:
    return "one of them" if holds_card_number(name) or not name.isprintable() else repr(name[:40])
