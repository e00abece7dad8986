"""What every command shares: where it prints, how it ends, and which merchant it is about."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from cyclopts import Group, Parameter
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from paykeel import log
from paykeel.core import Core
from paykeel.errors import (
    InvalidField,
    InvalidInput,
    Misconfigured,
    NotFound,
    PaykeelError,
    Refused,
    Unavailable,
)
from paykeel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from paykeel.merchants import Merchant

#: Exit codes; docs/reference/cli.md tells of them.
OK = 0
FOUND = 1
USAGE = 2
UNAVAILABLE = 3
NOT_FOUND = 4
REFUSED = 5
INTERRUPTED = 130

#: How many merchants an error lists.
MERCHANTS_SHOWN_MAX = 10

PIPED_COLUMNS = 200

COMMON = Group("Output", sort_key=99)
#: An option that is there or not.
Flag = Annotated[bool, Parameter(negative=(), show_default=False)]


@Parameter(name="*", group=COMMON)
@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """The options of every command."""

    json: Flag = False
    """Print JSON on stdout, and nothing else there."""

    debug: Flag = False
    """Show where in the code an error comes from."""


DEFAULTS = Common()

MerchantOption = Annotated[UUID | None, Parameter(name=["--merchant", "-m"])]


def exit_code(error: BaseException) -> int:
    """Return the exit code that an error ends the program with."""
    match error:
        case NotFound():
            return NOT_FOUND
        case InvalidInput():
            return USAGE
        case Refused():
            return REFUSED
        case Unavailable() | Misconfigured():
            return UNAVAILABLE
        case KeyboardInterrupt():
            return INTERRUPTED
        case _:
            return FOUND


class Output:
    """Prints for people, or JSON for programs."""

    def __init__(self, common: Common) -> None:
        self.json = common.json
        self.console = Console(quiet=common.json, highlight=False)
        if not self.console.is_terminal:
            # What goes into a file or through a pipe has no edge to be folded at.
            self.console.width = PIPED_COLUMNS
        #: What accompanies a command; never on stdout, so that it cannot be taken for its result.
        self.side = Console(stderr=True, highlight=False)

    def document(self, document: Mapping[str, Any] | Sequence[Any]) -> None:
        """Print the result as JSON, if JSON was asked for."""
        if self.json:
            json.dump(document, sys.stdout, ensure_ascii=False, default=str)
            sys.stdout.write("\n")
            sys.stdout.flush()

    def line(self, text: str) -> None:
        """Print a line for people; square brackets in it are not markup."""
        self.console.print(text, markup=False, soft_wrap=True)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        title: str | None = None,
        right: Sequence[str] = (),
        prose: Sequence[str] = (),
    ) -> None:
        """Print a table for people.

        Columns named in ``right`` hold numbers, those in ``prose`` text that may go over several
        lines; the others keep their width as long as there is room.
        """
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for name in columns:
            table.add_column(
                name,
                justify="right" if name in right else "left",
                overflow="fold",
                no_wrap=bool(prose) and name not in prose,
            )
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self.console.print(table, markup=False)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Print names and values, one below the other."""
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        for name, value in facts.items():
            table.add_row(name, _cell(value))
        self.console.print(table, markup=False)

    def error(self, error: PaykeelError) -> None:
        """Say what went wrong, in one line; as JSON on stdout too, if that was asked for."""
        try:
            self.document(
                {"error": {"code": error.code, "message": error.message, "data": error.data}}
            )
        except BrokenPipeError:
            unread()
        field = f" ({error.field})" if isinstance(error, InvalidField) and error.field else ""
        text = f"paykeel: {error.code}{field}: {error.message}"
        self.side.print(text, markup=False, soft_wrap=True)


def unread() -> None:
    """Write to nowhere from now on: whoever read our output has gone.

    Python would otherwise complain of what is left in the buffer while it ends.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _cell(value: object) -> str:
    """Write one value for people, with nothing in it that a terminal would obey."""
    if value is None:
        return ""
    text = str(value)
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def quiet_log() -> None:
    """Let a command that prints its own result log only what is wrong, as lines on stderr."""
    log.set_up("console", "WARNING")


@asynccontextmanager
async def open_core(settings: Settings | None = None) -> AsyncIterator[Core]:
    """Open Paykeel in this process, with warnings on stderr."""
    settings = settings or Settings()
    quiet_log()
    async with Core.open(settings) as core:
        yield core


async def choose_merchant(core: Core, merchant_id: UUID | None) -> Merchant:
    """Return the merchant that was named, or the only one there is.

    Raises:
        NotFound: There is none such, or none at all.
        InvalidInput: ``merchant_ambiguous``: there are several, and none was named.
    """
    if merchant_id is not None:
        return await core.merchants.get(merchant_id)
    found = await core.merchants.list(rows_max=MERCHANTS_SHOWN_MAX + 1)
    if not found:
        raise NotFound(
            "There is no merchant yet; `paykeel merchants create NAME` makes one.",
            code="merchant_missing",
        )
    if len(found) == 1:
        return await core.merchants.get(found[0].merchant_id)
    listed = [f"{merchant.merchant_id} ({merchant.name})" for merchant in found]
    more = ", …" if len(found) > MERCHANTS_SHOWN_MAX else ""
    raise InvalidInput(
        f"Say which by --merchant: {', '.join(listed[:MERCHANTS_SHOWN_MAX])}{more}.",
        code="merchant_ambiguous",
        merchants=[str(merchant.merchant_id) for merchant in found[:MERCHANTS_SHOWN_MAX]],
    )
