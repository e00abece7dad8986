"""``paykeel seals`` as a person runs it: what it says, and how it ends."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.acceptance.cli import Cli, environment
from tests.database.sealing import add_merchant, add_rows, sealing, tamper

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def cli(urls: Urls) -> Cli:
    return Cli(environment(urls))


@pytest.fixture
def rows(urls: Urls) -> list[uuid.UUID]:
    """Rows of one merchant, sealed."""

    async def run() -> list[uuid.UUID]:
        admin = await asyncpg.connect(urls.admin)
        try:
            ids = await add_rows(admin, await add_merchant(admin), 5)
        finally:
            await admin.close()
        async with sealing(urls.app) as service:
            await service.seal_all()
        return ids

    return asyncio.run(run())


def change(urls: Urls, statement: str) -> None:
    async def run() -> None:
        admin = await asyncpg.connect(urls.admin)
        try:
            await tamper(admin, statement)
        finally:
            await admin.close()

    asyncio.run(run())


def test_what_is_whole_is_said_with_what_was_not_asked(cli: Cli, rows: list[uuid.UUID]) -> None:
    done = cli("seals", "verify")

    assert done.code == 0
    assert f"{len(rows)} rows are as they were sealed." in done.out
    assert "--trust" in done.out
    assert "--head" in done.out


def test_what_is_broken_is_named(cli: Cli, rows: list[uuid.UUID], urls: Urls) -> None:
    change(urls, "UPDATE fraud_prevention_logs SET decision = 'block'")  # Every row of it.
    done, document = cli("seals", "verify"), cli("seals", "verify", "--json").json

    assert done.code == 1
    assert f"seal 1, row {rows[0]}: row_changed" in done.out
    assert document["intact"] is False
    assert document["first_fault"]["row_id"] == str(rows[0])
    assert document["chains"][0]["faults_total"] == len(rows)


def test_a_file_verifies_where_no_database_is(
    cli: Cli, rows: list[uuid.UUID], tmp_path: Path
) -> None:
    file, heads, keys = (tmp_path / name for name in ("seals.ndjson", "heads", "keys"))
    exported = cli("seals", "export", str(file), "--json").json
    heads.write_text("\n".join(exported["heads"]) + "\n")
    keys.write_text(cli("seals", "status", "--json").json["key"]["public_key"] + "\n")
    away = Cli({**cli.environment, "PAYKEEL_DATABASE_URL": NOWHERE})
    words = ("seals", "verify", "--file", str(file), "--trust", str(keys), "--head", str(heads))
    whole = away(*words)
    stranger = away("seals", "verify", "--file", str(file), "--trust", "ab" * 32, "--json")
    file.write_text(file.read_text().replace('"amount":2', '"amount":3'))
    broken = away(*words, "--json")

    assert exported["rows"] == len(rows)
    assert whole.code == 0, whole
    assert "--trust" not in whole.out
    assert stranger.code == 1
    assert stranger.json["first_fault"]["code"] == "key_untrusted"
    assert broken.code == 1
    assert broken.json["first_fault"]["code"] == "row_changed"
    assert broken.json["first_fault"]["row_id"] == str(rows[1])


def test_an_export_replaces_nothing_and_leaves_no_half(
    cli: Cli, rows: list[uuid.UUID], tmp_path: Path
) -> None:
    file = tmp_path / "seals.ndjson"
    file.write_text("mine")
    taken = cli("seals", "export", str(file))
    missing = cli("seals", "export", str(tmp_path / "none" / "seals.ndjson"))

    assert rows
    assert (taken.code, missing.code) == (2, 2)
    assert "file_unwritable" in taken.err
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_status_tells_key_and_head(cli: Cli, rows: list[uuid.UUID]) -> None:
    document = cli("seals", "status", "--json").json
    shown = cli("seals", "status")

    assert shown.code == 0
    assert document["key"]["public_key"] in shown.out
    assert document["chains"][0]["head"] in shown.out
    assert document["chains"][0]["rows"] == len(rows)
    assert not document["key"]["from_settings"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("verify", "--merchant", str(uuid.uuid4())), 4, "not_found"),
        (("verify", "--head", "nonsense"), 2, "head_invalid"),
        (("verify", "--trust", "nonsense"), 2, "trusted_key_invalid"),
        (("verify", "--file", "nowhere.ndjson"), 2, "file_unreadable"),
        (("export",), 2, "usage"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    cli: Cli, words: tuple[str, ...], code: int, error: str
) -> None:
    done = cli("seals", *words, "--json")

    assert done.code == code, done
    assert json.loads(done.out)["error"]["code"] == error
    assert "Traceback" not in done.err


def test_a_key_that_cannot_be_read_stops_with_its_name(cli: Cli, rows: list[uuid.UUID]) -> None:
    done = cli("seals", "status", PAYKEEL_SEALING_KEY="not-a-key")

    assert rows
    assert done.code == 3
    assert "sealing_key_invalid" in done.err
    assert "not-a-key" not in done.err
