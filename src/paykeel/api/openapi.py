"""What OpenAPI says of each route, beyond what FastAPI finds out by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from paykeel.api import documents, examples
from paykeel.api.describing import ANYWHERE as _ANYWHERE
from paykeel.api.describing import BODIES as _BODIES
from paykeel.api.describing import REF as _REF
from paykeel.api.describing import Document
from paykeel.api.describing import answer as _answer
from paykeel.api.describing import content as _content
from paykeel.api.describing import parameter as _parameter
from paykeel.api.describing import problems as _problems
from paykeel.api.describing import query as _query
from paykeel.api.queries import (
    EVENTS_ROWS_DEFAULT,
    EVENTS_ROWS_MAX,
    PAYMENTS_ROWS_DEFAULT,
    PAYMENTS_ROWS_MAX,
)
from paykeel.idempotency.service import KEY_CHARACTERS_MAX
from paykeel.money import AMOUNT_MAX
from paykeel.payments.model import BUYER_ID_CHARACTERS_MAX, REFERENCE_CHARACTERS_MAX, BuyerRole
from paykeel.payments.states import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

API_VERSION = "1"

_KEY = _parameter(
    "Idempotency-Key",
    "header",
    "A name of your own for this very request: visible ASCII, bare or as a structured-field "
    "string. The same key with the same request is answered alike and moves nothing again.",
    {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
    required=True,
    example="order-17",
)
_PAYMENT_ID = _parameter(
    "payment_id", "path", "The payment's id.", {"type": "string", "format": "uuid"}, required=True
)


_AMOUNT: Document = {"type": "integer", "minimum": 0, "maximum": AMOUNT_MAX}
_FILTERS = [
    _query("status", "Only this status.", enum=[str(status) for status in Status]),
    _query("buyer_id", "Only this buyer.", minLength=1, maxLength=BUYER_ID_CHARACTERS_MAX),
    _query("buyer_role", "Only buyers in this role.", enum=[str(role) for role in BuyerRole]),
    _query("reference", "Only this order.", minLength=1, maxLength=REFERENCE_CHARACTERS_MAX),
    _query("currency", "Only this currency.", pattern="^[A-Z]{3}$"),
    _query("created_from", "Made at this instant or later.", format="date-time"),
    _query("created_to", "Made before this instant.", format="date-time"),
    _query("amount_min", "Of at least so many minor units.", **_AMOUNT),
    _query("amount_max", "Of at most so many minor units.", **_AMOUNT),
    _query("cursor", "`next_cursor` of the page before.", pattern="^[0-9a-f]{32}$"),
    _query(
        "limit",
        "How many.",
        type="integer",
        minimum=1,
        maximum=PAYMENTS_ROWS_MAX,
        default=PAYMENTS_ROWS_DEFAULT,
    ),
]
_EVENT_PAGE = [
    _query("after", "Only events after this one.", type="integer", minimum=0, default=0),
    _query(
        "limit",
        "How many.",
        type="integer",
        minimum=1,
        maximum=EVENTS_ROWS_MAX,
        default=EVENTS_ROWS_DEFAULT,
    ),
]


def _post(
    model: str,
    shown: Mapping[str, Any],
    answers: Document,
    *problems: int,
    on_payment: bool = True,
    optional: bool = False,
    keyed: bool = True,
) -> Document:
    return {
        "security": [{"api_key": []}],
        "parameters": [*([_PAYMENT_ID] if on_payment else []), *([_KEY] if keyed else [])],
        "requestBody": {"required": not optional, "content": _content(model, shown)},
        "responses": {**answers, **_problems(*_ANYWHERE, *_BODIES, *problems)},
    }


def _get(answers: Document, parameters: list[Document], *problems: int) -> Document:
    return {
        "security": [{"api_key": []}],
        "parameters": parameters,
        "responses": {**answers, **_problems(*_ANYWHERE, *problems)},
    }


_REPLAYED = "`true` when this is the stored answer of an earlier request with the same key."
_DONE = {"200": _answer("Done.", "Payment", examples.PAYMENTS, Idempotent_Replayed=_REPLAYED)}
_OPEN = {
    "202": _answer(
        "Not final yet; the payment says what comes next.",
        "Payment",
        examples.OPEN,
        Idempotent_Replayed=_REPLAYED,
    )
}
_MADE = {
    "201": _answer("Final and good.", "Payment", examples.PAYMENTS, Idempotent_Replayed=_REPLAYED)
}

PURCHASE = _post("Purchase", examples.PURCHASES, {**_MADE, **_OPEN}, 402, on_payment=False)
QUOTE = _post(
    "QuoteRequest",
    examples.QUOTE_REQUESTS,
    {"201": _answer("Signed.", "Quote", examples.QUOTES)},
    on_payment=False,
    keyed=False,
)
CAPTURE = _post("Capture", examples.CAPTURES, {**_DONE, **_OPEN}, 402, 404, optional=True)
CANCEL = _post("Cancel", {"empty": {}}, {**_DONE, **_OPEN}, 404, optional=True)
ACTIONS = _post("Actions", examples.ACTIONS, {**_DONE, **_OPEN}, 402, 404)
GET = _get({"200": _answer("The payment.", "Payment", examples.PAYMENTS)}, [_PAYMENT_ID], 404)
EVENTS = _get(
    {"200": _answer("A page of events.", "EventList", examples.EVENTS)},
    [_PAYMENT_ID, *_EVENT_PAGE],
    404,
)
LIST = _get(
    {
        "200": _answer(
            "A page.",
            "PaymentList",
            examples.LISTS,
            Link='The next page\'s address, with `rel="next"`, if there is one.',
        )
    },
    _FILTERS,
)
LIVE: Document = {"responses": {"200": {"description": "The process answers."}}}
READY: Document = {
    "responses": {
        "200": _answer("Purchases can be served.", "Readiness", {"ready": examples.READY}),
        "503": _answer("Something is missing.", "Readiness", {"unready": examples.UNREADY}),
    }
}


def describe(app: FastAPI) -> Document:
    """Return the OpenAPI 3.1 document of the application."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        routes=app.routes,
        description="One purchase, one key, one answer. Amounts are integers in minor units.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    for route in app.routes:
        if isinstance(route, APIRoute) and route.openapi_extra and route.include_in_schema:
            for method in route.methods or ():
                # FastAPI leaves out every null, which in an example of an answer is a value.
                operation = document["paths"][route.path_format][method.lower()]
                operation.update(route.openapi_extra)
    _, schemas = models_json_schema(
        [
            *((model, "validation") for model in documents.REQUESTS),
            *((model, "serialization") for model in documents.ANSWERS),
        ],
        ref_template=_REF,
    )
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **schemas["$defs"]}
    components["securitySchemes"] = {
        "api_key": {
            "type": "http",
            "scheme": "bearer",
            "description": "`paykeel_test_…` or `paykeel_live_…`; never in an address.",
        }
    }
    return document
