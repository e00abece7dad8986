"""Puts rulesets, backtests and decisions in, for tests of what goes live."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from paykeel.clock import new_id
from paykeel.fraud.rules import read_ruleset
from tests.unit.fraud.rulesets import document

if TYPE_CHECKING:
    import asyncpg

    from paykeel import Paykeel
    from paykeel.fraud.rulesets import Stored
    from paykeel.merchants import Merchant


async def store(paykeel: Paykeel, merchant: Merchant, *rules: Any, **changes: Any) -> Stored:
    """Store a small ruleset."""
    ruleset = read_ruleset(document(*rules, **changes))
    return await paykeel.rulesets.apply(merchant.merchant_id, ruleset, "ann")


async def backtested(
    admin: asyncpg.Connection, merchant: Merchant, stored: Stored, **changes: Any
) -> uuid.UUID:
    """Put in a backtest of a ruleset."""
    backtest_id = new_id()
    values = {"sha256": stored.sha256, "decisions": 5, "days": 0, **changes}
    await admin.execute(
        """
        INSERT INTO fraud_backtests (
            merchant_id, backtest_id, ruleset, ruleset_sha256, since, until, decisions, report,
            created_by, created_at)
        VALUES ($1, $2, $3, $4, now() - interval '30 days', now(), $5, '{}', 'ann',
            now() - make_interval(days => $6))
        """,
        merchant.merchant_id,
        backtest_id,
        stored.ruleset,
        values["sha256"],
        values["decisions"],
        values["days"],
    )
    return backtest_id


async def decided(
    admin: asyncpg.Connection, merchant: Merchant, rows: int, shadow: dict[str, Any] | None = None
) -> None:
    """Put decisions into the log, without the payments that they are about."""
    await admin.execute(
        """
        INSERT INTO fraud_prevention_logs (
            merchant_id, log_id, payment_id, decision, created_at, shadow)
        SELECT $1, gen_random_uuid(), gen_random_uuid(), 'allow', now(), $3::text::jsonb
        FROM generate_series(1, $2)
        """,
        merchant.merchant_id,
        rows,
        None if shadow is None else json.dumps(shadow),
    )


async def go_live(
    paykeel: Paykeel, admin: asyncpg.Connection, merchant: Merchant, stored: Stored
) -> None:
    """Let a version go live, the whole way."""
    await backtested(admin, merchant, stored)
    asked = await paykeel.rulesets.request_live(
        merchant.merchant_id, stored.ruleset, stored.ruleset_version, "ann"
    )
    await paykeel.rulesets.approve(merchant.merchant_id, asked.activation_id, "ben")
