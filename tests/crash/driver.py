"""A process with Paykeel in it, told by lines of JSON what to do, and when to die."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

from paykeel import (
    CompletionHook,
    Gateways,
    Paykeel,
    PaykeelError,
    Payment,
    PurchaseRequest,
    log,
)
from paykeel.gateways.placeholder import PlaceholderGateway, PlaceholderOptions
from paykeel.refunds.model import RefundRequest
from paykeel.refunds.service import RefundService
from paykeel.settings import Settings
from tests.crash.gateways import Deadly, Forgetful, Passing, Recording, die
from tests.crash.plan import Plan

if TYPE_CHECKING:
    from paykeel.idempotency import Answer

HOOK = "shop-orders"
TABLE = "CREATE TABLE shop_orders (payment_id uuid NOT NULL, amount bigint NOT NULL)"
GRANT = "GRANT SELECT, INSERT ON shop_orders TO paykeel_app"
ORDER = "INSERT INTO shop_orders (payment_id, amount) VALUES ($1, $2)"
LOOK_MS = 30


class Driver:
    """Does what the lines say, each beside the others, as a server would."""

    def __init__(self, plan: Plan, core: Paykeel, gateway: Passing) -> None:
        self._plan = plan
        self._core = core
        self._gateway = gateway

    async def answer(self, line: bytes) -> None:
        """Do one thing and print what came of it."""
        call = json.loads(line)
        reply: dict[str, Any] = {}
        try:
            reply = await self._do(call)
        except PaykeelError as error:
            reply = {"error": error.code}
        except Exception as error:  # noqa: BLE001 - the test must see whatever it was
            reply = {"error": repr(error)}
        say({"id": call["id"], **reply})

    async def _do(self, call: dict[str, Any]) -> dict[str, Any]:
        payments = self._core.payments
        match call["do"]:
            case "sweep":
                return {"value": await payments.sweep()}
            case "looks" if isinstance(self._gateway, Recording):
                return {"value": self._gateway.looks}
            case "purchase":
                return await self._purchase(call)
            case "approve" | "reject" | "expire" as verb:
                return await self._review(verb, call)
            case "refund" | "approve_refund" as verb:
                return await self._refund(verb, call)
            case verb:
                payment_id = UUID(call["payment_id"])
                answer = payments.answer_capture if verb == "capture" else payments.answer_cancel
                said = await answer(
                    payment_id, merchant_id=UUID(call["merchant"]), idempotency_key=call["key"]
                )
                self._perhaps_die("answer", None)
                return reply_of(said)

    async def _review(self, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        reviews = self._core.reviews
        if verb == "expire":
            return {"value": await reviews.expire_overdue()}
        decide = reviews.approve if verb == "approve" else reviews.reject
        payment = await decide(
            UUID(call["payment_id"]), merchant_id=UUID(call["merchant"]), operator=call["operator"]
        )
        self._perhaps_die("answer", None)
        return {"value": str(payment.status)}

    async def _refund(self, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        service = RefundService(self._core.payments.resources, self._core.refund_policies)
        merchant_id = UUID(call["merchant"])
        self._perhaps_die("request", None)
        if verb == "refund":
            answer = await service.answer_request(
                UUID(call["payment_id"]),
                RefundRequest(requested_by="Ada Lindqvist", amount=call["amount"]),
                merchant_id=merchant_id,
                idempotency_key=call["key"],
            )
            self._perhaps_die("answer", None)
            return reply_of(answer)
        refund = await service.approve(
            UUID(call["refund_id"]), merchant_id=merchant_id, operator=call["operator"]
        )
        self._perhaps_die("answer", None)
        return {"value": str(refund.status)}

    async def _purchase(self, call: dict[str, Any]) -> dict[str, Any]:
        request = PurchaseRequest.from_document(call["request"])
        self._perhaps_die("request", request.payment_method)
        answer = await self._core.payments.answer_purchase(
            request, merchant_id=UUID(call["merchant"]), idempotency_key=call["key"]
        )
        self._perhaps_die("answer", request.payment_method)
        return reply_of(answer)

    def _perhaps_die(self, at: str, method: str | None) -> None:
        if self._plan.dies_at == at and self._plan.victim in {None, method}:
            die()


def say(document: dict[str, Any]) -> None:
    """Send one line."""
    print(json.dumps(document), flush=True)  # noqa: T201 - it is the protocol


def reply_of(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "body": answer.body.decode(),
        "replayed": answer.replayed,
    }


def hook_of(plan: Plan) -> CompletionHook | None:
    """Return the application's own writing, which dies after it wrote if the plan says so."""
    if not plan.hook:
        return None

    async def run(connection: Any, payment: Payment) -> None:
        await connection.execute(ORDER, payment.payment_id, payment.amount)
        if plan.dies_at == "hook" and plan.victim in {None, payment.payment_method}:
            die()

    return CompletionHook(HOOK, run)


def gateway_of(plan: Plan, inner: PlaceholderGateway) -> Passing:
    match plan.gateway:
        case "recording":
            return Recording(inner, LOOK_MS)
        case "forgetful":
            return Forgetful(inner)
        case _ if plan.dies_at is not None:
            return Deadly(inner, plan.dies_at, plan.victim)
        case _:
            return Passing(inner)


async def main(plan: Plan) -> None:
    """Serve lines until there are no more."""
    settings = Settings.model_validate(plan.settings)
    # It goes to standard error: standard output is for replies alone.
    log.set_up(settings.log_format, settings.log_level)
    if settings.database_url is None:
        raise SystemExit
    url = settings.database_url.get_secret_value()
    inner = await PlaceholderGateway.open(url, PlaceholderOptions(**plan.options))
    gateway = gateway_of(plan, inner)
    lines = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks: set[asyncio.Task[None]] = set()
    async with Paykeel.open(
        settings, gateways=Gateways.of(test=gateway), completion_hook=hook_of(plan)
    ) as core:
        driver = Driver(plan, core, gateway)
        worker = loop.create_task(core.work()) if plan.worker else None
        say({"id": 0})
        while line := await lines.readline():
            task = loop.create_task(driver.answer(line))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if worker is not None:
            worker.cancel()
    await inner.close()


if __name__ == "__main__":
    asyncio.run(main(Plan.decode(sys.argv[1])))
