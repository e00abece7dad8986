"""The bench: what the kit must be told of the outside party that an adapter talks to.

The party itself is the adapter author's: a fake server on the same machine, a recording, or books
like the placeholder's. It must be offline, so that it can be made to misbehave.
"""

from __future__ import annotations

import asyncio
import secrets
import unittest
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from paykeel.gateways.port import (
    ChargeRequest,
    FollowUpRequest,
    Gateway,
    LookupOutcome,
    Outcome,
    Pending,
    Succeeded,
)
from paykeel.money import Money

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from paykeel.gateways.port import DeclineReason

T = TypeVar("T")

#: How much longer than its deadline a call may take, for a busy machine.
GRACE_MS = 250
#: How long the kit waits for what is pending to settle.
_SETTLE_MS_MAX = 10_000
_POLL_MS = 50


class Behaviour(StrEnum):
    """What the outside party does with the next operation.

    Only the first call of a reference is told to get lost; later ones are answered truthfully.
    """

    SUCCEEDS = "succeeds"
    #: It is done, and the connection breaks before the answer arrives.
    LOST_RESPONSE = "lost_response"
    #: Silence for longer than the deadline; before: nothing was done, after: it was.
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    #: A server error; before: nothing was done, after: it was.
    SERVER_ERROR_BEFORE = "server_error_before"
    SERVER_ERROR_AFTER = "server_error_after"
    #: No connection can be made.
    NOT_SENT = "not_sent"
    #: One minor unit more than asked is moved, and the answer says so.
    WRONG_AMOUNT = "wrong_amount"
    REQUIRES_ACTION = "requires_action"
    PENDING_THEN_SUCCEEDED = "pending_then_succeeded"
    PENDING_THEN_DECLINED = "pending_then_declined"


class Bench(Protocol):
    """What the kit asks of the one who knows the outside party.

    A behaviour that cannot be scripted is answered with ``None``; its checks are then skipped, and
    the report says so.
    """

    @property
    def deadline_ms(self) -> int:
        """The deadline that the kit gives: short, but enough for an answer (500 is usual)."""
        ...

    @property
    def currencies(self) -> Sequence[str]:
        """What can be charged; best with exponents 0, 2 and 3: JPY, EUR, KWD."""
        ...

    async def script(self, behaviour: Behaviour) -> str | None:
        """Make the next charge go so, and return the payment method to use."""
        ...

    async def script_decline(self, reason: DeclineReason) -> str | None:
        """Make the next charge be declined for what means this, and return the payment method."""
        ...

    async def script_follow_up(
        self, kind: Literal["capture", "void", "refund"], behaviour: Behaviour
    ) -> str | None:
        """Make the next charge succeed and its first follow-up of this kind go so."""
        ...

    async def movements(self, reference: str) -> int:
        """Count how often money really moved, was reserved or released under this reference."""
        ...

    async def act(self, reference: str, result: str) -> bool:
        """Do the buyer's step: ``authenticated``, ``failed`` or ``abandoned``; false: it cannot."""
        ...

    async def webhooks(self, reference: str) -> Sequence[tuple[Mapping[str, str], bytes]] | None:
        """Return the webhooks about this reference, header names in lower case; None: no webhooks.

        What the party would send more than once, or out of order, may come so.
        """
        ...

    def sign(self, body: bytes, at_s: int) -> Mapping[str, str]:
        """Return the headers with which the party would send ``body`` at ``at_s`` (Unix seconds).

        Where a time is no part of the signature, ``at_s`` is ignored and :attr:`dated` false.
        """
        ...

    @property
    def dated(self) -> bool:
        """Whether the time of sending is part of the signature."""
        ...


class NotConforming(AssertionError):
    """An adapter breaks the contract; the message says how."""


class NotScripted(unittest.SkipTest):
    """A check cannot be made with this bench or gateway; test runners count it as skipped."""


def require(holds: bool, message: str) -> None:  # noqa: FBT001 - it reads as a sentence
    """Fail the adapter unless this holds."""
    if not holds:
        raise NotConforming(message)


def scripted(method: str | None, what: str) -> str:
    """Return the payment method, or skip the check for want of one."""
    if method is None:
        raise NotScripted(f"the bench cannot script {what}")
    return method


def new_reference() -> str:
    """Return a reference as Paykeel makes them: 64 hexadecimal characters."""
    return secrets.token_hex(32)


def charge_request(
    payment_method: str,
    *,
    minor: int = 1_250,
    currency: str = "EUR",
    capture: bool = True,
    reference: str | None = None,
) -> ChargeRequest:
    """Return a charge as Paykeel would ask for it."""
    return ChargeRequest(
        reference=reference or new_reference(),
        amount=Money(minor, currency),
        payment_method=payment_method,
        capture=capture,
        buyer_id="buyer-1",
        description="conformance kit",
        merchant_id="merchant-1",
        idempotency_key=f"order-{secrets.token_hex(8)}",
        payment_id=secrets.token_hex(16),
    )


def follow_up(
    charge: ChargeRequest, minor: int | None = None, *, final: bool = True
) -> FollowUpRequest:
    """Return a capture, void or refund of a charge; of all of it, unless told otherwise."""
    amount = charge.amount if minor is None else Money(minor, charge.amount.currency)
    return FollowUpRequest(
        reference=new_reference(),
        charge_reference=charge.reference,
        amount=amount,
        final=final,
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a call: an outcome or an exception, and how long it took."""

    outcome: object
    error: Exception | None
    took_ms: float


async def hear(call: Awaitable[T], deadline_ms: int) -> Heard:
    """Make a call as Paykeel does, and fail an adapter that does not come back in time."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    outcome: object = None
    error: Exception | None = None
    try:
        # Far beyond the grace, so that what is measured is the adapter's own deadline.
        outcome = await asyncio.wait_for(call, (deadline_ms + 10 * GRACE_MS) / 1000)
    except Exception as raised:  # noqa: BLE001 - what it raised is what is judged
        error = raised
    took_ms = (loop.time() - started) * 1000
    require(
        took_ms <= deadline_ms + GRACE_MS,
        f"it came back after {took_ms:.0f} ms, with a deadline of {deadline_ms} ms",
    )
    return Heard(outcome, error, took_ms)


async def pay(gateway: Gateway, bench: Bench, request: ChargeRequest) -> Outcome:
    """Charge, where an answer is expected."""
    heard = await hear(gateway.charge(request, bench.deadline_ms), bench.deadline_ms)
    if heard.error is not None:
        raise NotConforming(f"charge raised {heard.error!r}") from heard.error
    return heard.outcome  # type: ignore[return-value]


async def succeed(
    gateway: Gateway, bench: Bench, *, minor: int = 1_250, currency: str | None = None
) -> ChargeRequest:
    """Charge with what succeeds, and return what was asked."""
    method = scripted(await bench.script(Behaviour.SUCCEEDS), "a success")
    request = charge_request(method, minor=minor, currency=currency or bench.currencies[0])
    outcome = await pay(gateway, bench, request)
    require(isinstance(outcome, Succeeded), f"a charge that succeeds gave {outcome!r}")
    return request


async def ask(gateway: Gateway, bench: Bench, reference: str) -> LookupOutcome:
    """Look an operation up, where an answer is expected."""
    heard = await hear(gateway.lookup(reference, bench.deadline_ms), bench.deadline_ms)
    if heard.error is not None:
        raise NotConforming(f"lookup raised {heard.error!r}") from heard.error
    return heard.outcome  # type: ignore[return-value]


async def settled(gateway: Gateway, bench: Bench, reference: str) -> LookupOutcome:
    """Look an operation up until it is no longer pending."""
    for _ in range(_SETTLE_MS_MAX // _POLL_MS):
        found = await ask(gateway, bench, reference)
        if not isinstance(found, Pending):
            return found
        await asyncio.sleep(_POLL_MS / 1000)
    raise NotConforming(f"what was pending still is after {_SETTLE_MS_MAX} ms")
