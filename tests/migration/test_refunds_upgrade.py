"""Payments from before refunds had rows of their own can be refunded, and are what they were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from paykeel import Paykeel
from paykeel.db.migrate import load_migrations, migrate
from paykeel.gateways import placeholder
from paykeel.refunds.model import RefundRequest
from paykeel.refunds.service import RefundService
from tests.conftest import settings_for
from tests.servers import Urls

if TYPE_CHECKING:
    from tests.migration.conftest import Connect, EmptyDatabase

MERCHANT = UUID(int=1)
SOLD, HELD, LATE = (UUID(int=number) for number in range(2, 5))
AT = datetime(2026, 6, 1, tzinfo=UTC)

_PAYMENTS = """
INSERT INTO payments (
    merchant_id, payment_id, idempotency_key, status, version, amount, currency, exponent,
    amount_authorized, amount_captured, amount_late, capture_method, kind, buyer_id, buyer_role,
    payment_method, gateway, failure_reason, created_at, updated_at, finished_at)
VALUES ($1, $2, $3, $4, $5, 1000, 'EUR', 2, $6, $7, $8, 'automatic', 'purchase', 'agent-7', 'agent',
    'pm_ok', 'placeholder', $9, $10, $10, $11)
"""
_EVENT = """
INSERT INTO payment_events (
    merchant_id, payment_id, sequence, type, from_status, to_status, amount, authorized_delta,
    captured_delta, late_delta, reason, actor, occurred_at)
VALUES ($1, $2, $3, $4, $5, $6, 1000, $7, $8, $9, $10, 'request', $11)
"""
_ATTEMPT = """
INSERT INTO payment_attempts (
    merchant_id, payment_id, attempt_no, operation, reference, amount, state, recover_at,
    created_at, finished_at)
VALUES ($1, $2, $3, $4, sha256($5::text::bytea), 1000, $6, $7, $8, $9)
"""


async def put_old(owner: asyncpg.Connection) -> None:
    """One that succeeded, one that is reserved, and one whose late money is being given back."""
    await owner.execute(
        "INSERT INTO merchants (merchant_id, name, mode) VALUES ($1, 'Market', 'test')", MERCHANT
    )
    for payment_id, status, version, sums, reason, finished in (
        (SOLD, "succeeded", 2, (1_000, 1_000, 0), None, AT),
        (HELD, "authorized", 2, (1_000, 0, 0), None, None),
        (LATE, "failed", 3, (0, 0, 1_000), "card_declined", AT),
    ):
        await owner.execute(
            _PAYMENTS, MERCHANT, payment_id, f"order-{payment_id}", status, version, *sums, reason,
            AT, finished,
        )  # fmt: skip
        state = "done" if finished else "waiting"
        due = None if finished else AT
        await owner.execute(
            _ATTEMPT, MERCHANT, payment_id, 1, "charge", str(payment_id), state, due, AT, finished
        )
    late = (3, "payment.late_money", "failed", "failed", 0, 0, 1_000, "card_declined")
    for payment_id, *event in (
        (SOLD, 1, "payment.opened", "new", "pending", 0, 0, 0, None),
        (SOLD, 2, "payment.succeeded", "pending", "succeeded", 1_000, 1_000, 0, None),
        (HELD, 1, "payment.opened", "new", "pending", 0, 0, 0, None),
        (HELD, 2, "payment.authorized", "pending", "authorized", 1_000, 0, 0, None),
        (LATE, 1, "payment.opened", "new", "pending", 0, 0, 0, None),
        (LATE, 2, "payment.failed", "pending", "failed", 0, 0, 0, "card_declined"),
        (LATE, *late),
    ):
        await owner.execute(_EVENT, MERCHANT, payment_id, *event, AT)
    await owner.execute(_ATTEMPT, MERCHANT, LATE, 2, "refund", "late", "open", AT, AT, None)


@pytest.fixture
async def owner(database: EmptyDatabase, connect: Connect) -> asyncpg.Connection:
    """The owner of a database with old payments and all migrations."""
    before = [one for one in load_migrations() if one.version < 8]
    await migrate(database.owner_url, lock_ms_max=5_000, migrations=before)
    old = await connect(database.owner_url)
    await put_old(old)
    await migrate(database.owner_url, lock_ms_max=5_000)
    return await connect(database.owner_url)


async def test_old_payments_have_nothing_reserved_disputed_or_snapshotted(
    owner: asyncpg.Connection,
) -> None:
    rows = await owner.fetch(
        "SELECT amount_refund_reserved, amount_disputed, refund_policy_key, refund_policy_version,"
        " refund_policy_sha256 FROM payments"
    )
    assert [tuple(row) for row in rows] == [(0, 0, None, None, None)] * 3
    events = await owner.fetch(
        "SELECT reserved_delta, disputed_delta, refund_id FROM payment_events"
    )
    assert {tuple(row) for row in events} == {(0, 0, None)}
    # Every constraint holds for them, and not only for what comes.
    unproven = "SELECT conname FROM pg_constraint WHERE NOT convalidated"
    assert await owner.fetch(unproven) == []


async def test_late_money_on_its_way_back_is_still_one_operation_at_a_time(
    owner: asyncpg.Connection,
) -> None:
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await owner.execute(_ATTEMPT, MERCHANT, LATE, 3, "refund", "again", "open", AT, AT, None)
    assert caught.value.constraint_name == "payment_attempts_one_open"


async def test_what_was_sold_before_is_refunded_now(
    owner: asyncpg.Connection, database: EmptyDatabase
) -> None:
    """The gateway never heard of these charges here, and says no; the room is free again."""
    await placeholder.install(owner)
    urls = Urls(database.name, database.app_url, database.owner_url, database.admin_url)
    async with Paykeel.open(settings_for(urls)) as paykeel:
        service = RefundService(paykeel.payments.resources, paykeel.refund_policies)
        quoted = await service.quote(SOLD, merchant_id=MERCHANT)
        assert (quoted.amount, quoted.code) == (1_000, "no_policy")
        done = await service.request(
            SOLD, RefundRequest(requested_by="Ada Lindqvist", amount=400), merchant_id=MERCHANT,
            idempotency_key="r-1",
        )  # fmt: skip
        assert (done.status, done.failure_code) == ("failed", "charge_not_found")
        now = await paykeel.payments.get(SOLD, merchant_id=MERCHANT)
        assert (now.version, now.refundable) == (4, 1_000)
        report = await paykeel.auditor.audit(MERCHANT)
        # Their metrics and logs were never written by hand; all else agrees.
        assert {one.kind for one in report.differences} <= {"metrics", "fraud_log"}
