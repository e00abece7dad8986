"""Chains for the tests of this folder, made without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from paykeel.sealing import Seal, SealedRow, SigningKey
from paykeel.sealing.canonical import leaf_hash
from paykeel.sealing.chain import NO_ID, id_at, make_seal

MERCHANT = UUID("0190c0de-0000-7000-8000-000000000001")
KEY = SigningKey.from_seed(bytes(range(32)))
OTHER_KEY = SigningKey.from_seed(bytes(32))
BEGAN = datetime(2026, 11, 23, 6, tzinfo=UTC)
BEGAN_MS = 1_795_413_600_000

Batch = tuple[Seal, list[SealedRow]]


def row(number: int, content: str | None = None, chain: str = "fraud") -> SealedRow:
    """A row made so many seconds after the beginning, with its true leaf."""
    row_id = id_at(BEGAN_MS + number * 1000)
    text = f'{{"log_id":"{row_id}","n":{number}}}' if content is None else content
    return SealedRow(row_id, leaf_hash(chain, row_id, text), text)


def sealed(
    sizes: tuple[int, ...] = (3, 1, 5), key: SigningKey = KEY, chain: str = "fraud"
) -> list[Batch]:
    """A chain with a seal over each so many rows."""
    batches: list[Batch] = []
    number = 0
    for place, size in enumerate(sizes):
        rows = [row(number + n, chain=chain) for n in range(size)]
        number += size
        seal = make_seal(
            batches[-1][0] if batches else None,
            [one.leaf_hash for one in rows],
            merchant_id=MERCHANT,
            chain=chain,
            next_from=rows[0].row_id if batches else NO_ID,
            sealed_at=BEGAN + timedelta(minutes=place),
            signer=key,
        )
        batches.append((seal, rows))
    return batches
