"""One row, one text: whatever the order, the time zone or the spelling it comes in."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.sealing.canonical import (
    Kind,
    canonical_row,
    leaf_hash,
    read_json,
    read_time,
    salted_hash,
    write_json,
    write_time,
)
from paykeel.sealing.chain import NO_ID, id_at

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)
KINDS = {
    "a": Kind.PLAIN,
    "b": Kind.PLAIN,
    "at": Kind.TIME,
    "key": Kind.BYTES,
    "keys": Kind.BYTES_LIST,
}


@given(VALUES)
def test_what_was_written_is_read_and_written_alike(value: object) -> None:
    text = write_json(value)

    assert write_json(read_json(text)) == text
    assert json.loads(text) == value


@given(st.dictionaries(TEXTS, st.integers(), min_size=2))
def test_the_order_of_names_does_not_matter(value: dict[str, int]) -> None:
    turned = dict(reversed(value.items()))

    assert write_json(turned) == write_json(value)


@pytest.mark.parametrize("number", ["1.10", "1.1", "0.00000000000000000000001", "9" * 5_000, "-0"])
def test_a_number_stays_as_it_was_printed(number: str) -> None:
    assert write_json(read_json(f'{{"n": {number}}}')) == f'{{"n":{number}}}'


@pytest.mark.parametrize("text", ["NaN", "Infinity", "{", "'a'", ""])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own, or ours
        read_json(text)


def test_a_name_that_stands_twice_is_refused_from_outside() -> None:
    with pytest.raises(ValueError, match="twice"):
        read_json('{"a": 1, "a": 2}', foreign=True)


def test_a_float_has_no_canonical_form() -> None:
    with pytest.raises(TypeError, match="float"):
        write_json({"a": 0.5})


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-23T06:00:00.5+00:00",
        "2026-11-23T06:00:00.500000+00:00",
        "2026-11-23T08:00:00.5+02:00",
        "2026-11-22T20:30:00.5-09:30",
    ],
)
def test_an_instant_is_the_same_in_every_time_zone(said: str) -> None:
    text = canonical_row(json.dumps({"at": said}), KINDS)

    assert text == '{"at":"2026-11-23T06:00:00.500000Z"}'


def test_infinities_have_a_form() -> None:
    assert canonical_row('{"at": "-infinity"}', KINDS) == '{"at":"-infinity"}'


def test_an_instant_is_read_again() -> None:
    instant = datetime(2026, 11, 23, 6, 0, 0, 123_456, UTC)

    assert read_time(write_time(instant)) == instant


def test_bytes_are_hex() -> None:
    text = canonical_row(json.dumps({"key": "\\xab01", "keys": ["\\xff", None]}), KINDS)

    assert text == '{"key":"ab01","keys":["ff",null]}'


def test_a_null_column_is_as_one_that_was_never_there() -> None:
    assert canonical_row('{"a": 1, "b": null}', KINDS) == canonical_row('{"a": 1}', KINDS)


def test_a_null_inside_a_value_is_a_value() -> None:
    assert canonical_row('{"a": {"x": null}}', KINDS) != canonical_row('{"a": {}}', KINDS)


def test_a_column_beside_the_chain_may_go() -> None:
    before = canonical_row('{"a": 1, "b": "203.0.113.9"}', KINDS, {"b"})

    assert before == canonical_row('{"a": 1, "b": null}', KINDS, {"b"})


def test_a_column_without_a_kind_is_not_passed_over() -> None:
    with pytest.raises(KeyError):
        canonical_row('{"c": 1}', KINDS)


def test_a_leaf_belongs_to_its_chain_and_its_row() -> None:
    hashes = {
        leaf_hash("fraud", NO_ID, "{}"),
        leaf_hash("terms", NO_ID, "{}"),
        leaf_hash("fraud", id_at(1), "{}"),
        leaf_hash("fraud", NO_ID, '{"a":1}'),
    }

    assert len(hashes) == 4


def test_a_salt_must_be_long() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        salted_hash(b"short", "203.0.113.9")


def test_another_salt_gives_another_hash() -> None:
    assert salted_hash(b"a" * 16, "x") != salted_hash(b"b" * 16, "x")
