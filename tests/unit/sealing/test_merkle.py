"""The tree is that of RFC 6962, and a path proves one leaf and no other."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paykeel.sealing.merkle import inclusion_path, merkle_root, root_of_path

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True)


def by_the_book(leaves: Sequence[bytes]) -> bytes:
    """The root as RFC 6962 defines it: split at the largest power of two below the size."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = by_the_book(leaves[:split]), by_the_book(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(LEAVES)
def test_the_root_is_that_of_the_book(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == by_the_book(leaves)


@given(LEAVES, st.data())
def test_a_path_proves_its_leaf(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_path(leaves, index)
    root = merkle_root(leaves)

    assert root_of_path(leaves[index], index, len(leaves), path) == root
    assert root_of_path(b"x" * 32, index, len(leaves), path) != root
    assert root_of_path(leaves[index], index, len(leaves), [*path, b"x" * 32]) is None
    if path:
        assert root_of_path(leaves[index], index, len(leaves), path[:-1]) is None


@given(LEAVES, st.data())
def test_any_change_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves[:index], b"\x00" * 31 + b"\x07", *leaves[index + 1 :]]

    assert (merkle_root(changed) == merkle_root(leaves)) is (changed == leaves)
    assert merkle_root([*leaves, leaves[-1]]) != merkle_root(leaves)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        merkle_root([])
    with pytest.raises(IndexError):
        inclusion_path([b"a" * 32], 1)
    assert root_of_path(b"a" * 32, 1, 1, []) is None
