"""Statements about refund policies read what they are asked for, however many there are.

The plans are those that are worst: made while the tables were empty, and kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from paykeel.refunds.stored import SQL
from tests.database.helpers import opened
from tests.database.many import keep, leave_untended
from tests.database.test_fraud_plans import Call, tried

if TYPE_CHECKING:
    import asyncpg

    from tests.servers import Urls

PAGE, MERCHANTS = 21, 500
#: Of one merchant: so many keys, each with so many versions, of which one is not withdrawn.
KEYS, VERSIONS = 10, 40
MINE = KEYS * VERSIONS
#: As many of one merchant as there are, and of each of many others.
_MANY = """
INSERT INTO refund_policies (
    merchant_id, policy_key, policy_version, document, sha256, buyer_role, product, jurisdiction,
    channel, payment_method, effective_from, status, author, withdrawn_at, withdrawn_by,
    withdrawn_because)
SELECT m.merchant_id, 'policy_' || k, v, '{}', sha256(convert_to(k || '.' || v, 'UTF8')), '*', '*',
    '*', '*', '*', now() + v * interval '1 s',
    CASE WHEN v = $3 THEN 'published' ELSE 'withdrawn' END, 'Ann',
    CASE WHEN v < $3 THEN now() END, CASE WHEN v < $3 THEN 'Ben' END,
    CASE WHEN v < $3 THEN 'A slip.' END
FROM (
    SELECT $1::uuid AS merchant_id
    UNION ALL
    SELECT gen_random_uuid() FROM generate_series(1, $4::int)
) AS m
CROSS JOIN generate_series(1, $2::int) AS k
CROSS JOIN generate_series(1, $3::int) AS v
WHERE m.merchant_id = $1 OR k <= 2
"""


@pytest.mark.slow
async def test_a_plan_of_empty_tables_reads_no_more_when_there_are_many(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        whose = {"merchant_id": merchant.merchant_id}
        one = {**whose, "policy_key": "policy_7", "policy_version": VERSIONS}
        whole_key = {"refund_policies": VERSIONS}
        page = {**whose, "policy_key": None, "after_version": None, "rows_max": PAGE}
        asked = {
            "read_policies": Call(SQL["read_policies"], whose, {"refund_policies": MINE}),
            "versions_so_far": Call(
                SQL["versions_so_far"],
                {**whose, "policy_key": "policy_7"},
                {"refund_policies": MINE + VERSIONS},
            ),
            "get_policy": Call(SQL["get_policy"], one, {"refund_policies": 1}),
            "the newest": Call(SQL["get_policy"], {**one, "policy_version": None}, whole_key),
            "policy_by_hash": Call(
                SQL["policy_by_hash"], {**whose, "sha256": b"s" * 32}, {"refund_policies": 1}
            ),
            "list_policies": Call(
                SQL["list_policies"], {**page, "after_key": None}, {"refund_policies": MINE}
            ),
            "a later page": Call(
                SQL["list_policies"],
                {**page, "after_key": "policy_7", "after_version": 9},
                {"refund_policies": MINE},
            ),
            "withdraw_policy": Call(
                SQL["withdraw_policy"],
                {**one, "author": "Ben", "because": "A slip."},
                {"refund_policies": 2},
            ),
        }
        statements = {call.statement.text: call.statement for call in asked.values()}
        async with paykeel.database.connection() as connection:
            empty = {text: await keep(connection, each) for text, each in statements.items()}
            async with admin.transaction():
                await admin.execute("SET LOCAL session_replication_role = replica")
                await admin.execute(_MANY, merchant.merchant_id, KEYS, VERSIONS, MERCHANTS)
            faults = await tried(connection, asked, empty)
        async with paykeel.database.connection() as connection:
            full = {text: await keep(connection, each) for text, each in statements.items()}
            faults += [f"full, {fault}" for fault in await tried(connection, asked, full)]
            await admin.execute("ANALYZE")
            faults += [f"analyzed, {fault}" for fault in await tried(connection, asked, full)]
        assert faults == [], "\n".join(faults)
