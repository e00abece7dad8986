"""How a decision stands in its log row: what was known and what each rule said, exactly. Pure.

A value that JSON holds is written as it is, and an instant as RFC 3339 with microseconds. What
JSON or PostgreSQL's ``jsonb`` would change is an object with one field:

- ``{"capped": true}``: there was more to read than the cap allows;
- ``{"unfit": true}``: there was a value, of another type;
- ``{"double": "1e+16"}``: a double that ``jsonb`` would return as an integer, or not at all;
- ``{"timestamp": "…"}``: an instant where none belongs.

What is missing is left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from paykeel.fraud.catalogue import CAPPED, Given, Type, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from paykeel.fraud.judge import RuleResult

#: The one attribute that is an instant.
NOW = "now"
_PLAIN = frozenset({int, str, bool})


def facts_document(attributes: Mapping[str, Given]) -> dict[str, Any]:
    """Return what is known of a purchase as values for JSON; `attributes_of_facts` undoes it.

    Text must be storable (no NUL, no half of a surrogate pair), as it is in a request that was
    read.

    >>> from datetime import datetime, timezone
    >>> facts_document({"payment.amount": 500, "now": datetime(2026, 11, 23, tzinfo=timezone.utc),
    ...     "velocity.buyer_sum": CAPPED, "card.bin": None})
    {'payment.amount': 500, 'now': '2026-11-23T00:00:00.000000Z', 'velocity.buyer_sum': \
{'capped': True}}
    """
    plain = _PLAIN
    return {
        name: value if value.__class__ in plain else _written(name, value)
        for name, value in attributes.items()
        if value is not None
    }


def _written(name: str, value: Given) -> Any:
    """Return a value that is not plain for JSON as one that is."""
    match value:
        case datetime():
            text = instant_text(value)
            return text if name == NOW else {"timestamp": text}
        case float():
            text = repr(value)
            # An exponent, infinity, "nan" or the zero that jsonb has no sign for.
            exact = text != "-0.0" and not any(letter in text for letter in "ena")
            return value if exact else {"double": text}
        case Unknown():
            return {"capped": True} if value is CAPPED else {"unfit": True}
        case str():
            return str(value)
        case _:
            return value


def instant_text(value: datetime) -> str:
    """Return an instant as RFC 3339 in UTC with microseconds; what has no time zone has no Z."""
    if value.utcoffset() is None:
        return value.isoformat(timespec="microseconds")
    # Without its zone, so that its text ends before the offset.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def attributes_of_facts(document: Mapping[str, Any], types: Mapping[str, Type]) -> dict[str, Given]:
    """Return what was known, from a log row; judging it says what was said.

    ``types`` tells which texts are instants. Names that it does not have are kept: they were
    known, even if this ruleset does not ask.

    >>> attributes_of_facts({"velocity.cards": {"capped": True}}, {})
    {'velocity.cards': <Unknown.CAPPED: 'capped'>}
    """
    attributes: dict[str, Given] = {}
    for name, value in document.items():
        if value.__class__ is dict:
            attributes[name] = _read(value)
        elif value.__class__ is str and (name == NOW or types.get(name) is Type.TIMESTAMP):
            attributes[name] = _instant(value)
        else:
            attributes[name] = value
    return attributes


def _read(written: Mapping[str, Any]) -> Given:
    """Read one of the objects that stand for what JSON cannot hold."""
    match written:
        case {"capped": True}:
            return CAPPED
        case {"double": str() as text}:
            return float(text)
        case {"timestamp": str() as text}:
            return _instant(text)
        case _:
            return Unknown.UNFIT


def _instant(text: str) -> Given:
    """Return the instant; text that is none stays text, which is of another type."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def results_document(results: Iterable[RuleResult]) -> list[dict[str, Any]]:
    """Return what the rules said as values for JSON, in the same order."""
    return [
        {
            "rule": result.rule,
            "version": result.version,
            "mode": result.mode._value_,
            "action": result.action._value_,
            "score": result.score,
            "outcome": result.outcome,
        }
        for result in results
    ]
