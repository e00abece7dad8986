"""The routes of metrics: figures of a period, with their formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from paykeel.api import metrics_openapi as described
from paykeel.api.call import call_of
from paykeel.api.payments import authenticate
from paykeel.api.queries import read_parameters
from paykeel.api.routing import add_routes, json_answer
from paykeel.errors import InvalidField
from paykeel.merchants.keys import Scope
from paykeel.metrics import Asked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from paykeel.core import Core
    from paykeel.metrics import PaymentMetricsService

METRICS = "/v1/metrics"


class MetricsRoutes:
    """The handlers. They read, and change nothing."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        add_routes(app, "metrics", [
            ("GET", f"{METRICS}/summary", self.summary, 200, described.SUMMARY),
            ("GET", f"{METRICS}/timeseries", self.timeseries, 200, described.TIMESERIES),
            ("GET", f"{METRICS}/failures", self.failures, 200, described.FAILURES),
            ("GET", f"{METRICS}/latency", self.latency, 200, described.LATENCY),
            ("GET", f"{METRICS}/revenue", self.revenue, 200, described.REVENUE),
            ("GET", f"{METRICS}/fraud", self.fraud, 200, described.FRAUD),
        ])  # fmt: skip

    async def summary(self, request: Request) -> Response:
        """Tell how a period went: success, failures, durations, revenue, fraud."""
        return await self._answer(request, "summary", lambda metrics: metrics.summary)

    async def timeseries(self, request: Request) -> Response:
        """Tell the figures of each piece of a period, at most 120 of them."""
        return await self._answer(request, "timeseries", lambda metrics: metrics.timeseries)

    async def failures(self, request: Request) -> Response:
        """Tell why purchases failed, who can mend it, and whether a retry can help."""
        return await self._answer(request, "failures", lambda metrics: metrics.failures)

    async def latency(self, request: Request) -> Response:
        """Tell how long each stage of a purchase took."""
        return await self._answer(request, "latency", lambda metrics: metrics.latency)

    async def revenue(self, request: Request) -> Response:
        """Tell what came in and went back, each currency by itself."""
        metrics, merchant_id, given = await self._read(request, "revenue")
        reference = given.pop("reference", "false")
        if reference not in {"true", "false"}:
            raise InvalidField("reference", "boolean_required", "This must be true or false.")
        asked = Asked(**given)
        return json_answer(await metrics.revenue(merchant_id, asked, reference=reference == "true"))

    async def fraud(self, request: Request) -> Response:
        """Tell what fraud prevention stopped, what waits, and the card network's ratio."""
        return await self._answer(request, "fraud", lambda metrics: metrics.fraud)

    async def _read(
        self, request: Request, kind: str
    ) -> tuple[PaymentMetricsService, UUID, dict[str, str]]:
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.METRICS_READ)
        known = set(described.PARAMETERS[kind])
        return core.metrics, merchant_id, read_parameters(request.scope["query_string"], known)

    async def _answer(
        self,
        request: Request,
        kind: str,
        find: Callable[[PaymentMetricsService], Callable[[UUID, Asked], Awaitable[dict[str, Any]]]],
    ) -> Response:
        metrics, merchant_id, given = await self._read(request, kind)
        return json_answer(await find(metrics)(merchant_id, Asked(**given)))
