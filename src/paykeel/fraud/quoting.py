"""QuoteService: signs quotes, and compares purchases with them; see :mod:`paykeel.fraud.quotes`.

``PAYKEEL_QUOTE_SECRETS`` holds the secrets, the newest first. When it is not set, the installation
makes one for itself and keeps it.
"""

from __future__ import annotations

import asyncio
import secrets as randomness
from typing import TYPE_CHECKING

from paykeel.db.secrets import load_secret
from paykeel.errors import Misconfigured
from paykeel.fraud.quotes import (
    EXPIRY_S_DEFAULT,
    SECRET_BYTES_MIN,
    Asked,
    Offer,
    Quote,
    check_quote,
    sign_quote,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.settings import Settings

SECRET_NAME = "quote_signing"  # noqa: S105 - a name, not the secret
SECRETS_MAX = 5


class QuoteService:
    """Signs quotes and checks them."""

    def __init__(self, settings: Settings, database: Database) -> None:
        """Take where the secrets are named, and where one is kept otherwise."""
        self._setting = settings.quote_secrets
        self._folder = settings.data_dir if settings.database_url is None else None
        self._database = database
        self._secrets: tuple[bytes, ...] = ()
        self._loading = asyncio.Lock()

    async def sign(
        self, merchant_id: UUID, offer: Offer, *, expires_in_s: int = EXPIRY_S_DEFAULT
    ) -> Quote:
        """Sign an offer for a merchant, for so many seconds.

        Raises:
            InvalidField: ``quote_expiry_out_of_range``.
            Misconfigured: ``quote_secrets_invalid`` or ``secret_unusable``.
            DatabaseUnavailable: The secret is in the database, which does not answer.
        """
        secrets = await self.secrets()
        return sign_quote(offer, merchant_id, self._database.now(), secrets[0], expires_in_s)

    async def check_quote(
        self, text: str, asked: Asked, merchant_id: UUID, now: datetime | None = None
    ) -> None:
        """Return if a purchase is what its quote says, to the minor unit.

        Raises:
            InvalidField: As :func:`paykeel.fraud.quotes.check_quote` says.
            Misconfigured: ``quote_secrets_invalid`` or ``secret_unusable``.
            DatabaseUnavailable: The secret is in the database, which does not answer.
        """
        # Once they are known, nothing here waits.
        secrets = self._secrets or await self.secrets()
        check_quote(text, asked, merchant_id, now or self._database.now(), secrets)

    async def secrets(self) -> Sequence[bytes]:
        """Return the secrets, the one that signs first."""
        async with self._loading:
            if not self._secrets:
                self._secrets = await self._load()
            return self._secrets

    async def _load(self) -> tuple[bytes, ...]:
        if self._setting is not None:
            return read_secrets(self._setting.get_secret_value())
        made = await load_secret(
            self._database,
            SECRET_NAME,
            lambda: randomness.token_bytes(SECRET_BYTES_MIN),
            folder=self._folder,
        )
        return (made,)


def read_secrets(setting: str) -> tuple[bytes, ...]:
    """Read the setting: one secret of at least 32 characters, or several with commas between.

    Raises:
        Misconfigured: ``quote_secrets_invalid``; the message never shows the setting.

    >>> len(read_secrets("0123456789abcdef0123456789abcdef, fedcba9876543210fedcba9876543210"))
    2
    """
    found = tuple(text.strip().encode() for text in setting.split(","))
    if len(found) > SECRETS_MAX or any(len(secret) < SECRET_BYTES_MIN for secret in found):
        raise Misconfigured(
            f"PAYKEEL_QUOTE_SECRETS holds at most {SECRETS_MAX} secrets with commas between, each "
            f"of at least {SECRET_BYTES_MIN} characters.",
            code="quote_secrets_invalid",
        )
    return found
