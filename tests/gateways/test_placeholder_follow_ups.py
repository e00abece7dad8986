"""Captures, voids and refunds: what they move, what they refuse, and how their answers get lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.gateways.port import (
    Authorized,
    ChargeRequest,
    Declined,
    DeclineReason,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    Unknown,
)
from paykeel.money import Money
from tests.gateways.requests import DEADLINE_MS, OpenGateway, after, charge_of

VERBS = ("capture", "void", "refund")


async def reserve(gateway: PlaceholderGateway, method: str = "pm_ok", **more: str) -> ChargeRequest:
    request = charge_of(method, capture=False, **more)  # type: ignore[arg-type]
    outcome = await gateway.charge(request, DEADLINE_MS)
    assert isinstance(outcome, Authorized)
    assert outcome.expires_at is not None
    return request


async def kinds_of(gateway: PlaceholderGateway, merchant_id: str) -> dict[str, int]:
    return {total.kind: total.amount for total in await gateway.books(merchant_id)}


async def test_a_final_capture_releases_the_rest(
    gateway: PlaceholderGateway, merchant_id: str
) -> None:
    charge = await reserve(gateway, merchant_id=merchant_id)

    first = await gateway.capture(after(charge, 300, final=False), DEADLINE_MS)
    last = await gateway.capture(after(charge, 200, final=True), DEADLINE_MS)
    more = await gateway.capture(after(charge, 1), DEADLINE_MS)

    assert isinstance(first, Succeeded)
    assert isinstance(last, Succeeded)
    assert isinstance(more, Declined)
    assert await kinds_of(gateway, merchant_id) == {
        "reservation": 1_000,
        "capture": 500,
        "release": 500,
    }


async def test_a_void_releases_what_was_not_captured(
    gateway: PlaceholderGateway, merchant_id: str
) -> None:
    charge = await reserve(gateway, merchant_id=merchant_id)
    await gateway.capture(after(charge, 300, final=False), DEADLINE_MS)

    outcome = await gateway.void(after(charge), DEADLINE_MS)

    assert isinstance(outcome, Succeeded)
    assert outcome.amount == Money(700, "EUR")
    # A part was captured, so the charge is not undone; a refund of that part is possible.
    assert isinstance(await gateway.lookup(charge.reference, DEADLINE_MS), Authorized)
    assert isinstance(await gateway.refund(after(charge, 300), DEADLINE_MS), Succeeded)
    second = await gateway.void(after(charge), DEADLINE_MS)
    assert isinstance(second, Declined)
    assert second.reason is DeclineReason.INVALID_REQUEST


@pytest.mark.parametrize(
    "token", ["pm_requires_action", "pm_pending_then_succeeded_200", "pm_slow_200"]
)
async def test_a_void_stops_what_waits(gateway: PlaceholderGateway, token: str) -> None:
    charge = charge_of(token)
    await gateway.charge(charge, 50)

    outcome = await gateway.void(after(charge), DEADLINE_MS)

    assert isinstance(outcome, Succeeded)
    assert outcome.amount == charge.amount
    await asyncio.sleep(0.25)
    found = await gateway.lookup(charge.reference, DEADLINE_MS)
    assert isinstance(found, Declined)
    assert found.code == "voided"
    late = await gateway.complete(after(charge, data={"result": "authenticated"}), DEADLINE_MS)
    assert isinstance(late, Declined)
    assert await gateway.movements(payment_id=charge.payment_id) == 0


async def test_a_voided_reservation_stays_voided(gateway: PlaceholderGateway) -> None:
    charge = await reserve(gateway)

    assert isinstance(await gateway.void(after(charge), DEADLINE_MS), Succeeded)

    found = await gateway.lookup(charge.reference, DEADLINE_MS)
    assert isinstance(found, Declined)
    repeated = await gateway.charge(charge, DEADLINE_MS)
    assert isinstance(repeated, Declined)
    again = await gateway.void(after(charge), DEADLINE_MS)
    assert isinstance(again, Declined)
    assert again.code == "already_voided"


async def test_a_reservation_lapses(gateway: PlaceholderGateway, merchant_id: str) -> None:
    unused = await reserve(gateway, "pm_authorization_expires_150", merchant_id=merchant_id)
    used = await reserve(gateway, "pm_authorization_expires_150", merchant_id=merchant_id)
    closed = await reserve(gateway, "pm_authorization_expires_150", merchant_id=merchant_id)
    await gateway.capture(after(used, 400, final=False), DEADLINE_MS)
    await gateway.capture(after(closed, 400, final=True), DEADLINE_MS)

    await asyncio.sleep(0.2)

    assert await kinds_of(gateway, merchant_id) == {
        "reservation": 3_000,
        "capture": 800,
        "release": 2_200,
    }
    lapsed = await gateway.lookup(unused.reference, DEADLINE_MS)
    assert isinstance(lapsed, Declined)
    assert lapsed.reason is DeclineReason.AUTHORIZATION_EXPIRED
    late = await gateway.capture(after(unused), DEADLINE_MS)
    assert isinstance(late, Declined)
    assert late.reason is DeclineReason.AUTHORIZATION_EXPIRED
    assert isinstance(await gateway.lookup(used.reference, DEADLINE_MS), Authorized)
    assert isinstance(await gateway.capture(after(used, 1), DEADLINE_MS), Declined)
    assert isinstance(await gateway.lookup(closed.reference, DEADLINE_MS), Authorized)


async def test_concurrent_refunds_cannot_take_too_much(gateway: PlaceholderGateway) -> None:
    charge = charge_of("pm_ok")
    await gateway.charge(charge, DEADLINE_MS)

    outcomes = await asyncio.gather(
        *(gateway.refund(after(charge, 600), DEADLINE_MS) for _ in range(6))
    )

    assert sum(isinstance(outcome, Succeeded) for outcome in outcomes) == 1
    assert await gateway.movements(payment_id=charge.payment_id, kind="refund") == 1


async def test_concurrent_captures_cannot_take_too_much(gateway: PlaceholderGateway) -> None:
    charge = await reserve(gateway)

    outcomes = await asyncio.gather(
        *(gateway.capture(after(charge, 400, final=False), DEADLINE_MS) for _ in range(6))
    )

    assert sum(isinstance(outcome, Succeeded) for outcome in outcomes) == 2


async def test_a_pending_refund_is_spoken_for(gateway: PlaceholderGateway) -> None:
    charge = charge_of("pm_refund_pending_then_succeeded_200")
    await gateway.charge(charge, DEADLINE_MS)
    refund = after(charge, 600)

    assert isinstance(await gateway.refund(refund, DEADLINE_MS), Pending)
    assert isinstance(await gateway.refund(after(charge, 600), DEADLINE_MS), Declined)
    await asyncio.sleep(0.25)
    assert isinstance(await gateway.lookup(refund.reference, DEADLINE_MS), Succeeded)
    assert await gateway.movements(reference=refund.reference) == 1


async def test_a_pending_refund_can_fail(gateway: PlaceholderGateway) -> None:
    charge = charge_of("pm_refund_pending_then_declined_100")
    await gateway.charge(charge, DEADLINE_MS)
    refund = after(charge)

    assert isinstance(await gateway.refund(refund, DEADLINE_MS), Pending)
    await asyncio.sleep(0.15)
    assert isinstance(await gateway.lookup(refund.reference, DEADLINE_MS), Declined)
    assert await gateway.movements(reference=refund.reference) == 0


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("suffix", "first", "found", "moved"),
    [
        ("lost_response", ConnectionResetError, Succeeded, 1),
        ("timeout", Unknown("timeout"), NotFound, 0),
        ("timeout_then_succeeded", Unknown("timeout"), Succeeded, 1),
        ("5xx_before", Unknown("http_500"), NotFound, 0),
        ("5xx_after", Unknown("http_500"), Succeeded, 1),
        ("not_sent", NotSent("connection_refused"), NotFound, 0),
    ],
)
async def test_the_first_answer_gets_lost(
    gateway: PlaceholderGateway, verb: str, suffix: str, first: object, found: type, moved: int
) -> None:
    charge = charge_of(f"pm_{verb}_{suffix}", capture=verb == "refund")
    await gateway.charge(charge, DEADLINE_MS)
    request = after(charge)
    call = {"capture": gateway.capture, "void": gateway.void, "refund": gateway.refund}[verb]

    if first is ConnectionResetError:
        with pytest.raises(ConnectionResetError):
            await call(request, 100)
    else:
        assert await call(request, 100) == first
    assert isinstance(await gateway.lookup(request.reference, DEADLINE_MS), found)
    assert await gateway.movements(reference=request.reference) == moved

    repeated = await call(request, DEADLINE_MS)
    assert isinstance(repeated, Succeeded)
    assert repeated.amount == charge.amount
    assert await gateway.movements(reference=request.reference) == 1


@pytest.mark.parametrize("verb", VERBS)
async def test_a_follow_up_is_declined(gateway: PlaceholderGateway, verb: str) -> None:
    charge = charge_of(f"pm_{verb}_declined", capture=verb == "refund")
    await gateway.charge(charge, DEADLINE_MS)
    call = {"capture": gateway.capture, "void": gateway.void, "refund": gateway.refund}[verb]
    request = after(charge)

    outcome = await call(request, DEADLINE_MS)

    assert isinstance(outcome, Declined)
    assert outcome.reason is DeclineReason.PROCESSING_ERROR
    assert await call(request, DEADLINE_MS) == outcome
    assert await gateway.movements(reference=request.reference) == 0


@pytest.mark.parametrize("verb", VERBS)
async def test_the_same_reference_with_other_content(
    gateway: PlaceholderGateway, verb: str
) -> None:
    charge = charge_of("pm_ok", capture=verb == "refund")
    await gateway.charge(charge, DEADLINE_MS)
    call = {"capture": gateway.capture, "void": gateway.void, "refund": gateway.refund}[verb]
    request = after(charge)
    await call(request, DEADLINE_MS)

    other = replace(request, amount=Money(1, "EUR"))
    assert await call(other, DEADLINE_MS) == Unknown("idempotency_mismatch")
    assert await gateway.movements(reference=request.reference) == 1


@pytest.mark.parametrize("verb", VERBS)
async def test_nothing_follows_what_never_was(gateway: PlaceholderGateway, verb: str) -> None:
    unsent, undone = charge_of("pm_ok"), charge_of("pm_timeout")
    await gateway.charge(undone, 10)
    call = {"capture": gateway.capture, "void": gateway.void, "refund": gateway.refund}[verb]

    for charge in (unsent, undone):
        outcome = await call(after(charge), DEADLINE_MS)
        assert isinstance(outcome, Declined)
        assert outcome.code == "charge_not_found"
    malformed = replace(after(unsent), charge_reference="")
    assert isinstance(await call(malformed, DEADLINE_MS), Declined)


@pytest.mark.parametrize("minor", [0, -1])
async def test_amounts_must_be_more_than_nothing(gateway: PlaceholderGateway, minor: int) -> None:
    charged, reserved = charge_of("pm_ok"), await reserve(gateway)
    await gateway.charge(charged, DEADLINE_MS)

    assert isinstance(await gateway.refund(after(charged, minor), DEADLINE_MS), Declined)
    assert isinstance(await gateway.capture(after(reserved, minor), DEADLINE_MS), Declined)


async def test_another_currency_is_refused(gateway: PlaceholderGateway) -> None:
    charged, reserved = charge_of("pm_ok"), await reserve(gateway)
    await gateway.charge(charged, DEADLINE_MS)

    for outcome in (
        await gateway.refund(after(charged, 1, currency="USD"), DEADLINE_MS),
        await gateway.capture(after(reserved, 1, currency="USD"), DEADLINE_MS),
    ):
        assert isinstance(outcome, Declined)
        assert outcome.code == "currency_mismatch"


async def test_a_gateway_without_memory_for_keys_pays_twice(open_placeholder: OpenGateway) -> None:
    gateway = await open_placeholder(honour_keys=False)
    charge = charge_of("pm_ok")
    await gateway.charge(charge, DEADLINE_MS)
    refund = after(charge, 300)

    for _ in range(4):
        await gateway.refund(refund, DEADLINE_MS)

    # Even so it gives back no more than it took.
    assert await gateway.movements(reference=refund.reference, kind="refund") == 3
