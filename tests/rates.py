"""Rates for the merchants of the tests, so that a currency alone sends no purchase to review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.core import Core

RATES = Path(__file__).resolve().parents[1] / "examples" / "rates.csv"


async def give_rates(core: Core, merchant_id: UUID) -> None:
    """Give a merchant whose reference is EUR the rates of the example, since 2025."""
    with RATES.open("rb") as stream:
        done = await core.merchants.import_rates(merchant_id, stream, author="tests")
    assert done.rejected == 0
