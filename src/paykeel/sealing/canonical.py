"""The canonical form: the one text that a row is hashed as, whoever reads it, and when.

- JSON without white space; names sorted by code point; strings as UTF-8, escaped only where JSON
  asks for it.
- A number is the text that PostgreSQL prints for it: ``1.10`` stays ``1.10``, none is rounded.
- An instant is RFC 3339 in UTC with six digits of a second: ``2026-11-23T06:00:00.000000Z``.
- Bytes are lower-case hex.
- A column that is null is left out, so that a column which is added later (null in all rows that
  there are) changes no hash. Inside jsonb a null is a value like others.

Pure: nothing here reads a clock, a file or a database.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

#: The version of this form; it is signed with every seal.
FORM = 1
#: Salts of erasable values are at least this long, so that they cannot be guessed.
SALT_BYTES_MIN = 16

_LEAF = b"\x00"
_text = json.JSONEncoder(ensure_ascii=False).encode


class Kind(StrEnum):
    """How a column is written."""

    PLAIN = "plain"
    TIME = "time"
    BYTES = "bytes"
    BYTES_LIST = "bytes_list"


#: The types of PostgreSQL that can be sealed.
KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "boolean", "smallint", "integer", "bigint", "numeric", "text", "uuid", "jsonb",
            "boolean[]", "smallint[]", "integer[]", "bigint[]", "numeric[]", "text[]", "uuid[]",
            "date", "double precision", "inet", "cidr", "character varying",
        ),
        Kind.PLAIN,
    ),
    "timestamp with time zone": Kind.TIME,
    "bytea": Kind.BYTES,
    "bytea[]": Kind.BYTES_LIST,
}  # fmt: skip


class Number(str):
    """A JSON number as it was printed."""

    __slots__ = ()


def _no_constant(text: str) -> Any:
    message = f"{text} is no JSON"
    raise ValueError(message)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "an object has a name twice"
        raise ValueError(message)
    return found


_OWN = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_no_constant)
_FOREIGN = json.JSONDecoder(
    parse_int=Number,
    parse_float=Number,
    parse_constant=_no_constant,
    object_pairs_hook=_no_twins,
)


def read_json(text: str, *, foreign: bool = False) -> Any:
    """Read JSON without rounding a number: each becomes a :class:`Number`.

    Args:
        text: The JSON.
        foreign: It does not come from PostgreSQL, so an object may have a name twice, which would
            show one value to a person and another one to the check.

    Raises:
        ValueError: It is no JSON.
    """
    return (_FOREIGN if foreign else _OWN).decode(text)


def write_json(value: Any) -> str:
    """Write a value in the canonical form.

    >>> write_json(read_json('{"b": [1.10, null, true],  "a": "é"}'))
    '{"a":"é","b":[1.10,null,true]}'
    """
    match value:
        case Number():
            return str(value)
        case str():
            return _text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case list():
            return f"[{','.join(map(write_json, value))}]"
        case dict():
            inside = (f"{_text(name)}:{write_json(value[name])}" for name in sorted(value))
            return f"{{{','.join(inside)}}}"
        case _:
            message = f"{type(value).__name__} has no canonical form"
            raise TypeError(message)


def write_time(instant: datetime) -> str:
    """Write an aware instant.

    >>> write_time(datetime(2026, 11, 23, 6, tzinfo=UTC))
    '2026-11-23T06:00:00.000000Z'
    """
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> datetime:
    """Read an instant that :func:`write_time` wrote.

    Raises:
        ValueError: It is none.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _column(kind: Kind, value: Any) -> Any:
    match kind:
        case Kind.PLAIN:
            return value
        case Kind.TIME:
            # PostgreSQL has infinities, which Python has not.
            if value.lstrip("-") == "infinity":
                return value
            return write_time(datetime.fromisoformat(value))
        case Kind.BYTES:
            return value.removeprefix("\\x")
        case Kind.BYTES_LIST:
            return [item and item.removeprefix("\\x") for item in value]


def canonical_row(document: str, kinds: Mapping[str, Kind], beside: Collection[str] = ()) -> str:
    r"""Return the canonical text of a row, from what PostgreSQL's ``to_jsonb`` made of it.

    Args:
        document: The row as JSON text.
        kinds: How each column is written.
        beside: Columns that stand beside the chain, and may be erased without breaking it.

    Raises:
        KeyError: A column has no kind.

    >>> kinds = {"at": Kind.TIME, "key": Kind.BYTES, "n": Kind.PLAIN, "ip": Kind.PLAIN}
    >>> canonical_row('{"n": 1, "key": "\\\\xAb0", "at": "2026-11-23T07:00:00.5+01:00", "ip": "::"}'
    ...     .replace("Ab0", "ab"), kinds, {"ip"})
    '{"at":"2026-11-23T06:00:00.500000Z","key":"ab","n":1}'
    """
    row = read_json(document)
    return write_json(
        {
            name: _column(kinds[name], value)
            for name, value in row.items()
            if value is not None and name not in beside
        }
    )


def leaf_hash(chain: str, row_id: UUID, content: str) -> bytes:
    """Return the SHA-256 of a row: its chain, its id and its canonical text."""
    return hashlib.sha256(_LEAF + f"{chain}\n{row_id}\n{content}".encode()).digest()


def salted_hash(salt: bytes, value: str) -> bytes:
    """Return what is chained of a value that must stay erasable.

    The hash is a column of the chained row; the value and its salt stand beside it, for example in
    a table of their own. Erasing both leaves the hash, from which nothing can be guessed any more.

    Raises:
        ValueError: The salt is too short to keep a guess from being tried.

    >>> salted_hash(bytes(16), "203.0.113.9") == salted_hash(bytes(16), "203.0.113.9")
    True
    """
    if len(salt) < SALT_BYTES_MIN:
        message = f"a salt has at least {SALT_BYTES_MIN} bytes"
        raise ValueError(message)
    return hmac.digest(salt, value.encode(), "sha256")
