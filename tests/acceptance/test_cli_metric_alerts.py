"""``paykeel metrics alerts`` as a person runs it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.acceptance.cli import Cli, environment

if TYPE_CHECKING:
    from tests.servers import Urls


@pytest.fixture
def shop(urls: Urls) -> Cli:
    """A merchant with three alerts, of which one is over."""
    cli = Cli(environment(urls))
    assert cli("merchants", "create", "Harbour Market").code == 0

    async def run() -> None:
        connection = await asyncpg.connect(urls.app)
        try:
            await connection.execute(
                "INSERT INTO metric_alerts (merchant_id, alert_id, rule, dedupe_key, status, facts,"
                " opened_at, last_at, resolved_at)"
                " SELECT m.merchant_id, ('01a1f3c5-7a30-7d2a-8c4b-00000000000' || n)::uuid,"
                " 'sink_lag', 'sink_lag:sink_' || n, CASE n WHEN 3 THEN 'resolved' ELSE 'open' END,"
                " '{}', now(), now(), CASE n WHEN 3 THEN now() END"
                " FROM merchants m, generate_series(1, 3) n"
            )
        finally:
            await connection.close()

    asyncio.run(run())
    return cli


def test_alerts_are_shown_and_acknowledged(shop: Cli) -> None:
    shown = shop("metrics", "alerts", "list")
    assert shown.code == 0
    assert "sink lag" in shown.out
    assert "sink_2" in shown.out
    assert "sink_3" not in shown.out
    second, first = shop("metrics", "alerts", "list", "--json").json["alerts"]
    assert (first["subject"], second["subject"]) == ("sink_1", "sink_2")
    done = shop("metrics", "alerts", "acknowledge", second["id"], "--author", "ann")
    assert (done.code, done.out) == (0, "Acknowledged by ann; it is acknowledged.\n")
    other = shop("metrics", "alerts", "acknowledge", second["id"], "--author", "ben", "--json")
    assert (other.code, other.json["error"]["code"]) == (5, "alert_acknowledged")
    left = shop("metrics", "alerts", "list", "--json").json
    assert [one["id"] for one in left["alerts"]] == [first["id"]]
    page = shop("metrics", "alerts", "list", "--all", "--limit", "2", "--json").json
    words = ("--all", "--limit", "2", "--cursor", page["next_cursor"], "--json")
    rest = shop("metrics", "alerts", "list", *words).json["alerts"]
    assert [one["status"] for one in page["alerts"] + rest] == ["resolved", "acknowledged", "open"]
    over = shop("metrics", "alerts", "list", "--status", "resolved", "--json").json["alerts"]
    assert [one["subject"] for one in over] == ["sink_3"]


def test_the_doctor_lists_what_nobody_has_seen(shop: Cli) -> None:
    alert = shop("metrics", "alerts", "list", "--json").json["alerts"][1]
    findings = shop("doctor", "--json").json["findings"]
    found = [one for one in findings if one["what"] == "metric alert"]
    assert [one["state"] for one in found] == ["warn", "warn"]
    assert found[0]["found"].startswith("sink_lag:sink_1 since ")
    assert f"paykeel metrics alerts acknowledge {alert['id']}" in found[0]["then"]
