"""Webhooks tell what was said, in order or not, and are believed only when they are genuine."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from paykeel.gateways.placeholder import PlaceholderGateway, PlaceholderOptions
from paykeel.gateways.port import (
    Authorized,
    BadNotice,
    Declined,
    DeclineReason,
    Notice,
    Pending,
    RequiresAction,
    Succeeded,
)
from paykeel.money import Money
from tests.gateways.requests import DEADLINE_MS, after, charge_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class StoppedClock:
    """A clock that stands where it was put."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return 0.0


async def read(gateway: PlaceholderGateway, reference: str) -> list[Notice]:
    return [gateway.parse_webhook(*webhook) for webhook in await gateway.webhooks(reference)]


async def test_each_change_is_told(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_requires_action", capture=False, merchant_id="m", payment_id="p")
    await gateway.charge(request, DEADLINE_MS)
    await gateway.complete_action(request.reference, "authenticated")
    capture = after(request)
    await gateway.capture(capture, DEADLINE_MS)

    asked, reserved = await read(gateway, request.reference)
    (captured,) = await read(gateway, capture.reference)

    assert isinstance(asked.outcome, RequiresAction)
    assert isinstance(reserved.outcome, Authorized)
    assert isinstance(captured.outcome, Succeeded)
    assert asked.message_id != reserved.message_id
    assert (captured.reference, captured.merchant_id, captured.payment_id) == (
        capture.reference,
        "m",
        "p",
    )


@pytest.mark.parametrize("token", ["pm_ok", "pm_refund_declined", "pm_refund_timeout"])
async def test_a_refund_that_was_made_there_names_its_charge(
    gateway: PlaceholderGateway, token: str
) -> None:
    request = charge_of(token, merchant_id="m", payment_id="p")
    await gateway.charge(request, DEADLINE_MS)
    made = await gateway.refund_there(request.reference, Money(300, "EUR"))
    assert isinstance(made, Succeeded)
    assert made.gateway_id is not None

    (told,) = await read(gateway, made.gateway_id)

    assert (told.reference, told.refund_of) == (made.gateway_id, request.reference)
    assert (told.outcome, told.merchant_id, told.payment_id) == (made, "m", "p")
    assert await gateway.movements(reference=made.gateway_id, kind="refund") == 1
    (charged,) = await read(gateway, request.reference)
    assert charged.refund_of is None


async def test_a_refund_that_was_asked_for_names_none(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_ok")
    await gateway.charge(request, DEADLINE_MS)
    asked = after(request, 300)
    await gateway.refund(asked, DEADLINE_MS)

    (told,) = await read(gateway, asked.reference)

    assert (told.reference, told.refund_of) == (asked.reference, None)


async def test_no_more_is_given_back_there_than_was_taken(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_ok")
    await gateway.charge(request, DEADLINE_MS)
    await gateway.refund(after(request, 701), DEADLINE_MS)

    for reference, minor, code in (
        (request.reference, 300, "amount_too_large"),
        ("0" * 64, 300, "charge_not_found"),
        ("", 300, "request_malformed"),
    ):
        refused = await gateway.refund_there(reference, Money(minor, "EUR"))
        assert refused == Declined(DeclineReason.INVALID_REQUEST, code)
    assert isinstance(await gateway.refund_there(request.reference, Money(299, "EUR")), Succeeded)


async def test_pending_is_told_and_then_its_end(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_pending_then_declined_50")
    await gateway.charge(request, DEADLINE_MS)
    (first,) = await read(gateway, request.reference)
    await asyncio.sleep(0.1)

    again, second = await read(gateway, request.reference)

    assert again == first
    assert isinstance(first.outcome, Pending)
    assert isinstance(second.outcome, Declined)


async def test_duplicates_come_twice_and_out_of_order(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_duplicate_webhook")
    await gateway.charge(request, DEADLINE_MS)

    notices = await read(gateway, request.reference)

    assert [type(notice.outcome) for notice in notices] == [Succeeded, Pending, Succeeded, Pending]
    assert notices[:2] == notices[2:]
    assert await gateway.movements(reference=request.reference) == 1


async def test_what_shows_nothing_tells_nothing(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_timeout")
    await gateway.charge(request, 10)

    assert await gateway.webhooks(request.reference) == []
    assert await gateway.webhooks("0" * 64) == []


@pytest.mark.parametrize(
    ("offset_s", "believed"), [(-301, False), (-300, True), (300, True), (301, False)]
)
async def test_five_minutes_either_way(books_url: str, offset_s: int, *, believed: bool) -> None:
    gateway = await PlaceholderGateway.open(books_url, clock=StoppedClock(NOW))
    try:
        request = charge_of("pm_ok")
        await gateway.charge(request, DEADLINE_MS)
        ((_, body),) = await gateway.webhooks(request.reference)
        headers = gateway.sign(body, int(NOW.timestamp()) + offset_s)
        if believed:
            assert gateway.parse_webhook(headers, body).reference == request.reference
        else:
            with pytest.raises(BadNotice, match="five minutes"):
                gateway.parse_webhook(headers, body)
    finally:
        await gateway.close()


async def test_another_secret_is_not_believed(books_url: str, gateway: PlaceholderGateway) -> None:
    options = PlaceholderOptions(webhook_secret="another secret of sixteen")
    other = await PlaceholderGateway.open(books_url, options)
    try:
        request = charge_of("pm_ok")
        await gateway.charge(request, DEADLINE_MS)
        (webhook,) = await gateway.webhooks(request.reference)
        with pytest.raises(BadNotice, match="signature"):
            other.parse_webhook(*webhook)
    finally:
        await other.close()


@pytest.mark.parametrize(
    "header",
    ["", "t=1", "v1=ab", "t=,v1=", "t=-1,v1=ab", "t=1_0,v1=ab", "t=\u0661,v1=ab", "x", ",,="],
)
async def test_malformed_headers_are_refused(gateway: PlaceholderGateway, header: str) -> None:
    with pytest.raises(BadNotice):
        gateway.parse_webhook({"placeholder-signature": header}, b"{}")


async def test_a_body_that_is_too_long_is_not_read(gateway: PlaceholderGateway) -> None:
    with pytest.raises(BadNotice, match="too long"):
        gateway.parse_webhook({}, b" " * 70_000)
