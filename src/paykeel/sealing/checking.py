"""The check of a chain: seal after seal, from the database or from a file, and what is wrong. Pure.

The codes of a fault, in the order in which one place is looked at:

- ``seal_missing``: a number is not there; the chain was cut, or a seal taken out.
- ``seal_unlinked``: it does not name the hash of the seal before it.
- ``seal_changed``: its hash is not that of what it says, or its sums do not fit.
- ``signature_invalid``: nobody who has the seal's key signed it.
- ``key_untrusted``: its key is not among the trusted ones; only told when some are given.
- ``form_unknown``: it was made by a newer version of Paykeel.
- ``row_missing``, ``row_changed``: a row is gone, or is not what was sealed.
- ``leaf_changed``: the row is right, and what is stored as its hash is not.
- ``leaves_changed``: rows or leaves were taken from the seal, put to it, or changed together.
- ``leaf_orphaned``: a leaf names a seal that is not there.
- ``row_late``: the row came later than the worker looks back; it was back-dated, or its clock was.
- ``head_missing``: the chain does not hold a seal that a witness knows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from paykeel.sealing.canonical import FORM, leaf_hash
from paykeel.sealing.chain import NO_HASH, Head, Seal, SealedRow
from paykeel.sealing.merkle import merkle_root
from paykeel.sealing.signing import key_id_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

#: At most so many faults of one chain are kept; all are counted.
FAULTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it was sealed."""

    code: str
    merchant_id: UUID
    chain: str
    seal_no: int | None
    row_id: UUID | None
    detail: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What the check of one chain saw."""

    merchant_id: UUID
    chain: str
    seals: int
    rows: int
    #: Rows that no seal covers yet.
    unsealed: int
    #: The last seal that was read.
    head: Head | None
    sealed_at: datetime | None
    #: How many seals each key signed, by its name, in order of appearance.
    keys: dict[str, int]
    #: The first ones, in the order of the chain.
    faults: tuple[Fault, ...]
    faults_total: int

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.faults_total == 0


@dataclass(slots=True)
class ChainCheck:
    """Checks one chain. Give it every seal in order, then what is not sealed, then ask it."""

    merchant_id: UUID
    chain: str
    #: Public keys whose signatures count; none: every key that signed is reported, and no more.
    trusted: Collection[bytes] = ()
    #: What witnesses kept of this chain.
    heads: Collection[Head] = ()
    #: Whether rows that came late are put up with.
    accept_late: bool = False
    _last: Seal | None = None
    _seals: int = 0
    _rows: int = 0
    _unsealed: int = 0
    _keys: Counter[bytes] = field(default_factory=Counter)
    _faults: list[Fault] = field(default_factory=list)
    _faults_total: int = 0
    _seen: set[int] = field(default_factory=set)

    def add(self, seal: Seal, rows: Sequence[SealedRow]) -> None:
        """Check the next seal, and the rows that it covers in the order of their ids."""
        expected = 1 if self._last is None else self._last.seal_no + 1
        if seal.seal_no != expected:
            detail = f"seal {seal.seal_no} is the next that is there"
            self._fault("seal_missing", expected, None, detail)
        else:
            for code, detail in self._link_faults(seal):
                self._fault(code, seal.seal_no, None, detail)
        for code, detail in self._seal_faults(seal):
            self._fault(code, seal.seal_no, None, detail)
        for code, row_id, detail in self._row_faults(seal, rows):
            self._fault(code, seal.seal_no, row_id, detail)
        if not self.accept_late and self._last is not None:
            for row in rows:
                if row.row_id < self._last.next_from:
                    self._fault("row_late", seal.seal_no, row.row_id, _LATE)
        for head in self.heads:
            if head.seal_no == seal.seal_no and head.seal_hash == seal.seal_hash:
                self._seen.add(head.seal_no)
        self._keys[seal.public_key] += 1
        self._seals += 1
        self._rows += len(rows)
        self._last = seal

    def orphan(self, seal_no: int, count: int) -> None:
        """Take note of leaves whose seal is not there."""
        self._fault("leaf_orphaned", seal_no, None, f"{count} rows name this seal; it is gone")

    def unsealed(self, row_id: UUID) -> None:
        """Take note of a row that no seal covers."""
        self._unsealed += 1
        if self._last is not None and row_id < self._last.next_from and not self.accept_late:
            self._fault("row_late", None, row_id, _LATE)

    def report(self) -> ChainReport:
        """Return what was seen, after the last seal and row."""
        for head in sorted(self.heads, key=lambda head: head.seal_no):
            if head.seal_no not in self._seen:
                detail = f"no seal {head.seal_no} with the hash {head.seal_hash.hex()}"
                self._fault("head_missing", head.seal_no, None, detail)
        last = self._last
        # In the order of the chain, so that the first is where it broke.
        faults = sorted(self._faults, key=lambda fault: (fault.seal_no is None, fault.seal_no or 0))
        return ChainReport(
            merchant_id=self.merchant_id,
            chain=self.chain,
            seals=self._seals,
            rows=self._rows,
            unsealed=self._unsealed,
            head=None if last is None else last.head,
            sealed_at=None if last is None else last.sealed_at,
            keys={key_id_of(key): count for key, count in self._keys.items()},
            faults=tuple(faults),
            faults_total=self._faults_total,
        )

    def _fault(self, code: str, seal_no: int | None, row_id: UUID | None, detail: str) -> None:
        self._faults_total += 1
        if len(self._faults) < FAULTS_MAX:
            self._faults.append(Fault(code, self.merchant_id, self.chain, seal_no, row_id, detail))

    def _link_faults(self, seal: Seal) -> Iterator[tuple[str, str]]:
        last = self._last
        if seal.previous_hash != (NO_HASH if last is None else last.seal_hash):
            yield "seal_unlinked", "it names another seal as the one before it"
        elif seal.rows_total != seal.row_count + (0 if last is None else last.rows_total):
            yield "seal_changed", "its sum of rows does not fit the seal before it"

    def _seal_faults(self, seal: Seal) -> Iterator[tuple[str, str]]:
        if (seal.merchant_id, seal.chain) != (self.merchant_id, self.chain):
            yield "seal_changed", f"it is of {seal.merchant_id} in {seal.chain}"
        if seal.form != FORM:
            yield "form_unknown", f"form {seal.form}; this version knows {FORM}"
        if seal.computed_hash() != seal.seal_hash:
            yield "seal_changed", "its hash is not that of what it says"
        if not seal.signature_verifies():
            yield "signature_invalid", f"not by the key {key_id_of(seal.public_key)}"
        if self.trusted and seal.public_key not in self.trusted:
            yield "key_untrusted", f"signed by the key {key_id_of(seal.public_key)}"

    def _row_faults(
        self, seal: Seal, rows: Sequence[SealedRow]
    ) -> Iterator[tuple[str, UUID | None, str]]:
        if seal.form != FORM:
            return
        stored = [row.leaf_hash for row in rows]
        made = [
            None if row.content is None else leaf_hash(self.chain, row.row_id, row.content)
            for row in rows
        ]
        leaves_hold = bool(stored) and merkle_root(stored) == seal.root
        rows_hold = bool(made) and None not in made and _root(made) == seal.root
        if len(rows) != seal.row_count:
            detail = f"it covers {seal.row_count} rows, and {len(rows)} are there"
            yield "leaves_changed", None, detail
        elif not leaves_hold and not rows_hold and stored == made:
            yield "leaves_changed", None, "rows and leaves agree, but not with the seal"
        for row, now in zip(rows, made, strict=True):
            if now is None:
                yield "row_missing", row.row_id, "the row is gone"
            elif now != row.leaf_hash:
                if rows_hold:
                    yield "leaf_changed", row.row_id, "the row is as sealed; its stored hash is not"
                else:
                    yield "row_changed", row.row_id, "the row is not what was sealed"


_LATE = "it came later than the worker looks back: it, or the clock of its process, was back-dated"


def _root(leaves: Sequence[bytes | None]) -> bytes:
    return merkle_root([leaf for leaf in leaves if leaf is not None])
