"""The application: routes behind the edge. It can be served alone or mounted in another one."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from paykeel.api.edge import Edge, Limits
from paykeel.api.fraud_alerts import FraudAlertRoutes
from paykeel.api.fraud_labels import FraudLabelRoutes
from paykeel.api.fraud_lists import FraudListRoutes
from paykeel.api.fraud_reviews import FraudReviewRoutes
from paykeel.api.fraud_rules import FraudRuleRoutes
from paykeel.api.health import HealthRoutes
from paykeel.api.metric_alerts import MetricAlertRoutes
from paykeel.api.metrics import MetricsRoutes
from paykeel.api.openapi import API_VERSION, describe
from paykeel.api.payments import PaymentRoutes
from paykeel.api.problems import request_id_of, routing_problem
from paykeel.api.prometheus import PrometheusRoutes
from paykeel.api.quotes import QuoteRoutes
from paykeel.api.refund_policies import RefundPolicyRoutes
from paykeel.api.refunds import RefundRoutes
from paykeel.api.terms import TermsRoutes
from paykeel.api.terms_acceptances import TermsAcceptanceRoutes
from paykeel.api.terms_texts import TermsTextRoutes
from paykeel.core import Core
from paykeel.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from paykeel.settings import Settings

    Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


#: The edge.
_OWN_LAYERS = 1


#: Of everything but payments, which has short ways, too.
_ROUTES = (
    QuoteRoutes,
    FraudRuleRoutes,
    FraudListRoutes,
    FraudLabelRoutes,
    FraudReviewRoutes,
    FraudAlertRoutes,
    TermsRoutes,
    TermsAcceptanceRoutes,
    TermsTextRoutes,
    RefundPolicyRoutes,
    RefundRoutes,
    MetricsRoutes,
    MetricAlertRoutes,
    PrometheusRoutes,
    HealthRoutes,
)


class _Api(FastAPI):
    """The application, with a short way for what is asked most.

    The layers and routes of the framework took a quarter of all that a purchase over HTTP cost.
    """

    short: Mapping[tuple[str, str], ASGIApp] = MappingProxyType({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        # An application that adds a layer of its own wants every request to go through it.
        if scope["type"] == "http" and len(self.user_middleware) == _OWN_LAYERS:
            # Mounted in another application, the path begins with where it is mounted.
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            app = self.short.get((scope["method"], path))
            if app is not None:
                await app(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def build_app(
    core: Core | Callable[[], Core | None],
    *,
    settings: Settings | None = None,
    lifespan: Lifespan | None = None,
    access_log: bool = False,
) -> FastAPI:
    """Return the HTTP API.

    It neither opens nor closes the core, and needs no lifespan of its own, since an application
    that is mounted in another one is never told that it starts.

    Args:
        core: The open core; or a function that finds it, which may say ``None`` while there is
            none, and requests are then answered 503.
        settings: The limits of a request; those of the core when it is given.
        lifespan: For an application that is served by itself.
        access_log: Whether each request writes a line. An application that mounts this one has a
            log of its own; ``paykeel.log.redact`` belongs among its structlog processors.
    """
    if isinstance(core, Core):
        opened = core
        settings = settings or opened.settings
        find: Callable[[], Core | None] = lambda: opened  # noqa: E731 - told of right here
    else:
        find = core
    if settings is None:
        message = "a core that is found later needs its settings now"
        raise TypeError(message)

    def core_of() -> Core:
        found = find()
        if found is None:
            raise Unavailable
        return found

    payments = PaymentRoutes(core_of)
    limits = Limits(body_bytes_max=settings.body_bytes_max, body_ms_max=settings.body_ms_max)
    app = _Api(
        title="Paykeel",
        version=API_VERSION,
        openapi_url="/v1/openapi.json",
        # Their pages load scripts from elsewhere; any viewer can read the address above.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[Middleware(Edge, limits=limits, access_log=access_log)],
        # Every PaykeelError goes up to the edge, which answers it.
        exception_handlers={HTTPException: _answer_routing},
    )
    app.short = {
        place: Edge(handler, limits=limits, access_log=access_log)
        for place, handler in payments.short().items()
    }
    payments.add_to(app)
    for routes in _ROUTES:
        routes(core_of).add_to(app)

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


async def _answer_routing(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return routing_problem(error, request_id_of(request))
