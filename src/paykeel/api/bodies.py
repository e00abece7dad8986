"""Bodies: read once, parsed once, and strictly."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from paykeel.api.problems import RequestRefused
from paykeel.cardnumbers import holds_card_number

if TYPE_CHECKING:
    from starlette.types import Receive

    from paykeel.api.call import Call

DEPTH_MAX = 32


async def read_document(receive: Receive, call: Call, *, optional: bool = False) -> dict[str, Any]:
    """Return the JSON object that a request carries; with ``optional`` no body is an empty one.

    Raises:
        RequestRefused: It is none, or too large, or too slow.
    """
    body = await _read(receive)
    if optional and not body:
        return {}
    if not _is_json(call.content_type):
        raise RequestRefused(
            "content_type_unsupported", "Send the body as application/json, in UTF-8."
        )
    return parse(body)


async def _read(receive: Receive) -> bytes:
    message = await receive()
    if not message.get("more_body", False) and message["type"] == "http.request":
        body: bytes = message.get("body", b"")
        return body
    parts = bytearray()
    while True:
        if message["type"] != "http.request":
            # The caller is gone; nobody will read this.
            raise RequestRefused("request_malformed", "The request ended early.")
        parts += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(parts)
        message = await receive()


def _is_json(content_type: str | None) -> bool:
    """Say whether a body is announced as JSON, in UTF-8 or without saying in what."""
    if content_type == "application/json":
        return True
    media, *parameters = (part.strip().lower() for part in (content_type or "").split(";"))
    allowed = {"charset=utf-8", 'charset="utf-8"', ""}
    return media == "application/json" and allowed.issuperset(parameters)


def parse(body: bytes) -> dict[str, Any]:
    """Parse a JSON object, more strictly than Python does by itself.

    Raises:
        RequestRefused: ``json_malformed``, ``json_duplicate_key``, ``json_not_finite``,
            ``json_too_deep`` or ``json_not_object``. It repeats nothing but harmless names.

    >>> parse(b'{"amount": 1250}')
    {'amount': 1250}
    """
    try:
        document = _DECODER.decode(body.decode("utf-8"))
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        # The parser's own words can hold what was sent, and a long number is an error too.
        raise RequestRefused("json_malformed") from error
    if not isinstance(document, dict):
        raise RequestRefused("json_not_object")
    # Brackets in a text count as well, so only many of them make a closer look worth its time.
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth_exceeds(document, DEPTH_MAX):
        raise _too_deep()
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        # Sorted, so that many names are looked through once and not once for each.
        names = sorted(name for name, _ in pairs)
        name = next(one for one, other in pairwise(names) if one == other)
        harmless = len(name) <= 64 and name.isprintable() and not holds_card_number(name)
        raise RequestRefused(
            "json_duplicate_key",
            f"The field {name} is named twice." if harmless else "A field is named twice.",
        )
    return document


def _refuse_constant(_name: str) -> NoReturn:
    raise RequestRefused("json_not_finite")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _depth_exceeds(value: object, left: int) -> bool:
    """Say whether objects and arrays are nested more than ``left`` deep."""
    if not isinstance(value, dict | list):
        return False
    if left == 0:
        return True
    items = value.values() if isinstance(value, dict) else value
    return any(_depth_exceeds(item, left - 1) for item in items)


def _too_deep() -> RequestRefused:
    return RequestRefused("json_too_deep", f"A body is nested at most {DEPTH_MAX} deep.")
