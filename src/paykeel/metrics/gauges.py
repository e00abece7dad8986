"""Gauges: what waits at this moment, read from the tables themselves.

Rollups say what happened; a gauge says what has not yet. Each is read when it is asked for, and
zero is a value like any other, so that an alarm can see that something is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paykeel.db.pool import Connection, Database

SQL = load("paykeel.metrics", "gauges.sql")
#: From this age on, an attempt without a definite answer is counted as unknown.
UNKNOWN_AFTER_MS = 900_000
#: The most merchants that one statement reads.
MERCHANTS_MAX = 500
MODES = ("test", "live")
#: What the catalogue calls those gauges that leave the house.
NAMES = ("unknown_outcomes_overdue", "recovery_lag", "review_backlog", "fraud_alerts_open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What waits at one merchant."""

    merchant_id: UUID
    #: ``test`` or ``live``.
    mode: str
    #: Attempts sent longer than 15 minutes ago, to which no definite answer has come; and how old
    #: the oldest is, or 0 without any.
    unknown_outcomes: int
    unknown_age_ms: int
    #: Attempts that recovery should have looked at by now, and by how much the oldest is late.
    recovery_overdue: int
    recovery_lag_ms: int
    #: Payments held for a person, those past their time among them, and the age of the oldest.
    reviews_open: int
    reviews_overdue: int
    review_age_ms: int
    #: Alerts of fraud prevention that nobody has acknowledged.
    fraud_alerts_open: int


async def gauges_on(
    connection: Connection, after: UUID | None = None, rows_max: int = MERCHANTS_MAX
) -> list[Gauges]:
    """Return the gauges of the next merchants after one, in the order of their ids."""
    values = {"after": after, "rows_max": rows_max, "unknown_ms": UNKNOWN_AFTER_MS}
    return [Gauges(**row) for row in await fetch_on(connection, SQL["payment_gauges"], values)]


async def read_gauges(database: Database) -> list[Gauges]:
    """Return the gauges of all merchants, a page a statement."""
    found: list[Gauges] = []
    while True:
        async with database.connection() as connection:
            page = await gauges_on(connection, found[-1].merchant_id if found else None)
        found += page
        if len(page) < MERCHANTS_MAX:
            return found


def by_mode(gauges: Iterable[Gauges]) -> dict[str, dict[str, int]]:
    """Return the values of the catalogue's gauges by mode, over all merchants of it.

    What is counted is added up; of what lags the worst is told, in whole seconds.

    >>> from uuid import UUID
    >>> one = Gauges(merchant_id=UUID(int=1), mode="test", unknown_outcomes=1,
    ...     unknown_age_ms=900_001, recovery_overdue=2, recovery_lag_ms=1_999, reviews_open=3,
    ...     reviews_overdue=0, review_age_ms=5, fraud_alerts_open=4)
    >>> by_mode([one, one])["test"]["recovery_lag"], by_mode([one, one])["test"]["review_backlog"]
    (1, 6)
    """
    modes: dict[str, dict[str, int]] = {mode: dict.fromkeys(NAMES, 0) for mode in MODES}
    for one in gauges:
        values = modes[one.mode]
        values["unknown_outcomes_overdue"] += one.unknown_outcomes
        values["recovery_lag"] = max(values["recovery_lag"], one.recovery_lag_ms // 1_000)
        values["review_backlog"] += one.reviews_open
        values["fraud_alerts_open"] += one.fraud_alerts_open
    return modes
