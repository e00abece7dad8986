"""The answers agree with the payments that they are about, to the minor unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.labels import NewLabel
from paykeel.metrics import Asked
from tests.database.helpers import buy, recover, reserve
from tests.database.refunding import refund, refunds_of
from tests.reviews import hold
from tests.rulesets import enforce, rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from paykeel import Paykeel
    from paykeel.merchants import Merchant

KINDS = ("summary", "timeseries", "failures", "latency", "revenue", "fraud")
CURRENCIES = ("EUR", "JPY", "KWD")
COLUMNS = (
    "merchant_id", "bucket", "event_type", "outcome", "buyer_role", "currency", "gateway", "reason",
    "slot", "count", "amount", "captured", "refunded",
)  # fmt: skip


async def shop(paykeel: Paykeel, merchant: Merchant) -> None:
    """Purchases with every kind of end, captures, refunds, and some that are still open."""
    methods = ("pm_ok", "pm_ok", "pm_card_declined", "pm_insufficient_funds", "pm_requires_action")
    for number in range(15):
        currency = CURRENCIES[number % 3]
        payment = await buy(
            paykeel,
            merchant,
            f"order-{number}",
            amount=1_000 + 37 * number,
            currency=currency,
            buyer_role=("agent", "operator")[number % 2],
            payment_method=methods[number % len(methods)],
        )
        if number in {0, 1, 5}:
            await refund(paykeel, payment, f"refund-{number}", 333 + number)
    held = await reserve(paykeel, merchant, "reserved", amount=5_000)
    await paykeel.payments.capture(
        held.payment_id,
        merchant_id=merchant.merchant_id,
        idempotency_key="part",
        amount=1_234,
        final=False,
    )
    let_go = await reserve(paykeel, merchant, "let-go", amount=5_000)
    await paykeel.payments.cancel(
        let_go.payment_id, merchant_id=merchant.merchant_id, idempotency_key="cancel"
    )
    await buy(paykeel, merchant, "unknown", payment_method="pm_lost_response")


async def booked(admin: asyncpg.Connection, merchant: Merchant) -> dict[str, tuple[int, int]]:
    """What the payments themselves say, by currency: captured and given back."""
    rows = await admin.fetch(
        """
        SELECT currency, sum(amount_captured)::bigint AS captured,
            sum(amount_refunded)::bigint AS refunded
        FROM payments WHERE merchant_id = $1 GROUP BY currency HAVING sum(amount_captured) > 0
        """,
        merchant.merchant_id,
    )
    return {row["currency"]: (row["captured"], row["refunded"]) for row in rows}


def earned(document: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """What an answer says, by currency."""
    return {one["currency"]: (one["gross"], one["refunds"]) for one in document["revenue"]}


async def test_revenue_is_that_of_the_payments_to_the_minor_unit(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await shop(paykeel, merchant)
    expected = await booked(admin, merchant)
    assert set(expected) == set(CURRENCIES)
    for rolled in (False, True):
        if rolled:
            # Two hours later everything is read from the sums of hours.
            await paykeel.rollup.roll_up(paykeel.database.now() + timedelta(hours=3))
        answer = await paykeel.metrics.revenue(merchant.merchant_id, Asked(group_by="role"))
        assert earned(answer) == expected
        assert earned(await paykeel.metrics.summary(merchant.merchant_id)) == expected
        parts = [earned(group) for group in answer["groups"]]
        assert {
            currency: tuple(sum(part.get(currency, (0, 0))[place] for part in parts)
                            for place in (0, 1))
            for currency in expected
        } == expected  # fmt: skip
        chart = await paykeel.metrics.timeseries(
            merchant.merchant_id, Asked(since="1h", interval="minute")
        )
        points = chart["series"][0]["points"]
        assert {
            currency: (
                sum(one["gross"] for point in points for one in point["revenue"]
                    if one["currency"] == currency),
                sum(one["refunds"] for point in points for one in point["revenue"]
                    if one["currency"] == currency),
            )
            for currency in expected
        } == expected  # fmt: skip
    # The views are read by the application's own role.
    async with paykeel.database.connection() as connection:
        rows = await connection.fetch(
            """
            SELECT currency, sum(gross)::bigint AS gross, sum(refunds)::bigint AS refunds
            FROM metrics_revenue WHERE merchant_id = $1 GROUP BY currency
            """,
            merchant.merchant_id,
        )
    assert {row["currency"]: (row["gross"], row["refunds"]) for row in rows} == expected


async def test_purchases_are_counted_once_by_their_first_end(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await shop(paykeel, merchant)
    await paykeel.stopwatch.flush()
    summary = await paykeel.metrics.summary(merchant.merchant_id)
    rows = await admin.fetch("SELECT status, count(*) AS count FROM payments GROUP BY status")
    statuses: dict[str, int] = {row["status"]: row["count"] for row in rows}
    purchases = summary["purchases"]
    assert purchases["begun"] == sum(statuses.values()) == 18
    # A reservation was its good end, also where it was let go afterwards.
    assert purchases["succeeded"] == statuses["succeeded"] + statuses["authorized"] + 1
    assert (purchases["failed"], purchases["canceled"]) == (statuses["failed"], 0)
    assert purchases["pending"] == statuses["requires_action"] + statuses["processing"] == 4
    reasons = {one["reason"]: one["count"] for one in summary["reasons"]}
    assert reasons == {"card_declined": 3, "insufficient_funds": 3}
    assert summary["latency"]["purchase"]["count"] == purchases["succeeded"] + purchases["failed"]
    await recover(paykeel, admin)
    after = (await paykeel.metrics.summary(merchant.merchant_id))["purchases"]
    assert (after["pending"], after["succeeded"]) == (3, purchases["succeeded"] + 1)


async def test_pending_is_as_it_was_at_the_end_of_the_period(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    now = paykeel.database.now()
    await put(
        admin,
        line(merchant, now - timedelta(days=3), "opened", "", 5),
        line(merchant, now - timedelta(days=1), "succeeded", "succeeded", 4),
    )
    then = await paykeel.metrics.summary(merchant.merchant_id, Asked(since="1d", until="2d"))
    assert then["success"]["per_attempt"] == {
        **then["success"]["per_attempt"],
        "rate_bp": None,
        "pending": 5,
    }
    today = await paykeel.metrics.summary(merchant.merchant_id, Asked(since="2d"))
    assert today["purchases"]["pending"] == 1


async def put(admin: asyncpg.Connection, *lines: tuple[Any, ...]) -> None:
    """Count something, as the statements that move payments do."""
    await admin.copy_records_to_table("payment_metrics", records=lines, columns=COLUMNS)


def line(
    merchant: Merchant, at: datetime, event: str, outcome: str, count: int, **more: Any
) -> tuple[Any, ...]:
    """A row of the minutes."""
    values = {
        "merchant_id": merchant.merchant_id,
        "bucket": at.replace(second=0, microsecond=0),
        "event_type": f"payment.{event}",
        "outcome": outcome,
        "buyer_role": "agent",
        "currency": "EUR",
        "gateway": "placeholder",
        "reason": "",
        "slot": 0,
        "count": count,
        "amount": 0,
        "captured": 0,
        "refunded": 0,
        **more,
    }
    return tuple(values[name] for name in COLUMNS)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
async def test_local_days_are_exact_where_the_clocks_are_changed(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection, zone: str
) -> None:
    clock = ZoneInfo(zone)
    # One purchase every half hour, around the days on which both zones change their clocks.
    start = datetime(2026, 3, 27, tzinfo=UTC)
    instants = [start + timedelta(minutes=30 * step) for step in range(48 * 11)]
    rows = [line(merchant, at, "succeeded", "succeeded", 1, captured=7) for at in instants]
    await put(admin, *rows)
    expected: dict[str, int] = {}
    for at in instants:
        day = at.astimezone(clock).strftime("%Y-%m-%d")
        expected[day] = expected.get(day, 0) + 1
    asked = Asked(since="2026-03-27", until="2026-04-06", interval="day", time_zone=zone)
    for rolled in (False, True):
        if rolled:
            await paykeel.rollup.roll_up()
        chart = await paykeel.metrics.timeseries(merchant.merchant_id, asked)
        points = chart["series"][0]["points"]
        assert len(points) == 10
        for point in points[1:]:
            day = point["since_local"][:10]
            assert point["whole"]
            assert point["purchases"]["succeeded"] == expected[day], day
            assert point["revenue"][0]["gross"] == 7 * expected[day]
        lengths = {point["purchases"]["succeeded"] for point in points[1:]}
        assert lengths == {"Europe/Berlin": {46, 48}, "Asia/Kolkata": {48},
                       "Australia/Lord_Howe": {48, 49}}[zone]  # fmt: skip


async def test_all_of_it_in_the_reference_currency(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    day = datetime(2026, 11, 1, 12, tzinfo=UTC)
    await admin.execute("DELETE FROM reference_rates")
    for on, rate in (("2026-11-01", "0.0058"), ("2026-11-02", "0.0061")):
        await admin.execute(
            """
            INSERT INTO reference_rates (merchant_id, reference_currency, currency, effective_on,
                rate, created_by, created_at)
            VALUES ($1, 'EUR', 'JPY', $2::text::date, $3::text::numeric, 'tests', now())
            """,
            merchant.merchant_id,
            on,
            rate,
        )
    for days, currency, captured, refunded in (
        (-1, "JPY", 900, 0),
        (0, "JPY", 1_001, 500),
        (1, "JPY", 1_000, 0),
        (1, "EUR", 10, 0),
        (1, "KWD", 4_000, 0),
    ):
        at = day + timedelta(days=days)
        await put(
            admin,
            line(
                merchant, at, "succeeded", "", 1,
                currency=currency, captured=captured, refunded=refunded,
            ),
        )  # fmt: skip
    asked = Asked(since="2026-10-31", until="2026-11-03")
    answer = await paykeel.metrics.revenue(merchant.merchant_id, asked, reference=True)
    told = answer["reference"]
    # 1,001 · 0.58 + 1,000 · 0.61 = 1,190.58, and 10.
    assert (told["currency"], told["gross"], told["refunds"]) == ("EUR", 1_201, 290)
    assert [
        (one["currency"], one["gross"], one["since"][:10], one["until"][:10])
        for one in told["not_converted"]
    ] == [("JPY", 900, "2026-10-31", "2026-11-01"), ("KWD", 4_000, "2026-11-02", "2026-11-03")]
    with pytest.raises(InvalidField) as refused:
        await paykeel.metrics.revenue(merchant.merchant_id, Asked(since="367d"), reference=True)
    assert refused.value.code == "period_too_long"
    with pytest.raises(NotFound):
        await paykeel.metrics.revenue(UUID(int=0), asked, reference=True)


async def test_fraud_says_what_was_stopped_what_waits_and_the_ratio(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await hold(paykeel, admin, merchant.merchant_id)
    paid = [await buy(paykeel, merchant, f"paid-{n}", amount=900) for n in range(4)]
    held = [await buy(paykeel, merchant, f"held-{n}", amount=2_000) for n in range(3)]
    await paykeel.reviews.reject(
        held[0].payment_id, merchant_id=merchant.merchant_id, operator="Ada", note="No."
    )
    await paykeel.refusals.write(merchant.merchant_id, "quote_amount_differs", {"code": "x"})
    await paykeel.alerts.look()
    for place, source in ((0, "early_warning"), (1, "chargeback"), (2, "chargeback")):
        await paykeel.labels.add(
            NewLabel(payment_id=paid[place].payment_id, label="fraud", source=source),
            merchant_id=merchant.merchant_id,
            author="Ada",
        )
    await refunds_of(paykeel).open_dispute(
        paid[1].payment_id,
        merchant_id=merchant.merchant_id,
        dispute_id="d-1",
        amount=900,
        operator="Ada",
    )
    answer = await paykeel.metrics.fraud(merchant.merchant_id)
    assert (answer["blocked"]["numerator"], answer["blocked"]["by_people"]) == (1, 1)
    assert answer["blocked"]["amounts"] == [{"currency": "EUR", "exponent": 2, "amount": 2_000}]
    assert answer["refusals"] == [{"code": "quote_amount_differs", "count": 1}]
    assert (answer["reviews"]["open"], answer["reviews"]["overdue"]) == (2, 0)
    assert answer["alerts"] == {"open": 1, "card_testing": 0, "kinds": {"amount_tampering": 1}}
    # One report, one dispute that is noted, one that is only labelled: 3 of 4.
    vamp = answer["vamp"]
    assert (vamp["fraud_reports"], vamp["disputes"], vamp["succeeded"]) == (1, 2, 4)
    assert vamp["ratio_bp"] == 7_500
    filtered = await paykeel.metrics.fraud(merchant.merchant_id, Asked(currency="JPY"))
    assert (filtered["refusals"], filtered["blocked"]["numerator"]) == (None, 0)


async def test_what_rules_block_is_told_by_their_reasons(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await enforce(
        paykeel,
        admin,
        merchant.merchant_id,
        {
            "ruleset": "strict",
            "rules": [
                rule("dear", "payment.amount > 1000", "block"),
                rule("very_dear", "payment.amount > 5000", "block"),
            ],
        },
    )
    await buy(paykeel, merchant, "one", amount=2_000)
    await buy(paykeel, merchant, "two", amount=6_000, currency="JPY", buyer_role="operator")
    answer = await paykeel.metrics.fraud(merchant.merchant_id)
    assert answer["blocked"]["numerator"] == 2
    assert {one["reason"]: one["count"] for one in answer["by_reason"]} == {
        "dear": 2,
        "very_dear": 1,
    }
    (first, *_) = answer["by_reason"]
    assert [(one["currency"], one["amount"]) for one in first["amounts"]] == [
        ("EUR", 2_000),
        ("JPY", 6_000),
    ]
    only = await paykeel.metrics.fraud(merchant.merchant_id, Asked(role="agent"))
    assert {one["reason"]: one["count"] for one in only["by_reason"]} == {"dear": 1}


async def test_nobody_sees_another_merchants_figures(paykeel: Paykeel, merchant: Merchant) -> None:
    await shop(paykeel, merchant)
    other = await paykeel.merchants.create("Other", "test")
    summary = await paykeel.metrics.summary(other.merchant_id)
    assert summary["purchases"]["begun"] == summary["purchases"]["pending"] == 0
    assert summary["revenue"] == []
    fraud = await paykeel.metrics.fraud(other.merchant_id)
    assert (fraud["reviews"]["open"], fraud["alerts"]["open"]) == (0, 0)


async def test_durations_have_no_currency(paykeel: Paykeel, merchant: Merchant) -> None:
    with pytest.raises(InvalidField) as refused:
        await paykeel.metrics.latency(merchant.merchant_id, Asked(currency="EUR"))
    assert refused.value.code == "latency_has_no_currency"
    summary = await paykeel.metrics.summary(merchant.merchant_id, Asked(currency="EUR"))
    assert summary["latency"] is None


async def test_the_views_agree_with_the_answers_before_and_after_summing_up(
    paykeel: Paykeel, merchant: Merchant, admin: asyncpg.Connection
) -> None:
    await shop(paykeel, merchant)
    await paykeel.stopwatch.flush()
    summary = await paykeel.metrics.summary(merchant.merchant_id)
    for rolled in (False, True):
        if rolled:
            await paykeel.rollup.roll_up(paykeel.database.now() + timedelta(days=2, hours=3))
        (row,) = await admin.fetch(
            """
            SELECT sum(begun)::bigint AS begun, sum(succeeded)::bigint AS succeeded,
                sum(failed)::bigint AS failed, sum(canceled)::bigint AS canceled
            FROM metrics_purchases WHERE merchant_id = $1
            """,
            merchant.merchant_id,
        )
        assert dict(row) == {name: summary["purchases"][name] for name in dict(row)}
        rows = await admin.fetch(
            """
            SELECT reason, sum(failed)::bigint AS failed
            FROM metrics_failures WHERE merchant_id = $1 GROUP BY reason
            """,
            merchant.merchant_id,
        )
        assert {row["reason"]: row["failed"] for row in rows} == {
            one["reason"]: one["count"] for one in summary["reasons"]
        }
        (timed,) = await admin.fetch(
            """
            SELECT sum(count)::bigint AS count, bool_and(upper_us >= 1) AS bounded
            FROM metrics_latency WHERE merchant_id = $1 AND stage = 'purchase'
            """,
            merchant.merchant_id,
        )
        assert dict(timed) == {"count": summary["latency"]["purchase"]["count"], "bounded": True}
