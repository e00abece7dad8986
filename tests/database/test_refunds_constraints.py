"""What the database itself refuses about refunds, whatever SQL it is sent."""

from __future__ import annotations

from itertools import product
from uuid import uuid4

import asyncpg
import pytest

from paykeel.payments.refunding import REFUND_TRANSITIONS, RefundStatus
from tests.database.ids import AT
from tests.database.refund_rows import MADE_THERE, REFUND
from tests.database.rows import put, put_all
from tests.database.test_constraints import refused_by


async def test_refunds_do_not_wait_for_each_other(admin: asyncpg.Connection) -> None:
    """One operation of a payment is open at a time, and as many refunds as there is room for."""
    await put_all(admin)
    sent = {"operation": "refund", "refund_id": REFUND}
    for number in (2, 3):
        await put(admin, "payment_attempts", attempt_no=number, **sent)
    late = {"attempt_no": 4, "operation": "refund"}
    assert await refused_by(admin, "payment_attempts", late) == "payment_attempts_one_open"


async def test_a_refund_made_there_is_booked_once_by_its_id(admin: asyncpg.Connection) -> None:
    await put_all(admin)
    await put(admin, "refunds", **MADE_THERE)
    again = {**MADE_THERE, "refund_id": uuid4()}
    assert await refused_by(admin, "refunds", again) == "refunds_once_outside"
    for other in ({"gateway_id": "re_2"}, {"origin": "merchant", "idempotency_key": "another"}):
        await put(admin, "refunds", **{**again, "refund_id": uuid4(), **other})


async def test_the_sum_of_refunds_is_held_whatever_sql_is_sent(admin: asyncpg.Connection) -> None:
    """Even a superuser who sets triggers aside is refused by a CHECK."""
    await put(admin, "merchants")
    await put(
        admin, "payments", status="succeeded", finished_at=AT, amount_authorized=1_000,
        amount_captured=1_000, amount_refunded=400, amount_refund_reserved=600,
    )  # fmt: skip
    await admin.execute("SET session_replication_role = replica")
    for change in (
        "amount_refunded = amount_refunded + 1",
        "amount_refund_reserved = amount_refund_reserved + 1",
        "amount_captured = amount_captured - 1",
        "amount_refunded = 1001, amount_refund_reserved = 0",
    ):
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await admin.execute(f"UPDATE payments SET {change}")  # noqa: S608
        assert caught.value.constraint_name == "payments_refunded_within_captured"


async def test_the_moves_of_refunds_are_those_of_the_code(admin: asyncpg.Connection) -> None:
    rows = await admin.fetch("SELECT from_status, to_status FROM refund_transitions ORDER BY 1, 2")
    assert [tuple(row) for row in rows] == sorted(
        (before, str(after)) for before, all_ in REFUND_TRANSITIONS.items() for after in all_
    )


async def test_decisions_take_every_allowed_pair_and_no_other(admin: asyncpg.Connection) -> None:
    await put_all(admin)
    taken = set()
    names = ("new", *map(str, RefundStatus))
    for number, pair in enumerate(product(names, names), start=2):
        from_status, to_status = pair
        changes = {"sequence": number, "from_status": from_status, "to_status": to_status}
        refused = await refused_by(admin, "refund_decisions", changes)
        assert refused in {None, "refund_decisions_legal_move"}
        taken |= {pair} if refused is None else set()
    assert taken == {
        (before, str(after)) for before, all_ in REFUND_TRANSITIONS.items() for after in all_
    }
