"""What each figure means, and the arithmetic of shares. Pure; integers only.

A share is told in basis points, hundredths of a percent, with the numbers it comes from: 9,512 is
95.12 %. Where there is nothing to divide by there is no share: null, and never 0 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from paykeel.money import divide_half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

#: All of it.
WHOLE_BP = 10_000
#: With fewer than these a share is hardly worth looking at; its interval says how little.
SAMPLE_COUNT_MIN = 30
#: z squared, z being the quantile of the normal distribution for 95 % on both sides, times _SCALE.
_Z_SQUARED = 3_841_458_820_694_124
_SCALE = 10**15

#: How each figure is reckoned. ``docs/reference/metrics.md`` says the same, and a test holds it.
FORMULAS: Mapping[str, str] = MappingProxyType(
    {
        "begun": "purchases that were opened, held for review or blocked at once in the period",
        "concluded": "purchases whose first end fell into the period, whenever they had begun",
        "pending": "purchases begun minus purchases concluded, of all time up to the period's end",
        "success_per_attempt": "succeeded / (succeeded + failed): of what a gateway answered",
        "success_per_purchase": (
            "succeeded / (succeeded + failed + blocked + canceled + expired): of what concluded"
        ),
        "failure_rate": "failed / (succeeded + failed): of what a gateway answered",
        "failure_share": "failed for this reason / failed",
        "interval": (
            "Wilson score interval, 95 %: (2k + z² ∓ z·√(z² + 4k(n - k)/n)) / (2(n + z²)), the "
            "lower end rounded down and the upper up"
        ),
        "latency_mean": "sum of the durations / their number",
        "latency_percentile": (
            "read off a histogram whose bounds grow by the factor 2^(1/8), at most 9.1 % off"
        ),
        "gross": "sum of what was captured in the period, in one currency",
        "refunds": "sum of what was given back in the period, in one currency",
        "net": "gross - refunds, in one currency",
        "reference": (
            "sum of each UTC day's amount times the rate in force on that day, exact until one "
            "rounding for each currency and figure, half to even; days without a rate are left out"
        ),
        "blocked_rate": "blocked / (blocked + succeeded + failed + canceled + expired)",
        "blocked_amount": "sum of the amounts of purchases that were blocked, in one currency",
        "vamp": (
            "(fraud reports + disputes) / succeeded, in the calendar month (UTC) of the period's "
            "end; minimum counts apply and are not modelled"
        ),
        "vamp_distance": "the threshold of that month minus the ratio",
        "change": "this period minus the one of equal length before it; shares in basis points",
        "as_of": "everything that happened before this instant is surely counted",
    }
)


def formulas(*names: str) -> dict[str, str]:
    """Return the formulas of these figures.

    >>> formulas("net")
    {'net': 'gross - refunds, in one currency'}
    """
    return {name: FORMULAS[name] for name in names}


def formula_table() -> str:
    """Return the table of the reference page, in Markdown."""
    rows = ["| Figure | Formula |", "|---|---|"]
    rows += [f"| `{name}` | {text} |" for name, text in FORMULAS.items()]
    return "\n".join(rows)


def share_bp(numerator: int, denominator: int) -> int | None:
    """Return a share in basis points, rounded half to even; nothing when there is nothing.

    >>> share_bp(19, 20), share_bp(1, 3), share_bp(0, 0)
    (9500, 3333, None)
    """
    if denominator == 0:
        return None
    return divide_half_even(numerator * WHOLE_BP, denominator)


def wilson_bp(successes: int, trials: int) -> tuple[int, int] | None:
    """Return the Wilson score interval for 95 % in basis points; nothing without a trial.

    The lower end is rounded down and the upper end up, so that it never claims too much.

    >>> wilson_bp(8, 10), wilson_bp(1, 2), wilson_bp(0, 0)
    ((4901, 9434), (945, 9055), None)
    """
    if trials == 0:
        return None
    middle = 2 * successes * _SCALE + _Z_SQUARED
    below = 2 * (trials * _SCALE + _Z_SQUARED)
    radicand = _Z_SQUARED**2 * trials
    radicand += 4 * _Z_SQUARED * _SCALE * successes * (trials - successes)
    # The root rounded up, for the same reason.
    root = isqrt(max(0, -(-radicand // trials) - 1)) + 1
    low = (middle - root) * WHOLE_BP // below
    high = -(-(middle + root) * WHOLE_BP // below)
    return max(0, low), min(WHOLE_BP, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share with everything it comes from."""

    numerator: int
    denominator: int
    #: What ended in another way and is not in the denominator, by name.
    excluded: Mapping[str, int] = field(default_factory=dict)
    #: What had not ended yet when the period did; in no denominator.
    pending: int | None = None

    def __post_init__(self) -> None:
        """Refuse a part that is more than its whole."""
        if not 0 <= self.numerator <= self.denominator:
            message = f"{self.numerator} of {self.denominator} is no share"
            raise ValueError(message)

    @property
    def rate_bp(self) -> int | None:
        """The share; nothing when there is nothing to divide by."""
        return share_bp(self.numerator, self.denominator)

    def document(self, before: Rate | None = None) -> dict[str, Any]:
        """Return it as values for JSON, beside the same of the period before."""
        interval = wilson_bp(self.numerator, self.denominator)
        document: dict[str, Any] = {
            "rate_bp": self.rate_bp,
            "numerator": self.numerator,
            "denominator": self.denominator,
            "wilson_low_bp": interval and interval[0],
            "wilson_high_bp": interval and interval[1],
            "sample_small": self.denominator < SAMPLE_COUNT_MIN,
            "excluded": dict(self.excluded),
            "pending": self.pending,
        }
        if before is not None:
            document["before"] = {
                "rate_bp": before.rate_bp,
                "numerator": before.numerator,
                "denominator": before.denominator,
                "change_bp": difference(self.rate_bp, before.rate_bp),
            }
        return document


def difference(now: int | None, before: int | None) -> int | None:
    """Return how much more it is; nothing when one of both is unknown.

    >>> difference(9500, 9700), difference(9500, None)
    (-200, None)
    """
    return None if now is None or before is None else now - before


def growth_bp(now: int, before: int) -> int | None:
    """Return by which share of what was before it is more; nothing when there was nothing.

    >>> growth_bp(150, 100), growth_bp(50, 100), growth_bp(5, 0)
    (5000, -5000, None)
    """
    if before == 0:
        return None
    change = divide_half_even(abs(now - before) * WHOLE_BP, abs(before))
    return change if now > before else -change


def compared(now: int, before: int) -> dict[str, int | None]:
    """Return what was before, and by how much it changed."""
    return {"value": before, "change": now - before, "growth_bp": growth_bp(now, before)}
