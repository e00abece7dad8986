"""Counts what became of a file's lines, in constant memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paykeel.payments.states import CONCLUDED

if TYPE_CHECKING:
    from paykeel.cli.orders.model import Order, Reject
    from paykeel.cli.orders.sending import Sent

#: How many rejects are shown on the screen; the file has them all.
REJECTS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """What is counted together."""

    status: str
    reason: str
    currency: str


@dataclass(slots=True)
class Count:
    """How many orders of a group there were, and their sums in minor units."""

    #: Answered for the first time.
    new: int = 0
    new_amount: int = 0
    #: Answered before; nothing was charged this time.
    replayed: int = 0
    replayed_amount: int = 0


@dataclass(slots=True)
class Tally:
    """What became of the lines so far."""

    lines: int = 0
    answered: int = 0
    replayed: int = 0
    #: Sent more than once before they had their answer.
    resent: int = 0
    #: Answered as replayed, after they had been sent more than once in this run.
    confirmed: int = 0
    rejected: int = 0
    #: Sent, perhaps charged, and without an answer when the run ended.
    unanswered: int = 0
    groups: dict[Group, Count] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    first_rejects: list[Reject] = field(default_factory=list)
    #: Why the run ended before the file did: ``interrupted``, or the code of an error.
    stopped: str | None = None
    seconds: float = 0.0

    def count(self, sent: Sent) -> None:
        """Count an order that has its answer."""
        self.answered += 1
        self.resent += sent.retries > 0
        # After a crash nobody can say whether the first request of this run or an earlier run made
        # the payment; it is counted with the replayed ones, and told apart here.
        self.confirmed += sent.replayed and sent.retries > 0
        group = self.groups.setdefault(
            Group(sent.status, sent.reason or "", sent.currency), Count()
        )
        if sent.replayed:
            self.replayed += 1
            group.replayed += 1
            group.replayed_amount += sent.amount
        else:
            group.new += 1
            group.new_amount += sent.amount

    def reject(self, reject: Reject) -> None:
        """Count a line that was not bought."""
        self.rejected += 1
        self.codes[reject.code] += 1
        if len(self.first_rejects) < REJECTS_SHOWN_MAX:
            self.first_rejects.append(reject)

    @property
    def open(self) -> int:
        """How many answers said that the payment has not ended yet."""
        return sum(
            count.new + count.replayed
            for group, count in self.groups.items()
            if group.status not in CONCLUDED
        )

    def document(self) -> dict[str, Any]:
        """Return it as JSON-ready values; amounts are in minor units."""
        return {
            "lines": self.lines,
            "answered": self.answered,
            "replayed": self.replayed,
            "resent": self.resent,
            "confirmed_after_resending": self.confirmed,
            "rejected": self.rejected,
            "unanswered": self.unanswered,
            "open": self.open,
            "stopped": self.stopped,
            "seconds": round(self.seconds, 3),
            "by_status": [
                {
                    "status": group.status,
                    "reason": group.reason or None,
                    "currency": group.currency,
                    "new": count.new,
                    "new_amount": count.new_amount,
                    "replayed": count.replayed,
                    "replayed_amount": count.replayed_amount,
                }
                for group, count in sorted(self.groups.items())
            ],
            "rejects_by_code": dict(sorted(self.codes.items())),
            "first_rejects": [reject.document() for reject in self.first_rejects],
        }


class Turns:
    """Lets orders of one name go one after the other, in the file's order.

    Only the names that are on their way are kept.
    """

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Event] = {}

    def take(self, order: Order) -> tuple[asyncio.Event | None, asyncio.Event]:
        """Return what to wait for, if anything, and what to hand to :meth:`end` afterwards."""
        before, own = self._last.get(order.idempotency_key), asyncio.Event()
        self._last[order.idempotency_key] = own
        return before, own

    def end(self, order: Order, own: asyncio.Event) -> None:
        """Let the next one of the same name go."""
        own.set()
        if self._last.get(order.idempotency_key) is own:
            del self._last[order.idempotency_key]
