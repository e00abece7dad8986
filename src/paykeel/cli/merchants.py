"""``merchants``: who sells, and within which limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import App, Parameter

from paykeel.cli.context import (
    DEFAULTS,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.limits import document, limit, limits, states, told
from paykeel.cli.rates import app as rates
from paykeel.merchants.model import REFERENCE_CURRENCY

if TYPE_CHECKING:
    from paykeel.core import Core
    from paykeel.merchants import Limit, Merchant

PAGE = 100

app = App(name="merchants", help="Create, list and limit merchants.")
app.command(limit)
app.command(limits)
app.command(rates)


@app.command
async def create(
    name: str,
    /,
    *,
    mode: Annotated[str, Parameter(help="test or live; for good.")] = "test",
    reference_currency: str = REFERENCE_CURRENCY,
    common: Common = DEFAULTS,
) -> None:
    """Add a merchant.

    Args:
        name: For people.
        mode: test or live; for good.
        reference_currency: In which amounts of different currencies are compared.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        merchant = await core.merchants.create(name, mode, reference_currency)
    _show(out, merchant)


@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List all merchants, oldest first.

    Args:
        common: The options of every command.
    """
    out = Output(common)
    found: list[Merchant] = []
    async with open_core() as core:
        while page := await core.merchants.list(found[-1].merchant_id if found else None, PAGE):
            found += page
    out.document({"merchants": [_document(merchant) for merchant in found]})
    out.table(
        ("merchant", "name", "mode", "status", "since"),
        [
            (one.merchant_id, one.name, one.mode, one.status, f"{one.created_at:%Y-%m-%d}")
            for one in found
        ],
    )


@app.command
async def show(merchant: UUID | None = None, /, *, common: Common = DEFAULTS) -> None:
    """Show a merchant with its limits.

    Args:
        merchant: Its id; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        found = await choose_merchant(core, merchant)
    _show(out, found)


@app.command(name="set-reference-currency")
async def set_reference_currency(
    currency: str, /, *, merchant: MerchantOption = None, common: Common = DEFAULTS
) -> None:
    """Choose in which currency amounts are compared, before the first purchase.

    Args:
        currency: For example USD.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        found = await choose_merchant(core, merchant)
        found = await core.merchants.set_reference_currency(found.merchant_id, currency)
    _show(out, found)


@app.command
async def suspend(merchant: UUID, /, *, common: Common = DEFAULTS) -> None:
    """Stop a merchant from selling; what is in flight goes on.

    Args:
        merchant: Its id.
        common: The options of every command.
    """
    async with open_core() as core:
        await _set_status(core, Output(common), merchant, "suspended")


@app.command
async def activate(merchant: UUID, /, *, common: Common = DEFAULTS) -> None:
    """Let a suspended merchant sell again.

    Args:
        merchant: Its id.
        common: The options of every command.
    """
    async with open_core() as core:
        await _set_status(core, Output(common), merchant, "active")


async def _set_status(core: Core, out: Output, merchant_id: UUID, status: str) -> None:
    await core.merchants.set_status(merchant_id, status)
    _show(out, await core.merchants.get(merchant_id))


def _show(out: Output, merchant: Merchant) -> None:
    out.document({**_document(merchant), "limits": [document(one) for one in _holding(merchant)]})
    out.facts(
        {
            "merchant": merchant.merchant_id,
            "name": merchant.name,
            "mode": merchant.mode,
            "status": merchant.status,
            "reference currency": merchant.reference_currency,
            **{f"limit {' '.join(one.place)}": told(one) for one in _holding(merchant)},
        }
    )


def _holding(merchant: Merchant) -> list[Limit]:
    """Return the limits that hold now, the most specific first."""
    rows = [one for held in merchant.limits.values() for one in held]
    found = states(rows, merchant.read_at or merchant.created_at)
    return [one for one, state in found if state == "in force"]


def _document(merchant: Merchant) -> dict[str, Any]:
    return {
        "id": str(merchant.merchant_id),
        "name": merchant.name,
        "mode": merchant.mode,
        "status": merchant.status,
        "created_at": merchant.created_at.isoformat(),
        "reference_currency": merchant.reference_currency,
    }
