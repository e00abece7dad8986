"""Reads SQL files as text: statements out of `queries.sql`, tables out of migrations."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"^-- name: (.*)$", re.MULTILINE)
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
#: Stepped over in one pass, so that a quote in a comment or a dash in a literal misleads nobody.
_UNSPOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$", re.DOTALL
)
_CREATE = re.compile(
    r"\bCREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:\w+\.)?(\w+)\s*\(",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its name, the prose right below the name, and SQL without comments."""

    name: str
    prose: str
    sql: str


def bare(sql: str) -> str:
    """Return SQL without comments and with empty literals."""
    return _UNSPOKEN.sub(lambda found: "''" if found[0][0] in "'$" else " ", sql)


def words(sql: str) -> set[str]:
    """Return every lower-case name in SQL that is already bare."""
    return set(_WORD.findall(sql))


def statements(text: str) -> list[Statement]:
    """Split a `queries.sql` at its `-- name:` lines."""
    parts = _NAME.split(text)[1:]
    found = []
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        prose = []
        for line in body.lstrip("\n").splitlines():
            if not line.startswith("--"):
                break
            prose.append(line.removeprefix("--").strip())
        found.append(Statement(name.strip(), " ".join(prose).strip(), bare(body).strip()))
    return found


def preamble(text: str) -> str:
    """Return what SQL stands before the first name; there should be none."""
    return bare(_NAME.split(text)[0]).strip()


def tables_with(column: str, migration: str) -> set[str]:
    """Return the tables that a migration creates, or alters, with the column."""
    sql = bare(migration)
    found = set()
    for create in _CREATE.finditer(sql):
        depth, end = 1, create.end()
        while depth and end < len(sql):
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        if column in words(sql[create.end() : end]):
            found.add(create[1])
    added = rf"\bALTER\s+TABLE\s+(?:ONLY\s+)?(\w+)[^;]*\bADD\s+(?:COLUMN\s+)?{column}\b"
    return found | set(re.findall(added, sql, re.IGNORECASE))
