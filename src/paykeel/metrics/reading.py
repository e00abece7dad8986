"""Reading the rollups: one series of counts, or of histograms, over any boundaries.

Each place of a series lies between two boundaries and is put together from whole days, hours and
minutes (:mod:`paykeel.metrics.levels`). Both what is summed up so far and the sums are read in one
snapshot, so that nothing is counted twice or missed while the worker sums up or removes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.metrics.levels import Watermarks, cover

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Connection, Database
    from paykeel.db.sql import Statement
    from paykeel.metrics.levels import Span

SQL = load("paykeel.metrics")


@dataclass(frozen=True, slots=True)
class Filters:
    """What is counted; ``None`` counts everything."""

    roles: tuple[str, ...] | None = None
    currencies: tuple[str, ...] | None = None
    gateways: tuple[str, ...] | None = None


EVERYTHING = Filters()


@dataclass(frozen=True, slots=True)
class Counted:
    """How often something happened in one place of a series, with sums in minor units."""

    #: From boundary ``place`` up to, not including, boundary ``place + 1``.
    place: int
    event_type: str
    #: In what it let purchases end: succeeded, failed, blocked, canceled, expired; empty: nothing.
    outcome: str
    buyer_role: str
    currency: str
    gateway: str
    #: Empty: none.
    reason: str
    count: int
    #: The amounts that the events were about.
    amount: int
    captured: int
    refunded: int


@dataclass(frozen=True, slots=True)
class Timed:
    """How many durations fell into one place of a histogram, in one place of a series."""

    place: int
    #: ``open``, ``gateway``, ``settle`` or ``purchase``.
    stage: str
    buyer_role: str
    gateway: str
    #: See :mod:`paykeel.metrics.histogram`.
    bucket_place: int
    count: int
    sum_us: int


async def read_series(
    database: Database,
    merchant_id: UUID,
    boundaries: Sequence[datetime],
    filters: Filters = EVERYTHING,
) -> list[Counted]:
    """Return what happened between each two boundaries, which grow; what is zero has no row.

    A minute belongs to the place in which it begins.

    Raises:
        InvalidField: ``metrics_resolution_gone``: what a boundary cuts was removed by retention.
    """
    rows = await _read(
        database,
        SQL["metric_series"],
        merchant_id,
        boundaries,
        {"roles": filters.roles, "currencies": filters.currencies, "gateways": filters.gateways},
    )
    return [
        Counted(
            **{
                **row,
                "amount": int(row["amount"]),
                "captured": int(row["captured"]),
                "refunded": int(row["refunded"]),
            }
        )
        for row in rows
    ]


async def read_latencies(
    database: Database,
    merchant_id: UUID,
    boundaries: Sequence[datetime],
    filters: Filters = EVERYTHING,
) -> list[Timed]:
    """Return the histograms between each two boundaries; how long it took has no currency.

    Raises:
        InvalidField: ``metrics_resolution_gone``: what a boundary cuts was removed by retention.
        ValueError: The filters name currencies.
    """
    if filters.currencies is not None:
        message = "durations are not kept by currency"
        raise ValueError(message)
    rows = await _read(
        database,
        SQL["latency_series"],
        merchant_id,
        boundaries,
        {"roles": filters.roles, "gateways": filters.gateways},
    )
    return [Timed(**{**row, "sum_us": int(row["sum_us"])}) for row in rows]


async def watermarks(database: Database, merchant_id: UUID) -> Watermarks:
    """Return how far a merchant's metrics are summed up, and what was removed."""
    async with database.connection() as connection:
        return await _watermarks(connection, merchant_id)


async def _watermarks(connection: Connection, merchant_id: UUID) -> Watermarks:
    rows = await fetch_on(connection, SQL["metric_watermarks"], {"merchant_id": merchant_id})
    return Watermarks(**rows[0]) if rows else Watermarks()


async def _read(
    database: Database,
    statement: Statement,
    merchant_id: UUID,
    boundaries: Sequence[datetime],
    filters: dict[str, tuple[str, ...] | None],
) -> list[Any]:
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        known = await _watermarks(connection, merchant_id)
        values = {"merchant_id": merchant_id, **_arrays(cover(boundaries, known)), **filters}
        return await fetch_on(connection, statement, values)


def _arrays(spans: Sequence[Span]) -> dict[str, Any]:
    return {
        "places": [span.place for span in spans],
        "levels": [str(span.level) for span in spans],
        "froms": [span.since for span in spans],
        "untils": [span.until for span in spans],
    }
