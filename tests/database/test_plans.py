"""Hot statements look rows up, however many there are: no plan reads the whole of a big table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.db.sql import Statement, load
from paykeel.fraud.facts import Sight
from paykeel.fraud.service import UNJUDGED
from paykeel.gateways.port import Succeeded
from paykeel.idempotency import fingerprint
from paykeel.payments.judged import conclude
from paykeel.payments.moves import Attempt, Move
from paykeel.payments.purchase import Asked, _candidate, _gate
from paykeel.payments.rules import decide
from paykeel.payments.steps import settle_arguments, step_for
from tests.conftest import order
from tests.database.helpers import opened
from tests.database.many import (
    PENDING_EVERY,
    TALKER,
    explain,
    explain_generic,
    explain_kept,
    fill,
    keep,
    leave_untended,
    nodes,
    rows_read,
)
from tests.database.terms import require_terms

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from paykeel import Paykeel
    from paykeel.fraud.service import Bench, Decision
    from paykeel.merchants import Merchant
    from tests.servers import Urls

PAYMENTS = {**load("paykeel.payments"), **load("paykeel.payments", "open.sql")}
IDEMPOTENCY = load("paykeel.idempotency")
BIG = {
    "payments",
    "payment_attempts",
    "payment_events",
    "payment_idempotency",
    "fraud_prevention_logs",
    "outbox",
    "terms_acceptance",
    "terms_presentations",
    "terms_personal",
}
#: Pages that a statement over a handful of rows may touch; a scan of a big table takes thousands.
PAGES_MAX = 400
BATCH = 5
#: Rows of one table that any of them may read: what is due or in the dark, and whose it is.
ROWS_MAX = 20
#: What is planned once, perhaps while the tables are empty, and kept.
KEPT = (
    "open_payments", "settle_payments", "open_operation", "defer_attempt", "close_attempt",
    "get_payment", "list_events", "get_attempts", "hold_payment", "has_open_notice",
    "claim_due_attempts", "recovery_lag",
)  # fmt: skip
#: Every filter of a list that is not given.
UNFILTERED = dict.fromkeys(
    (
        "before", "id_from", "id_to", "status", "buyer_id", "buyer_role", "reference", "currency",
        "created_from", "created_to", "amount_min", "amount_max",
    )
)  # fmt: skip


def bulk_id(number: int) -> UUID:
    return UUID(f"01900000-0000-7000-8000-{number:012x}")


async def settling(paykeel: Paykeel, merchant: Merchant) -> dict[str, Any]:
    """Return the arrays that settle a few pending payments."""
    resources = paykeel.payments._resources
    waits = resources.waits(paykeel.gateways.for_mode("test").capabilities)
    steps = []
    for number in range(1, BATCH + 1):
        whose = {
            "merchant_id": merchant.merchant_id,
            "payment_id": bulk_id(number * PENDING_EVERY),
        }
        payment = await resources.settler.get(**whose)
        rows = await paykeel.database.fetch(PAYMENTS["get_attempts"], **whose)
        attempt = Attempt(**rows[0])
        move = decide(payment, attempt, Succeeded(payment.money), waits)
        assert isinstance(move, Move)
        steps.append(step_for(payment, attempt, move, "request", paykeel.database.now()))
    return settle_arguments(merchant.merchant_id, 0, steps)


async def opening(
    paykeel: Paykeel,
    merchant: Merchant,
    bench: Bench,
    *,
    decision: Decision = UNJUDGED,
    keys: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the arrays that open a few purchases, decided like this and counted under these."""
    request = order(buyer_id=TALKER)
    resources = paykeel.payments._resources
    at = paykeel.database.now()
    gate = await _gate(resources, merchant.merchant_id, request)
    assert gate.requirements
    judged = []
    for number in range(BATCH):
        asked = Asked(request, f"new-{number}", fingerprint("POST", "/v1/purchases", {}))
        gateway = paykeel.gateways.for_mode("test")
        candidate = _candidate(resources, merchant, asked, gateway, at, gate)
        facts = candidate.facts()
        if keys is not None:
            facts = replace(facts, keys=keys)
        judged.append(replace(conclude(candidate, decision), facts=facts))
    key = (merchant.merchant_id, "placeholder")
    return resources.opener._values(key, 0, judged, bench, Sight(at))


async def calls(
    paykeel: Paykeel, merchant: Merchant
) -> dict[str, tuple[Statement, dict[str, Any]]]:
    """Return every hot statement with values as they come."""
    whose = {"merchant_id": merchant.merchant_id}
    one = {**whose, "payment_id": bulk_id(PENDING_EVERY)}
    attempt = {**one, "attempt_no": 1, "outcome": "x"}
    listed = {**whose, **UNFILTERED, "rows_max": 101}
    at = paykeel.database.now() - timedelta(seconds=20_000)
    found: dict[str, tuple[Statement, dict[str, Any]]] = {
        "find_keys": (
            IDEMPOTENCY["find_keys"],
            {**whose, "idempotency_keys": ["bulk-1", "bulk-40000", "nobody's"]},
        ),
        "list a page": (PAYMENTS["list_payments"], listed),
        "list a later page": (PAYMENTS["list_payments"], {**listed, "before": bulk_id(25_000)}),
        "list by reference": (PAYMENTS["list_payments"], {**listed, "reference": "ref-25000"}),
        "list by time": (
            PAYMENTS["list_payments"],
            {**listed, "created_from": at, "id_from": bulk_id(30_000), "id_to": bulk_id(30_200)},
        ),
    }
    plain = {
        "open_payments": await opening(
            paykeel, merchant, await paykeel.fraud.bench(merchant.merchant_id)
        ),
        "settle_payments": await settling(paykeel, merchant),
        "open_operation": {
            **whose,
            "payment_id": bulk_id(1),
            "version": 2,
            "idempotency_key": "c-1",
            "operation": "capture",
            "reference": b"r" * 32,
            "amount": 1,
            "final": True,
            "ends_in": None,
            "data": "{}",
            "recover_ms": 1,
            "claims_as": "capture",
            "fingerprint": b"f" * 32,
        },
        "defer_attempt": {**attempt, "state": "open", "recover_ms": 1},
        "close_attempt": attempt,
        "get_payment": one,
        "list_events": {**one, "after": 0, "up_to": 9, "rows_max": 100},
        "get_attempts": one,
        "hold_payment": one,
        "has_open_notice": one,
        "claim_due_attempts": {"completion_hook": None, "rows_max": 50, "lease_ms": 1_000},
        "list_stuck": {**whose, "tries_min": 1, "rows_max": 100},
        "recovery_lag": {},
    }
    return found | {name: (PAYMENTS[name], values) for name, values in plain.items()}


def scans(plan: dict[str, Any]) -> list[str]:
    """Name the big tables that a plan reads from end to end."""
    return [
        f"{node['Node Type']} of {node['Relation Name']}"
        for node in nodes(plan)
        if node.get("Relation Name") in BIG and "Seq Scan" in node["Node Type"]
    ]


async def look(paykeel: Paykeel, merchant: Merchant, when: str) -> list[str]:
    """Explain everything; return what is wrong with the plans."""
    faults = []
    asked = await calls(paykeel, merchant)
    async with paykeel.database.connection() as connection:
        for name, (statement, values) in asked.items():
            if statement.name == "list_payments":
                await connection.execute("SET plan_cache_mode = force_custom_plan")
            plan = await explain(connection, statement, values)
            await connection.execute("RESET plan_cache_mode")
            pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            faults += [f"{name}, {when}: {scan}" for scan in scans(plan)]
            if pages > PAGES_MAX:
                faults.append(f"{name}, {when}: {pages} pages")
            if statement.name != "list_payments":  # It is planned afresh each time.
                generic = await explain_generic(connection, statement)
                faults += [f"{name}, {when}, generic: {scan}" for scan in scans(generic)]
    return faults


@pytest.mark.slow
async def test_no_hot_statement_reads_a_whole_table(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        small = await paykeel.merchants.create("Mill Market")
        await require_terms(paykeel, merchant)
        await fill(admin, merchant.merchant_id)
        faults = await look(paykeel, merchant, "without statistics")
        await admin.execute("ANALYZE")
        faults += await look(paykeel, merchant, "with statistics")
        assert faults == []
        assert small.merchant_id != merchant.merchant_id


@pytest.mark.slow
async def test_a_plan_of_empty_tables_is_as_good_when_they_are_full(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        await require_terms(paykeel, merchant)
        async with paykeel.database.connection() as connection:
            kept = {name: await keep(connection, PAYMENTS[name]) for name in KEPT}
            kept["find_keys"] = await keep(connection, IDEMPOTENCY["find_keys"])
            await fill(admin, merchant.merchant_id)
            asked = await calls(paykeel, merchant)
            faults = []
            for name, prepared in kept.items():
                statement, values = asked[name]
                plan = await explain_kept(connection, prepared, statement.arguments(values))
                pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
                faults += [f"{name}: {pages} pages"] if pages > PAGES_MAX else []
                faults += [
                    f"{name}: {rows} of {table}"
                    for table, rows in rows_read(plan).items()
                    if rows > ROWS_MAX
                ]
        assert faults == [], "\n".join(faults)


async def test_a_scan_would_be_seen(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        await fill(admin, merchant.merchant_id)
        bad = Statement(
            "bad", "", "SELECT count(*) FROM payments WHERE amount > $1::bigint", ("amount",)
        )
        async with paykeel.database.connection() as connection:
            plan = await explain(connection, bad, {"amount": 1})
            generic = await explain_generic(connection, bad)
        assert scans(plan) == scans(generic) == ["Seq Scan of payments"]
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] > PAGES_MAX
