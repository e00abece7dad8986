"""Sends an order until it has an answer: in this process, or over HTTP to a service.

Whatever goes wrong on the way, an order is sent again under the same key, so it is never charged
twice: neither when the service was killed after it charged, nor when its answer was lost.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from paykeel.errors import (
    Forbidden,
    IdempotencyKeyReused,
    InvalidField,
    NotFound,
    PaykeelError,
    Refused,
    TermsAcceptanceRequired,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from paykeel.cli.orders.model import Order
    from paykeel.idempotency import Answer
    from paykeel.payments.service import PaymentService

#: The pauses before an order is sent again grow from the first to the second; each is jittered.
PAUSE_MS_MIN, PAUSE_MS_MAX = 50, 3_000
#: A service that asks for a longer pause than this is asked again all the same.
RETRY_AFTER_MS_MAX = 30_000
#: Longer than a service may keep a request: the gateway's time and a duplicate's wait.
ANSWER_S_MAX = 60
CONNECT_S_MAX = 5

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an order."""

    payment_id: str
    status: str
    #: Why it failed; nothing when it did not.
    reason: str | None
    amount: int
    currency: str
    #: Whether the answer was that of an earlier request with the same key.
    replayed: bool
    #: What whoever purchased should know, such as terms to accept before long.
    warnings: Sequence[Mapping[str, Any]] = ()
    #: How many times it was sent again before it had its answer.
    retries: int = 0


class LineRefused(Exception):
    """This order cannot be bought as it stands; the others can."""

    def __init__(self, field: str, code: str, reason: str, **data: Any) -> None:
        super().__init__(reason)
        self.field = field
        self.code = code
        self.reason = reason
        #: Facts for the caller, as errors have them.
        self.data = data


class Sender(Protocol):
    """Puts one order through once."""

    async def send(self, order: Order) -> Sent:
        """Send it.

        Raises:
            LineRefused: This order is wrong.
            PaykeelError: ``retryable`` says whether sending it again can help; if not, no other
                order has a chance either.
            httpx.TransportError: The service cannot be reached, or went away.
        """
        ...


class CoreSender:
    """Purchases in this process."""

    def __init__(self, payments: PaymentService, merchant_id: UUID) -> None:
        self._payments = payments
        self._merchant_id = merchant_id

    async def send(self, order: Order) -> Sent:
        """Run one purchase."""
        try:
            answer = await self._payments.answer_purchase(
                order.request,
                merchant_id=self._merchant_id,
                idempotency_key=order.idempotency_key,
            )
        except IdempotencyKeyReused as error:
            raise _reused(error.data.get("fields", ()), error) from error
        except InvalidField as error:
            raise LineRefused(error.field, error.code, error.message) from error
        except TermsAcceptanceRequired as error:
            raise LineRefused("buyer_id", error.code, error.message, **error.data) from error
        return _sent_by_core(answer)


class HttpSender:
    """Purchases at a running service, over connections that are kept."""

    def __init__(self, url: str, api_key: str, connections_max: int) -> None:
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}", **_JSON},
            limits=httpx.Limits(
                max_connections=connections_max, max_keepalive_connections=connections_max
            ),
            timeout=httpx.Timeout(ANSWER_S_MAX, connect=CONNECT_S_MAX),
            # The service is named by its address; a proxy of this machine is none of its business.
            trust_env=False,
        )

    async def send(self, order: Order) -> Sent:
        """Post one purchase."""
        response = await self._client.post(
            "/v1/purchases",
            content=json.dumps(order.request.document(), separators=(",", ":")),
            headers={"Idempotency-Key": order.idempotency_key},
        )
        document = _document(response)
        payment = document.get("payment") if response.status_code == 402 else document
        if response.status_code in {201, 202, 402} and isinstance(payment, dict):
            replayed = response.headers.get("Idempotent-Replayed") == "true"
            return _sent(payment, replayed=replayed)
        raise _error(response, document)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an order is sent again and again, in milliseconds."""

    total_ms: int
    #: Set when nothing is to be sent again any more.
    stop: asyncio.Event

    async def send(self, sender: Sender, order: Order) -> Sent:
        """Send an order, again if need be, until it has an answer or patience ends.

        Raises:
            LineRefused: This order is wrong.
            PaykeelError: No answer could be had; ``Unavailable`` when the service is not there.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self.total_ms / 1000
        retries = 0
        while True:
            asked_ms = 0
            try:
                sent = await sender.send(order)
            except httpx.TransportError as error:
                failure: PaykeelError = Unavailable(
                    f"The service does not answer ({type(error).__name__}).",
                    code="service_unavailable",
                )
                failure.__cause__ = error
            except PaykeelError as error:
                if not error.retryable:
                    raise
                failure = error
                asked_ms = min(int(error.data.get("retry_after_s") or 0) * 1000, RETRY_AFTER_MS_MAX)
            else:
                return replace(sent, retries=retries)
            if self.stop.is_set() or loop.time() >= give_up:
                raise failure
            pause_ms = min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** min(retries, 10))
            # Jitter, so that many orders that failed together do not come back together.
            pause_ms = max(asked_ms, random.randint(pause_ms // 2, pause_ms))  # noqa: S311
            await _sleep_unless(self.stop, pause_ms)
            retries += 1


async def _sleep_unless(stop: asyncio.Event, pause_ms: int) -> None:
    try:
        async with asyncio.timeout(pause_ms / 1000):
            await stop.wait()
    except TimeoutError:
        return


def _sent_by_core(answer: Answer) -> Sent:
    document = json.loads(answer.body)
    payment = document["payment"] if answer.status == 402 else document
    return _sent(payment, replayed=answer.replayed)


def _sent(payment: Mapping[str, Any], *, replayed: bool) -> Sent:
    failure = payment.get("failure")
    return Sent(
        payment_id=payment["id"],
        status=payment["status"],
        reason=None if failure is None else failure["reason"],
        amount=payment["amount"],
        currency=payment["currency"],
        replayed=replayed,
        warnings=payment.get("warnings") or (),
    )


def _reused(fields: Any, error: PaykeelError) -> LineRefused:
    """Say in which fields an order differs from the one of the same name that was there first."""
    names = ", ".join(str(name) for name in fields)
    return LineRefused(
        names, error.code, "An order with this reference was bought before with other content."
    )


def _document(response: httpx.Response) -> dict[str, Any]:
    """Return the answer's JSON object; an empty one when it is something else."""
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _error(response: httpx.Response, document: Mapping[str, Any]) -> Exception:
    """Turn a problem that came over HTTP back into the error that it was."""
    status = response.status_code
    code = str(document.get("code") or f"http_{status}")
    message = str(document.get("detail") or document.get("title") or f"HTTP status {status}.")
    error: PaykeelError
    if code == IdempotencyKeyReused.code:
        return _reused(document.get("fields", ()), IdempotencyKeyReused(message))
    if code == TermsAcceptanceRequired.code:
        missing = document.get("missing", ())
        return LineRefused("buyer_id", code, message, missing=missing)
    after = response.headers.get("Retry-After", "")
    if after or status in {425, 429} or status >= 500:
        error = Unavailable(
            message, code=code, retry_after_s=int(after) if after.isdecimal() else 0
        )
        # Under the same key it may be asked again, whatever the service failed at.
        error.retryable = True
        return error
    match status:
        case 400 | 413 | 415 | 422:
            return LineRefused(str(document.get("field") or ""), code, message)
        case 401:
            return Unauthenticated(message, code=code)
        case 403:
            return Forbidden(message, code=code)
        case 404 | 405:
            return NotFound(f"This is no Paykeel service: {message}", code=code)
        case _:
            return Refused(message, code=code)
