"""Text files of a version: read whole and bounded, each with its language."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from paykeel.errors import InvalidField, InvalidInput
from paykeel.terms.locales import check_locale

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What is canonical is checked later; this keeps what no text could be out of memory.
FILE_BYTES_MAX = 1024 * 1024


def read_texts(files: Sequence[str], locale: str | None) -> dict[str, str]:
    """Read files by language: ``FILE`` is in ``locale``, ``FILE:LOCALE`` in the one it names.

    Raises:
        InvalidInput: ``usage``: no file, or one without a language; ``file_unreadable``.
        InvalidField: ``locale_malformed``, or ``locale_repeated``: two files in one language.
    """
    if not files:
        raise InvalidInput("Name a file, or --id of a draft.", code="usage")
    texts: dict[str, str] = {}
    for word in files:
        path, own = _split(word)
        if own is None and locale is None:
            raise InvalidInput(
                f"In which language is {word}? Say --locale, or {word}:de.", code="usage"
            )
        found = check_locale(own or locale or "")
        if found in texts:
            raise InvalidField("locale", "locale_repeated", f"Two files are in {found}.")
        texts[found] = _read(path)
    return texts


def _split(word: str) -> tuple[Path, str | None]:
    """Take the language off; a file whose name holds a colon is taken as it is."""
    path = Path(word)
    name, colon, locale = word.rpartition(":")
    if not colon or not name or path.exists():
        return path, None
    return Path(name), locale


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise InvalidInput(f"{path} is larger than any text may be.", code="file_unreadable")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}.", code="file_unreadable") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8.", code="file_unreadable") from error
