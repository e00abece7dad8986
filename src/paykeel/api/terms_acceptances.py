"""The routes of presentations and acceptances: what subjects are shown, and what they say to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import FastAPI, Request, Response

from paykeel.api import terms_acceptance_openapi as described
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.fields import Fields, id_in_path
from paykeel.api.payments import authenticate
from paykeel.api.queries import read_page, read_parameters
from paykeel.api.routing import add_routes, json_answer, page_of
from paykeel.api.terms import check_known_key
from paykeel.api.terms_texts import HTML, PAGE_HEADERS
from paykeel.errors import InvalidField
from paykeel.merchants.keys import Scope
from paykeel.payments.model import KIND, BuyerRole
from paykeel.terms import pages
from paykeel.terms.acceptance import Asked, State
from paykeel.terms.evidence_facts import ClientFacts, check_buyer_id
from paykeel.terms.json_values import (
    acceptance_values,
    presentation_values,
    scope_values,
    standing_values,
)
from paykeel.terms.locales import read_accept_language
from paykeel.terms.model import ANY, TermsScope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from paykeel.core import Core

    Made = TypeVar("Made")

ACCEPTANCES = "/v1/terms/acceptances"
REPLAYED = {"Idempotent-Replayed": "true"}
#: States that let a subject purchase.
ENOUGH = frozenset({State.ACCEPTED, State.GRACE})

_FACTS = {
    "buyer", "method", "actor", "scrolled_to_end", "dwell_ms", "client", "request_id", "payment_id",
}  # fmt: skip
_ACTOR = {"kind", "id", "on_behalf_of", "authority"}
_CLIENT = {"ip", "user_agent", "locale", "time_zone", "page_url", "at"}
#: Where in a body stands what has another name where it is checked.
_PLACES = {
    "buyer_id": "buyer.id",
    "buyer_role": "buyer.role",
    "jurisdiction": "buyer.jurisdiction",
    "actor_kind": "actor.kind",
    "actor_id": "actor.id",
    "on_behalf_of": "actor.on_behalf_of",
    "authority": "actor.authority",
    "ip": "client.ip",
    "user_agent": "client.user_agent",
    "client_locale": "client.locale",
    "time_zone": "client.time_zone",
    "page_url": "client.page_url",
    "client_at": "client.at",
}


class TermsAcceptanceRoutes:
    """The handlers. Which text was accepted is what was shown, never what the client says."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        one = f"{ACCEPTANCES}/{{acceptance_id}}"
        add_routes(app, "terms", [
            ("POST", "/v1/terms/presentations", self.present, 201, described.PRESENT),
            ("POST", ACCEPTANCES, self.decide, 201, described.DECIDE),
            ("GET", ACCEPTANCES, self.history, 200, described.HISTORY),
            ("GET", one, self.acceptance, 200, described.ACCEPTANCE),
            ("GET", f"{one}/evidence", self.evidence, 200, described.EVIDENCE),
            ("POST", "/v1/terms/withdrawals", self.withdraw, 201, described.WITHDRAW),
            ("GET", "/v1/terms/status", self.status, 200, described.STATUS),
            ("POST", "/v1/terms/erasures", self.erase, 200, described.ERASE),
        ])  # fmt: skip

    async def present(self, request: Request) -> Response:
        """Present to a subject what it has to accept, or the documents that are named."""
        core = self._core_of()
        merchant_id, document = await self._read(request, Scope.TERMS_ACCEPT)
        asked = _placed(lambda: read_asked(document))
        presentation = await core.terms.acceptances.present(merchant_id, asked)
        return json_answer(presentation_values(presentation, asked), 201)

    async def decide(self, request: Request) -> Response:
        """Record what a subject says to what it was shown."""
        core = self._core_of()
        merchant_id, document = await self._read(request, Scope.TERMS_ACCEPT)
        fields = Fields(document, {"nonce", "decision", "version_ids", *_FACTS})
        said = await core.terms.acceptances.decide(
            merchant_id,
            fields.needed_text("nonce"),
            read_buyer_id(fields),
            fields.needed_text("decision"),
            _placed(lambda: read_facts(fields)),
            version_ids=fields.identities("version_ids"),
        )
        data = [acceptance_values(one) for one in said]
        if all(one.replayed for one in said):
            return json_answer(page_of(data), 200, REPLAYED)
        return json_answer(page_of(data), 201)

    async def withdraw(self, request: Request) -> Response:
        """Take back what a subject has accepted of a document."""
        core = self._core_of()
        merchant_id, document = await self._read(request, Scope.TERMS_ACCEPT)
        fields = Fields(document, {"document", *_FACTS})
        said = await core.terms.acceptances.withdraw(
            merchant_id,
            read_buyer_id(fields),
            check_known_key(fields.needed_text("document")),
            _placed(lambda: read_facts(fields)),
        )
        return json_answer(page_of([acceptance_values(one) for one in said]), 201)

    async def status(self, request: Request) -> Response:
        """Say where a subject stands with each document in force."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.TERMS_READ)
        given = read_parameters(
            request.scope["query_string"],
            {"buyer_id", "buyer_role", "jurisdiction", "product", "channel"},
        )
        buyer_id = _given(given, "buyer_id")
        role = _given(given, "buyer_role")
        if role not in set(BuyerRole):
            raise InvalidField("buyer_role", "choice_unknown", "Use one of: agent, operator.")
        # What is left out is taken as a purchase takes it.
        context = TermsScope(
            buyer_role=role,
            jurisdiction=given.get("jurisdiction", ANY),
            product=given.get("product", KIND),
            channel=given.get("channel", ANY),
        )
        found = await core.terms.acceptances.status(merchant_id, buyer_id, context)
        needed = [one for one in found if one.requirement.document.required]
        return json_answer({
            "object": "terms_status",
            "buyer_id": buyer_id,
            "context": scope_values(context),
            "may_purchase": all(one.state in ENOUGH for one in needed),
            "data": [standing_values(one) for one in found],
        })  # fmt: skip

    async def history(self, request: Request) -> Response:
        """List all that a subject has said, newest first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.TERMS_READ)
        given, cursor, rows = read_page(request.scope["query_string"], "buyer_id")
        buyer_id = _given(given, "buyer_id")
        page = await core.terms.acceptances.history(merchant_id, buyer_id, cursor, rows)
        shown = [acceptance_values(one) for one in page.acceptances]
        return json_answer(page_of(shown, page.next_cursor))

    async def acceptance(self, request: Request) -> Response:
        """Get one thing that a subject has said."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.TERMS_READ)
        found = await core.terms.acceptances.get(merchant_id, _acceptance_id(request))
        return json_answer(acceptance_values(found))

    async def evidence(self, request: Request) -> Response:
        """Get one acceptance with all that proves it, as a bundle or as a page to print."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.TERMS_READ)
        given = read_parameters(request.scope["query_string"], {"format"})
        shape = given.get("format") or _asked_format(request)
        if shape not in ("json", "html"):
            raise InvalidField("format", "choice_unknown", "Use one of: json, html.")
        bundle = await core.terms_evidence.bundle(merchant_id, _acceptance_id(request))
        if shape == "json":
            return json_answer(bundle)
        policy = pages.content_policy(pages.EVIDENCE_CSS)
        headers = {"Content-Security-Policy": policy, **PAGE_HEADERS}
        return Response(core.terms_evidence.page(bundle), 200, headers, HTML)

    async def erase(self, request: Request) -> Response:
        """Erase addresses and user agents; what is chained stays as it is."""
        core = self._core_of()
        merchant_id, document = await self._read(request, Scope.TERMS_WRITE)
        fields = Fields(document, {"author", "acceptance_id", "buyer_id", "before"})
        erased = await core.terms.acceptances.erase(
            merchant_id,
            author=fields.needed_text("author"),
            acceptance_id=fields.identity("acceptance_id"),
            buyer_id=fields.text("buyer_id"),
            before=fields.instant("before"),
        )
        return json_answer({"object": "terms_erasure", "erased": erased})

    async def _read(self, request: Request, scope: Scope) -> tuple[UUID, dict[str, Any]]:
        """Return whose key it is, and the body."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, scope)
        return merchant_id, await read_document(request.receive, call)


def read_asked(document: Mapping[str, Any]) -> Asked:
    """Read whom a presentation is for, and what it is to show.

    Raises:
        InvalidField: A field is missing, unknown or wrong.
    """
    known = {"buyer", "product", "channel", "locales", "accept_language", "documents", "component"}
    fields = Fields(document, known)
    fields.require("buyer")
    buyer = fields.part("buyer", {"id", "role", "jurisdiction"})
    locales = tuple(fields.texts("locales"))
    header = fields.text("accept_language")
    return Asked(
        buyer_id=buyer.needed_text("id"),
        buyer_role=buyer.needed_text("role"),
        jurisdiction=buyer.text("jurisdiction") or ANY,
        product=fields.text("product") or KIND,
        channel=fields.text("channel") or ANY,
        locales=locales or tuple(read_accept_language(header)),
        keys=tuple(fields.texts("documents")),
        component=fields.text("component"),
    )


def read_buyer_id(fields: Fields) -> str:
    """Read who says something.

    Raises:
        InvalidField: The field is missing, or of the wrong kind.
    """
    fields.require("buyer")
    buyer_id = fields.part("buyer", {"id"}).needed_text("id")
    return _placed(lambda: check_buyer_id(buyer_id))


def read_facts(fields: Fields) -> ClientFacts:
    """Read how it was said, as far as the merchant tells.

    Raises:
        InvalidField: A field is unknown or wrong.
    """
    # Evidence is nothing to be guessed.
    fields.require("method")
    actor, client = fields.part("actor", _ACTOR), fields.part("client", _CLIENT)
    given = {
        "method": fields.text("method"),
        "actor_kind": actor.text("kind"),
        "actor_id": actor.text("id"),
        "on_behalf_of": actor.text("on_behalf_of"),
        "authority": actor.text("authority"),
        "scrolled_to_end": fields.flag("scrolled_to_end"),
        "dwell_ms": fields.integer("dwell_ms"),
        "ip": client.text("ip"),
        "user_agent": client.text("user_agent"),
        "client_locale": client.text("locale"),
        "time_zone": client.text("time_zone"),
        "page_url": client.text("page_url"),
        "request_id": fields.text("request_id"),
        "payment_id": fields.identity("payment_id"),
        "client_at": client.instant("at"),
    }
    # What is left out is what the facts take for it.
    told: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return ClientFacts(**told)


def _placed(make: Callable[[], Made]) -> Made:
    """Make a value, and name a field that is wrong by where it stands in the body."""
    try:
        return make()
    except InvalidField as error:
        place = _PLACES.get(error.field, error.field)
        raise InvalidField(place, error.code, error.message) from error


def _given(given: Mapping[str, str], name: str) -> str:
    if name not in given:
        raise InvalidField(name, "field_required", f"The parameter {name} is missing.")
    return given[name]


def _asked_format(request: Request) -> str:
    """Return what is asked for by ``Accept``: a page only by who wants no JSON."""
    accepted = request.headers.get("accept", "")
    return "html" if "text/html" in accepted and "json" not in accepted else "json"


def _acceptance_id(request: Request) -> UUID:
    return id_in_path(request, "acceptance_id", "acceptance", "terms_acceptance_unknown")
