"""The states of a payment and the one table of moves between them.

Everything else is drawn from here: the guards of the updates, the rows of
``payment_transitions`` by which the database refuses any other move, the diagram in the docs, and
the property test over all pairs.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Status(StrEnum):
    """Where a payment stands."""

    #: Opened; perhaps sent to the gateway.
    PENDING = "pending"
    #: Held for a person, before anything is sent.
    IN_REVIEW = "in_review"
    #: The buyer must do a step.
    REQUIRES_ACTION = "requires_action"
    #: The gateway has it, or its answer is unknown.
    PROCESSING = "processing"
    #: Reserved, not yet captured.
    AUTHORIZED = "authorized"
    #: Captured.
    SUCCEEDED = "succeeded"
    #: The gateway said no.
    FAILED = "failed"
    #: Fraud prevention said no; nothing was sent.
    BLOCKED = "blocked"
    #: Called off before capture.
    CANCELED = "canceled"
    #: The buyer's step or the reservation ran out of time.
    EXPIRED = "expired"


#: What a payment comes from before it exists, so that opening one is a move like any other.
NEW = "new"

TERMINAL = frozenset(
    {Status.SUCCEEDED, Status.FAILED, Status.BLOCKED, Status.CANCELED, Status.EXPIRED}
)

_UNDECIDED = frozenset(
    {
        Status.REQUIRES_ACTION,
        Status.PROCESSING,
        Status.AUTHORIZED,
        Status.SUCCEEDED,
        Status.FAILED,
    }
)

TRANSITIONS: Mapping[str, frozenset[Status]] = MappingProxyType(
    {
        NEW: frozenset({Status.PENDING, Status.IN_REVIEW, Status.BLOCKED}),
        Status.IN_REVIEW: frozenset(
            {Status.PENDING, Status.BLOCKED, Status.CANCELED, Status.EXPIRED}
        ),
        Status.PENDING: _UNDECIDED,
        Status.REQUIRES_ACTION: (_UNDECIDED - {Status.REQUIRES_ACTION})
        | {Status.CANCELED, Status.EXPIRED},
        Status.PROCESSING: (_UNDECIDED - {Status.PROCESSING}) | {Status.CANCELED},
        Status.AUTHORIZED: frozenset({Status.SUCCEEDED, Status.CANCELED, Status.EXPIRED}),
        Status.SUCCEEDED: frozenset(),
        Status.FAILED: frozenset(),
        Status.BLOCKED: frozenset(),
        Status.CANCELED: frozenset(),
        Status.EXPIRED: frozenset(),
    }
)

#: Where something can be noted in the history without a move: a partial capture, a refused
#: capture, money that arrives after the end.
NOTABLE = frozenset(Status) - {Status.PENDING, Status.IN_REVIEW, Status.BLOCKED}

#: The purchase has its answer: good (authorized, succeeded) or bad.
CONCLUDED = TERMINAL | {Status.AUTHORIZED}


def is_allowed(before: str, after: Status) -> bool:
    """Say whether history may go from ``before`` to ``after``.

    >>> is_allowed(Status.PENDING, Status.SUCCEEDED), is_allowed(Status.FAILED, Status.SUCCEEDED)
    (True, False)
    """
    return after in TRANSITIONS[before] or (before == after and after in NOTABLE)


def edges() -> Iterator[tuple[str, str]]:
    """Yield every allowed pair, sorted: the rows of ``payment_transitions``."""
    for before in sorted({NEW, *Status}):
        for after in sorted(Status):
            if is_allowed(before, after):
                yield before, str(after)


def outcome(before: str, after: str) -> str:
    """Return in what a move lets a purchase end, as metrics count it; empty: in nothing.

    A purchase has one outcome at most. What is reserved has its good end, and a reservation that is
    let go afterwards is no second one.

    >>> outcome(Status.PENDING, Status.AUTHORIZED), outcome(Status.AUTHORIZED, Status.SUCCEEDED)
    ('succeeded', '')
    """
    if before in {after, Status.AUTHORIZED} or after not in CONCLUDED:
        return ""
    return str(Status.SUCCEEDED if after == Status.AUTHORIZED else after)


def diagram() -> str:
    """Return the moves as a Mermaid state diagram, notes left out."""
    lines = ["stateDiagram-v2"]
    lines += [
        f"    {'[*]' if before == NEW else before} --> {after}"
        for before in (NEW, *Status)
        for after in Status
        if after in TRANSITIONS[before]
    ]
    lines += [f"    {status} --> [*]" for status in Status if status in TERMINAL]
    return "\n".join(lines)
