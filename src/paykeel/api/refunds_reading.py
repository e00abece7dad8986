"""Reads what is asked of refunds: bodies field by field, and the filters of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.api.fields import Fields, read_uuid
from paykeel.api.queries import read_page
from paykeel.errors import InvalidField
from paykeel.money import AMOUNT_MAX
from paykeel.refunds.model import NO_FACTS, GivenFacts, RefundFilter, RefundRequest
from paykeel.refunds.parsing import UNITS_MAX
from paykeel.refunds.policy import Component, RefundReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_FACTS = {"delivered_at", "service_at", "no_show", "components", "units", "jurisdiction"}
_REQUEST = {
    "amount", "reason", "requested_by", "override_reason", "expected_refunded_amount", "facts",
}  # fmt: skip
_FILTERS = ("payment_id", "status", "reason", "origin")


def read_request(document: Mapping[str, Any]) -> RefundRequest:
    """Read the body of ``POST /v1/payments/{id}/refunds``.

    Raises:
        InvalidField: One field is missing, unknown or wrong.
    """
    fields = Fields(document, _REQUEST)
    return RefundRequest(
        requested_by=fields.needed_text("requested_by"),
        reason=_reason(fields),
        # Whatever stands there, so that a float is refused as one.
        amount=document.get("amount"),
        override_reason=fields.text("override_reason"),
        expected_refunded_amount=fields.integer("expected_refunded_amount"),
        facts=_facts(fields),
    )


def read_quote(document: Mapping[str, Any]) -> tuple[str, GivenFacts, datetime | None]:
    """Read the body of ``POST …/refunds/quote``: the reason, the facts, and as of when.

    Raises:
        InvalidField: One field is unknown or wrong.
    """
    fields = Fields(document, {"reason", "facts", "as_of"})
    return _reason(fields), _facts(fields), fields.instant("as_of")


def read_listing(query: bytes) -> tuple[RefundFilter, str | None, int]:
    """Return the filters, the cursor and the number of rows of ``GET /v1/refunds``."""
    given, cursor, rows = read_page(query, *_FILTERS)
    payment_id = None
    if "payment_id" in given:
        payment_id = read_uuid(given["payment_id"])
        if payment_id is None:
            raise InvalidField("payment_id", "id_malformed", "This is no id of ours.")
    filters = RefundFilter(
        payment_id=payment_id,
        status=given.get("status"),
        reason=given.get("reason"),
        origin=given.get("origin"),
    )
    return filters, cursor, rows


def _reason(fields: Fields) -> str:
    # Whether there is such a reason, the room of refunds says.
    return fields.text("reason") or RefundReason.REQUESTED_BY_BUYER


def _facts(fields: Fields) -> GivenFacts:
    if not fields.has("facts"):
        return NO_FACTS
    facts = fields.part("facts", _FACTS)
    return GivenFacts(
        delivered_at=facts.instant("delivered_at"),
        service_at=facts.instant("service_at"),
        no_show=facts.flag("no_show"),
        components=_components(facts),
        units=_units(facts),
        jurisdiction=facts.text("jurisdiction"),
    )


def _components(facts: Fields) -> dict[str, int]:
    """Return the amount of each component; they have to add up to what was captured."""
    parts = facts.part("components", set(Component))
    found: dict[str, int] = {}
    for component in Component:
        amount = parts.integer(component)
        if amount is not None:
            found[str(component)] = _within(amount, f"facts.components.{component}", AMOUNT_MAX)
    return found


def _units(facts: Fields) -> tuple[int, int] | None:
    """Return how many units were bought, and the price of each."""
    if not facts.has("units"):
        return None
    units = facts.part("units", {"count", "price"})
    units.require("count", "price")
    count, price = units.integer("count"), units.integer("price")
    return (
        _within(count or 0, "facts.units.count", UNITS_MAX),
        _within(price or 0, "facts.units.price", AMOUNT_MAX),
    )


def _within(value: int, name: str, most: int) -> int:
    if not 0 <= value <= most:
        raise InvalidField(name, "integer_out_of_range", f"This must be from 0 to {most}.")
    return value
