"""When, and whose: what the rows of the tests have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
MERCHANT, PAYMENT = UUID(int=1), UUID(int=2)
#: Nobody's.
OTHER = UUID(int=99)
#: The wrong values of one constraint: one dictionary of changes to the good row for each.
Wrong = list[dict[str, Any]]


def texts(name: str, most: int, *, least: int = 1) -> Wrong:
    """A text that is too long, and one that is too short."""
    return [{name: "x" * (most + 1)}, *([{name: ""}] if least else [])]
