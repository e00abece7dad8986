"""The routes of lists: what is on one, what is put there and what is taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from paykeel.api import fraud_openapi
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.payments import authenticate
from paykeel.api.queries import read_page
from paykeel.errors import InvalidField, NotFound
from paykeel.fraud.lists import read_entry
from paykeel.merchants.keys import Scope
from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode
from paykeel.payments.model import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.core import Core

PATH = "/v1/fraud/lists/{list}/items"


class FraudListRoutes:
    """The handlers. Values come in bodies, never in addresses, which are logged."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        for method, handler, status, documented in (
            ("GET", self.items, 200, fraud_openapi.ITEMS),
            ("POST", self.add, 200, fraud_openapi.ADD_ITEM),
            ("DELETE", self.remove, 204, fraud_openapi.REMOVE_ITEM),
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
                operation_id=f"{handler.__name__}_fraud_list",
                tags=["fraud"],
            )

    async def items(self, request: Request) -> Response:
        """List what is on a list now, newest first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        _, cursor, rows = read_page(request.scope["query_string"])
        page = await core.fraud_lists.show(merchant_id, _name(request), cursor, rows)
        document = {
            "object": "list",
            "data": [item.document() for item in page.items],
            "next_cursor": page.next_cursor,
        }
        return Response(encode(document), 200, None, JSON)

    async def add(self, request: Request) -> Response:
        """Put a value on a list, or write anew why it is there and until when."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.FRAUD_WRITE)
        document = await read_document(request.receive, call)
        author = document.pop("author", None)
        if author is None:
            raise InvalidField("author", "field_required", "The field author is missing.")
        entry = read_entry(document, core.database.now())
        items = await core.fraud_lists.add(merchant_id, _name(request), entry, author)
        return Response(encode(items[0].document()), 200, None, JSON)

    async def remove(self, request: Request) -> Response:
        """Take a value, or an item, off a list."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.FRAUD_WRITE)
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"kind", "value", "id"})
        name, item_id = _name(request), document.get("id")
        if item_id is None:
            for field in ("kind", "value"):
                if document.get(field) is None:
                    raise InvalidField(field, "field_required", "Name kind and value, or id.")
            await core.fraud_lists.remove(merchant_id, name, document["kind"], document["value"])
        elif not isinstance(item_id, str):
            raise InvalidField("id", "text_required", "This must be text.")
        else:
            await core.fraud_lists.remove_item(merchant_id, name, item_id)
        return Response(status_code=204)


def _name(request: Request) -> str:
    """Return the list in the path; one that cannot be a list's name is nobody's."""
    name: str = request.path_params["list"]
    if not name.isprintable() or len(name) > 40:
        raise NotFound("There is no such list.")
    return name
