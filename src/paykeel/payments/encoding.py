"""How documents are written: compact JSON in one spelling, instants in UTC. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def in_order(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping sorted by its names, all the way down.

    >>> in_order({"b": 1, "a": {"d": 2}})
    {'a': {'d': 2}, 'b': 1}
    """
    return {
        name: in_order(item) if isinstance(item, dict) else item
        for name, item in sorted(value.items())
    }


# A payment's document has the same few instants over and over.
@lru_cache(maxsize=256)
def instant(value: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, always with microseconds.

    >>> instant(datetime(2026, 11, 23, tzinfo=UTC))
    '2026-11-23T00:00:00.000000Z'
    """
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return f"{value.isoformat(timespec='microseconds')[:-6]}Z"


def encode(document: Mapping[str, Any] | list[Any]) -> bytes:
    """Write a document as compact JSON bytes, the same for the same document."""
    try:
        return orjson.dumps(document)
    except TypeError:
        # A whole number beyond 64 bits, say, from a gateway's words.
        return _ENCODER.encode(document).encode()
