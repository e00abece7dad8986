"""Query parameters: read strictly, each at most once, and none that nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from paykeel.errors import InvalidField
from paykeel.money import AMOUNT_MAX, exponent_of
from paykeel.payments.listing import ROWS_MAX, PaymentFilter
from paykeel.payments.model import (
    BUYER_ID_CHARACTERS_MAX,
    REFERENCE_CHARACTERS_MAX,
    BuyerRole,
    refuse_unknown,
)
from paykeel.payments.states import Status
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

EVENTS_ROWS_DEFAULT, EVENTS_ROWS_MAX = 100, 1_000
PAYMENTS_ROWS_DEFAULT, PAYMENTS_ROWS_MAX = 20, ROWS_MAX
PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX = 20, 100
#: Sequence numbers are PostgreSQL integers.
_SEQUENCE_MAX = 2**31 - 1
#: Instants are kept far from where a calendar ends, so that an hour can be added to each.
_YEARS = range(1970, 9_999)

_FILTERS = {
    "status", "buyer_id", "buyer_role", "reference", "currency", "created_from", "created_to",
    "amount_min", "amount_max",
}  # fmt: skip


def read_parameters(query: bytes, known: set[str]) -> dict[str, str]:
    """Return the parameters of a query string.

    Raises:
        InvalidField: One is unknown, or given twice.
    """
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    parameters = dict(pairs)
    refuse_unknown(parameters, known)
    if len(parameters) != len(pairs):
        given = [name for name, _ in pairs]
        name = next(name for name in parameters if given.count(name) > 1)
        raise InvalidField(name, "parameter_repeated", "Give this parameter once.")
    return parameters


def read_listing(query: bytes) -> tuple[PaymentFilter, str | None, int]:
    """Return the filters, the cursor and the number of rows of ``GET /v1/payments``."""
    given = read_parameters(query, {*_FILTERS, "cursor", "limit"})
    role, currency = given.get("buyer_role"), given.get("currency")
    if currency is not None:
        exponent_of(currency)
    filters = PaymentFilter(
        status=_choice(given.get("status"), "status", Status),
        buyer_id=_text(given.get("buyer_id"), "buyer_id", BUYER_ID_CHARACTERS_MAX),
        buyer_role=_choice(role, "buyer_role", BuyerRole),
        reference=_text(given.get("reference"), "reference", REFERENCE_CHARACTERS_MAX),
        currency=currency,
        created_from=_instant(given.get("created_from"), "created_from"),
        created_to=_instant(given.get("created_to"), "created_to"),
        amount_min=_integer(given, "amount_min", None, 0, AMOUNT_MAX),
        amount_max=_integer(given, "amount_max", None, 0, AMOUNT_MAX),
    )
    rows = _integer(given, "limit", PAYMENTS_ROWS_DEFAULT, 1, PAYMENTS_ROWS_MAX)
    return filters, given.get("cursor"), rows or PAYMENTS_ROWS_DEFAULT


def read_events_page(query: bytes) -> tuple[int, int]:
    """Return after which event, and how many, ``GET …/events`` is to show."""
    given = read_parameters(query, {"after", "limit"})
    after = _integer(given, "after", 0, 0, _SEQUENCE_MAX)
    rows = _integer(given, "limit", EVENTS_ROWS_DEFAULT, 1, EVENTS_ROWS_MAX)
    return after or 0, rows or EVENTS_ROWS_DEFAULT


def read_page(query: bytes, *known: str) -> tuple[dict[str, str], str | None, int]:
    """Return the named parameters, the cursor and the number of rows of a listing."""
    given = read_parameters(query, {*known, "cursor", "limit"})
    rows = _integer(given, "limit", PAGE_ROWS_DEFAULT, 1, PAGE_ROWS_MAX)
    return given, given.get("cursor"), rows or PAGE_ROWS_DEFAULT


def _integer(
    given: Mapping[str, str], name: str, default: int | None, low: int, high: int
) -> int | None:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise InvalidField(name, "integer_required", "This must be an integer, in digits alone.")
    if not low <= int(text) <= high:
        raise InvalidField(name, "limit_out_of_range", f"This must be from {low} to {high}.")
    return int(text)


def _choice(text: str | None, name: str, choices: type[StrEnum]) -> str | None:
    if text is not None and text not in set(choices):
        raise InvalidField(name, "choice_unknown", f"Use one of: {', '.join(choices)}.")
    return text


def _text(text: str | None, name: str, characters_max: int) -> str | None:
    return None if text is None else check_text(text, name, characters_max)


def _instant(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or instant.year not in _YEARS:
        raise InvalidField(
            name,
            "instant_malformed",
            "Write an instant like 2026-11-23T09:30:00Z; a + is written %2B in a query.",
        )
    return instant.astimezone(UTC)
