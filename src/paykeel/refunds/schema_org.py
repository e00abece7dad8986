"""A policy as machines read it: the MerchantReturnPolicy of schema.org. Pure.

That vocabulary knows one window of days and one fee. What it cannot say is not made up: a policy
that looks at when a service begins, or whether the buyer stayed away, has an unspecified category,
and its sentences as description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.money import Money
from paykeel.refunds.clocks import Clock, grid_of, holds
from paykeel.refunds.policy import ANY, WHOLE_BPS
from paykeel.refunds.wording import sentences

if TYPE_CHECKING:
    from paykeel.refunds.policy import Given, RefundPolicy

_HERE = "https://schema.org/"
_DAY_S = 86_400


def schema_org(policy: RefundPolicy) -> dict[str, Any]:
    """Return the policy as values for JSON-LD."""
    document: dict[str, Any] = {
        "@context": _HERE.rstrip("/"),
        "@type": "MerchantReturnPolicy",
        "name": policy.title,
        "description": " ".join(sentences(policy, "en")),
        "returnPolicyCategory": _HERE + "MerchantReturnUnspecified",
    }
    if policy.scope.jurisdiction != ANY:
        document["applicableCountry"] = policy.scope.jurisdiction[:2]
    grid = grid_of([tier.when for tier in policy.tiers])
    if grid.asks_no_show or Clock.BEFORE_SERVICE in grid.cuts or len(grid.cuts) > 1:
        return document
    giving = [given for _, given in _windows(policy) if given.percent_bps]
    if not giving:
        document["returnPolicyCategory"] = _HERE + "MerchantReturnNotPermitted"
        return document
    days = _days(policy)
    if days is None:
        document["returnPolicyCategory"] = _HERE + "MerchantReturnUnlimitedWindow"
    elif days:
        document["returnPolicyCategory"] = _HERE + "MerchantReturnFiniteReturnWindow"
        document["merchantReturnDays"] = days
    first = giving[0]
    if all(given == first for given in giving) and not (first.units_kept or policy.components):
        document |= _fee(policy, first)
    return document


def _windows(policy: RefundPolicy) -> list[tuple[int | None, Given]]:
    """Return what is given from the beginning on, and until how many seconds; the last for good."""
    grid = grid_of([tier.when for tier in policy.tiers])
    ends = [*next(iter(grid.cuts.values()), ()), None]
    found = []
    for end, point in zip(ends, grid.points(), strict=True):
        given = next((one.give for one in policy.tiers if holds(one.when, point)), policy.otherwise)
        if given is not None:
            found.append((end, given))
    return found


def _days(policy: RefundPolicy) -> int | None:
    """Return after how many whole days nothing is given any more.

    ``None``: something is given for good; 0: what is given does not stop once, so no number says.
    """
    windows = _windows(policy)
    count = sum(given.percent_bps > 0 for _, given in windows)
    if not all(given.percent_bps for _, given in windows[:count]):
        return 0
    until = windows[count - 1][0]
    return None if until is None else until // _DAY_S


def _fee(policy: RefundPolicy, given: Given) -> dict[str, Any]:
    """Return what is kept, where that is one thing and always the same."""
    if given.percent_bps < WHOLE_BPS and not given.fee:
        kept = WHOLE_BPS - given.percent_bps
        return {"restockingFee": kept // 100} if kept % 100 == 0 else {}
    if given.fee and given.percent_bps == WHOLE_BPS and given.fee_cap_bps is None:
        fee = Money(given.fee, policy.currency or "")
        amount = {"@type": "MonetaryAmount", "value": fee.major, "currency": fee.currency}
        return {"restockingFee": amount}
    return {"refundType": _HERE + "FullRefund"} if not given.fee else {}
