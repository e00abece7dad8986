"""Errors become HTTP here and nowhere else: RFC 9457 problems with a stable ``type`` and ``code``.

A problem says what the caller can mend, and nothing of what is inside: of errors that are not the
caller's, neither the message nor the facts are shown.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from paykeel.api.call import call_of
from paykeel.api.codes import CODES, Kind
from paykeel.errors import (
    Forbidden,
    IdempotencyInFlight,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidField,
    InvalidIdempotencyKey,
    InvalidInput,
    Misconfigured,
    NotFound,
    OperationInFlight,
    Overloaded,
    PaykeelError,
    Refused,
    TermsAcceptanceRequired,
    Unauthenticated,
    Unavailable,
    VelocityBusy,
)
from paykeel.payments.answers import PROBLEM, PROBLEM_TYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.exceptions import HTTPException
    from starlette.requests import Request

#: The status of a class holds for its subclasses too, unless they have one of their own.
STATUSES: Mapping[type[PaykeelError], int] = {
    InvalidField: 422,
    InvalidIdempotencyKey: 400,
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    IdempotencyKeyReused: 422,
    IdempotencyInFlight: 409,
    IllegalTransition: 409,
    OperationInFlight: 409,
    TermsAcceptanceRequired: 403,
    Refused: 409,
    Overloaded: 429,
    VelocityBusy: 429,
    Unavailable: 503,
    Misconfigured: 503,
    PaykeelError: 500,
}

RETRY_AFTER_S = 1
_INTERNAL_FROM = 500

#: Which facts of an error are shown, and by which name; ``status`` is the problem's own.
_SHOWN = {
    "field": "field",
    "fields": "fields",
    "scope": "scope",
    "payment_id": "payment_id",
    "missing": "missing",
    "version_ids": "version_ids",
    "presentation_url": "presentation_url",
    "status": "payment_status",
    "mistakes": "mistakes",
    "refund_status": "refund_status",
    "quoted_amount": "quoted_amount",
    "quoted_code": "quoted_code",
    "next_boundary": "next_boundary",
    "amount_refunded": "amount_refunded",
    "amount_refund_reserved": "amount_refund_reserved",
}

_ROUTING = {404: "route_not_found", 405: "method_not_allowed"}


class RequestRefused(InvalidInput):
    """The request is refused for its form, before anything of it is looked at."""

    def __init__(self, code: str, message: str | None = None, *, close: bool = False) -> None:
        """Say why, by a code that has its status in ``CODES``.

        ``close``: what is left of the request is still on its way, and nobody will read it.
        """
        super().__init__(message or f"{CODES[code].title}.", code=code)
        self.close = close


def kind_of(error: PaykeelError) -> Kind:
    """Return the status and the title of an error.

    >>> kind_of(NotFound()).status
    404
    """
    if isinstance(error, RequestRefused):
        return CODES[error.code]
    known = CODES.get(error.code)
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    if known is not None:
        return Kind(status, known.title)
    return Kind(status, HTTPStatus(status).phrase)


def problem(error: PaykeelError, request_id: str) -> Response:
    """Compose the answer to an error."""
    kind = kind_of(error)
    extra: dict[str, Any] = {}
    detail = None
    if kind.status < _INTERNAL_FROM:
        detail = error.message
        extra = {_SHOWN[name]: value for name, value in error.data.items() if name in _SHOWN}
    headers = {}
    if error.retryable:
        headers["Retry-After"] = str(error.data.get("retry_after_s", RETRY_AFTER_S))
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RequestRefused) and error.close:
        headers["Connection"] = "close"
    return _compose(error.code, kind, detail, extra, request_id, headers)


def routing_problem(error: HTTPException, request_id: str) -> Response:
    """Compose the answer to a path or method that does not exist."""
    code = _ROUTING.get(error.status_code, "request_malformed")
    headers = dict(error.headers or {})
    return _compose(code, CODES[code], None, {}, request_id, headers)


def unexpected_problem(request_id: str) -> Response:
    """Compose the answer to what should not happen; what it was stands in the log."""
    return _compose("internal_error", CODES["internal_error"], None, {}, request_id, {})


def request_id_of(request: Request) -> str:
    """Return the id that the edge gave to a request."""
    return call_of(request.scope).request_id


def _compose(
    code: str,
    kind: Kind,
    detail: str | None,
    extra: Mapping[str, Any],
    request_id: str,
    headers: Mapping[str, str],
) -> Response:
    document = {
        "type": PROBLEM_TYPE + code,
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": detail or f"{kind.title}.",
        **extra,
        "request_id": request_id,
    }
    # Escaped to ASCII, so that half a surrogate pair in a field's name is no error of ours.
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(body, kind.status, dict(headers), PROBLEM)
