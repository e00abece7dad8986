"""What an answer is compared with, what it needs not be cut for, and when it is complete."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from paykeel import Paykeel
from paykeel.metrics import Asked
from tests.conftest import settings_for
from tests.database.helpers import buy

if TYPE_CHECKING:
    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls

KINDS = ("summary", "timeseries", "failures", "latency", "revenue", "fraud")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_has_nothing_before_it_is_told_without_a_comparison(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, kind: str
) -> None:
    await buy(paykeel, merchant, "one", amount=1_000)
    await paykeel.stopwatch.flush()
    tell = getattr(paykeel.metrics, kind)
    document = await tell(
        merchant.merchant_id, Asked(since="2000-01-01", until="2001-01-01", interval="month")
    )
    assert document["comparison"] is None
    assert document["comparison_missing"] == "before_first_instant"
    # Yesterday's minutes are gone, and today's are not.
    now = paykeel.database.now()
    await admin.execute(
        "INSERT INTO metric_watermarks (merchant_id, hours_to, days_to, minutes_from) "
        "VALUES ($1, $2, $2, $2)",
        merchant.merchant_id,
        now.replace(hour=0, minute=0, second=0, microsecond=0),
    )
    usual = await tell(merchant.merchant_id)
    assert usual["comparison"] is not None
    until = (now + timedelta(minutes=1)).isoformat()
    document = await tell(
        merchant.merchant_id, Asked(since=now.date().isoformat(), until=until, interval="hour")
    )
    if now.minute < 59:
        assert document["comparison_missing"] == "metrics_resolution_gone"
        for name, part in (("purchases", None), ("failure", None), ("blocked", "change")):
            if name in document and kind != "timeseries":
                assert document[name][part or "before"] is None
                assert document[name]["before"] is None
        assert all(one["before"] is None for one in document.get("revenue", ()))
        assert {one["before"] for one in document.get("stages", {}).values()} <= {None}
    if kind == "summary":
        assert (document["purchases"]["begun"], document["purchases"]["pending"]) == (1, 0)
        assert [one["gross"] for one in document["revenue"]] == [1_000]
        assert document["latency"]["purchase"]["count"] == 1


async def test_the_settings_say_when_everything_is_counted(urls: Urls) -> None:
    settings = settings_for(
        urls, statement_ms_max=2_000, pool_wait_ms_max=1_000, metrics_flush_ms=4_000
    )
    async with Paykeel.open(settings) as core:
        shop = await core.merchants.create("Harbour Market", "test")
        for kind, seconds in (("summary", 10), ("revenue", 6), ("latency", 10), ("failures", 6)):
            told = await getattr(core.metrics, kind)(shop.merchant_id)
            ago = core.database.now() - datetime.fromisoformat(told["as_of"])
            assert timedelta(seconds=seconds) <= ago < timedelta(seconds=seconds + 2)


@pytest.mark.parametrize("kind", ["summary", "revenue", "failures", "latency", "fraud"])
async def test_ten_years_are_told_where_they_are_not_cut(
    paykeel: Paykeel, merchant: Merchant, kind: str
) -> None:
    document = await getattr(paykeel.metrics, kind)(merchant.merchant_id, Asked(since="3650d"))
    assert document["comparison"] is not None
