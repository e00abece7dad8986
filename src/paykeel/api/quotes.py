"""``POST /v1/quotes``: sign the price of a purchase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from paykeel.api import openapi
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.payments import authenticate
from paykeel.errors import InvalidField
from paykeel.fraud.quotes import DISCOUNTS_MAX, EXPIRY_S_DEFAULT, Offer
from paykeel.fraud.refusals import AMOUNT_FIELDS, facts_of_document
from paykeel.merchants.keys import Scope
from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode
from paykeel.payments.model import KIND, refuse_unknown
from paykeel.payments.signals import read_items

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paykeel.core import Core

PATH = "/v1/quotes"
_KNOWN = {
    "amount", "currency", "buyer", "kind", "items", "tax", "discounts", "expires_in_s",
}  # fmt: skip


class QuoteRoutes:
    """The handler."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the route, with what the documentation says of it."""
        app.add_api_route(
            PATH,
            self.quote,
            methods=["POST"],
            status_code=201,
            response_class=Response,
            response_model=None,
            openapi_extra=dict(openapi.QUOTE),
            name="quote",
            operation_id="quote",
            tags=["quotes"],
        )

    async def quote(self, request: Request) -> Response:
        """Quote: sign a price, to which the purchase that carries it must be equal."""
        call, core = call_of(request.scope), self._core_of()
        merchant_id = await authenticate(core, call, Scope.QUOTES_WRITE)
        document = await read_document(request.receive, call)
        try:
            offer, expires_in_s = read_offer(document)
            merchant = await core.merchants.get(merchant_id)
            merchant.check_purchase(
                offer.amount, offer.currency, offer.buyer_role, offer.kind, core.database.now()
            )
        except InvalidField as error:
            if error.field in AMOUNT_FIELDS:
                facts = facts_of_document(error, document)
                await core.refusals.write(merchant_id, error.code, facts)
            raise
        quote = await core.quotes.sign(merchant_id, offer, expires_in_s=expires_in_s)
        return Response(encode(quote.document()), 201, None, JSON)


def read_offer(document: Mapping[str, Any]) -> tuple[Offer, int]:
    """Read the JSON document of ``POST /v1/quotes``; return the offer and for how long it holds.

    Raises:
        InvalidField: One field is missing, unknown or wrong.
    """
    refuse_unknown(document, _KNOWN)
    for name in ("amount", "currency", "buyer"):
        if document.get(name) is None:
            raise InvalidField(name, "field_required", "This field is required.")
    buyer = document["buyer"]
    if not isinstance(buyer, dict):
        raise InvalidField("buyer", "object_required", "This must be an object.")
    refuse_unknown(buyer, {"id", "role"}, "buyer.")
    for name in ("id", "role"):
        if buyer.get(name) is None:
            raise InvalidField(f"buyer.{name}", "field_required", "This field is required.")
    tax, kind, ends = (document.get(name) for name in ("tax", "kind", "expires_in_s"))
    offer = Offer(
        amount=document["amount"],
        currency=document["currency"],
        buyer_id=buyer["id"],
        buyer_role=buyer["role"],
        kind=KIND if kind is None else kind,
        items=read_items(document.get("items")),
        tax=0 if tax is None else tax,
        discounts=_discounts(document.get("discounts")),
    )
    return offer, EXPIRY_S_DEFAULT if ends is None else ends


def _discounts(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidField("discounts", "list_required", f"A list of at most {DISCOUNTS_MAX}.")
    return tuple(value)
