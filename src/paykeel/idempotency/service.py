"""IdempotencyService: reads a key, fingerprints a request, finds the answer, purges old ones.

The claim itself is part of the statement that opens a payment or an operation, since a claim that
commits apart from what it claims can be left behind by a crash.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from paykeel.cardnumbers import refuse_card_numbers
from paykeel.db.coalescer import Coalescer
from paykeel.db.sql import load
from paykeel.errors import InvalidIdempotencyKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from paykeel.db.pool import Database

KEY_CHARACTERS_MAX = 255
PURGE_ROWS = 1_000

_BARE = re.compile(r"[\x21-\x7e]{1,255}")
#: A structured-field string (RFC 9651): quoted, with backslashes before quotes and backslashes.
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')

SQL = load("paykeel.idempotency")


def check_key(raw: str | None) -> str:
    """Return the idempotency key that a header carries, bare or as a structured-field string.

    Raises:
        InvalidIdempotencyKey: ``idempotency_key_missing`` or ``idempotency_key_malformed``.
        CardNumberRefused: The key holds what looks like a card number.

    >>> check_key("order-17"), check_key('"order-17"')
    ('order-17', 'order-17')
    """
    if raw is None or not raw.strip():
        raise InvalidIdempotencyKey(
            "Send an Idempotency-Key: a name of your own for this very request.",
            code="idempotency_key_missing",
        )
    key = raw.strip(" \t")
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if _BARE.fullmatch(key) is None:
        raise InvalidIdempotencyKey(
            f"An Idempotency-Key is 1 to {KEY_CHARACTERS_MAX} visible ASCII characters."
        )
    refuse_card_numbers(key, "Idempotency-Key")
    return key


def fingerprint(method: str, path: str, body: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of a request in its canonical form.

    ``body`` is the parsed request with its defaults filled in, so key order, white space and the
    spelling of numbers do not matter.

    >>> fingerprint("POST", "/v1/purchases", {"b": 1, "a": 2}) == fingerprint(
    ...     "POST", "/v1/purchases", {"a": 2, "b": 1})
    True
    """
    try:
        canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # A whole number beyond 64 bits; what both write is the same.
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        canonical = text.encode()
    return hashlib.sha256(f"1\n{method}\n{path}\n".encode() + canonical).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller is told, byte for byte."""

    status: int
    content_type: str
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is known of a key that was used."""

    idempotency_key: str
    #: ``None`` after the answer was purged.
    operation: str | None
    fingerprint: bytes | None
    response_status: int | None
    response_type: str | None
    response_body: bytes | None
    payment_id: UUID
    attempt_no: int
    attempt_operation: str | None
    payment_status: str
    attempt_state: str | None
    recover_count: int | None

    @property
    def answer(self) -> Answer | None:
        """The stored answer, marked as a repetition."""
        if self.response_status is None or self.response_type is None or self.response_body is None:
            return None
        return Answer(self.response_status, self.response_type, self.response_body, replayed=True)

    @property
    def in_flight(self) -> bool:
        """Whether the first request may still be working on it (or crashed, not yet recovered)."""
        if self.response_status is not None or self.operation is None:
            return False
        if self.operation == "purchase":
            return self.payment_status == "pending"
        return self.attempt_state == "open" and not self.recover_count


class IdempotencyService:
    """Finds stored keys, many waiting callers with one statement, and purges old answers."""

    def __init__(self, database: Database, *, rows_max: int, queue_max: int) -> None:
        """Take the database, and the limits of one look-up and of the queue before it."""
        self._database = database
        self._finder: Coalescer[UUID, str, StoredKey | None] = Coalescer(
            self._find_batch, rows_max=rows_max, lanes=1, queue_max=queue_max
        )

    async def find(self, merchant_id: UUID, idempotency_key: str) -> StoredKey | None:
        """Return what is known of a key, or ``None`` when nobody used it."""
        return await self._finder.submit(merchant_id, idempotency_key)

    async def _find_batch(
        self, merchant_id: UUID, _lane: int, keys: Sequence[str]
    ) -> list[StoredKey | None]:
        rows = await self._database.fetch(
            SQL["find_keys"], merchant_id=merchant_id, idempotency_keys=list(set(keys))
        )
        found = {
            row["idempotency_key"]: StoredKey(**row) if row["payment_id"] else None for row in rows
        }
        return [found[key] for key in keys]

    async def purge(self, days: int) -> int:
        """Remove answers older than ``days`` in bounded batches; return how many."""
        purged = 0
        merchants = await self._database.fetch(SQL["merchants_with_old_answers"], days=days)
        for merchant in merchants:
            while True:
                rows = await self._database.fetch(
                    SQL["purge_answers"],
                    merchant_id=merchant["merchant_id"],
                    days=days,
                    rows_max=PURGE_ROWS,
                )
                purged += len(rows)
                if len(rows) < PURGE_ROWS:
                    break
        return purged

    async def close(self) -> None:
        """Wait for look-ups in flight."""
        await self._finder.close()
