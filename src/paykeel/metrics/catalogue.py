"""The one catalogue of metrics that leave the house: every sink, alarm and dashboard reads it.

A metric has the same name everywhere, written as each sink writes names. What it may be split by
is said here too: whatever names one person, card or payment is not on the list, and a metric can
never be split by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """How values of one series are put together."""

    #: What happened in a minute; minutes are added.
    COUNTER = "counter"
    #: Durations of a minute by place of the log scale; histograms are merged.
    HISTOGRAM = "histogram"
    #: How things stand at one moment; the newest is the truth.
    GAUGE = "gauge"


class Unit(StrEnum):
    """What a value counts."""

    COUNT = "count"
    #: Minor units of the currency that the series names; sums over currencies do not exist.
    MINOR_UNITS = "minor_units"
    MICROSECONDS = "microseconds"
    SECONDS = "seconds"


class Cost(StrEnum):
    """How many series a metric becomes, for each set of dimensions that is asked for."""

    ONE = "one"
    PER_CURRENCY = "per_currency"
    PER_STAGE = "per_stage"
    PER_SINK = "per_sink"


#: ``test`` or ``live``: every series says it, so that nobody adds play money to money.
MODE = "mode"
MERCHANT = "merchant"
ROLE = "role"
CURRENCY = "currency"
GATEWAY = "gateway"
REASON = "reason"
STAGE = "stage"
SINK = "sink"

#: What a metric may be split by, when the settings ask for it.
DIMENSIONS = (MERCHANT, ROLE, CURRENCY, GATEWAY, REASON)
#: What names one person, card or payment, or nearly so; asked for, these are refused as such.
PERSONAL = frozenset(
    {
        "account",
        "address",
        "attempt",
        "attempt_id",
        "buyer",
        "buyer_id",
        "card",
        "customer",
        "device",
        "email",
        "fingerprint",
        "idempotency_key",
        "ip",
        "name",
        "order",
        "payment",
        "payment_id",
        "payment_method",
        "phone",
        "reference",
        "refund",
        "refund_id",
        "user",
        "user_id",
    }
)

_SPLITS = (MERCHANT, ROLE, CURRENCY, GATEWAY)
_WITH_REASON = (*_SPLITS, REASON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of the catalogue."""

    #: Lower case with underscores; ``cloudwatch_name`` writes it as CloudWatch's metrics look.
    name: str
    meaning: str
    kind: Kind
    unit: Unit
    #: By which it may be split, beside what it always says.
    dimensions: tuple[str, ...]
    #: What every series of it says.
    always: tuple[str, ...] = (MODE,)
    cost: Cost = Cost.ONE


def _counter(name: str, meaning: str, dimensions: tuple[str, ...] = _SPLITS) -> Metric:
    return Metric(
        name=name, meaning=meaning, kind=Kind.COUNTER, unit=Unit.COUNT, dimensions=dimensions
    )


def _money(name: str, meaning: str) -> Metric:
    return Metric(
        name=name,
        meaning=meaning,
        kind=Kind.COUNTER,
        unit=Unit.MINOR_UNITS,
        dimensions=_SPLITS,
        always=(MODE, CURRENCY),
        cost=Cost.PER_CURRENCY,
    )


def _gauge(name: str, unit: Unit, meaning: str) -> Metric:
    return Metric(name=name, meaning=meaning, kind=Kind.GAUGE, unit=unit, dimensions=())


_ALL = (
    _counter("purchases_opened", "Purchases that began, whatever became of them."),
    _counter("purchases_succeeded", "Purchases that came to their first good end."),
    _counter("purchases_failed", "Purchases that the gateway refused.", _WITH_REASON),
    _counter("purchases_blocked", "Purchases that fraud prevention refused.", _WITH_REASON),
    _counter("purchases_canceled", "Purchases that were called off."),
    _counter("purchases_expired", "Purchases that ran out of time."),
    _money("amount_captured", "Money taken from buyers: gross revenue."),
    _money("amount_refunded", "Money given back."),
    Metric(
        name="latency",
        meaning="How long a stage took: open, gateway, settle, or the whole purchase.",
        kind=Kind.HISTOGRAM,
        unit=Unit.MICROSECONDS,
        dimensions=(MERCHANT, ROLE, GATEWAY),
        always=(MODE, STAGE),
        cost=Cost.PER_STAGE,
    ),
    _gauge(
        "unknown_outcomes_overdue",
        Unit.COUNT,
        "Attempts whose outcome has been unknown for more than 15 minutes.",
    ),
    _gauge("recovery_lag", Unit.SECONDS, "By how much the oldest attempt is overdue for recovery."),
    _gauge("review_backlog", Unit.COUNT, "Payments that wait for a person."),
    _gauge("fraud_alerts_open", Unit.COUNT, "Alerts of fraud prevention nobody has acknowledged."),
    Metric(
        name="sink_lag",
        meaning="How far a sink is behind the newest minute that it could have.",
        kind=Kind.GAUGE,
        unit=Unit.SECONDS,
        dimensions=(),
        always=(SINK,),
        cost=Cost.PER_SINK,
    ),
)
#: Every metric by its name.
CATALOGUE: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})

#: The events with which a purchase begins.
OPENING_EVENTS = frozenset({"payment.opened", "payment.in_review", "payment.blocked"})
#: Which metric counts the purchases of an outcome.
BY_OUTCOME: Mapping[str, str] = MappingProxyType(
    {
        "succeeded": "purchases_succeeded",
        "failed": "purchases_failed",
        "blocked": "purchases_blocked",
        "canceled": "purchases_canceled",
        "expired": "purchases_expired",
    }
)


def cloudwatch_name(name: str) -> str:
    """Return the name of a metric or a dimension as it stands in CloudWatch.

    >>> cloudwatch_name("purchases_succeeded"), cloudwatch_name("currency")
    ('PurchasesSucceeded', 'Currency')
    """
    return "".join(word.capitalize() for word in name.split("_"))


#: What CloudWatch calls our units; money has none, and says its currency as a dimension.
CLOUDWATCH_UNITS: Mapping[Unit, str] = MappingProxyType(
    {
        Unit.COUNT: "Count",
        Unit.MINOR_UNITS: "None",
        Unit.MICROSECONDS: "Microseconds",
        Unit.SECONDS: "Seconds",
    }
)
