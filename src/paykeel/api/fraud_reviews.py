"""The routes of reviews: what waits for a person, and what a person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from paykeel.api import fraud_review_openapi
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.payments import authenticate, payment_id_of
from paykeel.api.queries import read_page
from paykeel.errors import InvalidField
from paykeel.merchants.keys import Scope
from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode
from paykeel.payments.model import refuse_unknown
from paykeel.payments.review_documents import details_document, note_document, review_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from paykeel.core import Core

PATH = "/v1/fraud/reviews"


class FraudReviewRoutes:
    """The handlers. Whoever decides is named in the body, and is written into the history."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        one = f"{PATH}/{{payment_id}}"
        for method, path, handler, status, documented in (
            ("GET", PATH, self.list, 200, fraud_review_openapi.LIST),
            ("GET", one, self.get, 200, fraud_review_openapi.GET),
            ("POST", f"{one}/assign", self.assign, 200, fraud_review_openapi.ASSIGN),
            ("POST", f"{one}/notes", self.note, 201, fraud_review_openapi.NOTE),
            ("POST", f"{one}/approve", self.approve, 200, fraud_review_openapi.APPROVE),
            ("POST", f"{one}/reject", self.reject, 200, fraud_review_openapi.REJECT),
        ):
            app.add_api_route(
                path,
                handler,
                methods=[method],
                status_code=status,
                response_class=Response,
                response_model=None,
                openapi_extra=dict(documented),
                name=handler.__name__,
                operation_id=f"{handler.__name__}_fraud_review",
                tags=["fraud"],
            )

    async def list(self, request: Request) -> Response:
        """List what waits for a person, the soonest due first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        given, cursor, rows = read_page(request.scope["query_string"], "assignee", "reason")
        page = await core.reviews.list(
            merchant_id=merchant_id,
            assignee=given.get("assignee"),
            reason=given.get("reason"),
            cursor=cursor,
            rows_max=rows,
        )
        document = {
            "object": "list",
            "data": [review_document(review) for review in page.reviews],
            "next_cursor": page.next_cursor,
        }
        return _json(document)

    async def get(self, request: Request) -> Response:
        """Get one review with its payment, the decision that held it, and its notes."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        return await _details(core, merchant_id, payment_id_of(request))

    async def assign(self, request: Request) -> Response:
        """Say who looks at it, or that nobody does."""
        core = self._core_of()
        merchant_id, document = await self._read(request, {"assignee"})
        if "assignee" not in document:
            raise InvalidField("assignee", "field_required", "Name a person, or null for nobody.")
        review = await core.reviews.assign(
            payment_id_of(request),
            merchant_id=merchant_id,
            operator=document["operator"],
            assignee=document["assignee"],
        )
        return _json(review_document(review))

    async def note(self, request: Request) -> Response:
        """Add a note, before or after it is decided."""
        core = self._core_of()
        merchant_id, document = await self._read(request, {"text"})
        if document.get("text") is None:
            raise InvalidField("text", "field_required", "The field text is missing.")
        note = await core.reviews.note(
            payment_id_of(request),
            merchant_id=merchant_id,
            operator=document["operator"],
            text=document["text"],
        )
        return _json(note_document(note), 201)

    async def approve(self, request: Request) -> Response:
        """Approve: when enough people have, the purchase goes on."""
        core = self._core_of()
        # It moves money, and needs the right to.
        await authenticate(core, call_of(request.scope), Scope.PAYMENTS_WRITE)
        merchant_id, document = await self._read(request, {"note"})
        payment_id = payment_id_of(request)
        await core.reviews.approve(
            payment_id,
            merchant_id=merchant_id,
            operator=document["operator"],
            note=document.get("note"),
        )
        return await _details(core, merchant_id, payment_id)

    async def reject(self, request: Request) -> Response:
        """Reject: nothing was sent, and nothing will be."""
        core = self._core_of()
        merchant_id, document = await self._read(request, {"note", "label"})
        payment_id = payment_id_of(request)
        await core.reviews.reject(
            payment_id,
            merchant_id=merchant_id,
            operator=document["operator"],
            note=document.get("note"),
            label=document.get("label"),
        )
        return await _details(core, merchant_id, payment_id)

    async def _read(self, request: Request, known: set[str]) -> tuple[UUID, dict[str, Any]]:
        """Return whose key it is, and the body, which names the operator."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.FRAUD_WRITE)
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"operator", *known})
        if document.get("operator") is None:
            raise InvalidField("operator", "field_required", "The field operator is missing.")
        return merchant_id, document


async def _details(core: Core, merchant_id: UUID, payment_id: UUID) -> Response:
    found = await core.reviews.get(payment_id, merchant_id=merchant_id)
    return _json(details_document(found))


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(encode(document), status, None, JSON)
