"""Which words a language needs for sentences about refunds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paykeel.refunds.clocks import Clock
    from paykeel.refunds.policy import Component, RefundReason


def _one_or_more(count: int) -> int:
    return 0 if count == 1 else 1


def polish(count: int) -> int:
    """Return the form after a number: one, two to four, and all others."""
    if count == 1:
        return 0
    few = count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14)
    return 1 if few else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Forms of sentences; what stands in braces is put in."""

    #: Between whole numbers and their decimal places.
    point: str
    percent: str
    whole: str
    #: Days, hours, minutes and seconds, each in the forms that numbers ask for.
    units: tuple[tuple[str, ...], ...]
    form_of: Callable[[int], int] = _one_or_more
    tier: str
    otherwise: str
    always: str
    share: str
    nothing: str
    units_kept: str
    fee: str
    fee_cap: str
    at_least: str
    less: str
    between: str
    before: str
    not_begun: str
    begun: str
    less_or_begun: str
    begun_at_most: str
    begun_more: str
    no_show: str
    show: str
    and_: str
    or_: str
    after: Mapping[Clock, str]
    components: Mapping[Component, str]
    component_yes: str
    component_no: str
    reasons: Mapping[RefundReason, str]
    exception: str
    bypass: str
    floor: str
    everywhere: str
    max_refunds: str
    min_refund: str
    ask: str
    deny: str
