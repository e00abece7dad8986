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
from paykeel.money import Money, parse_major

if TYPE_CHECKING:
    from paykeel.core import Core
    from paykeel.merchants import Merchant

PAGE = 100

app = App(name="merchants", help="Create, list and limit merchants.")


@app.command
async def create(
    name: str,
    /,
    *,
    mode: Annotated[str, Parameter(help="test or live; for good.")] = "test",
    common: Common = DEFAULTS,
) -> None:
    """Add a merchant.

    Args:
        name: For people.
        mode: test or live; for good.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        merchant = await core.merchants.create(name, mode)
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


@app.command
async def limit(
    currency: str,
    /,
    *,
    most: Annotated[str, Parameter(name="--max")],
    least: Annotated[str | None, Parameter(name="--min")] = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Say what one purchase may cost in a currency.

    Args:
        currency: For example EUR.
        most: The most, in major units: 1500.00.
        least: The least, in major units; one minor unit when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    high = parse_major(most, currency, "max").minor
    low = 1 if least is None else parse_major(least, currency, "min").minor
    async with open_core() as core:
        found = await choose_merchant(core, merchant)
        await core.merchants.set_limit(found.merchant_id, currency, high, low)
        found = await core.merchants.get(found.merchant_id)
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
    out.document(_document(merchant))
    out.facts(
        {
            "merchant": merchant.merchant_id,
            "name": merchant.name,
            "mode": merchant.mode,
            "status": merchant.status,
            "terms": merchant.terms_version or "none asked",
            **{
                f"limits {currency}": f"{Money(one.amount_min, currency)} to "
                f"{Money(one.amount_max, currency)}"
                for currency, one in sorted(merchant.limits.items())
            },
        }
    )


def _document(merchant: Merchant) -> dict[str, Any]:
    return {
        "id": str(merchant.merchant_id),
        "name": merchant.name,
        "mode": merchant.mode,
        "status": merchant.status,
        "terms_version": merchant.terms_version,
        "created_at": merchant.created_at.isoformat(),
        "limits": {
            currency: {"amount_min": one.amount_min, "amount_max": one.amount_max}
            for currency, one in sorted(merchant.limits.items())
        },
    }
