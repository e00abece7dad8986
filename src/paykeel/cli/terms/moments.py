"""Instants that may lie ahead, in words of the command line. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from paykeel.cli.limits import read_instant
from paykeel.errors import InvalidField

_AHEAD = re.compile(r"([1-9][0-9]{0,7})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
#: Ten years: what lies further ahead is a slip.
AHEAD_DAYS_MAX = 3_653


def read_ahead(text: str | None, name: str, now: datetime) -> datetime | None:
    """Return an instant, or how long from now: ``2027-01-01`` or ``30d``; nothing for nothing.

    Raises:
        InvalidField: ``instant_malformed`` or ``duration_too_long``.

    >>> from datetime import UTC
    >>> read_ahead("2d", "effective-from", datetime(2026, 11, 23, tzinfo=UTC)).isoformat()
    '2026-11-25T00:00:00+00:00'
    """
    if text is None:
        return None
    found = _AHEAD.fullmatch(text)
    if found is None:
        return read_instant(text, name, or_else="or how long from now: 10d")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if seconds > AHEAD_DAYS_MAX * 86_400:
        raise InvalidField(name, "duration_too_long", f"At most {AHEAD_DAYS_MAX}d.")
    return now + timedelta(seconds=seconds)


def told(instant: datetime | None) -> str | None:
    """Write an instant for people."""
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M:%S} UTC"
