"""Hot statements look rows up, however many there are: no plan reads the whole of a big table."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from paykeel.db.sql import Statement, load
from paykeel.fraud import Decision, Verdict
from paykeel.gateways.port import Succeeded
from paykeel.idempotency import fingerprint
from paykeel.payments.moves import Attempt, Move
from paykeel.payments.open import _arrays
from paykeel.payments.purchase import Asked, _candidate
from paykeel.payments.rules import decide
from paykeel.payments.steps import settle_arguments, step_for
from tests.conftest import order
from tests.database.helpers import opened
from tests.database.many import PENDING_EVERY, explain, explain_generic, fill, nodes

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

PAYMENTS, IDEMPOTENCY = load("paykeel.payments"), load("paykeel.idempotency")
BIG = {
    "payments",
    "payment_attempts",
    "payment_events",
    "payment_idempotency",
    "fraud_prevention_logs",
    "outbox",
    "terms_acceptance",
}
#: Pages that a statement over a handful of rows may touch; a scan of a big table takes thousands.
PAGES_MAX = 400
BATCH = 5
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


def opening(paykeel: Paykeel, merchant: Merchant) -> dict[str, Any]:
    """Return the arrays that open a few purchases."""
    request = order(buyer_id="buyer-bulk-7")
    candidates = [
        _candidate(
            paykeel.payments._resources,
            merchant.merchant_id,
            Asked(request, f"new-{number}", fingerprint("POST", "/v1/purchases", {})),
            "placeholder",
            Decision(Verdict.ALLOW),
        )
        for number in range(BATCH)
    ]
    return {
        "merchant_id": merchant.merchant_id,
        "gateway": "placeholder",
        "completion_hook": None,
        "recover_ms": 1_000,
        "slot": 0,
        **_arrays(candidates),
    }


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
        "open_payments": opening(paykeel, merchant),
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
        merchant = await paykeel.merchants.create("Harbour Market")
        small = await paykeel.merchants.create("Mill Market")
        await paykeel.terms.require(merchant.merchant_id, "2026-11")
        await fill(admin, merchant.merchant_id)
        faults = await look(paykeel, merchant, "without statistics")
        await admin.execute("ANALYZE")
        faults += await look(paykeel, merchant, "with statistics")
        assert faults == []
        assert small.merchant_id != merchant.merchant_id


async def test_a_scan_would_be_seen(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls) as paykeel:
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
