"""What should become of refunds, told a second time: from the prose of the design alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from paykeel.gateways.port import Succeeded
from tests.simulation.gateway import NEVER_ARRIVED, SILENT, Scripted, Word


@dataclass
class Asked:
    """One refund that somebody asked for."""

    key: str
    amount: int
    status: str
    #: What the gateway calls it.
    name: str = ""
    #: Nobody knows how it ended.
    dark: bool = False
    approved: bool = False
    #: The gateway gave it back after it had refused, and there was no room to book it.
    unbooked: bool = False


@dataclass
class Refunded:
    """One payment of which money is given back."""

    captured: int
    refunded: int = 0
    reserved: int = 0
    disputed: int = 0
    #: Given back at the gateway, told, noted, and not booked for want of room.
    noted: int = 0
    asked: list[Asked] = field(default_factory=list)
    #: Refunds of which the gateway told by itself, by its ids, those that are not booked yet, and
    #: each dispute with how it stands.
    outside: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    disputes: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def room(self) -> int:
        return self.captured - self.refunded - self.reserved

    @property
    def refundable(self) -> int:
        return max(0, self.room - self.disputed - sum(self.waiting.values()))

    @property
    def lost(self) -> int:
        """What disputes took for good."""
        return sum(amount for amount, status in self.disputes.values() if status == "lost")

    @property
    def made_there(self) -> int:
        """What was made at the gateway, is told, and not booked."""
        return sum(self.waiting[name] for name in self.waiting if not self.named(name))

    def named(self, name: str) -> Asked | None:
        """The refund of ours that the gateway calls so."""
        return next((one for one in self.asked if one.name == name), None)

    def send(self, one: Asked, word: Word, gateway: Scripted, reference: str) -> None:
        """A refund was sent, and the gateway did and said what it did and said."""
        one.status, one.dark = "pending", True
        if word not in NEVER_ARRIVED and word not in SILENT:
            self.hear(one, yes=isinstance(gateway.follow_ups[reference], Succeeded))

    def hear(self, one: Asked, *, yes: bool) -> None:
        """The gateway says how a refund ended, for the first time or once more."""
        if one.status == "pending":
            one.dark = False
            self.reserved -= one.amount
            self.refunded += one.amount if yes else 0
            one.status = "succeeded" if yes else "failed"
            if yes:
                self.waiting.pop(one.name, None)
        elif one.status == "failed" and yes:
            fits = self.room >= one.amount
            if fits:
                self.refunded += one.amount
                self.noted -= one.amount if one.unbooked else 0
                one.status = "succeeded"
            elif not one.unbooked:
                self.noted += one.amount
            one.unbooked = not fits

    def hear_outside(self, name: str, amount: int) -> None:
        """The gateway tells of a refund that was made there."""
        if name not in self.outside:
            self.outside[name] = self.waiting[name] = amount
        self.look_at(name)

    def look_at(self, name: str) -> None:
        """What waits is booked if there is room, it is none of ours, and none of ours is dark."""
        if name not in self.waiting:
            return
        ours = self.named(name)
        if ours is not None and ours.status == "succeeded":
            del self.waiting[name]
        elif not any(one.status == "pending" for one in self.asked):
            amount = self.waiting[name]
            if amount <= self.room:
                self.refunded += amount
                del self.waiting[name]
