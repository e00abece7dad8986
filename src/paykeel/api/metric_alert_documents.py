"""The documents of alerts on metrics as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Id, Instant, Request
from paykeel.metrics.alert_rules import Rule
from paykeel.metrics.alerts import AUTHOR_CHARACTERS_MAX


class MetricAcknowledgement(Request):
    """Who looks after an alert."""

    author: Annotated[str, Field(min_length=1, max_length=AUTHOR_CHARACTERS_MAX)]


class MetricAlert(Answer):
    """What a rule found, from when it began until it is over."""

    object: Literal["metric_alert"]
    id: Id
    rule: Rule
    subject: Annotated[
        str | None, Field(description="Which reason, stage or sink; of other rules null.")
    ]
    status: Literal["open", "acknowledged", "resolved"]
    opened_at: Instant
    last_at: Annotated[Instant, Field(description="When it was last seen to hold.")]
    facts: Annotated[dict[str, Any], Field(description="What was seen then.")]
    acknowledged_by: str | None
    acknowledged_at: Instant | None
    resolved_at: Instant | None


class MetricAlertList(Answer):
    """A page of alerts, newest first."""

    object: Literal["list"]
    data: list[MetricAlert]
    next_cursor: Annotated[str | None, Field(description="Null: there are no more.")]


METRIC_ALERT_REQUESTS: tuple[type[BaseModel], ...] = (MetricAcknowledgement,)
METRIC_ALERT_ANSWERS: tuple[type[BaseModel], ...] = (MetricAlert, MetricAlertList)
