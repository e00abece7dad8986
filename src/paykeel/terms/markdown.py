"""The texts' Markdown: its one canonical form, and the HTML that is made of it once. Pure.

The subset is CommonMark with tables: headings, paragraphs, emphasis, lists, block quotes, links,
rules and code. What is refused is refused because it could run, because it would be fetched from
elsewhere, or because a reader would not see it: whoever accepts a text has accepted all of it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, NoReturn

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.rules_block.table import escapedSplit, getLine, table

from paykeel.cardnumbers import address_as_read, refuse_card_numbers
from paykeel.errors import InvalidField

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

#: Of a canonical text, in UTF-8; as in the database.
TEXT_BYTES_MAX = 262_144
#: Of the HTML made of it; as in the database.
HTML_BYTES_MAX = 1_048_576
#: How deep blocks may stand in one another: a list and its item are two.
DEPTH_MAX = 20
#: A text that fits has at most so many as it comes, but for blanks that nobody sees.
_RAW_CHARACTERS_MAX = 2 * TEXT_BYTES_MAX
#: Marks on one letter. No language needs as many, and to put very many in order takes very long.
_MARKS_MAX = 30

_NEWLINES = re.compile(r"\r\n?")
#: Cannot be stored or shown, or changes what stands around it without being seen.
_REFUSED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u2028\u2029"  # separators of lines that are none to Markdown
    "\u202a-\u202e\u2066-\u2069"  # turn the direction of what follows
    "\u200b\u2060"  # blanks of no width; the joiners of some languages are allowed
    "\u115f\u1160\u3164\uffa0"  # letters that are drawn as nothing
    "\u2061-\u2064\u206a-\u206f\ufff9-\ufffc"  # unseen operators, controls and annotations
    "\ufeff\ufffd"  # a byte order mark inside, and what could not be decoded
    "\ue000-\uf8ff\U000f0000-\U0010ffff"  # private use: a font decides what is seen
    "\U000e0000-\U000e007f"  # tags: whole sentences can be written unseen
    "\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0xF0000, 0x10000))
    + "]"
)
_LINK = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9.])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:[/?#][!-~]*)?"
    r"|mailto:[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?:\?[!-~]*)?",
    re.IGNORECASE,
)

_PAIRS = (
    *("blockquote", "bullet_list", "em", "heading", "link", "list_item", "ordered_list"),
    *("paragraph", "strong", "table", "tbody", "td", "th", "thead", "tr"),
)
_ALLOWED = frozenset(
    {f"{name}_{end}" for name in _PAIRS for end in ("open", "close")}
    | {"code_block", "code_inline", "fence", "hardbreak", "hr", "inline", "softbreak", "text"}
)
_SHOWN = frozenset({"code_block", "code_inline", "fence", "text"})


class _Parser(MarkdownIt):
    """Recognises what is refused as well, so that it can be named."""

    def __init__(self) -> None:
        # Where this ends, the parser drops what is left: what is too deep must be seen before.
        super().__init__("commonmark", {"maxNesting": DEPTH_MAX + 2, "xhtmlOut": False})
        # A definition of a link is never shown. Without the rule it is text like any other.
        self.enable("table").disable("reference")
        self.block.ruler.at("table", _whole_table, {"alt": ["paragraph"]})

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802 - the parser's own name
        """Take every link: which are allowed is said where their lines are known."""
        return True


def canonical(text: object, name: str = "content") -> str:
    r"""Return a text in the one form in which it is hashed, stored and shown.

    It is NFC, its lines end in a line feed and not in blanks, there is no empty line before it, and
    one line feed ends it. Two blanks at the end of a line are no line break, then: a backslash is.

    Raises:
        InvalidField: ``terms_text_characters``: control characters, characters that turn the
            direction of writing, unseen ones, or private ones, with the line;
            ``terms_text_empty``; ``terms_text_too_large``: more than 262,144 bytes; or
            ``text_required``, ``card_number_refused``.

    >>> canonical("\n# Terms  \r\n\r\nBe fair.")
    '# Terms\n\nBe fair.\n'
    """
    if not isinstance(text, str):
        raise InvalidField(name, "text_required", "This must be text.")
    if len(text) > _RAW_CHARACTERS_MAX:
        _refuse_size(name)
    text = _NEWLINES.sub("\n", text.removeprefix("\ufeff"))
    if not text.isascii():
        _check_marks(text, name)
        text = unicodedata.normalize("NFC", text)
    _check_characters(text, name, 1)
    text = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n") + "\n"
    if not _is_seen(text):
        _refuse_empty(name)
    if len(text.encode()) > TEXT_BYTES_MAX:
        _refuse_size(name)
    refuse_card_numbers(text, name)
    return text


def render(content: str, name: str = "content") -> str:
    r"""Return the HTML of a text, safe to be put into a page. The same text gives the same HTML.

    It has no other tags than those of the subset, and no other attributes than ``href`` and ``rel``
    of a link and ``start`` and ``value`` of a list, so that its numbers are those that were
    written. Links lead to http, https and mailto.

    Raises:
        InvalidField: Each names the line. ``terms_text_html``: a tag or a comment;
            ``terms_text_image``; ``terms_text_link``: another scheme, a relative link, or one with
            a user's name; ``terms_text_hidden``: something that would not be shown, such as a
            link's title, a link without text, or a cell too many; ``terms_text_too_deep``;
            ``terms_text_empty``; ``terms_text_too_large``: more than 1,048,576 bytes of HTML; or
            as :func:`canonical`.

    >>> render("Read *all* of it.")
    '<p>Read <em>all</em> of it.</p>\n'
    """
    env: dict[str, object] = {}
    tokens = _PARSER.parse(canonical(content, name), env)
    line = env.get("line_with_too_many_cells")
    if isinstance(line, int):
        _refuse(name, "terms_text_hidden", line, "the row has more cells than the table's head")
    _check(tokens, name)
    _number(tokens)
    html = str(_PARSER.renderer.render(tokens, _PARSER.options, env))
    if len(html.encode()) > HTML_BYTES_MAX:
        _refuse_size(name)
    return html


def _check(tokens: Sequence[Token], name: str) -> None:
    """Refuse what is not of the subset, and leave no attribute but those that are set here."""
    seen = False
    link_line = 0
    shown: list[str] = []
    for token, line in _lines(tokens):
        _check_kind(token, name, line)
        href = token.attrs.get("href")
        titled = "title" in token.attrs
        token.attrs = {}
        if token.type == "link_open":
            link_line, shown = line, []
            if titled:
                _refuse(name, "terms_text_hidden", line, "a link's title would not be shown")
            if not isinstance(href, str) or _LINK.fullmatch(href) is None:
                what = "a link leads to http, https or mailto, with the whole address"
                _refuse(name, "terms_text_link", line, what)
            refuse_card_numbers(address_as_read(href), name)
            token.attrs = {"href": href, "rel": "noopener noreferrer"}
        elif token.type == "link_close" and not _is_seen("".join(shown)):
            _refuse(name, "terms_text_hidden", link_line, "the link has no text")
        elif token.type in _SHOWN:
            _check_characters(token.content, name, line)
            shown.append(token.content)
            seen = seen or _is_seen(token.content)
        elif token.type == "inline":
            # What is one number to a reader may be several pieces in Markdown.
            said = (" " if one.type.endswith("break") else one.content for one in _children(token))
            refuse_card_numbers("".join(said), name)
    if not seen:
        _refuse_empty(name)


def _check_kind(token: Token, name: str, line: int) -> None:
    if token.type == "image":
        _refuse(name, "terms_text_image", line, "images are not part of a text")
    if token.type not in _ALLOWED:
        _refuse(name, "terms_text_html", line, "HTML is not part of a text")
    if token.level > DEPTH_MAX:
        _refuse(name, "terms_text_too_deep", line, "it is nested too deeply")
    if token.type == "fence" and token.info.strip():
        _refuse(name, "terms_text_hidden", line, "what stands behind the fence would not be shown")


def _children(token: Token) -> Sequence[Token]:
    return token.children or ()


def _lines(tokens: Sequence[Token]) -> Iterator[tuple[Token, int]]:
    """Give every token with the line where it begins, counted from 1."""
    line = 1
    for token in tokens:
        if token.map is not None:
            line = token.map[0] + 1
        yield token, line
        here = line
        for child in _children(token):
            yield child, here
            here += child.type in ("softbreak", "hardbreak")


def _number(tokens: Sequence[Token]) -> None:
    """Show the numbers of lists as they were written; all ones count by themselves."""
    lists: list[tuple[Token, list[Token]]] = []
    for token in tokens:
        if token.type in ("ordered_list_open", "bullet_list_open"):
            lists.append((token, []))
        elif token.type == "list_item_open":
            lists[-1][1].append(token)
        elif token.type == "bullet_list_close":
            lists.pop()
        elif token.type == "ordered_list_close":
            opened, items = lists.pop()
            numbers = [int(item.info) for item in items]
            if numbers[0] != 1:
                opened.attrs["start"] = numbers[0]
            if set(numbers) == {1}:
                continue
            for item, before, number in zip(items[1:], numbers, numbers[1:], strict=False):
                if number != before + 1:
                    item.attrs["value"] = number


def _whole_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Read a table, and note the line of the first row that has more cells than the head.

    What stands in them would be dropped without a word.
    """
    before = len(state.tokens)
    if not table(state, start, end, silent):
        return False
    width = sum(token.type == "th_open" for token in state.tokens[before:])
    for line in range(start + 2, state.line if not silent else 0):
        cells = escapedSplit(mdTrim(getLine(state, line)))
        inner = cells[cells[0] == "" : len(cells) - (cells[-1] == "")]
        if len(inner) > width:
            state.env.setdefault("line_with_too_many_cells", line + 1)
            break
    return True


def _check_characters(text: str, name: str, line: int) -> None:
    found = _REFUSED.search(text)
    if found is not None:
        line += text.count("\n", 0, found.start())
        _refuse(name, "terms_text_characters", line, f"U+{ord(found[0]):04X} is not allowed")


def _check_marks(text: str, name: str) -> None:
    """Refuse more marks on a letter than any language has; normalising them could take for ever."""
    row, line = 0, 1
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        line += character == "\n"
        if row > _MARKS_MAX:
            _refuse(
                name, "terms_text_characters", line, f"more than {_MARKS_MAX} marks on a letter"
            )


def _is_seen(text: str) -> bool:
    """Say whether there is anything to see: neither white space nor unseen."""
    return any(
        not character.isspace() and unicodedata.category(character) not in ("Cf", "Mn", "Me")
        for character in text
    )


def _refuse(name: str, code: str, line: int, what: str) -> NoReturn:
    raise InvalidField(name, code, f"Line {line}: {what}.")


def _refuse_empty(name: str) -> NoReturn:
    raise InvalidField(name, "terms_text_empty", "There is nothing to read in the text.")


def _refuse_size(name: str) -> NoReturn:
    raise InvalidField(
        name,
        "terms_text_too_large",
        f"At most {TEXT_BYTES_MAX} bytes of text, and {HTML_BYTES_MAX} bytes of the HTML made"
        " of it.",
    )


#: Holds rules alone; what is being read stands in a state of its own for each text.
_PARSER: Final = _Parser()
