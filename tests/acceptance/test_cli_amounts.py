"""``paykeel merchants``: limits, the reference currency and its rates, as a user sets them."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.cli import Cli, environment

if TYPE_CHECKING:
    from tests.servers import Urls

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, PAGE = ROOT / "examples", ROOT / "docs" / "how-to" / "amounts.md"


@pytest.fixture
def shop(urls: Urls) -> Cli:
    cli = Cli(environment(urls))
    assert cli("merchants", "create", "Harbour Market").code == 0
    return cli


def test_a_limit_is_set_planned_listed_and_shown(shop: Cli) -> None:
    made = shop("merchants", "limit", "EUR", "--max", "1500", "--min", "5", "--author", "ann",
                "--json").json  # fmt: skip
    assert (made["amount_min"], made["amount_max"], made["created_by"]) == (500, 150_000, "ann")
    assert (made["buyer_role"], made["kind"]) == ("*", "*")
    planned = shop(
        "merchants", "limit", "EUR", "--max", "9000", "--role", "operator", "--kind", "deposit",
        "--from", "2126-01-01", "--json",
    ).json  # fmt: skip
    assert planned["effective_at"] == "2126-01-01T00:00:00+00:00"
    assert shop("merchants", "limit", "EUR", "--max", "1600").code == 0
    assert shop("merchants", "limit", "*", "--nothing", "--kind", "gift").code == 0

    listed = shop("merchants", "limits", "--json").json["limits"]
    assert [(one["currency"], one["kind"], one["amount_max"], one["state"]) for one in listed] == [
        ("EUR", "deposit", 900_000, "planned"),
        ("EUR", "*", 160_000, "in force"),
        ("*", "gift", None, "in force"),
        ("*", "*", 999_999_999_999, "in force"),
    ]
    every = shop("merchants", "limits", "--all", "--json").json["limits"]
    assert [one["state"] for one in every].count("replaced") == 1
    table = shop("merchants", "limits").out
    assert re.search(r"EUR +\* +\* +0\.01 EUR to 1600\.00 EUR", table)
    assert re.search(r"\* +\* +gift +nothing", table)
    assert "limit EUR * *" in shop("merchants", "show").out


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (["EUR"], "field_required", "max"),
        (["EUR", "--max", "5", "--nothing"], "usage", "nothing"),
        (["EUR", "--max", "1.234"], "amount_wrong_precision", "max"),
        (["*", "--max", "1.5"], "amount_not_integer", "max"),
        (["EUR", "--max", "5", "--role", "guest"], "choice_unknown", "buyer_role"),
        (["EUR", "--max", "5", "--kind", "Gift"], "name_malformed", "kind"),
        (["EUR", "--max", "5", "--from", "tomorrow"], "instant_malformed", "from"),
        (["EUR", "--max", "5", "--from", "2020-01-01"], "instant_in_past", "effective_at"),
        (["XAU", "--max", "5"], "currency_not_tender", "currency"),
    ],
)
def test_a_wrong_limit_is_refused(shop: Cli, words: list[str], code: str, field: str) -> None:
    done = shop("merchants", "limit", *words, "--json")
    assert done.code == 2, done
    assert (done.json["error"]["code"], done.json["error"]["data"]["field"]) == (code, field)


def test_rates_are_set_imported_and_listed(shop: Cli, tmp_path: Path) -> None:
    done = shop("merchants", "rates", "import", str(EXAMPLES / "rates.csv"), "--json")
    assert (done.code, done.json["added"], done.json["rejected"]) == (0, 8, 0)
    again = shop("merchants", "rates", "import", "-", given=(EXAMPLES / "rates.csv").read_bytes())
    assert again.out == "0 added, 8 known before, 0 rejected.\n"
    assert "from 2026-11-02 on" in shop(
        "merchants", "rates", "set", "USD", "0.9215", "--on", "2026-11-02", "--author", "ann"
    ).out  # fmt: skip
    listed = shop("merchants", "rates", "list", "--currency", "USD", "--json").json
    assert listed["reference_currency"] == "EUR"
    first = listed["rates"][0]
    assert (first["rate"], first["created_by"]) == ("0.9215", "ann")
    assert re.search(r"USD +2026-11-02 +0\.9215 +ann", shop("merchants", "rates", "list").out)

    wrong, rejects = tmp_path / "rates.csv", tmp_path / "rejects.csv"
    wrong.write_text("currency,effective_on,rate\nJPY,2026-11-02,0.006\nJPY,2026-11-03,0,006\n")
    done = shop("merchants", "rates", "import", str(wrong), "--rejects", str(rejects))
    assert done.code == 1
    assert "line 3: columns_mismatch" in done.out
    rows = list(csv.DictReader(rejects.read_text(encoding="utf-8").splitlines()))
    assert [(row["line"], row["code"]) for row in rows] == [("3", "columns_mismatch")]
    for words, code in (
        (("set", "EUR", "1"), "rate_of_reference"),
        (("set", "USD", "0,92"), "rate_malformed"),
        (("import", str(tmp_path / "none.csv")), "file_unreadable"),
        (("import", str(EXAMPLES / "orders.csv")), "rates_header_malformed"),
    ):
        done = shop("merchants", "rates", *words, "--json")
        assert (done.code, done.json["error"]["code"]) == (2, code)


def test_the_reference_currency_is_chosen(urls: Urls) -> None:
    cli = Cli(environment(urls))
    made = cli("merchants", "create", "Harbour Market", "--reference-currency", "USD", "--json")
    assert made.json["reference_currency"] == "USD"
    changed = cli("merchants", "set-reference-currency", "CHF", "--json").json
    assert changed["reference_currency"] == "CHF"
    assert "CHF" in cli("merchants", "show").out
    refused = cli("merchants", "create", "Mill Market", "--reference-currency", "XAU")
    assert refused.code == 2


def test_the_example_has_a_rate_for_every_currency_of_the_orders() -> None:
    lines = (EXAMPLES / "rates.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# Examples")
    rated = {row["currency"] for row in csv.DictReader(lines[1:])}
    with (EXAMPLES / "orders.csv").open(encoding="utf-8", newline="") as file:
        sold = {row["currency"] for row in csv.DictReader(file)}
    # The others are there to be refused.
    assert sold - rated == {"EUR", "XAU", "eur", "ZZZ"}
    packaged = ROOT / "src" / "paykeel" / "cli" / "demo" / "rates.csv"
    assert packaged.read_bytes() == (EXAMPLES / "rates.csv").read_bytes()


def test_every_command_of_the_page_runs(urls: Urls) -> None:
    shop = Cli(environment(urls))
    page = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("paykeel ")]
    assert len(lines) >= 10
    for line in lines:
        words = shlex.split(line)[1:]
        given = [word.replace("examples/rates.csv", str(EXAMPLES / "rates.csv")) for word in words]
        done = shop(*given)
        assert done.code == 0, (line, done)
