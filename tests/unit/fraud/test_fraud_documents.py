"""YAML is read as data and as nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paykeel.fraud.documents import DEPTH_MAX, DOCUMENT_CHARACTERS_MAX, VALUES_MAX, read_yaml
from paykeel.fraud.ruleset import Mistake

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_json_is_read_as_json(value: Any) -> None:
    # Escaped halves of characters are the one thing of JSON that YAML has not.
    assert read_yaml(json.dumps(value, ensure_ascii=False)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: off", {"a": "off"}),
        ("a: no\nb: NO\nc: y", {"a": "no", "b": "NO", "c": "y"}),
        ("a: true\nb: ~\nc:", {"a": True, "b": None, "c": None}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 0x1F", {"a": "0x1F"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: '010'", {"a": "010"}),
        ("a: 2026-11-23", {"a": "2026-11-23"}),
        ("a: -7", {"a": -7}),
        ("a: 1.5e3", {"a": 1500.0}),
        ("a: .inf", {"a": ".inf"}),
        ("a: >-\n  b\n  c", {"a": "b c"}),
        ("", None),
        ("# nothing", None),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "code", "path", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3", "yaml_duplicate_key", "a", 3, 1),
        ("r:\n  - {k: 1, k: 2}", "yaml_duplicate_key", "r[0].k", 2, 12),
        ("a: &x 1\nb: *x", "yaml_alias", "a", 1, 4),
        ("a: *x", "yaml_alias", "a", 1, 4),
        ("? &x a\n: 1", "yaml_key", "", 1, 3),
        ("a:\n  <<: {b: 1}", "yaml_key", "a", 2, 3),
        ("? [1, 2]\n: 3", "yaml_key", "", 1, 3),
        ("a: !!python/object/apply:os.system ['true']", "yaml_tag", "a", 1, 4),
        ("a: !!str 3", "yaml_tag", "a", 1, 4),
        ("a: 010", "yaml_number", "a", 1, 4),
        ("a: " + "9" * 41, "yaml_number", "a", 1, 4),
        ("a: [1", "yaml_syntax", "", 2, 1),
        ("a: 1\n---\nb: 2", "yaml_syntax", "", 2, 1),
        ("a: {", "yaml_syntax", "", 2, 1),
        ("\ta: 1", "yaml_syntax", "", 1, 1),
    ],
)
def test_what_is_not_plain_is_refused_where_it_stands(
    text: str, code: str, path: str, line: int, column: int
) -> None:
    refused = read_yaml(text)
    assert isinstance(refused, Mistake)
    assert (refused.code, refused.path) == (code, path)
    assert (refused.line, refused.column) == (line, column)


@pytest.mark.parametrize("text", ["a: \x00", "a: \ud800", "\x07"])
def test_characters_that_yaml_has_not_are_refused(text: str) -> None:
    refused = read_yaml(text)
    assert isinstance(refused, Mistake)
    assert refused.code == "yaml_syntax"


def bomb() -> str:
    """Nine aliases of nine aliases, and so on: a billion values in a few lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (bomb(), "yaml_alias"),
        ("[" * 100_000, "document_too_large"),
        ("{a: " * 50_000, "document_too_large"),
        ("- " * 1_000 + "a", "document_too_large"),
        ("a:\n" + "- 1\n" * (VALUES_MAX + 1), "document_too_large"),
        ("a" * (DOCUMENT_CHARACTERS_MAX + 1), "document_too_long"),
    ],
    ids=["aliases", "lists", "objects", "dashes", "many", "long"],
)
def test_bombs_are_refused(text: str, code: str) -> None:
    refused = read_yaml(text)
    assert isinstance(refused, Mistake)
    assert refused.code == code


def test_as_deep_as_is_allowed() -> None:
    deep = "[" * DEPTH_MAX + "]" * DEPTH_MAX
    assert read_yaml(deep) == json.loads(deep)
    refused = read_yaml(f"[{deep}]")
    assert isinstance(refused, Mistake)


def test_the_quick_parser_is_there() -> None:
    assert yaml.__with_libyaml__
