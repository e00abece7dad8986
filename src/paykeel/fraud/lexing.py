"""Reads an expression as a row of tokens, before any engine sees it.

This is what makes an expression cheap to refuse: its size, its depth and its literals are bounded
here, and loops (CEL's comprehensions) are not let in at all, so what is left costs no more to run
than it is long. It also tells which attributes an expression names, and where.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

EXPRESSION_CHARACTERS_MAX = 4_000
TOKENS_MAX = 1_000
#: Brackets inside brackets, conditions inside conditions, or signs before a value.
NESTING_MAX = 12
LITERALS_MAX = 250
LITERAL_CHARACTERS_MAX = 200
#: Patterns are compiled whenever they are tried, so they are few and small: the size is the number
#: of characters, times all counted repeats. Of `(ab{3}){4}` it is 120.
PATTERNS_MAX = 4
PATTERN_SIZE_MAX = 1_000

#: CEL's loops: one walks a list for every item of another, so three of them never end.
LOOPS = frozenset({"all", "exists", "exists_one", "map", "filter"})
#: Of CEL's other functions those that rules need. No engine has to know more than these.
TIMES = frozenset(
    {"getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek"}
    | {"getHours", "getMinutes", "getSeconds", "getMilliseconds"}
)
FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "int", "double", "string"}
    | {"duration", "timestamp"}
    | TIMES
)
#: The shape of a zone's name; an engine may open a file of that name.
_ZONE = re.compile(r"[A-Za-z_]{2,20}(/[A-Za-z_+-]{2,20}){0,2}|[+-][0-9]{2}:[0-9]{2}", re.ASCII)

_TOKEN = re.compile(
    r"""(?P<gap>[ \t\r\n\f]+|//[^\n]*)
    |(?P<text>[bB]?[rR](?:"[^"\r\n]*"|'[^'\r\n]*')
        |[bB]?(?:"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'))
    |(?P<number>0[xX][0-9a-fA-F]+[uU]?
        |(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>[=!<>]=|&&|\|\||[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
#: Classes of Unicode, by any spelling, are thousands of ranges each.
_WIDE = re.compile(r"\\[pPxXuU]|\[:")
_REPEAT = re.compile(r"\{([0-9]+)(?:,([0-9]*))?\}")
_ENDS_VALUE = frozenset({")", "]", "}"})


@dataclass(frozen=True, slots=True)
class Token:
    """A literal, a name or a sign; ``at`` is its place in the expression, from 0."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A dotted name as it stands in an expression; ``first`` and ``last`` are its tokens."""

    name: str
    at: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an expression; line and column count from 1."""

    code: str
    message: str
    line: int = 1
    column: int = 1


def fault_at(text: str, at: int, code: str, message: str) -> Fault:
    """Return a fault at a place of the expression."""
    line = text.count("\n", 0, at) + 1
    return Fault(code, message, line, at - (text.rfind("\n", 0, at) + 1) + 1)


def examine(text: str) -> tuple[Token, ...] | Fault:
    """Return an expression's tokens, or the first thing for which it is refused.

    >>> [token.text for token in examine("payment.amount > 3")]
    ['payment', '.', 'amount', '>', '3']
    >>> examine("[1].all(x, x > 0)").code
    'expression_loop'
    """
    if not text.strip():
        return Fault("expression_empty", "There is no expression here.")
    if len(text) > EXPRESSION_CHARACTERS_MAX:
        return Fault(
            "expression_too_long",
            f"At most {EXPRESSION_CHARACTERS_MAX:,} characters; these are {len(text):,}.",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return fault_at(text, error.start, "expression_syntax", "This is half a character.")
    tokens = _split(text)
    if isinstance(tokens, Fault):
        return tokens
    return _over_a_limit(text, tokens) or _bad_call(text, tokens) or tokens


def _split(text: str) -> tuple[Token, ...] | Fault:
    """Split an expression into tokens, gaps and comments left out."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            what = "This text does not end" if text[at] in "\"'" else "This character means nothing"
            return fault_at(text, at, "expression_syntax", f"{what} here.")
        kind = found.lastgroup or "gap"
        if kind == "text" and text[found.end() : found.end() + 1] in {'"', "'"}:
            # Three quotes begin a text that may go over lines: one way to write a text is enough.
            return fault_at(
                text, at, "expression_syntax", "Texts stand in single quotes or double."
            )
        if kind != "gap":
            tokens.append(Token(kind, found[0], at))
        at = found.end()
    if not tokens:
        return Fault("expression_empty", "There is no expression here.")
    return tuple(tokens)


def _over_a_limit(text: str, tokens: Sequence[Token]) -> Fault | None:
    """Return the first limit of size or depth that is passed."""
    if len(tokens) > TOKENS_MAX:
        return fault_at(
            text,
            tokens[TOKENS_MAX].at,
            "expression_too_many_tokens",
            f"At most {TOKENS_MAX:,} words and signs; these are {len(tokens):,}.",
        )
    depth = conditions = prefixes = literals = 0
    before = ""
    for token in tokens:
        literals += token.kind in {"text", "number"}
        depth += (token.text in {"(", "[", "{"}) - (token.text in {")", "]", "}"})
        conditions += token.text == "?"
        ends_value = token.kind != "sign" or token.text in _ENDS_VALUE
        is_prefix = token.text == "!" or (token.text == "-" and not before)
        prefixes = prefixes + 1 if is_prefix else 0
        before = token.text if ends_value else ""
        if max(depth, conditions, prefixes) > NESTING_MAX:
            message = f"At most {NESTING_MAX} levels may stand inside one another."
            return fault_at(text, token.at, "expression_too_deep", message)
        if literals > LITERALS_MAX:
            message = f"At most {LITERALS_MAX} texts and numbers may stand in one expression."
            return fault_at(text, token.at, "expression_too_many_literals", message)
        if token.kind in {"text", "number"} and len(token.text) > LITERAL_CHARACTERS_MAX:
            message = f"A text or number has at most {LITERAL_CHARACTERS_MAX} characters."
            return fault_at(text, token.at, "expression_literal_too_long", message)
    return None


def _bad_call(text: str, tokens: Sequence[Token]) -> Fault | None:
    """Return the first loop, the first function that rules have not, or bad use of one."""
    patterns = 0
    for place, token in enumerate(tokens[:-1]):
        if token.kind != "name" or token.text == "in":
            continue
        opens = tokens[place + 1].text
        if opens == "{":
            message = "Only values and lists of values are written in rules."
            return fault_at(text, token.at, "expression_syntax", message)
        if opens != "(":
            continue
        if token.text in LOOPS:
            message = f"{token.text} walks through a list, and rules have no loops."
            return fault_at(text, token.at, "expression_loop", message)
        if token.text not in FUNCTIONS:
            message = (
                f"There is no function {token.text}; there are {', '.join(sorted(FUNCTIONS))}."
            )
            return fault_at(text, token.at, "expression_unknown_function", message)
        patterns += token.text == "matches"
        code, message = _bad_argument(tokens, place, patterns)
        if code:
            return fault_at(text, token.at, code, message)
    return None


def _bad_argument(tokens: Sequence[Token], place: int, patterns: int) -> tuple[str, str]:
    """Return code and message if a call's argument must stand there as text, and does not."""
    name = tokens[place].text
    argument = tokens[place + 2] if place + 2 < len(tokens) else tokens[place]
    alone = place + 3 < len(tokens) and tokens[place + 3].text == ")"
    written = argument.text[1:-1] if argument.kind == "text" and alone else None
    if name in TIMES and argument.text != ")" and not (written and _ZONE.fullmatch(written)):
        return "expression_zone", f"Write {name}() or {name}('Europe/Paris')."
    if name != "matches":
        return "", ""
    if written is None or place == 0 or tokens[place - 1].text != ".":
        return "expression_pattern", "Write name.matches('pattern'), with the pattern as text."
    if patterns > PATTERNS_MAX:
        return "expression_pattern", f"At most {PATTERNS_MAX} patterns may stand in one rule."
    if not written.isascii() or _WIDE.search(written):
        return "expression_pattern", "A pattern is of ASCII characters and has no \\p or \\x{}."
    if len(written) * _repeats(written) > PATTERN_SIZE_MAX:
        most = f"Its length times its counted repeats is at most {PATTERN_SIZE_MAX:,}."
        return "expression_pattern", f"This pattern is too large to compile. {most}"
    return "", ""


def _repeats(pattern: str) -> int:
    """Return the product of all counted repeats, taken as if each stood inside the next."""
    product = 1
    for least, most in _REPEAT.findall(pattern):
        # Longer numbers are larger than the limit in any case.
        product *= max(1, *(int(number[:5]) for number in (least, most) if number))
    return product


def constants(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Give what can only be judged by running it: patterns, zones, instants and durations.

    Each comes with a boolean expression that fails exactly where the constant is none.
    """
    for place, token in enumerate(tokens[:-3]):
        literal = tokens[place + 2]
        if literal.kind != "text" or tokens[place + 1].text != "(" or token.kind != "name":
            continue
        if token.text == "matches":
            yield literal, f"''.matches({literal.text})"
            continue
        elif token.text in TIMES:
            call = f"timestamp('2026-01-01T00:00:00Z').{token.text}({literal.text})"
        elif token.text in {"duration", "timestamp"} and tokens[place + 3].text == ")":
            call = f"{token.text}({literal.text})"
        else:
            continue
        yield literal, f"{call} == {call}"


def references(tokens: Sequence[Token], names: Container[str]) -> tuple[Reference, ...]:
    """Return every place where one of the names stands, even with more names after it.

    >>> tokens = examine("card.country.startsWith('N') && payment . amount > 3")
    >>> [found.name for found in references(tokens, {"card.country", "payment.amount"})]
    ['card.country', 'payment.amount']
    """
    found = []
    for first, token in enumerate(tokens):
        if token.kind != "name" or _follows_dot(tokens, first):
            continue
        name, last = token.text, first
        while True:
            if name in names:
                found.append(Reference(name, token.at, first, last))
            if not (
                last + 2 < len(tokens)
                and tokens[last + 1].text == "."
                and tokens[last + 2].kind == "name"
            ):
                break
            last += 2
            name = f"{name}.{tokens[last].text}"
    return tuple(found)


def _follows_dot(tokens: Sequence[Token], place: int) -> bool:
    """Say whether a name is a part of what stands before it; a leading dot is no such thing."""
    if place == 0 or tokens[place - 1].text != ".":
        return False
    return place > 1 and (tokens[place - 2].kind != "sign" or tokens[place - 2].text in _ENDS_VALUE)


def comparisons(
    tokens: Sequence[Token], found: Sequence[Reference]
) -> Iterator[tuple[Reference, str, Token, int]]:
    """Give each name that is compared with the token beside it, turned so that the name is left.

    Sums and products are no such thing: of ``a + b > 3`` nothing is given. With each comes the
    place of the token.
    """
    mirrored = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
    for reference in found:
        after, before = reference.last + 1, reference.first - 1
        starts = _is_edge(tokens, before, first=True)
        if starts and after + 1 < len(tokens) and tokens[after].text in mirrored:
            yield reference, tokens[after].text, tokens[after + 1], after + 1
        ends = _is_edge(tokens, after, first=False)
        if ends and before >= 1 and tokens[before].text in mirrored:
            yield reference, mirrored[tokens[before].text], tokens[before - 1], before - 1


def stands_alone(tokens: Sequence[Token], first: int, last: int) -> bool:
    """Say whether the tokens from first to last are one side of a comparison, whole."""
    signs = {"==", "!=", "<", "<=", ">", ">="}
    left = first == 0 or tokens[first - 1].text in signs or _is_edge(tokens, first - 1, first=True)
    right = (
        last + 1 == len(tokens)
        or tokens[last + 1].text in signs
        or _is_edge(tokens, last + 1, first=False)
    )
    return left and right


def _is_edge(tokens: Sequence[Token], place: int, *, first: bool) -> bool:
    """Say whether a comparison can begin after, or end before, the token at this place."""
    if not 0 <= place < len(tokens):
        return True
    both = {"&&", "||", "?", ":"}
    return tokens[place].text in both | ({"(", "[", ","} if first else {")", "]", ","})
