"""A limit is never passed, by whichever processes at whatever moment; and how it would be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel import Paykeel
from tests.conftest import settings_for
from tests.fraud.processes import together
from tests.rulesets import enforce, rule

if TYPE_CHECKING:
    from uuid import UUID

    from tests.servers import Urls

pytestmark = pytest.mark.timeout(300)

#: Of admitted purchases, how many a trailing window holds at most, and how often it is asked.
WINDOWS = """
    SELECT max(n) FROM (
        SELECT (
            SELECT count(*) FROM velocity_attempts b JOIN payments q USING (merchant_id, payment_id)
            WHERE q.status <> 'blocked' AND b.occurred_at <= a.occurred_at
                AND b.occurred_at > a.occurred_at - make_interval(secs => $1)
        ) AS n
        FROM velocity_attempts a JOIN payments p USING (merchant_id, payment_id)
        WHERE p.status <> 'blocked'
    ) counted
"""


def limited(when: str, **velocity: Any) -> dict[str, Any]:
    given = {"key": "buyer", "outcome": "attempted", "window": "1h", "cap": 100}
    return {
        "ruleset": "limit",
        "velocities": {"seen": {**given, **velocity}},
        "rules": [rule("too_many", when)],
    }


def plan(urls: Urls, merchant_id: UUID, name: str, **changes: Any) -> dict[str, Any]:
    settings = {
        "database_url": urls.app,
        "log_level": "CRITICAL",
        "fraud_lock_ms_max": 60_000,
        "gateway_ms_max": 60_000,
    }
    return {
        "mode": "buy",
        "name": name,
        "merchant_id": str(merchant_id),
        "settings": settings,
        "clients": 32,
        "tries": 5,
        **changes,
    }


async def stand(urls: Urls, document: dict[str, Any] | None) -> UUID:
    """Make a merchant with a ruleset; return its id."""
    admin = await asyncpg.connect(urls.admin)
    async with Paykeel.open(settings_for(urls)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market", "test")
        if document is not None:
            await enforce(paykeel, admin, merchant.merchant_id, document)
    await admin.close()
    return merchant.merchant_id


@pytest.mark.parametrize(
    ("document", "admitted"),
    [
        (limited("velocity.seen >= 10", aggregate="count"), 10),
        (limited("velocity.seen + payment.amount_ref > 12500", aggregate="sum", cap=1_000), 10),
        (limited("velocity.seen >= 10", key="ip", aggregate="distinct", of="card"), 10),
        (limited("velocity.seen >= 1250", aggregate="maximum", cap=1_000), 1),
        (limited("velocity.seen >= 1250.0", aggregate="average", cap=1_000), 1),
        (limited("velocity.seen < 3600", aggregate="seconds_since_first"), 1),
        (limited("velocity.seen < 3600", aggregate="seconds_since_last"), 1),
    ],
    ids=["count", "sum", "distinct", "maximum", "average", "since first", "since last"],
)
async def test_two_processes_admit_exactly_the_limit(
    urls: Urls, document: dict[str, Any], admitted: int
) -> None:
    merchant_id = await stand(urls, document)
    said = await together([plan(urls, merchant_id, name) for name in ("one", "two")])
    assert said == {"succeeded": admitted, "blocked": 320 - admitted}


@pytest.mark.parametrize("mode", ["naive", "lock and count in one statement"])
async def test_the_control_admits_more(urls: Urls, mode: str) -> None:
    merchant_id = await stand(urls, None)
    plans = [plan(urls, merchant_id, name, mode=mode) for name in ("one", "two")]
    said = await together(plans)
    assert said["admitted"] > 10, "this would prove nothing about the other test"


async def test_no_trailing_window_ever_passes_the_limit(urls: Urls) -> None:
    # What is blocked counts as well, so the traffic is thin enough to pass now and then.
    document = limited("velocity.seen >= 4", aggregate="count", window="1s")
    merchant_id = await stand(urls, document)
    plans = [
        plan(urls, merchant_id, name, clients=3, tries=6, pause_s=3.0) for name in ("one", "two")
    ]
    said = await together(plans)
    assert said["blocked"] > 0
    assert said["succeeded"] > 4, "the window moves on"
    admin = await asyncpg.connect(urls.admin)
    assert await admin.fetchval(WINDOWS, 1) <= 4
    await admin.close()


async def test_overlapping_keys_never_deadlock(urls: Urls) -> None:
    given = {"aggregate": "count", "outcome": "attempted", "window": "1h", "cap": 1_000}
    document = {
        "ruleset": "many",
        "velocities": {
            "of_buyer": {**given, "key": "buyer"},
            "of_card": {**given, "key": "card"},
            "of_ip": {**given, "key": "ip"},
            "of_seat": {**given, "key": "custom.seat"},
        },
        "rules": [
            rule(
                "never",
                "velocity.of_buyer + velocity.of_card + velocity.of_ip + velocity.of_seat > 3000",
            )
        ],
    }
    merchant_id = await stand(urls, document)
    plans = [
        plan(urls, merchant_id, name, clients=16, tries=10, mixed=True)
        for name in ("one", "two", "three")
    ]
    for each in plans:
        each["settings"] |= {"batch_rows_max": 4, "batch_lanes": 4}
    said = await together(plans)
    assert said == {"succeeded": 480}
    admin = await asyncpg.connect(urls.admin)
    await asyncio.sleep(1)
    assert (
        await admin.fetchval(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        == 0
    )
    await admin.close()
