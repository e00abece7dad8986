"""``migrate`` and ``audit``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel.cli.context import (
    DEFAULTS,
    FOUND,
    OK,
    Common,
    Flag,
    MerchantOption,
    Output,
    open_core,
    quiet_log,
)
from paykeel.core import find_database, migrate_all
from paykeel.db import migrate as migrations
from paykeel.errors import DatabaseUnavailable
from paykeel.settings import Settings

if TYPE_CHECKING:
    from paykeel.payments.audit import Difference

CONNECT_S_MAX = 10


async def migrate(
    *,
    status: Flag = False,
    common: Common = DEFAULTS,
) -> int:
    """Bring the database up to date.

    Args:
        status: Only say what is applied and what is pending; exit code 1 if something is.
        common: The options of every command.
    """
    settings = Settings()
    quiet_log()
    out = Output(common)
    urls = await find_database(settings)
    try:
        if status:
            return _show_status(out, await read_status(urls.owner))
        applied = await migrate_all(urls, settings)
    finally:
        if urls.server is not None:
            await asyncio.to_thread(urls.server.release)
    out.document({"applied": [_applied(row) for row in applied]})
    for row in applied:
        out.line(f"Applied {row.version:04} {row.name} in {row.duration_ms} ms.")
    if not applied:
        out.line("The database is up to date.")
    return OK


async def read_status(url: str) -> migrations.MigrationStatus:
    """Connect, and compare the files with what was applied.

    Raises:
        DatabaseUnavailable: Nothing answers there.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_S_MAX)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnavailable(f"The database does not answer: {error}") from error
    try:
        return await migrations.status(connection)
    finally:
        await connection.close(timeout=CONNECT_S_MAX)


def _show_status(out: Output, found: migrations.MigrationStatus) -> int:
    out.document(
        {
            "applied": [_applied(row) for row in found.applied],
            "pending": [{"version": row.version, "name": row.name} for row in found.pending],
            "problems": [
                {"version": problem.version, "code": problem.code, "message": problem.message}
                for problem in found.problems
            ],
        }
    )
    rows: list[tuple[object, ...]] = [
        (f"{row.version:04}", row.name, "applied", f"{row.applied_at:%Y-%m-%d %H:%M:%S} UTC")
        for row in found.applied
    ]
    rows += [(f"{row.version:04}", row.name, "pending", "") for row in found.pending]
    out.table(("version", "name", "state", "at"), rows)
    for problem in found.problems:
        out.line(f"{problem.code}: {problem.message}")
    return FOUND if found.pending or found.problems else OK


def _applied(row: migrations.Applied) -> dict[str, Any]:
    return {
        "version": row.version,
        "name": row.name,
        "applied_at": row.applied_at.isoformat(),
        "duration_ms": row.duration_ms,
    }


async def audit(*, merchant: MerchantOption = None, common: Common = DEFAULTS) -> int:
    """Recompute every status, amount and metric from history, and name each difference.

    Args:
        merchant: Only this one; all of them otherwise.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        report = await core.auditor.audit(merchant)
    out.document(
        {
            "clean": report.clean,
            "merchants": report.merchants,
            "payments": report.payments,
            "events": report.events,
            "differences": [difference_document(item) for item in report.differences],
            "open_items": [difference_document(item) for item in report.open_items],
        }
    )
    columns = ("kind", "merchant", "payment", "what")
    if report.differences:
        out.table(columns, map(_row, report.differences), title="Differences")
    if report.open_items:
        out.table(columns, map(_row, report.open_items), title="Open: for a person to decide")
    out.line(
        f"{report.merchants} merchants, {report.payments} payments, {report.events} events: "
        f"{len(report.differences)} differences, {len(report.open_items)} open items."
    )
    return OK if report.clean else FOUND


def difference_document(item: Difference) -> dict[str, Any]:
    """Return a difference as JSON-ready values."""
    return {
        "kind": item.kind,
        "merchant_id": str(item.merchant_id),
        "payment_id": None if item.payment_id is None else str(item.payment_id),
        "detail": item.detail,
    }


def _row(item: Difference) -> tuple[object, ...]:
    return item.kind, item.merchant_id, item.payment_id, item.detail
