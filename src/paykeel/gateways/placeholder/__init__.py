"""The placeholder gateway: a simulated outside party, to build on before a real one is chosen.

It keeps durable books in the schema ``placeholder_gateway``, does what the payment method's token
says (``pm_ok``, ``pm_insufficient_funds``, ``pm_lost_response``, …), and counts what it did.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from paykeel.gateways.placeholder.counting import BookTotal, DoubleCharge, PaymentBooks
from paykeel.gateways.placeholder.gateway import (
    ACTION_RESULTS,
    PlaceholderGateway,
    PlaceholderOptions,
)
from paykeel.gateways.placeholder.tokens import SCRIPTS, token_table

if TYPE_CHECKING:
    from paykeel.db.pool import Connection
    from paykeel.gateways.port import Gateway
    from paykeel.settings import Settings

__all__ = [
    "ACTION_RESULTS",
    "SCRIPTS",
    "BookTotal",
    "DoubleCharge",
    "PaymentBooks",
    "PlaceholderGateway",
    "PlaceholderOptions",
    "install",
    "open_gateway",
    "token_table",
]


async def install(connection: Connection) -> None:
    """Make the schema of the books, as its owner; where it exists already, nothing changes."""
    ddl = files("paykeel.gateways").joinpath("placeholder.sql").read_text(encoding="utf-8")
    await connection.execute(ddl)


async def open_gateway(settings: Settings, url: str) -> Gateway:
    """Open the placeholder for the registry.

    Args:
        settings: ``placeholder_database_url`` names books that are kept elsewhere.
        url: The application's database, where the books are otherwise.
    """
    own = settings.placeholder_database_url
    options = PlaceholderOptions(
        batch_rows_max=settings.batch_rows_max,
        batch_lanes=settings.batch_lanes,
        queue_rows_max=settings.queue_rows_max,
        pool_wait_ms_max=settings.pool_wait_ms_max,
        statement_ms_max=settings.statement_ms_max,
    )
    return await PlaceholderGateway.open(own.get_secret_value() if own else url, options)
