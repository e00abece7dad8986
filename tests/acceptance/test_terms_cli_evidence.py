"""The proof of an acceptance on the command line: made, checked, broken, and kept when erased."""

from __future__ import annotations

import asyncio
import csv
import stat
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.acceptance.cli import Cli, environment
from tests.acceptance.terms import accept, begin, buy
from tests.database.sealing import tamper

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
HEADER = "buyer_id,buyer_role,document,version,locale,accepted_at,ref,ip,user_agent\n"


@pytest.fixture
def cli(urls: Urls) -> Cli:
    return Cli(environment(urls))


@pytest.fixture
def kept(cli: Cli, tmp_path: Path) -> dict[str, Any]:
    """What a buyer said to the first version."""
    begin(cli, tmp_path)
    return accept(cli, "agent-7")


def change(urls: Urls, statement: str) -> None:
    async def run() -> None:
        admin = await asyncpg.connect(urls.admin)
        try:
            await tamper(admin, statement)
        finally:
            await admin.close()

    asyncio.run(run())


def test_a_bundle_verifies_where_no_database_is(
    cli: Cli, kept: dict[str, Any], tmp_path: Path
) -> None:
    page, file, key = (tmp_path / name for name in ("proof.html", "bundle.json", "key"))
    told = cli("terms", "evidence", kept["id"], "--html", str(page))
    file.write_text(cli("terms", "evidence", kept["id"], "--json").out)
    key.write_text(cli("seals", "status", "--json").json["key"]["public_key"])
    away = Cli({**cli.environment, "PAYKEEL_DATABASE_URL": NOWHERE})
    whole = away("terms", "verify", str(file), "--trust", str(key))
    stranger = away("terms", "verify", str(file), "--trust", "ab" * 32, "--json")
    unsaid = away("terms", "verify", str(file))
    file.write_text(file.read_text().replace("**2 %**", "**1 %**"))
    broken = away("terms", "verify", str(file), "--json")
    shown = away("terms", "verify", str(file))

    assert told.code == 0
    assert "Terms for agents" in told.out
    assert "The fee is <strong>2 %</strong>" in page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert whole.code == 0, whole
    assert "agent-7 said accept to Terms for agents 1.0.0 (en)" in whole.out
    assert "--trust" not in whole.out
    assert "--trust" in unsaid.out
    assert (stranger.code, stranger.json["first_fault"]["code"]) == (1, "key_untrusted")
    assert (broken.code, broken.json["first_fault"]["code"]) == (1, "text_changed")
    assert "Broken first at text" in shown.out


def test_everything_that_is_stored_is_checked(cli: Cli, kept: dict[str, Any], urls: Urls) -> None:
    cli("terms", "evidence", kept["id"])  # It seals what is not sealed yet.
    whole = cli("terms", "verify", "--all")
    counted = cli("terms", "verify", "--all", "--json").json
    change(urls, "UPDATE terms_acceptance SET buyer_id = 'agent-8'")
    broken, document = cli("terms", "verify", "--all"), cli("terms", "verify", "--all", "--json")

    assert whole.code == 0, whole
    assert "Everything is as it was published, shown and sealed." in whole.out
    assert "--head" in whole.out
    assert (counted["acceptances"], counted["versions"], counted["presentations"]) == (1, 1, 1)
    assert counted["events"] == 1
    assert broken.code == document.code == 1
    assert f"terms_acceptance {kept['id']}" in broken.out
    assert document.json["first_fault"]["code"] == "row_changed"


def test_a_forged_withdrawal_is_named(cli: Cli, kept: dict[str, Any], urls: Urls) -> None:
    whole = cli("terms", "verify", "--all")
    change(
        urls,
        "UPDATE terms_versions SET status = 'withdrawn', withdrawn_by = 'ann', "
        "withdrawn_at = published_at, withdrawn_because = 'It was wrong'",
    )
    broken = cli("terms", "verify", "--all")

    assert whole.code == 0, whole
    assert broken.code == 1
    assert f"Broken first at terms_versions {kept['version_id']}: event_missing" in broken.out


def test_personal_data_is_erased_and_the_rest_holds(
    cli: Cli, kept: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "old.csv"
    line = "agent-20,agent,agent_terms,1.0.0,en,2026-01-15T09:30:00Z,c-1,203.0.113.9,Example/1.0\n"
    file.write_text(HEADER + line)
    imported = cli("terms", "import", str(file), "--from", "old shop")
    before = cli("terms", "history", "agent-20", "--json").json["acceptances"][0]
    erased = cli("terms", "erase", "--buyer", "agent-20", "--author", "ann", "--yes", "--json")
    after = cli("terms", "history", "agent-20", "--json").json["acceptances"][0]
    again = cli("terms", "erase", "--before", "2030-01-01", "--author", "ann", "--yes", "--json")

    assert imported.code == 0, imported
    assert before["client"]["ip"] == "203.0.113.9"
    assert erased.json["erased"] == 1
    assert (after["client"]["ip"], after["client"]["user_agent"]) == (None, None)
    assert after["client"]["ip_hash"] == before["client"]["ip_hash"]
    assert (again.code, again.json["erased"]) == (0, 0)
    assert kept
    assert cli("terms", "verify", "--all").code == 0


def test_a_file_is_imported_and_every_wrong_line_is_named(
    cli: Cli, kept: dict[str, Any], tmp_path: Path
) -> None:
    file, rejects = tmp_path / "old.csv", tmp_path / "rejects.csv"
    good = [
        f"agent-{number},agent,agent_terms,1.0.0,en,2026-01-15T09:30:00Z,c-{number},,"
        for number in range(100, 1_300)
    ]
    bad = [
        "agent-7,agent,none,1.0.0,en,2026-01-15T09:30:00Z,b-1,,",
        "agent-7,agent,agent_terms,9.0.0,en,2026-01-15T09:30:00Z,b-2,,",
        "agent-7,agent,agent_terms,1.0.0,en,yesterday,b-3,,",
        "agent-7,agent,agent_terms,1.0.0,en,2026-01-15T09:30:00Z,b-4,4242424242424242,",
        "agent-7,agent",
    ]
    file.write_text(HEADER + "\n".join([*good, *bad]) + "\n")
    words = ("terms", "import", str(file), "--from", "old shop", "--rejects", str(rejects))
    done, again = cli(*words, "--json"), cli(*words)
    with rejects.open(encoding="utf-8", newline="") as stream:
        told = list(csv.DictReader(stream))

    assert done.code == again.code == 1
    assert (done.json["added"], done.json["rejected"]) == (1_200, 5), done
    assert "0 acceptances added, 1,200 were there already, 5 rejected." in again.out
    assert sorted((int(one["line"]), one["field"]) for one in told) == [
        (1_202, "document"), (1_203, "version"), (1_204, "accepted_at"), (1_205, "ip"), (1_206, ""),
    ]  # fmt: skip
    assert "4242424242424242" not in done.out + again.out + rejects.read_text()
    assert buy(cli, "agent-100", "A-1").code == 0
    assert kept
    overwriting = cli("terms", "import", str(file), "--from", "old shop", "--rejects", str(file))
    assert (overwriting.code, "usage" in overwriting.err) == (2, True)
    assert file.read_text().startswith(HEADER)


def test_what_is_no_bundle_is_told(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    for content, code, error in (
        (b"nonsense", 2, "bundle_malformed"),
        (b"[]", 2, "bundle_malformed"),
        (b"\xff", 2, "file_unreadable"),
        (b"{}", 1, "bundle_malformed"),
    ):
        file.write_bytes(content)
        done = cli("terms", "verify", str(file), "--json")
        told = done.json["first_fault"] if code == 1 else done.json["error"]
        assert (done.code, told["code"]) == (code, error), done
        assert "Traceback" not in done.err
