"""docs/reference/cli.md names every command and every option, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from paykeel.cli import context
from paykeel.cli.main import app
from paykeel.cli.orders.reading import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclopts import App

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")


def commands(parent: App, *path: str) -> Iterator[tuple[str, ...]]:
    for name in parent:
        if name.startswith("-"):
            continue
        yield (*path, name)
        yield from commands(parent[name], *path, name)


def options() -> set[str]:
    found: set[str] = set()
    for path in commands(app):
        command = app
        for name in path:
            command = command[name]
        if command.default_command is None:
            continue
        for argument in command.assemble_argument_collection():
            found |= {name for name in argument.names if name.startswith("--")}
    return found


def test_every_command_is_told_of() -> None:
    told = set(re.findall(r"^### `paykeel (\w+)`$", PAGE, re.MULTILINE))
    assert told == {path[0] for path in commands(app)}
    for path in commands(app):
        if len(path) > 1:
            section = PAGE.split(f"### `paykeel {path[0]}`")[1].split("###")[0]
            assert re.search(rf"`{' '.join(path[1:])}\b", section), path


def test_every_option_is_told_of_and_no_other() -> None:
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - {"--help"}
    assert told == options()


def test_every_exit_code_is_told_of() -> None:
    codes = {
        context.OK, context.FOUND, context.USAGE, context.UNAVAILABLE, context.NOT_FOUND,
        context.REFUSED, context.INTERRUPTED,
    }  # fmt: skip
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)} == codes


def test_every_column_is_told_of() -> None:
    page = (DOCS / "how-to" / "import-orders.md").read_text(encoding="utf-8")
    assert all(f"`{column}`" in page for column in COLUMNS)
