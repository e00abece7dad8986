"""Rows on their way into the placeholder's books, and out of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import asyncpg


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCharge:
    """A charge on its way into the books, with the end that its token gives it."""

    reference: str
    fingerprint: bytes
    amount: int
    currency: str
    merchant_id: str
    payment_id: str
    payment_method: str
    moves: str | None
    #: JSON, as :func:`encode` writes it; nothing: it does not show before ``delay_ms``.
    answer: str | None
    later: str | None
    earlier: str
    delay_ms: int | None
    #: Whether the first call does it; otherwise the next one does.
    does: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFollowUp:
    """A follow-up on its way into the books."""

    reference: str
    kind: str
    charge_reference: str
    fingerprint: bytes
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the books have it."""

    reference: str
    fingerprint: bytes
    payment_method: str
    answer: Mapping[str, Any] | None
    settles_at: datetime | None
    calls: int
    done_call: int | None
    #: Whether its time has come, so that it must be settled and read again.
    due: bool
    #: How long until then.
    wait_ms: int | None

    @classmethod
    def of(cls, row: asyncpg.Record) -> Operation:
        """Read a row."""
        fields = dict(row)
        fields["answer"] = None if fields["answer"] is None else json.loads(fields["answer"])
        fields["due"] = bool(fields["due"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class History:
    """Everything that was said of one operation."""

    reference: str
    kind: str
    charge_reference: str
    merchant_id: str
    payment_id: str
    payment_method: str
    answer: Mapping[str, Any] | None
    earlier: Sequence[Mapping[str, Any]]
    settles_at: datetime | None
    created_at: datetime
