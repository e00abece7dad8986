"""The documents of labels as pydantic models; see `documents`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from paykeel.api.forms import Answer, Id, Instant, Request
from paykeel.fraud.labels import AUTHOR_CHARACTERS_MAX, Label, Source


class FraudLabelRequest(Request):
    """What a payment turned out to be."""

    label: Label
    source: Source
    known_at: Annotated[
        Instant | None,
        Field(description="When it became known; left out: now, or when the same was said before."),
    ] = None
    author: Annotated[
        str,
        Field(min_length=1, max_length=AUTHOR_CHARACTERS_MAX, description="Who says so, by name."),
    ]


class FraudLabel(Answer):
    """One label of one payment, which never changes."""

    object: Literal["fraud_label"]
    id: Id
    payment_id: Id
    label: Label
    source: Source
    known_at: Instant
    created_by: str
    created_at: Instant


class FraudLabels(Answer):
    """A payment's labels, in the order in which they became known; the last one holds."""

    object: Literal["list"]
    data: list[FraudLabel]


LABEL_REQUESTS: tuple[type[BaseModel], ...] = (FraudLabelRequest,)
LABEL_ANSWERS: tuple[type[BaseModel], ...] = (FraudLabel, FraudLabels)
