"""What sealing reads grows with what is new, and not with what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.sealing.chain import NO_ID, id_at
from paykeel.sealing.reading import SQL
from tests.database.many import explain, explain_generic, nodes
from tests.database.sealing import LOOKBACK_MS, add_merchant, sealing

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from paykeel.db.pool import Connection
    from tests.servers import Urls

ROWS = 20_000
NEW = 100
#: Pages that a look at the new rows may touch; a scan of the old ones takes more.
PAGES_MAX = 2_000
BIG = {"fraud_prevention_logs", "seal_leaves"}
PATROL_ROWS = 100

#: One row a second, the newest at the given millisecond.
_HISTORY = """
INSERT INTO fraud_prevention_logs (merchant_id, log_id, payment_id, decision, facts, created_at)
SELECT $1, (lpad(to_hex($3::bigint - 1000::bigint * n), 12, '0') || '7000800000000000' ||
    lpad(to_hex($2::int - n), 4, '0'))::uuid, gen_random_uuid(), 'allow',
    '{"a": "some facts of the decision", "b": [1, 2, 3]}', now()
FROM generate_series(1, $2::int) AS n
"""
_SEAL = """
INSERT INTO seals (merchant_id, chain, seal_no, form, previous_hash, row_count, rows_total, root,
    next_from, sealed_at, public_key, seal_hash, signature)
SELECT $1, 'fraud', n, 1, sha256(n::text::bytea), 1000, n * 1000, sha256('r'), $3, now(),
    sha256('k'), sha256((n + 1)::text::bytea), sha256('s') || sha256('s')
FROM generate_series(1, $2::int / 1000) AS n
"""
_LEAVES = """
INSERT INTO seal_leaves (merchant_id, chain, row_id, seal_no, leaf_hash)
SELECT merchant_id, 'fraud', log_id,
    1 + (row_number() OVER (ORDER BY log_id) - 1) / 1000, sha256('l')
FROM fraud_prevention_logs WHERE merchant_id = $1 ORDER BY log_id LIMIT $2
"""
_CURSOR = "INSERT INTO seal_cursors (merchant_id, chain) VALUES ($1, 'fraud')"
_NOW = "SELECT (extract(epoch FROM now()) * 1000)::bigint"


async def fill(admin: asyncpg.Connection, merchant_id: UUID, rows: int, new: int) -> UUID:
    """Put rows in of which all but the newest are sealed; return where the next look begins."""
    newest_ms = await admin.fetchval(_NOW)
    start = id_at(newest_ms - new * 1000 - LOOKBACK_MS)
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(_HISTORY, merchant_id, rows, newest_ms)
        await admin.execute(_SEAL, merchant_id, rows, start)
        await admin.execute(_LEAVES, merchant_id, rows - new)
        await admin.execute(_CURSOR, merchant_id)
    return start


def looks(merchant_id: UUID, start: UUID) -> dict[str, dict[str, Any]]:
    """Return every statement of a pass with its values."""
    whose = {"merchant_id": merchant_id}
    chain = {**whose, "chain": "fraud"}
    return {
        "fraud_due": {"after": NO_ID, "from": NO_ID, "rows_max": 1_000},
        "fraud_unsealed": {**whose, "from": start, "rows_max": 1_000},
        "fraud_missed": {**whose, "after": NO_ID, "rows_max": PATROL_ROWS},
        "fraud_sealed": {**whose, "seal_nos": [3]},
        "last_seal": chain,
        "lock_chain": chain,
        "list_seals": {**chain, "after": 5, "rows_max": 10},
        "least_checked": {"rows_max": 50},
    }


async def look(connection: Connection, merchant_id: UUID, start: UUID) -> dict[str, dict[str, Any]]:
    """Explain every statement; return its plan."""
    return {
        name: await explain(connection, SQL[name], values)
        for name, values in looks(merchant_id, start).items()
    }


def pages(plan: dict[str, Any]) -> int:
    """Return how many pages a plan touched."""
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def scans(plan: dict[str, Any]) -> list[str]:
    """Name the big tables that a plan reads from end to end, or by too little of an index."""
    return [
        f"{node['Node Type']} of {node['Relation Name']}"
        for node in nodes(plan)
        if node.get("Relation Name") in BIG and "Seq Scan" in node["Node Type"]
    ]


async def test_a_pass_reads_what_is_new(urls: Urls, admin: asyncpg.Connection) -> None:
    merchant = await add_merchant(admin)
    for _ in range(3):
        await add_merchant(admin)
    start = await fill(admin, merchant, ROWS, NEW)
    faults = []
    async with sealing(urls.app) as service:
        for when in ("without statistics", "with statistics"):
            async with service.database.connection() as connection:
                for name, plan in (await look(connection, merchant, start)).items():
                    generic = await explain_generic(connection, SQL[name])
                    faults += [f"{name}, {when}: {scan}" for scan in scans(plan) + scans(generic)]
                    # The rows of one seal are read one by one.
                    most = PAGES_MAX if name != "fraud_sealed" else 4 * PAGES_MAX
                    if pages(plan) > most:
                        faults.append(f"{name}, {when}: {pages(plan)} pages")
            await admin.execute("ANALYZE")
    assert faults == []
