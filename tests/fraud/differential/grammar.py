"""Random rules over the attributes of a purchase, every one of them of the right types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from paykeel.fraud.catalogue import FIXED, Type, typed

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

VARIABLES = {
    **typed(FIXED),
    "velocity.declines": Type.INT,
    "velocity.sum": Type.INT,
    "velocity.mean": Type.DOUBLE,
    "list.vip": Type.BOOL,
    "limit.most": Type.INT,
}
NAMES = {type_: sorted(name for name in VARIABLES if VARIABLES[name] is type_) for type_ in Type}
MISSING_SHARE = 0.2

INTS = (0, 1, 2, 3, 5, 10, 99, 100, 199, 200, 5_000, 86_400, 500_000, 2**31, 2**53, 2**63 - 1)
DOUBLES = ("0.0", "0.5", "0.1", "0.3", "1.0", "2.5", "100.0", "1e3", "1e18")
#: What doubles are divided by: no infinity and no NaN comes of these.
DIVISORS = ("0.5", "2.0", "3.0", "1e3")
TEXTS = ("", "a", "NL", "NO", "nl", "EUR", "agent", "example.com", "aaa", "it's", "\\", "Z")
PATTERNS = ("^N", "^[A-Z]{2}$", "a+", "(a|b)*c", "example", "^$", ".", r"\\.com$")
INSTANTS = ("2026-11-23T12:00:00Z", "2024-02-29T23:59:59Z", "1999-12-31T23:00:00Z")
DURATIONS = ("0s", "1s", "90m", "24h", "720h", "-1h", "1.5s")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
PARTS = ("FullYear", "Month", "DayOfMonth", "Date", "DayOfWeek", "DayOfYear", "Hours", "Minutes")


class Grammar:
    """Writes expressions; the same chance writes the same ones."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def rule(self) -> str:
        """Write a rule of one to several clauses."""
        return self._bool(self._chance.randint(1, 4))

    def context(self) -> dict[str, Any]:
        """Give a value to each attribute, but for those that are missing."""
        return {
            name: self._value(type_)
            for name, type_ in VARIABLES.items()
            if self._chance.random() >= MISSING_SHARE
        }

    def _value(self, type_: Type) -> Any:
        chance = self._chance
        match type_:
            case Type.BOOL:
                return chance.random() < 0.5
            case Type.INT:
                return chance.choice((1, 1, 1, -1)) * chance.choice(INTS)
            case Type.DOUBLE:
                return float(chance.choice(DOUBLES))
            case Type.STRING:
                return chance.choice(TEXTS)
            case Type.TIMESTAMP:
                start = datetime(2026, 11, 23, 12, tzinfo=UTC)
                return start + timedelta(seconds=chance.randint(-40_000_000, 40_000_000))

    def _of(self, *choices: Callable[[], str]) -> str:
        return self._chance.choice(choices)()

    def _name(self, type_: Type) -> str:
        return self._chance.choice(NAMES[type_])

    def _compared(self, left: str, right: str) -> str:
        return f"{left} {self._chance.choice(COMPARISONS)} {right}"

    def _bool(self, depth: int) -> str:
        if depth <= 0:
            return self._of(
                lambda: self._name(Type.BOOL),
                lambda: self._chance.choice(("true", "false")),
                lambda: self._compared(self._int(0), self._int(0)),
                lambda: self._compared(self._text(0), self._text(0)),
            )
        inner = depth - 1
        return self._of(
            lambda: f"({self._bool(inner)} && {self._bool(inner)})",
            lambda: f"({self._bool(inner)} || {self._bool(inner)})",
            lambda: f"{self._bool(inner)} && {self._bool(0)} || {self._bool(0)}",
            lambda: f"!({self._bool(inner)})",
            lambda: f"({self._bool(inner)} ? {self._bool(inner)} : {self._bool(inner)})",
            lambda: f"({self._bool(inner)}) == ({self._bool(0)})",
            lambda: self._compared(self._int(inner), self._int(inner)),
            lambda: self._compared(self._double(inner), self._double(inner)),
            lambda: self._compared(self._text(inner), self._text(inner)),
            lambda: self._compared(self._instant(inner), self._instant(inner)),
            lambda: self._compared(self._duration(inner), self._duration(inner)),
            lambda: self._in_list(inner),
            lambda: self._about_text(inner),
        )

    def _in_list(self, depth: int) -> str:
        write = self._chance.choice((self._text, self._int))
        listed = ", ".join(write(0) for _ in range(self._chance.randint(0, 4)))
        return f"{write(depth)} in [{listed}]" if listed else f"{write(depth)} == {write(0)}"

    def _about_text(self, depth: int) -> str:
        text = self._text(depth)
        if self._chance.random() < 0.3:
            return f"{text}.matches('{self._chance.choice(PATTERNS)}')"
        verb = self._chance.choice(("startsWith", "endsWith", "contains"))
        return f"{text}.{verb}({self._text(0)})"

    def _int(self, depth: int) -> str:
        if depth <= 0:
            return self._of(
                lambda: self._name(Type.INT),
                lambda: self._name(Type.INT),
                lambda: str(self._chance.choice(INTS)),
                lambda: f"-{self._chance.choice(INTS)}",
            )
        inner = depth - 1
        return self._of(
            lambda: self._int(0),
            lambda: f"({self._int(inner)} {self._chance.choice('+-*/%')} {self._int(inner)})",
            lambda: f"-({self._int(inner)})",
            lambda: f"size({self._text(inner)})",
            lambda: f"int({self._double(inner)})",
            lambda: f"({self._bool(inner)} ? {self._int(inner)} : {self._int(0)})",
            lambda: f"{self._instant(inner)}.get{self._chance.choice(PARTS)}()",
        )

    def _double(self, depth: int) -> str:
        if depth <= 0:
            return self._of(lambda: self._name(Type.DOUBLE), lambda: self._chance.choice(DOUBLES))
        inner = depth - 1
        return self._of(
            lambda: self._double(0),
            lambda: f"({self._double(inner)} {self._chance.choice('+-*')} {self._double(inner)})",
            lambda: f"({self._double(inner)} / {self._chance.choice(DIVISORS)})",
            lambda: f"double({self._int(inner)})",
            lambda: f"-({self._double(inner)})",
        )

    def _text(self, depth: int) -> str:
        if depth <= 0:
            return self._of(
                lambda: self._name(Type.STRING), lambda: self._quoted(self._chance.choice(TEXTS))
            )
        inner = depth - 1
        return self._of(
            lambda: self._text(0),
            lambda: f"({self._text(inner)} + {self._text(inner)})",
            lambda: f"string({self._int(inner)})",
            lambda: f"({self._bool(inner)} ? {self._text(0)} : {self._text(0)})",
        )

    def _quoted(self, text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def _instant(self, depth: int) -> str:
        if depth <= 0 or self._chance.random() < 0.6:
            return self._of(lambda: "now", lambda: f"timestamp('{self._chance.choice(INSTANTS)}')")
        sign = self._chance.choice("+-")
        return f"({self._instant(depth - 1)} {sign} {self._duration(depth - 1)})"

    def _duration(self, depth: int) -> str:
        if depth <= 0 or self._chance.random() < 0.6:
            return f"duration('{self._chance.choice(DURATIONS)}')"
        return f"({self._instant(depth - 1)} - {self._instant(depth - 1)})"
