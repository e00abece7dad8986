"""The outbox: facts for the outside, staged in the very statement that makes them true.

Staging is a part of the statements of ``payments/queries.sql``; this room says what a fact looks
like. Handing facts to workers comes with the webhooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paykeel.clock import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

PURCHASE_COMPLETED = "purchase.completed"


@dataclass(frozen=True, slots=True)
class Message:
    """One fact: what happened (``topic``) and to what."""

    message_id: UUID
    topic: str
    payload: Mapping[str, Any]

    @classmethod
    def new(cls, topic: str, payload: Mapping[str, Any]) -> Message:
        """Make a fact with an id of its own."""
        return cls(new_id(), topic, payload)
