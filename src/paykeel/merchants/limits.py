"""What one purchase may cost: by currency, buyer's role and kind, each from a date on. Pure.

A limit is for a place: a currency, a role and a kind, each of which may be ``*`` for any. Of the
places that fit a purchase the most specific one holds in which a limit is in force: first by
currency, then by role, then by kind. So ``EUR, *, *`` goes before ``*, agent, deposit``, and
``EUR, agent, *`` before ``EUR, *, deposit``. In one place the limit with the latest date that has
come holds. Without any the purchase is refused: who was never asked has not agreed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.errors import InvalidField
from paykeel.money import AMOUNT_MAX, check_amount, exponent_of
from paykeel.texts import check_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

ANY = "*"
ROLES = (ANY, "agent", "operator")
KIND = re.compile(r"\*|[a-z][a-z0-9_]{0,39}")
AUTHOR_CHARACTERS_MAX = 100

#: Currency, role and kind.
Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The least and the most that one purchase may cost, in minor units, and from when on."""

    currency: str
    buyer_role: str
    kind: str
    effective_at: datetime
    #: ``None`` in both: nothing may be bought.
    amount_min: int | None
    amount_max: int | None
    created_by: str
    created_at: datetime

    @property
    def place(self) -> Place:
        """What it is for."""
        return self.currency, self.buyer_role, self.kind


def by_place(limits: Iterable[Limit]) -> dict[Place, tuple[Limit, ...]]:
    """Return limits by what they are for, the one that holds last in time first."""
    found: dict[Place, list[Limit]] = {}
    for limit in sorted(limits, key=lambda one: (one.effective_at, one.created_at), reverse=True):
        found.setdefault(limit.place, []).append(limit)
    return {place: tuple(rows) for place, rows in found.items()}


def holding(
    limits: Mapping[Place, Sequence[Limit]],
    currency: str,
    buyer_role: str,
    kind: str,
    at: datetime,
) -> Limit | None:
    """Return the limit that holds for a purchase at an instant, if there is one."""
    for of_currency in (currency, ANY):
        for of_role in (buyer_role, ANY):
            for of_kind in (kind, ANY):
                for limit in limits.get((of_currency, of_role, of_kind), ()):
                    if limit.effective_at <= at:
                        return limit
    return None


def check_limits(
    limits: Mapping[Place, Sequence[Limit]],
    amount: int,
    currency: str,
    buyer_role: str,
    kind: str,
    at: datetime,
) -> None:
    """Refuse an amount that is outside the limit that holds.

    Raises:
        InvalidField: ``amount_over_merchant_limit``, ``amount_under_merchant_limit``,
            ``amount_limit_missing`` or ``amount_nothing_sold``.
    """
    limit = holding(limits, currency, buyer_role, kind, at)
    if limit is None:
        raise InvalidField(
            "amount",
            "amount_limit_missing",
            f"This merchant has no limit for {currency}, {buyer_role} and {kind}, and nothing is "
            f"sold without one. The merchant sets it with `paykeel merchants limit {currency}`.",
        )
    if limit.amount_max is None or limit.amount_min is None:
        raise InvalidField(
            "amount",
            "amount_nothing_sold",
            f"This merchant sells nothing in {currency} to {buyer_role} buyers of kind {kind}.",
        )
    if amount > limit.amount_max:
        raise InvalidField(
            "amount",
            "amount_over_merchant_limit",
            f"This merchant takes at most {limit.amount_max} minor units of {currency}.",
        )
    if amount < limit.amount_min:
        raise InvalidField(
            "amount",
            "amount_under_merchant_limit",
            f"This merchant takes at least {limit.amount_min} minor units of {currency}.",
        )


def check_place(currency: str, buyer_role: str, kind: str) -> None:
    """Refuse what a limit cannot be for.

    Raises:
        InvalidField: The currency, the role or the kind is wrong.
    """
    if currency != ANY:
        exponent_of(currency)
    if buyer_role not in ROLES:
        raise InvalidField("buyer_role", "choice_unknown", f"Use one of: {', '.join(ROLES)}.")
    if KIND.fullmatch(kind) is None:
        raise InvalidField(
            "kind", "name_malformed", "Use *, or 1 to 40 of a-z, 0-9 and _, a letter first."
        )


def check_amounts(amount_min: int | None, amount_max: int | None) -> None:
    """Refuse amounts that are no limits, or of which only one is there.

    Raises:
        InvalidField: ``field_required``, or what :func:`check_amount` raises.
    """
    if amount_min is None and amount_max is None:
        return
    if amount_max is None:
        raise InvalidField("amount_max", "field_required", "Give both amounts, or none.")
    check_amount(amount_max, "amount_max", maximum=AMOUNT_MAX)
    if amount_min is None:
        raise InvalidField("amount_min", "field_required", "Give both amounts, or none.")
    check_amount(amount_min, "amount_min", maximum=amount_max)


def check_author(author: str) -> str:
    """Return who says so, if that can be stored."""
    return check_text(author, "author", AUTHOR_CHARACTERS_MAX)
