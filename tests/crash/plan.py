"""What a driver process is told when it starts, and what it says of each call; both as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a driver opens Paykeel, and when it dies."""

    settings: dict[str, Any]
    #: Options of the placeholder.
    options: dict[str, Any] = field(default_factory=dict)
    #: ``passing``, ``deadly``, ``recording`` or ``forgetful``.
    gateway: str = "passing"
    #: ``request``, ``<verb>:before``, ``<verb>:after``, ``hook`` or ``answer``.
    dies_at: str | None = None
    #: The payment method of the purchase with which it dies; none: the first one.
    victim: str | None = None
    #: Whether the application's own rows go along with each payment.
    hook: bool = False
    #: Whether recovery runs from the start.
    worker: bool = False

    def encode(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Plan:
        return cls(**json.loads(text))


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a call came to: an answer, or why there is none."""

    status: int | None = None
    body: str = ""
    replayed: bool = False
    #: The code of an error, or its name where it is none of ours; ``died``: nobody answered.
    error: str | None = None
    value: Any = None

    @property
    def final(self) -> bool:
        """Whether the caller need not ask again."""
        return self.status is not None and self.status != 202
