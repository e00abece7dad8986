"""Every attribute that a rule may name, with its type: the fixed ones and a ruleset's own.

An attribute that can be missing has a boolean beside it, ``<name>_known``, which never is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from paykeel.fraud.ruleset import Aggregate, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from paykeel.fraud.ruleset import Ruleset

#: Behind one value of these stands one buyer; behind one of the others may stand many.
OWN_KINDS = ("buyer", "card", "email")
FIXED_KINDS = ("buyer", "card", "bin", "email", "email_domain", "ip", "ip_network", "device")
#: The lists that every ruleset has.
BUILT_IN_LISTS = ("block", "allow", "watch")

#: What CEL's int holds.
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
#: No attribute's text is longer; this bounds what a pattern is tried on.
TEXT_CHARACTERS_MAX = 256
KNOWN = "_known"


class Type(StrEnum):
    """The type of an attribute, by its name in CEL."""

    BOOL = "BOOL"
    INT = "INT"
    DOUBLE = "DOUBLE"
    STRING = "STRING"
    TIMESTAMP = "TIMESTAMP"


class Unknown(Enum):
    """Stands in for a value that could have been known."""

    #: More rows than the cap allows to read: the true value is at least what was read.
    CAPPED = "capped"
    #: There was a value, of another type; what it was is not kept.
    UNFIT = "unfit"


CAPPED: Final = Unknown.CAPPED
#: What is handed to the judge, by attribute; None and absence are the same.
Given: TypeAlias = Value | Unknown | None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing that a rule may ask about."""

    name: str
    type: Type
    about: str
    can_be_missing: bool = False


def is_shared(kind: str) -> bool:
    """Say whether many people may stand behind one key of this kind.

    >>> is_shared("ip"), is_shared("custom.warehouse"), is_shared("card")
    (True, True, False)
    """
    return kind not in OWN_KINDS


def _fixed() -> Iterable[Attribute]:
    """Give the attributes that every ruleset has."""
    always: tuple[tuple[str, Type, str], ...] = (
        ("payment.amount", Type.INT, "minor units of the purchase's currency"),
        ("payment.currency", Type.STRING, "ISO 4217 code"),
        ("payment.kind", Type.STRING, "what is bought, such as `purchase`"),
        ("payment.capture_method", Type.STRING, "`automatic` or `manual`"),
        ("buyer.id", Type.STRING, "the merchant's name for the buyer"),
        ("buyer.role", Type.STRING, "`agent` or `operator`"),
        ("card.known", Type.BOOL, "the purchase says which card"),
        ("ip.known", Type.BOOL, "the purchase says which IP address"),
        ("device.known", Type.BOOL, "the purchase says which device"),
        ("now", Type.TIMESTAMP, "when the purchase is judged"),
        ("time.hour", Type.INT, "0 to 23, UTC"),
        ("time.weekday", Type.INT, "Monday is 1, Sunday 7; UTC"),
    )
    missing: tuple[tuple[str, Type, str], ...] = (
        (
            "payment.amount_ref",
            Type.INT,
            "minor units of the merchant's reference currency; missing when there is no rate",
        ),
        ("buyer.account_age_s", Type.INT, "seconds since the buyer's account was made"),
        ("buyer.email_domain", Type.STRING, "what follows the @, in lower case"),
        ("card.bin", Type.STRING, "the first six or eight digits"),
        ("card.country", Type.STRING, "the issuer's country, ISO 3166 alpha-2"),
        ("ip.country", Type.STRING, "the address's country, ISO 3166 alpha-2"),
        ("ml.score", Type.DOUBLE, "0.0 to 1.0; missing unless a model is live"),
    )
    profile = (
        ("attempts", "purchases with this key, ever"),
        ("succeeded", "of these, how many succeeded"),
        ("declined", "of these, how many were declined"),
        ("sum_ref", "minor units of the reference currency that succeeded, ever"),
        ("age_s", "seconds since this key was first seen; missing when it never was"),
    )
    yield from (Attribute(name, type_, about) for name, type_, about in always)
    yield from (
        Attribute(name, type_, about, can_be_missing=True) for name, type_, about in missing
    )
    for kind in FIXED_KINDS:
        for part, about in profile:
            yield Attribute(f"profile.{kind}.{part}", Type.INT, about, can_be_missing=True)


FIXED: Final = tuple(_fixed())


def declared(ruleset: Ruleset) -> tuple[Attribute, ...]:
    """Return every attribute that rules of this ruleset may name, ``_known`` ones apart."""
    velocities = {velocity.name: velocity.aggregate for velocity in ruleset.velocities}
    return (*FIXED, *own(velocities, ruleset.lists, ruleset.limits))


def own(
    velocities: Mapping[str, Aggregate], lists: Iterable[str], limits: Iterable[str]
) -> Iterable[Attribute]:
    """Give the attributes that a ruleset adds: velocities, lists and limits."""
    for name, aggregate in velocities.items():
        type_ = Type.DOUBLE if aggregate is Aggregate.AVERAGE else Type.INT
        about = "made of earlier purchases; the one being judged is not counted"
        yield Attribute(f"velocity.{name}", type_, about, can_be_missing=True)
    for name in (*BUILT_IN_LISTS, *lists):
        yield Attribute(f"list.{name}", Type.BOOL, "a key of the purchase is on this list")
    for name in limits:
        yield Attribute(f"limit.{name}", Type.INT, "a constant of the ruleset")


def typed(attributes: Iterable[Attribute]) -> dict[str, Type]:
    """Return the names and types, with a boolean ``_known`` for each that can be missing."""
    types: dict[str, Type] = {}
    for attribute in attributes:
        types[attribute.name] = attribute.type
        if attribute.can_be_missing:
            types[attribute.name + KNOWN] = Type.BOOL
    return types


def attributes_of(ruleset: Ruleset) -> Mapping[str, Type]:
    """Return every name that rules of this ruleset may use, and its type."""
    return typed(declared(ruleset))


def checked(value: Value, type_: Type) -> Value | None:
    """Return a value if it is of the type, ready for the engine; None if it is not.

    Python takes True for 1, and the engine follows it: here a boolean is no integer. An integer
    may stand for a double. What the engine cannot hold is of no type.

    >>> checked(True, Type.INT), checked(2**63, Type.INT), checked(3, Type.DOUBLE)
    (None, None, 3.0)
    """
    kind = value.__class__
    good = False
    match type_:
        case Type.INT:
            good = kind is int and INT_MIN <= value <= INT_MAX  # type: ignore[operator]
        case Type.BOOL:
            good = kind is bool
        case Type.STRING:
            good = isinstance(value, str) and _is_text(value)
        case Type.DOUBLE:
            if kind is int and abs(value) <= INT_MAX:  # type: ignore[arg-type]
                return float(value)  # type: ignore[arg-type]
            good = isinstance(value, float) and math.isfinite(value)
        case Type.TIMESTAMP:
            good = isinstance(value, datetime) and value.utcoffset() is not None
    return value if good else None


def _is_text(value: str) -> bool:
    """Say whether text is short enough, and no half of a surrogate pair stands in it."""
    if len(value) > TEXT_CHARACTERS_MAX:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def from_json(value: Any, type_: Type) -> Value | None:
    """Return what a JSON value means for an attribute of this type; None if it is not of it.

    >>> from_json("2026-11-23T12:00:00+00:00", Type.TIMESTAMP)
    datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.timezone.utc)
    """
    if type_ is Type.TIMESTAMP:
        try:
            value = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return None
    return checked(value, type_)


def attribute_table() -> str:
    """Return the fixed attributes in Markdown, those of profiles as one row a part."""
    rows = ["| Attribute | Type | Can be missing | What it is |", "|---|---|---|---|"]
    for attribute in FIXED:
        name = attribute.name
        if name.startswith("profile."):
            if not name.startswith("profile.buyer."):
                continue
            name = name.replace("profile.buyer.", "profile.<kind>.")
        missing = "yes" if attribute.can_be_missing else "no"
        rows.append(f"| `{name}` | {attribute.type} | {missing} | {attribute.about} |")
    return "\n".join(rows)
