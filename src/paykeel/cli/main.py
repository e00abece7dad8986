"""The entry: finds the command, runs it, and turns an error into one line and an exit code."""

from __future__ import annotations

import asyncio
import inspect
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import uvloop
from cyclopts import App, CycloptsError
from pydantic import ValidationError
from rich.console import Console

from paykeel.cli.context import (
    DEFAULTS,
    INTERRUPTED,
    OK,
    USAGE,
    Common,
    Output,
    exit_code,
    unread,
)
from paykeel.errors import InvalidInput, PaykeelError

if TYPE_CHECKING:
    from collections.abc import Sequence

app = App(
    name="paykeel",
    help="The payment core a marketplace lays before it has chosen a gateway.",
    version=lambda: version("paykeel"),
    help_format="plaintext",
)
# Named and not imported: a command's own libraries are loaded when it is called.
PURCHASE = """Run a file of orders as purchases, or one purchase.

An order's idempotency key comes from its reference: a line that is there twice, a second run, or
the same orders under another file name are replayed, and never charged again.
"""

for name, place, about in (
    ("demo", "demo.command:demo", "See 1,000 orders go through, a crash in the middle included."),
    ("serve", "service:serve", "Serve the HTTP API, and run recovery beside it."),
    ("worker", "service:worker", "Run recovery, purge and sealing without serving."),
    ("purchase", "purchase:purchase", PURCHASE),
    ("payments", "payments:app", "List, show, capture, cancel and resolve payments."),
    ("merchants", "merchants:app", "Create, list and limit merchants."),
    ("fraud", "fraud:app", "Rules, lists, reviews and alerts of fraud prevention."),
    ("terms", "terms:app", "Documents, what buyers accepted of them, and the proof."),
    ("refunds", "refunds:app", "The policies by which money goes back, and refunds."),
    ("metrics", "metrics:app", "Success, failures, durations, revenue and fraud of a period."),
    ("keys", "keys:app", "Create, list, rotate and revoke API keys."),
    ("seals", "seals:app", "Verify, export and follow the seals over history."),
    ("audit", "upkeep:audit", "Recompute everything from history, and name each difference."),
    ("doctor", "doctor:doctor", "Check that everything is there, and say what to do."),
    ("migrate", "upkeep:migrate", "Bring the database up to date."),
):
    app.command(f"paykeel.cli.{place}", name=name, help=about)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    Args:
        words: What follows the program's name; read from the system when left out.
    """
    given = list(sys.argv[1:] if words is None else words)
    try:
        return _run(given)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:
        unread()
        return OK


def _run(given: list[str]) -> int:
    try:
        # This loads the command's own libraries.
        command, bound, _ = app.parse_args(
            given, exit_on_error=False, print_error=False, help_on_error=False
        )
    except CycloptsError as error:
        asked = Common(json="--json" in given)
        Output(asked).error(InvalidInput(_plain(error), code="usage"))
        return USAGE
    common = bound.arguments.get("common", DEFAULTS)
    try:
        result = command(*bound.args, **bound.kwargs)
        if inspect.isawaitable(result):
            result = uvloop.run(_awaited(result))
    except (PaykeelError, ValidationError) as error:
        if common.debug:
            Console(stderr=True).print_exception()
        shown = _settings_error(error) if isinstance(error, ValidationError) else error
        Output(common).error(shown)
        return exit_code(shown)
    return result if isinstance(result, int) else OK


async def _awaited(result: Any) -> Any:
    return await result


def _plain(error: CycloptsError) -> str:
    """Return a usage error in one line, with where to read on."""
    return f"{' '.join(str(error).split())} `paykeel --help` lists the commands."


def _settings_error(error: ValidationError) -> InvalidInput:
    """Say which settings are wrong, without their values: one may be a password."""
    faults = [
        f"PAYKEEL_{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    ]
    return InvalidInput("; ".join(faults), code="settings_invalid")
