"""The page of fraud rules is run: every block of YAML, and every table is made from the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paykeel.errors import RulesetRefused
from paykeel.fraud import lexing
from paykeel.fraud.catalogue import (
    BUILT_IN_LISTS,
    FIXED_KINDS,
    TEXT_CHARACTERS_MAX,
    attribute_table,
    is_shared,
)
from paykeel.fraud.judge import OWN_REASONS
from paykeel.fraud.lexing import FUNCTIONS, LOOPS, TIMES
from paykeel.fraud.mistakes import MISTAKES, WARNINGS, mistake_table
from paykeel.fraud.rules import read_ruleset_text
from tests.unit.fraud.rulesets import ENGINE

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "fraud-rules.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LIMITS = {
    "characters": lexing.EXPRESSION_CHARACTERS_MAX,
    "words and signs": lexing.TOKENS_MAX,
    "levels inside one another": lexing.NESTING_MAX,
    "texts and numbers": lexing.LITERALS_MAX,
    "characters of one text or number": lexing.LITERAL_CHARACTERS_MAX,
    "patterns": lexing.PATTERNS_MAX,
    "length of a pattern times its counted repeats": lexing.PATTERN_SIZE_MAX,
}


def limit_table() -> str:
    rows = [f"| {name} | {most:,} |" for name, most in LIMITS.items()]
    return "\n".join(["| Limit of an expression | Most |", "|---|---|", *rows])


def between(name: str) -> str:
    """What stands on the page between the two comments of this name."""
    found = re.search(
        rf"<!-- {name}: made from .*?-->\n(.*?)<!-- end of {name} -->", PAGE, re.DOTALL
    )
    assert found
    return found[1].strip()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("attributes", attribute_table()),
        ("limits", limit_table()),
        ("mistakes", mistake_table(MISTAKES)),
        ("warnings", mistake_table(WARNINGS)),
    ],
)
def test_tables_are_what_the_code_says(name: str, table: str) -> None:
    assert between(name) == table


@pytest.mark.parametrize("text", BLOCKS)
def test_every_block_is_what_it_is_said_to_be(text: str) -> None:
    refused = re.match(r"# refused: (\w+) (\S+)(?: (\d+):(\d+))?\n", text)
    if refused is None:
        assert {one.code for one in read_ruleset_text(text, ENGINE).warnings} == set()
        return
    with pytest.raises(RulesetRefused) as error:
        read_ruleset_text(text, ENGINE)
    (only,) = error.value.data["mistakes"]
    place = tuple(int(number) if number else None for number in refused.groups()[2:])
    assert (only["code"], only["path"]) == (refused[1], refused[2])
    assert (only["line"], only["column"]) == place


def test_there_are_blocks_of_both_kinds() -> None:
    refused = [text for text in BLOCKS if text.startswith("# refused:")]
    assert len(refused) >= 3
    assert len(BLOCKS) - len(refused) >= 3


def test_the_page_names_what_there_is() -> None:
    prose = re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
    for word in {*FUNCTIONS - TIMES, *LOOPS, *BUILT_IN_LISTS}:
        assert f"`{word}" in prose or f"{word}(" in prose or f", {word}" in prose, word
    assert f"longer than {TEXT_CHARACTERS_MAX} characters" in prose
    shared = [kind for kind in FIXED_KINDS if is_shared(kind)]
    assert f"({', '.join(shared)}, `custom.<name>`)" in prose
    assert "on_watch_list" in OWN_REASONS
