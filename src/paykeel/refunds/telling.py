"""What history tells of notices: that one is open, was dismissed, or contradicts itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from paykeel.db.sql import load
from paykeel.errors import OperationInFlight
from paykeel.money import AMOUNT_MAX
from paykeel.payments.moves import Move
from paykeel.payments.resources import come_apart
from paykeel.payments.states import CONCLUDED
from paykeel.payments.steps import step_for
from paykeel.refunds.model import BECAUSE_CHARACTERS_MAX
from paykeel.refunds.request import OPEN_TRIES, moving
from paykeel.texts import check_person, check_text

if TYPE_CHECKING:
    from typing import Any

    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources
    from paykeel.payments.steps import Step
    from paykeel.refunds.noticed import RefundNotice, WaitsFor

SQL = load("paykeel.refunds", "notices.sql")
#: Who brings what the gateway tells by itself.
WEBHOOK = "webhook"
CONTRADICTED = "payment.refund_contradicted"

log = structlog.get_logger("paykeel.refunds")


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides about a notice, and why."""

    name: str
    because: str

    @classmethod
    def checked(cls, operator: str, because: str) -> Person:
        """Return them in one spelling.

        Raises:
            InvalidField: The name or the reason cannot be stored.
        """
        check_text(because, "because", BECAUSE_CHARACTERS_MAX)
        return cls(check_person(operator, "operator"), because)


async def tell(
    resources: Resources,
    payment: Payment,
    notice: RefundNotice,
    *,
    waits_for: WaitsFor | None = None,
    person: Person | None = None,
) -> bool:
    """Tell in the history that a notice is open, or that a person dismissed it.

    ``False``: the payment has moved, or the notice is not open any more; look again.
    """
    told = _told(notice)
    told |= {"waits_for": str(waits_for)} if person is None else {"because": person.because}
    move = Move(
        to_status=payment.status,
        event_type=f"payment.refund_notice_{'open' if person is None else 'dismissed'}",
        amount=_countable(payment, notice),
        about_notice=True,
        data=told,
        alarm=person is None,
    )
    actor = WEBHOOK if person is None else f"operator:{person.name}"
    step = step_for(payment, None, move, actor, resources.database.now())
    values = moving(step, resources)
    values |= {
        "gateway_id": notice.gateway_id,
        "waits_for": waits_for,
        "amount": move.amount,
        "because": None if person is None else person.because,
    }
    named = SQL["tell_of_notice"].parameters
    row = await resources.database.fetchrow(
        SQL["tell_of_notice"], **{name: values[name] for name in named}
    )
    if row is not None and move.alarm:
        raise_alarm(step)
    return row is not None


async def note_contradiction(
    resources: Resources, payment: Payment, notice: RefundNotice, said: dict[str, Any]
) -> Payment:
    """Note once, with an alarm, that the gateway now says something else than it told first.

    Raises:
        OperationInFlight: The payment has no end yet, and its history can tell nothing beside it:
            the gateway has to tell again.
    """
    data = _told(notice) | said
    for tried in range(OPEN_TRIES):
        if any(one.type == CONTRADICTED and one.data == data for one in payment.timeline):
            return payment
        if payment.status not in CONCLUDED:
            raise OperationInFlight("The payment has no end yet; tell it again.")
        move = Move(
            to_status=payment.status,
            event_type=CONTRADICTED,
            amount=_countable(payment, notice),
            refund_id=notice.refund_id,
            about_notice=True,
            data=data,
            alarm=True,
        )
        step = step_for(payment, None, move, WEBHOOK, resources.database.now())
        if await resources.settler.write(step):
            return step.after
        await come_apart(tried)
        payment = await resources.settler.get(payment.merchant_id, payment.payment_id)
    raise OperationInFlight("The payment keeps changing; tell it again in a moment.")


def raise_alarm(step: Step) -> None:
    """Log what a person has to hear of."""
    log.error(
        "payment.alarm",
        payment_id=str(step.after.payment_id),
        event_type=step.move.event_type,
    )


def _told(notice: RefundNotice) -> dict[str, Any]:
    """Return what was told first, as history keeps it."""
    return {
        "gateway_refund": notice.gateway_id, "told": notice.amount, "currency": notice.currency,
    }  # fmt: skip


def _countable(payment: Payment, notice: RefundNotice) -> int:
    """Return what metrics can add up of it: no other currency, and no nonsense."""
    in_currency = notice.currency == payment.currency
    return min(max(0, notice.amount), AMOUNT_MAX) if in_currency else 0
