"""What the models of the API's documents have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


class Request(BaseModel):
    """What is sent: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)


class Answer(BaseModel):
    """What is answered: fields may be added, so readers ignore what they do not know."""

    model_config = ConfigDict(extra="allow", use_enum_values=True)
