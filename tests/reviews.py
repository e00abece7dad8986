"""Holds payments for a person, without the people that a ruleset takes to go live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.errors import PaykeelError
from tests.rulesets import enforce, rule

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from uuid import UUID

    import asyncpg

    from paykeel import Paykeel, Payment

#: So much takes two people, in minor units.
DEAR = 600_000
#: Everything over 10.00 is looked at by a person.
HELD: dict[str, Any] = {
    "ruleset": "held",
    "rules": [
        rule("dear", "payment.amount > 1000", "review"),
        rule("very_dear", "payment.amount > 500000", "review"),
    ],
}


async def hold(paykeel: Paykeel, admin: asyncpg.Connection, merchant_id: UUID) -> None:
    """Put the ruleset in force."""
    await enforce(paykeel, admin, merchant_id, HELD)


async def make_due(admin: asyncpg.Connection) -> None:
    """Let the time of every open review be over."""
    await admin.execute(
        "UPDATE fraud_reviews SET due_at = now() - interval '1 s' WHERE status = 'open'"
    )


def approve(core: Paykeel, payment: Payment, operator: str = "Ada") -> Awaitable[Payment]:
    return core.reviews.approve(
        payment.payment_id, merchant_id=payment.merchant_id, operator=operator
    )


def reject(
    core: Paykeel, payment: Payment, operator: str = "Ada", **more: Any
) -> Awaitable[Payment]:
    return core.reviews.reject(
        payment.payment_id, merchant_id=payment.merchant_id, operator=operator, **more
    )


def cancel(core: Paykeel, payment: Payment, key: str = "cancel-1") -> Awaitable[Payment]:
    return core.payments.cancel(
        payment.payment_id, merchant_id=payment.merchant_id, idempotency_key=key
    )


async def code_of(call: Awaitable[object]) -> str | None:
    try:
        await call
    except PaykeelError as error:
        return error.code
    return None


async def review_of(admin: asyncpg.Connection, payment: Payment) -> tuple[Any, ...]:
    row = await admin.fetchrow(
        "SELECT status, approvals, decided_at IS NOT NULL FROM fraud_reviews WHERE payment_id = $1",
        payment.payment_id,
    )
    assert row is not None
    return tuple(row)


async def notes_of(admin: asyncpg.Connection, payment: Payment) -> list[tuple[Any, ...]]:
    rows = await admin.fetch(
        "SELECT action, author, body FROM fraud_review_notes WHERE payment_id = $1"
        " ORDER BY created_at, note_id",
        payment.payment_id,
    )
    return [tuple(row) for row in rows]


async def labels_of(admin: asyncpg.Connection, payment: Payment) -> list[tuple[Any, ...]]:
    rows = await admin.fetch(
        "SELECT label, source, created_by, known_at FROM fraud_labels WHERE payment_id = $1",
        payment.payment_id,
    )
    return [tuple(row) for row in rows]
