"""Seals as values: what one says, how it is hashed, linked and signed. Pure.

A seal says: these rows, as they were at this time, and before them all that the previous seal says.
It never says that there are no other rows: a transaction may commit a row with an older id later,
and a later seal then covers it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.errors import InvalidInput
from paykeel.sealing.canonical import FORM, write_json, write_time
from paykeel.sealing.merkle import merkle_root
from paykeel.sealing.signing import verifies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.sealing.signing import Signer

HASH_BYTES = 32
#: What the first seal names as the one before it.
NO_HASH = bytes(HASH_BYTES)
NO_ID = UUID(int=0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEAL = b"\x02"
#: So that a signature over a seal is a signature over nothing else.
_SIGNED = b"paykeel-seal/1\n"


@dataclass(frozen=True, slots=True)
class Seal:
    """One seal, a row of ``seals``."""

    merchant_id: UUID
    chain: str
    seal_no: int
    form: int
    previous_hash: bytes
    row_count: int
    #: The rows of this seal and of all before it.
    rows_total: int
    root: bytes
    #: The next look begins here; a row with a smaller id that comes later came late.
    next_from: UUID
    sealed_at: datetime
    public_key: bytes
    seal_hash: bytes
    signature: bytes

    def header(self) -> dict[str, Any]:
        """Return all that is hashed and signed, as JSON-ready values."""
        return {
            "chain": self.chain,
            "form": self.form,
            "merchant_id": str(self.merchant_id),
            "next_from": str(self.next_from),
            "previous_hash": self.previous_hash.hex(),
            "public_key": self.public_key.hex(),
            "root": self.root.hex(),
            "row_count": self.row_count,
            "rows_total": self.rows_total,
            "seal_no": self.seal_no,
            "sealed_at": write_time(self.sealed_at),
        }

    def computed_hash(self) -> bytes:
        """Return the hash that this header must have."""
        return hashlib.sha256(_SEAL + write_json(self.header()).encode()).digest()

    def signature_verifies(self) -> bool:
        """Say whether the owner of ``public_key`` signed this very hash."""
        return verifies(self.public_key, self.signature, _SIGNED + self.seal_hash)

    @property
    def head(self) -> Head:
        """What to keep outside, to show later that the chain still holds this seal."""
        return Head(self.merchant_id, self.chain, self.seal_no, self.seal_hash)


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row that a seal covers: its stored leaf, and its canonical text as it is now."""

    row_id: UUID
    leaf_hash: bytes
    #: ``None`` when the row is not there any more.
    content: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """The place and hash of a seal: a witness, as short as it can be.

    >>> str(Head.read("0190c0de-0000-7000-8000-000000000001:fraud:1:" + "ab" * 32))[:44]
    '0190c0de-0000-7000-8000-000000000001:fraud:1'
    """

    merchant_id: UUID
    chain: str
    seal_no: int
    seal_hash: bytes

    def __str__(self) -> str:
        return f"{self.merchant_id}:{self.chain}:{self.seal_no}:{self.seal_hash.hex()}"

    @classmethod
    def read(cls, text: str) -> Head:
        """Read a head as it was printed.

        Raises:
            InvalidInput: ``head_invalid``.
        """
        try:
            merchant_id, chain, number, seal_hash = text.strip().split(":")
            head = cls(UUID(merchant_id), chain, int(number), bytes.fromhex(seal_hash))
        except ValueError as error:
            raise InvalidInput(
                f"{text[:120]!r} is no head: merchant:chain:number:hash.", code="head_invalid"
            ) from error
        if head.seal_no < 1 or len(head.seal_hash) != HASH_BYTES or not chain:
            raise InvalidInput(
                f"{text[:120]!r} is no head: merchant:chain:number:hash.", code="head_invalid"
            )
        return head


def id_at(unix_ms: int) -> UUID:
    """Return the smallest UUIDv7 of an instant, for comparing with others."""
    return UUID(int=max(0, unix_ms) << 80)


def ms_of(row_id: UUID) -> int:
    """Return the Unix milliseconds that a UUIDv7 begins with.

    >>> ms_of(id_at(1_700_000_000_000))
    1700000000000
    """
    return row_id.int >> 80


def unix_ms(instant: datetime) -> int:
    """Return an instant as whole Unix milliseconds."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def next_from(
    previous: Seal | None, row_ids: Sequence[UUID], now: datetime, lookback_ms: int, *, all_: bool
) -> UUID:
    """Return from which id on the next look must begin.

    Args:
        previous: The seal before.
        row_ids: What the new seal covers, in order.
        now: The database's time, taken before the rows were read.
        lookback_ms: How much older than the newest a row may be and still be found at once.
        all_: Whether the seal takes all rows that were there to be seen; else the next look goes
            on behind the last of them.
    """
    reached_ms = unix_ms(now)
    if not all_:
        # An id from a clock that is ahead must not push the look into the future.
        reached_ms = min(reached_ms, ms_of(row_ids[-1]))
    before = NO_ID if previous is None else previous.next_from
    return max(before, id_at(reached_ms - lookback_ms))


def make_seal(
    previous: Seal | None,
    leaves: Sequence[bytes],
    *,
    merchant_id: UUID,
    chain: str,
    next_from: UUID,
    sealed_at: datetime,
    signer: Signer,
) -> Seal:
    """Make the seal that follows ``previous``, over leaves in the order of their rows' ids."""
    unsigned = Seal(
        merchant_id=merchant_id,
        chain=chain,
        seal_no=1 if previous is None else previous.seal_no + 1,
        form=FORM,
        previous_hash=NO_HASH if previous is None else previous.seal_hash,
        row_count=len(leaves),
        rows_total=len(leaves) + (0 if previous is None else previous.rows_total),
        root=merkle_root(leaves),
        next_from=next_from,
        sealed_at=sealed_at,
        public_key=signer.public_key,
        seal_hash=NO_HASH,
        signature=b"",
    )
    seal_hash = unsigned.computed_hash()
    signature = signer.sign(_SIGNED + seal_hash)
    return replace(unsigned, seal_hash=seal_hash, signature=signature)
