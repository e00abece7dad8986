"""The keys under which a purchase is counted: hashes, so that no personal value is stored.

A key is the first eight bytes of an HMAC-SHA-256 over merchant, kind and value, under a secret of
this installation. Two merchants never share one, nor do two kinds. It is the number of the advisory
lock, too.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

CUSTOM_PREFIX = "custom."
NETWORK_BITS_V4, NETWORK_BITS_V6 = 24, 64
SECRET_BYTES_MIN = 16
BIN_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who and what is behind a purchase, in the clear; it lives as long as the request."""

    buyer_id: str
    card_fingerprint: str | None = None
    card_bin: str | None = None
    email: str | None = None
    ip: str | None = None
    device_id: str | None = None
    #: The merchant's own, by name.
    custom: tuple[tuple[str, str], ...] = ()


def values_of(identity: Identity) -> dict[str, str]:
    """Return what an identity is counted under, kind by kind, in one spelling.

    >>> values = values_of(Identity(buyer_id="a7", email="Ann@Example.org", ip="203.0.113.9"))
    >>> values["email"], values["email_domain"], values["ip_network"]
    ('ann@example.org', 'example.org', '203.0.113.0/24')
    """
    given = {
        "buyer": identity.buyer_id,
        "card": identity.card_fingerprint,
        "bin": identity.card_bin,
        "email": identity.email,
        "ip": identity.ip,
        "device": identity.device_id,
    }
    values = {kind: normalise(kind, value) for kind, value in given.items() if value is not None}
    if identity.email is not None:
        values["email_domain"] = values["email"].rpartition("@")[2]
    if identity.ip is not None:
        values["ip_network"] = normalise("ip_network", identity.ip)
    for name, value in identity.custom:
        values[CUSTOM_PREFIX + name] = value
    return values


def normalise(kind: str, value: str) -> str:
    """Return a value of a kind in the one spelling under which it is counted.

    Raises:
        ValueError: It is no address, for the kinds ``ip`` and ``ip_network``.

    Whoever has one IPv6 address has all of its /64, so it counts as that; and a BIN counts by its
    first six digits, whether six or eight are told.

    >>> normalise("ip", "::ffff:203.0.113.9"), normalise("ip", "2001:DB8::1")
    ('203.0.113.9', '2001:db8::/64')
    """
    match kind:
        case "email" | "email_domain":
            return value.lower()
        case "bin":
            return value[:BIN_DIGITS]
        case "ip":
            address = _address(value)
            if isinstance(address, ipaddress.IPv6Address):
                return normalise("ip_network", value)
            return str(address)
        case "ip_network":
            address = _address(value.partition("/")[0])
            if isinstance(address, ipaddress.IPv4Address):
                return str(ipaddress.IPv4Network((address, NETWORK_BITS_V4), strict=False))
            return str(ipaddress.IPv6Network((address, NETWORK_BITS_V6), strict=False))
        case _:
            return value


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address; IPv4 that is written as IPv6 counts as what it is."""
    if "%" in text:
        message = "an address has no zone here"
        raise ValueError(message)
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class KeyMaker:
    """Makes keys under the secrets of this installation, the newest first.

    There is one secret, or two while it is changed: purchases are then counted under both, and
    windows are read under the older one, so that they stay exact. After the longest window, 30
    days, the older one can go.
    """

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        """Take the secrets.

        Raises:
            ValueError: There is none, one is shorter than 16 bytes, or one is there twice.
        """
        if len(set(secrets)) < len(secrets):
            message = "a secret is there twice"
            raise ValueError(message)
        if not secrets or any(len(secret) < SECRET_BYTES_MIN for secret in secrets):
            message = f"a secret has at least {SECRET_BYTES_MIN} bytes"
            raise ValueError(message)
        self._secrets = secrets

    def keys(self, merchant_id: UUID, values: Mapping[str, str]) -> dict[str, int]:
        """Return the key of each kind, by which windows are read."""
        return _keys(self._secrets[-1], merchant_id, values)

    def later_keys(self, merchant_id: UUID, values: Mapping[str, str]) -> tuple[int, ...]:
        """Return the keys under newer secrets, under which is counted as well."""
        return tuple(
            key
            for secret in self._secrets[:-1]
            for key in _keys(secret, merchant_id, values).values()
        )

    def every_key(self, merchant_id: UUID, kind: str, value: str) -> tuple[int, ...]:
        """Return the keys of one value under all secrets, for what is stored by key for long."""
        named = {kind: value}
        return tuple(_keys(secret, merchant_id, named)[kind] for secret in self._secrets)


def _keys(secret: bytes, merchant_id: UUID, values: Mapping[str, str]) -> dict[str, int]:
    scope = merchant_id.bytes
    return {
        kind: int.from_bytes(
            hmac.digest(secret, scope + f"{kind}\0{value}".encode(), hashlib.sha256)[:8],
            "big",
            signed=True,
        )
        for kind, value in values.items()
    }


def claim_key(merchant_id: UUID, idempotency_key: str) -> int:
    """Return the number of the lock for an idempotency key."""
    digest = hashlib.sha256(merchant_id.bytes + b"claim\0" + idempotency_key.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
