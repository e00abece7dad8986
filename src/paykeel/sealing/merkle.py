"""The hash tree over the rows of one seal (RFC 6962, section 2.1), and proofs of single rows. Pure.

A seal's signature covers only the root. A proof is the few hashes that lead from one row's leaf to
that root, so that one row can be shown to somebody without showing the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_NODE = b"\x01"


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes, in their order.

    Raises:
        ValueError: There is no leaf.
    """
    if not leaves:
        message = "a tree has at least one leaf"
        raise ValueError(message)
    level = list(leaves)
    while len(level) > 1:
        # A node without a neighbour goes up as it is; this equals the split at powers of two.
        odd = level[-1:] if len(level) % 2 else []
        level = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level += odd
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that lead from leaf ``index`` to the root, from the bottom up.

    Raises:
        IndexError: There is no such leaf.
    """
    if not 0 <= index < len(leaves):
        message = f"there is no leaf {index} among {len(leaves)}"
        raise IndexError(message)
    path: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            path.append(level[neighbour])
        odd = level[-1:] if len(level) % 2 else []
        level = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level += odd
        index //= 2
    return path


def root_of_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to, or ``None`` when it does not fit the tree.

    >>> leaves = [bytes([n]) * 32 for n in range(5)]
    >>> root_of_path(leaves[3], 3, 5, inclusion_path(leaves, 3)) == merkle_root(leaves)
    True
    """
    if not 0 <= index < count:
        return None
    steps = iter(path)
    found = leaf
    while count > 1:
        if index % 2:
            step = next(steps, None)
            if step is None:
                return None
            found = _node(step, found)
        elif index + 1 < count:
            step = next(steps, None)
            if step is None:
                return None
            found = _node(found, step)
        index, count = index // 2, (count + 1) // 2
    return found if next(steps, None) is None else None
