"""Recovery: looks at every attempt whose time has come, asks the gateway, and settles.

It takes the same way as the request. What stays unknown is looked at again, ever more seldom, and
listed for a person; it is never guessed.
"""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import structlog

from paykeel.errors import PaykeelError
from paykeel.gateways.port import (
    Authorized,
    Declined,
    DeclineReason,
    NotFound,
    RequiresAction,
    Unknown,
)
from paykeel.payments.cancel import releasable
from paykeel.payments.moves import Attempt, Defer
from paykeel.payments.operations import Operation, open_operation, perform
from paykeel.payments.purchase import charge
from paykeel.payments.resources import look_up
from paykeel.payments.settle import SQL
from paykeel.payments.states import TERMINAL, Status
from paykeel.payments.steps import gateway_reference

if TYPE_CHECKING:
    from uuid import UUID

    from paykeel.gateways.port import Gateway, Outcome
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

_ATTEMPT_COLUMNS = tuple(f.name for f in fields(Attempt))

#: Names Paykeel's own voiding of what ran out of time, apart from the charge under the same key.
EXPIRY_NUMBER = 2

log = structlog.get_logger("paykeel.recovery")


async def sweep(resources: Resources) -> int:
    """Look once at attempts that are due, a bounded number; return how many were looked at."""
    hook = resources.settler.hook
    rows = await resources.database.fetch(
        SQL["claim_due_attempts"],
        completion_hook=None if hook is None else hook.name,
        rows_max=resources.settings.recovery_batch_rows,
        lease_ms=resources.lease_ms * 2,
    )
    results = await asyncio.gather(
        *(_look(resources, row["merchant_id"], row) for row in rows), return_exceptions=True
    )
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, BaseException):
            # The lease brings it back; the others were not harmed.
            log.warning(
                "recovery.failed",
                payment_id=str(row["payment_id"]),
                error=result.code if isinstance(result, PaykeelError) else repr(result),
            )
    return len(rows)


async def _look(resources: Resources, merchant_id: UUID, row: Any) -> None:
    """Ask the gateway how one attempt stands, and let the answer take effect."""
    claimed = Attempt(**{name: row[name] for name in _ATTEMPT_COLUMNS})
    payment, attempt = await resources.settler.read(merchant_id, claimed)
    if attempt.state == "done":  # The request itself was faster.
        return
    gateway = await resources.gateways.by_name(payment.gateway)
    if attempt.recover_count >= resources.settings.recovery_tries_alarm and attempt.state == "open":
        log.error(
            "payment.stuck",
            payment_id=str(payment.payment_id),
            operation=attempt.operation,
            outcome=attempt.outcome,
            looks=attempt.recover_count,
        )
    outcome = await _outcome(resources, gateway, payment, attempt, row["age_ms"])
    match outcome:
        case Defer():
            await resources.settler.defer(payment, attempt, outcome)
        case RequiresAction() | Authorized() | Declined() if _has_run_out(
            payment, attempt, outcome, gateway, row["age_ms"]
        ):
            await _expire(resources, gateway, payment)
        case _:
            waits = resources.waits(gateway.capabilities, attempt.recover_count)
            await resources.settler.settle(payment, attempt, outcome, waits, "recovery")


async def _outcome(
    resources: Resources, gateway: Gateway, payment: Payment, attempt: Attempt, age_ms: int
) -> Outcome | Defer:
    """Ask by our reference; send again, under the same key, only what certainly never arrived."""
    deadline_ms = resources.settings.gateway_ms_max
    charged_under = gateway_reference(payment.merchant_id, payment.idempotency_key)
    # A completion shows in the charge that it completes.
    reference = charged_under if attempt.operation == "complete" else attempt.reference
    outcome = await look_up(gateway, reference, deadline_ms)
    if not isinstance(outcome, NotFound):
        return outcome
    capabilities = gateway.capabilities
    waits = resources.waits(capabilities, attempt.recover_count)
    if age_ms < capabilities.processing_ms_max:
        # It may still be on its way: "not found" proves nothing yet.
        pause = min(waits.again_ms, capabilities.processing_ms_max - age_ms + 1)
        return Defer(attempt.state, "not found yet", pause)
    if age_ms > capabilities.key_retention_ms - deadline_ms - resources.lease_ms:
        # The gateway may have forgotten the key, and would do it a second time.
        because = "not found, too old to send again"
        return Defer(attempt.state, because, waits.again_ms, alarm=True)
    if payment.status in TERMINAL and attempt.operation != "refund":
        return Unknown("ended")  # Only giving back still makes sense after the end.
    if attempt.operation == "charge":
        return await charge(resources, gateway, payment, attempt)
    return await perform(resources, gateway, payment, attempt)


def _has_run_out(
    payment: Payment, attempt: Attempt, outcome: Outcome, gateway: Gateway, age_ms: int
) -> bool:
    """Say whether the buyer's step or the reservation has had its time, here and at the gateway."""
    if attempt.operation != "charge":
        return False
    match outcome, payment.status:
        case RequiresAction(), Status.REQUIRES_ACTION:
            return age_ms >= gateway.capabilities.action_ms_max
        case Authorized(), Status.AUTHORIZED:
            return age_ms >= gateway.capabilities.authorization_ms_max
        case Declined(reason=DeclineReason.AUTHORIZATION_EXPIRED), Status.AUTHORIZED:
            return True
        case _:
            return False


async def _expire(resources: Resources, gateway: Gateway, payment: Payment) -> None:
    """Release what ran out of time, as a cancellation does, ending in ``expired``."""
    operation = Operation(
        verb="void",
        claims_as="cancel",
        path="cancel",
        body={},
        amount_of=releasable,
        ends_in="expired",
    )
    attempt = await open_operation(
        resources, payment, operation, releasable(payment), None, b"", EXPIRY_NUMBER
    )
    if attempt is None:  # It moved meanwhile; the next sweep sees it as it is then.
        return
    outcome = await perform(resources, gateway, payment, attempt)
    waits = resources.waits(gateway.capabilities)
    await resources.settler.settle(payment, attempt, outcome, waits, "recovery")
