"""One purchase, from the key to the answer. Read it from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from paykeel.clock import new_id
from paykeel.errors import DatabaseUnavailable, InvalidField, PaykeelError
from paykeel.fraud.facts import Facts
from paykeel.fraud.keys import Identity, values_of
from paykeel.fraud.refusals import AMOUNT_FIELDS, facts_of
from paykeel.fraud.service import UNJUDGED
from paykeel.gateways.port import ChargeRequest, NotFound, Unknown
from paykeel.idempotency import check_key, fingerprint
from paykeel.metrics.stopwatch import tick
from paykeel.money import exponent_of
from paykeel.payments.answers import purchase_answer
from paykeel.payments.gate import acceptance_required
from paykeel.payments.judged import AUTHENTICATE, Candidate, Gate, Judged, first_event
from paykeel.payments.model import CaptureMethod, Payment, PurchaseRequest
from paykeel.payments.moves import Attempt
from paykeel.payments.open import Opened
from paykeel.payments.resources import answer_as_it_stands, answer_duplicate, ask
from paykeel.payments.signals import NO_SIGNALS
from paykeel.payments.states import Status
from paykeel.payments.steps import gateway_reference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from paykeel.gateways.port import Gateway, Outcome
    from paykeel.idempotency import Answer, StoredKey
    from paykeel.merchants import Merchant
    from paykeel.payments.resources import Resources

PATH = "/v1/purchases"
_NOT_STORED: dict[str, Any] = {
    "quote": None, "items": (), "signals": NO_SIGNALS, "jurisdiction": None, "channel": None,
    "payment_method_type": None,
}  # fmt: skip
OPEN_TRIES = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its key and its fingerprint."""

    request: PurchaseRequest
    key: str
    fingerprint: bytes


async def purchase(
    resources: Resources, merchant_id: UUID, request: PurchaseRequest, raw_key: str | None
) -> tuple[Payment, Answer]:
    """Run one purchase; at most one movement for each merchant and key, whatever happens."""
    key = check_key(raw_key)
    asked = Asked(request, key, fingerprint("POST", PATH, request.document()))
    merchant = await resources.merchants.get(merchant_id)
    at = resources.database.now()
    try:
        merchant.check_purchase(
            request.amount, request.currency, request.buyer_role, request.kind, at
        )
        if request.quote is not None:
            await resources.fraud.quotes.check_quote(request.quote, request, merchant_id, at)
        gateway = resources.gateways.for_mode(merchant.mode)
        _check_capture_method(request, gateway)
    except PaykeelError as error:
        # What was answered once is answered again, whatever has changed about the merchant since.
        if (duplicate := await _answer_duplicate(resources, merchant_id, asked)) is None:
            await _log_refusal(resources, merchant_id, request, error)
            raise
        return duplicate
    gate = await _gate(resources, merchant_id, request)
    candidate = _candidate(resources, merchant, asked, gateway, at, gate)
    started = tick()

    # open: claim the key, judge; payment and watched attempt commit before anything is sent
    for _ in range(OPEN_TRIES):
        opened = await _open(resources, candidate)
        if opened.judged is not None:
            break
        duplicate = await _answer_duplicate(resources, merchant_id, asked)
        if duplicate is not None:
            return duplicate
        if opened.terms_stale:
            resources.terms.forget(merchant_id, gate.revision)
            resources.policies.forget(merchant_id, gate.revision)
            gate = await _gate(resources, merchant_id, request)
            candidate = candidate.at_gate(gate)
        elif opened.terms_missing:
            raise acceptance_required(gate, opened.terms_missing)
    else:
        raise DatabaseUnavailable("The key could not be claimed; repeat the request.")
    judged = opened.judged
    started = resources.timed("open", judged.payment, started)
    if judged.payment.status is not Status.PENDING:  # held for a person, or blocked
        return judged.payment, judged.answer or purchase_answer(judged.payment)

    # charge: no connection is held
    attempt = first_attempt(judged.payment, candidate.gateway_reference, judged.attempt_data)
    outcome = await charge(resources, gateway, judged.payment, attempt)
    started = resources.timed("gateway", judged.payment, started)

    # settle: one statement moves the payment and stores this answer
    payment, answer = await resources.settler.settle(
        judged.payment, attempt, outcome, resources.waits(gateway.capabilities), "request"
    )
    resources.timed("settle", payment, started)
    if answer is None:
        return await answer_as_it_stands(resources, payment, key, purchase_answer)
    return payment, answer


async def _gate(resources: Resources, merchant_id: UUID, request: PurchaseRequest) -> Gate:
    """Return what the buyer must have accepted and what policy holds, as this process knows it.

    Terms and policies that were read at two revisions pass for the older one: the opening statement
    then finds them stale, and what is older is read again.
    """
    known = await resources.terms.known(merchant_id)
    policies = await resources.policies.known(merchant_id)
    revision = min(known.revision, policies.revision)
    # Asked for after the reading, which tells the time: what has just begun is in force.
    at = resources.database.now()
    scope = request.terms_scope
    policy = policies.snapshot(scope, request.payment_method_type, at)
    return Gate(known.requirements(scope, at) if known.lines else (), revision, policy)


async def _log_refusal(
    resources: Resources, merchant_id: UUID, request: PurchaseRequest, error: PaykeelError
) -> None:
    """Write down that a price was refused; there is no payment that would tell of it."""
    if isinstance(error, InvalidField) and (
        error.field in AMOUNT_FIELDS or error.code.startswith("quote_")
    ):
        facts = facts_of(
            error,
            amount=request.amount,
            currency=request.currency,
            buyer_role=request.buyer_role,
            kind=request.kind,
        )
        await resources.fraud.refusals.write(merchant_id, error.code, facts)


def _check_capture_method(request: PurchaseRequest, gateway: Gateway) -> None:
    """Refuse to reserve where the gateway would charge at once."""
    if request.capture_method == CaptureMethod.MANUAL and not gateway.capabilities.manual_capture:
        raise InvalidField(
            "capture_method",
            "manual_capture_unsupported",
            "This gateway cannot reserve an amount to capture it later.",
        )


async def charge(
    resources: Resources, gateway: Gateway, payment: Payment, attempt: Attempt
) -> Outcome:
    """Ask the gateway to charge or reserve, under a key that is the same at every repetition."""
    deadline_ms = resources.settings.gateway_ms_max
    request = ChargeRequest(
        reference=attempt.reference.hex(),
        amount=payment.money,
        payment_method=payment.payment_method,
        capture=payment.capture_method == "automatic",
        buyer_id=payment.buyer_id,
        description=payment.description,
        merchant_id=str(payment.merchant_id),
        idempotency_key=payment.idempotency_key,
        payment_id=str(payment.payment_id),
        authenticate=AUTHENTICATE in attempt.data,
    )
    outcome = await ask(gateway.charge(request, deadline_ms), deadline_ms)
    # Only a look-up may say that it never heard of something.
    return Unknown("garbage") if isinstance(outcome, NotFound) else outcome


async def _open(resources: Resources, candidate: Candidate) -> Opened:
    """Open a purchase, reading again by key when nobody knows whether the COMMIT took place."""
    try:
        return await resources.opener.open(candidate)
    except DatabaseUnavailable:
        payment = candidate.payment
        stored = await resources.idempotency.find(payment.merchant_id, payment.idempotency_key)
        if stored is None:
            raise
        if stored.payment_id != payment.payment_id:
            return Opened(opened=False)
        return Opened(opened=True, judged=await _as_opened(resources, candidate))


async def _as_opened(resources: Resources, candidate: Candidate) -> Judged:
    """Return what was decided about a purchase whose opening committed without telling us."""
    payment = candidate.payment
    stored = await resources.settler.get(payment.merchant_id, payment.payment_id)
    attempts = await resources.settler.attempts(payment.merchant_id, payment.payment_id)
    data = attempts[0].data if attempts else {}
    return Judged(candidate, UNJUDGED, stored, attempt_data=data)


async def _answer_duplicate(
    resources: Resources, merchant_id: UUID, asked: Asked
) -> tuple[Payment, Answer] | None:
    """Answer a request whose key is taken."""

    def differences(payment: Payment, stored: StoredKey) -> list[str]:
        if (stored.operation or "purchase") != "purchase" or stored.attempt_operation is not None:
            return ["operation"]
        first = as_requested(payment).document()
        # What is not stored cannot be compared; only the fingerprint tells that it differs, and a
        # key whose stored answer is purged has none any more.
        wanted = replace(asked.request, **_NOT_STORED).document()
        differing = [n for n in {**first, **wanted} if first.get(n) != wanted.get(n)]
        return differing or ([] if stored.fingerprint is None else ["signals"])

    return await answer_duplicate(
        resources,
        merchant_id,
        asked.key,
        asked.fingerprint,
        differences,
        purchase_answer,
    )


def as_requested(payment: Payment) -> PurchaseRequest:
    """Return the request that opened a payment, as far as it is stored."""
    return PurchaseRequest(
        amount=payment.amount,
        currency=payment.currency,
        buyer_id=payment.buyer_id,
        buyer_role=payment.buyer_role,
        payment_method=payment.payment_method,
        reference=payment.reference,
        description=payment.description,
        metadata=payment.metadata,
        capture_method=payment.capture_method,
        kind=payment.kind,
    )


def _facts(
    resources: Resources, merchant_id: UUID, request: PurchaseRequest, amount_ref: int | None
) -> Facts:
    """Return what fraud prevention may know."""
    signals = request.signals
    values = values_of(
        Identity(
            buyer_id=request.buyer_id,
            card_fingerprint=signals.card_fingerprint,
            card_bin=signals.card_bin,
            email=signals.email,
            ip=signals.ip,
            device_id=signals.device_id,
            custom=tuple(signals.velocity_keys.items()),
        )
    )
    return Facts(
        merchant_id=merchant_id,
        amount=request.amount,
        currency=request.currency,
        amount_ref=amount_ref,
        kind=request.kind,
        capture_method=str(request.capture_method),
        buyer_id=request.buyer_id,
        buyer_role=str(request.buyer_role),
        account_created_at=signals.account_created_at,
        email_domain=values.get("email_domain"),
        card_bin=signals.card_bin,
        card_country=signals.card_country,
        ip_country=signals.ip_country,
        keys=resources.fraud.keys.keys(merchant_id, values),
        later_keys=resources.fraud.keys.later_keys(merchant_id, values),
    )


def _candidate(
    resources: Resources,
    merchant: Merchant,
    asked: Asked,
    gateway: Gateway,
    at: datetime,
    gate: Gate,
) -> Candidate:
    """Compose the payment as it will be if nothing speaks against it."""
    request, merchant_id = asked.request, merchant.merchant_id
    payment = Payment(
        merchant_id=merchant_id,
        payment_id=new_id(),
        idempotency_key=asked.key,
        status=Status.PENDING,
        version=1,
        amount=request.amount,
        currency=request.currency,
        exponent=exponent_of(request.currency),
        amount_authorized=0,
        amount_captured=0,
        amount_refunded=0,
        amount_late=0,
        capture_method=request.capture_method,
        kind=request.kind,
        buyer_id=request.buyer_id,
        buyer_role=request.buyer_role,
        payment_method=request.payment_method,
        reference=request.reference,
        description=request.description,
        metadata=request.metadata,
        gateway=gateway.name,
        gateway_id=None,
        failure_reason=None,
        failure_code=None,
        next_action=None,
        completion_hook=None if resources.settler.hook is None else resources.settler.hook.name,
        created_at=at,
        updated_at=at,
        finished_at=None,
        timeline=(first_event(Status.PENDING, request.amount, at),),
    )
    amount_ref = merchant.reference_amount(request.amount, request.currency, at.date())
    alone_max = resources.settings.fraud_four_eyes_amount_ref
    candidate = Candidate(
        payment=payment,
        fingerprint=asked.fingerprint,
        gateway_reference=gateway_reference(merchant_id, asked.key),
        amount_ref=amount_ref,
        facts=partial(_facts, resources, merchant_id, request, amount_ref),
        gate=gate,
        # What it is worth is not known without a rate: two look at it.
        approvals_needed=1 if (amount_ref or alone_max) < alone_max else 2,
        can_authenticate=gateway.capabilities.authentication,
    )
    return candidate if gate.policy is None else candidate.at_gate(gate)


def first_attempt(payment: Payment, reference: bytes, data: Mapping[str, Any]) -> Attempt:
    """Return the first attempt, as the statement wrote it that opened or approved the payment."""
    return Attempt(
        payment_id=payment.payment_id,
        attempt_no=1,
        operation="charge",
        reference=reference,
        idempotency_key=None,
        amount=payment.amount,
        final=True,
        ends_in=None,
        data=data,
        state="open",
        outcome=None,
        recover_at=None,
        recover_count=0,
        created_at=payment.updated_at,
        finished_at=None,
    )
