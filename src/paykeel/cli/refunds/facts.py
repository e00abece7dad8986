"""What only the merchant knows of a purchase, in words of the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from paykeel.cli.context import Flag
from paykeel.cli.fraud.periods import read_duration
from paykeel.cli.limits import read_instant
from paykeel.cli.terms.moments import read_ahead
from paykeel.errors import InvalidField
from paykeel.money import parse_major
from paykeel.refunds.model import GivenFacts
from paykeel.refunds.parsing import UNITS_MAX
from paykeel.refunds.policy import Component

if TYPE_CHECKING:
    from datetime import datetime

    from paykeel.payments.model import Payment

_AGO = re.compile(r"[1-9][0-9]{0,7}[smhd]", re.ASCII)
_NOTHING = re.compile(r"0{1,12}(\.0{1,4})?", re.ASCII)
_UNITS = re.compile(r"([0-9]{1,4})x(\S+)", re.ASCII)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class FactOptions:
    """What a policy may want to know."""

    delivered_at: str | None = None
    """When it was delivered: 2026-11-20, 2026-11-20T08:00:00Z, or how long ago: 3d."""

    service_at: str | None = None
    """When the service begins: an instant in the same way, or how long from now: 10d."""

    no_show: Flag = False
    """The buyer did not come."""

    came: Flag = False
    """The buyer did come."""

    component: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    """What the amount is made of, repeated: fare=80.00, tax=20.00; all is fare when left out."""

    units: str | None = None
    """What the fare is counted in, such as nights, and the price of each: 3x40.00."""

    jurisdiction: str | None = None
    """Where the law is asked: DE, or DE-BY."""


NOTHING_KNOWN = FactOptions()


def read_facts(options: FactOptions, payment: Payment, now: datetime) -> GivenFacts:
    """Return the facts that were given, with amounts in the payment's currency.

    Raises:
        InvalidField: One of them is wrong.
    """
    if options.no_show and options.came:
        raise InvalidField("--came", "choice_unknown", "Say --no-show or --came, and not both.")
    no_show = options.no_show if options.no_show or options.came else None
    return GivenFacts(
        delivered_at=_read_past(options.delivered_at, now),
        service_at=read_ahead(options.service_at, "--service-at", now),
        no_show=no_show,
        components=dict(_component(text, payment.currency) for text in options.component),
        units=None if options.units is None else _units(options.units, payment.currency),
        jurisdiction=options.jurisdiction,
    )


def read_amount(text: str, currency: str, option: str) -> int:
    """Return an amount in minor units that may be nothing: ``0``, ``0.00``.

    Raises:
        InvalidField: As of :func:`paykeel.money.parse_major`, with the option as it was typed.
    """
    return 0 if _NOTHING.fullmatch(text) else parse_major(text, currency, option).minor


def _read_past(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    if _AGO.fullmatch(text):
        return now - read_duration(text, "--delivered-at")
    return read_instant(text, "--delivered-at", or_else="or how long ago: 3d")


def _component(text: str, currency: str) -> tuple[str, int]:
    name, equals, amount = text.partition("=")
    if not equals or name not in tuple(Component):
        names = ", ".join(Component)
        raise InvalidField("--component", "choice_unknown", f"NAME=AMOUNT, one of: {names}.")
    # A free component is one too, and has no amount that could be charged.
    return name, read_amount(amount, currency, "--component")


def _units(text: str, currency: str) -> tuple[int, int]:
    found = _UNITS.fullmatch(text)
    if found is None or int(found[1]) > UNITS_MAX:
        message = f"Write COUNTxPRICE, such as 3x40.00, and at most {UNITS_MAX} of them."
        raise InvalidField("--units", "integer_out_of_range", message)
    return int(found[1]), read_amount(found[2], currency, "--units")
