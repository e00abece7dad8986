"""The bench for the placeholder: its tokens say what the outside party does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from paykeel.gateways.conformance import Behaviour
from paykeel.gateways.placeholder import PlaceholderGateway
from paykeel.gateways.port import DeclineReason, RequiresAction

_TOKENS: Mapping[Behaviour, str] = {
    Behaviour.SUCCEEDS: "pm_ok",
    Behaviour.LOST_RESPONSE: "pm_lost_response",
    Behaviour.TIMEOUT_BEFORE: "pm_timeout",
    Behaviour.TIMEOUT_AFTER: "pm_timeout_then_succeeded",
    Behaviour.SERVER_ERROR_BEFORE: "pm_5xx_before",
    Behaviour.SERVER_ERROR_AFTER: "pm_5xx_after",
    Behaviour.NOT_SENT: "pm_not_sent",
    Behaviour.WRONG_AMOUNT: "pm_wrong_amount",
    Behaviour.REQUIRES_ACTION: "pm_requires_action",
    Behaviour.PENDING_THEN_SUCCEEDED: "pm_pending_then_succeeded_100",
    Behaviour.PENDING_THEN_DECLINED: "pm_pending_then_declined_100",
}
_FOLLOW_UPS: Mapping[Behaviour, str] = {
    Behaviour.LOST_RESPONSE: "lost_response",
    Behaviour.TIMEOUT_AFTER: "timeout_then_succeeded",
}


class PlaceholderBench:
    """Scripts the placeholder, and counts in its books."""

    deadline_ms = 500
    currencies: Sequence[str] = ("JPY", "EUR", "KWD")
    dated = True

    def __init__(self, gateway: PlaceholderGateway) -> None:
        self._gateway = gateway

    async def script(self, behaviour: Behaviour) -> str | None:
        return _TOKENS[behaviour]

    async def script_decline(self, reason: DeclineReason) -> str | None:
        return f"pm_{reason}"

    async def script_follow_up(
        self, kind: Literal["capture", "void", "refund"], behaviour: Behaviour
    ) -> str | None:
        suffix = _FOLLOW_UPS.get(behaviour)
        return None if suffix is None else f"pm_{kind}_{suffix}"

    async def movements(self, reference: str) -> int:
        return await self._gateway.movements(reference=reference)

    async def act(self, reference: str, result: str) -> bool:
        outcome = await self._gateway.complete_action(reference, result)
        return not isinstance(outcome, RequiresAction)

    async def webhooks(self, reference: str) -> Sequence[tuple[Mapping[str, str], bytes]] | None:
        return await self._gateway.webhooks(reference)

    def sign(self, body: bytes, at_s: int) -> Mapping[str, str]:
        return self._gateway.sign(body, at_s)
