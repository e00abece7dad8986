"""A policy as machines read it: the MerchantReturnPolicy of schema.org. Pure.

That vocabulary knows one window of days, counted from the delivery, and one fee. What it cannot say
is not made up, and not left out either: each sentence of the policy that its fields do not say
stands in ``additionalProperty``, under the name of the policy's own field. A field is filled only
where it is true for whoever asks for money back: a window that a law makes longer in one of several
countries, or a part of the price that goes back after its end, leaves the category unspecified.

Paykeel's policies know no seasons, conditions of things or ways to send them back, so those fields
of the vocabulary stay empty for whoever publishes the page to fill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paykeel.money import Money
from paykeel.refunds.clocks import Clock, grid_of, holds
from paykeel.refunds.policy import (
    ANY,
    WHOLE_BPS,
    PolicyScope,
    Refundable,
    RefundReason,
    is_in,
    scope_text,
)
from paykeel.refunds.wording import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.refunds.clocks import Point
    from paykeel.refunds.policy import Given, RefundPolicy, StatutoryFloor

_HERE = "https://schema.org/"
_CATEGORY = _HERE + "MerchantReturn"
_DAY_S = 86_400
#: For what a buyer sends something back; a duplicate charge is no return.
_RETURNS = {RefundReason.REQUESTED_BY_BUYER, RefundReason.STATUTORY_WITHDRAWAL}
#: What the fields say where a policy's tiers can be told by them.
_TIERS = {"tiers", "otherwise"}


@dataclass(frozen=True, slots=True)
class _Window:
    """When something goes back; ``end_s`` is where it stops, if it is counted from anything."""

    category: str
    end_s: int | None = None
    clock: Clock | None = None


_UNSPECIFIED = _Window("Unspecified")


def schema_org(policy: RefundPolicy) -> dict[str, Any]:
    """Return the policy as values for JSON-LD; nothing that it says is missing from them."""
    every = told(policy, "en")
    fields, said = _fields(policy)
    unsaid = [(name, sentence) for name, sentence in every if name not in said]
    country = policy.scope.jurisdiction[:2]
    if policy.scope not in (PolicyScope(), PolicyScope(jurisdiction=country)):
        unsaid.insert(0, ("scope", scope_text(policy.scope)))
    document: dict[str, Any] = {
        "@context": _HERE.rstrip("/"),
        "@type": "MerchantReturnPolicy",
        "name": policy.title,
        "description": " ".join(sentence for _, sentence in every),
    }
    if policy.scope.jurisdiction != ANY:
        document["applicableCountry"] = country
    return {
        **document,
        **fields,
        "additionalProperty": [
            {"@type": "PropertyValue", "name": name, "value": sentence} for name, sentence in unsaid
        ],
    }


def unsaid_fields(document: dict[str, Any]) -> tuple[str, ...]:
    """Return which fields of the policy an export has no words for, each once.

    >>> unsaid_fields({"additionalProperty": [{"name": "tiers"}, {"name": "tiers"}]})
    ('tiers',)
    """
    return tuple(dict.fromkeys(one["name"] for one in document["additionalProperty"]))


def _fields(policy: RefundPolicy) -> tuple[dict[str, Any], set[str]]:
    """Return what the vocabulary can say of the tiers, and which fields that says whole."""
    window = _window(policy)
    fields: dict[str, Any] = {"returnPolicyCategory": _CATEGORY + window.category}
    if window.category == "Unspecified":
        return fields, set()
    if window.category == "NotPermitted":
        return fields, _TIERS
    is_whole = window.end_s is None
    # The vocabulary counts from the delivery. From the purchase on, the same number would promise
    # more than is given.
    if window.end_s is not None and window.clock is Clock.SINCE_DELIVERY:
        days, rest = divmod(window.end_s, _DAY_S)
        if days:
            fields["merchantReturnDays"] = days
            is_whole = not rest
    fee = _fee(policy)
    return {**fields, **(fee or {})}, _TIERS if is_whole and fee is not None else set()


def _window(policy: RefundPolicy) -> _Window:
    """Return when something goes back to whoever asks, by the merchant's rules or by a law."""
    rules = policy.components.values()
    besides = any(rule.refundable is Refundable.YES and rule.percent_bps for rule in rules)
    if RefundReason.REQUESTED_BY_BUYER in policy.exceptions:
        return _UNSPECIFIED
    floors = _floors(policy)
    scope = policy.scope.jurisdiction
    everywhere = [
        floor
        for floor in floors
        if any(place == ANY or is_in(scope, place) for place in floor.jurisdictions)
    ]
    # Who is not told of a country must not be told of less than that country's law gives.
    window = _stretch(policy, floors)
    if window != _stretch(policy, everywhere) or (besides and window.end_s is not None):
        return _UNSPECIFIED
    exceptions = policy.exceptions.values()
    if window.category == "NotPermitted":
        return _UNSPECIFIED if besides or any(one.percent_bps for one in exceptions) else window
    return window


def _floors(policy: RefundPolicy) -> list[StatutoryFloor]:
    """Return the laws that give something to whoever sends something back."""
    return [
        floor
        for floor in policy.statutory_floor
        if floor.percent_bps and _RETURNS.intersection(floor.reasons)
    ]


def _stretch(policy: RefundPolicy, floors: Sequence[StatutoryFloor]) -> _Window:
    """Return from the beginning until when something goes back, if that is one stretch."""
    grid = grid_of([*(one.when for one in policy.tiers), *(one.when for one in floors)])
    if grid.asks_no_show or Clock.BEFORE_SERVICE in grid.cuts or len(grid.cuts) > 1:
        return _UNSPECIFIED
    clock, ends = next(iter(grid.cuts.items()), (None, ()))
    given = [
        _given(policy, point).percent_bps > 0 or any(holds(one.when, point) for one in floors)
        for point in grid.points()
    ]
    count = sum(given)
    if not all(given[:count]):
        return _UNSPECIFIED
    if not count:
        return _Window("NotPermitted")
    if count > len(ends):
        return _Window("UnlimitedWindow")
    return _Window("FiniteReturnWindow", ends[count - 1], clock)


def _given(policy: RefundPolicy, point: Point) -> Given:
    """Return what the merchant's own rules give at a point."""
    for tier in policy.tiers:
        if holds(tier.when, point):
            return tier.give
    if policy.otherwise is None:
        raise RuntimeError("a policy that was checked has a tier for every time, or an otherwise")
    return policy.otherwise


def _fee(policy: RefundPolicy) -> dict[str, Any] | None:
    """Return what is kept, where that is one thing and always the same; ``None``: it is not."""
    grid = grid_of([tier.when for tier in policy.tiers])
    every = [_given(policy, point) for point in grid.points()]
    giving = [given for given in every if given.percent_bps]
    rules = policy.components.values()
    ruled = any(rule.refundable is not Refundable.INHERIT for rule in rules)
    if not giving or ruled or any(given != giving[0] for given in giving) or giving[0].units_kept:
        return None
    first = giving[0]
    if first.percent_bps == WHOLE_BPS and not first.fee:
        return {"refundType": _HERE + "FullRefund"}
    if _floors(policy):
        return None  # Where the law gives more, this much would not be kept.
    restocking = {"returnFees": _HERE + "RestockingFees"}
    kept = WHOLE_BPS - first.percent_bps
    if not first.fee and kept % 100 == 0:
        return {**restocking, "restockingFee": kept // 100}
    if first.fee and not kept and first.fee_cap_bps is None:
        fee = Money(first.fee, policy.currency or "")
        amount = {"@type": "MonetaryAmount", "value": fee.major, "currency": fee.currency}
        return {**restocking, "restockingFee": amount}
    return None
