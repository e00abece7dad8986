"""The wire tells the edge when there is nothing to wait for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvicorn
from uvicorn.server import ServerState

from paykeel.api.call import BODY_CAME
from paykeel.api.edge import Edge, Limits
from paykeel.api.wire import BoundedProtocol

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize(("first", "rest"), [(HEAD + b"body", b""), (HEAD, b"body")])
async def test_a_body_that_came_with_its_head_is_marked(first: bytes, rest: bytes) -> None:
    marks: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        marks.append(BODY_CAME in scope)
        assert (await receive())["body"] == b"body"
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(first)
        await asyncio.sleep(0.2)
        writer.write(rest)
        assert await reader.readline() == b"HTTP/1.1 204 No Content\r\n"
        writer.close()
    assert marks == [not rest]


@pytest.mark.parametrize(("came", "status"), [({BODY_CAME: True}, 204), ({}, 408)])
async def test_no_time_is_measured_for_what_is_there(came: dict[str, bool], status: int) -> None:
    said: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 204})

    edge = Edge(app, limits=Limits(body_bytes_max=10, body_ms_max=1), access_log=False)
    scope = {"type": "http", "path": "/", "query_string": b"", "headers": [], **came}
    await edge(scope, receive, send)
    assert said[0]["status"] == status
