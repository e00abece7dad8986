"""What the demonstration prints at its end."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paykeel.cli.context import Output
    from paykeel.cli.demo.books import Line
    from paykeel.cli.demo.steps import Show
    from paykeel.payments.model import Payment

#: Of payments: status, reason, currency.
Group = tuple[str, str, str]


def by_status(payments: list[Payment]) -> dict[Group, tuple[int, int]]:
    """Count payments, and add up their amounts, by status, reason and currency."""
    groups: dict[Group, tuple[int, int]] = {}
    for payment in payments:
        group = (str(payment.status), payment.failure_reason or "", payment.currency)
        count, amount = groups.get(group, (0, 0))
        groups[group] = (count + 1, amount + payment.amount)
    return groups


def show_payments(out: Output, groups: dict[Group, tuple[int, int]]) -> None:
    """Print how many payments there are in each status."""
    counts: Counter[tuple[str, str]] = Counter()
    for (status, reason, _), (count, _) in groups.items():
        counts[status, reason] += count
    out.console.print()
    out.table(
        ("status", "reason", "payments"),
        [(*group, counts[group]) for group in sorted(counts)],
        title="Payments by status",
        right=("payments",),
    )


def show_books(out: Output, lines: list[Line]) -> None:
    """Print the gateway's books beside ours."""
    out.table(
        ("", "captured there", "captured here", "reserved there", "reserved here", ""),
        [
            (
                line.currency,
                line.money(line.captured_there),
                line.money(line.captured_here),
                line.money(line.reserved_there),
                line.money(line.reserved_here),
                "equal" if line.agrees else "DIFFERENT",
            )
            for line in lines
        ],
        title="The gateway's books (there) and ours (here)",
        right=("captured there", "captured here", "reserved there", "reserved here"),
    )


def show_end(out: Output, show: Show, data_dir: Path | None, *, ok: bool) -> None:
    """Print the verdict, and what to try next."""
    verdict = "[green]All of it holds[/]" if ok else "[red]Something does not hold[/]"
    out.console.print(f"\n{verdict}, after {show.seconds:.0f} s. Nothing was left running.\n")
    out.console.print("[bold]Next[/]")
    if shutil.which("paykeel") is None:
        out.line(f'  export PATH="{Path(sys.executable).parent}{os.pathsep}$PATH"')
    if data_dir is not None:
        out.line(f"  export PAYKEEL_DATA_DIR={data_dir}   # what you have just seen")
        out.line("  paykeel payments list --status requires_action")
        out.line("  paykeel audit && paykeel serve")
        return
    orders = Path("examples", "orders.csv")
    if not orders.exists():
        orders = Path(str(files("paykeel.cli.demo").joinpath("orders.csv")))
    rates = orders.with_name("rates.csv")
    out.line(_NEXT.format(orders=orders, rates=rates))


_NEXT = """\
  paykeel merchants create "My shop"                  # the embedded server starts by itself
  paykeel merchants rates import {rates}   # without a rate, a person must look
  paykeel purchase --from {orders}
  paykeel payments list && paykeel audit && paykeel doctor

  export PAYKEEL_API_KEY=$(paykeel keys create me --secret-only)
  paykeel serve &
  curl http://127.0.0.1:8420/v1/purchases -H "Authorization: Bearer $PAYKEEL_API_KEY" \\
    -H "Idempotency-Key: order-17" -H "Content-Type: application/json" \\
    -d '{{"amount": 1250, "currency": "EUR", "payment_method": "pm_ok", "reference": "order-17",
         "buyer": {{"id": "agent-7", "role": "agent"}}}}'
"""
