"""A real PostgreSQL with the placeholder's books, which these tests share, and gateways on it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from paykeel.gateways.placeholder import PlaceholderGateway, PlaceholderOptions
from tests.gateways.requests import OpenGateway
from tests.servers import Databases


@pytest.fixture(scope="session")
def books_url(server: Databases) -> Iterator[str]:
    """Return the application role's address of a database that has the books."""
    made = server.new()
    yield made.app
    server.drop(made)


@pytest.fixture
async def open_placeholder(books_url: str) -> AsyncIterator[OpenGateway]:
    """Return a function that opens a placeholder with options; all are closed at the end."""
    opened: list[PlaceholderGateway] = []

    async def opener(**options: object) -> PlaceholderGateway:
        chosen = PlaceholderOptions(**options)  # type: ignore[arg-type]
        gateway = await PlaceholderGateway.open(books_url, chosen)
        opened.append(gateway)
        return gateway

    yield opener
    for gateway in opened:
        await gateway.close()


@pytest.fixture
async def gateway(open_placeholder: OpenGateway) -> PlaceholderGateway:
    return await open_placeholder()


@pytest.fixture
def merchant_id() -> str:
    return f"mer_{secrets.token_hex(8)}"
