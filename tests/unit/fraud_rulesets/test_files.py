"""A ruleset that is written as a file reads back as the same ruleset."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.cli.fraud.ruleset_files import FILE_BYTES_MAX, read_file
from paykeel.errors import InvalidInput
from paykeel.fraud.documents import read_yaml, write_yaml
from paykeel.fraud.rules import default_ruleset_text, read_ruleset_text
from paykeel.fraud.stored import built_in, built_in_stored, read_stored
from tests.unit.fraud.rulesets import ENGINE

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
AWKWARD = st.sampled_from(
    ["010", "1e3", "off", "NO", "~", "null", "- a", "a: b", "#", "é", "1_000", "0x10", "<<", "&a",
     "*a", "!x", "true", ".5", "+1", "12:30", "2026-11-23", "a\nb", " a", "a ", "", "\u2028"]
)  # fmt: skip
NAMES = st.from_regex(r"[a-z][a-z.]{0,8}", fullmatch=True)
VALUES = st.recursive(
    TEXT | AWKWARD | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_whatever_is_written_reads_back(document: dict[str, Any]) -> None:
    assert read_yaml(write_yaml(document)) == document


def test_the_default_reads_back_as_itself() -> None:
    document = built_in_stored().document
    again = read_ruleset_text(write_yaml(document), ENGINE)
    assert again == read_ruleset_text(default_ruleset_text(), ENGINE)


def test_the_built_in_ones_are_what_they_say() -> None:
    stored = built_in_stored()
    default, none = read_stored(stored, ENGINE), built_in("none", ENGINE)
    assert (default.version, {rule.version for rule in default.rules}) == (0, {0})
    assert bytes.fromhex(default.sha256) == stored.sha256
    assert (none.rules, none.version) == ((), 0)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (FILE_BYTES_MAX + 1)])
def test_a_file_that_is_no_text_or_endless_is_refused(tmp_path: Any, content: bytes) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        read_file(file)
    assert refused.value.code == "file_unreadable"
