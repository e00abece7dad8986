"""The routes of labels: what a payment turned out to be, and since when that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from paykeel.api import fraud_label_openapi
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.payments import authenticate, payment_id_of
from paykeel.api.queries import read_parameters
from paykeel.errors import InvalidField
from paykeel.fraud.labels import NewLabel, read_instant
from paykeel.merchants.keys import Scope
from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode
from paykeel.payments.model import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.core import Core

PATH = "/v1/payments/{payment_id}/labels"


class FraudLabelRoutes:
    """The handlers. Saying the same again is answered alike, and adds nothing."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        for method, handler, status, documented in (
            ("POST", self.add, 201, fraud_label_openapi.ADD),
            ("GET", self.labels, 200, fraud_label_openapi.LABELS),
        ):
            app.add_api_route(
                PATH,
                handler,
                methods=[method],
                status_code=status,
                response_class=Response,
                response_model=None,
                openapi_extra=dict(documented),
                name=handler.__name__,
                operation_id=f"{handler.__name__}_payment_label",
                tags=["fraud"],
            )

    async def add(self, request: Request) -> Response:
        """Label a payment as fraud or genuine."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.FRAUD_WRITE)
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"label", "source", "known_at", "author"})
        for name in ("label", "source", "author"):
            if document.get(name) is None:
                raise InvalidField(name, "field_required", f"The field {name} is missing.")
        known_at = document.get("known_at")
        new = NewLabel(
            label=document["label"],
            source=document["source"],
            payment_id=payment_id_of(request),
            known_at=None if known_at is None else read_instant(known_at, "known_at"),
        )
        found, added = await core.labels.add(
            new, merchant_id=merchant_id, author=document["author"]
        )
        return Response(encode(found.document()), 201 if added else 200, None, JSON)

    async def labels(self, request: Request) -> Response:
        """List a payment's labels, in the order in which they became known."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        read_parameters(request.scope["query_string"], set())
        found = await core.labels.list(payment_id_of(request), merchant_id=merchant_id)
        document = {"object": "list", "data": [one.document() for one in found]}
        return Response(encode(document), 200, None, JSON)
