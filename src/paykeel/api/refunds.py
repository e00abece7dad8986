"""The routes of refunds and disputes: who asks, what is asked, what the service says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from paykeel.api import refunds_openapi as described
from paykeel.api.bodies import read_document
from paykeel.api.call import call_of
from paykeel.api.fields import Fields, id_in_path
from paykeel.api.payments import authenticate, authenticate_key, payment_id_of, respond
from paykeel.api.refunds_reading import read_listing, read_quote, read_request
from paykeel.api.routing import add_routes, json_answer, page_of
from paykeel.merchants.keys import Scope
from paykeel.money import check_amount
from paykeel.refunds.documents import details_document, listed_document, quote_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from paykeel.core import Core
    from paykeel.refunds.model import Refund

REFUNDS = "/v1/refunds"
OF_PAYMENT = "/v1/payments/{payment_id}/refunds"
DISPUTES = "/v1/payments/{payment_id}/disputes"


class RefundRoutes:
    """The handlers. Whoever asks or decides is named in the body, and kept in the history."""

    def __init__(self, core_of: Callable[[], Core]) -> None:
        """Take how to find the open core."""
        self._core_of = core_of

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, with what the documentation says of each."""
        one = f"{REFUNDS}/{{refund_id}}"
        dispute = f"{DISPUTES}/{{dispute_id}}"
        add_routes(app, "refunds", [
            ("POST", f"{OF_PAYMENT}/quote", self.quote, 200, described.QUOTE),
            ("POST", OF_PAYMENT, self.request, 201, described.REQUEST),
            ("GET", REFUNDS, self.list, 200, described.LIST),
            ("GET", one, self.get, 200, described.GET),
            ("POST", f"{one}/approve", self.approve, 200, described.APPROVE),
            ("POST", f"{one}/reject", self.reject, 200, described.REJECT),
            ("POST", f"{one}/cancel", self.cancel, 200, described.CANCEL),
            ("POST", DISPUTES, self.open_dispute, 200, described.OPEN_DISPUTE),
            ("POST", f"{dispute}/close", self.close_dispute, 200, described.CLOSE_DISPUTE),
            ("POST", f"{dispute}/reopen", self.reopen_dispute, 200, described.REOPEN_DISPUTE),
        ])  # fmt: skip

    async def quote(self, request: Request) -> Response:
        """Quote: say what the payment's policy gives back now, or at an instant."""
        call, core = call_of(request.scope), self._core_of()
        merchant_id = await authenticate(core, call, Scope.REFUNDS_READ)
        document = await read_document(request.receive, call, optional=True)
        reason, facts, as_of = read_quote(document)
        payment_id = payment_id_of(request)
        quoted = await core.refunds.quote(
            payment_id, merchant_id=merchant_id, reason=reason, facts=facts, as_of=as_of
        )
        return json_answer(quote_document(payment_id, reason, quoted))

    async def request(self, request: Request) -> Response:
        """Request: give money back, or ask somebody to approve it, at most once for each key."""
        call, core = call_of(request.scope), self._core_of()
        key = await authenticate_key(core, call, Scope.REFUNDS_WRITE)
        asked = read_request(await read_document(request.receive, call))
        answer = await core.refunds.answer_request(
            payment_id_of(request),
            asked,
            merchant_id=key.merchant_id,
            idempotency_key=call.idempotency_key,
            may_approve=Scope.REFUNDS_APPROVE in key.scopes,
        )
        return respond(answer)

    async def list(self, request: Request) -> Response:
        """List refunds, newest first."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.REFUNDS_READ)
        filters, cursor, rows_max = read_listing(request.scope["query_string"])
        page = await core.refunds.list(
            merchant_id=merchant_id, filters=filters, cursor=cursor, rows_max=rows_max
        )
        return json_answer(
            page_of([listed_document(refund) for refund in page.refunds], page.next_cursor)
        )

    async def get(self, request: Request) -> Response:
        """Get one refund, with what people decided about it and by which figures."""
        core = self._core_of()
        merchant_id = await authenticate(core, call_of(request.scope), Scope.REFUNDS_READ)
        refund = await core.refunds.get(_refund_id(request), merchant_id=merchant_id)
        return await _details(core, refund)

    async def approve(self, request: Request) -> Response:
        """Approve a refund that waits for it: it is sent to the gateway."""
        core, merchant_id, operator, because = await self._decision(request, Scope.REFUNDS_APPROVE)
        refund = await core.refunds.approve(
            _refund_id(request), merchant_id=merchant_id, operator=operator, because=because
        )
        return await _details(core, refund)

    async def reject(self, request: Request) -> Response:
        """Reject a refund that waits for approval: nothing is reserved any more."""
        core, merchant_id, operator, because = await self._decision(request, Scope.REFUNDS_APPROVE)
        refund = await core.refunds.reject(
            _refund_id(request), merchant_id=merchant_id, operator=operator, because=because
        )
        return await _details(core, refund)

    async def cancel(self, request: Request) -> Response:
        """Call off a refund that waits for approval: nothing is reserved any more."""
        core, merchant_id, operator, because = await self._decision(request, Scope.REFUNDS_WRITE)
        refund = await core.refunds.cancel(
            _refund_id(request), merchant_id=merchant_id, operator=operator, because=because
        )
        return await _details(core, refund)

    async def open_dispute(self, request: Request) -> Response:
        """Note that a payment is disputed: what is disputed cannot be refunded."""
        known = {"dispute_id", "amount", "operator"}
        core, merchant_id, fields = await self._read(request, Scope.REFUNDS_WRITE, known)
        amount = fields.integer("amount")
        payment = await core.refunds.open_dispute(
            payment_id_of(request),
            merchant_id=merchant_id,
            dispute_id=fields.needed_text("dispute_id"),
            operator=fields.needed_text("operator"),
            amount=None if amount is None else check_amount(amount),
        )
        return json_answer(payment.document())

    async def close_dispute(self, request: Request) -> Response:
        """Note how a dispute ended: what was won can be refunded again."""
        known = {"ending", "operator"}
        core, merchant_id, fields = await self._read(request, Scope.REFUNDS_WRITE, known)
        payment = await core.refunds.close_dispute(
            payment_id_of(request),
            merchant_id=merchant_id,
            dispute_id=request.path_params["dispute_id"],
            operator=fields.needed_text("operator"),
            ending=fields.needed_text("ending"),
        )
        return json_answer(payment.document())

    async def reopen_dispute(self, request: Request) -> Response:
        """Note that a bank took up again what was won: it cannot be refunded again."""
        known = {"amount", "operator"}
        core, merchant_id, fields = await self._read(request, Scope.REFUNDS_WRITE, known)
        amount = fields.integer("amount")
        payment = await core.refunds.reopen_dispute(
            payment_id_of(request),
            merchant_id=merchant_id,
            dispute_id=request.path_params["dispute_id"],
            operator=fields.needed_text("operator"),
            amount=None if amount is None else check_amount(amount),
        )
        return json_answer(payment.document())

    async def _read(
        self, request: Request, scope: Scope, known: set[str]
    ) -> tuple[Core, UUID, Fields]:
        """Return the core, whose key it is, and the body."""
        core, call = self._core_of(), call_of(request.scope)
        merchant_id = await authenticate(core, call, scope)
        return core, merchant_id, Fields(await read_document(request.receive, call), known)

    async def _decision(self, request: Request, scope: Scope) -> tuple[Core, UUID, str, str | None]:
        """Return the core, whose key it is, who decides, and why."""
        core, merchant_id, fields = await self._read(request, scope, {"operator", "because"})
        return core, merchant_id, fields.needed_text("operator"), fields.text("because")


async def _details(core: Core, refund: Refund) -> Response:
    """Answer with a refund, its payment's amounts and its decisions."""
    merchant_id = refund.merchant_id
    payment = await core.payments.get(refund.payment_id, merchant_id=merchant_id)
    decisions = await core.refunds.decisions(refund.refund_id, merchant_id=merchant_id)
    return json_answer(details_document(refund, payment, decisions))


def _refund_id(request: Request) -> UUID:
    return id_in_path(request, "refund_id", "refund")
