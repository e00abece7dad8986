"""Statements about notices of refunds look rows up, however many there are, by whatever plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from paykeel.clock import new_id
from paykeel.db.sql import load
from tests.database.helpers import opened
from tests.database.many import (
    explain,
    explain_generic,
    explain_kept,
    fill,
    keep,
    leave_untended,
    nodes,
)
from tests.database.test_refunds_plans import bulk_id, faults_of

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

SQL = load("paykeel.refunds", "notices.sql")
BIG = {"payments", "payment_events", "outbox", "refunds", "refund_notices"}
#: Read a page at a time, planned for its own filters.
LISTS = {"list_notices"}
#: One of the few that are open.
OPEN = 5_001


def calls(paykeel: Paykeel, merchant: Merchant) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return every statement with values as they come."""
    whose: dict[str, Any] = {"merchant_id": merchant.merchant_id}
    one: dict[str, Any] = {**whose, "payment_id": bulk_id(OPEN), "gateway_id": f"there_bulk-{OPEN}"}
    telling = {
        **one,
        "version": 2,
        "waits_for": "room",
        "because": None,
        "actor": "webhook",
        "occurred_at": paykeel.database.now(),
        "event_type": "payment.refund_notice_open",
        "amount": 10,
        "event_data": "{}",
        "message_id": new_id(),
        "topic": "payment.alarm",
        "payload": "{}",
        "slot": 0,
    }
    found: dict[str, dict[str, Any]] = {
        "store_notice": {**one, "amount": 10, "currency": "EUR", "again_ms": 1_000},
        "get_notice": one,
        "beside_notice": {**one, "amount": 10},
        "notice_is_ours": {**one, "refund_id": bulk_id(OPEN)},
        "leave_notice": {**one, "waits_for": "room"},
        "tell_of_notice": telling,
        "claim_due_notices": {"rows_max": 50, "pause_ms_min": 1_000, "pause_ms_max": 900_000},
    }
    assert {*found, *LISTS} == SQL.keys()
    listed = {**whose, "status": "open", "payment_id": None, "rows_max": 11}
    pages = {
        "those that are open": listed,
        "all": {**listed, "status": None},
        "those of a payment": {**listed, "status": None, "payment_id": bulk_id(7)},
    }
    return {name: (name, values) for name, values in found.items()} | {
        name: ("list_notices", values) for name, values in pages.items()
    }


async def look(paykeel: Paykeel, merchant: Merchant, when: str) -> list[str]:
    """Explain everything; return what is wrong with the plans."""
    faults = []
    async with paykeel.database.connection() as connection:
        for name, (statement, values) in calls(paykeel, merchant).items():
            if statement in LISTS:
                await connection.execute("SET plan_cache_mode = force_custom_plan")
            plan = await explain(connection, SQL[statement], values)
            await connection.execute("RESET plan_cache_mode")
            faults += faults_of(f"{name}, {when}", plan)
            if statement not in LISTS:
                generic = await explain_generic(connection, SQL[statement])
                faults += [
                    f"{name}, {when}, generic: {node['Node Type']} of {node['Relation Name']}"
                    for node in nodes(generic)
                    if node.get("Relation Name") in BIG and "Seq Scan" in node["Node Type"]
                ]
    return faults


@pytest.mark.slow
async def test_no_statement_reads_a_whole_table(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        await fill(admin, merchant.merchant_id)
        faults = await look(paykeel, merchant, "without statistics")
        await admin.execute("ANALYZE")
        faults += await look(paykeel, merchant, "with statistics")
        assert faults == [], "\n".join(faults)


@pytest.mark.slow
async def test_a_plan_of_empty_tables_is_as_good_when_they_are_full(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        async with paykeel.database.connection() as connection:
            kept = {name: await keep(connection, SQL[name]) for name in SQL.keys() - LISTS}
            await fill(admin, merchant.merchant_id)
            asked = calls(paykeel, merchant)
            faults = []
            for name, prepared in kept.items():
                statement, values = asked[name]
                plan = await explain_kept(connection, prepared, SQL[statement].arguments(values))
                faults += faults_of(name, plan)
        assert faults == [], "\n".join(faults)
