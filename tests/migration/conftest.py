"""A server of each embedded version, and on it a new database for each test."""

import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from paykeel.db.embedded import ADMIN_ROLE, APP_ROLE, OWNER_ROLE, EmbeddedServer, start_embedded

Connect = Callable[[str], Awaitable[asyncpg.Connection]]


@dataclass(frozen=True)
class EmptyDatabase:
    """A new database, and how its roles reach it."""

    name: str
    owner_url: str
    app_url: str
    admin_url: str


@pytest.fixture(scope="session", params=[16, 18], ids=["pg16", "pg18"])
def migration_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    # A short path: a socket stands in it.
    folder = Path(tempfile.mkdtemp(prefix="pk-"))
    server = start_embedded(folder / "d", postgres_version=request.param, start_ms_max=60_000)
    try:
        yield server
    finally:
        server.release()
        shutil.rmtree(folder)


@pytest.fixture
def new_database(migration_server: EmbeddedServer) -> Iterator[Callable[[], EmptyDatabase]]:
    made: list[str] = []

    def make() -> EmptyDatabase:
        name = f"t_{uuid.uuid4().hex}"
        migration_server.create_database(name)
        made.append(name)
        roles = (OWNER_ROLE, APP_ROLE, ADMIN_ROLE)
        return EmptyDatabase(name, *(migration_server.url(role, name) for role in roles))

    yield make
    for name in made:
        migration_server.drop_database(name)


@pytest.fixture
def database(new_database: Callable[[], EmptyDatabase]) -> EmptyDatabase:
    return new_database()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect; every connection is closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def opened(url: str) -> asyncpg.Connection:
            connection = await asyncpg.connect(url, timeout=10)
            stack.push_async_callback(connection.close, timeout=10)
            return connection

        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of migrations with one in it."""
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (a integer);\n")
    return tmp_path
