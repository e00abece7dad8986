"""Ruleset files: read whole and bounded, checked, and written so that they read back the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from paykeel.errors import InvalidInput
from paykeel.fraud.documents import DOCUMENT_CHARACTERS_MAX, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from paykeel.cli.context import Output

#: A character of UTF-8 has at most four bytes.
FILE_BYTES_MAX = 4 * DOCUMENT_CHARACTERS_MAX


def read_file(path: Path) -> str:
    """Return a file's text.

    Raises:
        InvalidInput: ``file_unreadable``: it is not there, not UTF-8 or far too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise InvalidInput(f"{path} is larger than any ruleset may be.", code="file_unreadable")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}.", code="file_unreadable") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8.", code="file_unreadable") from error


def show_mistakes(out: Output, mistakes: Iterable[Mapping[str, Any]], title: str) -> None:
    """Print mistakes or warnings; line and column count inside the expression, or the file."""
    rows = [
        (one["path"] or "the file", one["line"], one["column"], one["code"], one["message"])
        for one in mistakes
    ]
    if rows:
        out.table(
            ("place", "line", "column", "code", "what is wrong"),
            rows,
            title=title,
            right=("line", "column"),
            prose=("what is wrong",),
        )


class _Dumper(yaml.SafeDumper):
    """Writes texts so that our own reader, which follows YAML 1.2, takes them for texts."""

    def ignore_aliases(self, _data: object) -> bool:
        """Write what is there twice twice; aliases are not read."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = text.isprintable() and read_yaml(text) == text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if plain else '"')


_Dumper.add_representer(str, _text)


def write_yaml(document: Mapping[str, Any]) -> str:
    """Return a ruleset's document as YAML that reads back as the same document.

    >>> write_yaml({"mode": "off", "card.bin": "081234", "score": 60}).splitlines()
    ["mode: 'off'", 'card.bin: "081234"', 'score: 60']
    """
    plain = json.loads(json.dumps(document))
    text: str = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)
    # Whatever YAML cannot say plainly, JSON, which is a part of it, says as well.
    return text if read_yaml(text) == plain else json.dumps(plain, indent=2, ensure_ascii=False)
