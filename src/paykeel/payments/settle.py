"""Settling: the one way by which a payment moves, whoever brings the gateway's answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from paykeel.db.coalescer import Coalescer
from paykeel.db.pool import fetch_on
from paykeel.db.sql import load
from paykeel.errors import DatabaseUnavailable, Misconfigured, NotFound, OutcomeUnknown
from paykeel.metrics import writer_slot
from paykeel.payments.model import Event, Payment
from paykeel.payments.moves import Attempt, Close, Defer, Move
from paykeel.payments.resources import come_apart
from paykeel.payments.rules import decide
from paykeel.payments.states import Status
from paykeel.payments.steps import Step, own_answer, settle_arguments, step_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from uuid import UUID

    from paykeel.db.pool import Connection, Database
    from paykeel.gateways.port import Outcome
    from paykeel.idempotency import Answer
    from paykeel.metrics.stopwatch import Stopwatch
    from paykeel.payments.moves import Waits

SQL = load("paykeel.payments")
#: Of many that settle one payment at once, one moves it and the others read it again.
TRIES_MAX = 50
EVENTS_PAGE_ROWS = 1_000
#: Pauses between tries to store an outcome while the database is away; 7 s in all.
STORE_PAUSES_MS = (50, 100, 250, 500, 1_000, 2_000, 3_000)

log = structlog.get_logger("paykeel.payments")


class HookFailed(Exception):
    """The application's hook raised; what it was asked to complete stays uncompleted."""


@dataclass(frozen=True, slots=True)
class CompletionHook:
    """The application's own rows, committed with the payment or not at all.

    ``run(connection, payment)`` is called inside the transaction that completes a purchase. When it
    raises, the purchase stays uncompleted and recovery tries again.
    """

    name: str
    run: Callable[[Any, Payment], Awaitable[None]]


class Settler:
    """Writes moves, many with one statement, and reads the truth when another was faster."""

    def __init__(
        self,
        database: Database,
        hook: CompletionHook | None,
        stopwatch: Stopwatch,
        *,
        hook_ms_max: int,
        rows_max: int,
        lanes: int,
        queue_max: int,
    ) -> None:
        """Take the database, the application's hook, what times, and the limits of a batch."""
        self._database = database
        self._stopwatch = stopwatch
        self.hook = hook
        self._hook_s = hook_ms_max / 1000
        self._steps: Coalescer[UUID, Step, bool] = Coalescer(
            self._write, rows_max=rows_max, lanes=lanes, queue_max=queue_max
        )

    async def get(self, merchant_id: UUID, payment_id: UUID) -> Payment:
        """Read a payment with its history, all of it: what is decided by it must not be a part.

        Raises:
            NotFound: This merchant has none such.
        """
        row = await self._database.fetchrow(
            SQL["get_payment"], merchant_id=merchant_id, payment_id=payment_id
        )
        if row is None:
            raise NotFound("There is no such payment.")
        events: list[Any] = []
        while True:
            page = await self._database.fetch(
                SQL["list_events"],
                merchant_id=merchant_id,
                payment_id=payment_id,
                after=events[-1]["sequence"] if events else 0,
                up_to=row["version"],
                rows_max=EVENTS_PAGE_ROWS,
            )
            events += page
            if len(page) < EVENTS_PAGE_ROWS:
                return payment_from_row(row, events)

    async def read(self, merchant_id: UUID, attempt: Attempt) -> tuple[Payment, Attempt]:
        """Read a payment and one of its attempts as they stand now.

        The attempt is read last: whatever took effect for it before moved the payment, too, and
        what takes effect later is refused by the payment's version.

        Raises:
            NotFound: This merchant has none such.
        """
        payment = await self.get(merchant_id, attempt.payment_id)
        attempts = await self.attempts(merchant_id, attempt.payment_id)
        found = (one for one in attempts if one.attempt_no == attempt.attempt_no)
        return payment, next(found, attempt)

    async def attempts(self, merchant_id: UUID, payment_id: UUID) -> list[Attempt]:
        """Read the attempts of a payment, in order."""
        rows = await self._database.fetch(
            SQL["get_attempts"], merchant_id=merchant_id, payment_id=payment_id
        )
        return [Attempt(**row) for row in rows]

    async def settle(
        self,
        payment: Payment,
        attempt: Attempt,
        outcome: Outcome,
        waits: Waits,
        actor: str,
        evidence: Mapping[str, str] | None = None,
    ) -> tuple[Payment, Answer | None]:
        """Let ``outcome`` of ``attempt`` take effect; return the payment as it stands then.

        The answer is that of the attempt's own key when this very call stored one. A payment that
        moved meanwhile is read and judged again; the first definite answer has won.

        Raises:
            OutcomeUnknown: The database stayed away; the attempt is watched, recovery will settle.
        """
        for pause in (*STORE_PAUSES_MS, None):
            try:
                return await self._settle(payment, attempt, outcome, waits, actor, evidence)
            except HookFailed as error:
                # Recovery asks the gateway again, and the hook with its answer.
                because = f"completion hook failed: {error}"[:200]
                state = "open" if attempt.state == "done" else attempt.state
                again = Defer(state, because, waits.again_ms, alarm=True)
                await self.defer(payment, attempt, again)
                raise OutcomeUnknown from error
            except DatabaseUnavailable as error:
                # Whether the COMMIT took place is unknown: what follows reads again and repeats.
                if pause is None:
                    raise OutcomeUnknown from error
                await asyncio.sleep(pause / 1000)
                try:
                    payment, attempt = await self.read(payment.merchant_id, attempt)
                except DatabaseUnavailable:
                    continue
                except NotFound:
                    # The database forgot what it had acknowledged. The same request, repeated,
                    # finds the same movement at the gateway.
                    raise OutcomeUnknown from error
        raise OutcomeUnknown

    async def _settle(
        self,
        payment: Payment,
        attempt: Attempt,
        outcome: Outcome,
        waits: Waits,
        actor: str,
        evidence: Mapping[str, str] | None,
    ) -> tuple[Payment, Answer | None]:
        merchant_id = payment.merchant_id
        for tried in range(TRIES_MAX):
            decision = decide(payment, attempt, outcome, waits)
            match decision:
                case Move():
                    if not decision.is_apart:  # A refund completes no purchase.
                        self.check_hook(payment)
                    if evidence is not None:
                        decision = replace(decision, data={**decision.data, **evidence})
                    step = step_for(payment, attempt, decision, actor, self._database.now())
                    if await self._steps.submit(merchant_id, step):
                        self._tell(step)
                        return step.after, own_answer(step, attempt)
                case Defer():
                    await self.defer(payment, attempt, decision)
                    return payment, None
                case Close():
                    await self._database.fetch(
                        SQL["close_attempt"],
                        merchant_id=merchant_id,
                        payment_id=payment.payment_id,
                        attempt_no=attempt.attempt_no,
                        outcome=decision.outcome,
                    )
                    return payment, None
            await come_apart(tried)
            try:
                payment, attempt = await self.read(merchant_id, attempt)
            except NotFound as error:
                raise OutcomeUnknown from error
        raise OutcomeUnknown("The payment kept moving; recovery will settle it.")

    def check_hook(self, payment: Payment) -> None:
        """Refuse a payment that another process's hook completes: its rows would be missing.

        Raises:
            Misconfigured: This process does not have the hook that the payment was opened with.
        """
        mine = None if self.hook is None else self.hook.name
        if payment.completion_hook not in {None, mine}:
            raise Misconfigured(
                f"The hook {payment.completion_hook} completes this purchase, and this process "
                "does not have it.",
                code="completion_hook_missing",
            )

    async def write(self, step: Step) -> bool:
        """Write one step that was composed elsewhere; ``False`` when the payment has moved."""
        written = await self._steps.submit(step.before.merchant_id, step)
        if written:
            self._tell(step)
        return written

    async def defer(self, payment: Payment, attempt: Attempt, decision: Defer) -> None:
        """Say when to look again, and raise the alarm if there is one."""
        await self._database.fetch(
            SQL["defer_attempt"],
            merchant_id=payment.merchant_id,
            payment_id=payment.payment_id,
            attempt_no=attempt.attempt_no,
            state=decision.state,
            outcome=decision.outcome,
            recover_ms=decision.recover_ms,
        )
        if decision.alarm:
            log.error(
                "payment.alarm",
                payment_id=str(payment.payment_id),
                operation=attempt.operation,
                outcome=decision.outcome,
            )

    def _tell(self, step: Step) -> None:
        """Log what a person has to hear of."""
        if step.move.alarm:
            log.error(
                "payment.alarm",
                payment_id=str(step.after.payment_id),
                event_type=step.move.event_type,
            )

    async def _write(self, merchant_id: UUID, lane: int, steps: Sequence[Step]) -> list[bool]:
        """Run the settling statement for a batch, with the hook, if any, in its transaction."""
        # One step of a payment in each statement: a second one would have moved from the same
        # version, and could not be told from the first in what the statement returns.
        first: dict[UUID, Step] = {}
        for step in steps:
            first.setdefault(step.before.payment_id, step)
        steps_sorted = sorted(first.values(), key=lambda step: step.before.payment_id)
        values = settle_arguments(merchant_id, writer_slot(lane), steps_sorted)
        hook = self.hook
        if hook is None or not any(step.completes for step in steps_sorted):
            rows = await self._database.fetch(SQL["settle_payments"], **values)
            if rows:
                self._database.observe(rows[-1]["database_now"])
        else:
            rows = await self._write_with_hook(hook, values, steps_sorted)
        moved = {(row["payment_id"], row["version"]) for row in rows}
        written = [
            first[step.before.payment_id] is step
            and (step.after.payment_id, step.after.version) in moved
            for step in steps
        ]
        for step in compress(steps, written):
            if (took_us := step.latency_us) is not None:
                payment = step.after
                self._stopwatch.note(
                    "purchase", merchant_id, payment.buyer_role, payment.gateway, took_us
                )
        return written

    async def _write_with_hook(
        self, hook: CompletionHook, values: Mapping[str, Any], steps: Sequence[Step]
    ) -> list[Any]:
        """Run the settling statement and the hook in one transaction, and see that it is one."""
        async with self._database.connection() as connection:
            try:
                async with connection.transaction():
                    rows = await fetch_on(connection, SQL["settle_payments"], values)
                    begun = await fetch_on(connection, SQL["this_transaction"], {})
                    moved = {row["payment_id"] for row in rows}
                    for step in steps:
                        if step.completes and step.after.payment_id in moved:
                            await self._run_hook(hook, connection, step)
                    # A hook that swallowed an SQL error leaves a transaction that cannot commit,
                    # and PostgreSQL would answer COMMIT with a silent ROLLBACK.
                    try:
                        ended = await fetch_on(connection, SQL["this_transaction"], {})
                    except asyncpg.InFailedSQLTransactionError as error:
                        raise HookFailed("it swallowed an SQL error") from error
                    if ended != begun:
                        raise HookFailed("it ended the transaction")
                    return rows
            finally:
                # What the hook set for its session must not reach whoever borrows it next.
                if not connection.is_closed():
                    await connection.reset()

    async def _run_hook(self, hook: CompletionHook, connection: Connection, step: Step) -> None:
        """Run the application's hook, within its time, whatever it raises."""
        try:
            async with asyncio.timeout(self._hook_s):
                await hook.run(connection, step.after)
        except TimeoutError as error:
            raise HookFailed("it took too long") from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # It is this process that is stopping.
            raise HookFailed("it raised CancelledError") from error
        except Exception as error:
            raise HookFailed(f"it raised {type(error).__name__}") from error

    async def close(self) -> None:
        """Wait for what is in flight."""
        await self._steps.close()


def payment_from_row(row: Any, events: Sequence[Any] = ()) -> Payment:
    """Make a payment out of a row of ``payments`` and rows of ``payment_events``."""
    return Payment(
        **{**row, "status": Status(row["status"])},
        timeline=tuple(Event(**event) for event in events),
    )
