"""Where the key that signs seals comes from, and which keys a verifier trusts.

``PAYKEEL_SEALING_KEY`` holds it, or names a file that does. When it is not set, the installation
makes one for itself and keeps it. Every seal carries the public key that it was signed with, so
after a change of keys the older seals go on being verified with the older key.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from paykeel.db.secrets import load_secret
from paykeel.errors import InvalidInput, Misconfigured
from paykeel.sealing.signing import KEY_BYTES, SigningKey, make_seed

if TYPE_CHECKING:
    from paykeel.db.pool import Database
    from paykeel.sealing.signing import Signer
    from paykeel.settings import Settings

SECRET_NAME = "sealing_key"  # noqa: S105 - a name, not the secret
_PEM = "-----BEGIN "
#: A key file is small; whatever is larger is no key.
_FILE_BYTES_MAX = 16_384


def read_private_key(setting: str) -> SigningKey:
    """Read the setting: base64 of 32 bytes, a PEM text (PKCS 8), or the path of a file with either.

    Raises:
        Misconfigured: ``sealing_key_invalid``; the message never shows the setting.
    """
    text = setting.strip()
    try:
        key = _private_key(text)
        if key is None:
            path = Path(text).expanduser()
            if path.stat().st_size <= _FILE_BYTES_MAX:
                key = _private_key(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key() from error
    if key is None:
        raise _no_key()
    return key


def _private_key(text: str) -> SigningKey | None:
    if text.startswith(_PEM):
        found = load_pem_private_key(text.encode(), password=None)
        if not isinstance(found, Ed25519PrivateKey):
            raise _no_key()
        return SigningKey(found)
    seed = _base64(text)
    return None if seed is None else SigningKey.from_seed(seed)


def _base64(text: str) -> bytes | None:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == KEY_BYTES else None


def _no_key() -> Misconfigured:
    return Misconfigured(
        "PAYKEEL_SEALING_KEY is neither base64 of 32 bytes, nor an Ed25519 key as PEM, nor a file "
        "that holds one of these.",
        code="sealing_key_invalid",
    )


def read_public_keys(text: str) -> frozenset[bytes]:
    """Read trusted keys: one key, or the path of a file with one a line (``#`` comments), or PEM.

    A key is 64 hex digits, as seals carry it, or base64 of 32 bytes.

    Raises:
        InvalidInput: ``trusted_key_invalid``.
    """
    text = text.strip()
    found = _public_key(text)
    if found is not None:
        return frozenset({found})
    try:
        content = Path(text).expanduser().read_text(encoding="utf-8")
        if content.lstrip().startswith(_PEM):
            key = load_pem_public_key(content.encode())
            if isinstance(key, Ed25519PublicKey):
                return frozenset({key.public_bytes_raw()})
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise _no_public_key(text) from error
    lines = [line.partition("#")[0].strip() for line in content.splitlines()]
    keys = [_public_key(line) for line in lines if line]
    if not keys or None in keys:
        raise _no_public_key(text)
    return frozenset(key for key in keys if key is not None)


def _public_key(text: str) -> bytes | None:
    if len(text) == 2 * KEY_BYTES:
        try:
            return bytes.fromhex(text)
        except ValueError:
            return None
    return _base64(text)


def _no_public_key(text: str) -> InvalidInput:
    return InvalidInput(
        f"{text[:80]!r} is neither a public key (64 hex digits or base64) nor a file with such.",
        code="trusted_key_invalid",
    )


class KeyKeeper:
    """Brings the signing key when the first seal is made, and keeps it."""

    def __init__(self, settings: Settings, database: Database) -> None:
        """Take where the key is named, and where one is kept otherwise."""
        self._setting = settings.sealing_key
        self._folder = settings.data_dir if settings.database_url is None else None
        self._database = database
        self._key: Signer | None = None
        self._loading = asyncio.Lock()

    @property
    def own(self) -> bool:
        """Whether the installation made the key for itself, because none was set."""
        return self._setting is None

    async def key(self) -> Signer:
        """Return the key.

        Raises:
            Misconfigured: ``sealing_key_invalid`` or ``secret_unusable``.
            DatabaseUnavailable: The key is in the database, which does not answer.
        """
        async with self._loading:
            if self._key is None:
                self._key = await self._load()
            return self._key

    async def _load(self) -> Signer:
        if self._setting is not None:
            return await asyncio.to_thread(read_private_key, self._setting.get_secret_value())
        seed = await load_secret(self._database, SECRET_NAME, make_seed, folder=self._folder)
        try:
            return SigningKey.from_seed(seed)
        except ValueError as error:
            raise Misconfigured(
                f"The secret {SECRET_NAME} does not have {KEY_BYTES} bytes.", code="secret_unusable"
            ) from error
