"""The kit fails adapters that are broken on purpose; otherwise its approval would mean nothing."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import pytest

from paykeel.gateways.conformance import CHECKS, NotConforming
from paykeel.gateways.placeholder import PlaceholderGateway, PlaceholderOptions
from paykeel.gateways.placeholder.answers import decode
from paykeel.gateways.port import (
    Authorized,
    BadNotice,
    ChargeRequest,
    Declined,
    DeclineReason,
    FollowUpRequest,
    LookupOutcome,
    NotFound,
    Notice,
    Outcome,
    RequiresAction,
    Succeeded,
    Unknown,
)
from paykeel.money import Money
from tests.gateways.bench import PlaceholderBench

G = TypeVar("G", bound=PlaceholderGateway)


class SendsAnotherKeyEachTime(PlaceholderGateway):
    """The reference is forgotten on the way."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        return await super().charge(replace(request, reference=secrets.token_hex(32)), deadline_ms)


class RaisesAtTheDeadline(PlaceholderGateway):
    """Leaves its caller with an exception, instead of the word that it does not know."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        if outcome == Unknown("timeout"):
            raise TimeoutError
        return outcome


class TakesSilenceForFailure(PlaceholderGateway):
    """The defect that this whole project is about."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        if isinstance(outcome, Unknown):
            return Declined(DeclineReason.GATEWAY_UNAVAILABLE)
        return outcome


class ListensTooLong(PlaceholderGateway):
    """Does not keep to the deadline."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        return await super().charge(request, deadline_ms + 600)


class EchoesTheRequest(PlaceholderGateway):
    """Says what it was asked, and not what the gateway did."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        return Succeeded(request.amount) if isinstance(outcome, Succeeded) else outcome


class TakesEveryCurrencyForCents(PlaceholderGateway):
    """Divides and multiplies by a hundred, whatever the currency."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        if isinstance(outcome, Succeeded) and outcome.amount.exponent == 0:
            return Succeeded(Money(outcome.amount.minor * 100, outcome.amount.currency))
        return outcome


class BelievesEverybody(PlaceholderGateway):
    """Reads webhooks without looking at the signature."""

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        try:
            message = json.loads(body)
            return Notice(message["id"], message["reference"], decode(message["answer"]))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise BadNotice from error


class BelievesOldNews(PlaceholderGateway):
    """Checks the signature, but not its time."""

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        at = headers.get("placeholder-signature", "").partition(",")[0].removeprefix("t=")
        if at.isdigit() and self.sign(body, int(at)) == headers:
            now_s = int(self._clock.now().timestamp())
            return super().parse_webhook(self.sign(body, now_s), body)
        raise BadNotice


class FallsOverGarbage(PlaceholderGateway):
    """Lets what it cannot read escape as an exception of its own."""

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        try:
            return super().parse_webhook(headers, body)
        except BadNotice as error:
            if error.__cause__ is not None:
                raise error.__cause__ from None
            raise


class NamesMessagesAnew(PlaceholderGateway):
    """Gives each delivery an id of its own, so that nobody can tell a redelivery."""

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        notice = super().parse_webhook(headers, body)
        return replace(notice, message_id=secrets.token_hex(8))


class LookupInventsFailure(PlaceholderGateway):
    """Takes what it does not find for something that was declined."""

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        found = await super().lookup(reference, deadline_ms)
        return Declined(DeclineReason.OTHER) if isinstance(found, NotFound) else found


class LookupFindsNothing(PlaceholderGateway):
    """Says that it has never heard of what it did."""

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        return NotFound()


class LookupNeedsAnAnswer(PlaceholderGateway):
    """Only finds what it once got an answer for."""

    answered: frozenset[str] = frozenset()

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        if not isinstance(outcome, Unknown):
            self.answered |= {request.reference}
        return outcome

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        if reference not in self.answered:
            return NotFound()
        return await super().lookup(reference, deadline_ms)


class KnowsOneReason(PlaceholderGateway):
    """Maps every decline to the same reason."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        return Declined(DeclineReason.OTHER) if isinstance(outcome, Declined) else outcome


class RefundsBlindly(PlaceholderGateway):
    """Calls every refund a success."""

    async def refund(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        outcome = await super().refund(request, deadline_ms)
        return Succeeded(request.amount) if isinstance(outcome, Declined) else outcome


class CapturesWhatItCan(PlaceholderGateway):
    """Quietly makes a capture that is too large smaller."""

    async def capture(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        outcome = await super().capture(request, deadline_ms)
        if isinstance(outcome, Declined) and outcome.code == "amount_too_large":
            less = replace(
                request,
                amount=Money(request.amount.minor - 1, request.amount.currency),
                reference=secrets.token_hex(32),
            )
            return await super().capture(less, deadline_ms)
        return outcome


class VoidsAnything(PlaceholderGateway):
    """Calls a void of what was captured a success."""

    async def void(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        outcome = await super().void(request, deadline_ms)
        return Succeeded(request.amount) if isinstance(outcome, Declined) else outcome


class SaysReservedForMoved(PlaceholderGateway):
    """Tells no reservation from a charge."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        return Succeeded(outcome.amount) if isinstance(outcome, Authorized) else outcome


class NeverAuthenticates(PlaceholderGateway):
    """Says that it can, and charges at once."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        return await super().charge(replace(request, authenticate=False), deadline_ms)


class SendsBuyersNowhere(PlaceholderGateway):
    """Asks for a step without saying where."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        if isinstance(outcome, RequiresAction):
            return RequiresAction(replace(outcome.next_action, url=None))
        return outcome


class CallsPendingDone(PlaceholderGateway):
    """Takes what the gateway will know later for done."""

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        outcome = await super().charge(request, deadline_ms)
        if type(outcome).__name__ == "Pending":
            return Succeeded(request.amount)
        return outcome


class PromisesNonsense(PlaceholderGateway):
    """Forgets a key sooner than it has finished."""

    @property
    def capabilities(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as inherited
        return replace(super().capabilities, key_retention_ms=1)


BROKEN: tuple[tuple[type[PlaceholderGateway], tuple[str, ...]], ...] = (
    (
        SendsAnotherKeyEachTime,
        (
            "repeats_move_money_once",
            "concurrent_repeats_move_money_once",
            "lookup_needs_no_answer",
            "lost_response_is_found",
            "other_content_is_not_answered",
        ),
    ),
    (RaisesAtTheDeadline, ("timeout_is_unknown",)),
    (
        TakesSilenceForFailure,
        ("timeout_is_unknown", "server_error_is_unknown", "other_content_is_not_answered"),
    ),
    (ListensTooLong, ("timeout_is_unknown",)),
    (EchoesTheRequest, ("echo_is_the_gateways",)),
    (TakesEveryCurrencyForCents, ("amounts_keep_their_units",)),
    (BelievesEverybody, ("forged_notices_are_refused", "stale_notices_are_refused")),
    (BelievesOldNews, ("stale_notices_are_refused",)),
    (FallsOverGarbage, ("garbled_notices_are_refused",)),
    (NamesMessagesAnew, ("redeliveries_are_equal",)),
    (LookupInventsFailure, ("lookup_of_nothing_is_not_found", "timeout_is_unknown")),
    (
        LookupFindsNothing,
        ("lookup_needs_no_answer", "lost_response_is_found", "lost_follow_ups_are_found"),
    ),
    (LookupNeedsAnAnswer, ("lost_response_is_found", "timeout_is_unknown")),
    (KnowsOneReason, ("declines_are_mapped",)),
    (RefundsBlindly, ("refunds_no_more_than_captured", "follow_ups_need_a_charge")),
    (CapturesWhatItCan, ("captures_no_more_than_reserved",)),
    (VoidsAnything, ("void_after_capture_is_refused",)),
    (SaysReservedForMoved, ("reservations_are_reserved",)),
    (SendsBuyersNowhere, ("actions_have_a_shape",)),
    (NeverAuthenticates, ("authentication_is_asked_for",)),
    (CallsPendingDone, ("pending_settles",)),
    (PromisesNonsense, ("capabilities_make_sense",)),
)


@pytest.mark.parametrize(("broken", "checks"), BROKEN, ids=[kind.__name__ for kind, _ in BROKEN])
async def test_a_broken_adapter_fails(
    books_url: str, broken: type[PlaceholderGateway], checks: tuple[str, ...]
) -> None:
    gateway = await broken.open(books_url)
    try:
        bench = PlaceholderBench(gateway)
        for check in checks:
            with pytest.raises(NotConforming):
                await CHECKS[check](gateway, bench)
    finally:
        await gateway.close()


async def test_a_party_that_ignores_keys_fails(books_url: str) -> None:
    gateway = await PlaceholderGateway.open(books_url, PlaceholderOptions(honour_keys=False))
    try:
        bench = PlaceholderBench(gateway)
        for check in (
            "repeats_move_money_once",
            "concurrent_repeats_move_money_once",
            "lost_response_is_found",
            "refunds_move_money_once",
        ):
            with pytest.raises(NotConforming):
                await CHECKS[check](gateway, bench)
    finally:
        await gateway.close()


async def test_a_call_that_never_ends_fails_instead_of_hanging(books_url: str) -> None:
    class NeverAnswers(PlaceholderGateway):
        async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
            await asyncio.Event().wait()
            return NotFound()

    gateway = await NeverAnswers.open(books_url)
    try:
        with pytest.raises(NotConforming, match="deadline"):
            await CHECKS["lookup_of_nothing_is_not_found"](gateway, PlaceholderBench(gateway))
    finally:
        await gateway.close()
