"""Policies and facts for the tests of refunds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from paykeel.errors import RefundPolicyRefused
from paykeel.money import exponent_of
from paykeel.refunds.facts import RefundFacts
from paykeel.refunds.parsing import policy_of, policy_of_text
from paykeel.refunds.policy import RefundPolicy, RefundReason

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "refund-policies"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
_SIZES = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def example(name: str) -> RefundPolicy:
    """Read one of the examples."""
    return policy_of_text((EXAMPLES / f"{name}.yaml").read_text())


def policy(**fields: Any) -> RefundPolicy:
    """Make a policy of these fields; nothing is given where they do not say."""
    return policy_of({"key": "p", "title": "P", "otherwise": {"percent_bps": 0}, **fields})


def mistakes(document: Any) -> set[tuple[str, str]]:
    """Return the codes and places for which a document is refused."""
    with pytest.raises(RefundPolicyRefused) as refused:
        policy_of(document)
    assert refused.value.code == "refund_policy_refused"
    return {(one["code"], one["path"]) for one in refused.value.data["mistakes"]}


def span(text: str) -> timedelta:
    """Read a duration independently of the code that is tested."""
    found = re.fullmatch(r"(-?\d+)([smhd])", text)
    assert found, text
    return timedelta(seconds=int(found[1]) * _SIZES[found[2]])


def facts(**given: Any) -> RefundFacts:
    """Make facts in which the clocks show these durations at ``NOW``."""
    purchased = NOW - span(given.get("purchased", "0s"))
    captured_for = given.get("captured_for")
    delivered, before = given.get("delivered"), given.get("before")
    currency, units = given.get("currency", "EUR"), given.get("units")
    return RefundFacts(
        currency=currency,
        exponent=exponent_of(currency),
        captured=given["captured"],
        refunded=given.get("refunded", 0),
        refunds_count=given.get("refunds_count", 0),
        disputed=given.get("disputed", 0),
        purchased_at=purchased,
        captured_at=NOW - span(captured_for) if captured_for else purchased,
        delivered_at=NOW - span(delivered) if delivered else None,
        service_at=NOW + span(before) if before else None,
        no_show=given.get("no_show"),
        reason=RefundReason(given.get("reason", "requested_by_buyer")),
        components=given.get("components", {}),
        units=(units[0], units[1]) if units else None,
        jurisdiction=given.get("jurisdiction"),
    )
