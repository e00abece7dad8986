"""The routes of alerts, and of why a purchase was judged as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import FastAPI, Request, Response

from paykeel.api import fraud_alert_openapi
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.payments import authenticate, payment_id_of
from paykeel.api.queries import read_page, read_parameters
from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.explaining import decision_document
from paykeel.merchants.keys import Scope
from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode
from paykeel.payments.model import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.core import Core


class FraudAlertRoutes:
    """The handlers. What they tell is for the merchant's risk people, and for no buyer."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        alerts = "/v1/fraud/alerts"
        for method, path, handler, documented in (
            ("GET", alerts, self.alerts, fraud_alert_openapi.ALERTS),
            (
                "POST",
                f"{alerts}/{{alert_id}}/acknowledge",
                self.acknowledge,
                fraud_alert_openapi.ACKNOWLEDGE,
            ),
            ("GET", "/v1/payments/{payment_id}/fraud", self.explain, fraud_alert_openapi.EXPLAIN),
        ):
            app.add_api_route(
                path,
                handler,
                methods=[method],
                status_code=200,
                response_class=Response,
                response_model=None,
                openapi_extra=dict(documented),
                name=handler.__name__,
                operation_id=f"{handler.__name__}_fraud",
                tags=["fraud"],
            )

    async def alerts(self, request: Request) -> Response:
        """List alerts, newest first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        given, cursor, rows = read_page(request.scope["query_string"], "status")
        page = await core.alerts.list(merchant_id, given.get("status"), cursor, rows)
        document = {
            "object": "list",
            "data": [alert.document() for alert in page.alerts],
            "next_cursor": page.next_cursor,
        }
        return Response(encode(document), 200, None, JSON)

    async def acknowledge(self, request: Request) -> Response:
        """Say that somebody has seen an alert; what follows makes a new one."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.FRAUD_WRITE)
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"author"})
        author = document.get("author")
        if author is None:
            raise InvalidField("author", "field_required", "The field author is missing.")
        alert = await core.alerts.acknowledge(merchant_id, _alert_id_of(request), author)
        return Response(encode(alert.document()), 200, None, JSON)

    async def explain(self, request: Request) -> Response:
        """Explain why a purchase was judged as it was."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        read_parameters(request.scope["query_string"], set())
        said = await core.fraud.explain(merchant_id, payment_id_of(request))
        return Response(encode(decision_document(said)), 200, None, JSON)


def _alert_id_of(request: Request) -> UUID:
    """Return the id in the path; one that cannot be an id is answered as one that is nobody's."""
    text: str = request.path_params["alert_id"]
    try:
        alert_id = UUID(text)
    except ValueError:
        alert_id = None
    if alert_id is None or str(alert_id) != text:
        raise NotFound("There is no such alert.")
    return alert_id
