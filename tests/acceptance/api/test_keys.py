"""API keys: made, recognised, rotated, ended, and never kept in the clear."""

from __future__ import annotations

import asyncio
import hashlib
import string
import zlib
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from paykeel import Paykeel
from paykeel.errors import Forbidden, InvalidField, NotFound, Unauthenticated
from paykeel.merchants.keys import (
    CACHED_STRANGERS_MAX,
    ApiKeyService,
    Scope,
    base62,
    new_secret,
    prefix_of,
)
from tests.conftest import settings_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls

READ = [str(Scope.PAYMENTS_READ)]


class Watch:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic_s(self) -> float:
        return self.seconds


@asynccontextmanager
async def service_of(paykeel: Paykeel, watch: Watch) -> AsyncIterator[ApiKeyService]:
    """A service as another process would have it, with a cache of one second."""
    service = ApiKeyService(paykeel.database, watch, cache_ms=1_000)  # type: ignore[arg-type]
    yield service
    await service.close()


async def test_a_key_says_its_mode_and_only_its_digest_is_stored(
    paykeel: Paykeel, owner: asyncpg.Connection
) -> None:
    for mode in ("test", "live"):
        merchant = await paykeel.merchants.create("m", mode)
        key, secret = await paykeel.keys.create(merchant.merchant_id, "k", READ)
        assert secret.startswith(f"{key.prefix}_")
        assert key.prefix.startswith(f"paykeel_{mode}_")
        row = await owner.fetchrow(
            "SELECT secret_sha256, k::text AS whole FROM api_keys k WHERE key_id = $1", key.key_id
        )
        assert row is not None
        assert row["secret_sha256"] == hashlib.sha256(secret.encode()).digest()
        assert secret[len(key.prefix) :] not in row["whole"]
        assert secret not in repr(key)
        assert (await paykeel.keys.authenticate(secret)).key_id == key.key_id


def test_secrets_hold_256_random_bits_and_a_check() -> None:
    made = [new_secret("test") for _ in range(200)]
    assert len(set(made)) == 200
    assert {len(secret) for secret in made} == {25 + 1 + 43 + 6}
    assert 62**43 > 2**256
    assert base62(2**256 - 1, 43)[0] != "0"
    secret = made[0]
    assert prefix_of(secret) == secret[:25]
    letters = string.ascii_letters + string.digits
    for place in range(13, len(secret)):
        if secret[place] == "_":
            continue
        other = letters[(letters.index(secret[place]) + 1) % len(letters)]
        assert prefix_of(secret[:place] + other + secret[place + 1 :]) is None
    for wrong in ("", secret[:-1], f"{secret}0", secret.replace("test", "live"), f"{secret}\n"):
        assert prefix_of(wrong) is None


async def test_a_mistyped_key_is_refused_without_the_database(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    _, secret = await paykeel.keys.create(merchant.merchant_id, "k", READ)
    await paykeel.database.close()
    with pytest.raises(Unauthenticated):
        await paykeel.keys.authenticate(secret[:-1] + ("a" if secret[-1] != "a" else "b"))


async def test_another_secret_with_the_same_prefix_is_refused(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    key, secret = await paykeel.keys.create(merchant.merchant_id, "k", READ)
    await paykeel.keys.authenticate(secret)
    body = key.prefix + new_secret("test")[25:69]
    forged = body + base62(zlib.crc32(body.encode()), 6)
    assert prefix_of(forged) == key.prefix
    with pytest.raises(Unauthenticated):
        await paykeel.keys.authenticate(forged)
    await paykeel.keys.authenticate(secret)


async def test_a_key_of_the_other_mode_is_none(paykeel: Paykeel, admin: asyncpg.Connection) -> None:
    """Even when somebody moved a row by hand."""
    test = await paykeel.merchants.create("test", "test")
    live = await paykeel.merchants.create("live", "live")
    key, secret = await paykeel.keys.create(test.merchant_id, "k", READ)
    await admin.execute(
        "UPDATE api_keys SET merchant_id = $1 WHERE key_id = $2", live.merchant_id, key.key_id
    )
    with pytest.raises(Unauthenticated):
        await paykeel.keys.authenticate(secret)


async def test_scopes_are_a_closed_list(paykeel: Paykeel, merchant: Merchant) -> None:
    for scopes in ([], ["everything"], ["payments:read", "payments:*"]):
        with pytest.raises(InvalidField) as refused:
            await paykeel.keys.create(merchant.merchant_id, "k", scopes)
        assert refused.value.code == "choice_unknown"
    key, _ = await paykeel.keys.create(merchant.merchant_id, "k", READ + READ)
    key.allow(Scope.PAYMENTS_READ)
    with pytest.raises(Forbidden):
        key.allow(Scope.PURCHASES_WRITE)


async def test_names_expiries_and_merchants_are_checked(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    now = paykeel.database.now()
    for name in ("", "  ", "x" * 201, "nul\x00"):
        with pytest.raises(InvalidField):
            await paykeel.keys.create(merchant.merchant_id, name, READ)
    with pytest.raises(InvalidField) as refused:
        await paykeel.keys.create(merchant.merchant_id, "k", READ, now - timedelta(seconds=1))
    assert refused.value.code == "instant_in_past"
    with pytest.raises(NotFound):
        await paykeel.keys.create(uuid4(), "k", READ)


async def test_a_key_expires(paykeel: Paykeel, merchant: Merchant) -> None:
    ends = paykeel.database.now() + timedelta(milliseconds=400)
    _, secret = await paykeel.keys.create(merchant.merchant_id, "k", READ, ends)
    assert (await paykeel.keys.authenticate(secret)).expires_at == ends
    await asyncio.sleep(0.45)
    # At once: the cache knows when a key ends.
    with pytest.raises(Unauthenticated):
        await paykeel.keys.authenticate(secret)


async def test_a_revoked_key_stops_within_the_caches_time_everywhere(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    key, secret = await paykeel.keys.create(merchant.merchant_id, "k", READ)
    watch = Watch()
    async with service_of(paykeel, watch) as elsewhere:
        await elsewhere.authenticate(secret)
        ended = await paykeel.keys.revoke(key.key_id, merchant_id=merchant.merchant_id)
        assert ended.revoked_at is not None
        with pytest.raises(Unauthenticated):
            await paykeel.keys.authenticate(secret)
        watch.seconds = 0.99
        await elsewhere.authenticate(secret)
        watch.seconds = 1.0
        with pytest.raises(Unauthenticated):
            await elsewhere.authenticate(secret)
    again = await paykeel.keys.revoke(key.key_id)
    assert again.revoked_at == ended.revoked_at


async def test_a_rotation_leaves_both_until_the_grace_is_over(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    old, first = await paykeel.keys.create(merchant.merchant_id, "k", READ)
    new, second = await paykeel.keys.rotate(old.key_id, timedelta(milliseconds=600))
    assert (new.name, new.scopes, new.expires_at) == (old.name, old.scopes, None)
    assert (await paykeel.keys.authenticate(first)).key_id == old.key_id
    assert (await paykeel.keys.authenticate(second)).key_id == new.key_id
    await asyncio.sleep(0.65)
    with pytest.raises(Unauthenticated):
        await paykeel.keys.authenticate(first)
    await paykeel.keys.authenticate(second)
    with pytest.raises(NotFound):
        await paykeel.keys.rotate(old.key_id)
    # A later rotation never gives a key more time than it had.
    ends = paykeel.database.now() + timedelta(minutes=5)
    short, _ = await paykeel.keys.create(merchant.merchant_id, "k", READ, ends)
    await paykeel.keys.rotate(short.key_id, timedelta(days=1))
    assert (await paykeel.keys.list(merchant.merchant_id))[-2].expires_at == ends


async def test_a_merchant_manages_its_own_keys_only(paykeel: Paykeel, merchant: Merchant) -> None:
    other = await paykeel.merchants.create("Other")
    key, secret = await paykeel.keys.create(merchant.merchant_id, "k", READ)
    with pytest.raises(NotFound):
        await paykeel.keys.revoke(key.key_id, merchant_id=other.merchant_id)
    with pytest.raises(NotFound):
        await paykeel.keys.rotate(key.key_id, merchant_id=other.merchant_id)
    assert await paykeel.keys.list(other.merchant_id) == []
    await paykeel.keys.authenticate(secret)
    with pytest.raises(NotFound):
        await paykeel.keys.revoke(uuid4())


async def test_the_last_use_is_written_once_a_minute(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection
) -> None:
    key, secret = await paykeel.keys.create(merchant.merchant_id, "k", READ)
    watch = Watch()
    written = []
    async with service_of(paykeel, watch) as service:
        for turn in range(4):
            watch.seconds = turn * 10
            await service.authenticate(secret)
            await service.close()
            written.append(
                await owner.fetchval(
                    "SELECT last_used_at FROM api_keys WHERE key_id = $1", key.key_id
                )
            )
        assert len(set(written)) == 1
        assert written[0] is not None
        await owner.execute("UPDATE api_keys SET last_used_at = now() - interval '61 seconds'")
        watch.seconds = 100
        await service.authenticate(secret)
    later = await owner.fetchval("SELECT last_used_at FROM api_keys")
    assert later is not None
    assert later > written[0]


async def test_strangers_are_remembered_in_bounded_number(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    async with service_of(paykeel, Watch()) as service:
        for number in range(0, CACHED_STRANGERS_MAX + 50, 50):
            refused = await asyncio.gather(
                *(service.authenticate(new_secret("test")) for _ in range(50)),
                return_exceptions=True,
            )
            assert all(isinstance(error, Unauthenticated) for error in refused), number
        assert len(service._strangers) == CACHED_STRANGERS_MAX
        assert service._known == {}


async def test_without_the_database_nobody_new_comes_in(urls: Urls) -> None:
    async with Paykeel.open(settings_for(urls, merchant_cache_ms=200)) as paykeel:
        merchant = await paykeel.merchants.create("m")
        _, secret = await paykeel.keys.create(merchant.merchant_id, "k", READ)
        await paykeel.keys.authenticate(secret)
        await paykeel.keys.close()
        await paykeel.database.close()
        await paykeel.keys.authenticate(secret)
        await asyncio.sleep(0.25)
        with pytest.raises(Exception, match="database"):
            await paykeel.keys.authenticate(secret)
