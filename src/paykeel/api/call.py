"""What the edge read of a request's head, once, for everybody behind it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.cardnumbers import holds_card_number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from starlette.types import Scope

SCOPE_KEY = "paykeel.call"
#: In the scope when all of the body was there before the request was served.
BODY_CAME = "paykeel.body_came"

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,99}")
#: Ids of letters alone: nothing in them can be taken for a card number.
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_READ = {
    b"authorization": "authorization",
    b"content-length": "content_length",
    b"content-type": "content_type",
    b"idempotency-key": "idempotency_key",
    b"x-request-id": "request_id",
}


@dataclass(slots=True)
class Call:
    """One request, as far as its headers tell."""

    request_id: str = ""
    authorization: str | None = None
    content_length: str | None = None
    content_type: str | None = None
    idempotency_key: str | None = None
    #: All names and values together, and the longest of them.
    header_bytes: int = 0
    header_bytes_longest: int = 0
    #: Whose key was shown, once that is known.
    merchant_id: UUID | None = None
    #: How long the answer may be kept; a handler may say otherwise when nothing can go wrong.
    cache_control: bytes = b"no-store"


def read_call(headers: Iterable[tuple[bytes, bytes]]) -> Call:
    """Read what is needed of the headers in one pass.

    One that is given twice is joined by a comma, as HTTP says; neither a key nor an idempotency
    key may hold one with a space, so that two of them are refused where they are checked.
    """
    call = Call()
    total = longest = 0
    for name, value in headers:
        size = len(name) + len(value)
        total += size
        longest = max(longest, size)
        attribute = _READ.get(name)
        if attribute is not None:
            text = value.decode("latin-1")
            before = getattr(call, attribute)
            setattr(call, attribute, f"{before}, {text}" if before else text)
    call.header_bytes, call.header_bytes_longest = total, longest
    given = call.request_id
    if not given or _REQUEST_ID.fullmatch(given) is None or holds_card_number(given):
        call.request_id = f"req_{os.urandom(10).hex().translate(_LETTERS)}"
    return call


def call_of(scope: Scope) -> Call:
    """Return what the edge read of this request."""
    call: Call = scope[SCOPE_KEY]
    return call
