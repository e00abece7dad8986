"""Limits, rates and refusals as they are stored, and as a purchase meets them."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from paykeel.clock import new_id
from paykeel.db.secrets import load_secret
from paykeel.errors import InvalidField, InvalidInput, NotFound, Refused
from paykeel.fraud.quotes import Offer
from paykeel.fraud.quoting import SECRET_NAME, QuoteService
from paykeel.fraud.refusals import RefusalLog, facts_of
from paykeel.merchants.service import AHEAD, LIMIT_ROWS_MAX, SQL, _days_around
from tests.conftest import settings_for
from tests.database.helpers import buy, opened
from tests.database.many import explain

if TYPE_CHECKING:
    from paykeel import Paykeel
    from paykeel.merchants import Merchant
    from tests.servers import Urls

SOON = timedelta(milliseconds=300)


async def refused(core: Paykeel, merchant: Merchant, amount: int, **changes: Any) -> str | None:
    """Ask the limits as a purchase does; return the code."""
    found = await core.merchants.get(merchant.merchant_id)
    place = {"currency": "EUR", "buyer_role": "agent", "kind": "purchase", **changes}
    try:
        found.check_purchase(amount, at=core.database.now(), **place)
    except InvalidField as error:
        return error.code
    return None


async def test_a_limit_holds_from_its_date_on_and_what_held_is_kept(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    starts = paykeel.database.now() + SOON
    await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", 500, author="ann")
    planned = await paykeel.merchants.set_limit(
        merchant.merchant_id, "EUR", 700, effective_at=starts, author="ben"
    )
    assert await refused(paykeel, merchant, 501) == "amount_over_merchant_limit"
    # The merchant was read, and stays in the cache, before the date comes.
    await asyncio.sleep((starts - paykeel.database.now()).total_seconds() + 0.01)
    assert await refused(paykeel, merchant, 700) is None
    assert await refused(paykeel, merchant, 701) == "amount_over_merchant_limit"
    listed = await paykeel.merchants.list_limits(merchant.merchant_id)
    assert [(one.currency, one.amount_max, one.created_by) for one in listed[:2]] == [
        ("EUR", 700, "ben"),
        ("EUR", 500, "ann"),
    ]
    assert listed[0] == planned
    assert len(listed) == 3


async def test_a_limit_for_a_role_and_a_kind_holds_for_these_alone(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    limits = paykeel.merchants
    await limits.set_limit(merchant.merchant_id, "*", 900, buyer_role="operator", kind="deposit")
    await limits.set_limit(merchant.merchant_id, "EUR", 600)
    await limits.set_limit(merchant.merchant_id, "EUR", None, None, kind="gift")
    for changes, most in (
        ({}, 600),
        # The currency goes first, however much the other says.
        ({"buyer_role": "operator", "kind": "deposit"}, 600),
        ({"currency": "USD", "buyer_role": "operator", "kind": "deposit"}, 900),
    ):
        assert await refused(paykeel, merchant, most, **changes) is None
        assert await refused(paykeel, merchant, most + 1, **changes) == "amount_over_merchant_limit"
    assert await refused(paykeel, merchant, 1, kind="gift") == "amount_nothing_sold"
    assert await refused(paykeel, merchant, 999_999, currency="USD") is None


async def test_a_planned_limit_can_be_replaced_before_its_date(
    paykeel: Paykeel, merchant: Merchant
) -> None:
    starts = paykeel.database.now() + SOON
    for most in (700, 800):
        await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", most, effective_at=starts)
    await asyncio.sleep((starts - paykeel.database.now()).total_seconds() + 0.01)
    assert await refused(paykeel, merchant, 800) is None
    assert await refused(paykeel, merchant, 801) == "amount_over_merchant_limit"


async def test_the_past_is_not_limited_afterwards(paykeel: Paykeel, merchant: Merchant) -> None:
    for wrong, code in (
        (paykeel.database.now() - timedelta(seconds=1), "instant_in_past"),
        (datetime(2030, 1, 1), "instant_malformed"),  # noqa: DTZ001 - that is what is refused
    ):
        with pytest.raises(InvalidField) as caught:
            await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", 5, effective_at=wrong)
        assert caught.value.code == code
    with pytest.raises(NotFound):
        await paykeel.merchants.set_limit(new_id(), "EUR", 5)


async def test_without_any_limit_a_purchase_is_refused(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection
) -> None:
    await owner.execute("DELETE FROM amount_limits")
    await asyncio.sleep(1.1)  # As long as a merchant is cached.
    with pytest.raises(InvalidField) as caught:
        await buy(paykeel, merchant)
    assert caught.value.code == "amount_limit_missing"


async def test_limits_are_bounded(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO amount_limits SELECT $1, 'EUR', '*', '*', now() - make_interval(days => n),"
        " 1, 5, 'tests', now() FROM generate_series(1, $2::integer) AS n",
        merchant.merchant_id,
        LIMIT_ROWS_MAX - 2,
    )
    await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", 6)
    with pytest.raises(Refused) as caught:
        await paykeel.merchants.set_limit(merchant.merchant_id, "EUR", 7)
    assert caught.value.code == "amount_limits_too_many"
    assert await refused(paykeel, merchant, 6) is None


async def test_limits_and_rates_are_history(urls: Urls, merchant: Merchant) -> None:
    connection = await asyncpg.connect(urls.app)
    try:
        for table in ("amount_limits", "reference_rates"):
            for change in ("DELETE FROM {}", "UPDATE {} SET created_by = 'x'"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(change.format(table))
    finally:
        await connection.close()


async def worth(core: Paykeel, merchant: Merchant, currency: str, days: int = 0) -> int | None:
    """Return what 10,000 minor units are worth, so many days from now."""
    found = await core.merchants.get(merchant.merchant_id)
    return found.reference_amount(10_000, currency, today(core) + timedelta(days=days))


def today(core: Paykeel) -> date:
    return core.database.now().astimezone(UTC).date()


async def test_the_newest_rate_that_has_come_holds_and_a_correction_replaces_it(
    paykeel: Paykeel,
) -> None:
    shop = await paykeel.merchants.create("Harbour Market")
    day = today(paykeel)
    assert await worth(paykeel, shop, "USD") is None
    assert await worth(paykeel, shop, "EUR") == 10_000

    async def set_rate(days: int, rate: str) -> bool:
        on = day + timedelta(days=days)
        return await paykeel.merchants.set_rate(shop.merchant_id, "USD", on, rate, author="ann")

    assert await set_rate(-400, "0.5")
    assert await worth(paykeel, shop, "USD") == 5_000
    assert await set_rate(-1, "0.9")
    assert await set_rate(1, "0.7")
    assert [await worth(paykeel, shop, "USD", days) for days in (-1, 0, 1)] == [9_000, 9_000, 7_000]
    # Somebody mistyped it: the same day again, and the later word holds.
    assert await set_rate(0, "90")
    assert await set_rate(0, "0.91")
    assert await worth(paykeel, shop, "USD") == 9_100
    assert not await set_rate(0, "0.910")
    listed = await paykeel.merchants.list_rates(shop.merchant_id, "USD")
    assert [one.rate for one in listed] == [
        Decimal(rate) for rate in ("0.7", "0.91", "90", "0.9", "0.5")
    ]
    assert {one.created_by for one in listed} == {"ann"}
    assert await paykeel.merchants.list_rates(shop.merchant_id, "JPY") == []
    assert len(await paykeel.merchants.list_rates(shop.merchant_id, rows_max=2)) == 2


async def test_a_file_of_rates_is_taken_once_however_often_it_comes(paykeel: Paykeel) -> None:
    shop = await paykeel.merchants.create("Harbour Market")
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(600)]
    lines = ["currency,effective_on,rate", *(f"USD,{day},0.9{day:%j}" for day in days), "EUR,x,1"]
    data = "\n".join(lines).encode()

    first = await paykeel.merchants.import_rates(shop.merchant_id, io.BytesIO(data), author="ann")
    again = await paykeel.merchants.import_rates(shop.merchant_id, io.BytesIO(data), author="ann")

    assert (first.added, first.unchanged, first.rejected) == (600, 0, 1)
    assert (again.added, again.unchanged, again.rejected) == (0, 600, 1)
    assert [(one.line, one.code) for one in first.rejects] == [(602, "rate_of_reference")]
    assert await worth(paykeel, shop, "USD") == int(Decimal(f"0.9{days[-1]:%j}") * 10_000)
    with pytest.raises(InvalidInput):
        await paykeel.merchants.import_rates(shop.merchant_id, io.BytesIO(b"a,b\n"))
    with pytest.raises(NotFound):
        await paykeel.merchants.import_rates(new_id(), io.BytesIO(data))


async def test_rates_are_their_merchants(paykeel: Paykeel, merchant: Merchant) -> None:
    other = await paykeel.merchants.create("Mill Market")
    assert await worth(paykeel, merchant, "USD") is not None
    assert await worth(paykeel, other, "USD") is None


async def test_rates_of_another_reference_currency_do_not_count(paykeel: Paykeel) -> None:
    shop = await paykeel.merchants.create("Harbour Market", reference_currency="EUR")
    await paykeel.merchants.set_rate(shop.merchant_id, "JPY", today(paykeel), "0.006")
    changed = await paykeel.merchants.set_reference_currency(shop.merchant_id, "USD")
    assert changed.reference_currency == "USD"
    assert await worth(paykeel, shop, "JPY") is None
    assert await worth(paykeel, shop, "USD") == 10_000
    await paykeel.merchants.set_rate(shop.merchant_id, "JPY", today(paykeel), "0.0066")
    assert await worth(paykeel, shop, "JPY") == 6_600
    back = await paykeel.merchants.set_reference_currency(shop.merchant_id, "EUR")
    assert back.reference_amount(10_000, "JPY", today(paykeel)) == 6_000


async def test_the_reference_currency_stays_once_sums_were_made_in_it(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO velocity_profiles (merchant_id, key, first_at, last_at)"
        " VALUES ($1, 7, now(), now())",
        merchant.merchant_id,
    )
    with pytest.raises(Refused) as caught:
        await paykeel.merchants.set_reference_currency(merchant.merchant_id, "USD")
    assert caught.value.code == "reference_currency_in_use"
    same = await paykeel.merchants.set_reference_currency(merchant.merchant_id, "EUR")
    assert same.reference_currency == "EUR"
    with pytest.raises(NotFound):
        await paykeel.merchants.set_reference_currency(new_id(), "USD")
    with pytest.raises(InvalidField):
        await paykeel.merchants.set_reference_currency(merchant.merchant_id, "XAU")


async def test_years_of_daily_rates_cost_no_more_to_read(
    paykeel: Paykeel, owner: asyncpg.Connection
) -> None:
    shop = await paykeel.merchants.create("Harbour Market")
    await owner.execute(
        "INSERT INTO reference_rates SELECT $1, 'EUR', c, current_date - n, 1 + n, 'tests', now()"
        " FROM unnest('{USD,JPY,GBP,CHF,SEK}'::text[]) AS c, generate_series(0, 3649) AS n",
        shop.merchant_id,
    )
    found = await paykeel.merchants._read(shop.merchant_id)
    assert {name: len(rates) for name, rates in found.rates.items()} == dict.fromkeys(
        ("USD", "JPY", "GBP", "CHF", "SEK"), 3
    )
    at = paykeel.database.now()
    values = {
        "merchant_id": shop.merchant_id,
        "at": at,
        "until": at + AHEAD,
        "days": _days_around(at),
    }
    async with paykeel.database.connection() as connection:
        plan = await explain(connection, SQL["get_merchant"], values)
    # All of the 18,250 rates take more than 200 pages, without their index.
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 150


async def test_a_refusal_is_written_without_a_payment(
    paykeel: Paykeel, merchant: Merchant, owner: asyncpg.Connection
) -> None:
    facts = facts_of(
        InvalidField("amount", "amount_zero", "…"), amount=0, currency="EUR", buyer_role="agent"
    )
    await RefusalLog(paykeel.database).write(merchant.merchant_id, "amount_zero", facts)
    (row,) = await owner.fetch(
        "SELECT merchant_id, payment_id, decision, reasons, facts->>'amount' AS amount, score,"
        " ruleset, created_at FROM fraud_prevention_logs"
    )
    assert row["merchant_id"] == merchant.merchant_id
    assert (row["payment_id"], row["decision"]) == (None, "refuse")
    assert (row["reasons"], row["amount"]) == (["amount_zero"], "0")
    assert (row["score"], row["ruleset"]) == (0, None)
    assert abs(row["created_at"] - paykeel.database.now()) < timedelta(seconds=5)


OFFER = Offer(amount=1_250, currency="EUR", buyer_id="agent-7", buyer_role="agent")


async def test_every_process_signs_with_the_same_secret(urls: Urls) -> None:
    async with opened(urls) as one, opened(urls) as two:
        shop = await one.merchants.create("Harbour Market")
        first, second = await asyncio.gather(
            *(QuoteService(core.settings, core.database).secrets() for core in (one, two))
        )
        assert first == second
        quote = await one.quotes.sign(shop.merchant_id, OFFER)
        await two.quotes.check_quote(quote.text, OFFER, shop.merchant_id)
        kept = await load_secret(one.database, SECRET_NAME, lambda: b"another one" * 3)
        assert kept == first[0]


async def test_secrets_are_changed_without_refusing_what_was_quoted(urls: Urls) -> None:
    old, new = "o" * 32, "n" * 32
    async with (
        opened(urls, changes={"quote_secrets": old}) as before,
        opened(urls, changes={"quote_secrets": f"{new},{old}"}) as during,
        opened(urls, changes={"quote_secrets": new}) as after,
    ):
        shop = await before.merchants.create("Harbour Market")
        quote = await before.quotes.sign(shop.merchant_id, OFFER)
        await during.quotes.check_quote(quote.text, OFFER, shop.merchant_id)
        with pytest.raises(InvalidField) as caught:
            await after.quotes.check_quote(quote.text, OFFER, shop.merchant_id)
        assert caught.value.code == "quote_signature_wrong"
        newer = await during.quotes.sign(shop.merchant_id, OFFER)
        await after.quotes.check_quote(newer.text, OFFER, shop.merchant_id)
    assert settings_for(urls, quote_secrets="").quote_secrets is None
