"""MerchantService: creates merchants, and reads them through a cache that soon forgets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from paykeel.clock import new_id
from paykeel.db.sql import load
from paykeel.errors import Forbidden, InvalidField, NotFound
from paykeel.money import AMOUNT_MAX, check_amount, exponent_of
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from paykeel.clock import Clock
    from paykeel.db.pool import Database

SQL = load("paykeel.merchants")
NAME_CHARACTERS_MAX = 200
Mode = Literal["test", "live"]
MODES = ("test", "live")
CACHED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Limit:
    """The least and the most that one purchase may cost, in minor units."""

    amount_min: int
    amount_max: int


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who sells. A merchant is in one mode for good: test money and live money never meet."""

    merchant_id: UUID
    name: str
    #: ``test`` or ``live``.
    mode: Mode
    #: ``active`` or ``suspended``.
    status: str
    terms_version: str | None
    created_at: datetime
    limits: Mapping[str, Limit] = field(default_factory=dict)

    def check_purchase(self, amount: int, currency: str) -> None:
        """Refuse what this merchant does not sell for.

        Raises:
            Forbidden: The merchant is suspended.
            InvalidField: ``amount_over_merchant_limit`` or ``amount_under_merchant_limit``.
        """
        if self.status != "active":
            raise Forbidden("This merchant is suspended.", code="merchant_suspended")
        limit = self.limits.get(currency)
        if limit is None:
            return
        if amount > limit.amount_max:
            raise InvalidField(
                "amount",
                "amount_over_merchant_limit",
                f"This merchant takes at most {limit.amount_max} minor units of {currency}.",
            )
        if amount < limit.amount_min:
            raise InvalidField(
                "amount",
                "amount_under_merchant_limit",
                f"This merchant takes at least {limit.amount_min} minor units of {currency}.",
            )


class MerchantService:
    """Creates, reads and limits merchants."""

    def __init__(self, database: Database, clock: Clock, *, cache_ms: int) -> None:
        """Take the database, and for how long a merchant that was read may be trusted."""
        self._database = database
        self._clock = clock
        self._cache_s = cache_ms / 1000
        self._cache: dict[UUID, tuple[float, Merchant]] = {}
        self._reading: dict[UUID, asyncio.Task[Merchant]] = {}

    async def create(self, name: str, mode: str = "test") -> Merchant:
        """Add a merchant.

        Raises:
            InvalidField: The name is empty, too long, not storable or holds a card number, or the
                mode is neither test nor live.
        """
        check_text(name, "name", NAME_CHARACTERS_MAX)
        if mode not in MODES:
            raise InvalidField("mode", "choice_unknown", "Use one of: test, live.")
        rows = await self._database.fetch(
            SQL["create_merchant"], merchant_id=new_id(), name=name, mode=mode
        )
        return Merchant(**rows[0])

    async def get(self, merchant_id: UUID) -> Merchant:
        """Return a merchant, at most the cache's time old.

        Raises:
            NotFound: There is none such.
        """
        cached = self._cache.get(merchant_id)
        now = self._clock.monotonic_s()
        if cached is not None and now < cached[0]:
            return cached[1]
        # However many ask at this moment, one reads.
        reading = self._reading.get(merchant_id)
        if reading is None:
            reading = asyncio.create_task(self._read(merchant_id))
            self._reading[merchant_id] = reading
            reading.add_done_callback(lambda _: self._reading.pop(merchant_id, None))
        return await asyncio.shield(reading)

    async def _read(self, merchant_id: UUID) -> Merchant:
        """Read a merchant with its limits."""
        now = self._clock.monotonic_s()
        row = await self._database.fetchrow(SQL["get_merchant"], merchant_id=merchant_id)
        if row is None:
            raise NotFound("There is no such merchant.")
        values = dict(row)
        columns = (values.pop(name) or () for name in ("currencies", "amount_mins", "amount_maxs"))
        limits = {currency: Limit(low, high) for currency, low, high in zip(*columns, strict=True)}
        merchant = Merchant(**values, limits=limits)
        if len(self._cache) >= CACHED_MAX:
            self._cache.clear()
        self._cache[merchant_id] = (now + self._cache_s, merchant)
        return merchant

    async def list(self, after: UUID | None = None, rows_max: int = 100) -> list[Merchant]:
        """Return a page of merchants, oldest first, without their limits."""
        rows = await self._database.fetch(SQL["list_merchants"], after=after, rows_max=rows_max)
        return [Merchant(**row) for row in rows]

    async def set_status(self, merchant_id: UUID, status: str) -> None:
        """Suspend a merchant (``suspended``) or let it sell again (``active``)."""
        if status not in {"active", "suspended"}:
            raise InvalidField("status", "choice_unknown", "Use one of: active, suspended.")
        row = await self._database.fetchrow(
            SQL["set_merchant_status"], merchant_id=merchant_id, status=status
        )
        self._cache.pop(merchant_id, None)
        if row is None:
            raise NotFound("There is no such merchant.")

    async def set_limit(
        self, merchant_id: UUID, currency: str, amount_max: int, amount_min: int = 1
    ) -> None:
        """Say what one purchase may cost in a currency.

        Raises:
            InvalidField: The currency or an amount is wrong.
            NotFound: There is no such merchant.
        """
        exponent_of(currency)
        check_amount(amount_max, "amount_max", maximum=AMOUNT_MAX)
        check_amount(amount_min, "amount_min", maximum=amount_max)
        await self.get(merchant_id)
        await self._database.fetch(
            SQL["set_limit"],
            merchant_id=merchant_id,
            currency=currency,
            amount_min=amount_min,
            amount_max=amount_max,
        )
        self._cache.pop(merchant_id, None)
