"""Sealing on a real server: nothing is left out, nothing twice, and what is changed is named."""

from __future__ import annotations

import asyncio
import base64
import sys
from typing import TYPE_CHECKING

import asyncpg
import pytest

from paykeel.clock import new_id
from paykeel.errors import Misconfigured
from paykeel.sealing import SealedTable, SealingPass
from paykeel.sealing.canonical import KINDS
from paykeel.sealing.chain import id_at, ms_of
from paykeel.sealing.reading import SealReader
from paykeel.sealing.service import FULL_LOOK_EVERY, read_kinds
from tests.acceptance.cli import Cli, environment
from tests.crash.processes import ROOT
from tests.crash.processes import environment as same_code
from tests.database.helpers import buy
from tests.database.sealing import (
    FRAUD,
    LOOKBACK_MS,
    add_merchant,
    add_rows,
    leaves,
    sealing,
    tamper,
    verified,
)

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

WAIT_S_MAX = 40.0


async def test_every_row_is_sealed_once_in_bounded_seals(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    one, two = await add_merchant(admin), await add_merchant(admin)
    first, second = await add_rows(admin, one, 25), await add_rows(admin, two, 3)
    async with sealing(urls.app) as service:
        assert await service.seal_all() == SealingPass(seals=4, rows=28)
        assert await service.seal_all() == SealingPass()
        more = await add_rows(admin, one, 1)
        assert await service.seal_all() == SealingPass(seals=1, rows=1)

        assert sorted(row["row_id"] for row in await leaves(admin)) == sorted(first + second + more)
        reports = await SealReader(service.database).verify()
        assert all(report.intact for report in reports)
        assert [(report.seals, report.rows) for report in reports] == [(4, 26), (1, 3)]
        key = await service.keys.key()
    seals = await admin.fetch(
        "SELECT public_key, row_count FROM seals ORDER BY merchant_id, seal_no"
    )
    assert {row["public_key"] for row in seals} == {key.public_key}
    assert [row["row_count"] for row in seals] == [10, 10, 5, 1, 3]


async def test_the_worker_seals(urls: Urls, admin: asyncpg.Connection) -> None:
    """Through the command line: a worker seals, status and verify tell of it."""
    merchant = await add_merchant(admin)
    await add_rows(admin, merchant, 5)
    cli = Cli(environment(urls, PAYKEEL_SEALING_INTERVAL_MS="20"))
    worker = cli.start("worker")
    try:
        await until_sealed(admin, 5)
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.communicate)
    done = await asyncio.to_thread(cli, "seals", "status", "--json")
    assert done.code == 0
    (chain,) = done.json["chains"]
    assert (chain["rows"], chain["waiting"], chain["merchant_id"]) == (5, 0, str(merchant))


async def until_sealed(admin: asyncpg.Connection, rows: int) -> None:
    async with asyncio.timeout(WAIT_S_MAX):
        while await admin.fetchval("SELECT count(*) FROM seal_leaves") < rows:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_row_that_commits_late_is_sealed_by_the_next_seal(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    merchant = await add_merchant(admin)
    slow = await asyncpg.connect(urls.admin)
    try:
        async with sealing(urls.app) as service:
            transaction = slow.transaction()
            await transaction.start()
            late = await add_rows(slow, merchant, 2)
            await add_rows(admin, merchant, 3)
            assert (await service.seal_all()).rows == 3
            await transaction.commit()
            assert (await service.seal_all()).rows == 2
            report = await verified(service)
    finally:
        await slow.close()
    assert report.intact
    assert [row["row_id"] for row in await leaves(admin) if row["seal_no"] == 2] == late


async def test_no_row_is_left_out_however_old_its_id(urls: Urls, admin: asyncpg.Connection) -> None:
    """The slow look finds what is older than the quick one looks back, and verify tells of it."""
    merchant = await add_merchant(admin)
    (now_id, *_) = await add_rows(admin, merchant, 30)
    old = id_at(ms_of(now_id) - 2 * LOOKBACK_MS)
    ancient = id_at(1)
    async with sealing(urls.app) as service:
        await service.seal_all()
        await add_rows(admin, merchant, [old, ancient])
        assert await service.seal_all() == SealingPass(seals=1, rows=2, missed=2)
        report = await verified(service)
        assert [(one.code, one.seal_no, one.row_id) for one in report.faults] == [
            ("row_late", 4, ancient),
            ("row_late", 4, old),
        ]
        (kind,) = await SealReader(service.database).verify(accept_late=True)
        assert kind.intact
        # A later pass goes round again, and finds nothing.
        assert await service.seal_all() == SealingPass()


async def test_no_chain_is_left_out_that_was_empty_before(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    """A chain without a seal has no slow look; the quick one begins at its beginning at times."""
    merchant = await add_merchant(admin)
    async with sealing(urls.app) as service:
        await service.seal_all()
        await add_rows(admin, merchant, [id_at(ms_of(new_id()) - 2 * LOOKBACK_MS)])
        assert await service.seal_all() == SealingPass()
        found = [await service.seal_all() for _ in range(FULL_LOOK_EVERY)]
    assert sum(one.rows for one in found) == 1


async def test_a_purchase_is_sealed(paykeel: Paykeel, merchant: Merchant) -> None:
    for number in range(3):
        await buy(paykeel, merchant, f"order-{number}")
    assert (await paykeel.sealing.seal_all()).rows == 3
    report = await verified(paykeel.sealing)
    assert (report.intact, report.rows, report.unsealed) == (True, 3, 0)


async def test_an_id_from_the_future_hides_nothing(urls: Urls, admin: asyncpg.Connection) -> None:
    merchant = await add_merchant(admin)
    future = id_at(ms_of(new_id()) + 10**10)
    async with sealing(urls.app, batch_rows=1) as service:
        await add_rows(admin, merchant, [future])
        assert (await service.seal_all()).rows == 1
        await add_rows(admin, merchant, 3)
        assert (await service.seal_all()).rows == 3
        assert (await verified(service)).intact


async def test_two_workers_never_fork_a_chain_nor_seal_a_row_twice(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    merchants = [await add_merchant(admin) for _ in range(3)]
    cli = Cli(environment(urls, PAYKEEL_SEALING_INTERVAL_MS="2", PAYKEEL_SEALING_BATCH_ROWS="7"))
    workers = [cli.start("worker") for _ in range(2)]
    total = 0
    try:
        for _ in range(60):
            for merchant in merchants:
                total += len(await add_rows(admin, merchant, 9))
            await asyncio.sleep(0.02)
        await until_sealed(admin, total)
    finally:
        for worker in workers:
            worker.terminate()
        said = [await asyncio.to_thread(worker.communicate) for worker in workers]
    assert all(b"seal.failed" not in err for _, err in said)
    async with sealing(urls.app) as service:
        reports = await SealReader(service.database).verify()
    assert [report.intact for report in reports] == [True] * 3
    assert sum(report.rows for report in reports) == total
    # Of one key: the two made it once.
    assert len({key for report in reports for key in report.keys}) == 1


async def test_two_that_seal_at_once_in_one_process_share_or_wait(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    merchant = await add_merchant(admin)
    await add_rows(admin, merchant, 50)
    async with sealing(urls.app, batch_rows=5) as one, sealing(urls.app, batch_rows=5) as two:
        passes = await asyncio.gather(*(service.seal_all() for service in (one, two) * 3))
        await one.seal_all()
        assert sum(done.rows for done in passes) <= 50
        report = await verified(one)
    assert report.intact
    assert report.rows == 50


@pytest.mark.parametrize("signatures", [1, 3])
async def test_a_worker_that_is_killed_leaves_nothing_half(
    urls: Urls, admin: asyncpg.Connection, signatures: int
) -> None:
    """It dies between reading rows and writing their seal, with the transaction open."""
    merchant = await add_merchant(admin)
    await add_rows(admin, merchant, 40)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.database.sealing", urls.app, "10", str(signatures),
        cwd=ROOT, env=same_code(),
    )  # fmt: skip
    assert await asyncio.wait_for(process.wait(), WAIT_S_MAX) == -9
    async with sealing(urls.app, batch_rows=10) as service:
        report = await verified(service)
        assert report.intact
        assert (report.rows, report.unsealed) == (10 * (signatures - 1), 50 - 10 * signatures)
        assert (await service.seal_all()).rows == 50 - 10 * signatures
        assert (await verified(service)).intact


async def test_a_worker_may_be_killed_at_any_moment(urls: Urls, admin: asyncpg.Connection) -> None:
    merchant = await add_merchant(admin)
    cli = Cli(environment(urls, PAYKEEL_SEALING_INTERVAL_MS="1", PAYKEEL_SEALING_BATCH_ROWS="1"))
    total = 0
    for turn in range(4):
        total += len(await add_rows(admin, merchant, 300))
        before = await admin.fetchval("SELECT count(*) FROM seal_leaves")
        worker = cli.start("worker")
        try:
            await until_sealed(admin, before + 5 + turn)
        finally:
            worker.kill()
            await asyncio.to_thread(worker.communicate)
    async with sealing(urls.app) as service:
        assert (await verified(service)).intact
        await service.seal_all()
        report = await verified(service)
    assert report.intact
    assert (report.rows, report.unsealed) == (total, 0)


async def test_the_key_may_change_and_old_seals_still_verify(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    merchant = await add_merchant(admin)
    keys: list[bytes] = []
    for seed in (bytes(32), bytes(range(32))):
        await add_rows(admin, merchant, 2)
        cli = Cli(
            environment(
                urls,
                PAYKEEL_SEALING_KEY=base64.b64encode(seed).decode(),
                PAYKEEL_SEALING_INTERVAL_MS="20",
            )
        )
        worker = cli.start("worker")
        try:
            await until_sealed(admin, 2 * len(keys) + 2)
        finally:
            worker.terminate()
            await asyncio.to_thread(worker.communicate)
        status = await asyncio.to_thread(cli, "seals", "status", "--json")
        keys.append(bytes.fromhex(status.json["key"]["public_key"]))
    assert await admin.fetchval("SELECT count(*) FROM server_secrets WHERE name LIKE 'seal%'") == 0
    async with sealing(urls.app) as service:
        reader = SealReader(service.database)
        (both,) = await reader.verify(trusted=keys)
        (new,) = await reader.verify(trusted=keys[1:])
    assert both.intact
    assert [(one.code, one.seal_no) for one in new.faults] == [("key_untrusted", 1)]


async def test_an_old_look_is_told_by_an_unknown_column(
    urls: Urls, admin: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    """A column without a canonical form stops sealing loudly, and stops no other chain."""
    merchant = await add_merchant(admin)
    await add_rows(admin, merchant, 1)
    await owner.execute("ALTER TABLE fraud_prevention_logs ADD COLUMN place point")
    async with sealing(urls.app) as service:
        with pytest.raises(Misconfigured) as refused:
            await service.seal_merchant(merchant, FRAUD)
        assert refused.value.code == "sealing_column_unknown"
        assert await service.seal_all() == SealingPass(failed=1)
        await owner.execute("ALTER TABLE fraud_prevention_logs DROP COLUMN place")
        assert await service.seal_all() == SealingPass(seals=1, rows=1)


async def test_a_column_that_is_added_changes_no_hash(
    urls: Urls, admin: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    merchant = await add_merchant(admin)
    await add_rows(admin, merchant, 3)
    async with sealing(urls.app) as service:
        await service.seal_all()
        await owner.execute("ALTER TABLE fraud_prevention_logs ADD COLUMN note text")
        assert (await verified(service)).intact
    await tamper(admin, "UPDATE fraud_prevention_logs SET note = 'added'")
    async with sealing(urls.app) as service:
        assert {one.code for one in (await verified(service)).faults} == {"row_changed"}


async def test_every_column_of_a_sealed_table_has_a_form(urls: Urls) -> None:
    async with sealing(urls.app) as service:
        kinds = await read_kinds(service.database, FRAUD)
        with pytest.raises(Misconfigured):
            await read_kinds(service.database, SealedTable("none", "no_such_table"))
    assert {"log_id", "facts", "created_at"} <= kinds.keys()
    assert set(kinds.values()) <= set(KINDS.values())
