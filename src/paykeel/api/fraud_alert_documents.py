"""The documents of alerts and of explanations as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Id, Instant, Request
from paykeel.fraud.alerting import AlertKind
from paykeel.fraud.alerts import AUTHOR_CHARACTERS_MAX


class FraudAcknowledgement(Request):
    """Who has seen an alert."""

    author: Annotated[str, Field(min_length=1, max_length=AUTHOR_CHARACTERS_MAX)]


class FraudAlert(Answer):
    """One row with a count, for all that is alike until somebody has seen it."""

    object: Literal["fraud_alert"]
    id: Id
    kind: AlertKind
    reason: Annotated[str | None, Field(description="Of a decline spike null.")]
    status: Literal["open", "acknowledged"]
    count: Annotated[int, Field(ge=1)]
    first_at: Instant
    last_at: Instant
    facts: dict[str, Any]
    acknowledged_by: str | None
    acknowledged_at: Instant | None


class FraudAlertList(Answer):
    """A page of alerts, newest first."""

    object: Literal["list"]
    data: list[FraudAlert]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


class FraudRuleResult(Answer):
    """What one rule said of a purchase."""

    rule: str
    version: int
    mode: Literal["live", "shadow"]
    action: str
    score: int
    outcome: Annotated[
        str,
        Field(
            description="`matched`, `not`, `missing:<attribute>`, `capped:<attribute>` or error."
        ),
    ]


class FraudDecision(Answer):
    """Why a purchase was judged as it was. Not for the buyer."""

    object: Literal["fraud_decision"]
    id: Id
    payment_id: Id
    decision: Literal["allow", "challenge", "review", "block"]
    score: Annotated[int, Field(ge=0, le=100)]
    reasons: list[str]
    rules: list[FraudRuleResult]
    facts: Annotated[dict[str, Any], Field(description="What was known, by attribute.")]
    shadow: dict[str, Any] | None
    model: dict[str, Any] | None
    ruleset: str | None
    ruleset_version: int | None
    ruleset_sha256: str | None
    engine: str | None
    took_us: int
    created_at: Instant


ALERT_REQUESTS: tuple[type[BaseModel], ...] = (FraudAcknowledgement,)
ALERT_ANSWERS: tuple[type[BaseModel], ...] = (FraudAlert, FraudAlertList, FraudDecision)
