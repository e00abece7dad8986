"""``merchants rates``: what currencies are worth in the merchant's reference currency."""

from __future__ import annotations

import csv
import sys
from contextlib import nullcontext
from datetime import UTC
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    FOUND,
    OK,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    open_core,
)
from paykeel.cli.limits import Author, login
from paykeel.errors import InvalidInput

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from paykeel.merchants import RateReject, RatesImport

REJECTS_SHOWN_MAX = 20

app = App(name="rates", help="What currencies are worth in the merchant's reference currency.")


@app.command(name="list")
async def list_(
    *,
    currency: str | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))] = 100,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """List the rates, by currency and the latest day first.

    Args:
        currency: Of this currency only.
        limit: At most so many.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        found = await choose_merchant(core, merchant)
        rates = await core.merchants.list_rates(found.merchant_id, currency, limit)
    reference = found.reference_currency
    out.document(
        {
            "reference_currency": reference,
            "rates": [
                {
                    "currency": one.currency,
                    "effective_on": one.effective_on.isoformat(),
                    # As text: a number of JSON would be read as a float.
                    "rate": f"{one.rate.normalize():f}",
                    "created_by": one.created_by,
                    "created_at": one.created_at.isoformat(),
                }
                for one in rates
            ],
        }
    )
    out.table(
        ("currency", "from", f"1 unit in {reference}", "by"),
        [
            (one.currency, one.effective_on, f"{one.rate.normalize():f}", one.created_by)
            for one in rates
        ],
        right=(f"1 unit in {reference}",),
    )


@app.command(name="set")
async def set_(
    currency: str,
    rate: str,
    /,
    *,
    on: str | None = None,
    author: Author = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> None:
    """Say what one unit of a currency is worth, from a day on.

    Args:
        currency: For example JPY.
        rate: In major units of the reference currency: 0.0058.
        on: From this day on (UTC): 2026-11-23. Today when left out.
        author: Who says so; the user of this terminal when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    async with open_core() as core:
        found = await choose_merchant(core, merchant)
        day = on or core.database.now().astimezone(UTC).date()
        added = await core.merchants.set_rate(
            found.merchant_id, currency, day, rate, author=author or login()
        )
    out.document({"currency": currency, "effective_on": str(day), "rate": rate, "added": added})
    known = "" if added else " That was known."
    out.line(f"1 {currency} is {rate} {found.reference_currency} from {day} on.{known}")


@app.command(name="import")
async def import_(
    file: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    rejects: Path | None = None,
    author: Author = None,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Take the rates of a CSV file with the columns currency, effective_on and rate.

    Args:
        file: Its name; - is stdin. It may be imported again: what is known changes nothing.
        rejects: Write the lines that are no rates, and why, to this CSV file.
        author: Who says so; the user of this terminal when left out.
        merchant: Whose; not needed while there is only one.
        common: The options of every command.
    """
    out = Output(common)
    with _opened(file) as stream:
        async with open_core() as core:
            found = await choose_merchant(core, merchant)
            done = await core.merchants.import_rates(
                found.merchant_id, stream, author=author or login()
            )
    if rejects is not None:
        _write(rejects, done.rejects)
    out.document(_document(done))
    out.line(f"{done.added} added, {done.unchanged} known before, {done.rejected} rejected.")
    for one in done.rejects[:REJECTS_SHOWN_MAX]:
        where = f"line {one.line}" + (f", {one.field}" if one.field else "")
        out.line(f"{where}: {one.code}: {one.reason}")
    if done.rejected > REJECTS_SHOWN_MAX:
        out.line("…")
    return FOUND if done.rejected else OK


def _opened(file: str) -> AbstractContextManager[IO[bytes]]:
    if file == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read: {error.strerror}.", code="file_unreadable"
        ) from error


def _write(path: Path, rejects: list[RateReject]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("line", "field", "code", "reason"))
            writer.writerows((one.line, one.field, one.code, one.reason) for one in rejects)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}.", code="file_unwritable"
        ) from error


def _document(done: RatesImport) -> dict[str, Any]:
    return {
        "added": done.added,
        "unchanged": done.unchanged,
        "rejected": done.rejected,
        "rejects": [
            {"line": one.line, "field": one.field, "code": one.code, "reason": one.reason}
            for one in done.rejects
        ],
    }
