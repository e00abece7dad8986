"""One purchase, from the key to the answer. Read it from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paykeel.clock import new_id
from paykeel.errors import DatabaseUnavailable, InvalidField, PaykeelError, TermsNotAccepted
from paykeel.fraud import Decision, Purchase, Verdict
from paykeel.gateways.port import ChargeRequest, NotFound, Unknown
from paykeel.idempotency import check_key, fingerprint
from paykeel.money import exponent_of
from paykeel.payments.answers import purchase_answer
from paykeel.payments.model import CaptureMethod, Event, Payment, PurchaseRequest
from paykeel.payments.moves import Attempt
from paykeel.payments.open import Candidate, Opened
from paykeel.payments.resources import answer_as_it_stands, answer_duplicate, ask
from paykeel.payments.states import NEW, Status
from paykeel.payments.steps import gateway_reference

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from paykeel.gateways.port import Gateway, Outcome
    from paykeel.idempotency import Answer, StoredKey
    from paykeel.payments.resources import Resources

PATH = "/v1/purchases"
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
    try:
        merchant.check_purchase(request.amount, request.currency)
        gateway = resources.gateways.for_mode(merchant.mode)
        _check_capture_method(request, gateway)
    except PaykeelError:
        # What was answered once is answered again, whatever has changed about the merchant since.
        if (duplicate := await _answer_duplicate(resources, merchant_id, asked)) is None:
            raise
        return duplicate

    # judge: pure, before anything is written
    decision = resources.fraud.judge(_facts(merchant_id, request))
    candidate = _candidate(resources, merchant_id, asked, gateway.name, decision)

    # open: claim the key; payment and watched attempt commit before anything is sent
    for _ in range(OPEN_TRIES):
        opened = await _open(resources, candidate)
        if opened.opened:
            break
        duplicate = await _answer_duplicate(resources, merchant_id, asked)
        if duplicate is not None:
            return duplicate
        if opened.terms_missing:
            raise TermsNotAccepted(
                "This buyer has to accept the merchant's terms before purchasing.",
                buyer_id=request.buyer_id,
                terms_version=merchant.terms_version,
            )
    else:
        raise DatabaseUnavailable("The key could not be claimed; repeat the request.")
    if candidate.answer is not None:  # blocked: there is nothing to send
        return candidate.payment, candidate.answer

    # charge: no connection is held
    outcome = await charge(resources, gateway, candidate.payment, candidate.gateway_reference)

    # settle: one statement moves the payment and stores this answer
    attempt = _attempt(candidate)
    payment, answer = await resources.settler.settle(
        candidate.payment, attempt, outcome, resources.waits(gateway.capabilities), "request"
    )
    if answer is None:
        return await answer_as_it_stands(resources, payment, key, purchase_answer)
    return payment, answer


def _check_capture_method(request: PurchaseRequest, gateway: Gateway) -> None:
    """Refuse to reserve where the gateway would charge at once."""
    if request.capture_method == CaptureMethod.MANUAL and not gateway.capabilities.manual_capture:
        raise InvalidField(
            "capture_method",
            "manual_capture_unsupported",
            "This gateway cannot reserve an amount to capture it later.",
        )


async def charge(
    resources: Resources, gateway: Gateway, payment: Payment, reference: bytes
) -> Outcome:
    """Ask the gateway to charge or reserve, under a key that is the same at every repetition."""
    deadline_ms = resources.settings.gateway_ms_max
    request = ChargeRequest(
        reference=reference.hex(),
        amount=payment.money,
        payment_method=payment.payment_method,
        capture=payment.capture_method == "automatic",
        buyer_id=payment.buyer_id,
        description=payment.description,
        merchant_id=str(payment.merchant_id),
        idempotency_key=payment.idempotency_key,
        payment_id=str(payment.payment_id),
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
        return Opened(opened=stored.payment_id == payment.payment_id, terms_missing=False)


async def _answer_duplicate(
    resources: Resources, merchant_id: UUID, asked: Asked
) -> tuple[Payment, Answer] | None:
    """Answer a request whose key is taken."""

    def differences(payment: Payment, stored: StoredKey) -> list[str]:
        if (stored.operation or "purchase") != "purchase" or stored.attempt_operation is not None:
            return ["operation"]
        first = as_requested(payment).document()
        return [name for name, value in asked.request.document().items() if first[name] != value]

    return await answer_duplicate(
        resources,
        merchant_id,
        asked.key,
        asked.fingerprint,
        differences,
        purchase_answer,
    )


def as_requested(payment: Payment) -> PurchaseRequest:
    """Return the request that opened a payment."""
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
    )


def _facts(merchant_id: UUID, request: PurchaseRequest) -> Purchase:
    """Return what fraud prevention may know."""
    return Purchase(
        merchant_id=merchant_id,
        amount=request.amount,
        currency=request.currency,
        buyer_id=request.buyer_id,
        buyer_role=request.buyer_role,
        reference=request.reference,
        metadata=request.metadata,
    )


def _candidate(
    resources: Resources, merchant_id: UUID, asked: Asked, gateway_name: str, decision: Decision
) -> Candidate:
    """Compose the payment as it will be when it is opened, and everything written with it."""
    request, blocked = asked.request, decision.verdict is Verdict.BLOCK
    at = resources.database.now()
    payment = Payment(
        merchant_id=merchant_id,
        payment_id=new_id(),
        idempotency_key=asked.key,
        status=Status.BLOCKED if blocked else Status.PENDING,
        version=1,
        amount=request.amount,
        currency=request.currency,
        exponent=exponent_of(request.currency),
        amount_authorized=0,
        amount_captured=0,
        amount_refunded=0,
        amount_late=0,
        capture_method=request.capture_method,
        buyer_id=request.buyer_id,
        buyer_role=request.buyer_role,
        payment_method=request.payment_method,
        reference=request.reference,
        description=request.description,
        metadata=request.metadata,
        gateway=gateway_name,
        gateway_id=None,
        failure_reason="blocked" if blocked else None,
        failure_code=None,
        next_action=None,
        completion_hook=None if resources.settler.hook is None else resources.settler.hook.name,
        created_at=at,
        updated_at=at,
        finished_at=at if blocked else None,
        timeline=(_opened_event(request.amount, at, blocked=blocked),),
    )
    return Candidate(
        payment=payment,
        fingerprint=asked.fingerprint,
        gateway_reference=gateway_reference(merchant_id, asked.key),
        decision=decision,
        answer=purchase_answer(payment) if blocked else None,
    )


def _opened_event(amount: int, at: datetime, *, blocked: bool) -> Event:
    """Return the first event, as the opening statement writes it."""
    return Event(
        sequence=1,
        type="payment.blocked" if blocked else "payment.opened",
        from_status=NEW,
        to_status=Status.BLOCKED if blocked else Status.PENDING,
        amount=amount,
        authorized_delta=0,
        captured_delta=0,
        refunded_delta=0,
        late_delta=0,
        reason="blocked" if blocked else None,
        actor="request",
        data={},
        occurred_at=at,
    )


def _attempt(candidate: Candidate) -> Attempt:
    """Return the first attempt, as the opening statement wrote it."""
    payment = candidate.payment
    return Attempt(
        payment_id=payment.payment_id,
        attempt_no=1,
        operation="charge",
        reference=candidate.gateway_reference,
        idempotency_key=None,
        amount=payment.amount,
        final=True,
        ends_in=None,
        data={},
        state="open",
        outcome=None,
        recover_at=None,
        recover_count=0,
        created_at=payment.created_at,
        finished_at=None,
    )
