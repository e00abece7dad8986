"""Each token does what its row says: how it answers, what it moves, and what is found later."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from paykeel.gateways.placeholder import SCRIPTS, PlaceholderGateway
from paykeel.gateways.placeholder.tokens import find_script, looks_like_card_number
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
from tests.gateways.requests import DEADLINE_MS, OpenGateway, after, charge_of

EUR_10 = Money(1_000, "EUR")


@pytest.mark.parametrize("token", ["pm_ok", "pm_ok_17", "pm_ok_blue-card", "pm_card_visa"])
@pytest.mark.parametrize("capture", [True, False])
async def test_success(gateway: PlaceholderGateway, token: str, *, capture: bool) -> None:
    request = charge_of(token, capture=capture)

    outcome = await gateway.charge(request, DEADLINE_MS)

    assert isinstance(outcome, Succeeded if capture else Authorized)
    assert outcome.amount == EUR_10
    kind = "charge" if capture else "reservation"
    assert await gateway.movements(reference=request.reference, kind=kind) == 1
    assert await gateway.movements(reference=request.reference) == 1


@pytest.mark.parametrize("reason", list(DeclineReason))
async def test_declines(gateway: PlaceholderGateway, reason: DeclineReason) -> None:
    request = charge_of(f"pm_{reason}")

    outcome = await gateway.charge(request, DEADLINE_MS)

    assert isinstance(outcome, Declined)
    assert outcome.reason is reason
    assert await gateway.movements(reference=request.reference) == 0


@pytest.mark.parametrize(
    ("token", "first", "found", "moved"),
    [
        ("pm_timeout", Unknown("timeout"), NotFound, 0),
        ("pm_timeout_then_succeeded", Unknown("timeout"), Succeeded, 1),
        ("pm_timeout_then_declined", Unknown("timeout"), Declined, 0),
        ("pm_5xx_before", Unknown("http_500"), NotFound, 0),
        ("pm_5xx_after", Unknown("http_500"), Succeeded, 1),
        ("pm_not_sent", NotSent("connection_refused"), NotFound, 0),
        ("pm_garbage", None, Succeeded, 1),
    ],
)
async def test_the_first_answer_gets_lost(
    gateway: PlaceholderGateway, token: str, first: object, found: type, moved: int
) -> None:
    request = charge_of(token)

    assert await gateway.charge(request, 100) == first
    assert isinstance(await gateway.lookup(request.reference, DEADLINE_MS), found)
    assert await gateway.movements(reference=request.reference) == moved

    repeated = await gateway.charge(request, DEADLINE_MS)
    assert isinstance(repeated, Declined if found is Declined else Succeeded)
    assert await gateway.movements(reference=request.reference) == (found is not Declined)
    assert await gateway.calls(request.reference) == 2


async def test_the_connection_breaks(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_lost_response")

    with pytest.raises(ConnectionResetError):
        await gateway.charge(request, DEADLINE_MS)

    assert isinstance(await gateway.lookup(request.reference, DEADLINE_MS), Succeeded)
    assert isinstance(await gateway.charge(request, DEADLINE_MS), Succeeded)
    assert await gateway.movements(reference=request.reference) == 1


@pytest.mark.parametrize(
    ("token", "asked", "moved"),
    [
        ("pm_wrong_amount", "EUR", Money(1_001, "EUR")),
        ("pm_wrong_currency", "EUR", Money(1_000, "USD")),
        ("pm_wrong_currency", "USD", Money(1_000, "EUR")),
    ],
)
async def test_something_else_is_moved(
    gateway: PlaceholderGateway, merchant_id: str, token: str, asked: str, moved: Money
) -> None:
    request = charge_of(token, currency=asked, merchant_id=merchant_id)

    outcome = await gateway.charge(request, DEADLINE_MS)

    assert isinstance(outcome, Succeeded)
    assert outcome.amount == moved
    (total,) = await gateway.books(merchant_id)
    assert (total.amount, total.currency) == (moved.minor, moved.currency)


@pytest.mark.parametrize("succeeds", [True, False])
@pytest.mark.parametrize("capture", [True, False])
async def test_pending_settles(
    gateway: PlaceholderGateway, *, succeeds: bool, capture: bool
) -> None:
    end = "succeeded" if succeeds else "declined"
    request = charge_of(f"pm_pending_then_{end}_150", capture=capture)

    assert isinstance(await gateway.charge(request, DEADLINE_MS), Pending)
    assert isinstance(await gateway.lookup(request.reference, DEADLINE_MS), Pending)
    assert await gateway.movements(reference=request.reference) == 0

    await asyncio.sleep(0.2)
    expected = (Succeeded if capture else Authorized) if succeeds else Declined
    assert isinstance(await gateway.charge(request, DEADLINE_MS), expected)
    assert isinstance(await gateway.lookup(request.reference, DEADLINE_MS), expected)
    assert await gateway.movements(reference=request.reference) == succeeds


async def test_slow_is_done_after_its_time(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_slow_200")
    loop = asyncio.get_running_loop()

    started = loop.time()
    assert isinstance(await gateway.charge(request, DEADLINE_MS), Succeeded)
    assert loop.time() - started >= 0.2


async def test_slow_is_done_though_nobody_listens(open_placeholder: OpenGateway) -> None:
    gateway = await open_placeholder()
    request = charge_of("pm_slow_400")

    assert await gateway.charge(request, 50) == Unknown("timeout")
    assert await gateway.lookup(request.reference, DEADLINE_MS) == NotFound()
    assert await gateway.movements(reference=request.reference) == 0
    await gateway.close()

    # Another process, which has never seen this charge, finds it when it is done.
    other = await open_placeholder()
    await asyncio.sleep(0.45)
    assert await other.movements(reference=request.reference) == 1
    assert isinstance(await other.lookup(request.reference, DEADLINE_MS), Succeeded)


async def test_a_repeat_of_what_is_in_flight_waits_for_it(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_slow_300")

    outcomes = await asyncio.gather(*(gateway.charge(request, DEADLINE_MS) for _ in range(5)))

    assert len(set(outcomes)) == 1
    assert isinstance(outcomes[0], Succeeded)
    assert await gateway.movements(reference=request.reference) == 1


@pytest.mark.parametrize(
    "token", ["pm_unknown", "", "pm_ok_", "pm_slow_x", "pm_declined_5", "x" * 300]
)
async def test_unknown_tokens_are_declined(gateway: PlaceholderGateway, token: str) -> None:
    outcome = await gateway.charge(charge_of(token), DEADLINE_MS)

    assert isinstance(outcome, Declined)
    assert outcome.reason is DeclineReason.INVALID_REQUEST
    assert outcome.code == "unknown_payment_method"


@pytest.mark.parametrize(
    "token",
    [
        "pm_card_4242424242424242",
        "pm_ok_4242-4242-4242-4242",
        "4000 0000 0000 0002",
        "pm_ok_" + "\uff14\uff12" * 8,
    ],
)
async def test_card_numbers_are_refused_and_not_kept(
    gateway: PlaceholderGateway, token: str
) -> None:
    request = charge_of(token)

    outcome = await gateway.charge(request, DEADLINE_MS)

    assert isinstance(outcome, Declined)
    assert (outcome.reason, outcome.code) == (DeclineReason.INVALID_REQUEST, "card_number_refused")
    history = await gateway._books.history(request.reference)
    assert history is not None
    assert history.payment_method == "refused"


def test_tokens_of_ours_are_no_card_numbers() -> None:
    assert not any(looks_like_card_number(token) for token in SCRIPTS)
    assert not looks_like_card_number("pm_pending_then_succeeded_600000")


def test_a_time_after_a_token_is_its_time() -> None:
    for token, script in SCRIPTS.items():
        timed = find_script(f"{token}_1234")
        if script.takes_ms:
            assert timed is not None
            assert timed != script
        else:
            assert timed is None or token == "pm_ok"


@pytest.mark.parametrize(
    ("request_change", "reason"),
    [
        ({"amount": Money(0, "EUR")}, DeclineReason.INVALID_REQUEST),
        ({"amount": Money(-1, "EUR")}, DeclineReason.INVALID_REQUEST),
        ({"amount": Money(1, "XAU")}, DeclineReason.CURRENCY_NOT_SUPPORTED),
        ({"amount": Money(1, "EUROS")}, DeclineReason.INVALID_REQUEST),
        ({"amount": Money(10**30, "EUR")}, DeclineReason.INVALID_REQUEST),
        ({"reference": "r" * 65}, DeclineReason.INVALID_REQUEST),
        ({"payment_id": "p" * 201}, DeclineReason.INVALID_REQUEST),
        ({"merchant_id": "a\0b"}, DeclineReason.INVALID_REQUEST),
        ({"reference": ""}, DeclineReason.INVALID_REQUEST),
    ],
)
async def test_nonsense_is_declined(
    gateway: PlaceholderGateway, request_change: dict[str, object], reason: DeclineReason
) -> None:
    request = replace(charge_of("pm_ok"), **request_change)  # type: ignore[arg-type]

    outcome = await gateway.charge(request, DEADLINE_MS)

    assert isinstance(outcome, Declined)
    assert outcome.reason is reason


@pytest.mark.parametrize(
    ("result", "capture", "expected"),
    [
        ("authenticated", True, Succeeded),
        ("authenticated", False, Authorized),
        ("failed", True, Declined),
        ("abandoned", True, Declined),
    ],
)
@pytest.mark.parametrize("through_us", [True, False])
async def test_actions_end(
    gateway: PlaceholderGateway, result: str, expected: type, *, capture: bool, through_us: bool
) -> None:
    request = charge_of("pm_requires_action", capture=capture)
    outcome = await gateway.charge(request, DEADLINE_MS)
    assert isinstance(outcome, RequiresAction)
    assert outcome.next_action.url == f"https://placeholder.invalid/actions/{request.reference}"

    if through_us:
        completion = after(request, data={"result": result})
        first = await gateway.complete(completion, DEADLINE_MS)
        assert isinstance(first, expected)
        assert await gateway.complete(completion, DEADLINE_MS) == first
        # What has ended is not ended again: another result is answered with the end.
        late = await gateway.complete(after(request, data={"result": "failed"}), DEADLINE_MS)
        assert isinstance(late, expected)
    else:
        assert isinstance(await gateway.complete_action(request.reference, result), expected)
        assert isinstance(await gateway.complete_action(request.reference, "failed"), expected)

    found = await gateway.lookup(request.reference, DEADLINE_MS)
    assert isinstance(found, expected)
    assert await gateway.movements(payment_id=request.payment_id) == (expected is not Declined)


async def test_a_result_that_nobody_knows_changes_nothing(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_requires_action")
    await gateway.charge(request, DEADLINE_MS)

    for data in ({}, {"result": "perhaps"}):
        outcome = await gateway.complete(after(request, data=data), DEADLINE_MS)
        assert isinstance(outcome, RequiresAction)
    with pytest.raises(ValueError, match="authenticated"):
        await gateway.complete_action(request.reference, "perhaps")

    nothing = charge_of("pm_requires_action")
    outcome = await gateway.complete(after(nothing), DEADLINE_MS)
    assert isinstance(outcome, Declined)
    assert await gateway.complete_action(nothing.reference, "failed") == NotFound()


async def test_the_same_reference_with_other_content(gateway: PlaceholderGateway) -> None:
    request = charge_of("pm_ok")
    await gateway.charge(request, DEADLINE_MS)

    for other in (
        replace(request, amount=Money(999, "EUR")),
        replace(request, payment_method="pm_card_visa"),
        replace(request, capture=False),
        replace(request, idempotency_key="another"),
    ):
        assert await gateway.charge(other, DEADLINE_MS) == Unknown("idempotency_mismatch")
    # Paykeel's own id is not part of what is compared: it may differ in a repetition.
    again = await gateway.charge(replace(request, payment_id="another"), DEADLINE_MS)
    assert isinstance(again, Succeeded)

    assert await gateway.movements(reference=request.reference) == 1
    found = await gateway.lookup(request.reference, DEADLINE_MS)
    assert isinstance(found, Succeeded)
    assert found.amount == EUR_10


async def test_what_was_not_done_is_not_done_for_other_content(
    gateway: PlaceholderGateway,
) -> None:
    request = charge_of("pm_5xx_before")
    await gateway.charge(request, DEADLINE_MS)

    other = replace(request, amount=Money(1, "EUR"))
    assert await gateway.charge(other, DEADLINE_MS) == Unknown("idempotency_mismatch")
    assert await gateway.movements(reference=request.reference) == 0
    assert isinstance(await gateway.charge(request, DEADLINE_MS), Succeeded)
    assert await gateway.movements(reference=request.reference) == 1
