"""A merchant as it was read, and what it sells. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from paykeel.errors import Forbidden
from paykeel.merchants.limits import check_limits
from paykeel.money import exponent_of, reference_amount

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from paykeel.merchants.limits import Limit, Place
    from paykeel.money import Rate

Mode = Literal["test", "live"]
MODES = ("test", "live")
REFERENCE_CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who sells. A merchant is in one mode for good: test money and live money never meet."""

    merchant_id: UUID
    name: str
    #: ``test`` or ``live``.
    mode: Mode
    #: ``active`` or ``suspended``.
    status: str
    #: In which amounts of different currencies are compared.
    reference_currency: str
    created_at: datetime
    #: Those that hold or soon will.
    limits: Mapping[Place, Sequence[Limit]] = field(default_factory=dict)
    #: By currency, those of these days, the newest first.
    rates: Mapping[str, Sequence[Rate]] = field(default_factory=dict)
    #: When it was read, by the database's clock.
    read_at: datetime | None = field(default=None, compare=False)

    def check_purchase(
        self,
        amount: int,
        currency: str,
        buyer_role: str = "agent",
        kind: str = "purchase",
        at: datetime | None = None,
    ) -> None:
        """Refuse what this merchant does not sell for.

        Args:
            amount: In minor units.
            currency: What is paid in.
            buyer_role: ``agent`` or ``operator``.
            kind: The merchant's own word for what is bought.
            at: When; when the merchant was read, if left out.

        Raises:
            Forbidden: The merchant is suspended.
            InvalidField: ``amount_over_merchant_limit``, ``amount_under_merchant_limit``,
                ``amount_limit_missing`` or ``amount_nothing_sold``.
        """
        self.check_active()
        moment = at or self.read_at or self.created_at
        check_limits(self.limits, amount, currency, buyer_role, kind, moment)

    def check_active(self) -> None:
        """Refuse whatever a suspended merchant may not do.

        Raises:
            Forbidden: ``merchant_suspended``.
        """
        if self.status != "active":
            raise Forbidden("This merchant is suspended.", code="merchant_suspended")

    def reference_amount(self, amount: int, currency: str, on: date) -> int | None:
        """Return what an amount is worth in minor units of the reference currency on a day (UTC).

        ``None``: there is no rate. The amount is unknown then, and not 0.
        """
        return reference_amount(
            amount, currency, exponent_of(currency), self.reference_currency, self.rates, on
        )
