"""SQL lives in files: this reads ``queries.sql`` and turns ``:named`` parameters into ``$n``.

A file holds statements of this form, and nothing else::

    -- name: find_payment
    -- The payment with this id; no row means that this merchant has none such.
    SELECT … WHERE merchant_id = :merchant_id AND payment_id = :payment_id;
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)
#: A literal, a comment or a cast is stepped over; what is left of ``:word`` is a parameter.
_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|::|:([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with its parameters in the order of ``$1``, ``$2`` and so on."""

    name: str
    about: str
    text: str
    parameters: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return ``values`` in the statement's order; a name too few or too many is an error."""
        if len(values) != len(self.parameters):
            surplus = sorted(set(values) ^ set(self.parameters))
            message = f"{self.name}: parameters differ: {', '.join(surplus)}"
            raise KeyError(message)
        return [values[name] for name in self.parameters]


def unnested(columns: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return the arrays of one ``unnest``, those without any value empty: it fills them with nulls.

    Sending a null costs about as much as sending a number, and most columns of most batches hold
    nothing else.

    >>> unnested({"ids": [1, 2], "reasons": [None, None], "codes": [None, "x"]})
    {'ids': [1, 2], 'reasons': [], 'codes': [None, 'x']}
    """
    return {
        name: [] if column.count(None) == len(column) else column
        for name, column in columns.items()
    }


def parse(source: str) -> Mapping[str, Statement]:
    r"""Read the statements out of the text of a ``queries.sql``.

    >>> parse("-- name: one\n-- The number one.\nSELECT :a::int + :b + :a;")["one"].text
    'SELECT $1::int + $2 + $1'
    """
    parts = _NAME.split(source)[1:]
    statements: dict[str, Statement] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = body.strip().splitlines()
        about = [line for line in lines if line.startswith("--")]
        sql = "\n".join(line for line in lines if not line.startswith("--")).strip()
        numbers: dict[str, int] = {}

        def number(match: re.Match[str], numbers: dict[str, int] = numbers) -> str:
            if match[1] is None:
                return match[0]
            return f"${numbers.setdefault(match[1], len(numbers) + 1)}"

        text = _TOKEN.sub(number, sql.rstrip(";"))
        prose = " ".join(line.removeprefix("--").strip() for line in about)
        if name in statements:
            message = f"two statements are named {name}"
            raise ValueError(message)
        statements[name] = Statement(name, prose, text, tuple(numbers))
    return MappingProxyType(statements)


def load(package: str, file: str = "queries.sql") -> Mapping[str, Statement]:
    """Read the statements of a room, for example ``load("paykeel.payments")``."""
    return parse(files(package).joinpath(file).read_text(encoding="utf-8"))
