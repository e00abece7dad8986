"""The pieces of which every route's OpenAPI description is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paykeel.api import examples
from paykeel.api.codes import CODES
from paykeel.payments.answers import JSON, PROBLEM

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]

REF = "#/components/schemas/{model}"
#: What any route behind a key can answer, whatever is asked.
ANYWHERE = (400, 401, 403, 422, 429, 500, 503)
BODIES = (408, 409, 413, 415)

MEANINGS = {
    400: "The request cannot be understood.",
    401: "No valid API key was given.",
    402: "It ended without money; the payment is carried along.",
    403: "The key lacks the scope, the merchant is suspended, or terms have to be accepted.",
    404: "There is none such, or it is another merchant's.",
    408: "The body took too long to arrive.",
    409: "The present state does not allow it, or the first request is still in flight.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A field is wrong, or the key was used for a different request.",
    429: "Too many requests are waiting.",
    500: "Something went wrong.",
    503: "It cannot be done now; repeat it later with the same key.",
}


def content(model: str, shown: Mapping[str, Any], media: str = JSON) -> Document:
    """Return a body of a model, with examples."""
    named = {name: {"value": value} for name, value in shown.items()}
    return {media: {"schema": {"$ref": REF.format(model=model)}, "examples": named}}


def answer(about: str, model: str, shown: Mapping[str, Any], **headers: str) -> Document:
    """Return an answer that is no problem."""
    document: Document = {"description": about, "content": content(model, shown)}
    if headers:
        document["headers"] = {
            name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    return document


def problems(*statuses: int) -> Document:
    """Return the problems of these statuses, each with the codes that it can have."""
    answers: Document = {}
    for status in sorted(statuses):
        codes = [code for code, kind in CODES.items() if kind.status == status]
        about = f"{MEANINGS[status]} Codes: {', '.join(f'`{code}`' for code in codes)}."
        model = "Decline" if status == 402 else "Problem"
        shown = {"problem": examples.problem(codes[0])}
        if status == 402:
            shown = {"declined": examples.DECLINE}
        answers[str(status)] = {
            "description": about,
            "content": content(model, shown, PROBLEM),
        }
    return answers


def parameter(name: str, place: str, about: str, schema: Document, **more: Any) -> Document:
    """Return a parameter."""
    return {"name": name, "in": place, "description": about, "schema": schema, **more}


def query(name: str, about: str, **schema: Any) -> Document:
    """Return an optional parameter of the query; it is text unless the schema says otherwise."""
    return parameter(name, "query", about, {"type": "string", **schema}, required=False)


def path(name: str, about: str, **schema: Any) -> Document:
    """Return a parameter of the path; it is text unless the schema says otherwise."""
    return parameter(name, "path", about, {"type": "string", **schema}, required=True)


def operation(
    answers: Document,
    parameters: list[Document],
    *statuses: int,
    body: tuple[str, Mapping[str, Any]] | None = None,
) -> Document:
    """Return a route behind a key: its answers, and the problems of these statuses."""
    document: Document = {"security": [{"api_key": []}], "parameters": parameters}
    if body is not None:
        document["requestBody"] = {"required": True, "content": content(*body)}
        statuses = (*statuses, *BODIES)
    document["responses"] = {**answers, **problems(*ANYWHERE, *statuses)}
    return document
