"""Writes figures for people: shares, durations, money, and small charts of one line. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from paykeel.money import Money, divide_half_even

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_BLOCKS = "_.-=oO#@"
#: A chart beside its name fits into 80 columns.
SPARK_CHARACTERS_MAX = 60
_NOTHING = "-"
_MS, _S, _MINUTE, _HOUR = 1_000, 1_000_000, 60_000_000, 3_600_000_000


def number(value: int | None) -> str:
    """Write a number with its thousands.

    >>> number(1204), number(None)
    ('1,204', '-')
    """
    return _NOTHING if value is None else f"{value:,}"


def percent(bp: int | None) -> str:
    """Write basis points as a percentage.

    >>> percent(9563), percent(-40), percent(None)
    ('95.63 %', '-0.40 %', '-')
    """
    return _NOTHING if bp is None else f"{_hundredths(bp)} %"


def signed(bp: int | None) -> str:
    """Write by how many hundredths something changed, with its sign.

    >>> signed(310), signed(-40), signed(0)
    ('+3.10', '-0.40', '0.00')
    """
    if bp is None:
        return _NOTHING
    return f"+{_hundredths(bp)}" if bp > 0 else _hundredths(bp)


def _hundredths(bp: int) -> str:
    whole, rest = divmod(abs(bp), 100)
    return f"{'-' if bp < 0 else ''}{whole:,}.{rest:02}"


def growth(bp: int | None) -> str:
    """Write by how much something grew.

    >>> growth(5000), growth(None)
    ('+50.00 %', '-')
    """
    return _NOTHING if bp is None else f"{signed(bp)} %"


def duration(us: int | None) -> str:
    """Write a duration with three digits.

    >>> [duration(us) for us in (850, 1_250, 47_300, 612_000, 1_204_000, 95_000_000)]
    ['850 µs', '1.25 ms', '47.3 ms', '612 ms', '1.20 s', '1.58 min']
    """
    if us is None:
        return _NOTHING
    if us < _MS:
        return f"{us} µs"
    unit, name = next(
        found
        for found in ((_MS, "ms"), (_S, "s"), (_MINUTE, "min"), (_HOUR, "h"))
        if found[0] == _HOUR or us < found[0] * (60 if found[0] in {_S, _MINUTE} else 1_000)
    )
    hundredths = divide_half_even(us * 100, unit)
    if hundredths < 1_000:
        return f"{hundredths // 100}.{hundredths % 100:02} {name}"
    tenths = divide_half_even(us * 10, unit)
    if tenths < 1_000:
        return f"{tenths // 10}.{tenths % 10} {name}"
    return f"{divide_half_even(us, unit):,} {name}"


def past(one: Mapping[str, Any], *names: str) -> Any:
    """Return a figure of the period before; nothing when there is none to compare with.

    >>> past({"before": {"net": {"value": 5}}}, "net", "value"), past({"before": None}, "value")
    (5, None)
    """
    found = one["before"]
    for name in names:
        found = None if found is None else found[name]
    return found


def money(amount: int | None, currency: str) -> str:
    """Write an amount of minor units with its thousands, without its currency.

    >>> money(123456789, "EUR"), money(-1250, "JPY"), money(5, "KWD")
    ('1,234,567.89', '-1,250', '0.005')
    """
    if amount is None:
        return _NOTHING
    major = Money(abs(amount), currency).major
    whole, point, places = major.partition(".")
    return f"{'-' if amount < 0 else ''}{int(whole):,}{point}{places}"


def sums(amounts: Sequence[Mapping[str, Any]]) -> str:
    """Write sums of several currencies, one after the other.

    >>> sums([{"currency": "EUR", "amount": 1250}, {"currency": "JPY", "amount": 300}])
    '12.50 EUR, 300 JPY'
    """
    return ", ".join(
        f"{money(one['amount'], one['currency'])} {one['currency']}" for one in amounts
    )


def spark(values: Sequence[int], blocks: str = BLOCKS) -> str:
    """Draw values as one line, from nothing to the largest.

    >>> spark([0, 5, 10])
    '▁▅█'
    """
    largest = max(values, default=0)
    return "".join(blocks[_height(value, largest, len(blocks))] for value in values)


def merged(values: Sequence[int], characters_max: int = SPARK_CHARACTERS_MAX) -> list[int]:
    """Add neighbours up until there are few enough values for one line.

    >>> merged([1, 2, 3, 4, 5], 3)
    [3, 7, 5]
    """
    step = -(-len(values) // characters_max) or 1
    return [sum(values[place : place + step]) for place in range(0, len(values), step)]


def _height(value: int, largest: int, heights: int) -> int:
    """Return which block stands for a value; only nothing is drawn as nothing."""
    if value <= 0 or largest <= 0:
        return 0
    return max(1, -(-value * (heights - 1) // largest))


def compared(document: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Write with which period an answer is compared, or why with none."""
    before = document["comparison"]
    if before is not None:
        return f"{local(before['since'], zone)} to {local(before['until'], zone)}"
    if document["comparison_missing"] == "metrics_resolution_gone":
        return "not compared: no longer kept by hours or minutes, which it would need"
    return "not compared: it would begin before 2000"


def local(text: str, zone: ZoneInfo, form: str = "%Y-%m-%d %H:%M") -> str:
    """Write an instant by the clock of a place."""
    return datetime.fromisoformat(text).astimezone(zone).strftime(form)
