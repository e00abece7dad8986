"""The proof that one row was sealed: its seal, and the hashes that lead from the row to it. Pure.

It shows one row to somebody without showing the others of its seal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.sealing.canonical import FORM, leaf_hash
from paykeel.sealing.chain import Seal
from paykeel.sealing.merkle import root_of_path
from paykeel.sealing.signing import key_id_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class RowProof:
    """Where a row stands in its seal."""

    seal: Seal
    #: Which of the seal's rows it is, counted from 0 in the order of their ids.
    index: int
    #: From the bottom up: sealing/merkle.py.
    path: tuple[bytes, ...]

    def faults(
        self, row_id: UUID, content: str, trusted: Collection[bytes] = ()
    ) -> Iterator[tuple[str, str]]:
        """Give what is wrong, as a code of sealing/checking.py and words; nothing: it is proved.

        Args:
            row_id: The row's id.
            content: Its canonical text.
            trusted: Public keys whose signatures count; none: any key's that the seal carries.
        """
        seal = self.seal
        if seal.form != FORM:
            yield "form_unknown", f"form {seal.form}; this version knows {FORM}"
            return
        leaf = leaf_hash(seal.chain, row_id, content)
        if root_of_path(leaf, self.index, seal.row_count, self.path) != seal.root:
            yield "row_changed", "the row does not lead to what was sealed"
        if seal.computed_hash() != seal.seal_hash:
            yield "seal_changed", "the seal's hash is not that of what it says"
        if not seal.signature_verifies():
            yield "signature_invalid", f"not by the key {key_id_of(seal.public_key)}"
        if trusted and seal.public_key not in trusted:
            yield "key_untrusted", f"signed by the key {key_id_of(seal.public_key)}"
