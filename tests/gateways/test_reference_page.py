"""The reference page says what the code does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from paykeel.gateways.placeholder import PlaceholderOptions, token_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "placeholder.md"


def test_the_table_of_tokens_is_the_codes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    _, _, rest = page.partition("<!-- tokens")
    table = rest.partition("-->")[2].partition("<!-- end of tokens -->")[0]

    assert table.strip() == token_table()


def test_every_option_is_told() -> None:
    page = PAGE.read_text(encoding="utf-8")

    for field in dataclasses.fields(PlaceholderOptions):
        assert f"`{field.name}`" in page
