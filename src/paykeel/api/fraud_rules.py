"""The routes of rulesets and of what is live: plan, store, ask, approve."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import FastAPI, Request, Response

from paykeel.api import fraud_openapi
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.payments import authenticate
from paykeel.api.queries import read_page, read_parameters
from paykeel.errors import InvalidField, NotFound
from paykeel.merchants.keys import Scope
from paykeel.payments.answers import JSON
from paykeel.payments.encoding import encode
from paykeel.payments.model import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paykeel.core import Core
    from paykeel.fraud.judge import CompiledRuleset

_CURSOR = re.compile(r"([a-z][a-z0-9_]{0,59})\.([0-9]{1,9})", re.ASCII)
_VERSION = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_VERSION_MAX = 999_999_999


class FraudRuleRoutes:
    """The handlers."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        for method, path, handler, status, documented in (
            ("POST", "/rulesets", self.apply, 201, fraud_openapi.APPLY),
            ("GET", "/rulesets", self.versions, 200, fraud_openapi.RULESETS),
            ("GET", "/rulesets/{name}/{version}", self.version, 200, fraud_openapi.RULESET),
            ("POST", "/activations", self.activate, 200, fraud_openapi.ACTIVATE),
            ("GET", "/activations", self.activations, 200, fraud_openapi.ACTIVATIONS),
            (
                "POST",
                "/activations/{activation_id}/approve",
                self.approve,
                200,
                fraud_openapi.APPROVE,
            ),
        ):
            app.add_api_route(
                f"/v1/fraud{path}",
                handler,
                methods=[method],
                status_code=status,
                response_class=Response,
                response_model=None,
                openapi_extra=dict(documented),
                name=handler.__name__,
                operation_id=f"{handler.__name__}_fraud_rules",
                tags=["fraud"],
            )

    async def apply(self, request: Request) -> Response:
        """Store a ruleset, or only plan that."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.FRAUD_WRITE)
        only_plan = _flag(read_parameters(request.scope["query_string"], {"plan"}), "plan")
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"author", "document"})
        if not isinstance(document.get("document"), dict):
            code = "object_required" if "document" in document else "field_required"
            raise InvalidField("document", code, "This must be the ruleset, as an object.")
        if not only_plan:
            _required(document, "author")
        ruleset = await core.rulesets.read(document["document"])
        if only_plan:
            return _json((await core.rulesets.plan(merchant_id, ruleset)).document())
        stored = await core.rulesets.apply(merchant_id, ruleset, document["author"])
        shown = {**stored.summary(), "document": ruleset.document()}
        return _json(shown, 201 if stored.is_new else 200)

    async def versions(self, request: Request) -> Response:
        """List the versions of rulesets, and say what is in force."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        given, cursor, rows = read_page(request.scope["query_string"], "ruleset")
        after = None
        if cursor is not None:
            found = _CURSOR.fullmatch(cursor)
            if found is None:
                raise _cursor_malformed()
            after = (found[1], int(found[2]))
        page = await core.rulesets.versions(
            merchant_id, name=given.get("ruleset"), after=after, rows_max=rows + 1
        )
        active = await core.rulesets.active(merchant_id)
        last = page[rows - 1] if len(page) > rows else None
        shadow, shadow_sha256 = active.shadow, active.shadow_sha256
        document = {
            "object": "list",
            "data": [stored.summary() for stored in page[:rows]],
            "next_cursor": last and f"{last.ruleset}.{last.ruleset_version}",
            "live": _in_force(active.live, active.live_sha256),
            "shadow": shadow and shadow_sha256 and _in_force(shadow, shadow_sha256),
            "unusable": list(active.unusable),
        }
        return _json(document)

    async def version(self, request: Request) -> Response:
        """Get one version of a ruleset, whole."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        name, version = request.path_params["name"], request.path_params["version"]
        if not _VERSION.fullmatch(version) or "\x00" in name:
            raise NotFound("There is no such ruleset.")
        stored = await core.rulesets.get(merchant_id, name, int(version))
        return _json({**stored.summary(), "document": stored.document})

    async def activate(self, request: Request) -> Response:
        """Ask for a version to go live, or set what runs in the shadow."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.FRAUD_WRITE)
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"place", "ruleset", "version", "author", "backtest_id"})
        name, version = document.get("ruleset"), document.get("version")
        if name is not None and not isinstance(name, str):
            raise InvalidField("ruleset", "text_required", "This must be text.")
        if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
            raise InvalidField("version", "integer_required", "This must be an integer.")
        if (name is not None and "\x00" in name) or not 0 <= (version or 0) <= _VERSION_MAX:
            raise NotFound("There is no such ruleset.")
        author = _required(document, "author")
        place, backtest_id = document.get("place"), _backtest_id(document.get("backtest_id"))
        if place == "shadow":
            activation = await core.rulesets.set_shadow(merchant_id, name, version, author)
        elif place == "live":
            for field, value in (("ruleset", name), ("version", version)):
                if value is None:
                    raise InvalidField(field, "field_required", f"The field {field} is missing.")
            activation = await core.rulesets.request_live(
                merchant_id, str(name), int(version or 0), author, backtest_id
            )
        else:
            raise InvalidField("place", "choice_unknown", "Use one of: live, shadow.")
        return _json(activation.document())

    async def activations(self, request: Request) -> Response:
        """List what was and is live or in the shadow, and what waits, newest first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.FRAUD_READ)
        _, cursor, rows = read_page(request.scope["query_string"])
        try:
            before = None if cursor is None else UUID(hex=cursor)
        except ValueError as error:
            raise _cursor_malformed() from error
        page = await core.rulesets.history(merchant_id, before, rows + 1)
        last = page[rows - 1] if len(page) > rows else None
        document = {
            "object": "list",
            "data": [one.document() for one in page[:rows]],
            "next_cursor": last and last.activation_id.hex,
        }
        return _json(document)

    async def approve(self, request: Request) -> Response:
        """Let go live what somebody else asked for."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.FRAUD_WRITE)
        document = await read_document(request.receive, call)
        refuse_unknown(document, {"approver"})
        approver = _required(document, "approver")
        activation_id = _uuid(request.path_params["activation_id"])
        if activation_id is None:
            raise NotFound("There is no such activation.")
        approved = await core.rulesets.approve(merchant_id, activation_id, approver)
        return _json(approved.document())


def _in_force(compiled: CompiledRuleset, sha256: bytes) -> dict[str, Any]:
    ruleset = compiled.ruleset
    return {"ruleset": ruleset.name, "version": ruleset.version, "sha256": sha256.hex()}


def _required(document: Mapping[str, Any], name: str) -> str:
    """Return a text field; whether it can be stored is checked where it is stored."""
    value = document.get(name)
    if value is None:
        raise InvalidField(name, "field_required", f"The field {name} is missing.")
    if not isinstance(value, str):
        raise InvalidField(name, "text_required", "This must be text.")
    return value


def _flag(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name, "false")
    if value not in {"true", "false"}:
        raise InvalidField(name, "boolean_required", "This must be true or false.")
    return value == "true"


def _uuid(text: object) -> UUID | None:
    """Return an id in its one spelling."""
    try:
        found = UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if str(found) == text else None


def _backtest_id(value: object) -> UUID | None:
    found = None if value is None else _uuid(value)
    if value is not None and found is None:
        raise InvalidField("backtest_id", "id_malformed", "This is the id of a backtest.")
    return found


def _cursor_malformed() -> InvalidField:
    return InvalidField("cursor", "cursor_malformed", "Take the cursor from the page before.")


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(encode(document), status, None, JSON)
