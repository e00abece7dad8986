"""What can be asked of the metrics: period, interval, time zone, filters, grouping. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from paykeel.errors import InvalidField
from paykeel.metrics.levels import cover
from paykeel.metrics.periods import (
    EVERYTHING_KEPT,
    Interval,
    Period,
    boundaries,
    fitting,
    read_period,
    read_zone,
)
from paykeel.metrics.reading import Filters
from paykeel.money import exponent_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from paykeel.metrics.levels import Watermarks

SINCE_DEFAULT = "7d"
ZONE_DEFAULT = "UTC"
#: Of one filter.
VALUES_MAX = 20
#: One answer has at most so many groups; the largest are shown and the others counted.
GROUPS_MAX = 20
#: When no interval is asked for, the shortest is taken that gives at most so many points.
POINTS_USUAL_MAX = 60
#: When everything is counted, unless who asks knows better from the settings.
SETTLED_AFTER = timedelta(seconds=40)

ROLES = ("agent", "operator")
_GATEWAY = re.compile(r"[\x21-\x7e]{1,64}", re.ASCII)


class GroupBy(StrEnum):
    """By what an answer is split."""

    ROLE = "role"
    CURRENCY = "currency"
    GATEWAY = "gateway"
    REASON = "reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A period with the pieces it is cut into, filters and grouping."""

    period: Period
    #: The period of equal length before it; ``None``: there is none to compare with.
    comparison: Period | None
    #: Why there is none: ``before_first_instant`` or ``metrics_resolution_gone``.
    comparison_missing: str | None
    zone: ZoneInfo
    interval: Interval
    #: Where the pieces begin, and last where the period ends; empty if it is not cut.
    cuts: tuple[datetime, ...]
    filters: Filters
    group_by: GroupBy | None
    asked_at: datetime
    #: How long ago what happened is surely counted.
    settled_after: timedelta

    @property
    def both(self) -> list[datetime]:
        """Where the period before begins, if there is one, where the period does, and its end."""
        earlier = [] if self.comparison is None else [self.comparison.since]
        return [*earlier, self.period.since, self.period.until]

    @property
    def as_of(self) -> datetime:
        """Everything that happened before this instant is surely counted."""
        return min(self.period.until, self.asked_at - self.settled_after)

    def head(self) -> dict[str, Any]:
        """Return what every answer begins with."""
        before = self.comparison
        return {
            "period": self._span(self.period),
            "comparison": None if before is None else self._span(before),
            "comparison_missing": self.comparison_missing,
            "time_zone": self.zone.key,
            "as_of": instant(self.as_of),
            "filters": {
                "role": _listed(self.filters.roles),
                "currency": _listed(self.filters.currencies),
                "gateway": _listed(self.filters.gateways),
            },
            "group_by": self.group_by and str(self.group_by),
        }

    def _span(self, period: Period) -> dict[str, str]:
        return {"since": instant(period.since), "until": instant(period.until)}


def instant(at: datetime) -> str:
    """Write an instant in UTC.

    >>> instant(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    '2026-11-23T09:30:00.000000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for, as texts; what is left out has a default that suits."""

    #: An instant, a local day or time, or how long before the end, such as ``7d``.
    since: str | None = None
    #: The same; up to and with the running minute when left out.
    until: str | None = None
    #: ``minute``, ``hour``, ``day``, ``week`` or ``month``; one that fits when left out.
    interval: str | None = None
    #: By whose clock days begin; a name of the IANA database.
    time_zone: str | None = None
    #: Only these, with commas between them.
    role: str | None = None
    currency: str | None = None
    gateway: str | None = None
    #: By what the answer is split.
    group_by: str | None = None


USUAL = Asked()


def ask(
    now: datetime,
    asked: Asked = USUAL,
    groups: Sequence[GroupBy] = (),
    *,
    known: Watermarks = EVERYTHING_KEPT,
    cut: bool = True,
    settled_after: timedelta = SETTLED_AFTER,
) -> Question:
    """Return a question, checked.

    Args:
        now: The present instant, by the database's clock.
        asked: What is asked, as a query string or a command line has it.
        groups: By what this answer can be split.
        known: How far the merchant's metrics are summed up, and what was removed.
        cut: Whether the answer is a series, and the period is cut into pieces.
        settled_after: How long ago what happened is surely counted.

    Raises:
        InvalidField: Something is wrong; ``field`` says what.
    """
    zone = read_zone(asked.time_zone or ZONE_DEFAULT)
    period = read_period(asked.since or SINCE_DEFAULT, asked.until, now, zone, known)
    if asked.interval is None:
        chosen = fitting(period, zone, POINTS_USUAL_MAX)
    else:
        chosen = Interval(_choice(asked.interval, "interval", [str(one) for one in Interval]))
    split = asked.group_by and GroupBy(
        _choice(asked.group_by, "group_by", [str(one) for one in groups])
    )
    comparison, missing = _comparison(period, known)
    return Question(
        period=period,
        comparison=comparison,
        comparison_missing=missing,
        zone=zone,
        interval=chosen,
        cuts=tuple(boundaries(period, chosen, zone)) if cut else (),
        filters=_filters(asked.role, asked.currency, asked.gateway),
        group_by=split or None,
        asked_at=now,
        settled_after=settled_after,
    )


def _comparison(period: Period, known: Watermarks) -> tuple[Period | None, str | None]:
    """Return the period before, or why nothing is compared with it."""
    before = period.before
    if before is None:
        return None, "before_first_instant"
    try:
        cover([before.since, before.until], known)
    except InvalidField as error:
        return None, error.code
    return before, None


def _filters(role: str | None, currency: str | None, gateway: str | None) -> Filters:
    roles = _values(role, "role")
    currencies = _values(currency, "currency")
    gateways = _values(gateway, "gateway")
    for one in roles or ():
        _choice(one, "role", ROLES)
    for one in currencies or ():
        exponent_of(one)
    for one in gateways or ():
        if not _GATEWAY.fullmatch(one):
            raise InvalidField("gateway", "name_malformed", "This is no gateway's name.")
    return Filters(roles, currencies, gateways)


def _values(text: str | None, name: str) -> tuple[str, ...] | None:
    if text is None:
        return None
    values = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if len(values) > VALUES_MAX:
        raise InvalidField(name, "filter_too_long", f"At most {VALUES_MAX} values.")
    return values


def _choice(text: str, name: str, choices: Sequence[str]) -> str:
    if text not in choices:
        told = ", ".join(choices) or "none"
        raise InvalidField(name, "choice_unknown", f"Use one of: {told}.")
    return text


def _listed(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)
