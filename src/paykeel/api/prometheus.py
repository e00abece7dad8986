"""``/metrics`` for Prometheus: there while that sink is on, and closed to whoever shows nothing.

Being on the same machine opens nothing: behind a proxy everybody seems to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from paykeel.api.call import call_of
from paykeel.api.payments import authenticate
from paykeel.errors import NotFound
from paykeel.merchants.keys import Scope
from paykeel.metrics.sinks.prometheus import (
    CONTENT_TYPE,
    read_merchants,
    read_now,
    read_totals,
    render,
    render_omitted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.core import Core

#: More merchants than these are not told of in one answer, which says how many it left out; a key
#: of each shows its own.
MERCHANTS_MAX = 1_000


class PrometheusRoutes:
    """The handler."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the route; it is no part of the API, whose version it does not follow."""
        app.add_api_route(
            "/metrics",
            self.metrics,
            methods=["GET"],
            response_class=Response,
            response_model=None,
            name="metrics",
            include_in_schema=False,
        )

    async def metrics(self, request: Request) -> Response:
        """Write the totals: of all merchants to the token, of its own to an API key."""
        core, call = self._core_of(), call_of(request.scope)
        sinks = core.metric_sinks
        options = sinks.options
        if not options.prometheus:
            raise NotFound("Prometheus is not among PAYKEEL_METRICS_SINKS.")
        _, _, secret = (call.authorization or "").partition(" ")
        if sinks.may_read_all(secret.strip(" ")):
            wanted, omitted = await read_merchants(core.database, options.plan.modes, MERCHANTS_MAX)
            datums = await read_totals(core.database, wanted, options.plan.sets)
            datums += await read_now(core.database, options.plan.modes, options.plan.lag)
            text = render(datums) + render_omitted(omitted)
        else:
            merchant_id = await authenticate(core, call, Scope.METRICS_READ)
            merchant = await core.merchants.get(merchant_id)
            modes = {merchant_id: merchant.mode}
            text = render(await read_totals(core.database, modes, options.plan.sets))
        return Response(text, 200, None, CONTENT_TYPE)
