"""Gateways for the tests: the placeholder with a door, and one whose every answer is given."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from paykeel.gateways.port import Capabilities, NotFound, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paykeel.gateways.placeholder import PlaceholderGateway
    from paykeel.gateways.port import (
        ChargeRequest,
        FollowUpRequest,
        LookupOutcome,
        Notice,
        Outcome,
    )


class Told:
    """Answers what it is told to, and remembers what it was asked; it moves nothing."""

    def __init__(self, name: str = "told", *, live: bool = False, **capabilities: int) -> None:
        self._name = name
        self._capabilities = Capabilities(live=live, **capabilities)  # type: ignore[arg-type]
        self.asked: list[tuple[str, str]] = []
        #: The next answers of each verb; without any it is in the dark.
        self.answers: dict[str, list[Outcome | Exception]] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def will(self, verb: str, *answers: Outcome | Exception) -> None:
        """Say what the next calls of a verb are answered."""
        self.answers.setdefault(verb, []).extend(answers)

    def _answer(self, verb: str, reference: str) -> Outcome:
        self.asked.append((verb, reference))
        waiting = self.answers.get(verb)
        answer = waiting.pop(0) if waiting else Unknown("silent")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def charge(self, request: ChargeRequest, deadline_ms: int) -> Outcome:
        return self._answer("charge", request.reference)

    async def capture(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        return self._answer("capture", request.reference)

    async def void(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        return self._answer("void", request.reference)

    async def refund(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        return self._answer("refund", request.reference)

    async def lookup(self, reference: str, deadline_ms: int) -> LookupOutcome:
        found = self._answer("lookup", reference)
        return NotFound() if found == Unknown("not found") else found  # type: ignore[return-value]

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        raise NotImplementedError

    async def close(self) -> None:
        """Hold nothing."""


class Door:
    """The placeholder behind a door: what it answers to a follow-up stays inside until opened."""

    def __init__(self, inner: PlaceholderGateway) -> None:
        self._inner = inner
        self.open = asyncio.Event()
        self.name = inner.name
        self.capabilities = inner.capabilities
        self.charge = inner.charge
        self.refund = inner.refund
        self.complete = inner.complete
        self.lookup = inner.lookup
        self.parse_webhook = inner.parse_webhook
        self.close = inner.close

    async def capture(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        outcome = await self._inner.capture(request, deadline_ms)
        await self.open.wait()
        return outcome

    async def void(self, request: FollowUpRequest, deadline_ms: int) -> Outcome:
        outcome = await self._inner.void(request, deadline_ms)
        await self.open.wait()
        return outcome
