"""Who may write seals and secrets, and that each secret is made once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel.db.secrets import load_secret
from paykeel.errors import Misconfigured
from tests.acceptance.cli import Cli, environment
from tests.conftest import settings_for
from tests.database.sealing import add_merchant, add_rows, sealing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Urls


async def test_the_application_adds_seals_and_changes_none(
    urls: Urls, admin: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    merchant = await add_merchant(admin)
    await add_rows(admin, merchant, 2)
    async with sealing(urls.app) as service:
        await service.seal_all()
    app = await asyncpg.connect(urls.app)
    try:
        for statement in (
            "UPDATE seals SET seal_no = seal_no",
            "DELETE FROM seals",
            "TRUNCATE seals CASCADE",
            "UPDATE seal_leaves SET seal_no = seal_no",
            "DELETE FROM seal_leaves",
            "UPDATE server_secrets SET secret = secret",
            "DELETE FROM server_secrets",
            "UPDATE seal_cursors SET chain = chain",
            "DELETE FROM seal_cursors",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
    finally:
        await app.close()
    for statement in ("UPDATE seals SET seal_no = seal_no", "DELETE FROM seal_leaves"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is history"):
            await owner.execute(statement)


async def test_a_chain_cannot_fork_nor_a_row_be_sealed_twice(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    merchant = await add_merchant(admin)
    await add_rows(admin, merchant, 12)
    async with sealing(urls.app) as service:
        await service.seal_all()
    columns = (
        "merchant_id, chain, {number}, form, previous_hash, row_count, rows_total, root, "
        "next_from, sealed_at, public_key, seal_hash, signature"
    )
    names = columns.format(number="seal_no")
    with pytest.raises(asyncpg.UniqueViolationError, match="seals_never_fork"):
        await admin.execute(
            f"INSERT INTO seals ({names}) "  # noqa: S608
            f"SELECT {columns.format(number='3')} FROM seals WHERE seal_no = 2"
        )
    with pytest.raises(asyncpg.UniqueViolationError, match="seal_leaves_pkey"):
        await admin.execute(
            "INSERT INTO seal_leaves SELECT merchant_id, chain, row_id, 2, leaf_hash "
            "FROM seal_leaves WHERE seal_no = 1"
        )


async def test_all_processes_get_one_secret(urls: Urls, tmp_path: Path) -> None:
    async with sealing(urls.app) as one, sealing(urls.app) as two:
        made = (bytes([number]) * 32 for number in range(100))
        for folder in (None, tmp_path):
            found = await asyncio.gather(
                *(
                    load_secret(service.database, "quotes", lambda: next(made), folder=folder)
                    for service in (one, two) * 10
                )
            )
            assert len(set(found)) == 1
            again = await load_secret(one.database, "quotes", lambda: b"", folder=folder)
            assert again == found[0]
        with pytest.raises(Misconfigured):
            await load_secret(one.database, "../quotes", lambda: b"")
    (file,) = (tmp_path / "secrets").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_secret_that_cannot_be_kept_is_told(urls: Urls, tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("in the way")
    async with sealing(urls.app) as service:
        with pytest.raises(Misconfigured) as refused:
            await load_secret(service.database, "a", lambda: b"a" * 32, folder=tmp_path)
        assert refused.value.code == "secret_unusable"


async def test_the_doctor_asks_for_a_key_when_merchants_are_live(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    cli = Cli(environment(urls))

    def state(key: str = "") -> str:
        found = cli("doctor", "--json", PAYKEEL_SEALING_KEY=key).json["findings"]
        (one,) = (finding for finding in found if finding["what"] == "sealing key")
        return str(one["state"])

    assert await asyncio.to_thread(state) == "ok"
    await add_merchant(admin, "live")
    assert await asyncio.to_thread(state) == "warn"
    key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    assert await asyncio.to_thread(lambda: state(key)) == "ok"
    assert await asyncio.to_thread(lambda: state("nonsense")) == "fail"
    assert "AAAA" not in repr(settings_for(urls, sealing_key=key))
