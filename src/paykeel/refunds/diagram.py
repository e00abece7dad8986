"""The moves of a refund as a picture, drawn from the one table of them. Pure."""

from __future__ import annotations

from paykeel.payments.refunding import REFUND_TRANSITIONS, RefundStatus

#: Where it ends. One that failed may still turn out to have been given back.
ENDS = tuple(
    status
    for status in RefundStatus
    if status not in (RefundStatus.REQUESTED, RefundStatus.PENDING)
)


def diagram() -> str:
    """Return the moves as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    lines += [
        f"    {'[*]' if before == 'new' else before} --> {after}"
        for before, moves in REFUND_TRANSITIONS.items()
        for after in RefundStatus
        if after in moves
    ]
    lines += [f"    {status} --> [*]" for status in ENDS]
    return "\n".join(lines)
