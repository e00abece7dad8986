"""A shop with orders of its own, and Paykeel inside it.

The shop is an ordinary FastAPI application. Paykeel opens in its lifespan, answers under ``/pay``,
and marks the shop's order paid in the transaction that completes the purchase: both are true, or
neither is. Run it from a checkout, then buy something::

    python examples/embedded_app.py
    curl -H "content-type: application/json" http://127.0.0.1:8000/orders \
        -d '{"buyer_id": "agent-7", "amount": 1250, "currency": "EUR"}'
    curl -H "content-type: application/json" http://127.0.0.1:8000/orders/1/purchase \
        -d '{"payment_method": "pm_ok"}'

``SHOP_PORT`` is where it listens. ``PAYKEEL_…`` says which database is used, as anywhere.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

from paykeel import CompletionHook, Paykeel, PaykeelError, Payment, PurchaseRequest, Settings, log
from paykeel.core import find_database

#: Run as the owner. Paykeel's role gets what the hook needs, and no more.
TABLES = """
CREATE SCHEMA IF NOT EXISTS shop;
CREATE TABLE IF NOT EXISTS shop.orders (
    order_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    buyer_id text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'paid', 'withdrawn')),
    payment_id uuid,
    CHECK ((status = 'paid') = (payment_id IS NOT NULL))
);
GRANT USAGE ON SCHEMA shop TO paykeel_app;
GRANT SELECT, INSERT, UPDATE ON shop.orders TO paykeel_app;
"""
INSERT = "INSERT INTO shop.orders (buyer_id, amount, currency) VALUES ($1, $2, $3) RETURNING *"
FIND = "SELECT * FROM shop.orders WHERE order_id = $1"
PAY = """
UPDATE shop.orders SET status = 'paid', payment_id = $2
WHERE order_id = $1 AND status = 'open' RETURNING order_id
"""


class NotPayable(Exception):
    """The order is not there or not open, so its purchase must not complete."""


async def mark_paid(connection: Any, payment: Payment) -> None:
    """Mark the order paid, on the connection and in the transaction that completes the purchase.

    When this raises, nothing of that transaction is kept, and recovery tries again later.
    """
    if await connection.fetchval(PAY, int(payment.reference or 0), payment.payment_id) is None:
        raise NotPayable(payment.reference)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open Paykeel and the shop's own pool, and run recovery while the shop is open."""
    settings = Settings()
    hook = CompletionHook("shop-orders", mark_paid)
    async with (
        Paykeel.open(settings, completion_hook=hook) as paykeel,
        open_orders(settings) as orders,
    ):
        merchants = await paykeel.merchants.list(rows_max=1)
        merchant = merchants[0] if merchants else await paykeel.merchants.create("The shop")
        app.state.paykeel, app.state.orders = paykeel, orders
        app.state.merchant_id = merchant.merchant_id
        app.mount("/pay", paykeel.asgi())
        worker = asyncio.create_task(paykeel.work())
        try:
            yield
        finally:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker


@asynccontextmanager
async def open_orders(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """Make the shop's table, and open the shop's pool to the database that Paykeel uses."""
    urls = await find_database(settings)
    try:
        owner = await asyncpg.connect(urls.owner)
        try:
            await owner.execute(TABLES)
        finally:
            await owner.close()
        async with asyncpg.create_pool(urls.app, min_size=1, max_size=4) as pool:
            yield pool
    finally:
        if urls.server is not None:
            await asyncio.to_thread(urls.server.release)


app = FastAPI(title="The shop", lifespan=lifespan)


class NewOrder(BaseModel):
    """What somebody wants to have."""

    buyer_id: str
    amount: int
    currency: str


class Purchase(BaseModel):
    """How it is to be paid."""

    payment_method: str


@app.post("/orders", status_code=201)
async def create_order(request: Request, order: NewOrder) -> dict[str, Any]:
    """Take an order. Nothing is paid yet."""
    orders: asyncpg.Pool = request.app.state.orders
    row = await orders.fetchrow(INSERT, order.buyer_id, order.amount, order.currency)
    return dict(row or {})


@app.get("/orders/{order_id}")
async def read_order(request: Request, order_id: int) -> dict[str, Any]:
    """Say how an order stands."""
    row = await request.app.state.orders.fetchrow(FIND, order_id)
    if row is None:
        raise HTTPException(404, "There is no such order.")
    return dict(row)


@app.post("/orders/{order_id}/purchase")
async def purchase_order(request: Request, order_id: int, purchase: Purchase) -> dict[str, Any]:
    """Purchase an order; clicked twice, it is paid once, because the key is the order's."""
    order = await read_order(request, order_id)
    paykeel: Paykeel = request.app.state.paykeel
    try:
        payment = await paykeel.payments.purchase(
            PurchaseRequest(
                amount=order["amount"],
                currency=order["currency"],
                buyer_id=order["buyer_id"],
                buyer_role="agent",
                payment_method=purchase.payment_method,
                reference=str(order_id),
            ),
            merchant_id=request.app.state.merchant_id,
            idempotency_key=f"order-{order_id}",
        )
    except PaykeelError as error:
        raise HTTPException(503 if error.retryable else 422, error.message) from error
    except NotPayable as error:
        # What the hook raises comes out here. The money may have moved; recovery tries again.
        raise HTTPException(503, "The order is not open; its purchase waits for it.") from error
    return {"payment": payment.document(), "order": await read_order(request, order_id)}


if __name__ == "__main__":
    # Paykeel logs by structlog. Its own set-up takes secrets and card numbers out of every line;
    # an application with a set-up of its own puts `log.redact` among its processors.
    log.set_up("console")
    port = int(os.environ.get("SHOP_PORT", "8000"))
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None)
