"""``purchase``: one purchase by options, or a file of them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from paykeel.cli.context import (
    DEFAULTS,
    FOUND,
    INTERRUPTED,
    OK,
    REFUSED,
    Common,
    MerchantOption,
    Output,
    choose_merchant,
    exit_code,
    open_core,
)
from paykeel.cli.orders.model import Order, key_for, request_from_cells
from paykeel.cli.orders.reading import Lines, read_orders
from paykeel.cli.orders.running import RejectFile, Run, run_orders
from paykeel.cli.orders.sending import CoreSender, HttpSender, LineRefused, Patience, Sender
from paykeel.cli.orders.showing import Bar, show_tally
from paykeel.errors import (
    IdempotencyKeyReused,
    InvalidField,
    InvalidInput,
    PaykeelError,
    TermsAcceptanceRequired,
)
from paykeel.payments.states import CONCLUDED, Status

if TYPE_CHECKING:
    from paykeel.cli.orders.counting import Tally
    from paykeel.core import Core

Format = Literal["csv", "ndjson"]
FORMATS: dict[str, Format] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
STDIN = "-"


@Parameter(name="*", group=Group("One purchase, instead of a file", sort_key=50))
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOptions:
    """An order in words of the command line: the cells of a row."""

    reference: str | None = None
    """Your own name for the order."""

    amount: str | None = None
    """In major units: 12.50."""

    currency: str | None = None
    """For example EUR."""

    buyer_id: str | None = None
    """Who buys."""

    buyer_role: str | None = None
    """agent or operator."""

    payment_method: str | None = None
    """The gateway's token, for example pm_ok."""

    description: str | None = None
    """For people."""

    capture_method: str | None = None
    """automatic or manual."""

    kind: str | None = None
    """What is bought, in the merchant's own word."""

    jurisdiction: str | None = None
    """Where the buyer is, by ISO 3166: DE, or DE-BY."""

    channel: str | None = None
    """Where it is sold, in the merchant's own word."""

    payment_method_type: str | None = None
    """The way of paying, in the merchant's own word, for example card."""


NO_ORDER = OrderOptions()


async def purchase(  # noqa: PLR0913 - each is an option of its own
    *,
    source: Annotated[str | None, Parameter(name="--from", allow_leading_hyphen=True)] = None,
    file_format: Annotated[Format | None, Parameter(name="--format")] = None,
    key_column: str | None = None,
    rejects: Path | None = None,
    concurrency: Annotated[int, Parameter(validator=Number(gte=1, lte=512))] = 32,
    patience: Annotated[int, Parameter(validator=Number(gte=1, lte=86_400))] = 60,
    url: str | None = None,
    key: Annotated[str | None, Parameter(env_var="PAYKEEL_API_KEY")] = None,
    order: OrderOptions = NO_ORDER,
    merchant: MerchantOption = None,
    common: Common = DEFAULTS,
) -> int:
    """Run a file of orders as purchases, or one purchase by options.

    Each order's idempotency key comes from its reference, so a line that is there twice, a second
    run, or the same orders under another file name are replayed and never charged again.

    Args:
        source: A CSV or NDJSON file; - reads stdin.
        file_format: csv or ndjson, where the file's name does not say so.
        key_column: The column that names an order, instead of reference.
        rejects: Write the lines that were not bought here, and why (.csv or .ndjson).
        concurrency: How many orders may be on their way at once.
        patience: For how many seconds an order is sent again while the service is away.
        url: Purchase at a running service, for example http://127.0.0.1:8420.
        key: The API key for --url; better given as PAYKEEL_API_KEY.
        order: One purchase instead of a file.
        merchant: Whose; not needed while there is only one, nor with --url.
        common: The options of every command.
    """
    given = {name: cell for name, cell in asdict(order).items() if cell is not None}
    out = Output(common)
    if (source is None) == (not given):
        raise InvalidInput("Give either --from FILE, or one purchase by options.", code="usage")
    stop = asyncio.Event()
    waiting = Patience(patience * 1000, stop)
    if source is None:
        one = _order(given)
        async with open_sender(url, key, merchant, 1) as sender:
            return await _purchase_one(out, sender, waiting, one)
    async with contextlib.AsyncExitStack() as stack:
        stream = stack.enter_context(_opened(source))
        lines = Lines(stream)
        orders = read_orders(lines, file_format or _format_of(source), key_column)
        file = None if rejects is None else stack.enter_context(_reject_file(rejects, source))
        sender = await stack.enter_async_context(open_sender(url, key, merchant, concurrency))
        stack.enter_context(interrupting(stop))
        bar = stack.enter_context(Bar(out.side, lines, _size(source))) if not out.json else None
        run = Run(
            orders=orders,
            sender=sender,
            patience=waiting,
            rejects=file,
            progress=bar,
            concurrency=concurrency,
        )
        tally, error = await run_orders(run)
    return _end(out, tally, error, rejects)


def _end(out: Output, tally: Tally, error: PaykeelError | None, rejects: Path | None) -> int:
    """Say what became of the file, and choose the exit code."""
    out.document(tally.document())
    show_tally(out, tally, None if rejects is None else str(rejects))
    if error is not None:
        out.side.print(f"paykeel: {error.code}: {error.message}", markup=False, soft_wrap=True)
        return exit_code(error)
    if tally.stopped:
        return INTERRUPTED
    return FOUND if tally.rejected else OK


@asynccontextmanager
async def open_sender(
    url: str | None, api_key: str | None, merchant_id: UUID | None, connections_max: int
) -> AsyncIterator[Sender]:
    """Open the way on which orders go: over HTTP with ``url``, in this process without.

    Raises:
        InvalidInput: ``usage``: only one of ``url`` and ``api_key`` is given.
    """
    if url is not None:
        if not api_key:
            raise InvalidInput("--url needs a key: PAYKEEL_API_KEY, or --key.", code="usage")
        if not url.startswith(("http://", "https://")):
            raise InvalidInput("--url begins with http:// or https://.", code="usage")
        sender = HttpSender(url, api_key, connections_max)
        try:
            yield sender
        finally:
            await sender.close()
        return
    async with open_core() as core:
        merchant = await choose_merchant(core, merchant_id)
        recovery = asyncio.create_task(_recover(core))
        try:
            yield CoreSender(core.payments, merchant.merchant_id)
        finally:
            recovery.cancel()
            await asyncio.gather(recovery, return_exceptions=True)


async def _recover(core: Core) -> None:
    """Look after what an earlier run left behind: its orders would otherwise be waited for."""
    while True:
        with contextlib.suppress(PaykeelError):
            await core.payments.sweep()
        await asyncio.sleep(core.settings.recovery_interval_ms / 1000)


@contextmanager
def interrupting(stop: asyncio.Event) -> Iterator[None]:
    """Let the first Ctrl-C stop a run cleanly; a second one ends the program at once."""
    loop = asyncio.get_running_loop()

    def first() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, first)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _order(given: dict[str, str]) -> Order:
    """Read one purchase from the options."""
    if not given.get("reference", "").strip():
        raise InvalidField(
            "reference", "field_required", "--reference names the order, so that a repeat is known."
        )
    request = request_from_cells(given)
    name = given["reference"].strip()
    return Order(0, name, key_for(name), request)


async def _purchase_one(out: Output, sender: Sender, waiting: Patience, order: Order) -> int:
    """Send one order, and show what became of it; exit code 5 when it ended without money."""
    try:
        sent = await waiting.send(sender, order)
    except LineRefused as error:
        if error.code == IdempotencyKeyReused.code:
            raise IdempotencyKeyReused(f"{error.reason} What differs: {error.field}.") from error
        if error.code == TermsAcceptanceRequired.code:
            raise TermsAcceptanceRequired(error.reason, **error.data) from error
        raise InvalidField(error.field, error.code, error.reason) from error
    out.document(
        {
            "payment_id": sent.payment_id,
            "status": sent.status,
            "reason": sent.reason,
            "amount": sent.amount,
            "currency": sent.currency,
            "replayed": sent.replayed,
            "warnings": list(sent.warnings),
        }
    )
    out.facts(
        {
            "payment": sent.payment_id,
            "status": sent.status,
            **({"reason": sent.reason} if sent.reason else {}),
            "amount": order.request.money,
            "replayed": "yes, and not charged again" if sent.replayed else "no",
        }
    )
    for warning in sent.warnings:
        out.line(_told(warning))
    status = Status(sent.status)
    bought = status not in CONCLUDED or status in {Status.SUCCEEDED, Status.AUTHORIZED}
    return OK if bought else REFUSED


def _told(warning: Mapping[str, Any]) -> str:
    """Say for people what came with an answer."""
    if warning.get("code") == "terms_acceptance_due":
        what = f"{warning['title']} {warning['version']}"
        return f"The buyer has to accept {what} by {warning['due_at']}, or cannot purchase then."
    return str(warning.get("code"))


def _format_of(source: str) -> Format:
    suffix = Path(source).suffix.lower()
    if suffix not in FORMATS:
        raise InvalidInput(
            f"Say --format csv or ndjson, or name the file {', '.join(FORMATS)}.", code="usage"
        )
    return FORMATS[suffix]


def _size(source: str) -> int | None:
    path = Path(source)
    return path.stat().st_size if source != STDIN and path.is_file() else None


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    """Open the file to read.

    Raises:
        InvalidInput: ``file_unreadable``.
    """
    if source == STDIN:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(source).open("rb"))
        except OSError as error:
            raise InvalidInput(f"{source}: {error.strerror}.", code="file_unreadable") from error
        yield stream


@contextmanager
def _reject_file(path: Path, source: str) -> Iterator[RejectFile]:
    """Open the file for rejects; an earlier run's is written over."""
    file_format = _format_of(str(path))
    if source != STDIN and path.exists() and path.samefile(source):
        raise InvalidInput("The rejects would overwrite the orders.", code="usage")
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror}.", code="file_unwritable") from error
        yield RejectFile(stream, file_format)
