"""From the port's requests to rows of the books: pure, and where a token is looked up."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import assert_never

from paykeel.errors import InvalidField
from paykeel.gateways.placeholder.answers import Answer, decode, encode
from paykeel.gateways.placeholder.books import LAPSED
from paykeel.gateways.placeholder.rows import AskedCharge, AskedFollowUp, Operation
from paykeel.gateways.placeholder.tokens import (
    DOES_NOTHING_FIRST,
    End,
    Script,
    Step,
    Wire,
    find_script,
    looks_like_card_number,
)
from paykeel.gateways.port import (
    Authorized,
    Capabilities,
    ChargeRequest,
    Declined,
    DeclineReason,
    FollowUpRequest,
    NextAction,
    Outcome,
    Pending,
    RequiresAction,
    Succeeded,
    Unknown,
)
from paykeel.money import AMOUNT_MAX, Money, exponent_of

#: What is stored in the place of a token that may hold a card number, or that is unknown.
_REFUSED = "refused"
_UNKNOWN = "unknown"
_REFERENCE_LENGTH_MAX = 64
_ID_LENGTH_MAX = 200
_CURRENCY_LENGTH = 3


def malformed(request: ChargeRequest | FollowUpRequest) -> Declined | None:
    """Refuse what the books could not even hold; it is not kept, and so not found later."""
    references, ids = [request.reference], [""]
    match request:
        case ChargeRequest():
            ids = [request.merchant_id, request.payment_id]
        case FollowUpRequest():
            references.append(request.charge_reference)
        case _:
            assert_never(request)
    fits = (
        all(0 < len(reference) <= _REFERENCE_LENGTH_MAX for reference in references)
        and all(len(text) <= _ID_LENGTH_MAX for text in ids)
        and not any("\0" in text for text in (*references, *ids, request.amount.currency))
        and len(request.amount.currency) == _CURRENCY_LENGTH
        and abs(request.amount.minor) <= AMOUNT_MAX
    )
    return None if fits else Declined(DeclineReason.INVALID_REQUEST, "request_malformed")


def gateway_id(reference: str) -> str:
    """Return the gateway's own id of an operation."""
    return f"ph_{reference[:24]}"


def outcome_of(operation: Operation) -> Outcome:
    """Return what the gateway says of an operation that shows; what does not show is unknown."""
    if operation.answer is None:
        return Unknown("in_flight")
    return decode(operation.answer, operation.settles_at)


def ask_charge(
    request: ChargeRequest, action_url: str, capabilities: Capabilities
) -> tuple[AskedCharge, Wire]:
    """Return the row for a charge, with the end that its token gives it, and the wire."""
    token, script = request.payment_method, find_script(request.payment_method)
    code = None
    if looks_like_card_number(token):
        token, script, code = _REFUSED, None, "card_number_refused"
    elif script is None:
        code = "unknown_payment_method"
    step = script.charge if script is not None else Step()
    if request.authenticate and step.end is End.SUCCEEDS:
        step = replace(step, end=End.NEEDS_ACTION)
    refusal = _refusal(request, code)
    answer: Answer
    later: Answer | None = None
    if refusal is not None:
        answer, step = refusal, Step()
    else:
        answer, later = _ends(request, step, action_url)
    delay_ms = step.delay_ms
    if step.wire is Wire.SLOW:
        shown, later = None, answer
    else:
        shown = answer
        if isinstance(answer, RequiresAction | Authorized):
            later, delay_ms = _lapse(answer, script, capabilities)
    asked = AskedCharge(
        reference=request.reference,
        fingerprint=_fingerprint(
            "charge",
            str(request.amount.minor),
            request.amount.currency,
            token,
            str(request.capture),
            request.buyer_id,
            request.description or "",
            request.merchant_id,
            request.idempotency_key,
            *(["authenticate"] if request.authenticate else []),
        ),
        amount=request.amount.minor,
        currency=request.amount.currency,
        merchant_id=request.merchant_id,
        payment_id=request.payment_id,
        payment_method=_UNKNOWN if script is None and token != _REFUSED else token,
        moves="charge" if request.capture else "reservation",
        answer=None if shown is None else encode(shown),
        later=None if later is None else encode(later),
        earlier=_earlier(request, script),
        delay_ms=delay_ms,
        does=step.wire not in DOES_NOTHING_FIRST,
    )
    return asked, step.wire


def _refusal(request: ChargeRequest, code: str | None) -> Declined | None:
    """Return the refusal of a request that this gateway cannot serve at all."""
    own_id = gateway_id(request.reference)
    if code is None and request.amount.minor <= 0:
        code = "amount_invalid"
    if code is not None:
        return Declined(DeclineReason.INVALID_REQUEST, code, own_id)
    try:
        exponent_of(request.amount.currency)
    except InvalidField as error:
        return Declined(DeclineReason.CURRENCY_NOT_SUPPORTED, error.code, own_id)
    return None


def _ends(request: ChargeRequest, step: Step, action_url: str) -> tuple[Answer, Answer | None]:
    """Return what a charge answers, and what it answers when it settles."""
    own_id = gateway_id(request.reference)
    currency = request.amount.currency
    if step.other_currency:
        currency = "EUR" if currency == "USD" else "USD"
    moved = Money(request.amount.minor + step.surplus, currency)
    success = Succeeded(moved, own_id) if request.capture else Authorized(moved, own_id)
    declined = Declined(step.reason, step.reason.value, own_id)
    match step.end:
        case End.SUCCEEDS:
            return success, None
        case End.DECLINED:
            return declined, None
        case End.NEEDS_ACTION:
            url = f"{action_url}{request.reference}"
            return RequiresAction(NextAction("redirect", url), own_id), None
        case End.PENDING_THEN_SUCCEEDS:
            return Pending(own_id), success
        case End.PENDING_THEN_DECLINED:
            return Pending(own_id), declined
        case _:
            assert_never(step.end)


def _lapse(
    answer: Authorized | RequiresAction, script: Script | None, capabilities: Capabilities
) -> tuple[Answer, int]:
    """Return what a reservation or a step comes to when nobody goes on, and when."""
    if isinstance(answer, RequiresAction):
        reason = DeclineReason.AUTHENTICATION_ABANDONED
        return Declined(reason, "action_expired", answer.gateway_id), capabilities.action_ms_max
    scripted_ms = script.authorization_ms if script is not None else None
    if scripted_ms is None:
        return LAPSED, capabilities.authorization_ms_max
    return LAPSED, scripted_ms


def _earlier(request: ChargeRequest, script: Script | None) -> str:
    """Return what was said before the answer: only messages out of order need a first one."""
    if script is None or not script.webhooks_twice:
        return "[]"
    return f"[{encode(Pending(gateway_id(request.reference)))}]"


def ask_follow_up(kind: str, request: FollowUpRequest) -> AskedFollowUp:
    """Return the row for a capture, void, refund or completion."""
    return AskedFollowUp(
        reference=request.reference,
        kind=kind,
        charge_reference=request.charge_reference,
        fingerprint=_fingerprint(
            kind,
            request.charge_reference,
            str(request.amount.minor),
            request.amount.currency,
            str(request.final),
            json.dumps(dict(request.data), sort_keys=True),
        ),
        amount=request.amount.minor,
        currency=request.amount.currency,
    )


def _fingerprint(*parts: str) -> bytes:
    """Return a digest of a request; the lengths keep neighbours apart."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
