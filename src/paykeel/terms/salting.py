"""What is kept of personal data: a salted hash in the chain, value and salt beside it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from paykeel.clock import new_id
from paykeel.sealing.canonical import salted_hash

if TYPE_CHECKING:
    from paykeel.terms.evidence_facts import ClientFacts

SALT_BYTES = 32


def told(facts: ClientFacts) -> dict[str, Any]:
    """Return what the client told, as the statements take it."""
    names = (
        "method", "actor_kind", "actor_id", "on_behalf_of", "authority", "scrolled_to_end",
        "dwell_ms", "client_locale", "time_zone", "client_at", "page_url", "request_id",
        "payment_id", "ip", "user_agent",
    )  # fmt: skip
    return {name: getattr(facts, name) for name in names}


def salted(facts: ClientFacts, rows: int) -> dict[str, list[Any]]:
    """Return an id for each row, and the hashes of what can be erased, with their salts."""
    ips = [salt_and_hash(facts.ip) for _ in range(rows)]
    agents = [salt_and_hash(facts.user_agent) for _ in range(rows)]
    return {
        "acceptance_ids": [new_id() for _ in range(rows)],
        "ip_salts": [salt for salt, _ in ips],
        "ip_hashes": [digest for _, digest in ips],
        "user_agent_salts": [salt for salt, _ in agents],
        "user_agent_hashes": [digest for _, digest in agents],
    }


def salt_and_hash(value: str | None) -> tuple[bytes | None, bytes | None]:
    """Return a new salt and the hash of a value under it; nothing of nothing."""
    if value is None:
        return None, None
    salt = secrets.token_bytes(SALT_BYTES)
    return salt, salted_hash(salt, value)
