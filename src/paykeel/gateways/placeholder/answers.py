"""Outcomes as the placeholder keeps and sends them: small JSON objects, and back again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, assert_never

from paykeel.gateways.port import (
    Authorized,
    Declined,
    DeclineReason,
    NextAction,
    Pending,
    RequiresAction,
    Succeeded,
)
from paykeel.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: What an outside party can say of an operation; silence is not in it.
Answer = Succeeded | Authorized | RequiresAction | Pending | Declined


def encode(answer: Answer) -> str:
    """Return an answer as JSON; the time at which a reservation lapses is kept beside it."""
    return json.dumps(_fields(answer), separators=(",", ":"))


def _fields(answer: Answer) -> dict[str, Any]:
    """Return an answer's fields, its kind first."""
    match answer:
        case Succeeded(amount, gateway_id):
            return {"outcome": "succeeded", **_money(amount), "gateway_id": gateway_id}
        case Authorized(amount, gateway_id):
            return {"outcome": "authorized", **_money(amount), "gateway_id": gateway_id}
        case RequiresAction(action, gateway_id):
            return {
                "outcome": "requires_action",
                "action": {"kind": action.kind, "url": action.url, "data": dict(action.data)},
                "gateway_id": gateway_id,
            }
        case Pending(gateway_id):
            return {"outcome": "pending", "gateway_id": gateway_id}
        case Declined(reason, code, gateway_id):
            return {
                "outcome": "declined",
                "reason": reason.value,
                "code": code,
                "gateway_id": gateway_id,
            }
        case _:
            assert_never(answer)


def _money(amount: Money) -> dict[str, Any]:
    return {"amount": amount.minor, "currency": amount.currency}


def decode(fields: Mapping[str, Any], expires_at: datetime | None = None) -> Answer:
    """Read an answer back.

    Raises:
        KeyError, TypeError, ValueError: It is no answer of this gateway.
    """
    gateway_id = fields["gateway_id"]
    match fields["outcome"]:
        case "succeeded":
            return Succeeded(Money(int(fields["amount"]), fields["currency"]), gateway_id)
        case "authorized":
            amount = Money(int(fields["amount"]), fields["currency"])
            return Authorized(amount, gateway_id, expires_at)
        case "requires_action":
            action = fields["action"]
            return RequiresAction(
                NextAction(action["kind"], action["url"], action["data"]), gateway_id
            )
        case "pending":
            return Pending(gateway_id)
        case "declined":
            return Declined(DeclineReason(fields["reason"]), fields["code"], gateway_id)
        case other:
            raise ValueError(f"no such outcome: {other}")
