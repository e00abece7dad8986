"""ApiKeyService: makes API keys, and says whose a secret is through a cache that soon forgets.

A key looks like this::

    paykeel_test_<12 characters: which key>_<43 characters: 256 random bits><6 characters: check>
    └────────── prefix, stored ───────────┘

Of the whole only the SHA-256 is stored. The check is a CRC-32 of what stands before it, so that a
key that was cut off or mistyped is refused without asking the database, and so that scanners for
leaked secrets can tell a key from noise.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel.clock import Clock, new_id
from paykeel.db.coalescer import Coalescer
from paykeel.db.sql import load
from paykeel.errors import (
    DatabaseUnavailable,
    Forbidden,
    InvalidField,
    NotFound,
    Unauthenticated,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from paykeel.db.pool import Database

SQL = load("paykeel.merchants")
NAME_CHARACTERS_MAX = 200
#: How many keys, and how many prefixes that are nobody's, one process remembers.
CACHED_KEYS_MAX = 10_000
CACHED_STRANGERS_MAX = 1_000
#: A key's last use is written at most this often.
USE_WRITTEN_EVERY = timedelta(minutes=1)
LOOKUP_ROWS_MAX = 100
LOOKUP_QUEUE_MAX = 5_000
#: How long both keys work after a rotation, unless told otherwise.
ROTATION_GRACE = timedelta(days=1)

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: ``paykeel_test_`` or ``paykeel_live_``, and which key.
PREFIX_CHARACTERS = 25
_ID_CHARACTERS, _RANDOM_CHARACTERS, _CHECK_CHARACTERS = 12, 43, 6
_SECRET = re.compile(r"((paykeel_(?:live|test)_[0-9A-Za-z]{12})_[0-9A-Za-z]{43})([0-9A-Za-z]{6})")


class Scope(StrEnum):
    """What a key may do. The list is closed; a key has exactly the scopes it was made with."""

    PURCHASES_WRITE = "purchases:write"
    PAYMENTS_READ = "payments:read"
    #: Capture, cancel, and complete a buyer's step.
    PAYMENTS_WRITE = "payments:write"
    #: Sign the price of a purchase.
    QUOTES_WRITE = "quotes:write"
    #: Why purchases were judged as they were, rules and lists, reviews and alerts.
    FRAUD_READ = "fraud:read"
    FRAUD_WRITE = "fraud:write"
    #: Documents and versions of terms, and who accepted what, with the evidence of it.
    TERMS_READ = "terms:read"
    #: Draft, publish and withdraw versions, and erase personal data.
    TERMS_WRITE = "terms:write"
    #: Present terms to buyers, and record what they say.
    TERMS_ACCEPT = "terms:accept"
    #: What a payment's policy gives back, and refunds.
    REFUNDS_READ = "refunds:read"
    #: Ask for refunds and call them off, and note disputes.
    REFUNDS_WRITE = "refunds:write"
    #: Approve and reject the refunds that wait for a person.
    REFUNDS_APPROVE = "refunds:approve"
    #: Refund policies, what they say, and what publishing one would do.
    REFUND_POLICIES_READ = "refund-policies:read"
    #: Publish and withdraw refund policies: what everybody is refunded by who buys from then on.
    REFUND_POLICIES_WRITE = "refund-policies:write"
    #: How many purchases went how, revenue and durations.
    METRICS_READ = "metrics:read"
    #: Acknowledge alerts on metrics.
    METRICS_WRITE = "metrics:write"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored, without its secret."""

    merchant_id: UUID
    key_id: UUID
    #: How the secret begins; shown wherever a key must be told from others.
    prefix: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def allow(self, scope: Scope) -> None:
        """Return if the key has ``scope``.

        Raises:
            Forbidden: It has not; the error names the scope.
        """
        if scope not in self.scopes:
            raise Forbidden(f"This needs a key with the scope {scope}.", scope=str(scope))

    def works_at(self, now: datetime) -> bool:
        """Say whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class _Known:
    """A key with what proves it."""

    key: ApiKey
    digest: bytes


def base62(value: int, characters: int) -> str:
    """Write a number in 62 digits, of fixed length.

    >>> base62(62, 3)
    '010'
    """
    digits = ""
    for _ in range(characters):
        value, digit = divmod(value, 62)
        digits = _BASE62[digit] + digits
    return digits


def new_secret(mode: str) -> str:
    """Return a new secret for a merchant in ``mode``: ``test`` or ``live``."""
    identity = "".join(secrets.choice(_BASE62) for _ in range(_ID_CHARACTERS))
    random = base62(secrets.randbits(256), _RANDOM_CHARACTERS)
    body = f"paykeel_{mode}_{identity}_{random}"
    return body + _check_of(body)


def prefix_of(secret: str) -> str | None:
    """Return the prefix of a well-formed secret; ``None`` when it cannot be one of ours.

    >>> prefix_of("paykeel_test_tooshort") is None
    True
    """
    match = _SECRET.fullmatch(secret)
    if match is None or not hmac.compare_digest(_check_of(match[1]), match[3]):
        return None
    return match[2]


def _check_of(body: str) -> str:
    return base62(zlib.crc32(body.encode()), _CHECK_CHARACTERS)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class ApiKeyService:
    """Creates, rotates, revokes and recognises API keys."""

    def __init__(self, database: Database, clock: Clock, *, cache_ms: int) -> None:
        """Take the database, and for how long a key that was read may be trusted.

        A revoked key stops within that time in every process.
        """
        self._database = database
        self._clock = clock
        self._cache_s = cache_ms / 1000
        self._known: dict[str, tuple[float, _Known]] = {}
        self._strangers: dict[str, float] = {}
        self._finder: Coalescer[None, str, _Known | None] = Coalescer(
            self._find_batch, rows_max=LOOKUP_ROWS_MAX, lanes=1, queue_max=LOOKUP_QUEUE_MAX
        )
        self._uses: set[asyncio.Task[None]] = set()

    async def create(
        self,
        merchant_id: UUID,
        name: str,
        scopes: Iterable[str],
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; return it with its secret, which is never shown again.

        Raises:
            InvalidField: The name, a scope or the expiry is wrong.
            NotFound: There is no such merchant.
        """
        if not name.strip() or len(name) > NAME_CHARACTERS_MAX or "\x00" in name:
            raise InvalidField(
                "name", "text_empty", f"A name has 1 to {NAME_CHARACTERS_MAX} characters."
            )
        wanted = _check_scopes(scopes)
        if expires_at is not None and expires_at <= self._database.now():
            raise InvalidField("expires_at", "instant_in_past", "This must lie ahead.")
        merchant = await self._database.fetchrow(SQL["get_mode"], merchant_id=merchant_id)
        if merchant is None:
            raise NotFound("There is no such merchant.")
        secret = new_secret(merchant["mode"])
        row = await self._database.fetchrow(
            SQL["create_key"],
            merchant_id=merchant_id,
            key_id=new_id(),
            prefix=prefix_of(secret),
            secret_sha256=_digest(secret),
            name=name,
            scopes=wanted,
            expires_at=expires_at,
        )
        return _key(row), secret

    async def rotate(
        self,
        key_id: UUID,
        grace: timedelta = ROTATION_GRACE,
        *,
        merchant_id: UUID | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key with the same name and scopes; the old one works until the grace is over.

        The new one keeps the old one's expiry, if it had one. ``merchant_id``, if given, must be
        the key's.

        Raises:
            NotFound: There is no such key, or it works no more.
        """
        old = await self._get(key_id, merchant_id)
        if not old.works_at(self._database.now()):
            raise NotFound("This key is revoked or expired; create a new one.")
        created = await self.create(old.merchant_id, old.name, old.scopes, old.expires_at)
        # Made first and shortened afterwards: a crash between the two leaves two keys, never none.
        await self._database.fetch(
            SQL["shorten_key"],
            merchant_id=old.merchant_id,
            key_id=key_id,
            grace=max(grace, timedelta(0)),
        )
        self._known.pop(old.prefix, None)
        return created

    async def revoke(self, key_id: UUID, *, merchant_id: UUID | None = None) -> ApiKey:
        """End a key for good; a second time changes nothing.

        Raises:
            NotFound: There is no such key.
        """
        row = await self._database.fetchrow(
            SQL["revoke_key"], key_id=key_id, merchant_id=merchant_id
        )
        if row is None:
            raise NotFound("There is no such key.")
        self._known.pop(row["prefix"], None)
        return _key(row)

    async def authenticate(self, secret: str) -> ApiKey:
        """Return the key that ``secret`` is.

        Raises:
            Unauthenticated: It is no key, or one that works no more. Which of these is not said.
            DatabaseUnavailable: It is not in the cache and cannot be looked up.
        """
        known = self._cached(secret[:PREFIX_CHARACTERS])
        if known is None:
            prefix = prefix_of(secret)
            if prefix is None:
                raise Unauthenticated
            known = await self._look_up(prefix)
        # What is compared with a stranger takes the same time, and is refused in any case.
        expected = known.digest if known is not None else bytes(32)
        proven = hmac.compare_digest(_digest(secret), expected)
        if not proven or known is None or not known.key.works_at(self._database.now()):
            raise Unauthenticated
        return known.key

    async def close(self) -> None:
        """Wait for look-ups and for the last uses that are being written."""
        await self._finder.close()
        while self._uses:
            await asyncio.gather(*self._uses, return_exceptions=True)

    async def _get(self, key_id: UUID, merchant_id: UUID | None) -> ApiKey:
        row = await self._database.fetchrow(SQL["get_key"], key_id=key_id, merchant_id=merchant_id)
        if row is None:
            raise NotFound("There is no such key.")
        return _key(row)

    def _cached(self, prefix: str) -> _Known | None:
        """Return who has this prefix, at most the cache's time old."""
        cached = self._known.get(prefix)
        if cached is not None and self._clock.monotonic_s() < cached[0]:
            return cached[1]
        return None

    async def _look_up(self, prefix: str) -> _Known | None:
        """Ask the database who has this prefix, unless nobody had it a moment ago."""
        now = self._clock.monotonic_s()
        if now < self._strangers.get(prefix, 0):
            return None
        # Taken before it is read, so that the cache's time counts from what was true then.
        until = now + self._cache_s
        known = await self._finder.submit(None, prefix)
        if known is None:
            self._known.pop(prefix, None)
            _remember(self._strangers, prefix, until, CACHED_STRANGERS_MAX)
            return None
        _remember(self._known, prefix, (until, known), CACHED_KEYS_MAX)
        self._note_use(known.key)
        return known

    async def _find_batch(
        self, _key: None, _lane: int, prefixes: Sequence[str]
    ) -> list[_Known | None]:
        rows = await self._database.fetch(SQL["find_keys"], prefixes=sorted(set(prefixes)))
        found = {row["prefix"]: _known(row) for row in rows}
        return [found.get(prefix) for prefix in prefixes]

    def _note_use(self, key: ApiKey) -> None:
        """Write when the key was last used, beside the request and at most once a minute."""
        now = self._database.now()
        if key.last_used_at is not None and now - key.last_used_at < USE_WRITTEN_EVERY:
            return
        cached = self._known.get(key.prefix)
        if cached is not None:
            # Others that come before this is written need not write it too.
            used = replace(cached[1], key=replace(key, last_used_at=now))
            self._known[key.prefix] = (cached[0], used)
        task = asyncio.create_task(self._write_use(key))
        self._uses.add(task)
        task.add_done_callback(self._uses.discard)

    async def _write_use(self, key: ApiKey) -> None:
        try:
            await self._database.fetch(
                SQL["note_key_use"],
                merchant_id=key.merchant_id,
                key_id=key.key_id,
                every=USE_WRITTEN_EVERY,
            )
        except DatabaseUnavailable:
            # Nobody waits for this; the next look-up tries again.
            return

    async def list(self, merchant_id: UUID) -> list[ApiKey]:
        """Return a merchant's keys, oldest first, the ended ones too."""
        rows = await self._database.fetch(SQL["list_keys"], merchant_id=merchant_id)
        return [_key(row) for row in rows]


def _check_scopes(scopes: Iterable[str]) -> list[str]:
    """Return the scopes in one order, each once."""
    wanted = set(scopes)
    known = [str(scope) for scope in Scope]
    if not wanted or not wanted <= set(known):
        raise InvalidField("scopes", "choice_unknown", f"Use at least one of: {', '.join(known)}.")
    return [scope for scope in known if scope in wanted]


def _remember(cache: dict[str, Any], prefix: str, value: object, entries_max: int) -> None:
    """Put something into a cache, dropping what has been there longest when it is full."""
    cache.pop(prefix, None)
    while len(cache) >= entries_max:
        del cache[next(iter(cache))]
    cache[prefix] = value


def _key(row: Any) -> ApiKey:
    values = dict(row)
    values["scopes"] = frozenset(values["scopes"])
    return ApiKey(**values)


def _known(row: Any) -> _Known | None:
    """Return a key that was found, unless its secret speaks of another mode than its merchant."""
    values = dict(row)
    digest, mode = values.pop("secret_sha256"), values.pop("mode")
    if not values["prefix"].startswith(f"paykeel_{mode}_"):
        return None
    return _Known(_key(values), digest)
