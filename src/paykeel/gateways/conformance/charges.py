"""What an adapter must do with charges and lookups."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from paykeel.gateways.conformance.bench import (
    Behaviour,
    Bench,
    Heard,
    NotScripted,
    ask,
    charge_request,
    hear,
    new_reference,
    pay,
    require,
    scripted,
    settled,
    succeed,
)
from paykeel.gateways.port import (
    Authorized,
    Declined,
    DeclineReason,
    NotFound,
    NotSent,
    Pending,
    RequiresAction,
    Succeeded,
    Unknown,
)
from paykeel.money import Money

if TYPE_CHECKING:
    from paykeel.gateways.port import Gateway

_CONCURRENT_CALLS = 20
_CODE_LENGTH_MAX = 100
_NAME_LENGTH_MAX = 50
#: Told apart in every exponent: 1250 is 12.50 EUR, 1250 JPY and 1.250 KWD.
_MINOR = 1_250


async def capabilities_make_sense(gateway: Gateway, _bench: Bench) -> None:
    """The name can be stored, and the times it promises fit together."""
    name, can = gateway.name, gateway.capabilities
    require(0 < len(name) <= _NAME_LENGTH_MAX and name == name.strip().lower(), f"name {name!r}")
    require(can.processing_ms_max > 0, "processing_ms_max must be more than zero")
    require(
        can.key_retention_ms > can.processing_ms_max,
        "a key must be remembered for longer than processing takes",
    )
    require(
        can.manual_capture or not (can.partial_capture or can.multiple_captures),
        "without manual capture there are no partial and no multiple captures",
    )


async def repeats_move_money_once(gateway: Gateway, bench: Bench) -> None:
    """The same reference again gets the same answer and moves nothing."""
    request = await succeed(gateway, bench)
    first = await pay(gateway, bench, request)
    second = await pay(gateway, bench, request)
    require(isinstance(first, Succeeded) and first == second, f"{first!r}, then {second!r}")
    await _moved(bench, request.reference, 1)


async def concurrent_repeats_move_money_once(gateway: Gateway, bench: Bench) -> None:
    """Twenty calls with one reference at once: one movement, and nobody is told no."""
    method = scripted(await bench.script(Behaviour.SUCCEEDS), "a success")
    request = charge_request(method, currency=bench.currencies[0])
    all_heard = await asyncio.gather(
        *(
            hear(gateway.charge(request, bench.deadline_ms), bench.deadline_ms)
            for _ in range(_CONCURRENT_CALLS)
        )
    )
    for heard in all_heard:
        require(
            isinstance(heard.outcome, Succeeded | Pending | Unknown) or _is_network(heard),
            f"a concurrent repeat gave {heard.outcome!r} {heard.error!r}",
        )
    found = await settled(gateway, bench, request.reference)
    require(isinstance(found, Succeeded), f"after the repeats, lookup said {found!r}")
    await _moved(bench, request.reference, 1)


async def other_content_is_not_answered(gateway: Gateway, bench: Bench) -> None:
    """A reference that comes back with another amount is a defect of ours: nobody can know."""
    request = await succeed(gateway, bench)
    other = replace(request, amount=Money(request.amount.minor + 1, request.amount.currency))
    outcome = await pay(gateway, bench, other)
    require(isinstance(outcome, Unknown), f"another amount under the same reference: {outcome!r}")
    await _moved(bench, request.reference, 1)


async def lost_response_is_found(gateway: Gateway, bench: Bench) -> None:
    """An answer that got lost is found by our reference, and a repeat moves nothing."""
    method = scripted(await bench.script(Behaviour.LOST_RESPONSE), "a lost response")
    request = charge_request(method, currency=bench.currencies[0])
    heard = await hear(gateway.charge(request, bench.deadline_ms), bench.deadline_ms)
    require(
        isinstance(heard.outcome, Unknown) or _is_network(heard),
        f"a lost response gave {heard.outcome!r} {heard.error!r}",
    )
    await _done_once(gateway, bench, request.reference)
    repeated = await pay(gateway, bench, request)
    require(isinstance(repeated, Succeeded), f"the repeat gave {repeated!r}")
    await _moved(bench, request.reference, 1)


async def timeout_is_unknown(gateway: Gateway, bench: Bench) -> None:
    """Silence ends in ``Unknown``, in time, whether the money moved or not; a repeat tells."""
    scripted_once = False
    for behaviour in (Behaviour.TIMEOUT_AFTER, Behaviour.TIMEOUT_BEFORE):
        scripted_once |= await _stays_unknown(gateway, bench, behaviour)
    if not scripted_once:
        raise NotScripted("the bench cannot script silence")


async def server_error_is_unknown(gateway: Gateway, bench: Bench) -> None:
    """A server error says nothing about the money."""
    scripted_once = False
    for behaviour in (Behaviour.SERVER_ERROR_AFTER, Behaviour.SERVER_ERROR_BEFORE):
        scripted_once |= await _stays_unknown(gateway, bench, behaviour)
    if not scripted_once:
        raise NotScripted("the bench cannot script a server error")


async def _stays_unknown(gateway: Gateway, bench: Bench, behaviour: Behaviour) -> bool:
    """Check one way of not answering; false: the bench cannot script it."""
    method = await bench.script(behaviour)
    if method is None:
        return False
    request = charge_request(method, currency=bench.currencies[0])
    outcome = await pay(gateway, bench, request)
    require(isinstance(outcome, Unknown), f"{behaviour} gave {outcome!r}")
    found = await ask(gateway, bench, request.reference)
    if behaviour in {Behaviour.TIMEOUT_AFTER, Behaviour.SERVER_ERROR_AFTER}:
        require(isinstance(found, Succeeded), f"after {behaviour}, lookup said {found!r}")
    else:
        require(
            isinstance(found, NotFound | Unknown | Pending),
            f"{behaviour}: nothing was done, but lookup said {found!r}",
        )
    repeated = await pay(gateway, bench, request)
    require(isinstance(repeated, Succeeded), f"the repeat after {behaviour} gave {repeated!r}")
    await _moved(bench, request.reference, 1)
    return True


async def not_sent_moves_nothing(gateway: Gateway, bench: Bench) -> None:
    """Without a connection nothing moves, and ``NotSent`` is only said when that is certain."""
    method = scripted(await bench.script(Behaviour.NOT_SENT), "a refused connection")
    request = charge_request(method, currency=bench.currencies[0])
    outcome = await pay(gateway, bench, request)
    require(isinstance(outcome, NotSent | Unknown), f"no connection gave {outcome!r}")
    await _moved(bench, request.reference, 0)


async def lookup_needs_no_answer(gateway: Gateway, bench: Bench) -> None:
    """Looking up takes our reference alone, agrees with the answer, and changes nothing."""
    request = await succeed(gateway, bench)
    for _ in range(2):
        found = await ask(gateway, bench, request.reference)
        require(
            isinstance(found, Succeeded) and found.amount == request.amount,
            f"lookup of a success said {found!r}",
        )
    await _moved(bench, request.reference, 1)


async def lookup_of_nothing_is_not_found(gateway: Gateway, bench: Bench) -> None:
    """What was never sent is ``NotFound``, and neither a failure nor a success."""
    found = await ask(gateway, bench, new_reference())
    require(isinstance(found, NotFound), f"lookup of what was never sent said {found!r}")


async def amounts_keep_their_units(gateway: Gateway, bench: Bench) -> None:
    """Minor units arrive and come back unchanged, whatever the currency's exponent."""
    for currency in bench.currencies:
        method = scripted(await bench.script(Behaviour.SUCCEEDS), "a success")
        for minor in (1, _MINOR, 9_999_999):
            request = charge_request(method, minor=minor, currency=currency)
            outcome = await pay(gateway, bench, request)
            require(
                isinstance(outcome, Succeeded) and outcome.amount == request.amount,
                f"{request.amount!r} came back as {outcome!r}",
            )


async def echo_is_the_gateways(gateway: Gateway, bench: Bench) -> None:
    """The echoed amount is what the gateway said, not what it was asked."""
    method = scripted(await bench.script(Behaviour.WRONG_AMOUNT), "a wrong amount")
    request = charge_request(method, currency=bench.currencies[0])
    more = Money(request.amount.minor + 1, request.amount.currency)
    for outcome in (
        await pay(gateway, bench, request),
        await ask(gateway, bench, request.reference),
    ):
        require(
            isinstance(outcome, Succeeded) and outcome.amount == more,
            f"the gateway moved {more!r}, and the adapter said {outcome!r}",
        )


async def declines_are_mapped(gateway: Gateway, bench: Bench) -> None:
    """Each reason that can be scripted comes back as itself, again in a repeat and a lookup."""
    scripted_once = False
    for reason in DeclineReason:
        method = await bench.script_decline(reason)
        if method is None:
            continue
        scripted_once = True
        request = charge_request(method, currency=bench.currencies[0])
        for outcome in (
            await pay(gateway, bench, request),
            await pay(gateway, bench, request),
            await ask(gateway, bench, request.reference),
        ):
            if not isinstance(outcome, Declined):
                require(holds=False, message=f"{reason} gave {outcome!r}")
                continue
            require(outcome.reason is reason, f"{reason} was mapped to {outcome.reason}")
            require(len(outcome.code or "") <= _CODE_LENGTH_MAX, "the code is too long")
        await _moved(bench, request.reference, 0)
    if not scripted_once:
        raise NotScripted("the bench cannot script a decline")


async def actions_have_a_shape(gateway: Gateway, bench: Bench) -> None:
    """A required action can be followed, moves nothing, and ends as the buyer ends it."""
    ends: dict[str, tuple[type, DeclineReason | None]] = {
        "authenticated": (Succeeded, None),
        "failed": (Declined, DeclineReason.AUTHENTICATION_FAILED),
        "abandoned": (Declined, DeclineReason.AUTHENTICATION_ABANDONED),
    }
    for result, (kind, reason) in ends.items():
        method = scripted(await bench.script(Behaviour.REQUIRES_ACTION), "a required action")
        request = charge_request(method, currency=bench.currencies[0])
        outcome = await pay(gateway, bench, request)
        if not isinstance(outcome, RequiresAction):
            require(holds=False, message=f"a required action gave {outcome!r}")
            continue
        action = outcome.next_action
        redirects = action.kind == "redirect" and (action.url or "").startswith("https://")
        displays = action.kind == "display" and bool(action.data)
        require(redirects or displays, f"nobody can follow {action!r}")
        await _moved(bench, request.reference, 0)
        if not await bench.act(request.reference, result):
            continue
        found = await settled(gateway, bench, request.reference)
        require(
            isinstance(found, kind) and (reason is None or getattr(found, "reason", "") is reason),
            f"after the buyer's step ({result}), lookup said {found!r}",
        )
        await _moved(bench, request.reference, 1 if kind is Succeeded else 0)


async def authentication_is_asked_for(gateway: Gateway, bench: Bench) -> None:
    """Whoever says that it can has the buyer authenticate when asked to, and moves nothing yet."""
    if not gateway.capabilities.authentication:
        raise NotScripted("the gateway cannot ask for authentication")
    method = scripted(await bench.script(Behaviour.SUCCEEDS), "a success")
    plain = charge_request(method, currency=bench.currencies[0])
    request = replace(plain, authenticate=True)
    outcome = await pay(gateway, bench, request)
    require(isinstance(outcome, RequiresAction), f"asked to authenticate, it said {outcome!r}")
    await _moved(bench, request.reference, 0)


async def pending_settles(gateway: Gateway, bench: Bench) -> None:
    """What the gateway will know later is ``Pending`` first, and then what it came to."""
    ends = {
        Behaviour.PENDING_THEN_SUCCEEDED: (Succeeded, 1),
        Behaviour.PENDING_THEN_DECLINED: (Declined, 0),
    }
    for behaviour, (kind, movements) in ends.items():
        method = scripted(await bench.script(behaviour), behaviour)
        request = charge_request(method, currency=bench.currencies[0])
        outcome = await pay(gateway, bench, request)
        require(isinstance(outcome, Pending), f"{behaviour} gave {outcome!r}")
        found = await settled(gateway, bench, request.reference)
        require(isinstance(found, kind), f"{behaviour} ended in {found!r}")
        await _moved(bench, request.reference, movements)


async def reservations_are_reserved(gateway: Gateway, bench: Bench) -> None:
    """Without capture the amount is reserved, once, and the answer says so."""
    if not gateway.capabilities.manual_capture:
        raise NotScripted("this gateway does not reserve")
    method = scripted(await bench.script(Behaviour.SUCCEEDS), "a success")
    request = charge_request(method, currency=bench.currencies[0], capture=False)
    for outcome in (
        await pay(gateway, bench, request),
        await pay(gateway, bench, request),
        await ask(gateway, bench, request.reference),
    ):
        require(
            isinstance(outcome, Authorized) and outcome.amount == request.amount,
            f"a reservation gave {outcome!r}",
        )
    await _moved(bench, request.reference, 1)


def _is_network(heard: Heard) -> bool:
    """Say whether the connection itself failed: the caller takes that for ``Unknown``."""
    return isinstance(heard.error, OSError) and not isinstance(heard.error, TimeoutError)


async def _done_once(gateway: Gateway, bench: Bench, reference: str) -> None:
    found = await ask(gateway, bench, reference)
    require(isinstance(found, Succeeded), f"it was done, but lookup said {found!r}")
    await _moved(bench, reference, 1)


async def _moved(bench: Bench, reference: str, times: int) -> None:
    moved = await bench.movements(reference)
    require(moved == times, f"money moved {moved} times under one reference, and not {times}")
