"""The routes of refund policies: plan, publish, withdraw, and read what was published."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from paykeel.api import refund_policies_openapi as described
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.fields import Fields
from paykeel.api.payments import authenticate
from paykeel.api.queries import read_page, read_parameters
from paykeel.api.routing import add_routes, json_answer, page_of
from paykeel.errors import InvalidField, NotFound
from paykeel.merchants.keys import Scope
from paykeel.refunds.languages import LANGUAGES
from paykeel.refunds.schema_org import schema_org
from paykeel.refunds.wording import sentences
from paykeel.terms.locales import check_locale, choose
from paykeel.terms.wording import DEFAULT_LOCALE

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from paykeel.core import Core
    from paykeel.refunds.policies import StoredPolicy

POLICIES = "/v1/refund-policies"
_CURSOR = re.compile(r"([a-z][a-z0-9_-]{0,59})\.([1-9][0-9]{0,8})", re.ASCII)
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class RefundPolicyRoutes:
    """The handlers. Whoever publishes or withdraws is named in the body."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        version = f"{POLICIES}/{{key}}/versions/{{version}}"
        add_routes(app, "refund_policies", [
            ("GET", POLICIES, self.versions, 200, described.VERSIONS),
            ("POST", POLICIES, self.publish, 201, described.PUBLISH),
            ("POST", f"{POLICIES}/plan", self.plan, 200, described.PLAN),
            ("GET", version, self.version, 200, described.VERSION),
            ("POST", f"{version}/withdraw", self.withdraw, 200, described.WITHDRAW),
            ("GET", f"{version}/sentences", self.sentences, 200, described.SENTENCES),
            ("GET", f"{version}/schema-org", self.schema_org, 200, described.SCHEMA_ORG),
        ])  # fmt: skip

    async def versions(self, request: Request) -> Response:
        """List the versions of all policies, or of one, by key and newest first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.REFUND_POLICIES_READ)
        given, cursor, rows = read_page(request.scope["query_string"], "key")
        page = await core.refund_policies.list(
            merchant_id=merchant_id,
            key=given.get("key"),
            after=read_cursor(cursor),
            rows_max=rows + 1,
        )
        last = page[rows - 1] if len(page) > rows else None
        next_cursor = None if last is None else f"{last.policy_key}.{last.policy_version}"
        return json_answer(page_of([one.document() for one in page[:rows]], next_cursor))

    async def publish(self, request: Request) -> Response:
        """Publish a document as the next version of its key, for good."""
        core = self._core_of()
        merchant_id, fields = await self._read(
            request,
            Scope.REFUND_POLICIES_WRITE,
            {"author", "document", "effective_from", "leave_none"},
        )
        author = fields.needed_text("author")
        done = await core.refund_policies.publish(
            _document(fields),
            merchant_id=merchant_id,
            author=author,
            effective_from=fields.instant("effective_from"),
            leave_none=fields.flag("leave_none") or False,
        )
        return json_answer(done.version.document(), 201 if done.is_new else 200)

    async def plan(self, request: Request) -> Response:
        """Say what publishing a document would do; nothing is stored."""
        core = self._core_of()
        known = {"document", "locale", "effective_from"}
        merchant_id, fields = await self._read(request, Scope.REFUND_POLICIES_READ, known)
        made = await core.refund_policies.plan(
            _document(fields),
            merchant_id=merchant_id,
            locale=check_locale(fields.text("locale") or DEFAULT_LOCALE),
            effective_from=fields.instant("effective_from"),
        )
        return json_answer(made.document())

    async def version(self, request: Request) -> Response:
        """Get one version, whole."""
        _, stored = await self._stored(request)
        shown = {**stored.version.document(), "document": stored.policy.document()}
        return json_answer(shown)

    async def withdraw(self, request: Request) -> Response:
        """Take a version out of force; it can still be read, and refunds by it go on."""
        core = self._core_of()
        known = {"author", "because", "leave_none"}
        merchant_id, fields = await self._read(request, Scope.REFUND_POLICIES_WRITE, known)
        author, because = fields.needed_text("author"), fields.needed_text("because")
        key, number = _place(request)
        taken = await core.refund_policies.withdraw(
            key,
            number,
            merchant_id=merchant_id,
            author=author,
            because=because,
            leave_none=fields.flag("leave_none") or False,
        )
        return json_answer(taken.document())

    async def sentences(self, request: Request) -> Response:
        """Say a version in sentences, in a language of the catalogue."""
        given, stored = await self._stored(request, "locale")
        locale = check_locale(given.get("locale", DEFAULT_LOCALE))
        version = stored.version
        return json_answer(
            {
                "object": "refund_policy_sentences",
                "key": version.policy_key,
                "version": version.policy_version,
                "locale": choose([locale], LANGUAGES, DEFAULT_LOCALE).locale,
                "sentences": list(sentences(stored.policy, locale)),
            }
        )

    async def schema_org(self, request: Request) -> Response:
        """Give a version as a MerchantReturnPolicy of schema.org."""
        _, stored = await self._stored(request)
        return json_answer(schema_org(stored.policy))

    async def _stored(self, request: Request, *known: str) -> tuple[dict[str, str], StoredPolicy]:
        """Return the parameters, and the version that the path names."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.REFUND_POLICIES_READ)
        given = read_parameters(request.scope["query_string"], set(known))
        key, number = _place(request)
        return given, await core.refund_policies.get(key, number, merchant_id=merchant_id)

    async def _read(self, request: Request, scope: Scope, known: set[str]) -> tuple[UUID, Fields]:
        """Return whose key it is, and the body."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, scope)
        return merchant_id, Fields(await read_document(request.receive, call), known)


def read_cursor(cursor: str | None) -> tuple[str, int] | None:
    """Return the key and the number after which a page begins.

    Raises:
        InvalidField: ``cursor_malformed``.
    """
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidField("cursor", "cursor_malformed", "Take the cursor from the page before.")
    return found[1], int(found[2])


def _document(fields: Fields) -> dict[str, Any]:
    fields.require("document")
    return fields.mapping("document")


def _place(request: Request) -> tuple[str, int]:
    """Return the key and the number in the path; what can be neither is nobody's."""
    number = request.path_params["version"]
    if _VERSION.fullmatch(number) is None:
        raise NotFound("There is no such refund policy.", code="refund_policy_unknown")
    return request.path_params["key"], int(number)
