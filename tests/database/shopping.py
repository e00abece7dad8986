"""Purchases that are judged, for tests of what was logged of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel import Paykeel, Signals
from tests.database.helpers import buy
from tests.rulesets import rule

if TYPE_CHECKING:
    import asyncpg

    from paykeel.merchants import Merchant

VELOCITIES: dict[str, dict[str, Any]] = {
    "count": {"key": "card", "aggregate": "count", "outcome": "attempted", "cap": 4},
    "declined": {"key": "ip", "aggregate": "count", "outcome": "declined", "cap": 20},
    "cards": {"key": "ip", "aggregate": "distinct", "of": "card", "outcome": "attempted"},
    "few_cards": {
        "key": "ip", "aggregate": "distinct", "of": "card", "outcome": "attempted", "cap": 2,
    },
    "sum": {"key": "buyer", "aggregate": "sum", "outcome": "attempted", "cap": 1_000},
    "small_sum": {"key": "buyer", "aggregate": "sum", "outcome": "attempted", "cap": 3},
    "mean": {"key": "buyer", "aggregate": "average", "outcome": "succeeded", "cap": 100},
    "most": {"key": "card", "aggregate": "maximum", "outcome": "succeeded", "cap": 100},
    "first": {"key": "ip", "aggregate": "seconds_since_first", "outcome": "attempted"},
    "last": {"key": "card", "aggregate": "seconds_since_last", "outcome": "succeeded"},
    "short": {"key": "buyer", "aggregate": "count", "outcome": "attempted", "window": "1s"},
    "seats": {"key": "custom.seat", "aggregate": "count", "outcome": "attempted"},
}  # fmt: skip


def asking(prefix: str = "", **changes: Any) -> dict[str, Any]:
    """A ruleset that asks for every velocity, and stops nobody."""
    velocities = {f"{prefix}{name}": {"window": "1h", **v} for name, v in VELOCITIES.items()}
    rules = [
        rule(f"r_{name}", f"velocity.{name} < 0" + (".0" if name.endswith("mean") else ""), "allow")
        for name in velocities
    ]
    return {"ruleset": "asking", "velocities": velocities, "rules": rules, **changes}


async def shopping(judging: Paykeel, shop: Merchant, count: int = 24) -> None:
    """Purchases of two buyers with a few cards from two addresses; some are declined."""
    for n in range(count):
        signals = Signals(
            card_fingerprint=None if n % 11 == 7 else f"card-{n % 5}",
            ip=f"203.0.113.{n % 2}",
            card_country="NL",
            velocity_keys={"seat": "12A"} if n % 3 else {},
        )
        await buy(
            judging,
            shop,
            f"order-{n}",
            amount=1_000 + n,
            buyer_id=f"agent-{n % 2}",
            reference=f"A-{n}",
            payment_method="pm_card_declined" if n % 4 == 1 else "pm_ok",
            signals=signals,
        )


async def logged(judging: Paykeel) -> list[asyncpg.Record]:
    async with judging.database.connection() as connection:
        return await connection.fetch(
            "SELECT payment_id, facts, ruleset, ruleset_version, ruleset_sha256, created_at"
            " FROM fraud_prevention_logs ORDER BY log_id"
        )
