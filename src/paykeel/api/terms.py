"""The routes of documents and their versions: what a merchant drafts, publishes and withdraws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import FastAPI, Request, Response

from paykeel.api import terms_openapi as described
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.fields import Fields, id_in_path
from paykeel.api.payments import authenticate
from paykeel.api.queries import read_page, read_parameters
from paykeel.api.routing import add_routes, json_answer, page_of
from paykeel.errors import InvalidField, NotFound
from paykeel.merchants.keys import Scope
from paykeel.terms.drafting import Draft
from paykeel.terms.json_values import document_values, version_values, whole_version_values
from paykeel.terms.model import ANY, TermsScope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from paykeel.core import Core

DOCUMENTS = "/v1/terms/documents"
VERSIONS = "/v1/terms/versions"
KEY_CHARACTERS_MAX = 60
_SCOPE = {"buyer_role", "jurisdiction", "product", "channel"}
_DRAFT = {
    "author", "version", "scope", "texts", "authoritative", "change", "requires_reacceptance",
    "reaccept_after_days", "effective_from", "effective_to", "grace_days", "grace_until", "summary",
}  # fmt: skip


class TermsRoutes:
    """The handlers. Whoever drafts, publishes or withdraws is named in the body."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        document, version = f"{DOCUMENTS}/{{key}}", f"{VERSIONS}/{{version_id}}"
        add_routes(app, "terms", [
            ("GET", DOCUMENTS, self.documents, 200, described.DOCUMENTS),
            ("POST", DOCUMENTS, self.create, 201, described.CREATE),
            ("GET", document, self.document, 200, described.DOCUMENT),
            ("GET", f"{document}/versions", self.versions, 200, described.VERSIONS),
            ("POST", f"{document}/versions", self.draft, 200, described.DRAFT),
            ("GET", version, self.version, 200, described.VERSION),
            ("POST", f"{version}/publish", self.publish, 200, described.PUBLISH),
            ("POST", f"{version}/withdraw", self.withdraw_version, 200, described.WITHDRAW_VERSION),
        ])  # fmt: skip

    async def documents(self, request: Request) -> Response:
        """List the documents, by their keys."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.TERMS_READ)
        read_parameters(request.scope["query_string"], set())
        found = await core.terms.documents.list(merchant_id)
        return json_answer(page_of([document_values(one) for one in found]))

    async def create(self, request: Request) -> Response:
        """Add a document, which asks nothing of anybody before a version is published."""
        core = self._core_of()
        merchant_id, fields = await self._read(
            request, {"key", "purpose", "title", "required", "author"}
        )
        made = await core.terms.documents.create(
            merchant_id,
            fields.needed_text("key"),
            fields.needed_text("purpose"),
            fields.needed_text("title"),
            author=fields.needed_text("author"),
            required=fields.flag("required"),
        )
        return json_answer(document_values(made), 201)

    async def document(self, request: Request) -> Response:
        """Get one document by its key."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.TERMS_READ)
        found = await core.terms.documents.get(merchant_id, _key(request))
        return json_answer(document_values(found))

    async def versions(self, request: Request) -> Response:
        """List the versions of a document in all its scopes, newest first, drafts too."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.TERMS_READ)
        _, cursor, rows = read_page(request.scope["query_string"])
        page = await core.terms.documents.versions(
            merchant_id, _key(request), before=read_cursor(cursor), rows_max=rows + 1
        )
        last = page[rows - 1] if len(page) > rows else None
        shown = [version_values(one) for one in page[:rows]]
        return json_answer(page_of(shown, last.version_id.hex if last else None))

    async def draft(self, request: Request) -> Response:
        """Save a draft, in place of the one of the same version and scope, if there is any."""
        core = self._core_of()
        merchant_id, fields = await self._read(request, _DRAFT)
        draft = read_draft(fields)
        author = fields.needed_text("author")
        saved = await core.terms.documents.draft(merchant_id, _key(request), draft, author=author)
        return json_answer(version_values(saved))

    async def version(self, request: Request) -> Response:
        """Get one version with its document and its texts."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.TERMS_READ)
        version_id = _version_id(request)
        documents = core.terms.documents
        version = await documents.version(merchant_id, version_id)
        document = await documents.document_of(merchant_id, version.document_id)
        texts = await documents.texts(merchant_id, version_id)
        return json_answer(whole_version_values(version, document, texts))

    async def publish(self, request: Request) -> Response:
        """Publish a draft: from then on nobody changes it."""
        core = self._core_of()
        merchant_id, fields = await self._read(request, {"author"})
        version_id = _version_id(request)
        author = fields.needed_text("author")
        published = await core.terms.documents.publish(merchant_id, version_id, author=author)
        return json_answer(version_values(published))

    async def withdraw_version(self, request: Request) -> Response:
        """Take a published version out of force; it can still be read."""
        core = self._core_of()
        merchant_id, fields = await self._read(request, {"author", "because"})
        version_id = _version_id(request)
        because, author = fields.needed_text("because"), fields.needed_text("author")
        withdrawn = await core.terms.documents.withdraw(
            merchant_id, version_id, because, author=author
        )
        return json_answer(version_values(withdrawn))

    async def _read(self, request: Request, known: set[str]) -> tuple[UUID, Fields]:
        """Return whose key it is, and the body."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, Scope.TERMS_WRITE)
        return merchant_id, Fields(await read_document(request.receive, call), known)


def read_draft(fields: Fields) -> Draft:
    """Read a draft from a body; what it says is checked where it is saved.

    Raises:
        InvalidField: A field is missing, unknown or of the wrong kind.
    """
    fields.require("author", "version", "texts")
    return Draft(
        version=fields.needed_text("version"),
        texts=_texts(fields.mapping("texts")),
        scope=_scope(fields.part("scope", _SCOPE)),
        authoritative=fields.text("authoritative"),
        change=fields.text("change"),
        requires_reacceptance=fields.flag("requires_reacceptance"),
        reaccept_after_days=fields.integer("reaccept_after_days"),
        effective_from=fields.instant("effective_from"),
        effective_to=fields.instant("effective_to"),
        grace_days=fields.integer("grace_days"),
        grace_until=fields.instant("grace_until"),
        summary=fields.text("summary") or "",
    )


def read_cursor(cursor: str | None) -> UUID | None:
    """Return the id after which a page begins.

    Raises:
        InvalidField: ``cursor_malformed``.
    """
    try:
        return None if cursor is None else UUID(hex=cursor)
    except ValueError as error:
        raise InvalidField(
            "cursor", "cursor_malformed", "Take the cursor from the page before."
        ) from error


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    for content in given.values():
        if not isinstance(content, str):
            raise InvalidField("texts", "text_required", "Each language has a text in Markdown.")
    return dict(given)


def _scope(fields: Fields) -> TermsScope:
    given = {name: fields.text(name) for name in sorted(_SCOPE)}
    return TermsScope(**{name: ANY if value is None else value for name, value in given.items()})


def _version_id(request: Request) -> UUID:
    return id_in_path(request, "version_id", "version", "terms_version_unknown")


def _key(request: Request) -> str:
    return check_known_key(request.path_params["key"])


def check_known_key(key: str) -> str:
    """Return a document's key; one that cannot be a key is nobody's.

    Raises:
        NotFound: ``terms_document_unknown``.
    """
    if not key.isascii() or not key.isprintable() or len(key) > KEY_CHARACTERS_MAX:
        raise NotFound("There is no such document.", code="terms_document_unknown")
    return key
