"""Takes the fields of a document one by one, and collects every mistake on the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from paykeel.errors import InvalidField
from paykeel.fraud.ruleset import Mistake
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import StrEnum

    Choice = TypeVar("Choice", bound=StrEnum)

#: More than these would not be read by anybody.
MISTAKES_MAX = 100
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
#: Words of CEL, which cannot be part of an attribute's name.
RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"}
    | {"let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
)
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

_NOTHING: Mapping[str, Any] = {}


class Reading:
    """One reading of one document: the mistakes and the warnings that it has found so far."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.warnings: list[Mistake] = []

    def refuse(
        self,
        code: str,
        path: str,
        message: str,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        """Note a mistake; the document is refused."""
        if len(self.mistakes) < MISTAKES_MAX:
            self.mistakes.append(Mistake(code, path, message, line, column))

    def warn(self, code: str, path: str, message: str) -> None:
        """Note what is allowed and yet doubtful."""
        if len(self.warnings) < MISTAKES_MAX:
            self.warnings.append(Mistake(code, path, message))

    def fields(
        self, value: object, path: str, required: Sequence[str], optional: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Return an object's fields; what is missing or unknown is noted."""
        if not isinstance(value, dict):
            self.refuse("object_required", path, "An object is needed here.")
            return _NOTHING
        for name in required:
            if name not in value:
                self.refuse("field_required", join(path, name), f"The field {name} is missing.")
        known = (*required, *optional)
        for name in value:
            if name not in known:
                message = f"Known are {', '.join(known)} alone."
                self.refuse("field_unknown", join(path, name), message)
        return value

    def entries(self, value: object, path: str, entries_max: int) -> Mapping[str, Any]:
        """Return an object whose names are free, such as the velocities'; absent is empty."""
        if value is None:
            return _NOTHING
        if not isinstance(value, dict):
            self.refuse("object_required", path, "An object is needed here.")
            return _NOTHING
        if len(value) > entries_max:
            self.refuse("too_many", path, f"At most {entries_max} may stand here.")
            return _NOTHING
        return {name: item for name, item in value.items() if self.name(name, join(path, name))}

    def items(self, value: object, path: str, items_max: int) -> Sequence[Any]:
        """Return a list; absent is empty."""
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            self.refuse("list_required", path, "A list is needed here.")
            return ()
        if len(value) > items_max:
            self.refuse("too_many", path, f"At most {items_max} may stand here.")
            return ()
        return value

    def name(self, value: object, path: str) -> str:
        """Return a name that can be part of an attribute; empty when it is none."""
        if not isinstance(value, str) or not NAME.fullmatch(value):
            message = "A name is a small letter and at most 39 more letters, digits or _."
            self.refuse("name_malformed", path, message)
            return ""
        if value in RESERVED or value.endswith("_known"):
            self.refuse("name_reserved", path, f"{value} means something else in rules.")
            return ""
        return value

    def text(self, value: object, path: str, characters_max: int) -> str:
        """Return text that can be stored and shown; empty when it cannot."""
        try:
            return check_text(value, path, characters_max)
        except InvalidField as error:
            self.refuse(error.code, path, error.message)
            return ""

    def choice(self, value: object, path: str, choices: type[Choice]) -> Choice | None:
        """Return the choice of this name; None when there is no such."""
        if isinstance(value, str) and value in set(choices):
            return choices(value)
        self.refuse("choice_unknown", path, f"It is one of {', '.join(choices)}.")
        return None

    def integer(
        self, value: object, path: str, least: int, most: int, *, otherwise: int | None = None
    ) -> int:
        """Return an integer in its range; ``otherwise``, or the least one, when it is none."""
        instead = least if otherwise is None else otherwise
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse("integer_required", path, "An integer is needed here.")
            return instead
        if not least <= value <= most:
            self.refuse("out_of_range", path, f"It must be {least:,} to {most:,}.")
            return instead
        return value

    def boolean(self, value: object, path: str) -> bool:
        """Return true or false."""
        if not isinstance(value, bool):
            self.refuse("boolean_required", path, "This must be true or false.")
            return False
        return value

    def duration(self, value: object, path: str, most_s: int) -> int:
        """Return the seconds of ``90s``, ``10m``, ``1h`` or ``30d``; one when it is no duration."""
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            message = "A duration is a number and s, m, h or d, such as 10m."
            self.refuse("duration_malformed", path, message)
            return 1
        seconds = int(found[1]) * _SECONDS[found[2]]
        if seconds > most_s:
            message = f"At most {most_s // 86_400}d."
            self.refuse("duration_too_long", path, message)
            return 1
        return seconds


def join(path: str, name: object) -> str:
    """Return the path of a field; a name that is not fit to be shown is cut."""
    written = str(name)[:64]
    return f"{path}.{written}" if path else written
