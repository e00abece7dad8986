"""Refund policies as they are stored: documents to values, and rows to versions.

Each function that takes a connection runs on one that the caller holds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import Misconfigured, NotFound
from paykeel.refunds.catalogue import PolicyStatus, PolicyVersion
from paykeel.refunds.parsing import policy_of, policy_of_text
from paykeel.refunds.policy import PolicyScope, RefundPolicy, policy_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    import asyncpg

    from paykeel.db.pool import Connection

    #: A policy's document: its values, or YAML.
    Document = Mapping[str, Any] | str

SQL = load("paykeel.refunds", "policies.sql")
_NUMBER_MAX = 2**31 - 1

_SCOPE = PolicyScope.__slots__
_VERSION = tuple(f.name for f in fields(PolicyVersion) if f.name not in ("scope", "status"))


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """One version, whole."""

    version: PolicyVersion
    #: What its document says.
    policy: RefundPolicy


async def read_document(document: Document) -> RefundPolicy:
    """Check a document; a large one takes its time, so other calls go on meanwhile."""
    if isinstance(document, str):
        return await asyncio.to_thread(policy_of_text, document)
    return await asyncio.to_thread(policy_of, document)


async def lock_merchant(connection: Connection, merchant_id: UUID) -> None:
    """Wait for whoever changes what this merchant publishes; later statements see what was done."""
    if not await fetch_on(connection, SQL["lock_merchant"], {"merchant_id": merchant_id}):
        raise NotFound("There is no such merchant.")


async def versions_so_far(connection: Connection, merchant_id: UUID, key: str) -> asyncpg.Record:
    """Return how many ``versions`` a merchant has in all, and the ``last`` number of a key."""
    values = {"merchant_id": merchant_id, "policy_key": key}
    return (await fetch_on(connection, SQL["versions_so_far"], values))[0]


async def find_row(
    connection: Connection, merchant_id: UUID, key: str, version: int | None
) -> asyncpg.Record:
    """Return the row of one version whole, of the newest one when no number is given.

    Raises:
        NotFound: ``refund_policy_unknown``.
    """
    if not is_plain(key) or not 1 <= (version or 1) <= _NUMBER_MAX:
        raise unknown()
    values = {"merchant_id": merchant_id, "policy_key": key, "policy_version": version}
    rows = await fetch_on(connection, SQL["get_policy"], values)
    if not rows:
        raise unknown()
    return rows[0]


async def whole(row: asyncpg.Record) -> StoredPolicy:
    """Make a version of a row, once its document and its columns are what was published.

    Raises:
        Misconfigured: ``refund_policy_changed``.
    """
    version = version_from_row(row)
    try:
        has_hash = policy_sha256(row["document"]) == version.sha256
    except TypeError:
        has_hash = False
    if not has_hash:
        raise changed(version.name)
    policy = await asyncio.to_thread(policy_of, row["document"])
    if (policy.key, policy.scope) != (version.policy_key, version.scope):
        raise changed(version.name)
    return StoredPolicy(version, policy)


def version_from_row(row: asyncpg.Record) -> PolicyVersion:
    """Make a version of a row, which may have more than its columns."""
    values = {name: row[name] for name in _VERSION}
    scope = PolicyScope(*(row[name] for name in _SCOPE))
    return PolicyVersion(**values, scope=scope, status=PolicyStatus(row["status"]))


def is_plain(key: str) -> bool:
    """Say whether a text can be a key at all; PostgreSQL cannot take every text."""
    return key.isascii() and "\x00" not in key


def unknown() -> NotFound:
    """Return what is said of a policy that this merchant does not have."""
    return NotFound("There is no such refund policy.", code="refund_policy_unknown")


def changed(name: str) -> Misconfigured:
    """Return what is said of a policy that was changed behind our back."""
    return Misconfigured(
        f"What is stored as the refund policy {name} is not what was published.",
        code="refund_policy_changed",
    )
