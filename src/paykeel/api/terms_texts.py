"""The public route of terms: anybody reads a published text by its hash, prints it and saves it."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from paykeel.api import terms_openapi as described
from paykeel.api.call import call_of
from paykeel.api.fields import read_uuid
from paykeel.api.queries import read_parameters
from paykeel.api.routing import add_routes
from paykeel.errors import InvalidField, NotFound
from paykeel.terms import pages
from paykeel.terms.documents import SharedText
from paykeel.terms.json_values import TEXTS_PATH, text_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from paykeel.core import Core
    from paykeel.terms.documents import PublicText

#: What a version says never changes, so nobody needs to ask again.
FOR_GOOD = b"public, max-age=31536000, immutable"
#: Which version a hash alone is of depends on who publishes the same bytes later.
ASKED_AGAIN = b"public, no-cache"
HTML = "text/html; charset=utf-8"
MARKDOWN = "text/markdown; charset=utf-8"
#: A page of ours loads nothing, runs nothing, and tells nobody from where its reader came.
PAGE_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_PLAIN_POLICY = "default-src 'none'; sandbox"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class TermsTextRoutes:
    """The handler. It needs no key: what was published is for everybody to read."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the route, with what the documentation says of it."""
        path = f"{TEXTS_PATH}/{{sha256}}"
        add_routes(app, "terms", [("GET", path, self.text, 200, described.TEXT)])

    async def text(self, request: Request) -> Response:
        """Read a published text as a page, or as the Markdown that was hashed."""
        core = self._core_of()
        given = read_parameters(request.scope["query_string"], {"format", "download", "version"})
        shape = given.get("format", "html")
        if shape not in ("html", "markdown"):
            raise InvalidField("format", "choice_unknown", "Use one of: html, markdown.")
        download = given.get("download", "0")
        if download not in {"0", "1"}:
            raise InvalidField("download", "choice_unknown", "Use one of: 0, 1.")
        found = await _find(core, request.path_params["sha256"], given.get("version"))
        if shape == "markdown":
            body, media, policy = found.content, MARKDOWN, _PLAIN_POLICY
        else:
            root: str = request.scope.get("root_path", "")
            body, media, policy = _page(found, root), HTML, pages.content_policy()
        answer = _immutable(request, body.encode(), media, policy)
        answer.headers["Content-Language"] = found.locale
        if download == "1":
            ending = "md" if shape == "markdown" else "html"
            name = f"{_name(found)}.{ending}"
            answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        call_of(request.scope).cache_control = FOR_GOOD if "version" in given else ASKED_AGAIN
        return answer


async def _find(core: Core, sha256: str, version: str | None) -> PublicText | SharedText:
    """Return the text with this hash: of the version that is named, if there is one."""
    version_id = None if version is None else read_uuid(version)
    if _SHA256.fullmatch(sha256) and (version is None or version_id is not None):
        found = await core.terms.documents.public_text(bytes.fromhex(sha256), version_id)
        if found is not None:
            return found
    what = "No published text has this hash"
    if version is not None:
        what += " in this version"
    raise NotFound(f"{what}.", code="terms_text_unknown")


def _name(found: PublicText | SharedText) -> str:
    """Return the name under which a text is saved."""
    if isinstance(found, SharedText):
        return found.content_sha256.hex()
    return f"{found.key}-{found.version}-{found.locale}"


def _page(found: PublicText | SharedText, root: str) -> str:
    """Compose the page; ``root`` is where this application is mounted."""
    if isinstance(found, SharedText):
        return pages.shared_text_page(
            locale=found.locale,
            html=found.html,
            content_sha256=found.content_sha256,
            save_address=f"{root}{TEXTS_PATH}/{found.content_sha256.hex()}?download=1",
        )
    address = f"{root}{text_address(found.content_sha256, found.version_id)}"
    return pages.text_page(
        document_title=found.title,
        version=found.version,
        scope=found.scope,
        locale=found.locale,
        html=found.html,
        content_sha256=found.content_sha256,
        effective_from=found.effective_from,
        effective_to=found.effective_to,
        other_locales={
            locale: f"{root}{text_address(sha256, found.version_id)}"
            for locale, sha256 in found.others
        },
        save_address=f"{address}&download=1",
    )


def _immutable(request: Request, body: bytes, media: str, policy: str) -> Response:
    """Answer with a body, or with 304 to whoever has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Content-Security-Policy": policy, **PAGE_HEADERS}
    known = request.headers.get("if-none-match", "")
    known_tags = {one.strip().removeprefix("W/") for one in known.split(",")}
    if known_tags & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, media)
