"""Ruleset files: read whole and bounded, and what is wrong with them shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.errors import InvalidInput
from paykeel.fraud.documents import DOCUMENT_CHARACTERS_MAX

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
            raise InvalidInput(
                f"{path} is larger than any such file may be.", code="file_unreadable"
            )
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
