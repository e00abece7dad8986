"""SQL is written in `queries.sql`, not in Python."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.tidy.sources import Source, sources, unlisted

# `path::line's statement head: reason`. Empty, and best kept so.
ALLOWED: dict[str, str] = {}

_QUERY = re.compile(
    r"\bSELECT\s+\S"
    r"|\bINSERT\s+INTO\s"
    r"|\bUPDATE\s+\S+\s+(?:AS\s+\w+\s+|\w+\s+)?SET\s"
    r"|\bDELETE\s+FROM\s"
    r"|\bMERGE\s+INTO\s"
    # Lower case is SQL only where a string begins with it; in prose it is a sentence.
    r"|\A\s*(?:select\s.+\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s)",
    re.DOTALL,
)
_DEFINITION = re.compile(
    r"\b(?:CREATE|ALTER|DROP)\s+(?:UNIQUE\s+|UNLOGGED\s+|OR\s+REPLACE\s+)?"
    r"(?:TABLE|INDEX|VIEW|DATABASE|SCHEMA|ROLE|USER|TYPE|FUNCTION|TRIGGER|EXTENSION)\s"
    r"|\bTRUNCATE\s+\w"
)
_EVERYTHING = re.compile(r"\bSELECT\s+(?:DISTINCT\s+)?(?:\w+\.)?\*|\bRETURNING\s+(?:\w+\.)?\*")
_ASSEMBLERS = frozenset({"format", "join", "replace", "format_map"})


def _prose(tree: ast.Module) -> set[int]:
    """Return the strings that stand alone as statements: docstrings and the like."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def _template(node: ast.JoinedStr) -> str:
    """Return an f-string's text, each value in it as `{}`."""
    return "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}"
        for part in node.values
    )


def strings(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Give each string of a module, and whether it is put together at run time."""
    told = _prose(tree)
    assembled: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr():
                told.update(id(part) for part in node.values)
                yield _template(node), True
            case ast.BinOp(op=ast.Add() | ast.Mod(), left=left, right=right):
                assembled.update({id(left), id(right)})
            case ast.Call(func=ast.Attribute(value=ast.Constant() as text, attr=verb)):
                if verb in _ASSEMBLERS:
                    assembled.add(id(text))
            case ast.AugAssign(op=ast.Add(), value=value):
                assembled.add(id(value))
            case ast.Constant(value=str() as text) if id(node) not in told:
                yield text, id(node) in assembled
            case _:
                pass


def sql_in_python(source: Source) -> dict[str, str]:
    """Find statements in a module's strings.

    None may be put together anywhere. Inside `db/` a plain one is allowed: the connection's
    own upkeep (locks, settings, migrations) has no room whose `queries.sql` it could be in.
    """
    in_db = source.path.startswith("src/paykeel/db/")
    found = {}
    for text, assembled in strings(source.tree):
        query, definition = _QUERY.search(text), _DEFINITION.search(text)
        place = f"{source.path}::{' '.join(text.split())[:40]}"
        if assembled and (query or (definition and not in_db)):
            found[place] = "a statement put together in Python"
        elif (query or definition) and not in_db:
            found[place] = "a statement outside queries.sql"
        elif _EVERYTHING.search(text):
            found[place] = "columns are listed, not starred"
    return found


def test_statements_live_in_sql_files() -> None:
    found: dict[str, str] = {}
    for source in sources("src", suffix=".py"):
        found |= sql_in_python(source)
    assert unlisted(found, ALLOWED) == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('f"SELECT {column} FROM payments"', "a statement put together in Python"),
        ('f"UPDATE {table} SET a = 1"', "a statement put together in Python"),
        ('"SELECT a FROM b" + where', "a statement put together in Python"),
        ('"DELETE FROM %s" % table', "a statement put together in Python"),
        ('"INSERT INTO {} VALUES (1)".format(table)', "a statement put together in Python"),
        ('"SELECT * FROM b"', "columns are listed, not starred"),
    ],
)
def test_sql_in_the_database_room_is_seen(code: str, message: str) -> None:
    found = sql_in_python(Source("src/paykeel/db/pool.py", f"x = {code}"))
    assert list(found.values()) == [message]


@pytest.mark.parametrize(
    "code",
    [
        '"SELECT 1"',
        '"""\n  select a\n  from b\n"""',
        '"WITH a AS (SELECT 1 AS b) DELETE FROM c"',
        '"UPDATE payments AS p SET a = 1"',
        '"CREATE UNIQUE INDEX a ON b (c)"',
        'f"DROP TABLE {name}"',
    ],
)
def test_sql_in_another_room_is_seen(code: str) -> None:
    assert len(sql_in_python(Source("src/paykeel/payments/purchase.py", f"x = {code}"))) == 1


@pytest.mark.parametrize(
    "code",
    [
        '"""The lock waits, so SELECT after it."""',
        'x = "Select a payment from the list."',
        'x = "the update was refused"',
        'x = f"no update or delete of {name}"',
    ],
)
def test_prose_is_left_alone(code: str) -> None:
    assert sql_in_python(Source("src/paykeel/payments/purchase.py", code)) == {}
