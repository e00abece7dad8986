"""MerchantService: creates merchants, and reads them through a cache that soon forgets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from paykeel.clock import new_id
from paykeel.db.cache import ReadCache
from paykeel.db.sql import load
from paykeel.errors import InvalidField, NotFound, Refused
from paykeel.merchants.limits import (
    ANY,
    Limit,
    by_place,
    check_amounts,
    check_author,
    check_place,
)
from paykeel.merchants.model import MODES, REFERENCE_CURRENCY, Merchant
from paykeel.merchants.rates import (
    BATCH_ROWS,
    NewRate,
    RatesImport,
    StoredRate,
    check_new_rate,
    read_rates,
)
from paykeel.money import AMOUNT_MAX, Rate, exponent_of
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal
    from uuid import UUID

    from paykeel.clock import Clock
    from paykeel.db.pool import Database

SQL = load("paykeel.merchants")
NAME_CHARACTERS_MAX = 200
#: All limits that a merchant ever had; they are read whenever the merchant is.
LIMIT_ROWS_MAX = 2_000
RATE_ROWS_MAX = 10_000
#: What begins so soon is read ahead, so that it holds in time although a merchant is cached.
AHEAD = timedelta(minutes=5)
#: A new merchant's limit holds since before it was made, for processes whose clock is behind.
BACKDATED = timedelta(hours=1)
#: Who makes what nobody asked for.
SYSTEM = "paykeel"


class MerchantService:
    """Creates, reads and limits merchants."""

    def __init__(self, database: Database, clock: Clock, *, cache_ms: int) -> None:
        """Take the database, and for how long a merchant that was read may be trusted."""
        self._database = database
        self._clock = clock
        self._merchants = ReadCache(self._read, clock.monotonic_s, keep_s=cache_ms / 1000)

    async def create(
        self, name: str, mode: str = "test", reference_currency: str = REFERENCE_CURRENCY
    ) -> Merchant:
        """Add a merchant, which may sell anything for any amount until it is limited.

        Raises:
            InvalidField: The name is empty, too long, not storable or holds a card number, the
                mode is neither test nor live, or the reference currency is none.
        """
        check_text(name, "name", NAME_CHARACTERS_MAX)
        if mode not in MODES:
            raise InvalidField("mode", "choice_unknown", "Use one of: test, live.")
        exponent_of(reference_currency, "reference_currency")
        merchant_id = new_id()
        await self._database.fetch(
            SQL["create_merchant"],
            merchant_id=merchant_id,
            name=name,
            mode=mode,
            reference_currency=reference_currency,
            effective_at=self._database.now() - BACKDATED,
            amount_max=AMOUNT_MAX,
            author=SYSTEM,
        )
        return await self.get(merchant_id)

    async def get(self, merchant_id: UUID) -> Merchant:
        """Return a merchant, at most the cache's time old.

        Raises:
            NotFound: There is none such.
        """
        return await self._merchants.get(merchant_id)

    async def _read(self, merchant_id: UUID) -> Merchant:
        """Read a merchant with its limits and rates."""
        at = self._database.now()
        row = await self._database.fetchrow(
            SQL["get_merchant"],
            merchant_id=merchant_id,
            at=at,
            until=at + AHEAD,
            days=_days_around(at),
        )
        if row is None:
            raise NotFound("There is no such merchant.")
        values = dict(row)
        limits = by_place(Limit(**one) for one in _transposed(values, "limit_"))
        rates: dict[str, list[Rate]] = {}
        for one in _transposed(values, "rate_"):
            rates.setdefault(one["currency"], []).append(Rate(one["effective_on"], one["rate"]))
        for held in rates.values():
            held.sort(key=lambda rate: rate.effective_on, reverse=True)
        return Merchant(**values, limits=limits, rates=rates, read_at=at)

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
        self._merchants.forget(merchant_id)
        if row is None:
            raise NotFound("There is no such merchant.")

    async def set_limit(
        self,
        merchant_id: UUID,
        currency: str,
        amount_max: int | None,
        amount_min: int | None = 1,
        *,
        buyer_role: str = ANY,
        kind: str = ANY,
        effective_at: datetime | None = None,
        author: str = SYSTEM,
    ) -> Limit:
        """Say what one purchase may cost, from a date on; see :mod:`paykeel.merchants.limits`.

        Limits are added and never edited, so what held when can be told for good.

        Args:
            merchant_id: Whose.
            currency: Which, or ``*`` for any.
            amount_max: In minor units; ``None`` for both amounts: nothing may be bought.
            amount_min: In minor units.
            buyer_role: ``agent``, ``operator``, or ``*`` for both.
            kind: The merchant's own word for what is bought, or ``*`` for any.
            effective_at: From when on; now when left out. It cannot lie in the past.
            author: Who says so.

        Raises:
            InvalidField: One of these is wrong; ``instant_in_past`` is one of the codes.
            NotFound: There is no such merchant.
            Refused: ``amount_limits_too_many``.
        """
        check_place(currency, buyer_role, kind)
        check_amounts(amount_min, amount_max)
        check_author(author)
        now = self._database.now()
        if effective_at is not None and effective_at.tzinfo is None:
            raise InvalidField("effective_at", "instant_malformed", "It says its offset from UTC.")
        if effective_at is not None and effective_at < now:
            raise InvalidField("effective_at", "instant_in_past", "This must lie ahead.")
        await self.get(merchant_id)
        row = await self._database.fetchrow(
            SQL["add_limit"],
            merchant_id=merchant_id,
            currency=currency,
            buyer_role=buyer_role,
            kind=kind,
            effective_at=effective_at or now,
            amount_min=amount_min,
            amount_max=amount_max,
            author=author,
            created_at=now,
            rows_max=LIMIT_ROWS_MAX,
        )
        self._merchants.forget(merchant_id)
        if row is None:
            raise Refused(
                f"A merchant has at most {LIMIT_ROWS_MAX} limits in all its time.",
                code="amount_limits_too_many",
            )
        return Limit(**row)

    async def list_limits(self, merchant_id: UUID) -> Sequence[Limit]:
        """Return every limit that a merchant has, had or will have, the latest date first."""
        await self.get(merchant_id)
        rows = await self._database.fetch(
            SQL["list_limits"], merchant_id=merchant_id, rows_max=LIMIT_ROWS_MAX
        )
        return [Limit(**row) for row in rows]

    async def set_reference_currency(self, merchant_id: UUID, currency: str) -> Merchant:
        """Choose in which currency amounts are compared, before the first purchase is counted.

        Rates that were given before do not count any more.

        Raises:
            InvalidField: The currency is none.
            NotFound: There is no such merchant.
            Refused: ``reference_currency_in_use``: sums were made in the present one.
        """
        exponent_of(currency, "reference_currency")
        row = await self._database.fetchrow(
            SQL["set_reference_currency"], merchant_id=merchant_id, currency=currency
        )
        self._merchants.forget(merchant_id)
        merchant = await self.get(merchant_id)
        if row is None and merchant.reference_currency != currency:
            raise Refused(
                "Purchases were counted in the present reference currency, and their sums cannot "
                "be changed; add a merchant for another one.",
                code="reference_currency_in_use",
            )
        return merchant

    async def set_rate(
        self,
        merchant_id: UUID,
        currency: str,
        effective_on: date | str,
        rate: Decimal | str,
        *,
        author: str = SYSTEM,
    ) -> bool:
        """Say what one unit of a currency is worth in the reference currency, from a day on.

        Returns:
            Whether it is new; ``False``: that rate was known.

        Raises:
            InvalidField: One part is wrong.
            NotFound: There is no such merchant.
        """
        check_author(author)
        merchant = await self.get(merchant_id)
        new = check_new_rate(
            currency, effective_on, rate, merchant.reference_currency, self._today()
        )
        return await self._add_rates(merchant, [new], author) == 1

    async def import_rates(
        self, merchant_id: UUID, stream: IO[bytes], *, author: str = SYSTEM
    ) -> RatesImport:
        """Take the rates of a CSV file, whatever its size; see :mod:`paykeel.merchants.rates`.

        Raises:
            InvalidInput: The header is wrong, or there are too many lines.
            NotFound: There is no such merchant.
        """
        check_author(author)
        merchant = await self.get(merchant_id)
        done = RatesImport()
        rows = read_rates(stream, merchant.reference_currency, self._today())
        while batch := list(islice(rows, BATCH_ROWS)):
            rates = [row for row in batch if isinstance(row, NewRate)]
            for row in batch:
                if not isinstance(row, NewRate):
                    done.reject(row)
            added = await self._add_rates(merchant, rates, author)
            done.added += added
            done.unchanged += len(rates) - added
        return done

    async def list_rates(
        self, merchant_id: UUID, currency: str | None = None, rows_max: int = 1_000
    ) -> Sequence[StoredRate]:
        """Return the merchant's rates, by currency and the latest day first."""
        if currency is not None:
            exponent_of(currency)
        await self.get(merchant_id)
        rows = await self._database.fetch(
            SQL["list_rates"],
            merchant_id=merchant_id,
            currency=currency,
            rows_max=min(max(rows_max, 1), RATE_ROWS_MAX),
        )
        return [StoredRate(**row) for row in rows]

    async def _add_rates(self, merchant: Merchant, rates: Sequence[NewRate], author: str) -> int:
        """Add what is not known; return how many that were."""
        if not rates:
            return 0
        rows = await self._database.fetch(
            SQL["add_rates"],
            merchant_id=merchant.merchant_id,
            reference_currency=merchant.reference_currency,
            currencies=[one.currency for one in rates],
            days=[one.effective_on for one in rates],
            rates=[one.rate for one in rates],
            author=author,
        )
        self._merchants.forget(merchant.merchant_id)
        return len(rows)

    def _today(self) -> date:
        return self._database.now().astimezone(UTC).date()


def _days_around(at: datetime) -> list[date]:
    """Return yesterday, today and tomorrow, so that a cached merchant sees the day change."""
    today = at.astimezone(UTC).date()
    return [today + timedelta(days=days) for days in (1, 0, -1)]


def _transposed(values: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Take the arrays of equal length that begin with ``prefix`` out, and return their rows."""
    names = [name for name in values if name.startswith(prefix)]
    columns = [values.pop(name) or () for name in names]
    plain = [name.removeprefix(prefix) for name in names]
    return [dict(zip(plain, row, strict=True)) for row in zip(*columns, strict=True)]
