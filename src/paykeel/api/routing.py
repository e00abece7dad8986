"""What the routes of one subject have in common: how they are added, and how they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from paykeel.api.describing import Document

    Handler = Callable[[Request], Awaitable[Response]]
    #: Method, path, handler, status when all is well, and what the documentation says.
    Route = tuple[str, str, Handler, int, Document]


def add_routes(app: FastAPI, tag: str, routes: Iterable[Route]) -> None:
    """Add routes; an operation is named for its handler and the tag."""
    for method, path, handler, status, documented in routes:
        name: str = handler.__name__
        app.add_api_route(
            path,
            handler,
            methods=[method],
            status_code=status,
            response_class=Response,
            response_model=None,
            openapi_extra=dict(documented),
            name=name,
            operation_id=f"{name}_{tag}",
            tags=[tag],
        )


def json_answer(
    document: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a document."""
    return Response(encode(document), status, headers, JSON)


def page_of(data: list[dict[str, Any]], next_cursor: str | None = None) -> dict[str, Any]:
    """Return a page of a listing; without a cursor it is the last one."""
    return {"object": "list", "data": data, "next_cursor": next_cursor}
