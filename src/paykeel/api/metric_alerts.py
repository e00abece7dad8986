"""The routes of alerts on metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import FastAPI, Request, Response

from paykeel.api import metric_alert_openapi as described
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.payments import authenticate
from paykeel.api.queries import read_page
from paykeel.api.routing import add_routes, json_answer
from paykeel.errors import InvalidField, NotFound
from paykeel.merchants.keys import Scope
from paykeel.payments.model import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.core import Core

ALERTS = "/v1/metrics/alerts"


class MetricAlertRoutes:
    """The handlers."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        acknowledge = f"{ALERTS}/{{alert_id}}/acknowledge"
        add_routes(app, "metrics", [
            ("GET", ALERTS, self.alerts, 200, described.ALERTS),
            ("POST", acknowledge, self.acknowledge, 200, described.ACKNOWLEDGE),
        ])  # fmt: skip

    async def alerts(self, request: Request) -> Response:
        """List alerts on metrics, newest first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.METRICS_READ)
        given, cursor, rows = read_page(request.scope["query_string"], "status")
        page = await core.metric_alerts.list(merchant_id, given.get("status"), cursor, rows)
        return json_answer(
            {
                "object": "list",
                "data": [alert.document() for alert in page.alerts],
                "next_cursor": page.next_cursor,
            }
        )

    async def acknowledge(self, request: Request) -> Response:
        """Say that somebody looks after an alert; it goes on until it is over."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.METRICS_WRITE)
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"author"})
        author = document.get("author")
        if author is None:
            raise InvalidField("author", "field_required", "The field author is missing.")
        alert = await core.metric_alerts.acknowledge(merchant_id, _alert_id_of(request), author)
        return json_answer(alert.document())


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
