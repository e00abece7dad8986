"""Time and ids, passed in wherever they are needed.

Leases and expiries are decided by the database's clock, in SQL. The clock here only measures how
long something took and dates what the database has not dated.
"""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime
from typing import Protocol

_MS_NS = 1_000_000


class Clock(Protocol):
    """What the rest of Paykeel asks of time."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that only ever grow, for measuring durations."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()


def new_id() -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562): the Unix time in 60 bits, then 62 random bits.

    Of the time, 48 bits are milliseconds and 12 are 4,096ths of one, so that ids sort in the order
    in which a process makes them, unless its clock is set back. Inserts touch the right edge of an
    index, and a listing by id is a listing by time.

    >>> a, b = new_id(), new_id()
    >>> a.version, a < b
    (7, True)
    """
    ms, rest_ns = divmod(time.time_ns(), _MS_NS)
    value = ms << 80
    value |= 0x7 << 76
    value |= ((rest_ns << 12) // _MS_NS) << 64
    value |= 0b10 << 62
    value |= int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return uuid.UUID(int=value)
