"""What a sink that is fed must be able to do. Values in, values out: it never sees the database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from paykeel.metrics.sinks.datums import Datum
    from paykeel.metrics.sinks.dimensions import DimensionSet

#: How much of what a sink says is kept.
REASON_CHARACTERS_MAX = 500


def reason_of(text: str) -> str:
    r"""Return what a sink said as it can be stored: bounded, and never nothing.

    >>> reason_of("too\0 many"), reason_of(" ")
    ('too many', 'no reason was given')
    """
    storable = text.replace("\0", "").encode("utf-8", "replace").decode().strip()
    return storable[:REASON_CHARACTERS_MAX] or "no reason was given"


@dataclass(frozen=True, slots=True)
class Delivered:
    """It arrived."""

    #: Datums that the sink would have refused, left out; and why.
    dropped: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """It did not arrive; the very same may be sent again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The sink will never take it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may have arrived."""

    reason: str


Delivery = Delivered | Later | Refused | Unsure


class Seen(StrEnum):
    """What reading back shows."""

    YES = "yes"
    NO = "no"
    #: The sink could not be read; ask again.
    UNREADABLE = "unreadable"
    #: It is not there, and that proves nothing: such old minutes show only days later.
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Probe:
    """One datum of a batch, and how many samples of its series and minute were sent before."""

    datum: Datum
    samples_before: int


class MetricsSink(Protocol):
    """A place to which minutes are sent."""

    #: As in the settings.
    name: str
    #: Whether :meth:`was_received` can tell; otherwise what is uncertain is sent again.
    reads_back: bool
    #: How old a minute it takes; nothing: any.
    age_max: timedelta | None

    def sets(self, asked: Sequence[DimensionSet]) -> tuple[DimensionSet, ...]:
        """Return the sets of dimensions in which it wants series."""
        ...

    def pack(self, datums: Sequence[Datum]) -> list[list[Datum]]:
        """Part datums into batches that it takes whole, in their order."""
        ...

    async def send(self, datums: Sequence[Datum], now: datetime) -> Delivery:
        """Send one batch; never raises for what happens outside."""
        ...

    async def was_received(self, probe: Probe, sent_at: datetime) -> Seen:
        """Say whether the batch of this datum arrived."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
