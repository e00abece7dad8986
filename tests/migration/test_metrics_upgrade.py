"""Metrics from before durations and outcomes were kept are recounted from history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from paykeel import Paykeel
from paykeel.db.migrate import load_migrations, migrate
from paykeel.gateways import placeholder
from paykeel.metrics.histogram import place_of
from paykeel.metrics.reading import read_latencies, read_series
from paykeel.payments.states import edges, outcome
from tests.conftest import settings_for
from tests.migration.test_refunds_upgrade import _ATTEMPT, _PAYMENTS
from tests.servers import Urls

if TYPE_CHECKING:
    from tests.migration.conftest import Connect, EmptyDatabase

MERCHANT = UUID(int=1)
SOLD, FAILED, HELD, OPEN = (UUID(int=number) for number in range(2, 6))
AT = datetime(2026, 6, 1, 23, 59, 59, 500_000, tzinfo=UTC)
#: As old metrics were: wrong ones, since history is the truth.
_OLD = """
    INSERT INTO payment_metrics (
        merchant_id, bucket, event_type, buyer_role, currency, gateway, reason, slot, count, amount)
    VALUES ($1, date_trunc('minute', $2::timestamptz), 'payment.opened', 'agent', 'EUR',
        'placeholder', '', 5, 77, 123)
"""
_EVENT = """
    INSERT INTO payment_events (
        merchant_id, payment_id, sequence, type, from_status, to_status, amount, authorized_delta,
        captured_delta, refunded_delta, reason, actor, occurred_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'request', $12)
"""
_MOVES = (
    (SOLD, "payment.opened", "new", "pending", 1_000, 0, 0, 0, None, 0),
    (SOLD, "payment.succeeded", "pending", "succeeded", 1_000, 1_000, 1_000, 0, None, 750_000),
    (SOLD, "payment.refunded", "succeeded", "succeeded", 400, 0, 0, 400, "other", 9_000_000),
    (FAILED, "payment.opened", "new", "pending", 1_000, 0, 0, 0, None, 0),
    (FAILED, "payment.failed", "pending", "failed", 1_000, 0, 0, 0, "card_declined", 1),
    (HELD, "payment.opened", "new", "pending", 1_000, 0, 0, 0, None, 0),
    (HELD, "payment.authorized", "pending", "authorized", 1_000, 1_000, 0, 0, None, 2_000),
    (HELD, "payment.captured", "authorized", "succeeded", 1_000, 0, 1_000, 0, None, 3_600_000_000),
    (OPEN, "payment.opened", "new", "pending", 1_000, 0, 0, 0, None, 0),
)


async def put_old(owner: asyncpg.Connection) -> None:
    """A payment that was refunded in part, one that failed, one captured later, one not settled."""
    await owner.execute(
        "INSERT INTO merchants (merchant_id, name, mode) VALUES ($1, 'Market', 'test')", MERCHANT
    )
    updated = {move[0]: AT + timedelta(microseconds=move[-1]) for move in _MOVES}
    for payment_id, status, version, captured, refunded, reason in (
        (SOLD, "succeeded", 3, 1_000, 400, None),
        (FAILED, "failed", 2, 0, 0, "card_declined"),
        (HELD, "succeeded", 3, 1_000, 0, None),
        (OPEN, "pending", 1, 0, 0, None),
    ):
        await owner.execute(
            _PAYMENTS, MERCHANT, payment_id, f"order-{payment_id}", status, version, captured,
            captured, 0, reason, AT, None if status == "pending" else AT,
        )  # fmt: skip
        await owner.execute(
            "UPDATE payments SET amount_refunded = $2, updated_at = $3 WHERE payment_id = $1",
            payment_id, refunded, updated[payment_id],
        )  # fmt: skip
        due = AT if status == "pending" else None
        state = "open" if due else "done"
        done = None if due else AT
        await owner.execute(
            _ATTEMPT, MERCHANT, payment_id, 1, "charge", str(payment_id), state, due, AT, done
        )
    sequences: dict[UUID, int] = {}
    for payment_id, *event, after_us in _MOVES:
        sequences[payment_id] = sequences.get(payment_id, 0) + 1
        at = AT + timedelta(microseconds=after_us)
        await owner.execute(_EVENT, MERCHANT, payment_id, sequences[payment_id], *event, at)
    await owner.execute(_OLD, MERCHANT, AT)


@pytest.fixture
async def owner(database: EmptyDatabase, connect: Connect) -> asyncpg.Connection:
    """The owner of a database with old payments and all migrations."""
    before = [one for one in load_migrations() if one.version < 9]
    await migrate(database.owner_url, lock_ms_max=5_000, migrations=before)
    old = await connect(database.owner_url)
    await put_old(old)
    await migrate(database.owner_url, lock_ms_max=5_000)
    return await connect(database.owner_url)


async def test_old_minutes_are_recounted_with_outcome_captured_and_refunded(
    owner: asyncpg.Connection,
) -> None:
    rows = await owner.fetch(
        "SELECT bucket, event_type, outcome, reason, slot, count, amount::bigint, captured::bigint,"
        " refunded::bigint FROM payment_metrics ORDER BY event_type"
    )
    day = datetime(2026, 6, 1, tzinfo=UTC)
    last, first = day + timedelta(hours=23, minutes=59), day + timedelta(days=1)
    assert [tuple(row) for row in rows] == [
        (last, "payment.authorized", "succeeded", "", 0, 1, 1_000, 0, 0),
        (first + timedelta(minutes=59), "payment.captured", "", "", 0, 1, 1_000, 1_000, 0),
        (last, "payment.failed", "failed", "card_declined", 0, 1, 1_000, 0, 0),
        (last, "payment.opened", "", "", 0, 4, 4_000, 0, 0),
        (first, "payment.refunded", "", "other", 0, 1, 400, 0, 400),
        (first, "payment.succeeded", "succeeded", "", 0, 1, 1_000, 1_000, 0),
    ]


async def test_old_purchases_are_timed(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT place, sum_us::bigint, count FROM payment_latencies ORDER BY place"
    )
    durations = (1, 2_000, 750_000)
    assert [tuple(row) for row in rows] == [(place_of(us), us, 1) for us in durations]


async def test_every_move_has_its_outcome(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch("SELECT from_status, to_status, outcome FROM payment_transitions")
    found = {(row["from_status"], row["to_status"]): row["outcome"] for row in rows}
    assert found == {edge: outcome(*edge) for edge in edges()}


async def test_the_audit_agrees_and_it_goes_on_from_there(
    owner: asyncpg.Connection, database: EmptyDatabase
) -> None:
    await placeholder.install(owner)
    urls = Urls(database.name, database.app_url, database.owner_url, database.admin_url)
    async with Paykeel.open(settings_for(urls)) as paykeel:
        report = await paykeel.auditor.audit(MERCHANT)
        # Decisions of fraud prevention were never written by hand, and nothing else is missing.
        assert {one.kind for one in report.differences} <= {"fraud_log", "refunds", "answers"}
        while await paykeel.rollup.roll_up(AT + timedelta(days=3)):
            pass
        days = [datetime(2026, 6, number, tzinfo=UTC) for number in (1, 2, 3)]
        series = await read_series(paykeel.database, MERCHANT, days)
        assert sum(one.captured for one in series) == 2_000
        assert [one.place for one in series if one.event_type == "payment.refunded"] == [1]
        timed = await read_latencies(paykeel.database, MERCHANT, days)
        assert sorted((one.place, one.sum_us) for one in timed) == [
            (0, 1), (0, 2_000), (1, 750_000),
        ]  # fmt: skip
        again = await paykeel.auditor.audit(MERCHANT)
        assert again.differences == report.differences
