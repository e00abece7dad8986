"""The outermost layer: limits, request ids, the access log, and an answer to every accident.

One plain ASGI callable, since each layer of a framework's middleware costs as much as it does.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import structlog

from paykeel.api.call import BODY_CAME, SCOPE_KEY, Call, read_call
from paykeel.api.problems import RequestRefused, problem, unexpected_problem
from paykeel.cardnumbers import holds_card_number
from paykeel.errors import CardNumberRefused, PaykeelError
from paykeel.log import CLEAN, clean_text, traceback_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


#: One header with its name, and all of them.
HEADER_BYTES_MAX = 8 * 1024
HEADERS_BYTES_MAX = 16 * 1024
#: Path and query together.
PATH_BYTES_MAX = 8 * 1024

#: Where whole texts are sent, in all their languages; nobody reads a body before the key.
TEXTS_PATH = "/v1/terms/documents/"
TEXTS_BODY_BYTES_MAX = 4 * 1024 * 1024

_INTERNAL_FROM = 500

#: A page's cursor is the hex of an id, in which a row of digits means nothing.
_CURSOR = re.compile(r"(?:^|(?<=&))cursor=[0-9a-f]{32}(?=&|$)")

log = structlog.get_logger("paykeel.api")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may weigh and how long its body may take."""

    body_bytes_max: int
    body_ms_max: int


class Edge:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, *, limits: Limits, access_log: bool = True) -> None:
        """Take the application and the limits of a request."""
        self._app = app
        self._limits = limits
        texts = max(limits.body_bytes_max, TEXTS_BODY_BYTES_MAX)
        self._limits_of_texts = replace(limits, body_bytes_max=texts)
        self._access_log = access_log
        # Bound once, when the first request comes: by then logging is set up.
        self._log: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._log is None:
            self._log = log.bind()
        started = time.perf_counter()
        call = scope[SCOPE_KEY] = read_call(scope["headers"])
        request_id = call.request_id.encode("ascii")
        limits = self._limits_of(scope["path"])
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id),
                    (b"cache-control", call.cache_control),
                ]
            await send(message)

        try:
            _check(scope, call, limits)
            bounded = _Bounded(receive, limits, came=BODY_CAME in scope)
            await self._app(scope, bounded, send_marked)
        except PaykeelError as error:
            if status:
                raise
            await self._refuse(error, call.request_id)(scope, receive, send_marked)
        except Exception as error:
            self._log.error(
                "request.failed",
                request_id=call.request_id,
                path=scope["path"],
                exception=traceback_of(error),
            )
            if status:
                raise
            await unexpected_problem(call.request_id)(scope, receive, send_marked)
        finally:
            if self._access_log:
                self._log.info("request", **_access(scope, call, status, started))

    def _refuse(self, error: PaykeelError, request_id: str) -> Response:
        """Compose the answer to an error; what is nobody's fault outside is logged, too."""
        answer = problem(error, request_id)
        if answer.status_code >= _INTERNAL_FROM:
            # The caller is told no more than what kind of trouble it is.
            self._log.warning(
                "request.unserved", code=error.code, error=error.message, request_id=request_id
            )
        return answer

    def _limits_of(self, path: str) -> Limits:
        """Return what a request to this path may weigh."""
        return self._limits_of_texts if TEXTS_PATH in path else self._limits


def _check(scope: Scope, call: Call, limits: Limits) -> None:
    """Refuse what is too large, or holds a card number, before anybody reads or logs it."""
    if call.header_bytes > HEADERS_BYTES_MAX or call.header_bytes_longest > HEADER_BYTES_MAX:
        raise RequestRefused("headers_too_large", close=True)
    path, query = scope["path"], scope["query_string"]
    if len(path) + len(query) > PATH_BYTES_MAX:
        raise RequestRefused("path_too_long", close=True)
    if holds_card_number(path):
        raise CardNumberRefused("path")
    if query:
        text = _CURSOR.sub("", query.decode("latin-1"))
        if holds_card_number(unquote_plus(text)):
            raise CardNumberRefused("query")
    length = call.content_length
    # Of two lengths, or one that is no number, the server has spoken already.
    if length is not None and length.isdecimal() and int(length) > limits.body_bytes_max:
        raise too_large(limits)


class _Bounded:
    """Receives a body of bounded size within bounded time."""

    __slots__ = ("_bytes", "_came", "_deadline", "_done", "_limits", "_receive")

    def __init__(self, receive: Receive, limits: Limits, *, came: bool) -> None:
        self._receive = receive
        self._limits = limits
        self._came = came
        self._bytes = 0
        self._deadline: float | None = None
        self._done = False

    async def __call__(self) -> Message:
        """Receive the next part; the time runs from when the first is asked for."""
        if self._done:
            return await self._receive()
        # A timer costs more than to receive what is there.
        message = await (self._receive() if self._came else self._receive_in_time())
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            if self._bytes > self._limits.body_bytes_max:
                raise too_large(self._limits)
            self._done = not message.get("more_body", False)
        return message

    async def _receive_in_time(self) -> Message:
        if self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.time() + self._limits.body_ms_max / 1000
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError as error:
            raise RequestRefused(
                "request_timeout",
                f"The body must arrive within {self._limits.body_ms_max} ms.",
                close=True,
            ) from error


def too_large(limits: Limits) -> RequestRefused:
    """Say how large a body may be."""
    return RequestRefused(
        "body_too_large", f"A body has at most {limits.body_bytes_max} bytes.", close=True
    )


def _access(scope: Scope, call: Call, status: int, started: float) -> dict[str, Any]:
    """Return what a line of the access log says."""
    facts: dict[str, Any] = {
        CLEAN: True,
        "method": clean_text(scope["method"]),
        # Without the query, in which callers put what they should not.
        "path": clean_text(scope["path"]),
        # 0: nothing was answered, because the server was told to stop at once.
        "status": status,
        "ms": round((time.perf_counter() - started) * 1000, 1),
        "request_id": call.request_id,
    }
    if call.merchant_id is not None:
        facts["merchant_id"] = str(call.merchant_id)
    return facts
