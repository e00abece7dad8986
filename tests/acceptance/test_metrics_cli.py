"""``paykeel metrics`` as a person runs it: at 80 columns, as JSON and as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from tests.acceptance.cli import Cli, environment
from tests.conftest import settings_for
from tests.database.helpers import buy
from tests.rates import give_rates

if TYPE_CHECKING:
    from tests.servers import Urls

COLUMNS = 80
#: A terminal that knows neither colours nor its size.
TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "dumb", "COLUMNS": str(COLUMNS)}


@pytest.fixture
def cli(urls: Urls) -> Cli:
    """A merchant with eight purchases, one of which was declined."""

    async def run() -> None:
        async with Paykeel.open(settings_for(urls)) as paykeel:
            merchant = await paykeel.merchants.create("Harbour Market")
            await give_rates(paykeel, merchant.merchant_id)
            for number in range(8):
                await buy(
                    paykeel,
                    merchant,
                    f"order-{number}",
                    currency=("EUR", "JPY")[number % 2],
                    payment_method="pm_card_declined" if number == 2 else "pm_ok",
                )

    asyncio.run(run())
    return Cli(environment(urls, **TERMINAL))


def shown(cli: Cli, *words: str) -> str:
    """What is shown on a terminal, with no line that would be folded."""
    done = cli("metrics", *words)
    assert (done.code, done.err) == (0, "")
    assert max(len(line.rstrip()) for line in done.out.splitlines()) <= COLUMNS
    return done.out


def test_the_figures_are_shown_on_a_terminal(cli: Cli) -> None:
    page = shown(cli, "--group-by", "currency")
    assert "Harbour Market (test)" in page
    assert "87.50 %" in page
    assert "7 of 8" in page
    assert "card_declined" in page
    assert "█" in page
    assert "currency JPY" in page
    assert next(line.split()[:4] for line in page.splitlines() if line.startswith(" EUR")) == [
        "EUR", "37.50", "0.00", "37.50",
    ]  # fmt: skip
    chart = shown(cli, "timeseries", "--since", "2h", "--interval", "hour")
    assert "* cut short by the period" in chart
    assert "gross JPY" in chart
    why = shown(cli, "failures", "--group-by", "role")
    assert "1 of 8 that a gateway answered failed: 12.50 %, before -." in why
    assert "Who can mend it: issuer 100.00 %." in why
    assert "VAMP" in shown(cli, "fraud")


def test_a_program_reads_json_or_csv(cli: Cli) -> None:
    answer = cli("metrics", "summary", "--json").json
    assert answer["object"] == "metrics_summary"
    assert answer["success"]["per_attempt"]["rate_bp"] == 8_750
    assert {one["currency"]: one["gross"] for one in answer["revenue"]} == {
        "EUR": 3_750,
        "JPY": 5_000,
    }
    rows = table(cli, "revenue", "--reference")
    assert [(row["group"], row["currency"], row["net"]) for row in rows[:2]] == [
        ("", "EUR", "3750"),
        ("", "JPY", "5000"),
    ]
    assert (rows[2]["group"], rows[2]["currency"]) == ("reference", "EUR")
    points = table(cli, "timeseries", "--since", "1h", "--interval", "minute")
    assert len(points) == 60
    assert sum(int(row["succeeded"]) for row in points) == 7
    assert sum(int(row["gross_EUR"] or 0) for row in points) == 3_750


def table(cli: Cli, *words: str) -> list[dict[str, str]]:
    done = cli("metrics", *words, "--csv")
    assert (done.code, done.err) == (0, "")
    return list(csv.DictReader(io.StringIO(done.out)))


def test_a_wrong_call_is_told_in_one_line(cli: Cli) -> None:
    for words, code in (
        (("latency", "--currency", "EUR"), "latency_has_no_currency"),
        (("summary", "--csv"), "usage"),
    ):
        done = cli("metrics", *words, "--json")
        assert (done.code, done.json["error"]["code"]) == (2, code)
        assert done.err.count("\n") == 1
