"""What the placeholder decides about a follow-up: pure, over what its books hold of the charge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from paykeel.gateways.placeholder.answers import Answer
from paykeel.gateways.placeholder.tokens import End, Step, Wire
from paykeel.gateways.port import (
    Authorized,
    Declined,
    DeclineReason,
    Pending,
    RequiresAction,
    Succeeded,
)
from paykeel.money import Money

if TYPE_CHECKING:
    from paykeel.gateways.port import FollowUpRequest

#: What a charge says after it was voided before anything was captured.
VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Totals:
    """What moved for one charge, in minor units, with what is on its way."""

    charged: int
    reserved: int
    captured: int
    released: int
    refunded: int

    @property
    def held(self) -> int:
        """What is still reserved."""
        return self.reserved - self.captured - self.released

    @property
    def taken(self) -> int:
        """What was charged or captured."""
        return self.charged + self.captured

    @property
    def refundable(self) -> int:
        """What was taken and not given back."""
        return self.taken - self.refunded


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge as a follow-up finds it, locked."""

    reference: str
    amount: Money
    #: Nothing: it is on its way, or was never done.
    answer: Answer | None
    #: What a success of it moves: ``charge`` or ``reservation``.
    moves: str | None
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a follow-up comes to."""

    answer: Answer | None
    #: What it says later, and in how many milliseconds.
    later: Answer | None = None
    delay_ms: int | None = None
    #: The kind of movement that its success makes.
    moves: str | None = None
    #: What is let go beside it: the rest of a reservation after a final capture.
    released: int = 0
    #: The charge's new answer; nothing: it keeps the one it has.
    charge: Answer | None = None
    #: Whether the charge's reservation no longer lapses by itself.
    closes: bool = False


def no(reason: DeclineReason, code: str) -> Decision:
    """Refuse, for good."""
    return Decision(answer=Declined(reason, code))


def _invalid(code: str) -> Decision:
    return no(DeclineReason.INVALID_REQUEST, code)


def moved_by(charge: Charge) -> Money:
    """Return what the charge moved: the scripted surplus and currency count as well."""
    if isinstance(charge.answer, Succeeded | Authorized):
        return charge.answer.amount
    return charge.amount


def _ending(step: Step, success: Succeeded, moves: str | None) -> Decision:
    """Bring a step that is allowed to the end that its script gives it."""
    declined = Declined(step.reason, step.reason.value, success.gateway_id)
    pending = Pending(success.gateway_id)
    if step.wire is Wire.SLOW:
        return Decision(answer=None, later=success, delay_ms=step.delay_ms, moves=moves)
    match step.end:
        case End.DECLINED:
            return Decision(answer=declined)
        case End.PENDING_THEN_SUCCEEDS:
            return Decision(answer=pending, later=success, delay_ms=step.delay_ms, moves=moves)
        case End.PENDING_THEN_DECLINED:
            return Decision(answer=pending, later=declined, delay_ms=step.delay_ms, moves=moves)
        case End.SUCCEEDS | End.NEEDS_ACTION:
            return Decision(answer=success, moves=moves)


def decide_capture(
    charge: Charge | None, request: FollowUpRequest, step: Step, gateway_id: str
) -> Decision:
    """Take part or all of a reservation, never more than it holds."""
    if charge is None:
        return _invalid("charge_not_found")
    if isinstance(charge.answer, Declined) and (
        charge.answer.reason is DeclineReason.AUTHORIZATION_EXPIRED
    ):
        return no(DeclineReason.AUTHORIZATION_EXPIRED, "authorization_expired")
    if not isinstance(charge.answer, Authorized):
        return _invalid("not_authorized")
    if request.amount.currency != moved_by(charge).currency:
        return _invalid("currency_mismatch")
    if not 0 < request.amount.minor <= charge.totals.held:
        return _invalid("amount_too_large" if request.amount.minor > 0 else "amount_invalid")
    ended = _ending(step, Succeeded(request.amount, gateway_id), "capture")
    if ended.moves is None or isinstance(ended.later, Declined):
        return ended
    rest = charge.totals.held - request.amount.minor
    closes = request.final or rest == 0
    return Decision(
        answer=ended.answer,
        later=ended.later,
        delay_ms=ended.delay_ms,
        moves=ended.moves,
        released=rest if request.final else 0,
        closes=closes,
    )


def decide_void(charge: Charge | None, step: Step, gateway_id: str) -> Decision:
    """Release what is still reserved, or stop what has not happened yet."""
    if charge is None:
        return _invalid("charge_not_found")
    stops = charge.totals.captured == 0
    match charge.answer:
        case None | Pending() | RequiresAction():
            ended = _ending(step, Succeeded(charge.amount, gateway_id), None)
        case Authorized(amount) if charge.totals.held > 0:
            let_go = Money(charge.totals.held, amount.currency)
            ended = _ending(step, Succeeded(let_go, gateway_id), "release")
        case Authorized() | Succeeded():
            return _invalid("already_captured" if charge.totals.taken else "already_voided")
        case Declined(_, code):
            return _invalid("already_voided" if code == VOIDED else "nothing_to_void")
        case _:
            assert_never(charge.answer)
    if isinstance(ended.answer, Declined) or isinstance(ended.later, Declined):
        return ended
    return Decision(
        answer=ended.answer,
        later=ended.later,
        delay_ms=ended.delay_ms,
        moves=ended.moves,
        charge=Declined(DeclineReason.OTHER, VOIDED, None) if stops else None,
        closes=True,
    )


def decide_refund(
    charge: Charge | None, request: FollowUpRequest, step: Step, gateway_id: str
) -> Decision:
    """Give back part or all of what was taken, never more."""
    if charge is None:
        return _invalid("charge_not_found")
    if charge.totals.taken == 0:
        return _invalid("nothing_captured")
    if request.amount.currency != moved_by(charge).currency:
        return _invalid("currency_mismatch")
    if not 0 < request.amount.minor <= charge.totals.refundable:
        return _invalid("amount_too_large" if request.amount.minor > 0 else "amount_invalid")
    return _ending(step, Succeeded(request.amount, gateway_id), "refund")


def decide_completion(charge: Charge | None, result: str, gateway_id: str) -> Decision:
    """Go on after the buyer's step; a charge that has ended answers with its end."""
    if charge is None or charge.answer is None:
        return _invalid("charge_not_found")
    if not isinstance(charge.answer, RequiresAction):
        return Decision(answer=charge.answer)
    end: Answer
    match result:
        case "authenticated" if charge.moves == "reservation":
            end = Authorized(charge.amount, gateway_id)
        case "authenticated":
            end = Succeeded(charge.amount, gateway_id)
        case "abandoned":
            reason = DeclineReason.AUTHENTICATION_ABANDONED
            end = Declined(reason, reason.value, gateway_id)
        case _:
            reason = DeclineReason.AUTHENTICATION_FAILED
            end = Declined(reason, reason.value, gateway_id)
    return Decision(answer=end, charge=end)
