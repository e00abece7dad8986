"""What every statement in a `queries.sql` owes its reader, and its merchant."""

import re
from collections import Counter
from collections.abc import Set as AbstractSet

import pytest

from tests.tidy.queries import preamble, statements, tables_with, words
from tests.tidy.sources import Source, sources, unlisted

# Statements on a merchant's table that are about no merchant: `path::name: reason`.
FOR_ALL_MERCHANTS: dict[str, str] = {
    "src/paykeel/payments/queries.sql::recovery_lag": "the worker's own lag, told of no merchant",
}

PROSE_WORDS_MIN = 4
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*\Z")
# `x.*` and `SELECT *` are columns unnamed; `count(*)` and `a * b` are not.
_STAR = re.compile(r"\.\*|(?:\bSELECT|\bRETURNING|\bDISTINCT|\bALL|,)\s*\*", re.IGNORECASE)


def malformed(source: Source) -> list[str]:
    """Find what does not follow `-- name:`, prose, one statement, `;`."""
    found = []
    if preamble(source.text):
        found.append(f"{source.path}: SQL before the first name")
    read = statements(source.text)
    for name, times in Counter(statement.name for statement in read).items():
        if times > 1:
            found.append(f"{source.path}::{name}: named {times} times")
    for statement in read:
        place = f"{source.path}::{statement.name}"
        if not _IDENTIFIER.match(statement.name):
            found.append(f"{place}: a name is lower case, digits and underscores")
        if len(statement.prose.split()) < PROSE_WORDS_MIN:
            found.append(f"{place}: no prose below the name that says what it does")
        if statement.sql.count(";") != 1 or not statement.sql.endswith(";"):
            found.append(f"{place}: not one statement that ends with a semicolon")
    return found


def starred(source: Source) -> list[str]:
    """Find statements that take columns without naming them."""
    return [
        f"{source.path}::{statement.name}: columns are listed, not starred"
        for statement in statements(source.text)
        if _STAR.search(statement.sql)
    ]


def merchantless(source: Source, owned: AbstractSet[str]) -> dict[str, str]:
    """Find statements on a merchant's table that never say which merchant."""
    return {
        f"{source.path}::{statement.name}": f"names no merchant for {', '.join(sorted(tables))}"
        for statement in statements(source.text)
        if (tables := words(statement.sql) & owned)
        and not re.search(r"\bmerchant_ids?\b", statement.sql)
    }


def owned_tables() -> set[str]:
    owned: set[str] = set()
    for migration in sources("src/paykeel/db", suffix=".sql"):
        owned |= tables_with("merchant_id", migration.text)
    return owned


def test_statements_are_well_formed() -> None:
    assert [
        fault for source in sources("src", suffix="queries.sql") for fault in malformed(source)
    ] == []


def test_columns_are_listed() -> None:
    assert [
        fault for source in sources("src", suffix="queries.sql") for fault in starred(source)
    ] == []


def test_statements_name_their_merchant() -> None:
    owned = owned_tables()
    found: dict[str, str] = {}
    for source in sources("src", suffix="queries.sql"):
        found |= merchantless(source, owned)
    assert unlisted(found, FOR_ALL_MERCHANTS) == []


GOOD = """-- Statements of this room.

-- name: find_one
-- Finds the one; no row means that there is none.
SELECT p.a, count(*) AS n, p.b * 2 AS c, ';--' AS d -- a comment; with a semicolon
FROM payments AS p WHERE merchant_id = :merchant_id GROUP BY 1;
"""


def test_a_good_statement_passes() -> None:
    sample = Source("queries.sql", GOOD)
    assert malformed(sample) == []
    assert starred(sample) == []
    assert merchantless(sample, {"payments"}) == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("SELECT 1;\n" + GOOD, "SQL before the first name"),
        (GOOD + GOOD.removeprefix("-- Statements of this room.\n"), "named 2 times"),
        (GOOD.replace("find_one", "findOne"), "a name is lower case, digits and underscores"),
        (GOOD.replace("Finds the one; no row means that there is none.", ""), "no prose below"),
        (GOOD.replace("BY 1;", "BY 1"), "not one statement"),
        (GOOD.replace("BY 1;", "BY 1; SELECT 2;"), "not one statement"),
    ],
)
def test_a_malformed_statement_is_seen(text: str, fault: str) -> None:
    assert [found for found in malformed(Source("queries.sql", text)) if fault in found]


@pytest.mark.parametrize("columns", ["*", "p.*", "DISTINCT *", "a, p.*", "a,\n  *", "(p).*"])
def test_a_star_is_seen(columns: str) -> None:
    text = f"-- name: a\n-- All of the columns.\nSELECT {columns} FROM payments AS p;"
    assert len(starred(Source("queries.sql", text))) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM payments WHERE payment_id = :id",
        "UPDATE payments SET a = 1 -- merchant_id",
        "SELECT a FROM other JOIN payments USING (id) WHERE b = 'merchant_id'",
    ],
)
def test_a_statement_without_its_merchant_is_seen(sql: str) -> None:
    sample = Source("queries.sql", f"-- name: a\n-- It has some prose.\n{sql};")
    assert list(merchantless(sample, {"payments"})) == ["queries.sql::a"]


def test_tables_are_read_from_migrations() -> None:
    migration = """
        CREATE TABLE a (merchant_id uuid NOT NULL, b text CHECK (length(b) < 9));
        CREATE TABLE IF NOT EXISTS public.b (c int, PRIMARY KEY (c)); -- merchant_id
        CREATE UNLOGGED TABLE c (d text DEFAULT 'merchant_id');
        ALTER TABLE d ADD COLUMN merchant_id uuid;
    """
    assert tables_with("merchant_id", migration) == {"a", "d"}


def test_there_are_tables_to_guard() -> None:
    assert "payments" in owned_tables()
