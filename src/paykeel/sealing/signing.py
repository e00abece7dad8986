"""Ed25519 signatures (RFC 8032), and how keys are named. Pure but for making a new key."""

from __future__ import annotations

import hashlib
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES = 32


class Signer(Protocol):
    """What signs: a key in memory, or a device that keeps its key to itself."""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes by which others verify."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature (RFC 8032) of ``data``, 64 bytes."""
        ...


class SigningKey:
    """An Ed25519 key in memory. Its text never shows the secret.

    >>> key = SigningKey.from_seed(bytes(32))
    >>> verifies(key.public_key, key.sign(b"sealed"), b"sealed")
    True
    """

    __slots__ = ("_key", "public_key")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Take the key of the library."""
        self._key = key
        self.public_key: bytes = key.public_key().public_bytes_raw()

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Make the key of 32 secret bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``, 64 bytes."""
        return self._key.sign(data)


def verifies(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Say whether a signature over ``data`` was made by the owner of this key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def make_seed() -> bytes:
    """Make a new secret key."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def key_id_of(public_key: bytes) -> str:
    """Return the name of a public key: the first 16 hex digits of its SHA-256.

    >>> key_id_of(bytes(32))
    '66687aadf862bd77'
    """
    return hashlib.sha256(public_key).hexdigest()[:16]
