"""Puts a ruleset in force without the people and the trial that going live takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.clock import new_id
from paykeel.fraud.rules import read_ruleset

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import asyncpg

    from paykeel import Paykeel

ACTIVATE = """
    INSERT INTO fraud_activations (
        merchant_id, activation_id, place, ruleset, ruleset_version, requested_by, approved_by,
        approved_at)
    VALUES ($1, $2, $3, $4, $5, 'ann', 'bob', now())
"""


async def enforce(
    paykeel: Paykeel,
    admin: asyncpg.Connection,
    merchant_id: UUID,
    document: Mapping[str, Any],
    place: str = "live",
) -> None:
    """Store a ruleset and put it in force for this merchant, as two people would."""
    stored = await paykeel.rulesets.apply(merchant_id, read_ruleset(document), "ann")
    await admin.execute(
        ACTIVATE, merchant_id, new_id(), place, stored.ruleset, stored.ruleset_version
    )


def rule(key: str, when: str, action: str = "block", **changes: Any) -> dict[str, Any]:
    """A live rule."""
    return {
        "key": key,
        "when": when,
        "action": action,
        "mode": "live",
        "reason": key,
        **changes,
    }


def at_most(limit: int, **velocity: Any) -> dict[str, Any]:
    """A ruleset that blocks whatever would pass a limit of one velocity."""
    given = {"key": "buyer", "aggregate": "count", "outcome": "attempted", "window": "1h"}
    return {
        "ruleset": "limit",
        "velocities": {"seen": {**given, **velocity}},
        "rules": [rule("too_many", f"velocity.seen >= {limit}")],
    }
