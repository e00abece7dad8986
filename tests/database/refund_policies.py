"""Refund policies that a test needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from paykeel.refunds.catalogue import PolicyVersion

AUTHOR = "Ann"


def policy(key: str = "flexible", hours: int = 24, **more: Any) -> dict[str, Any]:
    """A document: all of it back until so many hours before the service, then half."""
    edge = f"{hours}h"
    return {
        "key": key,
        "title": key.capitalize(),
        "tiers": [
            {"name": "early", "when": {"before_service": {"from": edge}}, "percent_bps": 10_000},
            {"name": "late", "when": {"before_service": {"to": edge}}, "percent_bps": 5_000},
        ],
        **more,
    }


async def publish_policy(
    paykeel: Paykeel,
    merchant: Merchant,
    document: Mapping[str, Any] | None = None,
    effective_from: datetime | None = None,
    *,
    leave_none: bool = False,
    **changes: Any,
) -> PolicyVersion:
    """Publish a document, or the one that these changes make."""
    done = await paykeel.refund_policies.publish(
        document or policy(**changes),
        merchant_id=merchant.merchant_id,
        author=AUTHOR,
        effective_from=effective_from,
        leave_none=leave_none,
    )
    return done.version
