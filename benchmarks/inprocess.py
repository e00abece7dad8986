"""In process: callers of ``PaymentService`` in the process that opened Paykeel."""

from __future__ import annotations

import asyncio
import uuid
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.measuring import Cell, Run, Window
from benchmarks.purchases import documents, order_number
from paykeel.payments.model import PurchaseRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from paykeel.core import Core

DOCUMENTS = documents(2_000)


def inprocess_cell(
    core: Core, merchants: Sequence[UUID], callers: int, window: Window, what: str
) -> Cell:
    """Return the line of so many callers."""
    return Cell("in process", what, callers, lambda: run_callers(core, merchants, callers, window))


async def run_callers(core: Core, merchants: Sequence[UUID], callers: int, window: Window) -> Run:
    """Let every caller buy one thing after another, of the merchants in turn."""
    began = perf_counter()
    first, last = began + window.warm_s, began + window.whole_s
    took: list[float] = []

    async def call(number: int) -> None:
        merchant_id = merchants[number % len(merchants)]
        turn = number * 37
        end = began
        while end < last:
            key, turn = str(uuid.uuid4()), turn + 1
            start = perf_counter()
            document = DOCUMENTS[turn % len(DOCUMENTS)]
            request = PurchaseRequest.from_document({**document, "reference": order_number()})
            answer = await core.payments.answer_purchase(
                request, merchant_id=merchant_id, idempotency_key=key
            )
            end = perf_counter()
            if answer.status != 201:
                message = f"a purchase was answered {answer.status}: {answer.body!r}"
                raise RuntimeError(message)
            if first <= end < last:
                took.append(end - start)

    async with asyncio.TaskGroup() as group:
        for number in range(callers):
            group.create_task(call(number))
    return Run.of(took, window.measured_s)
