"""Purchases that are judged together are judged as one after the other would be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paykeel import Paykeel, Signals
from paykeel.db.sql import load
from paykeel.fraud.ruleset import Aggregate, Outcome, Velocity
from paykeel.fraud.velocity import Tally, value_of
from paykeel.payments.model import PurchaseRequest
from tests.conftest import order, settings_for
from tests.rulesets import enforce, rule

if TYPE_CHECKING:
    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls

LOOK = load("paykeel.fraud")["look"]
LOOK_BACK = load("paykeel.fraud", "backtest.sql")["windows_then"]
RULESET: dict[str, Any] = {
    "ruleset": "several",
    "velocities": {
        "often": {"key": "buyer", "aggregate": "count", "outcome": "attempted", "window": "1h"},
        "much": {"key": "buyer", "aggregate": "sum", "outcome": "attempted", "window": "1h"},
        "cards": {
            "key": "ip",
            "aggregate": "distinct",
            "of": "card",
            "outcome": "attempted",
            "window": "1h",
            "cap": 5,
        },
        "dearest": {
            "key": "ip",
            "aggregate": "maximum",
            "outcome": "attempted",
            "window": "1h",
        },
    },
    "rules": [
        rule("often", "velocity.often >= 4"),
        rule("much", "velocity.much + payment.amount_ref > 2000"),
        rule("cards", "velocity.cards >= 3", quarantine={"key": "card", "for": "1h"}),
        rule("dear", "velocity.dearest >= 900 && profile.buyer.attempts > 1", "review"),
    ],
}

PURCHASES = st.lists(
    st.tuples(
        st.sampled_from(["agent-1", "agent-2", "agent-3"]),
        st.sampled_from(["card-1", "card-2", "card-3", "card-4"]),
        st.sampled_from(["203.0.113.9", "198.51.100.7"]),
        st.sampled_from([100, 400, 900]),
        # Which of the purchases before it repeats, if any.
        st.sampled_from([None, None, None, 0, 1, 2]),
    ),
    min_size=2,
    max_size=12,
)


def requests(drawn: list[tuple[Any, ...]]) -> list[tuple[str, PurchaseRequest]]:
    made: list[tuple[str, PurchaseRequest]] = []
    for number, (buyer, card, ip, amount, repeats) in enumerate(drawn):
        if repeats is not None and repeats < number:
            made.append(made[repeats])
            continue
        signals = Signals(card_fingerprint=card, ip=ip)
        made.append((f"order-{number}", order(buyer_id=buyer, amount=amount, signals=signals)))
    return made


@pytest.mark.timeout(300)
async def test_a_batch_is_judged_as_one_after_the_other_would_be(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    # One lane: what arrives while the first is judged is one batch, in the order of arrival.
    async with Paykeel.open(settings_for(urls, batch_lanes=1)) as paykeel:
        loop = asyncio.get_running_loop()

        async def compare(drawn: list[tuple[Any, ...]]) -> None:
            together, alone = [
                await paykeel.merchants.create(name) for name in ("Harbour Market", "Mill Market")
            ]
            for merchant in (together, alone):
                await enforce(paykeel, admin, merchant.merchant_id, RULESET)
            wanted = requests(drawn)

            async def buy(merchant: Merchant, key: str, request: PurchaseRequest) -> str:
                payment = await paykeel.payments.purchase(
                    request, merchant_id=merchant.merchant_id, idempotency_key=key
                )
                return str(payment.status)

            at_once = await asyncio.gather(*(buy(together, *one) for one in wanted))
            in_turn = [await buy(alone, *one) for one in wanted]
            assert at_once == in_turn

        @settings(
            max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        @given(PURCHASES)
        def run(drawn: list[tuple[Any, ...]]) -> None:
            asyncio.run_coroutine_threadsafe(compare(drawn), loop).result(120)

        await asyncio.to_thread(run)


async def test_what_no_window_reaches_is_purged(urls: Urls, admin: asyncpg.Connection) -> None:
    async with Paykeel.open(settings_for(urls, fraud_default_ruleset="default")) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        for number in range(3):
            await paykeel.payments.purchase(
                order(), merchant_id=merchant.merchant_id, idempotency_key=f"order-{number}"
            )
        assert await paykeel.fraud.purge() == 0
        await admin.execute(
            "UPDATE velocity_entries SET occurred_at = occurred_at - interval '32 days'"
            " WHERE outcome = 'succeeded'"
        )
        assert await paykeel.fraud.purge() == 3
        assert await paykeel.fraud.purge() == 0
        left = await admin.fetch("SELECT DISTINCT outcome FROM velocity_entries")
        assert [row["outcome"] for row in left] == ["attempted"]


async def test_a_window_reads_every_day_that_it_reaches_into_and_no_more_than_its_cap(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    async with Paykeel.open(settings_for(urls)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        await admin.execute(
            "INSERT INTO velocity_entries"
            " (merchant_id, key, outcome, occurred_at, payment_id, amount_ref)"
            # One entry every eight hours, from now to 33 days ago: some at each side of midnight.
            " SELECT $1, 7, 'attempted', now() - n * interval '8 h',"
            " gen_random_uuid(), n FROM generate_series(0, 99) AS n",
            merchant.merchant_id,
        )
        # Seconds back, rows at most, and the first alone; then which entries that must be.
        wanted = [
            (30 * 86_400, 1_000, False, range(90)),
            (30 * 86_400, 20, False, range(20)),
            (30 * 86_400, 4, False, range(4)),
            (30 * 86_400, 1, True, [89]),
            # Nothing happened in its first week.
            (40 * 86_400, 1, True, [99]),
            (100_000, 1_000, False, range(4)),
            (100_000, 1, True, [3]),
            (3_600, 1_000, False, [0]),
        ]
        asked = {
            "merchant_id": merchant.merchant_id,
            "keys": [7] * len(wanted),
            "outcomes": ["attempted"] * len(wanted),
            "windows_s": [one[0] for one in wanted],
            "rows_max": [one[1] for one in wanted],
            "of_kinds": [None] * len(wanted),
            "oldest": [one[2] for one in wanted],
        }
        rows = await paykeel.database.fetch(LOOK, **asked, profile_keys=[], idempotency_keys=[])
        present = {row["number"]: row for row in rows if row["what"] == "window"}
        # A trial on the past reads what a purchase at that moment would have read.
        ats = [await admin.fetchval("SELECT clock_timestamp()")] * len(wanted)
        rows = await paykeel.database.fetch(
            LOOK_BACK, **asked, ats=ats, payment_ids=[UUID(int=2**128 - 1)] * len(wanted)
        )
        past = {row["number"]: row for row in rows}
        for number, (_, _, _, entries) in enumerate(wanted, 1):
            for row in (present[number], past[number]):
                assert (row["count"], row["total"]) == (len(entries), sum(entries))
                assert row["last_at"] - row["first_at"] == timedelta(hours=8) * (len(entries) - 1)
                assert row["highest"] == max(entries)


async def test_what_a_clock_wrote_that_went_before_counts_over_midnight(
    urls: Urls, admin: asyncpg.Connection
) -> None:
    half_past = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    told = f"timestamptz '{half_past.isoformat()}'"
    look = replace(LOOK, text=LOOK.text.replace("clock_timestamp()", told))
    async with Paykeel.open(settings_for(urls)) as paykeel:
        merchant = await paykeel.merchants.create("Harbour Market")
        await admin.execute(
            "INSERT INTO velocity_entries (merchant_id, key, outcome, occurred_at, payment_id)"
            " SELECT $1, 7, 'attempted', $2::timestamptz + n * interval '20 min',"
            " gen_random_uuid() FROM generate_series(-1, 2) AS n",
            merchant.merchant_id,
            half_past,
        )
        rows = await paykeel.database.fetch(
            look,
            merchant_id=merchant.merchant_id,
            keys=[7],
            outcomes=["attempted"],
            windows_s=[3_600],
            rows_max=[100],
            of_kinds=[None],
            oldest=[False],
            profile_keys=[],
            idempotency_keys=[],
        )
        assert [row["count"] for row in rows if row["what"] == "window"] == [4]


def test_an_empty_window_says_nothing_of_the_largest() -> None:
    def value(aggregate: Aggregate) -> object:
        velocity = Velocity(
            name="v",
            key="buyer",
            aggregate=aggregate,
            outcome=Outcome.ATTEMPTED,
            window_s=60,
            cap=10,
            of="card" if aggregate is Aggregate.DISTINCT else None,
        )
        return value_of(velocity, Tally(), datetime(2026, 11, 23, tzinfo=UTC))

    assert {aggregate: value(aggregate) for aggregate in Aggregate} == {
        Aggregate.COUNT: 0,
        Aggregate.SUM: 0,
        Aggregate.DISTINCT: 0,
        Aggregate.AVERAGE: None,
        Aggregate.MAXIMUM: None,
        Aggregate.SECONDS_SINCE_FIRST: None,
        Aggregate.SECONDS_SINCE_LAST: None,
    }
