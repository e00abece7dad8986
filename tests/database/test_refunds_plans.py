"""Statements about refunds look rows up, however many there are, by whatever plan is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.clock import new_id
from paykeel.db.sql import load
from paykeel.refunds.disputes import DISPUTE_MOVES
from tests.database.helpers import opened
from tests.database.many import (
    explain,
    explain_generic,
    explain_kept,
    fill,
    keep,
    leave_untended,
    nodes,
    rows_read,
)

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

SQL = load("paykeel.refunds", "refunds.sql")
BIG = {
    "payments", "payment_attempts", "payment_events", "payment_idempotency", "outbox", "refunds",
    "refund_decisions",
}  # fmt: skip
PAGES_MAX = 400
ROWS_MAX = 20
#: Read a page at a time, each planned for its own filters.
LISTS = {"list_refunds"}
UNFILTERED = dict.fromkeys(("before", "payment_id", "status", "reason", "origin"))


def bulk_id(number: int) -> UUID:
    return UUID(f"01900000-0000-7000-8000-{number:012x}")


#: One of the few that wait for a person.
WAITING = bulk_id(5_001)


def moving(merchant: Merchant, payment_id: UUID, version: int, at: Any) -> dict[str, Any]:
    """What both writing statements are given."""
    return {
        "merchant_id": merchant.merchant_id,
        "payment_id": payment_id,
        "version": version,
        "reserved_delta": 10,
        "event_type": "payment.refund_sent",
        "actor": "operator:Ada Lindqvist",
        "event_data": "{}",
        "occurred_at": at,
        "message_id": new_id(),
        "topic": "payment.refund_sent",
        "payload": "{}",
        "slot": 0,
        "recover_ms": 1_000,
        "gateway_reference": b"r" * 32,
        "attempt_data": "{}",
    }


def calls(paykeel: Paykeel, merchant: Merchant) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return every statement with values as they come."""
    at = paykeel.database.now()
    whose = {"merchant_id": merchant.merchant_id}
    listed = {**whose, **UNFILTERED, "rows_max": 11}
    opening = {
        **moving(merchant, bulk_id(1), 2, at),
        "refund_id": new_id(),
        "refund_status": "pending",
        "refunded_delta": 0,
        "amount": 10,
        "reason": "other",
        "origin": "merchant",
        "requested_by": "Ada Lindqvist",
        "idempotency_key": "r-1",
        "quoted_amount": 10,
        "policy_sha256": None,
        "override_reason": None,
        "four_eyes": False,
        "gateway_id": None,
        "decision_kind": "requested",
        "as_of": at,
        "facts": "{}",
        "trace": "[]",
        "breakdown": "[]",
        "fingerprint": b"f" * 32,
        "response_status": None,
        "response_type": None,
        "response_body": None,
    }
    deciding = {
        **moving(merchant, WAITING, 2, at),
        "reserved_delta": 0,
        "refund_id": WAITING,
        "refund_status": "pending",
        "decision_kind": "approved",
        "approver": "Ben Okafor",
        "because": None,
    }
    found = {
        "open_refund": opening,
        "decide_refund": deciding,
        "get_refund": {**whose, "refund_id": bulk_id(7)},
        "refund_by_key": {**whose, "idempotency_key": "refund-bulk-7"},
        "list_decisions": {**whose, "refund_id": bulk_id(7)},
        "refunds_so_far": {**whose, "payment_id": bulk_id(7), "counting": ["succeeded"]},
        "disputes_so_far": {**whose, "payment_id": bulk_id(7), "events": list(DISPUTE_MOVES)},
    }
    assert {*found, *LISTS} == SQL.keys()
    pages = {
        "a page": listed,
        "a later page": {**listed, "before": bulk_id(25_000)},
        "those of a payment": {**listed, "payment_id": bulk_id(25_000)},
        "those that wait": {**listed, "status": "requested"},
    }
    return {name: (name, values) for name, values in found.items()} | {
        name: ("list_refunds", values) for name, values in pages.items()
    }


def faults_of(name: str, plan: dict[str, Any]) -> list[str]:
    """Say what is wrong with a plan that was run."""
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    faults = [f"{name}: {pages} pages"] if pages > PAGES_MAX else []
    return faults + [
        f"{name}: {rows} of {table}" for table, rows in rows_read(plan).items() if rows > ROWS_MAX
    ]


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
