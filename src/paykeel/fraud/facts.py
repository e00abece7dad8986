"""What the judge is told of a purchase: attributes, out of the request and what was read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import TYPE_CHECKING

from paykeel.fraud.velocity import Tallies, Window, value_of, window_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from paykeel.fraud.catalogue import Given
    from paykeel.fraud.judge import Quarantined
    from paykeel.fraud.ruleset import Velocity


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A purchase as fraud prevention knows it; nothing personal in the clear but what rules name.

    Amounts are in minor units.
    """

    merchant_id: UUID
    amount: int
    currency: str
    #: In the merchant's reference currency; ``None``: there is no rate.
    amount_ref: int | None
    kind: str
    capture_method: str
    buyer_id: str
    buyer_role: str
    account_created_at: datetime | None = None
    email_domain: str | None = None
    card_bin: str | None = None
    card_country: str | None = None
    ip_country: str | None = None
    #: By kind; windows are read under these.
    keys: Mapping[str, int] = field(default_factory=dict)
    #: Under which is counted as well, while a secret is changed: in the order of ``keys``, once for
    #: each newer secret.
    later_keys: tuple[int, ...] = ()

    def every_key(self) -> Iterator[tuple[str, int]]:
        """Yield kind and key, under every secret."""
        yield from self.keys.items()
        yield from zip(cycle(self.keys), self.later_keys, strict=False)


@dataclass(frozen=True, slots=True)
class Profile:
    """The whole life of a key."""

    first_at: datetime
    attempts: int
    succeeded: int
    declined: int
    sum_ref: int


@dataclass(slots=True)
class Sight:
    """What was read for a batch, after the locks were taken."""

    #: By the database's clock: when everything below was true.
    at: datetime
    tallies: Tallies = field(default_factory=Tallies)
    profiles: dict[int, Profile] = field(default_factory=dict)
    #: The lists that a key is on.
    lists: dict[int, set[str]] = field(default_factory=dict)
    #: Idempotency keys that are taken already: these purchases are repetitions.
    taken: set[str] = field(default_factory=set)

    def count(self, facts: Facts, quarantines: Iterable[Quarantined]) -> None:
        """Let a purchase that was judged count for the next ones of its batch."""
        self.tallies.count(facts.keys, facts.amount_ref, self.at)
        for quarantine in quarantines:
            key = facts.keys.get(quarantine.key)
            if key is not None:
                self.lists.setdefault(key, set()).add("block")
        for key in facts.keys.values():
            known = self.profiles.get(key)
            self.profiles[key] = (
                Profile(self.at, 1, 0, 0, 0)
                if known is None
                else replace(known, attempts=known.attempts + 1)
            )


def windows_of(velocities: Mapping[str, Velocity], keys: Mapping[str, int]) -> dict[str, Window]:
    """Return what has to be read for one purchase, by attribute."""
    windows = {name: window_of(velocity, keys) for name, velocity in velocities.items()}
    return {name: window for name, window in windows.items() if window is not None}


def attributes_for(
    facts: Facts, sight: Sight, velocities: Mapping[str, Velocity], lists: frozenset[str]
) -> dict[str, Given]:
    """Return every attribute of a purchase whose value is known.

    Args:
        facts: The purchase.
        sight: What was read for its batch, with what was counted since.
        velocities: By attribute, those that the rulesets name.
        lists: The names of the lists that the rulesets know.
    """
    keys, at = facts.keys, sight.at
    attributes: dict[str, Given] = {
        "now": at,
        "payment.amount": facts.amount,
        "payment.amount_ref": facts.amount_ref,
        "payment.currency": facts.currency,
        "payment.kind": facts.kind,
        "payment.capture_method": facts.capture_method,
        "buyer.id": facts.buyer_id,
        "buyer.role": facts.buyer_role,
        "buyer.email_domain": facts.email_domain,
        "card.bin": facts.card_bin,
        "card.country": facts.card_country,
        "ip.country": facts.ip_country,
        "card.known": "card" in keys,
        "ip.known": "ip" in keys,
        "device.known": "device" in keys,
    }
    if facts.account_created_at is not None:
        age = at - facts.account_created_at
        attributes["buyer.account_age_s"] = max(0, int(age.total_seconds()))
    for kind, key in keys.items():
        if not kind.startswith("custom."):
            attributes |= _profile(kind, sight.profiles.get(key), at)
    attributes |= velocity_values(velocities, facts, sight)
    on: set[str] = set().union(*(sight.lists.get(key, ()) for key in keys.values()))
    for name in lists:
        attributes[f"list.{name}"] = name in on
    return {name: value for name, value in attributes.items() if value is not None}


def velocity_values(
    velocities: Mapping[str, Velocity], facts: Facts, sight: Sight
) -> dict[str, Given]:
    """Return what the windows of one purchase hold, by attribute."""
    values: dict[str, Given] = {}
    for name, velocity in velocities.items():
        window = window_of(velocity, facts.keys)
        if window is not None:
            value = value_of(velocity, sight.tallies.by_window[window], sight.at)
            if value is not None:
                values[name] = value
    return values


def _profile(kind: str, profile: Profile | None, at: datetime) -> dict[str, Given]:
    """Return what a key's whole life says; a key that was never seen has zeros and no age."""
    named = f"profile.{kind}."
    if profile is None:
        return dict.fromkeys(
            (f"{named}attempts", f"{named}succeeded", f"{named}declined", f"{named}sum_ref"), 0
        )
    return {
        f"{named}attempts": profile.attempts,
        f"{named}succeeded": profile.succeeded,
        f"{named}declined": profile.declined,
        f"{named}sum_ref": profile.sum_ref,
        f"{named}age_s": max(0, int((at - profile.first_at).total_seconds())),
    }
