"""What an adapter must do with captures, voids and refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from paykeel.gateways.conformance.bench import (
    Behaviour,
    Bench,
    NotConforming,
    NotScripted,
    ask,
    charge_request,
    follow_up,
    hear,
    pay,
    require,
    scripted,
    settled,
    succeed,
)
from paykeel.gateways.port import (
    Authorized,
    Declined,
    NotFound,
    Outcome,
    Pending,
    Succeeded,
    Unknown,
)
from paykeel.money import Money

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from paykeel.gateways.port import ChargeRequest, FollowUpRequest, Gateway

_WHOLE, _PART = 1_000, 400


async def _reserve(gateway: Gateway, bench: Bench, method: str | None = None) -> ChargeRequest:
    """Reserve the whole amount."""
    if not gateway.capabilities.manual_capture:
        raise NotScripted("this gateway does not reserve")
    if method is None:
        method = scripted(await bench.script(Behaviour.SUCCEEDS), "a success")
    request = charge_request(method, minor=_WHOLE, currency=bench.currencies[0], capture=False)
    outcome = await pay(gateway, bench, request)
    require(isinstance(outcome, Authorized), f"a reservation gave {outcome!r}")
    return request


async def _do(
    gateway: Gateway, bench: Bench, kind: Literal["capture", "void", "refund"], of: FollowUpRequest
) -> Outcome:
    """Do a follow-up, where an answer is expected."""
    verb = {"capture": gateway.capture, "void": gateway.void, "refund": gateway.refund}[kind]
    call: Awaitable[Outcome] = verb(of, bench.deadline_ms)
    heard = await hear(call, bench.deadline_ms)
    if heard.error is not None:
        raise NotConforming(f"{kind} raised {heard.error!r}") from heard.error
    outcome: Outcome = heard.outcome  # type: ignore[assignment]
    if isinstance(outcome, Pending):
        found = await settled(gateway, bench, of.reference)
        require(not isinstance(found, NotFound), f"a pending {kind} was lost")
        return found  # type: ignore[return-value]
    return outcome


async def _moves(
    gateway: Gateway, bench: Bench, kind: Literal["capture", "void", "refund"], of: FollowUpRequest
) -> None:
    """Do a follow-up that must succeed with its amount."""
    outcome = await _do(gateway, bench, kind, of)
    require(
        isinstance(outcome, Succeeded) and outcome.amount == of.amount,
        f"a {kind} of {of.amount!r} gave {outcome!r}",
    )


async def _refused(
    gateway: Gateway, bench: Bench, kind: Literal["capture", "void", "refund"], of: FollowUpRequest
) -> None:
    """Do a follow-up that must be declined and move nothing."""
    outcome = await _do(gateway, bench, kind, of)
    require(isinstance(outcome, Declined), f"a {kind} that cannot be gave {outcome!r}")
    moved = await bench.movements(of.reference)
    require(moved == 0, f"a {kind} that was declined moved money {moved} times")


async def captures_in_full(gateway: Gateway, bench: Bench) -> None:
    """All that is reserved can be captured, once."""
    charge = await _reserve(gateway, bench)
    capture = follow_up(charge)
    await _moves(gateway, bench, "capture", capture)
    await _moves(gateway, bench, "capture", capture)
    moved = await bench.movements(capture.reference)
    require(moved == 1, f"one capture moved money {moved} times")
    found = await ask(gateway, bench, capture.reference)
    require(
        isinstance(found, Succeeded) and found.amount == charge.amount,
        f"lookup of a capture by its own reference said {found!r}",
    )


async def captures_in_part(gateway: Gateway, bench: Bench) -> None:
    """A part can be captured, then more, and a final capture ends it."""
    if not gateway.capabilities.partial_capture:
        raise NotScripted("this gateway captures no parts")
    charge = await _reserve(gateway, bench)
    if gateway.capabilities.multiple_captures:
        await _moves(gateway, bench, "capture", follow_up(charge, _PART, final=False))
    await _moves(gateway, bench, "capture", follow_up(charge, _PART, final=True))
    await _refused(gateway, bench, "capture", follow_up(charge, 1))


async def captures_no_more_than_reserved(gateway: Gateway, bench: Bench) -> None:
    """One minor unit too much is declined, and leaves the reservation as it was."""
    charge = await _reserve(gateway, bench)
    await _refused(gateway, bench, "capture", follow_up(charge, _WHOLE + 1))
    await _moves(gateway, bench, "capture", follow_up(charge))


async def voids_release(gateway: Gateway, bench: Bench) -> None:
    """A void releases what is reserved, once, and nothing can be captured then."""
    charge = await _reserve(gateway, bench)
    void = follow_up(charge)
    await _moves(gateway, bench, "void", void)
    await _moves(gateway, bench, "void", void)
    moved = await bench.movements(void.reference)
    require(moved == 1, f"one void released {moved} times")
    await _refused(gateway, bench, "capture", follow_up(charge))


async def void_after_capture_is_refused(gateway: Gateway, bench: Bench) -> None:
    """What was captured in full is refunded, not voided."""
    charge = await succeed(gateway, bench)
    await _refused(gateway, bench, "void", follow_up(charge))
    if gateway.capabilities.manual_capture:
        reserved = await _reserve(gateway, bench)
        await _moves(gateway, bench, "capture", follow_up(reserved))
        await _refused(gateway, bench, "void", follow_up(reserved))


async def refunds_no_more_than_captured(gateway: Gateway, bench: Bench) -> None:
    """Parts can be given back until nothing is left, and no more than that."""
    charge = await succeed(gateway, bench, minor=_WHOLE)
    await _refused(gateway, bench, "refund", follow_up(charge, _WHOLE + 1))
    await _moves(gateway, bench, "refund", follow_up(charge, _PART))
    await _refused(gateway, bench, "refund", follow_up(charge, _WHOLE - _PART + 1))
    await _moves(gateway, bench, "refund", follow_up(charge, _WHOLE - _PART))
    await _refused(gateway, bench, "refund", follow_up(charge, 1))


async def refunds_move_money_once(gateway: Gateway, bench: Bench) -> None:
    """The same refund again gets the same answer; it is found by its own reference."""
    charge = await succeed(gateway, bench, minor=_WHOLE)
    refund = follow_up(charge, _PART)
    for _ in range(3):
        await _moves(gateway, bench, "refund", refund)
    moved = await bench.movements(refund.reference)
    require(moved == 1, f"one refund moved money {moved} times")
    found = await ask(gateway, bench, refund.reference)
    require(
        isinstance(found, Succeeded) and found.amount == refund.amount,
        f"lookup of a refund by its own reference said {found!r}",
    )


async def lost_follow_ups_are_found(gateway: Gateway, bench: Bench) -> None:
    """A capture, void or refund whose answer got lost is found, and a repeat moves nothing."""
    scripted_once = False
    kinds: tuple[Literal["capture", "void", "refund"], ...] = ("capture", "void", "refund")
    for kind in kinds:
        for behaviour in (Behaviour.LOST_RESPONSE, Behaviour.TIMEOUT_AFTER):
            method = await bench.script_follow_up(kind, behaviour)
            if method is None or (kind != "refund" and not gateway.capabilities.manual_capture):
                continue
            scripted_once = True
            await _loses(gateway, bench, kind, method)
    if not scripted_once:
        raise NotScripted("the bench cannot lose the answer of a follow-up")


async def _loses(
    gateway: Gateway, bench: Bench, kind: Literal["capture", "void", "refund"], method: str
) -> None:
    """Lose the answer of one follow-up, then look for it."""
    if kind == "refund":
        charge = charge_request(method, minor=_WHOLE, currency=bench.currencies[0])
        outcome = await pay(gateway, bench, charge)
        require(isinstance(outcome, Succeeded), f"a charge gave {outcome!r}")
    else:
        charge = await _reserve(gateway, bench, method)
    request = follow_up(charge)
    verb = {"capture": gateway.capture, "void": gateway.void, "refund": gateway.refund}[kind]
    heard = await hear(verb(request, bench.deadline_ms), bench.deadline_ms)
    broken = isinstance(heard.error, OSError) and not isinstance(heard.error, TimeoutError)
    require(
        isinstance(heard.outcome, Unknown) or broken,
        f"a {kind} whose answer got lost gave {heard.outcome!r} {heard.error!r}",
    )
    found = await settled(gateway, bench, request.reference)
    require(
        isinstance(found, Succeeded) and found.amount == Money(_WHOLE, charge.amount.currency),
        f"a {kind} was done and its answer lost, but lookup said {found!r}",
    )
    await _moves(gateway, bench, kind, request)
    moved = await bench.movements(request.reference)
    require(moved == 1, f"a {kind} whose answer got lost moved money {moved} times")


async def follow_ups_need_a_charge(gateway: Gateway, bench: Bench) -> None:
    """What follows a charge that the gateway never saw is never a success."""
    unsent = charge_request("never-sent", minor=_WHOLE, currency=bench.currencies[0])
    kinds: tuple[Literal["capture", "void", "refund"], ...] = ("capture", "void", "refund")
    for kind in kinds:
        request = follow_up(unsent)
        outcome = await _do(gateway, bench, kind, request)
        require(
            isinstance(outcome, Declined | Unknown), f"a {kind} of nothing at all gave {outcome!r}"
        )
        moved = await bench.movements(request.reference)
        require(moved == 0, f"a {kind} of nothing at all moved money {moved} times")
