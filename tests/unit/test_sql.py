"""Statements are read out of files, and their named parameters become numbered ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.db.sql import Statement, load, parse


def one(sql: str) -> Statement:
    return parse(f"-- name: one\n-- What it says.\n{sql}")["one"]


@pytest.mark.parametrize(
    ("sql", "text", "parameters"),
    [
        ("SELECT 1;", "SELECT 1", ()),
        ("SELECT :a;", "SELECT $1", ("a",)),
        ("SELECT :b, :a, :b;", "SELECT $1, $2, $1", ("b", "a")),
        ("SELECT :a::text[], :b :: int;", "SELECT $1::text[], $2 :: int", ("a", "b")),
        ("SELECT ':a', :a;", "SELECT ':a', $1", ("a",)),
        ("SELECT 'it''s :b', :a;", "SELECT 'it''s :b', $1", ("a",)),
        ("SELECT '--', :a;", "SELECT '--', $1", ("a",)),
        ("SELECT '12:30'::time;", "SELECT '12:30'::time", ()),
        (
            "SELECT 1 -- :not, isn't\n    , :a;",
            "SELECT 1 -- :not, isn't\n    , $1",
            ("a",),
        ),
        ("SELECT (:a_1)[1:2];", "SELECT ($1)[1:2]", ("a_1",)),
        ("SELECT 'x'::text, :a;", "SELECT 'x'::text, $1", ("a",)),
    ],
)
def test_a_name_is_a_parameter_and_nothing_else_is(
    sql: str, text: str, parameters: tuple[str, ...]
) -> None:
    statement = one(sql)
    assert (statement.text, statement.parameters) == (text, parameters)


def test_a_statement_is_told_of_in_prose() -> None:
    found = parse(
        "-- name: first\n-- What it says;\n-- no row: nothing.\nSELECT 1;\n\n"
        "-- name: second\n-- More.\nSELECT :b,\n    :a;\n"
    )
    assert list(found) == ["first", "second"]
    assert found["first"] == Statement("first", "What it says; no row: nothing.", "SELECT 1", ())
    assert found["second"].text == "SELECT $1,\n    $2"


def test_two_statements_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two statements are named a"):
        parse("-- name: a\n-- A.\nSELECT 1;\n-- name: a\n-- B.\nSELECT 2;")


def test_values_come_in_the_order_of_the_numbers() -> None:
    statement = one("SELECT :b, :a, :b;")
    assert statement.arguments({"a": 1, "b": 2}) == [2, 1]


@pytest.mark.parametrize(
    "values", [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 2}, {"a": 1, "B": 2}]
)
def test_missing_and_surplus_values_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(KeyError):
        one("SELECT :a, :b;").arguments(values)


def test_a_refusal_names_what_differs() -> None:
    with pytest.raises(KeyError, match="one: parameters differ: c"):
        one("SELECT :a, :b;").arguments({"a": 1, "b": 2, "c": 3})


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(st.lists(NAMES, min_size=1, max_size=10))
def test_every_name_gets_one_number(names: list[str]) -> None:
    statement = one(f"SELECT {', '.join(':' + name for name in names)};")
    assert statement.parameters == tuple(dict.fromkeys(names))
    numbers = statement.text.removeprefix("SELECT ").split(", ")
    values = {name: name for name in names}
    arguments = statement.arguments(values)
    assert [arguments[int(number[1:]) - 1] for number in numbers] == names


@given(st.text(st.characters(codec="ascii", min_codepoint=0x20), max_size=30))
def test_nothing_in_a_literal_is_read(text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    statement = one(f"SELECT {literal}, :a")
    assert statement.parameters == ("a",)
    assert statement.text == f"SELECT {literal}, $1"


def test_the_rooms_have_their_statements() -> None:
    files = [
        *((room, "queries.sql") for room in ("payments", "idempotency", "merchants", "metrics")),
        *(
            ("terms", file)
            for file in ("queries.sql", "documents.sql", "presenting.sql", "accepting.sql")
        ),
    ]
    for room, file in files:
        statements = load(f"paykeel.{room}", file)
        assert statements
        assert all(statement.about for statement in statements.values())
        assert all(statement.name == name for name, statement in statements.items())
