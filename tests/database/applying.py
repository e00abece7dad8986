"""A process that stores rulesets, many at once.

``python -m tests.database.applying URL MERCHANT FIRST COUNT`` stores COUNT rulesets of one name,
each with another limit, and with a rule that every second one has the same.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.clock import SystemClock
from paykeel.db.pool import Database
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.rules import read_ruleset
from paykeel.fraud.rulesets import Rulesets

if TYPE_CHECKING:
    from paykeel.fraud.ruleset import Ruleset


def numbered(number: int) -> Ruleset:
    """One of many rulesets of the same name."""
    rule: dict[str, Any] = {
        "key": "dear",
        "when": f"payment.amount_ref > {number % 2}",
        "action": "review",
        "mode": "live",
        "reason": "dear",
    }
    limits = {"number": number}
    return read_ruleset({"ruleset": "many", "limits": limits, "rules": [rule]})


async def store(url: str, merchant_id: UUID, first: int, count: int) -> None:
    database = await Database.open(url, size=8, wait_ms_max=20_000, statement_ms_max=15_000)
    try:
        rulesets = Rulesets(database, SystemClock(), CelEngine(), 0)
        wanted = [numbered(number) for number in range(first, first + count)]
        await asyncio.gather(*(rulesets.apply(merchant_id, one, "ann") for one in wanted))
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(store(sys.argv[1], UUID(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
