"""Reads the condition of a tier or of a statutory floor. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from paykeel.fraud.reading import join
from paykeel.refunds.clocks import Clock, Either, Every, NoShow, Within, leaves

if TYPE_CHECKING:
    from paykeel.fraud.reading import Reading
    from paykeel.refunds.clocks import Condition

#: How often conditions may stand inside one another.
DEPTH_MAX = 4
#: Of one tier, and of one `all` or `any`.
CONDITIONS_MAX = 20
DURATION_S_MAX = 3_650 * 86_400

_DURATION = re.compile(r"(-?)(0|[1-9][0-9]{0,8})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def read_condition(reading: Reading, value: object, path: str) -> Condition | None:
    """Return a condition; ``None`` when it is none, which is noted."""
    before = len(reading.mistakes)
    found = _condition(reading, value, path, 1)
    if found is None or len(reading.mistakes) > before:
        return None
    if len(list(leaves(found))) > CONDITIONS_MAX:
        message = f"At most {CONDITIONS_MAX} conditions."
        reading.refuse("condition_too_long", path, message)
        return None
    return found


def _condition(reading: Reading, value: object, path: str, depth: int) -> Condition | None:
    """Read an object; what stands in it side by side must all hold."""
    fields = reading.fields(value, path, (), (*Clock, "no_show", "all", "any"))
    if isinstance(value, dict) and not fields:
        reading.refuse("condition_empty", path, "A condition says when it holds.")
        return None
    if depth > DEPTH_MAX:
        message = f"At most {DEPTH_MAX} inside one another."
        reading.refuse("condition_too_deep", path, message)
        return None
    inner = depth + (len(fields) > 1)
    parts: list[Condition] = []
    for name, item in fields.items():
        at = join(path, name)
        if name in ("all", "any"):
            joined = _joined(reading, item, at, inner)
            parts.append(Every(joined) if name == "all" else Either(joined))
        elif name == "no_show":
            parts.append(NoShow(reading.boolean(item, at)))
        elif name in set(Clock):
            parts.append(_within(reading, Clock(name), item, at))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _joined(reading: Reading, value: object, path: str, depth: int) -> tuple[Condition, ...]:
    items = reading.items(value, path, CONDITIONS_MAX)
    if isinstance(value, list) and not items:
        reading.refuse("condition_empty", path, "A condition says when it holds.")
    if value is None:
        reading.refuse("list_required", path, "A list is needed here.")
    found = [
        _condition(reading, item, f"{path}[{place}]", depth + 1) for place, item in enumerate(items)
    ]
    return tuple(one for one in found if one is not None)


def _within(reading: Reading, clock: Clock, value: object, path: str) -> Within:
    fields = reading.fields(value, path, (), ("from", "to"))
    bounds = {
        name: _bound(reading, clock, fields[name], join(path, name))
        for name in ("from", "to")
        if name in fields
    }
    from_s, to_s = bounds.get("from"), bounds.get("to")
    if isinstance(value, dict) and not bounds:
        reading.refuse("interval_empty", path, "Say from when, or to when.")
    if from_s is not None and to_s is not None and from_s >= to_s:
        reading.refuse("interval_empty", path, "It ends before it begins; `to` is not in it.")
    return Within(clock, from_s, to_s)


def _bound(reading: Reading, clock: Clock, value: object, path: str) -> int | None:
    """Read a duration; the clocks that only grow begin at zero, so their bounds lie above it."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[0].startswith("-0"):
        message = "A duration is a number and s, m, h or d, such as 24h."
        reading.refuse("duration_malformed", path, message)
        return None
    seconds = int(f"{found[1]}{found[2]}") * _SECONDS[found[3]]
    if seconds <= 0 and clock is not Clock.BEFORE_SERVICE:
        reading.refuse("duration_malformed", path, f"{clock} is more than zero.")
        return None
    if abs(seconds) > DURATION_S_MAX:
        reading.refuse("duration_too_long", path, f"At most {DURATION_S_MAX // 86_400}d.")
        return None
    return seconds
