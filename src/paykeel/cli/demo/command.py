"""The demonstration. Read :func:`_perform` from top to bottom."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paykeel.cli.context import DEFAULTS, FOUND, OK, Common, Flag, Output, open_core
from paykeel.cli.demo.books import (
    Line,
    all_payments,
    compare,
    gateway_of,
    recovered,
    unsettled,
)
from paykeel.cli.demo.process import Service, free_port
from paykeel.cli.demo.refunds import ADA, POLICY, check_refunds, refund_some
from paykeel.cli.demo.steps import DemoFailed, Show, Step
from paykeel.cli.demo.telling import Group, by_status, show_books, show_end, show_payments
from paykeel.cli.orders.reading import Lines, read_orders
from paykeel.cli.orders.running import Run, run_orders
from paykeel.cli.orders.sending import HttpSender, Patience
from paykeel.cli.upkeep import difference_document
from paykeel.payments.states import CONCLUDED, Status
from paykeel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from paykeel.cli.orders.counting import Tally
    from paykeel.core import Core
    from paykeel.payments.audit import AuditReport
    from paykeel.payments.model import Payment

#: Short times, so that what takes a gateway minutes on a bad day is seen within seconds.
ENVIRONMENT = {
    "PAYKEEL_GATEWAY_MS_MAX": "1500",
    "PAYKEEL_RECOVERY_GRACE_MS": "500",
    "PAYKEEL_RECOVERY_INTERVAL_MS": "200",
    "PAYKEEL_RECOVERY_BACKOFF_MS_MIN": "200",
    "PAYKEEL_RECOVERY_BACKOFF_MS_MAX": "1000",
    "PAYKEEL_DUPLICATE_WAIT_MS_MAX": "2000",
    "PAYKEEL_LOG_LEVEL": "WARNING",
}
#: What may be said from outside; whatever else is set is about an installation, not about this.
KEPT = frozenset({"PAYKEEL_EMBEDDED_POSTGRES_VERSION", "PAYKEEL_EMBEDDED_START_MS_MAX"})
DATA = "data"
CONCURRENCY = 32
#: After how many answers the service is killed: about half of the orders.
KILL_AFTER = 480
AWAY_S = 1.0
PATIENCE_S = 60
SETTLED_S_MAX = 45.0
_POLL_S = 0.2


@dataclass(slots=True)
class Crash:
    """Kills the service once enough orders have their answer, and starts it again."""

    service: Service
    core: Core
    merchant_id: UUID
    due: asyncio.Event
    #: What had been opened and not answered when the service died.
    caught: list[Payment]

    async def run(self) -> None:
        """Wait for the moment, kill, look at what is left, and start it again."""
        await self.due.wait()
        await asyncio.to_thread(self.service.kill)
        # The database may still be at work on what it was sent; let it come to rest.
        await asyncio.sleep(AWAY_S)
        self.caught += await unsettled(self.core, self.merchant_id)
        self.service.start()
        await self.service.ready()


class Halfway:
    """Shows how far the run is, and says when it is time for the crash."""

    def __init__(self, step: Step, due: asyncio.Event) -> None:
        self._step = step
        self._due = due

    def advance(self, tally: Tally) -> None:
        """Look at how far the run is."""
        self._step.say(f"{tally.answered:,} answered, {tally.rejected:,} rejected")
        if tally.answered >= KILL_AFTER:
            self._due.set()


async def demo(
    *, data_dir: Path | None = None, keep: Flag = False, common: Common = DEFAULTS
) -> int:
    """Run 1,000 orders over HTTP, kill the service in the middle, and prove that all is well.

    Everything happens in a folder of its own, with an embedded PostgreSQL; nothing that is
    installed or configured is touched, and nothing is left running.

    Args:
        data_dir: Where to keep the data; a temporary folder otherwise. It must be empty or missing.
        keep: Leave the data folder, to look around in it.
        common: The options of every command.
    """
    out = Output(common)
    show = Show(out.console)
    with _folder(data_dir, keep=keep) as folder:
        _isolate(folder)
        report = await _perform(out, show, folder)
        ok = all(check.ok for check in show.checks)
        report |= {
            "ok": ok,
            "seconds": round(show.seconds, 1),
            "checks": [check.document() for check in show.checks],
            "data_dir": str(folder / DATA) if keep or data_dir else None,
        }
    out.document(report)
    show_end(out, show, folder / DATA if keep or data_dir else None, ok=ok)
    return OK if ok else FOUND


async def _perform(out: Output, show: Show, folder: Path) -> dict[str, Any]:
    """Tell the whole story; return the facts of it."""
    out.console.print("[bold]Paykeel: 1,000 orders, one crash, no order charged twice[/]\n")
    async with AsyncExitStack() as stack:
        _end_in_order()
        with show.step("Start the embedded PostgreSQL") as step:
            core = await stack.enter_async_context(open_core(Settings()))
            step.result = "durable, in a folder of its own"
        with show.step("Create a merchant, a refund policy and an API key"):
            merchant = await core.merchants.create("Harbour Market", "test")
            with files("paykeel.cli.demo").joinpath("rates.csv").open("rb") as rates:
                await core.merchants.import_rates(merchant.merchant_id, rates, author="demo")
            owner = merchant.merchant_id
            await core.refund_policies.publish(POLICY, merchant_id=owner, author=ADA)
            scopes = ("purchases:write", "payments:read", "payments:write")
            _, secret = await core.keys.create(merchant.merchant_id, "demo", scopes)
        service = Service(free_port(), folder / "service.log", {})
        stack.push_async_callback(asyncio.to_thread, service.stop)
        with show.step("Start the service, a process of its own") as step:
            service.start()
            await service.ready()
            step.result = service.url
        sender = HttpSender(service.url, secret, CONCURRENCY)
        stack.push_async_callback(sender.close)

        crash = Crash(service, core, merchant.merchant_id, asyncio.Event(), [])
        with show.step("Run orders.csv over HTTP, SIGKILL the service halfway, restart it") as step:
            crashing = asyncio.create_task(crash.run())
            first = await _run_file(step, sender, crash.due)
            await asyncio.wait_for(crashing, PATIENCE_S)
            step.result = f"{len(crash.caught)} purchases had no end yet when it died"
        with show.step("Run the same file a second time") as step:
            second = await _run_file(step, sender, asyncio.Event())
            step.result = f"{second.replayed} of {second.answered} answers replayed"
        with show.step("Wait for recovery") as step:
            await _settled(step, core, merchant.merchant_id)
            payments = await all_payments(core, merchant.merchant_id)
            by_recovery = await recovered(core, merchant.merchant_id, payments)
            step.result = f"{len(by_recovery)} payments were brought to their end by it"
        with show.step("Give some money back, by the policy of the purchase"):
            refunded = await refund_some(core, merchant.merchant_id, payments)
            after = await all_payments(core, merchant.merchant_id)
        lines, doubles, report = await _look_through(show, core, merchant.merchant_id, after)

    statuses = by_status(after)
    show_payments(out, statuses)
    show_books(out, lines)
    show.heading("What must be true")
    _check_runs(show, first, second, payments)
    _check_crash(show, crash, by_recovery)
    check_refunds(show, refunded)
    _check_money(show, lines, doubles, report)
    return {
        "first_run": first.document(),
        "second_run": second.document(),
        "crash": {
            "in_the_air": len(crash.caught),
            "recovered": len(by_recovery & {payment.payment_id for payment in crash.caught}),
        },
        "recovered": len(by_recovery),
        "refunds": refunded.document(),
        **_facts(statuses, lines, report),
    }


async def _look_through(
    show: Show, core: Core, merchant_id: UUID, payments: list[Payment]
) -> tuple[list[Line], int, AuditReport]:
    """Return the books side by side, how many orders were charged twice, and the audit."""
    with show.step("Compare with the gateway's own books"):
        gateway = gateway_of(core)
        lines = await compare(gateway, merchant_id, payments)
        doubles = await gateway.double_charged(str(merchant_id))
    with show.step("paykeel audit: recompute everything from history") as step:
        report = await core.auditor.audit()
        step.result = f"{report.events} events of {report.payments} payments"
    return lines, len(doubles), report


def _facts(
    statuses: dict[Group, tuple[int, int]], lines: list[Line], report: AuditReport
) -> dict[str, Any]:
    """Return how it stands at the end as JSON-ready values."""
    return {
        "payments": [
            {
                "status": status,
                "reason": reason or None,
                "currency": currency,
                "count": count,
                "amount": amount,
            }
            for (status, reason, currency), (count, amount) in sorted(statuses.items())
        ],
        "books": [line.document() for line in lines],
        "audit": {
            "payments": report.payments,
            "events": report.events,
            "differences": [difference_document(item) for item in report.differences],
            "open_items": [difference_document(item) for item in report.open_items],
        },
    }


async def _run_file(step: Step, sender: HttpSender, due: asyncio.Event) -> Tally:
    """Run the orders once, as `paykeel purchase --from` does."""
    orders = files("paykeel.cli.demo").joinpath("orders.csv")
    with orders.open("rb") as stream:
        lines = Lines(stream)
        run = Run(
            orders=read_orders(lines, "csv"),
            sender=sender,
            patience=Patience(PATIENCE_S * 1000, asyncio.Event()),
            rejects=None,
            progress=Halfway(step, due),
            concurrency=CONCURRENCY,
        )
        tally, error = await run_orders(run)
    # A file that is shorter than the crash is late must not be waited for.
    due.set()
    if error is not None:
        raise DemoFailed(f"The orders could not be run to the end: {error.message}")
    return tally


async def _settled(step: Step, core: Core, merchant_id: UUID) -> None:
    """Wait until the gateway owes us no answer any more."""
    try:
        async with asyncio.timeout(SETTLED_S_MAX):
            while True:
                left = await unsettled(core, merchant_id)
                if not left:
                    return
                step.say(f"{len(left)} to go")
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise DemoFailed(f"Recovery did not finish within {SETTLED_S_MAX:.0f} s.") from error


# ------------------------------------------------------------------------------ what must be true


def _check_runs(show: Show, first: Tally, second: Tally, payments: list[Payment]) -> None:
    references = Counter(payment.reference for payment in payments)
    show.check(
        "Every order became exactly one payment",
        f"{len(payments)} payments of {len(references)} orders, out of {first.lines} lines",
        ok=len(payments) == len(references) > 0,
    )
    show.check(
        "Repeats were replayed, and the second run bought nothing",
        f"{first.replayed} answers replayed in the first run, {second.replayed} of "
        f"{second.answered} in the second",
        ok=second.replayed == second.answered == first.answered,
    )
    show.check(
        "The same lines were rejected both times, with line, field and reason",
        f"{first.rejected} and {second.rejected}",
        ok=first.codes == second.codes and first.unanswered == second.unanswered == 0,
    )
    waiting = sum(payment.status is Status.REQUIRES_ACTION for payment in payments)
    hanging = sum(payment.status not in CONCLUDED for payment in payments) - waiting
    show.check(
        "Every payment has its end, or waits for its buyer",
        f"{len(payments) - waiting} have it, {waiting} wait",
        ok=hanging == 0,
    )


def _check_crash(show: Show, crash: Crash, by_recovery: set[UUID]) -> None:
    caught = {payment.payment_id for payment in crash.caught}
    show.check(
        "What had no end yet when the service died was recovered",
        f"{len(caught)} purchases, {len(caught & by_recovery)} recovered by asking the gateway",
        ok=len(caught) > 0 and caught <= by_recovery,
    )


def _check_money(show: Show, lines: list[Line], doubles: int, report: AuditReport) -> None:
    agreeing = sum(line.agrees for line in lines)
    show.check(
        "The gateway's books and ours agree to the minor unit",
        f"in {agreeing} of {len(lines)} currencies",
        ok=0 < agreeing == len(lines),
    )
    show.check(
        "No order was charged twice", f"{doubles} double charges at the gateway", ok=doubles == 0
    )
    show.check(
        "The audit is clean",
        f"{len(report.differences)} differences, {len(report.open_items)} open items",
        ok=report.clean,
    )


# ------------------------------------------------------------------------------ the folder


@contextlib.contextmanager
def _folder(data_dir: Path | None, *, keep: bool) -> Iterator[Path]:
    """Give the folder to work in; a temporary one is removed again unless it is to be kept."""
    if data_dir is not None:
        if data_dir.exists() and any(data_dir.iterdir()):
            raise DemoFailed(f"{data_dir} is not empty; the demonstration wants a fresh folder.")
        data_dir.mkdir(parents=True, exist_ok=True)
        yield data_dir.resolve()
        return
    # A socket lives in it, whose path must be short.
    made = Path(tempfile.mkdtemp(prefix="paykeel-demo-"))
    # Run by root, PostgreSQL is another user, who has to pass through.
    made.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        yield made
    finally:
        if not keep:
            shutil.rmtree(made, ignore_errors=True)


def _end_in_order() -> None:
    """Let a request to end stop what was started first, as Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _isolate(folder: Path) -> None:
    """Forget every setting of an installation, for this process and the service that it starts."""
    for name in [name for name in os.environ if name.startswith("PAYKEEL_")]:
        if name not in KEPT:
            del os.environ[name]
    os.environ.update(ENVIRONMENT, PAYKEEL_DATA_DIR=str(folder / DATA))
