"""``merchants limit`` and ``limits``: what one purchase may cost, from when on, and who said so."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    Flag,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.errors import InvalidField
from paykeel.merchants.limits import ANY, by_place
from paykeel.money import Money, check_amount, exponent_of, parse_major

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.merchants import Limit


def login() -> str:
    """Return who is at this terminal, as the system knows them."""
    try:
        return getpass.getuser()[:100]
    except (OSError, KeyError):
        return "command line"


Author = Annotated[str | None, Parameter(show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """For which purchases a limit is, from when on, and who says so."""

    role: str = ANY
    """agent, operator, or * for both."""

    kind: str = ANY
    """The kind of purchase, or * for any."""

    starts: Annotated[str | None, Parameter(name="--from")] = None
    """From when on, in UTC unless it says otherwise: 2027-01-01. Now when left out."""

    author: Author = None
    """Who says so; the user of this terminal when left out."""


ANYWHERE = Place()


async def limit(
    currency: str,
    /,
    *,
    most: Annotated[str | None, Parameter(name="--max")] = None,
    least: Annotated[str | None, Parameter(name="--min")] = None,
    nothing: Flag = False,
    place: Place = ANYWHERE,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Say what one purchase may cost. The most specific limit holds: currency, role, then kind.

    Args:
        currency: For example EUR; * is any, and amounts are then in minor units.
        most: The most, in major units: 1500.00.
        least: The least, in major units; one minor unit when left out.
        nothing: Sell nothing; instead of amounts.
        place: For which purchases, from when on, and who says so.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    low, high = _amounts(currency, least, most, nothing=nothing)
    starts = None if place.starts is None else read_instant(place.starts, "from")
    async with open_core() as core:
        found = await choose_merchant(core, merchant)
        made = await core.merchants.set_limit(
            found.merchant_id,
            currency,
            high,
            low,
            buyer_role=place.role,
            kind=place.kind,
            effective_at=starts,
            author=place.author or login(),
        )
    out.document(document(made))
    out.line(
        f"From {made.effective_at:%Y-%m-%d %H:%M:%S} UTC on: {told(made)} "
        f"({made.currency}, role {made.buyer_role}, kind {made.kind})."
    )


async def limits(
    *,
    every: Annotated[Flag, Parameter(name="--all")] = False,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List what one purchase may cost: what holds, and what will.

    Args:
        every: What was replaced, too.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        found = await choose_merchant(core, merchant)
        rows = states(await core.merchants.list_limits(found.merchant_id), core.database.now())
    shown = [(one, state) for one, state in rows if every or state != "replaced"]
    out.document({"limits": [{**document(one), "state": state} for one, state in shown]})
    out.table(
        ("currency", "role", "kind", "limit", "from (UTC)", "state", "by"),
        [
            (
                one.currency,
                one.buyer_role,
                one.kind,
                told(one),
                f"{one.effective_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                state,
                one.created_by,
            )
            for one, state in shown
        ],
    )


def states(limits: Sequence[Limit], now: datetime) -> list[tuple[Limit, str]]:
    """Return each limit with what it is: in force, planned or replaced; the first by place."""
    found = []
    for _, rows in sorted(by_place(limits).items(), reverse=True):
        holds = next((one for one in rows if one.effective_at <= now), None)
        for one in rows:
            planned = "planned" if one.effective_at > now else "replaced"
            found.append((one, "in force" if one is holds else planned))
    return found


def told(limit: Limit) -> str:
    """Say for people what a limit allows."""
    low, high = limit.amount_min, limit.amount_max
    if low is None or high is None:
        return "nothing"
    if limit.currency == ANY:
        return f"{low} to {high} in minor units"
    return f"{Money(low, limit.currency)} to {Money(high, limit.currency)}"


def document(limit: Limit) -> dict[str, Any]:
    """Return a limit as JSON-ready values."""
    return {
        "currency": limit.currency,
        "buyer_role": limit.buyer_role,
        "kind": limit.kind,
        "amount_min": limit.amount_min,
        "amount_max": limit.amount_max,
        "effective_at": limit.effective_at.isoformat(),
        "created_by": limit.created_by,
        "created_at": limit.created_at.isoformat(),
    }


def read_instant(text: str, name: str, *, or_else: str | None = None) -> datetime:
    """Read a date or an instant; UTC unless it says otherwise.

    ``or_else`` tells of another way in which it may be written there.

    Raises:
        InvalidField: ``instant_malformed``.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        forms = "2027-01-01, or 2027-01-01T06:00:00+01:00"
        more = "" if or_else is None else f", {or_else}"
        raise InvalidField(name, "instant_malformed", f"Write {forms}{more}.") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _amounts(
    currency: str, least: str | None, most: str | None, *, nothing: bool
) -> tuple[int | None, int | None]:
    """Return the least and the most in minor units; nothing of both: nothing is sold."""
    if nothing:
        if least is not None or most is not None:
            raise InvalidField("nothing", "usage", "Give amounts, or --nothing.")
        return None, None
    if currency != ANY:
        exponent_of(currency)
    if most is None:
        raise InvalidField("max", "field_required", "Give --max, or --nothing.")
    low = 1 if least is None else _minor(least, currency, "min")
    return low, _minor(most, currency, "max")


def _minor(text: str, currency: str, name: str) -> int:
    if currency != ANY:
        return parse_major(text, currency, name).minor
    return check_amount(int(text) if text.isascii() and text.isdigit() else text, name)
