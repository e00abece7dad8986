"""A logged decision as values for JSON, for people who may know why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.fraud.logs import instant_text

if TYPE_CHECKING:
    from paykeel.fraud.service import LoggedDecision


def decision_document(said: LoggedDecision) -> dict[str, Any]:
    """Return everything that is known of a decision."""
    sha256 = said.ruleset_sha256
    return {
        "object": "fraud_decision",
        "id": str(said.log_id),
        "payment_id": said.payment_id and str(said.payment_id),
        "decision": said.decision,
        "score": said.score,
        "reasons": list(said.reasons),
        "rules": [dict(result) for result in said.rules],
        "facts": dict(said.facts),
        "shadow": said.shadow,
        "model": said.model,
        "ruleset": said.ruleset,
        "ruleset_version": said.ruleset_version,
        "ruleset_sha256": sha256 and sha256.hex(),
        "engine": said.engine,
        "took_us": said.took_us,
        "created_at": instant_text(said.created_at),
    }
