"""Statements of fraud prevention read what they are asked for, and no plan reads more.

The plans are those that are worst: made while the tables were empty, and kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from paykeel.clock import new_id
from paykeel.db.sql import Statement, load
from paykeel.fraud.judge import Quarantined
from paykeel.fraud.ruleset import Action
from paykeel.fraud.service import Decision
from tests.database.helpers import opened
from tests.database.many import explain, explain_kept, fill, keep, leave_untended, rows_read
from tests.database.many_keys import (
    BUYERS,
    CARDS,
    HELD_EVERY,
    HOT,
    LISTED,
    OPEN_EVERY,
    fill_keys,
    fill_lists,
)
from tests.database.terms import require_terms
from tests.database.test_plans import BATCH, bulk_id, opening, settling

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from paykeel import Paykeel
    from paykeel.db.pool import Connection
    from paykeel.fraud.service import Bench
    from paykeel.merchants import Merchant
    from tests.servers import Urls

FRAUD = load("paykeel.fraud")
LISTS = load("paykeel.fraud", "lists.sql")
LABELS = load("paykeel.fraud", "labels.sql")
BACKTESTS = load("paykeel.fraud", "backtest.sql")
RULESETS = load("paykeel.fraud", "rulesets.sql")
HISTORY = load("paykeel.fraud", "history.sql")
PAYMENTS = {**load("paykeel.payments"), **load("paykeel.payments", "open.sql")}
REVIEWS = load("paykeel.payments", "review.sql")
#: What is planned before there are values for it.
TRIED = (
    *(FRAUD[name] for name in ("lock_keys", "look", "get_decision")),
    *(PAYMENTS[name] for name in ("open_payments", "settle_payments")),
    *(LISTS[name] for name in ("list_items", "find_items", "remove_items")),
    *(
        REVIEWS[name]
        for name in ("get_review", "list_notes", "assign_review", "claim_due_review")
    ),
    *(
        RULESETS[name]
        for name in (
            "rulesets_in_force", "get_ruleset", "newest_ruleset", "find_ruleset",
            "count_shadow_decisions",
        )
    ),
    LABELS["add_labels"],
    *(BACKTESTS[name] for name in ("keys_then", "windows_then", "lists_then")),
    *(HISTORY[name] for name in ("find_decision", "find_ruleset")),
)  # fmt: skip
#: With one row for each merchant, or for each minute.
SMALL = {"merchants", "payment_metrics"}
#: Pages for each row that is asked for, from the root of an index down to the row, and some more.
PAGES_A_ROW, PAGES_BESIDE = 8, 200
PAGE = 101
EXPIRED_MAX = 60
LATER = timedelta(hours=5)
DAY_S = 86_400


@dataclass(frozen=True)
class Call:
    """A statement with values as they come, and how many rows of each table it may read."""

    statement: Statement
    values: Mapping[str, Any]
    rows_max: Mapping[str, int] = field(default_factory=dict)


def looking(whose: Mapping[str, Any]) -> Call:
    """Look at windows of every kind, at lives, lists and idempotency keys."""
    windows = [
        # Key, outcome, rows at most, of which kind, the oldest only.
        (HOT, "attempted", 100, None, False),
        (HOT, "attempted", 1_000, "card", False),
        (HOT, "succeeded", 1_001, None, False),
        (HOT, "attempted", 1, None, True),
        (HOT, "succeeded", 1, None, False),
        (HOT, "declined", 21, None, False),
        (BUYERS + 7, "attempted", 100, "ip", False),
        (CARDS + 25_000, "attempted", 1_000_000, None, False),
        (CARDS - 1, "attempted", 1_000_000, None, False),
    ]
    values = {
        **whose,
        "keys": [window[0] for window in windows],
        "outcomes": [window[1] for window in windows],
        "windows_s": [DAY_S] * len(windows),
        "rows_max": [window[2] for window in windows],
        "of_kinds": [window[3] for window in windows],
        "oldest": [window[4] for window in windows],
        "profile_keys": [HOT, BUYERS + 7, CARDS + 25_000, LISTED + 40_000, -1],
        "idempotency_keys": ["bulk-1", "bulk-40000", "nobody's"],
    }
    # The buyer has fifty rows, and the card one.
    read = 100 + 1_000 + 1_001 + 1 + 1 + 50 + 1
    attempts = 1_000 + 50
    # Before version 18 a server rounds what it found by up to half a row for each look-up: here
    # for each day that a window reaches into, three of them in the last hour of a day in UTC.
    rounded = len(windows) * 3 // 2
    return Call(
        FRAUD["look"],
        values,
        {
            "velocity_entries": read + rounded,
            "velocity_attempts": attempts,
            # Rounded up, likewise.
            "velocity_profiles": len(values["profile_keys"]),
            "fraud_lists": len(values["profile_keys"]),
            "payments": len(values["idempotency_keys"]),
        },
    )


async def purchases(paykeel: Paykeel, merchant: Merchant, bench: Bench) -> dict[str, Call]:
    """Return the statements of a purchase."""
    whose = {"merchant_id": merchant.merchant_id}
    keys = {"buyer": BUYERS + 7, "card": CARDS + 25_000, "ip": HOT}
    quarantine = Quarantined("card", 3_600, "burst", "burst")
    held = Decision(action=Action.REVIEW, reasons=("burst",), quarantines=(quarantine,))
    # When a buyer last accepted, and when it last took something back.
    opened_rows = {"terms_acceptance": 2 * BATCH, "payment_attempts": 0}
    settled = dict.fromkeys(
        ("payments", "payment_attempts", "payment_idempotency", "velocity_attempts"), BATCH
    )
    return {
        "lock_keys": Call(FRAUD["lock_keys"], {"wait_ms": 100, "keys": list(keys.values())}),
        "look": looking(whose),
        "open_payments": Call(
            PAYMENTS["open_payments"],
            await opening(paykeel, merchant, bench, decision=held, keys=keys),
            opened_rows,
        ),
        "settle_payments": Call(
            PAYMENTS["settle_payments"], await settling(paykeel, merchant), settled
        ),
    }


def lists(whose: Mapping[str, Any], at: datetime) -> dict[str, Call]:
    """Return the statements about lists."""
    page = {**whose, "list": "block", "rows_max": PAGE}
    keys = {**whose, "keys": [LISTED + 40_000, LISTED + 7, -1]}
    # Some have expired meanwhile, and are stepped over.
    read = {"fraud_lists": PAGE + EXPIRED_MAX}
    return {
        "list_items": Call(
            LISTS["list_items"],
            {**page, "before_at": None, "before_key": None},
            read,
        ),
        "a later page": Call(
            LISTS["list_items"], {**page, "before_at": at - LATER, "before_key": 0}, read
        ),
        "find_items": Call(LISTS["find_items"], {**keys, "rows_max": 9}, {"fraud_lists": 3}),
        "remove_items": Call(LISTS["remove_items"], {**keys, "list": "block"}, {"fraud_lists": 3}),
    }


def people(whose: Mapping[str, Any]) -> dict[str, Call]:
    """Return the statements about one review."""
    held = {**whose, "payment_id": bulk_id(HELD_EVERY * OPEN_EVERY)}
    one = {"fraud_reviews": 1, "payments": 1}
    return {
        "get_review": Call(REVIEWS["get_review"], held, one),
        "list_notes": Call(REVIEWS["list_notes"], {**held, "rows_max": 9}),
        "assign_review": Call(
            REVIEWS["assign_review"],
            {**held, "assignee": "Ada", "notes_max": 9, "note_id": new_id(), "author": "Ada"},
            one,
        ),
        "claim_due_review": Call(
            REVIEWS["claim_due_review"],
            {"after_due_at": None, "after_merchant_id": None, "after_payment_id": None},
            {"fraud_reviews": 1},
        ),
    }


def decisions(whose: Mapping[str, Any]) -> dict[str, Call]:
    """Return the statements about decisions and rulesets."""
    one = {**whose, "payment_id": bulk_id(17)}
    named = {**whose, "ruleset": "bulk", "ruleset_version": 1_700}
    exact = {**whose, "ruleset": "bulk", "sha256": b"d" * 32}
    return {
        "get_decision": Call(FRAUD["get_decision"], one, {"fraud_prevention_logs": 1}),
        "find_decision": Call(HISTORY["find_decision"], one, {"fraud_prevention_logs": 1}),
        "rulesets_in_force": Call(
            RULESETS["rulesets_in_force"], whose, {"fraud_activations": 2, "fraud_rulesets": 2}
        ),
        "get_ruleset": Call(RULESETS["get_ruleset"], named, {"fraud_rulesets": 1}),
        "newest_ruleset": Call(
            RULESETS["newest_ruleset"], {**whose, "ruleset": "bulk"}, {"fraud_rulesets": 1}
        ),
        "find_ruleset": Call(RULESETS["find_ruleset"], exact),
        "find_ruleset by hash": Call(HISTORY["find_ruleset"], {**exact, "ruleset_version": 7}),
        "count_shadow_decisions": Call(
            RULESETS["count_shadow_decisions"],
            {**whose, "ruleset": "bulk", "ruleset_version": "7", "rows_max": PAGE},
            {"fraud_prevention_logs": PAGE},
        ),
    }


def hindsight(whose: Mapping[str, Any], at: datetime) -> dict[str, Call]:
    """Return the statements about what turned out, and what was known then."""
    then = {**whose, "payment_ids": [bulk_id(7), bulk_id(40_000)]}
    labels = {
        **then,
        "numbers": [1, 2],
        "payment_ids": [bulk_id(7), None],
        "references": [None, "ref-40000"],
        "labels": ["fraud"] * 2,
        "sources": ["chargeback"] * 2,
        "known_ats": [None] * 2,
        "references_max": 9,
        "labels_max": 9,
        "author": "ann",
    }
    windows = {
        **then,
        "ats": [at] * 2,
        "keys": [HOT, CARDS + 9],
        "outcomes": ["attempted"] * 2,
        "windows_s": [DAY_S] * 2,
        "rows_max": [100] * 2,
        "of_kinds": ["card", None],
        "oldest": [False] * 2,
    }
    counted = {"velocity_attempts": 2}
    return {
        # By id or reference, and once more when it was paid.
        "add_labels": Call(LABELS["add_labels"], labels, {**counted, "payments": 6}),
        "keys_then": Call(BACKTESTS["keys_then"], then, counted),
        "windows_then": Call(
            BACKTESTS["windows_then"], windows, {"velocity_entries": 102, "velocity_attempts": 102}
        ),
        "lists_then": Call(
            BACKTESTS["lists_then"],
            {**then, "ats": [at] * 2, "lists": ["block"]},
            {**counted, "fraud_lists": 6},
        ),
    }


async def calls(paykeel: Paykeel, merchant: Merchant, bench: Bench) -> dict[str, Call]:
    """Return every statement, for tables that are filled."""
    whose = {"merchant_id": merchant.merchant_id}
    at = paykeel.database.now()
    return {
        **await purchases(paykeel, merchant, bench),
        **lists(whose, at),
        **people(whose),
        **decisions(whose),
        **hindsight(whose, at),
    }


def faults_of(name: str, call: Call, plan: dict[str, Any]) -> list[str]:
    """Say what a plan has read that nobody asked for."""
    read = {table: rows for table, rows in rows_read(plan).items() if table not in SMALL}
    faults = [
        f"{name}: {rows} of {table}"
        for table, rows in read.items()
        if rows > call.rows_max.get(table, 0)
    ]
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    if pages > PAGES_BESIDE + PAGES_A_ROW * sum(call.rows_max.values()):
        faults.append(f"{name}: {pages} pages")
    return faults


async def tried(
    connection: Connection, asked: Mapping[str, Call], kept: Mapping[str, Any]
) -> list[str]:
    """Run every statement by its kept plan; return what is wrong with the plans."""
    faults = []
    for name, call in asked.items():
        statement = call.statement
        plan = await explain_kept(
            connection, kept[statement.text], statement.arguments(dict(call.values))
        )
        faults += faults_of(name, call, plan)
    return faults


@pytest.mark.slow
async def test_a_plan_of_empty_tables_reads_no_more_when_they_are_full(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        other = await paykeel.merchants.create("Mill Market")
        await require_terms(paykeel, merchant)
        bench = await paykeel.fraud.bench(merchant.merchant_id)
        async with paykeel.database.connection() as connection:
            empty = {each.text: await keep(connection, each) for each in TRIED}
            await fill(admin, merchant.merchant_id)
            await fill_keys(admin, merchant.merchant_id)
            await fill_lists(admin, other.merchant_id)
            asked = await calls(paykeel, merchant, bench)
            faults = await tried(connection, asked, empty)
        async with paykeel.database.connection() as connection:
            full = {each.text: await keep(connection, each) for each in TRIED}
            faults += [f"full, {fault}" for fault in await tried(connection, asked, full)]
            await admin.execute("ANALYZE")
            faults += [f"analyzed, {fault}" for fault in await tried(connection, asked, full)]
        assert faults == [], "\n".join(faults)


@pytest.mark.slow
async def test_a_page_of_reviews_is_read_alone(urls: Urls, admin: asyncpg.Connection) -> None:
    async with opened(urls) as paykeel:
        await leave_untended(admin)
        merchant = await paykeel.merchants.create("Harbour Market")
        await fill(admin, merchant.merchant_id)
        await fill_keys(admin, merchant.merchant_id)
        page = {
            "merchant_id": merchant.merchant_id,
            "assignee": None,
            "reason": None,
            "rows_max": PAGE,
        }
        later = {"after_due_at": paykeel.database.now() + LATER, "after_payment_id": bulk_id(9)}
        most = {"fraud_reviews": PAGE + 1, "payments": PAGE + 1}
        faults = []
        for when in ("without statistics", "with statistics"):
            async with paykeel.database.connection() as connection:
                await connection.execute("SET plan_cache_mode = force_custom_plan")
                for after in (dict.fromkeys(later), later):
                    call = Call(REVIEWS["list_reviews"], {**page, **after}, most)
                    plan = await explain(connection, call.statement, {**page, **after})
                    faults += faults_of(when, call, plan)
                await connection.execute("RESET plan_cache_mode")
            await admin.execute("ANALYZE")
        assert faults == [], "\n".join(faults)
