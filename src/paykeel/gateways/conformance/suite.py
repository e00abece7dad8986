"""The kit: every check by name, a report for any caller, and a class for pytest."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from paykeel.gateways.conformance import charges, follow_ups, notices
from paykeel.gateways.conformance.bench import Bench, NotConforming, NotScripted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from paykeel.gateways.port import Gateway

    Check = Callable[[Gateway, Bench], Awaitable[None]]

#: Every check of the kit, by the name of what it makes sure of.
CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            charges.capabilities_make_sense,
            charges.repeats_move_money_once,
            charges.concurrent_repeats_move_money_once,
            charges.other_content_is_not_answered,
            charges.lost_response_is_found,
            charges.timeout_is_unknown,
            charges.server_error_is_unknown,
            charges.not_sent_moves_nothing,
            charges.lookup_needs_no_answer,
            charges.lookup_of_nothing_is_not_found,
            charges.amounts_keep_their_units,
            charges.echo_is_the_gateways,
            charges.declines_are_mapped,
            charges.actions_have_a_shape,
            charges.authentication_is_asked_for,
            charges.pending_settles,
            charges.reservations_are_reserved,
            follow_ups.captures_in_full,
            follow_ups.captures_in_part,
            follow_ups.captures_no_more_than_reserved,
            follow_ups.voids_release,
            follow_ups.void_after_capture_is_refused,
            follow_ups.refunds_no_more_than_captured,
            follow_ups.refunds_move_money_once,
            follow_ups.lost_follow_ups_are_found,
            follow_ups.follow_ups_need_a_charge,
            notices.notices_are_read,
            notices.redeliveries_are_equal,
            notices.forged_notices_are_refused,
            notices.stale_notices_are_refused,
            notices.garbled_notices_are_refused,
        )
    }
)


@dataclass(frozen=True, slots=True)
class Report:
    """What the kit found, by the names of the checks."""

    passed: tuple[str, ...]
    failed: Mapping[str, str]
    skipped: Mapping[str, str]


async def run_checks(gateway: Gateway, bench: Bench) -> Report:
    """Run every check, without a test runner, and say what came of each."""
    passed: list[str] = []
    failed: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            await check(gateway, bench)
        except NotScripted as reason:
            skipped[name] = str(reason)
        except NotConforming as failure:
            failed[name] = str(failure)
        else:
            passed.append(name)
    return Report(tuple(passed), failed, skipped)


class GatewayConformance:
    """Subclass this in your tests, with the fixtures ``gateway`` and ``bench``.

    It needs a pytest plugin that runs coroutines; mark the subclass for it where it wants that
    (``@pytest.mark.asyncio``). The kit itself does not import pytest.
    """

    async def test_capabilities_make_sense(self, gateway: Gateway, bench: Bench) -> None:
        """The name can be stored, and the times it promises fit together."""
        await charges.capabilities_make_sense(gateway, bench)

    async def test_repeats_move_money_once(self, gateway: Gateway, bench: Bench) -> None:
        """The same reference again gets the same answer and moves nothing."""
        await charges.repeats_move_money_once(gateway, bench)

    async def test_concurrent_repeats_move_money_once(self, gateway: Gateway, bench: Bench) -> None:
        """Twenty calls with one reference at once: one movement, and nobody is told no."""
        await charges.concurrent_repeats_move_money_once(gateway, bench)

    async def test_other_content_is_not_answered(self, gateway: Gateway, bench: Bench) -> None:
        """A reference that comes back with another amount is a defect of ours: nobody can know."""
        await charges.other_content_is_not_answered(gateway, bench)

    async def test_lost_response_is_found(self, gateway: Gateway, bench: Bench) -> None:
        """An answer that got lost is found by our reference, and a repeat moves nothing."""
        await charges.lost_response_is_found(gateway, bench)

    async def test_timeout_is_unknown(self, gateway: Gateway, bench: Bench) -> None:
        """Silence ends in ``Unknown``, in time, whether the money moved or not; a repeat tells."""
        await charges.timeout_is_unknown(gateway, bench)

    async def test_server_error_is_unknown(self, gateway: Gateway, bench: Bench) -> None:
        """A server error says nothing about the money."""
        await charges.server_error_is_unknown(gateway, bench)

    async def test_not_sent_moves_nothing(self, gateway: Gateway, bench: Bench) -> None:
        """Without a connection nothing moves, and ``NotSent`` is only said when that is certain."""
        await charges.not_sent_moves_nothing(gateway, bench)

    async def test_lookup_needs_no_answer(self, gateway: Gateway, bench: Bench) -> None:
        """Looking up takes our reference alone, agrees with the answer, and changes nothing."""
        await charges.lookup_needs_no_answer(gateway, bench)

    async def test_lookup_of_nothing_is_not_found(self, gateway: Gateway, bench: Bench) -> None:
        """What was never sent is ``NotFound``, and neither a failure nor a success."""
        await charges.lookup_of_nothing_is_not_found(gateway, bench)

    async def test_amounts_keep_their_units(self, gateway: Gateway, bench: Bench) -> None:
        """Minor units arrive and come back unchanged, whatever the currency's exponent."""
        await charges.amounts_keep_their_units(gateway, bench)

    async def test_echo_is_the_gateways(self, gateway: Gateway, bench: Bench) -> None:
        """The echoed amount is what the gateway said, not what it was asked."""
        await charges.echo_is_the_gateways(gateway, bench)

    async def test_declines_are_mapped(self, gateway: Gateway, bench: Bench) -> None:
        """Each reason that can be scripted comes back as itself, again in a repeat and a lookup."""
        await charges.declines_are_mapped(gateway, bench)

    async def test_actions_have_a_shape(self, gateway: Gateway, bench: Bench) -> None:
        """A required action can be followed, moves nothing, and ends as the buyer ends it."""
        await charges.actions_have_a_shape(gateway, bench)

    async def test_authentication_is_asked_for(self, gateway: Gateway, bench: Bench) -> None:
        """Whoever says that it can has the buyer authenticate when asked to."""
        await charges.authentication_is_asked_for(gateway, bench)

    async def test_pending_settles(self, gateway: Gateway, bench: Bench) -> None:
        """What the gateway will know later is ``Pending`` first, and then what it came to."""
        await charges.pending_settles(gateway, bench)

    async def test_reservations_are_reserved(self, gateway: Gateway, bench: Bench) -> None:
        """Without capture the amount is reserved, once, and the answer says so."""
        await charges.reservations_are_reserved(gateway, bench)

    async def test_captures_in_full(self, gateway: Gateway, bench: Bench) -> None:
        """All that is reserved can be captured, once."""
        await follow_ups.captures_in_full(gateway, bench)

    async def test_captures_in_part(self, gateway: Gateway, bench: Bench) -> None:
        """A part can be captured, then more, and a final capture ends it."""
        await follow_ups.captures_in_part(gateway, bench)

    async def test_captures_no_more_than_reserved(self, gateway: Gateway, bench: Bench) -> None:
        """One minor unit too much is declined, and leaves the reservation as it was."""
        await follow_ups.captures_no_more_than_reserved(gateway, bench)

    async def test_voids_release(self, gateway: Gateway, bench: Bench) -> None:
        """A void releases what is reserved, once, and nothing can be captured then."""
        await follow_ups.voids_release(gateway, bench)

    async def test_void_after_capture_is_refused(self, gateway: Gateway, bench: Bench) -> None:
        """What was captured in full is refunded, not voided."""
        await follow_ups.void_after_capture_is_refused(gateway, bench)

    async def test_refunds_no_more_than_captured(self, gateway: Gateway, bench: Bench) -> None:
        """Parts can be given back until nothing is left, and no more than that."""
        await follow_ups.refunds_no_more_than_captured(gateway, bench)

    async def test_refunds_move_money_once(self, gateway: Gateway, bench: Bench) -> None:
        """The same refund again gets the same answer; it is found by its own reference."""
        await follow_ups.refunds_move_money_once(gateway, bench)

    async def test_lost_follow_ups_are_found(self, gateway: Gateway, bench: Bench) -> None:
        """A capture, void or refund whose answer got lost is found, and a repeat moves nothing."""
        await follow_ups.lost_follow_ups_are_found(gateway, bench)

    async def test_follow_ups_need_a_charge(self, gateway: Gateway, bench: Bench) -> None:
        """What follows a charge that the gateway never saw is never a success."""
        await follow_ups.follow_ups_need_a_charge(gateway, bench)

    async def test_notices_are_read(self, gateway: Gateway, bench: Bench) -> None:
        """A genuine webhook names our reference, and the last one says what lookup says."""
        await notices.notices_are_read(gateway, bench)

    async def test_redeliveries_are_equal(self, gateway: Gateway, bench: Bench) -> None:
        """The same message, however often and in whatever order it comes, is the same notice."""
        await notices.redeliveries_are_equal(gateway, bench)

    async def test_forged_notices_are_refused(self, gateway: Gateway, bench: Bench) -> None:
        """A changed body, another signature or none at all is ``BadNotice``."""
        await notices.forged_notices_are_refused(gateway, bench)

    async def test_stale_notices_are_refused(self, gateway: Gateway, bench: Bench) -> None:
        """A webhook that was signed an hour ago, or will be in an hour, is ``BadNotice``."""
        await notices.stale_notices_are_refused(gateway, bench)

    async def test_garbled_notices_are_refused(self, gateway: Gateway, bench: Bench) -> None:
        """What is signed but cannot be read is ``BadNotice``, and nothing else is raised."""
        await notices.garbled_notices_are_refused(gateway, bench)
