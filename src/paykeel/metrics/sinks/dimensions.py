"""By what metrics are split, and how many series that makes: refused before it costs money.

A set of dimensions is written ``gateway+role``, the empty one ``none``; several have commas
between. CloudWatch adds nothing up over dimensions by itself, so each set is sent as series of its
own; OTLP and Prometheus do, and get one set, which holds all that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.errors import Misconfigured
from paykeel.gateways.port import DeclineReason
from paykeel.metrics import catalogue
from paykeel.metrics.catalogue import CATALOGUE, DIMENSIONS, PERSONAL, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paykeel.metrics.catalogue import Metric

#: One set of dimensions, in the catalogue's order.
DimensionSet = tuple[str, ...]

NONE = "none"
SETS_MAX = 10
BUYER_ROLES = 2
STAGES = 4
#: The sinks that are fed; sink_lag is told of each.
FED = 3
#: Reasons of rules are the merchants' own; the shipped ruleset has fewer.
BLOCK_REASONS_ASSUMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many different values there are, or are assumed to be, of what is not a closed list."""

    modes: int = 1
    merchants: int = 5
    currencies: int = 5
    gateways: int = 2
    block_reasons: int = BLOCK_REASONS_ASSUMED

    def of(self, dimension: str, metric: Metric) -> int:
        """Return how many values a dimension of this metric has."""
        match dimension:
            case catalogue.MODE:
                return self.modes
            case catalogue.MERCHANT:
                return self.merchants
            case catalogue.CURRENCY:
                return self.currencies
            case catalogue.GATEWAY:
                return self.gateways
            case catalogue.ROLE:
                return BUYER_ROLES
            case catalogue.STAGE:
                return STAGES
            case catalogue.SINK:
                return FED
            case _:
                failed = metric.name == "purchases_failed"
                return len(DeclineReason) if failed else self.block_reasons


ASSUMED = Sizes()


def parse_sets(text: str) -> tuple[DimensionSet, ...]:
    """Read the sets of dimensions that the settings ask for.

    >>> parse_sets("none, role+gateway")
    ((), ('role', 'gateway'))

    Raises:
        Misconfigured: A dimension is unknown, or would name a person or a payment.
    """
    sets: list[DimensionSet] = []
    for word in text.split(","):
        names = [name.strip() for name in word.split("+")]
        if names == [NONE]:
            names = []
        for name in names:
            _check(name)
        made = tuple(name for name in DIMENSIONS if name in names)
        if made not in sets:
            sets.append(made)
    if len(sets) > SETS_MAX:
        raise Misconfigured(
            f"PAYKEEL_METRICS_DIMENSIONS has {len(sets)} sets; at most {SETS_MAX} are sent.",
            code="metric_dimensions_too_many",
        )
    return tuple(sets)


def write_sets(sets: Sequence[DimensionSet]) -> str:
    """Write sets as the settings do.

    >>> write_sets(((), ("role", "gateway")))
    'none,role+gateway'
    """
    return ",".join("+".join(names) or NONE for names in sets)


def union(sets: Sequence[DimensionSet]) -> tuple[DimensionSet, ...]:
    """Return the one set that holds all that is asked for."""
    return (tuple(name for name in DIMENSIONS if any(name in names for names in sets)),)


def series_of(metric: Metric, names: DimensionSet) -> tuple[str, ...]:
    """Return by what the series of a metric are told apart when this set is asked for."""
    asked = (name for name in names if name in metric.dimensions and name not in metric.always)
    return (*metric.always, *asked)


def layouts(metric: Metric, sets: Sequence[DimensionSet]) -> tuple[tuple[str, ...], ...]:
    """Return each way in which a metric is split; two sets that mean the same count once."""
    return tuple(dict.fromkeys(series_of(metric, names) for names in sets))


def estimate(sets: Sequence[DimensionSet], sizes: Sizes = ASSUMED) -> dict[str, int]:
    """Return the most series that each metric can become."""
    found = {}
    for metric in CATALOGUE.values():
        total = 0
        for layout in layouts(metric, ((),) if metric.kind is Kind.GAUGE else sets):
            series = 1
            for name in layout:
                series *= sizes.of(name, metric)
            total += series
        found[metric.name] = total
    return found


def check_budget(sets: Sequence[DimensionSet], series_max: int, sizes: Sizes = ASSUMED) -> int:
    """Return the estimate of all series together.

    Raises:
        Misconfigured: ``metric_budget_exceeded``: more than the budget allows.
    """
    total = sum(estimate(sets, sizes).values())
    if total > series_max:
        raise Misconfigured(
            f"PAYKEEL_METRICS_DIMENSIONS={write_sets(sets)} makes up to {total} series, with "
            f"{sizes.merchants} merchants, {sizes.currencies} currencies and {sizes.gateways} "
            f"gateways; PAYKEEL_METRICS_SERIES_MAX allows {series_max}. Ask for less, or allow "
            "more; `paykeel metrics cost` says what each set costs.",
            code="metric_budget_exceeded",
            series=total,
            series_max=series_max,
        )
    return total


def _check(name: str) -> None:
    if name in DIMENSIONS:
        return
    known = ", ".join((NONE, *DIMENSIONS))
    if name in PERSONAL:
        raise Misconfigured(
            f"PAYKEEL_METRICS_DIMENSIONS: {name} names a person, a card or a payment, and can "
            f"never be a dimension. There are: {known}.",
            code="metric_dimension_personal",
            dimension=name,
        )
    raise Misconfigured(
        f"PAYKEEL_METRICS_DIMENSIONS: there is no dimension {name!r}. There are: {known}.",
        code="metric_dimension_unknown",
        dimension=name[:100],
    )
