"""What is an alert, and what becomes of one when it is counted again. Pure.

- ``velocity_burst``: purchases were blocked by a rule that asks for a velocity.
- ``card_testing``: the same, and the velocity counts declines, or different cards.
- ``decline_spike``: far more is declined than in the hour before.
- ``amount_tampering``: a purchase differed from its signed quote.

The first two are read off the rules themselves, so that a merchant's own rules raise them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from paykeel.errors import Misconfigured
from paykeel.fraud.lexing import examine, references
from paykeel.fraud.logs import instant_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

#: Refusals of a purchase that is not the one that was quoted.
TAMPERING_CODES = (
    "quote_amount_differs", "quote_currency_differs", "quote_items_differ", "quote_kind_differs",
    "quote_buyer_differs", "quote_signature_wrong", "quote_of_another_merchant",
)  # fmt: skip
#: Declines are compared with this time before.
BEFORE = timedelta(hours=1)
_TICK = timedelta(microseconds=1)


class AlertKind(StrEnum):
    """What is going on."""

    VELOCITY_BURST = "velocity_burst"
    CARD_TESTING = "card_testing"
    DECLINE_SPIKE = "decline_spike"
    AMOUNT_TAMPERING = "amount_tampering"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on something is an alert, and how far back a pass looks."""

    window: timedelta
    #: What is older than this is final; everything younger is counted anew by each pass.
    lookback: timedelta
    #: In a flood less is counted anew: so many rows, but never less than so far back.
    rows_max: int
    final_after: timedelta
    velocity_min: int
    card_testing_min: int
    tampering_min: int
    decline_window: timedelta
    declines_min: int
    #: Of the attempts, in percent.
    decline_percent_min: int
    #: How many times the share of the hour before.
    decline_factor: int

    def __post_init__(self) -> None:
        """Refuse to look back less far than what is looked at."""
        if self.lookback < max(self.window, self.decline_window):
            raise Misconfigured(
                "PAYKEEL_FRAUD_ALERT_LOOKBACK_MS is less than the windows of the alerts.",
                code="alert_lookback_too_short",
            )

    def count_min(self, kind: AlertKind) -> int:
        """Return how often a reason is given before it is an alert."""
        match kind:
            case AlertKind.CARD_TESTING:
                return self.card_testing_min
            case AlertKind.AMOUNT_TAMPERING:
                return self.tampering_min
            case AlertKind.DECLINE_SPIKE:
                return self.declines_min
            case AlertKind.VELOCITY_BURST:
                return self.velocity_min


@dataclass(frozen=True, slots=True)
class Declines:
    """Declines and attempts of one merchant: in the last minutes, and in the hour before."""

    declines: int
    attempts: int
    declines_before: int
    attempts_before: int

    def is_spike(self, thresholds: Thresholds) -> bool:
        """Say whether far more is declined than before.

        With ``D`` declines of ``A`` attempts now and ``d`` of ``a`` before, all must be true:
        ``D >= declines_min``, ``D/A >= percent_min/100``, and ``D/A >= factor * (d+1)/(a+2)``.
        The ones keep a merchant without a past from being compared with nothing: it has a spike
        when (with a factor of 2) everything is declined. A decline of an attempt that was made
        earlier counts as an attempt, so that no share is above one.

        >>> from datetime import timedelta
        >>> ten = timedelta(minutes=10)
        >>> limits = Thresholds(window=ten, lookback=ten, rows_max=100, final_after=ten,
        ...     velocity_min=10, card_testing_min=5, tampering_min=1, decline_window=ten,
        ...     declines_min=20, decline_percent_min=20, decline_factor=2)
        >>> Declines(20, 50, 60, 600).is_spike(limits), Declines(20, 50, 150, 600).is_spike(limits)
        (True, False)
        """
        now = max(self.attempts, self.declines)
        before = max(self.attempts_before, self.declines_before)
        return (
            self.declines >= thresholds.declines_min
            and self.declines * 100 >= thresholds.decline_percent_min * now
            and self.declines * (before + 2)
            >= thresholds.decline_factor * (self.declines_before + 1) * now
        )

    def document(self) -> dict[str, int]:
        """Return it as values for JSON."""
        return {
            "declines": self.declines,
            "attempts": self.attempts,
            "declines_before": self.declines_before,
            "attempts_before": self.attempts_before,
        }


def reasons_of(document: Mapping[str, Any]) -> dict[str, AlertKind]:
    """Return what a ruleset's reasons for blocking speak of, from its stored document.

    >>> reasons_of({"velocities": {"n": {"outcome": "declined", "aggregate": "count"}},
    ...     "rules": [{"when": "velocity.n > 3", "action": "block", "reason": "many"}]})
    {'many': <AlertKind.CARD_TESTING: 'card_testing'>}
    """
    by_name = {f"velocity.{name}": one for name, one in document.get("velocities", {}).items()}
    kinds: dict[str, AlertKind] = {}
    for rule in document.get("rules", ()):
        tokens = examine(rule["when"])
        if rule["action"] != "block" or not isinstance(tokens, tuple | list):
            continue
        used = [by_name[found.name] for found in references(tokens, by_name)]
        if not used:
            continue
        if any(_of_cards(velocity) for velocity in used):
            kinds[rule["reason"]] = AlertKind.CARD_TESTING
        else:
            # Of two rules with one reason, the one about cards says more.
            kinds.setdefault(rule["reason"], AlertKind.VELOCITY_BURST)
    return kinds


def _of_cards(velocity: Mapping[str, Any]) -> bool:
    return velocity["outcome"] == "declined" or (
        velocity["aggregate"] == "distinct" and velocity.get("of") == "card"
    )


def dedupe_key(kind: str, reason: str | None) -> str:
    """Return what is the same for everything that one alert counts."""
    return kind if reason is None else f"{kind}:{reason}"


def counts_from(at: datetime, window: timedelta, acknowledged_at: datetime | None) -> datetime:
    """Return from when on an alert counts: its window, but only what follows the last one.

    The whole window and not its first row that was seen, so that what commits late is in it.
    """
    begin = at - window
    return begin if acknowledged_at is None else max(begin, acknowledged_at + _TICK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """An alert as it was, and what was found of it since its count was final."""

    merchant_id: UUID
    alert_id: UUID
    kind: str
    dedupe_key: str
    facts: Mapping[str, Any]
    first_at: datetime
    last_at: datetime
    count: int
    #: How often it was before ``counted_to``, for good.
    counted: int
    counted_to: datetime
    told: int
    acknowledged_at: datetime | None
    found: int
    found_final: int
    found_first_at: datetime | None
    found_last_at: datetime | None
    newest: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """What an alert becomes, and what is told of that, if anything."""

    first_at: datetime
    last_at: datetime
    count: int
    counted: int
    counted_to: datetime
    told: int
    facts: Mapping[str, Any]
    #: ``opened`` or ``doubled``; ``None``: nothing is told.
    event: str | None


def recount(was: Counted, final_to: datetime) -> Recount:
    """Count an alert: what is final, and everything since, from scratch.

    It is told when it opens, and again whenever it has doubled since it was told last; nothing is
    told any more of one that was acknowledged.
    """
    count = max(was.counted + was.found, 1)
    event = None
    if was.acknowledged_at is None and count >= 2 * was.told:
        event = "doubled" if was.told else "opened"
    first_at, last_at = was.first_at, was.last_at
    if was.found_first_at is not None and was.found_last_at is not None:
        # Until it was counted for the first time, these only say where to begin.
        first_at = min(first_at, was.found_first_at) if was.told else was.found_first_at
        last_at = max(last_at, was.found_last_at) if was.told else was.found_last_at
    facts = was.facts if was.newest is None else {**was.facts, "newest": list(was.newest)}
    return Recount(
        first_at=first_at,
        last_at=last_at,
        count=count,
        counted=was.counted + was.found_final,
        counted_to=max(was.counted_to, final_to),
        told=was.told if event is None else count,
        facts=facts,
        event=event,
    )


def message_of(was: Counted, now: Recount) -> dict[str, Any]:
    """Return what the outside is told of an alert: the payload of ``fraud.alert``."""
    return {
        "event": now.event,
        "alert_id": str(was.alert_id),
        "kind": was.kind,
        "reason": reason_of(was.dedupe_key),
        "count": now.count,
        "first_at": instant_text(now.first_at),
        "last_at": instant_text(now.last_at),
        "facts": now.facts,
    }


def reason_of(key: str) -> str | None:
    """Return the reason that an alert is about; a decline spike has none.

    >>> reason_of("card_testing:card_declines"), reason_of("decline_spike")
    ('card_declines', None)
    """
    return key.partition(":")[2] or None
