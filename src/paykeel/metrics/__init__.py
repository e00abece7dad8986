"""Metrics: counted in the statement that moves a payment, so they agree with the books."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.db.sql import load

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Database

SQL = load("paykeel.metrics")

#: Writers of one minute are spread over this many rows.
SLOTS = 64


def writer_slot(lane: int) -> int:
    """Return the slot in which this process writes from ``lane``.

    Two lanes of a process never share one; two processes seldom do, and then merely wait.
    """
    return (os.getpid() * 8 + lane) % SLOTS


@dataclass(frozen=True, slots=True)
class Total:
    """How often something happened, and the sum of its amounts in minor units."""

    event_type: str
    currency: str
    buyer_role: str
    reason: str
    count: int
    amount: int


class PaymentMetricsService:
    """Reads the rollups of ``payment_metrics``."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def totals(
        self, merchant_id: UUID, since: datetime | None = None, until: datetime | None = None
    ) -> list[Total]:
        """Return what happened in whole minutes from ``since`` up to, not including, ``until``."""
        rows = await self._database.fetch(
            SQL["metric_totals"], merchant_id=merchant_id, since=since, until=until
        )
        return [Total(**{**dict(row), "amount": int(row["amount"])}) for row in rows]
