"""Metrics: counted in the statement that moves a payment, so they agree with the books."""

from __future__ import annotations

import secrets

from paykeel.metrics.asking import Asked
from paykeel.metrics.service import PaymentMetricsService

__all__ = ["SLOTS", "Asked", "PaymentMetricsService", "writer_slot"]

#: Writers of one minute are spread over this many rows.
SLOTS = 64
#: Where the slots of this process begin. By chance, because every container's first process has the
#: same number.
_FIRST_SLOT = secrets.randbelow(SLOTS)


def writer_slot(lane: int) -> int:
    """Return the slot in which this process writes from ``lane``.

    Two lanes of a process never share one; two processes seldom do, and then merely wait.
    """
    return (_FIRST_SLOT + lane) % SLOTS
