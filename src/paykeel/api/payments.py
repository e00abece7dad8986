"""The routes of purchases and payments: read the request, ask the service, pass on its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import FastAPI, Request, Response

from paykeel.api import openapi
from paykeel.api.bodies import read_document
from paykeel.api.call import Call, call_of
from paykeel.api.queries import read_events_page, read_listing
from paykeel.errors import InvalidField, NotFound, Unauthenticated
from paykeel.fraud.refusals import AMOUNT_FIELDS, facts_of_document
from paykeel.merchants.keys import Scope
from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode, instant
from paykeel.payments.model import PurchaseRequest, refuse_unknown
from paykeel.payments.purchase import PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as StarletteScope

    from paykeel.core import Core
    from paykeel.idempotency import Answer
    from paykeel.merchants.keys import ApiKey
    from paykeel.payments.model import Event

_REPLAYED = {"Idempotent-Replayed": "true"}


class PaymentRoutes:
    """The handlers. Each is short: who asks, what is asked, what the service says."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each.

        To the application itself and not by a router, which each request would pay for.
        """
        one = "/payments/{payment_id}"
        for method, path, handler, status, documented in (
            ("POST", PATH.removeprefix("/v1"), self.purchase, 201, openapi.PURCHASE),
            ("GET", "/payments", self.list, 200, openapi.LIST),
            ("GET", one, self.get, 200, openapi.GET),
            ("GET", f"{one}/events", self.events, 200, openapi.EVENTS),
            ("POST", f"{one}/capture", self.capture, 200, openapi.CAPTURE),
            ("POST", f"{one}/cancel", self.cancel, 200, openapi.CANCEL),
            ("POST", f"{one}/actions", self.complete, 200, openapi.ACTIONS),
        ):
            app.add_api_route(
                f"/v1{path}",
                handler,
                methods=[method],
                status_code=status,
                response_class=Response,
                response_model=None,
                openapi_extra=dict(documented),
                name=handler.__name__,
                operation_id=f"{handler.__name__}_payment",
                tags=["payments"],
            )

    def short(self) -> Mapping[tuple[str, str], ASGIApp]:
        """Return what is asked so often that it goes past the framework, by method and path."""

        async def purchase(scope: StarletteScope, receive: Receive, send: Send) -> None:
            response = await self._purchase(call_of(scope), receive)
            await response(scope, receive, send)

        return {("POST", PATH): purchase}

    async def purchase(self, request: Request) -> Response:
        """Purchase: run one purchase, at most once for each key."""
        return await self._purchase(call_of(request.scope), request.receive)

    async def _purchase(self, call: Call, receive: Receive) -> Response:
        core = self._core_of()
        merchant_id = await authenticate(core, call, Scope.PURCHASES_WRITE)
        document = await read_document(receive, call)
        try:
            asked = PurchaseRequest.from_document(document)
        except InvalidField as error:
            if error.field in AMOUNT_FIELDS:
                facts = facts_of_document(error, document)
                await core.refusals.write(merchant_id, error.code, facts)
            raise
        answer = await core.payments.answer_purchase(
            asked,
            merchant_id=merchant_id,
            idempotency_key=call.idempotency_key,
        )
        return respond(answer)

    async def capture(self, request: Request) -> Response:
        """Capture what is reserved, all of it or a part."""
        call, core = call_of(request.scope), self._core_of()
        merchant_id = await authenticate(core, call, Scope.PAYMENTS_WRITE)
        document = await read_document(request.receive, call, optional=True)
        refuse_unknown(document, {"amount", "final"})
        final = document.get("final")
        if final is not None and not isinstance(final, bool):
            raise InvalidField("final", "boolean_required", "This must be true or false.")
        answer = await core.payments.answer_capture(
            payment_id_of(request),
            merchant_id=merchant_id,
            idempotency_key=call.idempotency_key,
            amount=document.get("amount"),
            final=True if final is None else final,
        )
        return respond(answer)

    async def cancel(self, request: Request) -> Response:
        """Cancel a payment that is not captured, and release what is reserved."""
        call, core = call_of(request.scope), self._core_of()
        merchant_id = await authenticate(core, call, Scope.PAYMENTS_WRITE)
        refuse_unknown(await read_document(request.receive, call, optional=True), set())
        answer = await core.payments.answer_cancel(
            payment_id_of(request),
            merchant_id=merchant_id,
            idempotency_key=call.idempotency_key,
        )
        return respond(answer)

    async def complete(self, request: Request) -> Response:
        """Complete the step that the buyer had to do."""
        call, core = call_of(request.scope), self._core_of()
        merchant_id = await authenticate(core, call, Scope.PAYMENTS_WRITE)
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"data"})
        data = document.get("data")
        if not isinstance(data, dict):
            code = "field_required" if data is None else "object_required"
            raise InvalidField("data", code, "This must be an object of texts.")
        answer = await core.payments.answer_completion(
            payment_id_of(request),
            merchant_id=merchant_id,
            idempotency_key=call.idempotency_key,
            data=data,
        )
        return respond(answer)

    async def get(self, request: Request) -> Response:
        """Get one payment with its timeline."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.PAYMENTS_READ)
        payment = await core.payments.get(payment_id_of(request), merchant_id=merchant_id)
        return _json(payment.document())

    async def events(self, request: Request) -> Response:
        """Get what happened to a payment, in order."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.PAYMENTS_READ)
        after, rows_max = read_events_page(request.scope["query_string"])
        events = await core.payments.events(
            payment_id_of(request), merchant_id=merchant_id, after=after, rows_max=rows_max
        )
        full = len(events) == rows_max
        document = {
            "object": "list",
            "data": [event_document(event) for event in events],
            "next_after": events[-1].sequence if full else None,
        }
        return _json(document)

    async def list(self, request: Request) -> Response:
        """List payments, newest first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.PAYMENTS_READ)
        filters, cursor, rows_max = read_listing(request.scope["query_string"])
        page = await core.payments.list(
            merchant_id=merchant_id, filters=filters, cursor=cursor, rows_max=rows_max
        )
        headers = {}
        if page.next_cursor is not None:
            headers["Link"] = f'<{_next_address(request, page.next_cursor)}>; rel="next"'
        document = {
            "object": "list",
            "data": [payment.document() for payment in page.payments],
            "next_cursor": page.next_cursor,
        }
        return _json(document, headers)


async def authenticate(core: Core, call: Call, scope: Scope) -> UUID:
    """Return the merchant whose key the request shows, if the key has the scope."""
    return (await authenticate_key(core, call, scope)).merchant_id


async def authenticate_key(core: Core, call: Call, scope: Scope) -> ApiKey:
    """Return the key that the request shows, if it has the scope.

    Raises:
        Unauthenticated: There is no key in ``Authorization: Bearer``, or it is not valid.
        Forbidden: It lacks the scope.
    """
    scheme, _, secret = (call.authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Send an API key as Authorization: Bearer <key>.")
    key = await core.keys.authenticate(secret.strip(" "))
    call.merchant_id = key.merchant_id
    key.allow(scope)
    return key


def payment_id_of(request: Request) -> UUID:
    """Return the id in the path; one that cannot be an id is answered as one that is nobody's."""
    text: str = request.path_params["payment_id"]
    try:
        payment_id = UUID(text)
    except ValueError:
        payment_id = None
    # One spelling only, so that a payment has one address.
    if payment_id is None or str(payment_id) != text:
        raise NotFound("There is no such payment.")
    return payment_id


def event_document(event: Event) -> dict[str, Any]:
    """Return an event as JSON-ready values, without what is Paykeel's own business."""
    return {
        "object": "event",
        "sequence": event.sequence,
        "type": event.type,
        "from_status": str(event.from_status),
        "status": str(event.to_status),
        "amount": event.amount,
        "authorized_delta": event.authorized_delta,
        "captured_delta": event.captured_delta,
        "refunded_delta": event.refunded_delta,
        "reserved_delta": event.reserved_delta,
        "disputed_delta": event.disputed_delta,
        "late_delta": event.late_delta,
        "refund_id": None if event.refund_id is None else str(event.refund_id),
        "reason": event.reason,
        "actor": event.actor,
        "at": instant(event.occurred_at),
    }


def respond(answer: Answer) -> Response:
    """Pass on an answer, byte for byte."""
    headers = _REPLAYED if answer.replayed else None
    return Response(answer.body, answer.status, headers, answer.content_type)


def _json(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode(document), 200, headers, JSON)


def _next_address(request: Request, cursor: str) -> str:
    """Return the next page's address, relative to the server, with the same filters."""
    query = request.scope["query_string"].decode("latin-1")
    kept = [(n, v) for n, v in parse_qsl(query, keep_blank_values=True) if n != "cursor"]
    return f"{request.scope['path']}?{urlencode([*kept, ('cursor', cursor)])}"
