"""Capture, cancel and complete: one story for what follows a charge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

from paykeel.errors import IllegalTransition, InvalidField, OperationInFlight
from paykeel.gateways.port import ActionGateway, FollowUpRequest, NotFound, Unknown
from paykeel.idempotency import check_key, fingerprint
from paykeel.money import Money
from paykeel.payments.encoding import encode
from paykeel.payments.moves import Attempt
from paykeel.payments.notices import fetchrow_held
from paykeel.payments.resources import answer_as_it_stands, answer_duplicate, ask, look_up
from paykeel.payments.settle import SQL
from paykeel.payments.states import Status
from paykeel.payments.steps import gateway_reference, operation_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from uuid import UUID

    from paykeel.gateways.port import Capabilities, Gateway, LookupOutcome, Outcome
    from paykeel.idempotency import Answer, StoredKey
    from paykeel.payments.model import Payment
    from paykeel.payments.resources import Resources

    Unsent = Callable[[Resources, Payment, str, bytes], Awaitable[tuple[Payment, Answer] | None]]

OPEN_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What somebody wants done to a payment."""

    #: ``capture``, ``void``, ``complete`` or ``refund``: the verb at the gateway.
    verb: str
    #: Under which name its key is claimed: ``capture``, ``cancel`` or ``complete``.
    claims_as: str
    #: The last part of its path, for the fingerprint.
    path: str
    #: What was asked, in one spelling, for the fingerprint.
    body: Mapping[str, Any]
    #: Says which amount it is about, in minor units, or why the payment does not allow it.
    amount_of: Callable[[Payment, Capabilities], int]
    final: bool = True
    ends_in: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    #: Does it, under a key and its fingerprint, to a payment that is held for a person: nothing was
    #: sent, and nothing need be. ``None`` in its place: look again.
    unsent: Unsent | None = None


async def operate(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    operation: Operation,
    raw_key: str | None,
) -> tuple[Payment, Answer]:
    """Run one operation; at most one movement for each key, whatever happens."""
    key = check_key(raw_key)
    path = f"/v1/payments/{payment_id}/{operation.path}"
    mark = fingerprint("POST", path, operation.body)

    # open: claim the key; the watched attempt commits before anything is sent
    for _ in range(OPEN_TRIES):
        duplicate = await _answer_duplicate(
            resources, merchant_id, payment_id, operation, key, mark
        )
        if duplicate is not None:
            return duplicate
        payment = await resources.settler.get(merchant_id, payment_id)
        if payment.status is Status.IN_REVIEW and operation.unsent is not None:
            if (done := await operation.unsent(resources, payment, key, mark)) is not None:
                return done
            continue
        resources.settler.check_hook(payment)
        gateway = await resources.gateways.by_name(payment.gateway)
        try:
            amount = operation.amount_of(payment, gateway.capabilities)
        except (IllegalTransition, InvalidField):
            # What changed the payment may be this very request, since its key was looked up.
            duplicate = await _answer_duplicate(
                resources, merchant_id, payment_id, operation, key, mark
            )
            if duplicate is not None:
                return duplicate
            raise
        attempt = await open_operation(resources, payment, operation, amount, key, mark)
        if attempt is not None:
            break
    else:
        raise OperationInFlight("The payment keeps changing; repeat the request in a moment.")

    # perform: no connection is held
    outcome = await perform(resources, gateway, payment, attempt)

    # settle: one statement moves the payment and stores this answer
    waits = resources.waits(gateway.capabilities)
    payment, answer = await resources.settler.settle(payment, attempt, outcome, waits, "request")
    if answer is None:
        return await answer_as_it_stands(
            resources, payment, key, lambda now: operation_answer(now, attempt, None)
        )
    return payment, answer


async def open_operation(
    resources: Resources,
    payment: Payment,
    operation: Operation,
    amount: int,
    key: str | None,
    mark: bytes,
    number: int = 1,
) -> Attempt | None:
    """Write the attempt of an operation, and claim its key; ``None``: look again.

    Without a ``key`` it is Paykeel's own doing; ``number`` then tells it from the charge.

    Raises:
        OperationInFlight: Another operation on this payment has not finished.
    """
    reference = gateway_reference(payment.merchant_id, key or payment.idempotency_key, number)
    values: dict[str, Any] = {
        "merchant_id": payment.merchant_id,
        "payment_id": payment.payment_id,
        "version": payment.version,
        "idempotency_key": key,
        "operation": operation.verb,
        "reference": reference,
        "amount": amount,
        "final": operation.final,
        "ends_in": operation.ends_in,
        "data": encode(operation.data).decode(),
        "recover_ms": resources.lease_ms,
        "claims_as": operation.claims_as if key is not None else None,
        "fingerprint": mark,
    }
    try:
        if operation.verb == "refund":
            row = await fetchrow_held(resources, SQL["open_operation"], **values)
        else:
            row = await resources.database.fetchrow(SQL["open_operation"], **values)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "payment_attempts_one_open":
            raise OperationInFlight(
                "Another operation on this payment has not finished yet.", retry_after_s=1
            ) from error
        # The key was claimed in between, or an attempt took the number: look again.
        return None
    if row is None:
        return None
    return Attempt(
        payment_id=payment.payment_id,
        attempt_no=row["attempt_no"],
        operation=operation.verb,
        reference=reference,
        idempotency_key=key,
        amount=amount,
        final=operation.final,
        ends_in=operation.ends_in,
        data=operation.data,
        state="open",
        outcome=None,
        recover_at=None,
        recover_count=0,
        created_at=payment.updated_at,
        finished_at=None,
    )


async def perform(
    resources: Resources, gateway: Gateway, payment: Payment, attempt: Attempt
) -> Outcome:
    """Ask the gateway to do what an attempt says, under the attempt's reference."""
    deadline_ms = resources.settings.gateway_ms_max
    charged_under = gateway_reference(payment.merchant_id, payment.idempotency_key)
    request = FollowUpRequest(
        reference=attempt.reference.hex(),
        charge_reference=charged_under.hex(),
        amount=Money(attempt.amount, payment.currency),
        final=attempt.final,
        # What stands beside a refund is for its answer, and not for the gateway.
        data={} if attempt.refund_id is not None else attempt.data,
    )
    outcome: Outcome | LookupOutcome
    match attempt.operation:
        case "capture":
            outcome = await ask(gateway.capture(request, deadline_ms), deadline_ms)
        case "void":
            outcome = await ask(gateway.void(request, deadline_ms), deadline_ms)
        case "refund":
            outcome = await ask(gateway.refund(request, deadline_ms), deadline_ms)
        case _ if isinstance(gateway, ActionGateway):
            outcome = await ask(gateway.complete(request, deadline_ms), deadline_ms)
        case _:
            # This gateway learns of the buyer's step from the buyer; it is merely asked.
            outcome = await look_up(gateway, charged_under, deadline_ms)
    return Unknown("not found") if isinstance(outcome, NotFound) else outcome


async def _answer_duplicate(
    resources: Resources,
    merchant_id: UUID,
    payment_id: UUID,
    operation: Operation,
    key: str,
    mark: bytes,
) -> tuple[Payment, Answer] | None:
    """Answer an operation whose key is taken."""

    def differences(_payment: Payment, stored: StoredKey) -> list[str]:
        if stored.operation is not None:
            # Fingerprints differ, and nothing but these can.
            differing = ["operation"] if stored.operation != operation.claims_as else []
            differing += ["payment"] if stored.payment_id != payment_id else []
            return differing or sorted(operation.body)
        same = stored.attempt_operation == operation.verb and stored.payment_id == payment_id
        return [] if same else ["operation"]

    def compose(payment: Payment) -> Answer:
        return operation_answer(payment, _closed(payment, operation), None)

    return await answer_duplicate(resources, merchant_id, key, mark, differences, compose)


def _closed(payment: Payment, operation: Operation) -> Attempt:
    """Return a stand-in for an attempt whose answer is composed from the payment alone."""
    return Attempt(
        payment_id=payment.payment_id,
        attempt_no=0,
        operation=operation.verb,
        reference=b"",
        idempotency_key=None,
        amount=payment.amount,
        final=operation.final,
        ends_in=operation.ends_in,
        data={},
        state="done",
        outcome=None,
        recover_at=None,
        recover_count=0,
        created_at=payment.created_at,
        finished_at=None,
    )
