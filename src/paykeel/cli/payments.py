"""``payments``: see how they stand, and do what a person has to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import App, Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.operations import cancel, capture, resolve, stuck
from paykeel.cli.showing import show_payment
from paykeel.errors import InvalidField
from paykeel.payments.listing import PaymentFilter
from paykeel.payments.model import BuyerRole
from paykeel.payments.states import Status

if TYPE_CHECKING:
    from enum import StrEnum

    from paykeel.payments.model import Event, Payment

PAGE = 100


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Which payments to list."""

    status: str | None = None
    """Only these: succeeded, failed, processing, …"""

    buyer: str | None = None
    """Only this buyer's, by id."""

    role: str | None = None
    """Only of agents, or of operators."""

    reference: str | None = None
    """Only of this order."""

    currency: str | None = None
    """Only in this currency."""

    since: datetime | None = None
    """Only from this instant on; UTC unless it says otherwise."""

    until: datetime | None = None
    """Only before this instant."""


EVERY = Only()

app = App(name="payments", help="List, show, capture, cancel and resolve payments.")
for verb in (capture, cancel, stuck, resolve):
    app.command(verb)


@app.command(name="list")
async def list_(
    *,
    only: Only = EVERY,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 50,
    cursor: str | None = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List payments, newest first.

    Args:
        only: Which ones.
        limit: How many at most.
        cursor: Go on where an earlier list ended.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    filters = PaymentFilter(
        status=_choice("status", only.status, Status),
        buyer_id=only.buyer,
        buyer_role=_choice("role", only.role, BuyerRole),
        reference=only.reference,
        currency=only.currency,
        created_from=_aware(only.since),
        created_to=_aware(only.until),
    )
    found: list[Payment] = []
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        while len(found) < limit:
            page = await core.payments.list(
                merchant_id=owner.merchant_id,
                filters=filters,
                cursor=cursor,
                rows_max=min(PAGE, limit - len(found)),
            )
            found += page.payments
            cursor = page.next_cursor
            if cursor is None:
                break
    out.document({"payments": [payment.document() for payment in found], "next_cursor": cursor})
    out.table(
        ("payment", "status", "amount", "buyer", "reference", "reason", "at"),
        [
            (
                payment.payment_id,
                payment.display_status,
                payment.money,
                payment.buyer_id,
                payment.reference,
                payment.failure_reason,
                f"{payment.created_at:%Y-%m-%d %H:%M:%S}",
            )
            for payment in found
        ],
        right=("amount",),
    )
    if cursor is not None:
        out.line(f"There are more: --cursor {cursor}")


@app.command
async def show(
    payment: UUID, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Show one payment.

    Args:
        payment: Its id.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        found = await core.payments.get(payment, merchant_id=owner.merchant_id)
    show_payment(out, found.document())


@app.command
async def events(
    payment: UUID, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Show what happened to a payment, in order, and who brought it.

    Args:
        payment: Its id.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    found: list[Event] = []
    async with open_core() as core:
        owner = await choose_merchant(core, merchant)
        while page := await core.payments.events(
            payment,
            merchant_id=owner.merchant_id,
            after=found[-1].sequence if found else 0,
            rows_max=PAGE,
        ):
            found += page
    out.document({"events": [_event(event) for event in found]})
    out.table(
        ("no.", "at", "event", "from", "to", "by", "reason"),
        [
            (
                event.sequence,
                f"{event.occurred_at:%Y-%m-%d %H:%M:%S.%f}",
                event.type,
                event.from_status,
                event.to_status,
                event.actor,
                event.reason,
            )
            for event in found
        ],
        right=("no.",),
    )


def _event(event: Event) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "type": event.type,
        "from_status": event.from_status,
        "to_status": str(event.to_status),
        "amount": event.amount,
        "authorized_delta": event.authorized_delta,
        "captured_delta": event.captured_delta,
        "refunded_delta": event.refunded_delta,
        "late_delta": event.late_delta,
        "reason": event.reason,
        "actor": event.actor,
        "data": event.data,
        "at": event.occurred_at.isoformat(),
    }


def _choice(name: str, given: str | None, choices: type[StrEnum]) -> str | None:
    """Return what was given if it is one of the choices; the API refuses it in the same way."""
    if given is not None and given not in set(choices):
        raise InvalidField(name, "choice_unknown", f"Use one of: {', '.join(choices)}.")
    return given


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
