"""Trying rules on the past: at the point in time, and what is counted."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from paykeel import Paykeel, Signals
from paykeel.clock import new_id
from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.backtest import PAGE_ROWS, Backtests, Period
from paykeel.fraud.engine import CelEngine
from paykeel.fraud.hindsight import Hindsight, Past
from paykeel.fraud.judge import compile_ruleset
from paykeel.fraud.labels import NewLabel
from paykeel.fraud.rules import default_ruleset_text, read_ruleset, read_ruleset_text
from tests.conftest import settings_for
from tests.database.helpers import buy
from tests.database.shopping import VELOCITIES, asking, logged, shopping
from tests.rulesets import enforce, rule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from uuid import UUID

    import asyncpg

    from paykeel.merchants import Merchant
    from tests.servers import Urls


@pytest.fixture
async def judging(urls: Urls) -> AsyncIterator[Paykeel]:
    settings = settings_for(urls, fraud_default_ruleset="default", merchant_cache_ms=0)
    async with Paykeel.open(settings) as opened:
        yield opened


@pytest.fixture
async def shop(judging: Paykeel) -> Merchant:
    return await judging.merchants.create("Harbour Market", "test")


async def completed(
    judging: Paykeel, shop: Merchant, document: Mapping[str, Any]
) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    """What is recomputed of each decision, and what was logged of it."""
    engine = CelEngine()
    compiled = compile_ruleset(read_ruleset(document, engine), engine)
    hindsight = Hindsight(compiled, shop.merchant_id, engine)
    page = [Past(row, {}) for row in await logged(judging)]
    async with judging.database.connection() as connection:
        await hindsight.complete(connection, page)
    return [(dict(one.attributes), one.row["facts"]) for one in page]


def period(judging: Paykeel, **changes: Any) -> Period:
    now = judging.database.now() + timedelta(seconds=1)
    return Period(**{"since": now - timedelta(days=30), "until": now, **changes})


async def test_what_is_recomputed_is_what_the_live_judge_read(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    await enforce(judging, admin, shop.merchant_id, asking())
    await shopping(judging, shop, 30)
    same = await completed(judging, shop, asking("again_"))
    assert len(same) == 30
    seen: dict[str, set[str]] = {name: set() for name in VELOCITIES}
    for attributes, facts in same:
        for name in VELOCITIES:
            live, now = facts.get(f"velocity.{name}"), attributes.get(f"velocity.again_{name}")
            assert (str(now) == "Unknown.CAPPED") == (live == {"capped": True}), name
            assert live in (now, {"capped": True}), name
            seen[name].add(str(live))
    assert all(len(values) > 1 for name, values in seen.items() if name not in {"first", "last"})
    assert "{'capped': True}" in seen["small_sum"]


async def test_purchases_of_one_batch_are_counted_in_some_order(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    await enforce(judging, admin, shop.merchant_id, asking())
    await asyncio.gather(*(buy(judging, shop, f"order-{n}", amount=n + 1) for n in range(32)))
    same = await completed(judging, shop, asking("again_"))
    live = sorted(facts["velocity.short"] for _, facts in same)
    assert sorted(attributes["velocity.again_short"] for attributes, _ in same) == live
    assert live == sorted(set(live)), "each was counted for the next"


async def test_nothing_that_was_known_later_is_seen(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    card = Signals(card_fingerprint="card-1", ip="203.0.113.9")
    first = await buy(judging, shop, "first", signals=card)
    label = NewLabel(label="fraud", source="chargeback", payment_id=first.payment_id)
    await judging.labels.add(label, merchant_id=shop.merchant_id, author="ann")
    await buy(judging, shop, "second", signals=card)
    disputes = {"key": "card", "aggregate": "count", "outcome": "disputed", "window": "30d"}
    candidate = {
        "ruleset": "candidate",
        "lists": ["odd"],
        "velocities": {"disputes": disputes},
        "rules": [rule("disputed", "velocity.disputes >= 1 || list.odd")],
    }
    key = await admin.fetchval("SELECT keys[1] FROM velocity_attempts LIMIT 1")
    await admin.execute(
        "INSERT INTO fraud_lists (merchant_id, key, list, kind, reason, author, created_at)"
        " VALUES ($1, $2, 'odd', 'card', 'x', 'ann', now())",
        shop.merchant_id,
        key,
    )
    before, after = (attributes for attributes, _ in await completed(judging, shop, candidate))
    assert before == {"velocity.disputes": 0, "list.odd": False}
    assert after == {"velocity.disputes": 1, "list.odd": False}
    await buy(judging, shop, "third", signals=card)
    third = (await completed(judging, shop, candidate))[-1][0]
    assert third == {"velocity.disputes": 1, "list.odd": True}
    report = await judging.backtests.run(
        read_ruleset(candidate), merchant_id=shop.merchant_id, period=period(judging)
    )
    assert report.document["recomputed"] == {"velocity.disputes": 3}
    assert report.document["lists_as_of_now"] == {"list.odd": 3}
    assert report.document["rules"][0]["matched"] == 2
    assert report.document["rules"][0]["recall"] == 0.0, "its own dispute came later"


async def test_another_definition_under_the_same_name_counts_as_new(
    judging: Paykeel, shop: Merchant
) -> None:
    for n in range(4):
        await buy(judging, shop, f"order-{n}")
    velocity = {"key": "buyer", "aggregate": "count", "outcome": "attempted", "window": "1h"}
    for cap, expected in ((20, {}), (2, {"velocity.buyer_attempts_1h": 4})):
        candidate = {
            "ruleset": "candidate",
            "velocities": {"buyer_attempts_1h": {**velocity, "cap": cap}},
            "rules": [rule("often", "velocity.buyer_attempts_1h >= 2")],
        }
        report = await judging.backtests.run(
            read_ruleset(candidate), merchant_id=shop.merchant_id, period=period(judging)
        )
        assert report.document["recomputed"] == expected
        assert report.document["rules"][0]["matched"] == 2


async def test_a_report_counts_what_happened_and_is_kept(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    await shopping(judging, shop, 12)
    paid = await judging.payments.list(merchant_id=shop.merchant_id, rows_max=50)
    by_reference = {payment.reference: payment for payment in paid.payments}
    who: dict[str, Any] = {"merchant_id": shop.merchant_id, "author": "ann"}
    for reference, label in (("A-0", "fraud"), ("A-2", "genuine")):
        payment = by_reference[reference]
        new = NewLabel(label=label, source="chargeback", payment_id=payment.payment_id)
        await judging.labels.add(new, **who)
    ruleset = read_ruleset(
        {
            "ruleset": "candidate",
            "rules": [
                rule("early", "payment.amount < 1004"),
                rule("foreign", "ip.country == 'NO'", "review"),
                rule("late", "payment.amount > 1002", "challenge"),
            ],
        }
    )
    steps: list[tuple[int, int]] = []
    report = await judging.backtests.run(
        ruleset,
        merchant_id=shop.merchant_id,
        period=period(judging),
        store_as="ann",
        on_progress=lambda done, total: steps.append((done, total)),
    )
    found = report.document
    assert steps == [(12, 12)]
    assert found["sha256"] == ruleset.sha256
    assert found["labels"] == {"fraud": 1, "genuine": 1, "unlabelled": 10}
    assert found["categories"]["disputed"]["block"] == 1
    assert found["categories"]["declined"] == {
        "block": 1, "review": 0, "challenge": 2, "allow": 0,
    }  # fmt: skip
    assert found["good"]["block"]["amount_by_currency"] == {"EUR": 1_002 + 1_003}
    assert found["at_least"]["block"]["precision"] == round(1 / 3, 4)
    assert found["at_least"]["block"]["recall"] == 1.0
    early, foreign, late = found["rules"]
    assert early["matched"] == 4
    assert foreign["unanswered"] == {"missing:ip.country": 12}
    assert found["overlap"] == [{"rules": ["early", "late"], "purchases": 1}]
    assert late["alone"] == 8
    assert found["reference_currency"] == "EUR"
    kept = await admin.fetchrow(
        "SELECT backtest_id, ruleset, ruleset_sha256, decisions, report, created_by"
        " FROM fraud_backtests"
    )
    assert kept is not None
    assert (kept["backtest_id"], kept["decisions"]) == (report.backtest_id, 12)
    assert kept["ruleset_sha256"].hex() == ruleset.sha256
    assert json.loads(kept["report"])["rules"] == found["rules"]
    unkept = await judging.backtests.run(
        ruleset, merchant_id=shop.merchant_id, period=period(judging)
    )
    assert unkept.backtest_id is None
    assert await admin.fetchval("SELECT count(*) FROM fraud_backtests") == 1


async def test_the_live_ruleset_would_decide_as_it_did(judging: Paykeel, shop: Merchant) -> None:
    await shopping(judging, shop, 30)
    report = await judging.backtests.run(
        read_ruleset_text(default_ruleset_text()),
        merchant_id=shop.merchant_id,
        period=period(judging),
    )
    assert report.document["decisions"] == 30
    assert report.document["changes"] == []
    assert report.document["recomputed"] == {}


async def test_a_window_that_may_have_lost_entries_is_missing(
    judging: Paykeel, shop: Merchant
) -> None:
    await shopping(judging, shop, 3)
    backtests = Backtests(judging.database, entries_kept=timedelta(0))
    candidate = read_ruleset(
        {
            "ruleset": "candidate",
            "velocities": {"new": {**VELOCITIES["count"], "window": "2h"}},
            "rules": [rule("new", "velocity.new >= 1")],
        }
    )
    report = await backtests.run(candidate, merchant_id=shop.merchant_id, period=period(judging))
    assert report.document["not_recomputed"] == {"velocity.new": 3}
    assert report.document["rules"][0]["unanswered"] == {"missing:velocity.new": 3}


async def copy_log(admin: asyncpg.Connection, times: int) -> None:
    """Let the first payment have happened so often, a minute apart, with the same facts."""
    await admin.execute(
        """
        WITH copies AS MATERIALIZED (
            SELECT n, gen_random_uuid() AS payment_id,
                (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0')
                    || substr(md5(n::text), 1, 20))::uuid AS log_id
            FROM generate_series(1, $1::int) AS n
        ), paid AS (
            INSERT INTO payments (merchant_id, payment_id, idempotency_key, status, amount,
                currency, exponent, amount_authorized, amount_captured, capture_method, buyer_id,
                buyer_role, payment_method, gateway, created_at, updated_at, finished_at)
            SELECT p.merchant_id, c.payment_id, 'copy-' || c.n, p.status, p.amount, p.currency,
                p.exponent, p.amount_authorized, p.amount_captured, p.capture_method, p.buyer_id,
                p.buyer_role, p.payment_method, p.gateway, p.created_at, p.updated_at, p.finished_at
            FROM copies c CROSS JOIN payments p
        )
        INSERT INTO fraud_prevention_logs (merchant_id, log_id, payment_id, decision, rules, facts,
            created_at, ruleset, ruleset_version, ruleset_sha256, engine)
        SELECT l.merchant_id, c.log_id, c.payment_id, l.decision, l.rules, l.facts, l.created_at,
            l.ruleset, l.ruleset_version, l.ruleset_sha256, l.engine
        FROM copies c CROSS JOIN fraud_prevention_logs l
        """,
        times,
    )


async def test_a_long_past_is_read_page_by_page(
    judging: Paykeel, shop: Merchant, admin: asyncpg.Connection
) -> None:
    await buy(judging, shop)
    await copy_log(admin, 2 * PAGE_ROWS + 10)
    steps: list[int] = []
    report = await judging.backtests.run(
        read_ruleset_text(default_ruleset_text()),
        merchant_id=shop.merchant_id,
        period=period(judging),
        on_progress=lambda done, _total: steps.append(done),
    )
    assert steps == [PAGE_ROWS, 2 * PAGE_ROWS, 2 * PAGE_ROWS + 11]
    assert report.document["categories"]["succeeded"]["allow"] == 2 * PAGE_ROWS + 11


async def test_only_the_period_and_the_merchant_are_read(judging: Paykeel, shop: Merchant) -> None:
    await shopping(judging, shop, 2)
    middle = judging.database.now()
    await asyncio.sleep(0.02)
    await buy(judging, shop, "after")
    other = await judging.merchants.create("Elsewhere", "test")
    ruleset = read_ruleset_text(default_ruleset_text())
    for given, merchant_id, expected in (
        ({"until": middle}, shop.merchant_id, 2),
        ({"since": middle}, shop.merchant_id, 1),
        ({}, other.merchant_id, 0),
    ):
        report = await judging.backtests.run(
            ruleset, merchant_id=merchant_id, period=period(judging, **given)
        )
        assert report.document["decisions"] == expected


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"days": 0}, "period_empty"), ({"days": 4_000}, "period_too_long")],
)
def test_what_is_no_period_is_refused(changes: dict[str, int], code: str) -> None:
    end = datetime(2026, 11, 23, tzinfo=UTC)
    with pytest.raises(InvalidField) as refused:
        Period(since=end - timedelta(**changes), until=end)
    assert refused.value.code == code


async def test_what_is_out_of_range_is_refused(judging: Paykeel, shop: Merchant) -> None:
    ruleset = read_ruleset_text(default_ruleset_text())
    run: dict[str, Any] = {"merchant_id": shop.merchant_id, "period": period(judging)}
    with pytest.raises(InvalidField):
        await judging.backtests.run(ruleset, **run, examples_max=101)
    with pytest.raises(InvalidField):
        await judging.backtests.run(ruleset, **run, store_as="")
    stranger: UUID = new_id()
    with pytest.raises(NotFound):
        await judging.backtests.run(ruleset, **{**run, "merchant_id": stranger})
