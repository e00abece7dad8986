"""Languages of texts: BCP 47 tags, what a browser asks for, and which text it gets. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.errors import InvalidField

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: As many languages as a presentation keeps of what was asked for.
LOCALES_MAX = 20
#: Of an Accept-Language header; what comes after is not read.
HEADER_CHARACTERS_MAX = 2_000

_TAG = re.compile(
    r"""[a-z]{2,3}                              # language
        (?:-[a-z]{4})?                          # script
        (?:-(?:[a-z]{2}|[0-9]{3}))?             # region
        (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*  # variants""",
    re.VERBOSE,
)
_SUBTAGS_MAX = 5
#: What may be asked for is wider than what a text may be in: extensions and private use as well.
_RANGE = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8}){0,7}")
_WEIGHT = re.compile(r"q=(?:(0)(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?)")
_RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ji", "ks", "nqo", "ps", "sd", "syr", "ug"}
    | {"ur", "yi"}
)
_RIGHT_TO_LEFT_SCRIPTS = frozenset({"Adlm", "Arab", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"})


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the available languages somebody gets."""

    locale: str
    #: The language that was wanted most; ``None``: any would do.
    asked_for: str | None
    #: Whether it is another one than was wanted most, if only by a region.
    fell_back: bool


def check_locale(tag: object, name: str = "locale") -> str:
    """Return a language tag in its usual case.

    It is language, script, region and variants, of five parts at most; ``und`` is a language that
    is not known. Extensions, private use and the tags of old are no languages of a text.

    Raises:
        InvalidField: ``locale_malformed``.

    >>> check_locale("PT-br"), check_locale("zh-hant-tw")
    ('pt-BR', 'zh-Hant-TW')
    """
    if isinstance(tag, str) and tag.isascii():
        low = tag.lower()
        parts = low.split("-")
        fits = _TAG.fullmatch(low) is not None and len(parts) <= _SUBTAGS_MAX
        if fits and len(set(parts[1:])) == len(parts[1:]):
            return _cased(low)
    raise InvalidField(
        name, "locale_malformed", "A language is a BCP 47 tag, such as de, pt-BR or zh-Hant."
    )


def read_locales(asked: Iterable[object], name: str = "locales") -> tuple[str, ...]:
    """Return the languages that somebody asks for, best first, in their usual case, each once.

    They are language ranges: wider than the tags of texts. A star is any language, and is left
    out.

    Raises:
        InvalidField: ``locale_malformed``, or ``locales_too_many``: more than 20.

    >>> read_locales(["de-at", "*", "de", "DE-AT"])
    ('de-AT', 'de')
    """
    found: dict[str, None] = {}
    for number, one in enumerate(asked):
        if number == LOCALES_MAX:
            raise InvalidField(name, "locales_too_many", f"At most {LOCALES_MAX} languages.")
        if one == "*":
            continue
        low = one.lower() if isinstance(one, str) and one.isascii() else ""
        if _RANGE.fullmatch(low) is None:
            raise InvalidField(
                f"{name}[{number}]", "locale_malformed", "A language is a BCP 47 tag, such as de."
            )
        found[_cased(low)] = None
    return tuple(found)


def read_accept_language(header: str | None) -> list[str]:
    """Return the languages of an ``Accept-Language`` header, best first, each once.

    What is malformed in it is passed over, and so is what it refuses by a weight of 0. A star says
    nothing more than no header, and is left out. At most 20 are returned.

    >>> read_accept_language("en;q=0.5, de-at, *;q=0.1, fr;q=0")
    ['de-AT', 'en']
    """
    weighed: dict[str, int] = {}
    for entry in (header or "")[:HEADER_CHARACTERS_MAX].split(","):
        tag, *parameters = (part.strip().lower() for part in entry.split(";"))
        weight = _weight(parameters)
        if tag.isascii() and _RANGE.fullmatch(tag) and weight > 0:
            weighed.setdefault(_cased(tag), weight)
    return sorted(weighed, key=lambda tag: -weighed[tag])[:LOCALES_MAX]


def choose(asked: Sequence[str], available: Iterable[str], authoritative: str) -> Choice:
    """Return which of the available languages fits best what is asked for, best first.

    It is the lookup of RFC 4647: each wish is shortened from its end until there is a text
    (``de-AT``, then ``de``), then comes the next wish, and in the end the authoritative text. Case
    does not count; a star fits every text, and so stands for the authoritative one.

    Raises:
        ValueError: The authoritative language is not an available one.

    >>> choose(["de-AT", "fr"], ["en", "fr", "de"], "en")
    Choice(locale='de', asked_for='de-AT', fell_back=True)
    """
    spelled = {tag.lower(): tag for tag in available}
    if authoritative.lower() not in spelled:
        raise ValueError(f"There is no text in the authoritative language {authoritative}.")
    wishes = [tag for tag in asked if tag != "*"]
    wanted = wishes[0] if wishes else None
    for wish in wishes:
        parts = wish.lower().split("-")[:LOCALES_MAX]
        while parts:
            found = spelled.get("-".join(parts))
            if found is not None:
                return Choice(found, wanted, fell_back=found.lower() != str(wanted).lower())
            parts.pop()
            # A single letter begins an extension, which says nothing by itself.
            while parts and len(parts[-1]) == 1:
                parts.pop()
    return Choice(spelled[authoritative.lower()], wanted, fell_back=wanted is not None)


def direction(tag: str) -> str:
    """Return in which direction a language is written: ``ltr`` or ``rtl``.

    >>> direction("ar-EG"), direction("az-Arab"), direction("de")
    ('rtl', 'rtl', 'ltr')
    """
    language, *others = _cased(tag.lower()).split("-")
    script = next((part for part in others if len(part) == 4 and part.isalpha()), None)
    if script is not None:
        return "rtl" if script in _RIGHT_TO_LEFT_SCRIPTS else "ltr"
    return "rtl" if language in _RIGHT_TO_LEFT else "ltr"


def _cased(low: str) -> str:
    """Write a tag in the case that RFC 5646 recommends: nothing after a single letter changes."""
    parts = low.split("-")
    cased = parts[:1]
    for part in parts[1:]:
        if any(len(one) == 1 for one in cased):
            cased.append(part)
        elif len(part) == 2:
            cased.append(part.upper())
        elif len(part) == 4 and part.isalpha():
            cased.append(part.capitalize())
        else:
            cased.append(part)
    return "-".join(cased)


def _weight(parameters: Sequence[str]) -> int:
    """Return the weight of a language in thousandths; 0 if it cannot be read."""
    if not parameters:
        return 1_000
    found = _WEIGHT.fullmatch(parameters[0]) if len(parameters) == 1 else None
    if found is None:
        return 0
    return int((found[2] or "").ljust(3, "0")) if found[1] else 1_000
