"""Reads a document's YAML into plain values; anything but plain values is refused.

Only the part of YAML that JSON has is read, by the rules of YAML 1.2: ``off`` and ``no`` are
texts, ``010`` is not eight, and there are no anchors, aliases, tags or merged mappings. So no text
can grow while it is read, nothing is built but dicts, lists and scalars, and a name that stands
there twice is a mistake.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from paykeel.fraud.ruleset import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCUMENT_CHARACTERS_MAX = 262_144
DEPTH_MAX = 12
VALUES_MAX = 20_000
#: What one number may be written with; int() takes quadratic time.
NUMBER_CHARACTERS_MAX = 40

_INT = re.compile(r"[-+]?[0-9]+")
_DOUBLE = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


class _RefusedYaml(Exception):
    """Carries a mistake out of the reading."""

    def __init__(self, code: str, path: str, message: str, mark: Any) -> None:
        super().__init__(message)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        self.mistake = Mistake(code, path, message, line, column)


def read_yaml(text: str) -> object | Mistake:
    r"""Return what the text says, or the first thing for which it is refused.

    >>> read_yaml("mode: off\nscore: 60")
    {'mode': 'off', 'score': 60}
    >>> read_yaml("a: 1\na: 2").code
    'yaml_duplicate_key'
    """
    if len(text) > DOCUMENT_CHARACTERS_MAX:
        message = f"At most {DOCUMENT_CHARACTERS_MAX:,} characters; these are {len(text):,}."
        return Mistake("document_too_long", "", message)
    # The C parser is many times quicker; a build of PyYAML may lack it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Reading(yaml.parse(text, Loader=loader)).document()
    except _RefusedYaml as refused:
        return refused.mistake
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or "This is not YAML"
        return _RefusedYaml("yaml_syntax", "", f"{said[:200]}.", mark).mistake
    except (yaml.YAMLError, UnicodeError):
        return Mistake("yaml_syntax", "", "A character stands here that YAML does not allow.")


class _Reading:
    """Turns the parser's events into values."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._values = 0

    def document(self) -> object:
        """Read the one document of the text."""
        found: object = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _RefusedYaml(
                        "yaml_syntax", "", "A text holds one document.", event.start_mark
                    )
                found = self._value(next(self._events), "", 1)
        return found

    def _value(self, event: Any, path: str, depth: int) -> object:
        """Read one value, and all that is in it."""
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _RefusedYaml(
                "yaml_alias", path, "Anchors and aliases (& and *) are not read here.", mark
            )
        if event.tag is not None and event.tag != "!":
            raise _RefusedYaml("yaml_tag", path, "Tags (!) are not read here.", mark)
        self._values += 1
        if depth > DEPTH_MAX or self._values > VALUES_MAX:
            message = f"At most {VALUES_MAX:,} values, {DEPTH_MAX} deep."
            raise _RefusedYaml("document_too_large", path, message, mark)
        if isinstance(event, yaml.ScalarEvent):
            # The parser in C says "" of what has no quotes, the one in Python None.
            return event.value if event.style else _scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _sequence(self, path: str, depth: int) -> list[object]:
        found: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, f"{path}[{len(found)}]", depth + 1))
        return found

    def _mapping(self, path: str, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.value == "<<":
                raise _RefusedYaml("yaml_key", path, "A name is plain text.", event.start_mark)
            name = event.value
            inner = f"{path}.{name}" if path else name
            if name in found:
                raise _RefusedYaml(
                    "yaml_duplicate_key", inner, "This name stands there twice.", event.start_mark
                )
            found[name] = self._value(next(self._events), inner, depth + 1)
        return found


def _scalar(event: Any, path: str) -> object:
    """Return what a scalar without quotes means."""
    written = event.value
    if written in _WORDS:
        return _WORDS[written]
    is_int = _INT.fullmatch(written)
    if not is_int and not _DOUBLE.fullmatch(written):
        return written
    if len(written) > NUMBER_CHARACTERS_MAX:
        message = f"A number has at most {NUMBER_CHARACTERS_MAX} characters."
        raise _RefusedYaml("yaml_number", path, message, event.start_mark)
    digits = written.lstrip("+-")
    if is_int and len(digits) > 1 and digits[0] == "0":
        # Some readers of YAML take 010 for eight, others for ten; and BINs begin with 0, too.
        message = "A number does not begin with 0; text that does needs quotes."
        raise _RefusedYaml("yaml_number", path, message, event.start_mark)
    return int(written) if is_int else float(written)


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
    """Return a document as YAML that reads back as the same document.

    >>> write_yaml({"mode": "off", "card.bin": "081234", "score": 60}).splitlines()
    ["mode: 'off'", 'card.bin: "081234"', 'score: 60']
    """
    plain = json.loads(json.dumps(document))
    text: str = yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)
    # Whatever YAML cannot say plainly, JSON, which is a part of it, says as well.
    return text if read_yaml(text) == plain else json.dumps(plain, indent=2, ensure_ascii=False)
