"""What a superuser changes behind the triggers is found, and named by its place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from paykeel.clock import new_id
from paykeel.sealing.chain import id_at, ms_of
from tests.acceptance.cli import Cli, environment
from tests.database.sealing import add_merchant, add_rows, sealing, tamper, verified

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    from tests.servers import Urls

CHANGES = {
    "a row": (
        "UPDATE fraud_prevention_logs SET decision = 'block' WHERE log_id = '{row}'",
        ("row_changed", 2, True),
    ),
    "one digit in jsonb": (
        (
            "UPDATE fraud_prevention_logs SET facts = facts || '{{\"ratio\": 1.1}}' "
            "WHERE log_id = '{row}'"
        ),
        ("row_changed", 2, True),
    ),
    "one microsecond": (
        (
            "UPDATE fraud_prevention_logs SET created_at = created_at + interval '1 us' "
            "WHERE log_id = '{row}'"
        ),
        ("row_changed", 2, True),
    ),
    "a row is deleted": (
        "DELETE FROM fraud_prevention_logs WHERE log_id = '{row}'",
        ("row_missing", 2, True),
    ),
    "a row is deleted with its leaf": (
        (
            "DELETE FROM fraud_prevention_logs WHERE log_id = '{row}';"
            "DELETE FROM seal_leaves WHERE row_id = '{row}'"
        ),
        ("leaves_changed", 2, False),
    ),
    "two rows change places": (
        (
            "UPDATE fraud_prevention_logs l SET facts = o.facts "
            "FROM fraud_prevention_logs o WHERE (l.log_id, o.log_id) IN "
            "(('{row}', '{other}'), ('{other}', '{row}'))"
        ),
        ("row_changed", 2, True),
    ),
    "a leaf": (
        "UPDATE seal_leaves SET leaf_hash = sha256('x') WHERE row_id = '{row}'",
        ("leaf_changed", 2, True),
    ),
    "a leaf is put to another seal": (
        "UPDATE seal_leaves SET seal_no = 3 WHERE row_id = '{row}'",
        ("leaves_changed", 2, False),
    ),
    "a seal": (
        "UPDATE seals SET sealed_at = sealed_at - interval '1 day' WHERE seal_no = 2",
        ("seal_changed", 2, False),
    ),
    "a signature": (
        "UPDATE seals SET signature = decode(repeat('00', 64), 'hex') WHERE seal_no = 2",
        ("signature_invalid", 2, False),
    ),
    "a link": (
        "UPDATE seals SET previous_hash = sha256('x') WHERE seal_no = 2",
        ("seal_unlinked", 2, False),
    ),
    "a seal is taken out": ("DELETE FROM seals WHERE seal_no = 2", ("seal_missing", 2, False)),
    "seals change places": (
        (
            "UPDATE seals SET seal_no = seal_no + 100 WHERE seal_no IN (1, 2);"
            "UPDATE seals SET seal_no = 103 - seal_no WHERE seal_no > 100"
        ),
        ("seal_unlinked", 1, False),
    ),
    "a seal is moved out of sight": (
        (
            "ALTER TABLE seals DROP CONSTRAINT seals_seal_no_check;"
            "UPDATE seals SET seal_no = -3 WHERE seal_no = 3;"
            "UPDATE seal_leaves SET seal_no = -3 WHERE seal_no = 3"
        ),
        ("seal_changed", -3, False),
    ),
    "the end is cut, and its leaves stay": (
        "DELETE FROM seals WHERE seal_no = 3",
        ("leaf_orphaned", 3, False),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_by_a_superuser_is_named_by_its_place(
    urls: Urls, admin: asyncpg.Connection, change: str
) -> None:
    merchant = await add_merchant(admin)
    ids = await add_rows(admin, merchant, 28)
    statements, (code, seal_no, names_row) = CHANGES[change]
    async with sealing(urls.app) as service:
        await service.seal_all()
        assert (await verified(service)).intact
        await tamper(admin, *statements.format(row=ids[12], other=ids[15]).split(";"))
        report = await verified(service)
    first = report.faults[0]
    assert (first.code, first.seal_no) == (code, seal_no)
    assert first.row_id == (ids[12] if names_row else None)


async def test_a_back_dated_row_is_named_before_and_after_it_is_sealed(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    merchant = await add_merchant(admin)
    await add_rows(admin, merchant, 5)
    forged = id_at(ms_of(new_id()) - 30 * 86_400_000)
    async with sealing(urls.app) as service:
        await service.seal_all()
        await add_rows(admin, merchant, [forged])
        (before,) = (await verified(service)).faults
        await service.seal_all()
        (after,) = (await verified(service)).faults
    assert (before.code, before.seal_no, before.row_id) == ("row_late", None, forged)
    assert (after.code, after.seal_no, after.row_id) == ("row_late", 2, forged)


async def test_a_cut_end_needs_a_witness(
    urls: Urls, admin: asyncpg.Connection, tmp_path: Path
) -> None:
    """Cut the chain, leaves and rows and all: only a head that was kept outside tells."""
    merchant = await add_merchant(admin)
    ids = await add_rows(admin, merchant, 15)
    cli = Cli(environment(urls))
    file = tmp_path / "seals.ndjson"
    async with sealing(urls.app) as service:
        await service.seal_all()
        exported = await asyncio.to_thread(cli, "seals", "export", str(file), "--json")
        (head,) = exported.json["heads"]
        kept = await asyncio.to_thread(cli, "seals", "verify", "--head", head)
        await tamper(
            admin,
            "DELETE FROM seal_leaves WHERE seal_no = 2",
            "DELETE FROM seals WHERE seal_no = 2",
            f"DELETE FROM fraud_prevention_logs WHERE log_id > '{ids[9]}'",  # noqa: S608
        )
        assert (await verified(service)).intact
    cut = await asyncio.to_thread(cli, "seals", "verify", "--head", head, "--json")
    offline = await asyncio.to_thread(
        cli, "seals", "verify", "--file", str(file), "--head", head,
        PAYKEEL_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
    )  # fmt: skip
    assert kept.code == 0, kept
    assert cut.code == 1
    assert cut.json["first_fault"]["code"] == "head_missing"
    assert offline.code == 0, offline
