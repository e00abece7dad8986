"""Adapters that stand before the placeholder: they implement the port and pass every call on.

What each adds is what a test needs an adapter to do at a moment that it chooses: die, wait, or
spoil our reference.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, TypeVar

from paykeel.gateways.port import Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from paykeel.gateways.placeholder import PlaceholderGateway
    from paykeel.gateways.port import (
        Capabilities,
        ChargeRequest,
        FollowUpRequest,
        LookupOutcome,
        Notice,
        Outcome,
    )

T = TypeVar("T")


def die() -> NoReturn:
    """End this very process as a power cut would: nothing is finished, nothing is written."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


class Passing:
    """Passes every call on. ``before`` and ``after`` are what the others put in the way."""

    def __init__(self, inner: PlaceholderGateway) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    async def before(self, verb: str, subject: str) -> None:
        """Called before a call is passed on; ``subject`` is a payment method or a reference."""

    async def after(self, verb: str, subject: str) -> None:
        """Called when the answer is there and has not been given to anybody."""

    async def _pass(self, verb: str, subject: str, call: Awaitable[T]) -> T:
        await self.before(verb, subject)
        try:
            return await call
        finally:
            # A connection that breaks is an answer of its kind: the gateway has acted all the same.
            await self.after(verb, subject)

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        call = self._inner.charge(request, deadline_ms)
        return await self._pass("charge", request.payment_method, call)

    async def capture(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        call = self._inner.capture(request, deadline_ms)
        return await self._pass("capture", request.reference, call)

    async def void(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        call = self._inner.void(request, deadline_ms)
        return await self._pass("void", request.reference, call)

    async def refund(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        call = self._inner.refund(request, deadline_ms)
        return await self._pass("refund", request.reference, call)

    async def complete(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        call = self._inner.complete(request, deadline_ms)
        return await self._pass("complete", request.reference, call)

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        return await self._pass("lookup", reference, self._inner.lookup(reference, deadline_ms))

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        return self._inner.parse_webhook(headers, body)

    async def close(self) -> None:
        await self._inner.close()


class Deadly(Passing):
    """Kills its own process right before, or right after, a call is passed on."""

    def __init__(self, inner: PlaceholderGateway, at: str, victim: str | None) -> None:
        """Take the moment, such as ``charge:before``, and whose charge it is; none: anybody's."""
        super().__init__(inner)
        self._at = at
        self._victim = victim

    async def before(self, verb: str, subject: str) -> None:
        if self._at == f"{verb}:before" and self._victim in {None, subject}:
            # Long enough for duplicates in the other process to be waiting.
            await asyncio.sleep(0.1)
            die()

    async def after(self, verb: str, subject: str) -> None:
        if self._at == f"{verb}:after" and self._victim in {None, subject}:
            die()


class Recording(Passing):
    """Takes its time with each look-up, and remembers from when to when each one lasted."""

    def __init__(self, inner: PlaceholderGateway, look_ms: int) -> None:
        super().__init__(inner)
        self._look_ms = look_ms
        self.looks: list[tuple[str, float, float]] = []
        self.charges: list[str] = []

    async def before(self, verb: str, subject: str) -> None:
        if verb == "charge":
            self.charges.append(subject)

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        # The machine's steady clock is one for all its processes.
        began = time.monotonic()
        outcome = await super().lookup(reference, deadline_ms)
        await asyncio.sleep(self._look_ms / 1000)
        self.looks.append((reference, began, time.monotonic()))
        return outcome


class Forgetful(Passing):
    """What an adapter must not be: it sends a name of its own making instead of our reference.

    The name is that of the payment, which no longer is the same once the database forgot it.
    """

    def __init__(self, inner: PlaceholderGateway) -> None:
        super().__init__(inner)
        self._names: dict[str, str] = {}

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        own = hashlib.sha256(request.payment_id.encode()).hexdigest()
        self._names[request.reference] = own
        return await self._inner.charge(replace(request, reference=own), deadline_ms)

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        own = self._names.get(reference)
        # It never sends again for want of knowledge, so what is doubled is doubled by the name.
        return Unknown("no name") if own is None else await self._inner.lookup(own, deadline_ms)


class Holding(Passing):
    """Holds every call of one verb until so many of them are inside, and then until released."""

    def __init__(self, inner: PlaceholderGateway, verb: str, calls: int) -> None:
        super().__init__(inner)
        self._verb = verb
        self._calls = calls
        self._inside = 0
        self.full = asyncio.Event()
        self.go_on = asyncio.Event()

    async def before(self, verb: str, subject: str) -> None:
        if verb == self._verb:
            self._inside += 1
            if self._inside >= self._calls:
                self.full.set()
            await self.go_on.wait()
