"""Logging by structlog: JSON for machines or lines for people, and nothing secret in either.

Whatever is logged, by us or by a library, goes through :func:`redact` before it is written.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from paykeel.cardnumbers import holds_card_number

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"
CARD_NUMBER = "[card number]"
#: Says that all that is logged was cleaned before, or is Paykeel's own.
CLEAN = "_clean"
#: How deep a value is followed, and how long a text may be; more says nothing in a log.
_DEPTH_MAX = 6
_CHARACTERS_MAX = 20_000

_SECRET_NAMES = re.compile(
    r"authorization|cookie|password|passwd|secret|signature|api_?key|database_url|bearer",
    re.IGNORECASE,
)
#: What every secret, card number and control character below needs. Most texts have none of it,
#: and are looked at only once.
_SUSPECT = re.compile(
    r"paykeel_|bearer|basic|@|[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){12}|[^ -~]", re.IGNORECASE
)
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(paykeel_(?:live|test)_)[0-9A-Za-z_]+"), rf"\1{REDACTED}"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s,;'\"]+", re.IGNORECASE), rf"\1 {REDACTED}"),
    # A password in an address: scheme://user:password@host
    (re.compile(r"(://[^\s/:@]*:)[^\s@]+(?=@)"), rf"\1{REDACTED}"),
    (re.compile(r"(?<!://)\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "[email]"),
)


def set_up(log_format: str = "json", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send everything that is logged to ``stream``, by default standard error.

    Args:
        log_format: ``json``, or ``console`` for people.
        level: What is less than this is not logged.
        stream: Standard output is left to what a command prints.
    """
    target = stream or sys.stderr
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if log_format == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(target),
        # So that a later call of this, in a test or after a fork, takes effect everywhere.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *shared,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)


def traceback_of(error: BaseException) -> str:
    """Return where an error came from, without any values, cleaned.

    What an application's own log makes of an exception may show the variables of every function
    that it passed through, requests and keys among them.
    """
    lines = "".join(traceback.format_exception(error))[-_CHARACTERS_MAX:].splitlines()
    return "\n".join(f"  | {clean_text(line)}" for line in lines)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take out secrets and card numbers, and what could be taken for another line.

    >>> redact(None, "", {"event": "hello", "key": "paykeel_test_abc_def"})
    {'event': 'hello', 'key': 'paykeel_test_[redacted]'}
    """
    if event.pop(CLEAN, False):
        return event
    cleaned: EventDict = {}
    for name, value in event.items():
        shown = name if name.isidentifier() else clean_text(name)
        if name == "exception" and isinstance(value, str):
            # A traceback keeps its lines, each marked as a part of it.
            lines = value[-_CHARACTERS_MAX:].splitlines()
            cleaned[shown] = "\n".join(f"  | {clean_text(line)}" for line in lines)
        else:
            cleaned[shown] = _clean(name, value, _DEPTH_MAX)
    return cleaned


def _clean(name: str, value: Any, depth: int) -> Any:
    if _SECRET_NAMES.search(name):
        return REDACTED
    match value:
        case str():
            return clean_text(value)
        case None | bool():
            return value
        case int() | float():
            large = abs(value) >= 10**12
            return CARD_NUMBER if large and holds_card_number(f"{value:.0f}") else value
        case dict() if depth:
            return {
                clean_text(str(key)): _clean(str(key), item, depth - 1)
                for key, item in value.items()
            }
        case list() | tuple() | set() | frozenset() if depth:
            return [_clean("", item, depth - 1) for item in value]
        case _:
            return clean_text(str(value))


def clean_text(text: str) -> str:
    r"""Return a text without secrets and card numbers, on one line.

    >>> clean_text("two\nlines, one card 4242 4242 4242 4242")
    '[card number]'
    >>> clean_text("two\nlines")
    'two\\nlines'
    """
    text = text[:_CHARACTERS_MAX]
    if _SUSPECT.search(text) is None:
        return text
    if holds_card_number(text):
        return CARD_NUMBER
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode()
            for character in text
        )
    return text
