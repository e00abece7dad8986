"""What was refused for its amount before any rule was asked: a row in ``fraud_prevention_logs``.

Nothing that was sent is written as it came: an amount only if it is an integer that can be one, a
currency, role and kind only if they exist.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from paykeel.cardnumbers import holds_card_number
from paykeel.clock import new_id
from paykeel.db.sql import load
from paykeel.fraud.quotes import KIND, ROLES
from paykeel.money import AMOUNT_MAX, tender_currencies

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from paykeel.db.pool import Database
    from paykeel.errors import InvalidField

SQL = load("paykeel.fraud", "refusals.sql")
#: Fields whose refusal is one of the amount.
AMOUNT_FIELDS = frozenset({"amount", "currency"})
#: Fields have names of ours; one that holds anything else is not repeated.
_FIELD = re.compile(r"[a-z_]{1,30}(?:\.[a-z_]{1,30})?")
_QUOTED = ("quoted_amount", "quoted_currency")


def facts_of(
    error: InvalidField,
    *,
    amount: object = None,
    currency: object = None,
    buyer_role: object = None,
    kind: object = None,
) -> dict[str, Any]:
    """Return what may be logged of a refusal; what is not fit for it is left out. Pure.

    >>> from paykeel.errors import InvalidField
    >>> facts_of(InvalidField("amount", "amount_zero", "…"), amount=0, currency="<x>")
    {'code': 'amount_zero', 'field': 'amount', 'amount': 0}
    """
    facts: dict[str, Any] = {"code": error.code}
    if _FIELD.fullmatch(error.field):
        facts["field"] = error.field
    # More digits than an amount has could be a card number.
    if type(amount) is int and abs(amount) <= AMOUNT_MAX:
        facts["amount"] = amount
    if isinstance(currency, str) and currency in tender_currencies():
        facts["currency"] = currency
    if buyer_role in ROLES:
        facts["buyer_role"] = str(buyer_role)
    if isinstance(kind, str) and KIND.fullmatch(kind) and not holds_card_number(kind):
        facts["kind"] = kind
    facts |= {name: error.data[name] for name in _QUOTED if name in error.data}
    return facts


def facts_of_document(error: InvalidField, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be logged of the refusal of a request's document, whatever stands there."""
    buyer = document.get("buyer")
    return facts_of(
        error,
        amount=document.get("amount"),
        currency=document.get("currency"),
        buyer_role=buyer.get("role") if isinstance(buyer, dict) else None,
        kind=document.get("kind", "purchase"),
    )


class RefusalLog:
    """Writes refusals."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def write(self, merchant_id: UUID, code: str, facts: Mapping[str, Any]) -> None:
        """Write one refusal; it has no payment. The facts come from :func:`facts_of`.

        Raises:
            DatabaseUnavailable: It was not written, so the caller must not be told of it either:
                a repetition of the request is refused and written.
        """
        await self._database.fetch(
            SQL["log_refusal"],
            merchant_id=merchant_id,
            log_id=new_id(),
            code=code,
            facts=json.dumps(facts, separators=(",", ":"), sort_keys=True),
            at=self._database.now(),
        )
