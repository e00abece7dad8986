"""Where the tests' databases are: the embedded servers, or one that the environment names.

``PAYKEEL_TEST_DATABASE_URL`` is the connection string of a superuser on any PostgreSQL 15 to 18;
the whole suite then runs there.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from paykeel.db.embedded import EmbeddedServer, start_embedded
from paykeel.db.migrate import migrate
from paykeel.gateways import placeholder

if TYPE_CHECKING:
    from collections.abc import Callable

ROLE_PASSWORD = "paykeel-tests"
TEMPLATE = "paykeel_template"


@dataclass(frozen=True)
class Urls:
    """A database as each role reaches it."""

    name: str
    app: str
    owner: str
    admin: str


class Server(Protocol):
    """A server that makes databases."""

    #: The embedded server, when it is that one.
    embedded: EmbeddedServer | None

    def urls(self, name: str) -> Urls: ...

    def create(self, name: str, template: str | None = None) -> None: ...

    def drop(self, name: str) -> None: ...

    def close(self) -> None: ...


class Embedded:
    """The server of the wheel, in a folder that goes away."""

    def __init__(self, version: int) -> None:
        # A short path, because a socket stands in it.
        self._folder = Path(tempfile.mkdtemp(prefix="pk-"))
        self.embedded: EmbeddedServer | None = None
        self._server = self.embedded = start_embedded(
            self._folder / "d", postgres_version=version, start_ms_max=60_000
        )

    def urls(self, name: str) -> Urls:
        url = self._server.url
        return Urls(
            name, url("paykeel_app", name), url("paykeel_owner", name), url("postgres", name)
        )

    def create(self, name: str, template: str | None = None) -> None:
        self._server.create_database_from_template(name, template or "template0")

    def drop(self, name: str) -> None:
        self._server.drop_database(name)

    def close(self) -> None:
        self._server.release()
        shutil.rmtree(self._folder, ignore_errors=True)


class External:
    """A server of one's own, reached as a superuser."""

    embedded: EmbeddedServer | None = None

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        for role in ("paykeel_owner", "paykeel_app"):
            self._run(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = "
                f"'{role}') THEN CREATE ROLE {role} LOGIN; END IF; END $$",
                f"ALTER ROLE {role} PASSWORD '{ROLE_PASSWORD}'",
            )

    def _url(self, name: str, role: str | None = None) -> str:
        place = self._parts.netloc.rpartition("@")[2]
        if role is None:
            return urlunsplit(self._parts._replace(path=f"/{name}"))
        return urlunsplit(
            self._parts._replace(path=f"/{name}", netloc=f"{role}:{ROLE_PASSWORD}@{place}")
        )

    def _run(self, *statements: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(urlunsplit(self._parts))
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())

    def urls(self, name: str) -> Urls:
        return Urls(
            name,
            self._url(name, "paykeel_app"),
            self._url(name, "paykeel_owner"),
            self._url(name),
        )

    def create(self, name: str, template: str | None = None) -> None:
        self._run(
            f"CREATE DATABASE {name} OWNER paykeel_owner TEMPLATE {template or 'template0'}"
            " ENCODING 'UTF8' LOCALE 'C'",
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO paykeel_app",
        )

    def drop(self, name: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        """Leave the server as it was, but for the roles."""


class Databases:
    """Makes migrated databases by copying one, and drops them again."""

    def __init__(self, version: int) -> None:
        url = os.environ.get("PAYKEEL_TEST_DATABASE_URL")
        self.server: Server = External(url) if url else Embedded(version)
        self._template = f"{TEMPLATE}_{uuid.uuid4().hex[:12]}"
        self.server.create(self._template)
        asyncio.run(prepare(self.server.urls(self._template)))
        self._made: list[str] = []

    def new(self) -> Urls:
        """Make a migrated database without any rows."""
        name = f"t_{uuid.uuid4().hex[:16]}"
        self.server.create(name, self._template)
        self._made.append(name)
        return self.server.urls(name)

    def drop(self, urls: Urls) -> None:
        self.server.drop(urls.name)
        self._made.remove(urls.name)

    def close(self) -> None:
        for name in [*self._made, self._template]:
            self.server.drop(name)
        self.server.close()


async def prepare(urls: Urls) -> None:
    """Migrate a database and make the placeholder's books in it."""
    await migrate(urls.owner, lock_ms_max=5_000)
    connection = await asyncpg.connect(urls.owner)
    try:
        await placeholder.install(connection)
    finally:
        await connection.close()


_servers: dict[int, Databases] = {}


def databases(version: int) -> Databases:
    """Return the databases of a version, starting its server the first time."""
    if version not in _servers:
        _servers[version] = Databases(version)
    return _servers[version]


def close_all(then: Callable[[], None] | None = None) -> None:
    """Stop every server that was started."""
    while _servers:
        _servers.popitem()[1].close()
    if then is not None:
        then()
