"""The page on reading the metrics does what it says: every command on it is run, in order."""

from __future__ import annotations

import asyncio
import csv
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.acceptance.test_readme import folder
from tests.acceptance.test_terms_pages import bodies, run, statuses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls

__all__ = ["folder"]


def ask(urls: Urls, statement: str) -> list[dict[str, Any]]:
    """Run a statement with the application's own rights."""

    async def go() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(urls.app)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(go())


def test_reading_the_metrics(folder: Path, urls: Urls) -> None:
    printed, others = run("metrics.md", folder, urls)
    page, chosen, money, audited, http = printed
    purchases, revenue = [ask(urls, block.text) for block in others]

    assert "3 of 4" in page
    assert "75.00 %" in page
    assert "card_declined" in page
    assert "By hour" in chosen
    assert "issuer" in chosen
    assert "VAMP" in chosen
    assert "All of it in EUR" in money
    with (folder / "revenue.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["group"], row["currency"], row["net"]) for row in rows] == [
        ("", "EUR", "5250"),
        ("", "JPY", "1800"),
        # 52.50 EUR, and 1,800 JPY at 0.0058.
        ("reference", "EUR", "6294"),
    ]
    assert "0 differences" in audited
    assert statuses(http) == [200, 200, 422]
    summary, chart, refused = bodies(http)
    assert summary["success"]["per_attempt"]["rate_bp"] == 7_500
    assert sum(point["purchases"]["begun"] for point in chart["series"][0]["points"]) == 4
    assert (refused["code"], refused["field"]) == ("too_many_points", "interval")
    assert [(row["currency"], row["succeeded"]) for row in purchases] == [("EUR", 2), ("JPY", 1)]
    assert [(row["currency"], row["net"]) for row in revenue] == [("EUR", 5_250), ("JPY", 1_800)]
